/**
 * What a seed is: keys with ids, names and material that are fixed beforehand, so that every environment made of it is the same.
 * Read from a YAML or JSON file or given as an object, and checked here as far as it can be without a store.
 */
import { readFileSync } from 'node:fs';
import type { KeySpec } from '../engine/index.ts';
import type { TagRecord } from '../store/index.ts';
import { isKeyId } from './address.ts';
import { StartError } from './errors.ts';
import { requireAliasName } from './operations/aliases.ts';
import { specAndUsage } from './operations/keys.ts';
import { aliasName, description } from './operations/members.ts';
import { policy, requirePolicy } from './operations/policies.ts';
import { requireTags, tag, tagRecord } from './operations/tags.ts';
import { enumeration, list, required, type StructureOf, string } from './shapes.ts';
import { KEY_SPEC_NAMES, KEY_USAGES, type KeyUsage } from './specs.ts';
import { validator } from './validate.ts';

/** One material: hexadecimal, Base64 or, of an asymmetric key, PKCS#8 PEM; bytes are raw or PKCS#8 DER. Text of hexadecimal digits only is that. */
export type SeedMaterial = string | Uint8Array;

export interface SeedKey {
  /** A UUID. */
  readonly KeyId: string;
  /** Default `SYMMETRIC_DEFAULT`. */
  readonly KeySpec?: KeySpec | undefined;
  /** Default `ENCRYPT_DECRYPT`, for `SYMMETRIC_DEFAULT` only. */
  readonly KeyUsage?: KeyUsage | undefined;
  readonly Description?: string | undefined;
  readonly Tags?: readonly { readonly TagKey: string; readonly TagValue: string }[] | undefined;
  /** A policy document, as JSON text or as what that says. */
  readonly Policy?: string | object | undefined;
  /** Names that begin with `alias/`. */
  readonly Aliases?: readonly string[] | undefined;
  /** Of a symmetric key also a history, the oldest first: the last encrypts, all decrypt. Drawn at random where absent. */
  readonly KeyMaterial?: SeedMaterial | readonly SeedMaterial[] | undefined;
}

export interface Seed {
  readonly Keys: readonly SeedKey[];
}

/** A key of a seed, checked. */
export interface CheckedKey {
  /** Where it stands, for messages. */
  readonly place: string;
  readonly keyId: string;
  readonly keySpec: KeySpec;
  readonly keyUsage: KeyUsage;
  readonly description: string;
  readonly tags: readonly TagRecord[];
  readonly policy: string | undefined;
  readonly aliases: readonly string[];
  readonly materials: readonly SeedMaterial[];
}

const MEMBERS = {
  KeyId: required(string()),
  KeySpec: enumeration(KEY_SPEC_NAMES),
  KeyUsage: enumeration(KEY_USAGES),
  Description: description,
  Tags: list(tag),
  Policy: policy,
  Aliases: list(aliasName),
};
const validate = validator(MEMBERS);
const KEY_MEMBERS: ReadonlySet<string> = new Set([...Object.keys(MEMBERS), 'KeyMaterial']);
const SEED_MEMBERS: ReadonlySet<string> = new Set(['Keys']);
/** The first material and as many rotations as a key can have on demand. */
const MAX_MATERIALS = 26;

/** Where the nth key stands. */
type Placing = (index: number) => string;

/** Reads and checks a seed; a text is the name of its file. @throws StartError that names the faulty entry, never its material */
export async function readSeed(seed: Seed | string): Promise<readonly CheckedKey[]> {
  if (typeof seed !== 'string') return checkKeys(seed, 'seed', (index) => `seed: Keys[${index}]`);
  const { isMap, isScalar, LineCounter, parseDocument } = await import('yaml');
  const lines = new LineCounter();
  // Every scalar a string: digits of a key are no number. Without excerpts of the source, which has keys in it.
  const document = parseDocument(readFile(seed), { schema: 'failsafe', prettyErrors: false, lineCounter: lines });
  const [error] = document.errors;
  if (error !== undefined) {
    throw new StartError(`${seed}:${lines.linePos(error.pos[0]).line}: not valid YAML or JSON (${error.code})`);
  }
  return checkKeys(valueIn(document, seed), seed, (index) => {
    const node: unknown = document.getIn(['Keys', index], true);
    const range = isMap(node) || isScalar(node) ? node.range : undefined;
    return `${seed}:${range ? lines.linePos(range[0]).line : 1}: Keys[${index}]`;
  });
}

