/** Making keys and materials: drawn, wrapped under the root key, ready to be stored. */
import type { EngineKey, KeySpec } from '../engine/index.ts';
import type { KeyRecord, MaterialRecord, TagRecord } from '../store/index.ts';
import { dashed } from './ciphertext.ts';
import type { LiveKey } from './livekey.ts';
import type { Service } from './service.ts';
import type { KeyUsage } from './specs.ts';

/** A random UUID, RFC 9562 version 4. */
async function newKeyId({ random }: Service): Promise<string> {
  const bytes = Buffer.from(await random(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return dashed(bytes.toString('hex'));
}

/** A material that has not been stored yet. The caller closes `handle` where it does not keep it. */
export interface NewMaterial {
  readonly record: MaterialRecord;
  readonly handle: EngineKey;
}

/** Wraps an engine key as a material of a key. Takes `handle` over: where this fails it is closed. */
export async function wrapMaterial(
  { root, now }: Service,
  handle: EngineKey,
  keyId: string,
  materialId: string,
  rest: Partial<MaterialRecord> = {},
): Promise<NewMaterial> {
  try {
    const record = {
      keyId,
      materialId,
      ...(await root.wrapKey(handle, keyId, materialId)),
      creationDate: now(),
      materialState: 'CURRENT',
      validTo: null,
      description: null,
      rotationDate: null,
      rotationType: null,
      ...rest,
    };
    return { record, handle };
  } catch (error) {
    handle.close();
    throw error;
  }
}

/** A material drawn at random. */
export async function generateMaterial(
  service: Service,
  keyId: string,
  keySpec: KeySpec,
  rest: Partial<MaterialRecord> = {},
): Promise<NewMaterial> {
  // The id is drawn, not derived: a public hash of the material would let anyone test guesses.
  const materialId = Buffer.from(await service.random(32)).toString('hex');
  const handle = await service.engine.generateKey(keySpec, { exportable: false });
  return wrapMaterial(service, handle, keyId, materialId, rest);
}

export interface NewKeyOptions {
  readonly keySpec: KeySpec;
  readonly keyUsage: KeyUsage;
  readonly origin: 'AWS_KMS' | 'EXTERNAL';
  readonly description: string;
  readonly tags: readonly TagRecord[];
  readonly policy: string | undefined;
}

/** The record of a new key; one without a material waits for it. */
export function keyRecord(
  { now }: Service,
  {
    keyId,
    keySpec,
    keyUsage,
    origin,
    description,
  }: Omit<NewKeyOptions, 'tags' | 'policy'> & { readonly keyId: string },
  currentMaterialId: string | undefined,
): KeyRecord {
  return {
    keyId,
    version: 1,
    keySpec,
    keyUsage,
    keyState: currentMaterialId === undefined ? 'PendingImport' : 'Enabled',
    origin,
    description,
    creationDate: now(),
    currentMaterialId: currentMaterialId ?? null,
    deletionDate: null,
    rotationPeriodInDays: null,
    nextRotationDate: null,
  };
}

/** Makes and stores a key; it is durable when this returns. One of origin EXTERNAL waits for its material. */
export async function createKey(
  service: Service,
  { keySpec, keyUsage, origin, description, tags, policy }: NewKeyOptions,
): Promise<LiveKey> {
  const { store, keyring } = service;
  const keyId = await newKeyId(service);
  const material = origin === 'AWS_KMS' ? await generateMaterial(service, keyId, keySpec) : undefined;
  const key = keyRecord(service, { keyId, keySpec, keyUsage, origin, description }, material?.record.materialId);
  const stored = { key, materials: material === undefined ? [] : [material.record] };
  try {
    await store.insertKey({ ...stored, tags, policy });
  } catch (error) {
    material?.handle.close();
    throw error;
  }
  const live = keyring.put(stored);
  if (material !== undefined) live.current.handle = material.handle;
  return live;
}
