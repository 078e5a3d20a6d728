/**
 * Putting a seed into a store, in one transaction. What is there already stays as it has become since, except that its spec, usage
 * and material must be the seed's: seeding twice changes nothing.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  type Engine,
  EngineError,
  type EngineKey,
  KEY_SPECS,
  type KeySpec,
  type MacAlgorithm,
} from '../engine/index.ts';
import type { AliasRecord, MaterialRecord, NewKey, StoredKey } from '../store/index.ts';
import { StartError } from './errors.ts';
import { generateMaterial, keyRecord, type NewMaterial, wrapMaterial } from './newkey.ts';
import { MAX_ALIASES_PER_KEY } from './operations/aliases.ts';
import { type CheckedKey, materialBytes, type SeedMaterial } from './seedfile.ts';
import type { Service } from './service.ts';
import { materialFormat } from './specs.ts';

interface Plan {
  readonly keys: readonly NewKey[];
  readonly aliases: readonly AliasRecord[];
}

/** @throws StartError that names the entry which conflicts with the store or is no sound key; nothing is written then */
export async function sow(service: Service, seed: readonly CheckedKey[]): Promise<void> {
  for (;;) {
    const { keys, aliases } = await planOf(service, seed);
    if (keys.length === 0 && aliases.length === 0) return;
    const outcome = await service.store.insertKeys(keys, aliases, MAX_ALIASES_PER_KEY);
    if (outcome === 'inserted') return;
    if (outcome === 'limit') throw new StartError(`seed: a key has at most ${MAX_ALIASES_PER_KEY} aliases`);
    // Another process was quicker with some of it: look again.
  }
}

/** What the store lacks. */
async function planOf(service: Service, seed: readonly CheckedKey[]): Promise<Plan> {
  const keys: NewKey[] = [];
  const aliases: AliasRecord[] = [];
  for (const key of seed) {
    try {
      const stored = await service.store.readKey(key.keyId);
      if (stored === undefined) keys.push(await newKeyOf(service, key));
      else await requireSame(service, stored, key);
      for (const aliasName of key.aliases) {
        const alias = await service.store.readAlias(aliasName);
        if (alias === undefined) aliases.push(aliasOf(service, aliasName, key.keyId));
        else if (alias.targetKeyId !== key.keyId) {
          throw new StartError(`${aliasName} is an alias of key ${alias.targetKeyId} in the store`);
        }
      }
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      throw new StartError(`${key.place}: ${error.message}`, { cause: error.cause });
    }
  }
  return { keys, aliases };
}

function aliasOf({ now }: Service, aliasName: string, targetKeyId: string): AliasRecord {
  const creationDate = now();
  return { aliasName, targetKeyId, creationDate, lastUpdatedDate: creationDate };
}

async function newKeyOf(service: Service, key: CheckedKey): Promise<NewKey> {
  const { tags, policy } = key;
  const records: MaterialRecord[] = [];
  for (const material of await newMaterialsOf(service, key)) {
    material.handle.close();
    records.push(material.record);
  }
  const current = records.at(-1)!;
  const materials = records.map((each) => (each === current ? each : { ...each, materialState: 'NON_CURRENT' }));
  const { materialId } = current;
  return { key: keyRecord(service, { ...key, origin: 'AWS_KMS' }, materialId), materials, tags, policy };
}

async function newMaterialsOf(service: Service, { keyId, keySpec, materials }: CheckedKey): Promise<NewMaterial[]> {
  if (materials.length === 0) return [await generateMaterial(service, keyId, keySpec)];
  const latest = service.now();
  const made: NewMaterial[] = [];
  for (const [index, material] of materials.entries()) {
    // A history that lasted a millisecond each, so that it has an order.
    const creationDate = latest - (materials.length - 1 - index);
    const rotation = index === 0 ? {} : { rotationDate: creationDate, rotationType: 'ON_DEMAND' };
    const handle = await importSeeded(service.engine, keySpec, material);
    made.push(await wrapMaterial(service, handle, keyId, seededId(keyId, index), { creationDate, ...rotation }));
  }
  return made;
}

/**
 * The id of a key's nth material. Made of its place, not of the material or by chance: a ciphertext names it, and is to open in
 * every environment of the same seed.
 */
function seededId(keyId: string, index: number): string {
  return createHash('sha256').update(`keymill seed material ${keyId} ${index}`).digest('hex');
}

async function importSeeded(engine: Engine, keySpec: KeySpec, material: SeedMaterial): Promise<EngineKey> {
  const data = materialBytes(material);
  try {
    return await engine.importKey({ keySpec, format: materialFormat(keySpec), data, exportable: false });
  } catch (error) {
    if (!(error instanceof EngineError) || !UNSOUND.has(error.code)) throw error;
    throw new StartError(`KeyMaterial: not a sound key of spec ${keySpec}`);
  } finally {
    data.fill(0);
  }
}
const UNSOUND: ReadonlySet<string> = new Set(['INVALID_KEY', 'INVALID_LENGTH']);

/** @throws StartError unless the key in the store can be what became of the seed's */
async function requireSame(service: Service, stored: StoredKey, key: CheckedKey): Promise<void> {
  for (const member of ['keySpec', 'keyUsage'] as const) {
    if (stored.key[member] !== key[member]) {
      throw new StartError(`the store has this key with ${member} ${stored.key[member]}, not ${key[member]}`);
    }
  }
  for (const [index, material] of key.materials.entries()) {
    const record = stored.materials.find(({ materialId }) => materialId === seededId(key.keyId, index));
    if (record === undefined || !(await holds(service, record, key.keySpec, material))) {
      throw new StartError('the store has this key with other material');
    }
  }
}

async function holds(
  { engine, root }: Service,
  record: MaterialRecord,
  keySpec: KeySpec,
  material: SeedMaterial,
): Promise<boolean> {
  if (record.wrapped === null) return false;
  const seeded = await importSeeded(engine, keySpec, material);
  try {
    const stored = await root.unwrapKey({ ...record, wrapped: record.wrapped }, keySpec);
    try {
      return await isSameKey(engine, stored, seeded);
    } finally {
      stored.close();
    }
  } finally {
    seeded.close();
  }
}

/** Whether two keys of one spec are the same, by what they do. */
async function isSameKey(engine: Engine, a: EngineKey, b: EngineKey): Promise<boolean> {
  const { family, algorithms } = KEY_SPECS[a.keySpec];
  const message = randomBytes(32);
  if (family === 'symmetric') {
    const ciphertext = await engine.encrypt({ key: a, algorithm: 'XAES_256_GCM', plaintext: message });
    return engine.decrypt({ key: b, algorithm: 'XAES_256_GCM', ciphertext }).then(
      () => true,
      () => false,
    );
  }
  if (family === 'hmac') {
    const algorithm = algorithms[0] as MacAlgorithm;
    return engine.verifyMac({ key: b, algorithm, message, mac: await engine.mac({ key: a, algorithm, message }) });
  }
  return Buffer.compare(a.publicKey(), b.publicKey()) === 0;
}