/** @throws StartError for aliases that name one another until nothing can hold it */
function valueIn(document: { toJS(): unknown }, seed: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    throw new StartError(`${seed}: not valid YAML or JSON (ALIASES)`, { cause: error });
  }
}

function readFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new StartError(`the seed cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

function checkKeys(seed: unknown, name: string, placing: Placing): readonly CheckedKey[] {
  const { Keys } = withMembers(seed, name, SEED_MEMBERS);
  if (!Array.isArray(Keys)) throw new StartError(`${name}: expected a list Keys`);
  const checked = Keys.map((key, index) => checkKey(key, placing(index)));
  refuseTwice(checked, ({ keyId }) => [keyId]);
  refuseTwice(checked, ({ aliases }) => aliases);
  return checked;
}

function checkKey(given: unknown, place: string): CheckedKey {
  const { KeyMaterial, Policy, ...labels } = withMembers(given, place, KEY_MEMBERS);
  try {
    const text = typeof Policy === 'object' && Policy !== null ? JSON.stringify(Policy) : Policy;
    const input = validate({ ...labels, Policy: text }) as StructureOf<typeof MEMBERS>;
    if (!isKeyId(input.KeyId)) throw new StartError(`KeyId: expected a UUID in lower case, got '${input.KeyId}'`);
    input.Aliases?.forEach(requireAliasName);
    if (input.Tags !== undefined) requireTags(input.Tags);
    if (input.Policy !== undefined) requirePolicy(input.Policy);
    const { keySpec, keyUsage } = specAndUsage(input);
    return {
      place: `${place} (${input.KeyId})`,
      keyId: input.KeyId,
      keySpec,
      keyUsage,
      description: input.Description ?? '',
      tags: (input.Tags ?? []).map(tagRecord),
      policy: input.Policy,
      aliases: input.Aliases ?? [],
      materials: checkMaterials(KeyMaterial, keySpec),
    };
  } catch (error) {
    throw new StartError(`${place}: ${(error as Error).message || (error as Error).name}`, { cause: error });
  }
}

function checkMaterials(given: unknown, keySpec: KeySpec): readonly SeedMaterial[] {
  if (given === undefined || given === null) return [];
  const materials: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (materials.length > 1 && keySpec !== 'SYMMETRIC_DEFAULT') {
    throw new StartError(`KeyMaterial: a key of spec ${keySpec} has one material, got ${materials.length}`);
  }
  if (materials.length === 0 || materials.length > MAX_MATERIALS) {
    throw new StartError(`KeyMaterial: expected 1 to ${MAX_MATERIALS} materials, got ${materials.length}`);
  }
  return materials.map((each) => {
    if (typeof each === 'string' || each instanceof Uint8Array) return each;
    throw new StartError(`KeyMaterial: expected text or bytes, got ${typeof each}`);
  });
}

/** A misspelt member would be a key that is other than it seems. */
function withMembers(given: unknown, place: string, known: ReadonlySet<string>): Readonly<Record<string, unknown>> {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new StartError(`${place}: expected the members ${[...known].join(', ')}`);
  }
  const unknown = Object.keys(given).find((name) => !known.has(name));
  if (unknown !== undefined) throw new StartError(`${place}: there is no member ${unknown}`);
  return given as Record<string, unknown>;
}

function refuseTwice(keys: readonly CheckedKey[], names: (key: CheckedKey) => readonly string[]): void {
  const first = new Map<string, string>();
  for (const key of keys) {
    for (const name of names(key)) {
      const other = first.get(name);
      if (other !== undefined) throw new StartError(`${key.place}: ${name} is in ${other} already`);
      first.set(name, key.place);
    }
  }
}

const PEM = /^-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]+)-----END \1-----$/;

/** A material's bytes, raw or PKCS#8 DER. The caller wipes them. @throws StartError that does not repeat the text */
export function materialBytes(material: SeedMaterial): Buffer {
  if (typeof material !== 'string') return Buffer.from(material);
  const text = material.trim();
  const [, label, body] = PEM.exec(text) ?? [];
  if (label !== undefined && label !== 'PRIVATE KEY') {
    throw new StartError(
      `KeyMaterial: expected PKCS#8, BEGIN PRIVATE KEY, got BEGIN ${label}: convert it with openssl pkcs8 -topk8 -nocrypt`,
    );
  }
  if (/^(?:[0-9a-fA-F]{2})+$/.test(text)) return Buffer.from(text, 'hex');
  const base64 = (body ?? text).replace(/\s/g, '');
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length === 0 || bytes.toString('base64') !== base64) {
    throw new StartError('KeyMaterial: expected hexadecimal, Base64 or PEM');
  }
  return bytes;
}
