/**
 * The ciphertext blob of symmetric keys, and what it authenticates. Version 1:
 *
 * | bytes | |
 * | --- | --- |
 * | 2 | magic "KM" |
 * | 1 | version, 1 |
 * | 1 | form of the key id: 0 UUID, 1 multi-Region (`mrk-`) |
 * | 16 | key id |
 * | 32 | key material id |
 * | rest | XAES-256-GCM: nonce (24), ciphertext, tag (16) |
 *
 * Additional data is everything before the XAES part, followed by the encryption context. Blobs of this version stay readable.
 */
import { KmsError } from './errors.ts';

const VERSION = 1;
const KEY_ID_OFFSET = 4;
const MATERIAL_ID_OFFSET = KEY_ID_OFFSET + 16;
const HEADER_BYTES = MATERIAL_ID_OFFSET + 32;
const XAES_OVERHEAD_BYTES = 24 + 16;

const UUID_FORM = 0;
const MULTI_REGION_FORM = 1;
const MULTI_REGION_PREFIX = 'mrk-';

export function ciphertextHeader(keyId: string, materialId: string): Uint8Array {
  const isMultiRegion = keyId.startsWith(MULTI_REGION_PREFIX);
  const header = Buffer.alloc(HEADER_BYTES);
  header.write('KM', 0, 'latin1');
  header[2] = VERSION;
  header[3] = isMultiRegion ? MULTI_REGION_FORM : UUID_FORM;
  header.write(keyId.replace(MULTI_REGION_PREFIX, '').replaceAll('-', ''), KEY_ID_OFFSET, 'hex');
  header.write(materialId, MATERIAL_ID_OFFSET, 'hex');
  return header;
}

export interface ParsedCiphertext {
  readonly keyId: string;
  readonly materialId: string;
  readonly header: Uint8Array;
  readonly sealed: Uint8Array;
}

/** Reads what a blob claims; nothing of it is proven before the XAES part opens. Undefined where it cannot be a blob of ours. */
export function parseCiphertext(blob: Uint8Array): ParsedCiphertext | undefined {
  if (blob.length < HEADER_BYTES + XAES_OVERHEAD_BYTES) return undefined;
  const bytes = Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength);
  if (bytes.toString('latin1', 0, 2) !== 'KM' || bytes[2] !== VERSION) return undefined;
  const form = bytes[3];
  if (form !== UUID_FORM && form !== MULTI_REGION_FORM) return undefined;
  const hex = bytes.toString('hex', KEY_ID_OFFSET, MATERIAL_ID_OFFSET);
  return {
    keyId: form === MULTI_REGION_FORM ? MULTI_REGION_PREFIX + hex : dashed(hex),
    materialId: bytes.toString('hex', MATERIAL_ID_OFFSET, HEADER_BYTES),
    header: bytes.subarray(0, HEADER_BYTES),
    sealed: bytes.subarray(HEADER_BYTES),
  };
}

/** 32 hex digits as a UUID, 8-4-4-4-12. */
export function dashed(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

export type EncryptionContext = Readonly<Record<string, string>>;

/** AWS's limit, counted in characters over all keys and values. */
const MAX_CONTEXT_CHARACTERS = 8192;
const LONE_SURROGATE = /\p{Surrogate}/u;

const NO_ENTRIES: readonly [string, string][] = [];

interface EncodedPair {
  readonly key: Buffer;
  readonly value: Buffer;
}

/**
 * Header and encryption context as additional data. The context is the AWS Encryption SDK's form: a count, then pairs in the
 * order of their keys' UTF-8 bytes, every string behind its length (all u16, big-endian), so that no two contexts have one
 * encoding. An absent context and {} are the same to AWS.
 * @throws KmsError ValidationException for text that is not Unicode, or too much of it
 */
export function ciphertextAad(header: Uint8Array, context: EncryptionContext | undefined): Uint8Array {
  const entries = context === undefined ? NO_ENTRIES : Object.entries(context);
  if (entries.length === 0) {
    const aad = new Uint8Array(header.length + 2);
    aad.set(header);
    return aad;
  }
  let characters = 0;
  let bytes = header.length + 2;
  const pairs: EncodedPair[] = entries.map(([key, value]) => {
    // UTF-8 would turn every lone surrogate into the same replacement character, and two contexts into one.
    if (LONE_SURROGATE.test(key) || LONE_SURROGATE.test(value)) {
      throw new KmsError('ValidationException', 'EncryptionContext must be well-formed Unicode.');
    }
    characters += key.length + value.length;
    const pair = { key: Buffer.from(key, 'utf8'), value: Buffer.from(value, 'utf8') };
    bytes += 4 + pair.key.length + pair.value.length;
    return pair;
  });
  if (characters > MAX_CONTEXT_CHARACTERS) {
    throw new KmsError(
      'ValidationException',
      `EncryptionContext must have at most ${MAX_CONTEXT_CHARACTERS} characters in all, got ${characters}.`,
    );
  }
  if (pairs.length > 1) pairs.sort((a, b) => Buffer.compare(a.key, b.key));
  const aad = Buffer.alloc(bytes);
  aad.set(header, 0);
  let offset = aad.writeUInt16BE(pairs.length, header.length);
  for (const { key, value } of pairs) {
    for (const text of [key, value]) {
      offset = aad.writeUInt16BE(text.length, offset);
      offset += text.copy(aad, offset);
    }
  }
  return aad;
}
