/**
 * What time does to keys: deletions whose window has ended, imported material that has expired, automatic rotations. Nothing here
 * counts time by itself: each look compares dates in the store with the clock, so a clock that jumps back postpones, and what was
 * missed while no process ran is made up for at the next open. Between two looks the states module answers for the dates.
 */
import type { KeySpec } from '../engine/index.ts';
import type { StoredKey } from '../store/index.ts';
import { MS_PER_DAY } from './days.ts';
import { generateMaterial } from './newkey.ts';
import { handOver, withCurrent } from './rotate.ts';
import type { Service } from './service.ts';
import { asOf, isExpired } from './states.ts';

/** Does everything that is due. Several processes may sweep one store: each step checks again under the store's lock. */
export async function sweep(service: Service): Promise<void> {
  for (const keyId of await service.store.listDueKeys(service.now())) {
    const aliases = await service.store.destroyKey(keyId, service.now());
    if (aliases !== undefined) {
      service.keyring.forget(keyId);
      for (const aliasName of aliases) service.keyring.forgetAlias(aliasName);
      continue;
    }
    const stored = await service.store.readKey(keyId);
    if (stored === undefined) continue;
    if (hasExpired(stored, service.now())) await expire(service, keyId);
    if (mustRotate(stored, service.now())) await rotate(service, stored);
  }
}

const hasExpired = ({ materials }: StoredKey, now: number): boolean => materials.some((each) => isExpired(each, now));

/** The key without the material that has expired; it keeps its deletion, and waits for the import otherwise. */
async function expire({ store, keyring, now }: Service, keyId: string): Promise<void> {
  const at = now();
  const stored = await store.updateKey(keyId, (before) => asOf(before, at) ?? before);
  if (stored !== undefined) keyring.put(stored);
}

/** A disabled key is not rotated, and one pending deletion neither. */
const mustRotate = ({ key }: StoredKey, now: number): boolean =>
  key.nextRotationDate !== null && now >= key.nextRotationDate && key.keyState === 'Enabled';

async function rotate(service: Service, { key }: StoredKey): Promise<void> {
  const rotationDate = service.now();
  const { record, handle } = await generateMaterial(service, key.keyId, key.keySpec as KeySpec, {
    rotationDate,
    rotationType: 'AUTOMATIC',
  });
  const stored = await service.store.updateKey(key.keyId, (before) => {
    if (!mustRotate(before, rotationDate)) return before;
    const { key: rotated, materials } = withCurrent(before, record);
    const nextRotationDate = rotationDate + rotated.rotationPeriodInDays! * MS_PER_DAY;
    return { key: { ...rotated, nextRotationDate }, materials };
  });
  if (stored === undefined) handle.close();
  else handOver(service.keyring.put(stored), record.materialId, handle);
}
