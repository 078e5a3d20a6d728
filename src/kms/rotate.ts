/** Rotation: another material becomes current, the older ones still decrypt. */
import type { EngineKey } from '../engine/index.ts';
import type { MaterialRecord, StoredKey } from '../store/index.ts';
import type { LiveKey } from './livekey.ts';

export type RotationType = 'AUTOMATIC' | 'ON_DEMAND';

/** The key with `next` as its current material, in place of the record it had of it or as one more. */
export function withCurrent(stored: StoredKey, next: MaterialRecord): StoredKey {
  const others = stored.materials
    .filter(({ materialId }) => materialId !== next.materialId)
    .map((each) => (each.materialState === 'CURRENT' ? { ...each, materialState: 'NON_CURRENT' } : each));
  return {
    key: { ...stored.key, currentMaterialId: next.materialId },
    materials: [...others, { ...next, materialState: 'CURRENT' }],
  };
}

/** Gives an engine key to the material it belongs to, or back where that has one or the key no longer knows the material. */
export function handOver(key: LiveKey, materialId: string, handle: EngineKey): void {
  const material = key.material(materialId);
  if (material === undefined || material.handle !== undefined) handle.close();
  else material.handle = handle;
}
