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
 * Additional data is everything before the XAES part, followed by the encryption context or by the bytes in its
 * place. Blobs of this version stay readable.
 */
import { KmsError } from './errors.ts';

const VERSION = 1;
const [MAGIC_K, MAGIC_M] = [0x4b, 0x4d];
const FORM_OFFSET = 3;
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
  header[0] = MAGIC_K;
  header[1] = MAGIC_M;
  header[2] = VERSION;
  header[FORM_OFFSET] = isMultiRegion ? MULTI_REGION_FORM : UUID_FORM;
  header.write(keyId.replace(MULTI_REGION_PREFIX, '').replaceAll('-', ''), KEY_ID_OFFSET, 'hex');
  header.write(materialId, MATERIAL_ID_OFFSET, 'hex');
  return header;
}

/**
 * Memory for a blob, out of the pool that Node gives small Buffers from: memory of its own would take longer to get than a blob to
 * fill. As with the blobs of AWS's SDK, `buffer` holds more than the blob.
 */
export function blobMemory(bytes: number): Uint8Array {
  const { buffer, byteOffset } = Buffer.allocUnsafe(bytes);
  return new Uint8Array(buffer, byteOffset, bytes);
}

/** Whether this can be a blob of ours; nothing it claims is proven before the XAES part opens. */
export function isCiphertext(blob: Uint8Array): boolean {
  return (
    blob.length >= HEADER_BYTES + XAES_OVERHEAD_BYTES &&
    blob[0] === MAGIC_K &&
    blob[1] === MAGIC_M &&
    blob[2] === VERSION &&
    (blob[3] === UUID_FORM || blob[3] === MULTI_REGION_FORM)
  );
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** 32 bits of the key id in a blob, which are quicker to look up than the whole; another key may have the same. */
export function keyIdBits(blob: Uint8Array): number {
  const at = KEY_ID_OFFSET;
  return blob[at]! | (blob[at + 1]! << 8) | (blob[at + 2]! << 16) | (blob[at + 3]! << 24);
}

/** Whether two blobs, or headers, name the same key. */
export function haveSameKeyId(blob: Uint8Array, header: Uint8Array): boolean {
  for (let i = FORM_OFFSET; i < MATERIAL_ID_OFFSET; i++) if (blob[i] !== header[i]) return false;
  return true;
}

/** The key id in a blob. */
export function keyIdOf(blob: Uint8Array): string {
  const hex = bufferOf(blob).toString('hex', KEY_ID_OFFSET, MATERIAL_ID_OFFSET);
  return blob[FORM_OFFSET] === MULTI_REGION_FORM ? MULTI_REGION_PREFIX + hex : dashed(hex);
}

/** The material id in a blob. */
export function materialIdOf(blob: Uint8Array): string {
  return bufferOf(blob).toString('hex', MATERIAL_ID_OFFSET, HEADER_BYTES);
}

/** Whether two blobs, or headers, name the same key material. */
export function haveSameMaterialId(blob: Uint8Array, header: Uint8Array): boolean {
  for (let i = MATERIAL_ID_OFFSET; i < HEADER_BYTES; i++) if (blob[i] !== header[i]) return false;
  return true;
}

/** 32 hex digits as a UUID, 8-4-4-4-12. */
export function dashed(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

export type EncryptionContext = Readonly<Record<string, string>>;
/** An encryption context, or bytes in its place. */
export type CiphertextContext = EncryptionContext | Uint8Array;

/** AWS's limit, counted in characters over all keys and values. */
const MAX_CONTEXT_CHARACTERS = 8192;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Whether a short loop can write the text; most contexts are such, and a call into the encoder costs more than they do. */
function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/** Length of the text in UTF-8. @throws KmsError for text that UTF-8 cannot say: it would turn every lone surrogate into the same replacement character, and two contexts into one */
function utf8Bytes(text: string): number {
  if (isAscii(text)) return text.length;
  if (LONE_SURROGATE.test(text)) {
    throw new KmsError('ValidationException', 'EncryptionContext must be well-formed Unicode.');
  }
  return Buffer.byteLength(text, 'utf8');
}

/** Writes the text behind its length and returns where it ends. */
function writeText(into: Buffer, text: string, bytes: number, offset: number): number {
  let at = into.writeUInt16BE(bytes, offset);
  if (bytes !== text.length) return at + into.write(text, at, 'utf8');
  for (let i = 0; i < bytes; i++) into[at++] = text.charCodeAt(i);
  return at;
}

interface MeasuredPair {
  readonly key: string;
  readonly keyBytes: number;
  readonly value: string;
  readonly valueBytes: number;
}

/** In the order of UTF-8, which is that of UTF-16 only among characters below the surrogates. */
function byUtf8(a: MeasuredPair, b: MeasuredPair): number {
  if (a.keyBytes === a.key.length && b.keyBytes === b.key.length) return a.key < b.key ? -1 : 1;
  return Buffer.compare(Buffer.from(a.key, 'utf8'), Buffer.from(b.key, 'utf8'));
}

/** In place of the count of pairs: more of them than MAX_CONTEXT_CHARACTERS allows. */
const BYTES_FOLLOW = 0xffff;

/** Header and bytes that stand in the place of an encryption context, as additional data that no context gives. */
function bytesAad(header: Uint8Array, bytes: Uint8Array): Uint8Array {
  const aad = Buffer.allocUnsafe(header.length + 2 + bytes.length);
  aad.set(header);
  aad.writeUInt16BE(BYTES_FOLLOW, header.length);
  aad.set(bytes, header.length + 2);
  return aad;
}

/**
 * Header and encryption context as additional data. The context is the AWS Encryption SDK's form: a count, then pairs in the
 * order of their keys' UTF-8 bytes, every string behind its length (all u16, big-endian), so that no two contexts have one
 * encoding. An absent context and {} are the same to AWS.
 * @throws KmsError ValidationException for text that is not Unicode, or too much of it
 */
export function ciphertextAad(header: Uint8Array, context: CiphertextContext | undefined): Uint8Array {
  if (context instanceof Uint8Array) return bytesAad(header, context);
  const pairs: MeasuredPair[] = [];
  let characters = 0;
  let bytes = header.length + 2;
  for (const key in context) {
    const value = context[key]!;
    const pair = { key, keyBytes: utf8Bytes(key), value, valueBytes: utf8Bytes(value) };
    characters += key.length + value.length;
    bytes += 4 + pair.keyBytes + pair.valueBytes;
    pairs.push(pair);
  }
  if (characters > MAX_CONTEXT_CHARACTERS) {
    throw new KmsError(
      'ValidationException',
      `EncryptionContext must have at most ${MAX_CONTEXT_CHARACTERS} characters in all, got ${characters}.`,
    );
  }
  if (pairs.length > 1) pairs.sort(byUtf8);
  const aad = Buffer.allocUnsafe(bytes);
  aad.set(header, 0);
  let offset = aad.writeUInt16BE(pairs.length, header.length);
  for (const { key, keyBytes, value, valueBytes } of pairs) {
    offset = writeText(aad, key, keyBytes, offset);
    offset = writeText(aad, value, valueBytes, offset);
  }
  return aad;
}
