/**
 * Taking in key material from outside: the wrapping key and its token, and the way from a wrapped material to an engine key.
 *
 * The token is the wrapping key's private half, wrapped under the root key and bound to the KMS key, the algorithm and the end of
 * its validity, so nothing has to be stored and any process on the store can finish what another began. Version 1:
 * version (1), end of validity in ms (8), wrapping algorithm (1), wrapping key spec (1), wrapped private key.
 *
 * This is the one place where material of a KMS key passes through JavaScript: until the engine unwraps imports by itself it is
 * in Buffers here, which are wiped.
 */
import { createDecipheriv } from 'node:crypto';
import { type EncryptionAlgorithm, type Engine, EngineError, type EngineKey, type KeySpec } from '../engine/index.ts';
import { MS_PER_DAY } from './days.ts';
import { KmsError } from './errors.ts';
import type { LiveKey } from './livekey.ts';
import type { Service } from './service.ts';
import { materialFormat } from './specs.ts';

interface WrappingRow {
  /** What encrypts: the material itself, or the AES key that wraps it. */
  readonly oaep: EncryptionAlgorithm;
  /** RSA-OAEP(AES-256 key) || AES-KWP(material), as PKCS #11 CKM_RSA_AES_KEY_WRAP does it. */
  readonly hasAesKey: boolean;
}

/** The order is that of the token's byte and never changes. */
const WRAPPING = {
  RSAES_OAEP_SHA_1: { oaep: 'RSAES_OAEP_SHA_1', hasAesKey: false },
  RSAES_OAEP_SHA_256: { oaep: 'RSAES_OAEP_SHA_256', hasAesKey: false },
  RSA_AES_KEY_WRAP_SHA_1: { oaep: 'RSAES_OAEP_SHA_1', hasAesKey: true },
  RSA_AES_KEY_WRAP_SHA_256: { oaep: 'RSAES_OAEP_SHA_256', hasAesKey: true },
} as const satisfies Record<string, WrappingRow>;
export type WrappingAlgorithm = keyof typeof WRAPPING;
const WRAPPING_ALGORITHMS = Object.keys(WRAPPING) as WrappingAlgorithm[];
const WRAPPING_KEY_SPECS = ['RSA_2048', 'RSA_3072', 'RSA_4096'] as const satisfies readonly KeySpec[];
export type WrappingKeySpec = (typeof WRAPPING_KEY_SPECS)[number];

const TOKEN_VERSION = 1;
const TOKEN_HEADER_BYTES = 11;

/** @throws KmsError where the material of such a key cannot be wrapped in this way */
export function requireWrapping(key: LiveKey, algorithm: WrappingAlgorithm, wrappingKeySpec: WrappingKeySpec): void {
  if (WRAPPING[algorithm].hasAesKey) return;
  const isTooLong = key.keySpec === 'ECC_NIST_P521' && wrappingKeySpec === 'RSA_2048';
  if (isTooLong || key.keySpec.startsWith('RSA_')) {
    throw new KmsError(
      'ValidationException',
      `Wrapping algorithm ${algorithm} with wrapping key spec ${wrappingKeySpec} cannot wrap key material of key spec ${key.keySpec}.`,
    );
  }
}

export interface ImportParameters {
  readonly publicKey: Uint8Array;
  readonly token: Uint8Array;
  readonly validTo: number;
}

/** A new wrapping key for one KMS key, good for 24 hours. */
export async function makeImportParameters(
  { engine, root, now }: Service,
  keyId: string,
  algorithm: WrappingAlgorithm,
  wrappingKeySpec: WrappingKeySpec,
): Promise<ImportParameters> {
  const pair = await engine.generateKey(wrappingKeySpec, { exportable: false });
  try {
    const validTo = now() + MS_PER_DAY;
    const header = Buffer.alloc(TOKEN_HEADER_BYTES);
    header[0] = TOKEN_VERSION;
    header.writeBigUInt64BE(BigInt(validTo), 1);
    header[9] = WRAPPING_ALGORITHMS.indexOf(algorithm);
    header[10] = WRAPPING_KEY_SPECS.indexOf(wrappingKeySpec);
    const wrapped = await root.wrapImportKey(pair, keyId, header);
    return { publicKey: pair.publicKey(), token: Buffer.concat([header, wrapped]), validTo };
  } finally {
    pair.close();
  }
}

/** A material on its way in: the caller closes the handle where it does not keep it. */
export interface ImportedMaterial {
  readonly handle: EngineKey;
  readonly materialId: string;
}

/**
 * The engine key that `encrypted` holds, checked as the engine checks every import.
 * @throws KmsError InvalidImportTokenException, ExpiredImportTokenException, InvalidCiphertextException where it does not open,
 *   IncorrectKeyMaterialException where it opens to no sound material of this spec
 */
export async function importMaterial(
  service: Service,
  key: LiveKey,
  token: Uint8Array,
  encrypted: Uint8Array,
): Promise<ImportedMaterial> {
  const { engine, root } = service;
  const { wrappingKey, algorithm } = await openToken(service, key.record.keyId, token);
  let material: Buffer | undefined;
  try {
    material = await unwrap(engine, wrappingKey, WRAPPING[algorithm], encrypted);
    const format = materialFormat(key.keySpec);
    const handle = await engine.importKey({ keySpec: key.keySpec, format, data: material, exportable: false });
    return { handle, materialId: await root.materialId(key.record.keyId, material) };
  } catch (error) {
    if (error instanceof EngineError && UNSOUND.has(error.code)) throw new KmsError('IncorrectKeyMaterialException');
    throw error;
  } finally {
    material?.fill(0);
    wrappingKey.close();
  }
}

const UNSOUND: ReadonlySet<string> = new Set(['INVALID_KEY', 'INVALID_LENGTH']);

async function openToken({ root, now }: Service, keyId: string, token: Uint8Array) {
  const header = Buffer.from(token.subarray(0, TOKEN_HEADER_BYTES));
  const algorithm = WRAPPING_ALGORITHMS[header[9] ?? -1];
  const wrappingKeySpec = WRAPPING_KEY_SPECS[header[10] ?? -1];
  if (header[0] !== TOKEN_VERSION || algorithm === undefined || wrappingKeySpec === undefined) {
    throw new KmsError('InvalidImportTokenException');
  }
  const wrapped = token.subarray(TOKEN_HEADER_BYTES);
  const wrappingKey = await root.unwrapImportKey(wrapped, keyId, header, wrappingKeySpec).catch((error) => {
    throw error instanceof EngineError && error.code === 'DECRYPTION_FAILED'
      ? new KmsError('InvalidImportTokenException')
      : error;
  });
  if (now() >= Number(header.readBigUInt64BE(1))) {
    wrappingKey.close();
    throw new KmsError('ExpiredImportTokenException');
  }
  return { wrappingKey, algorithm };
}

/** The caller wipes what this gives. One error for every way in which it does not open. */
async function unwrap(
  engine: Engine,
  key: EngineKey,
  { oaep, hasAesKey }: WrappingRow,
  encrypted: Uint8Array,
): Promise<Buffer> {
  const oaepBytes = hasAesKey ? OAEP_BYTES[key.keySpec as WrappingKeySpec] : encrypted.length;
  let first: Buffer | undefined;
  try {
    const opened = await engine.decrypt({ key, algorithm: oaep, ciphertext: encrypted.subarray(0, oaepBytes) });
    first = Buffer.from(opened.buffer, opened.byteOffset, opened.byteLength);
    if (!hasAesKey) return first;
    const aesKey = first;
    try {
      return unwrapPadded(aesKey, encrypted.subarray(oaepBytes));
    } finally {
      aesKey.fill(0);
    }
  } catch (error) {
    if (error instanceof EngineError && !OPENING.has(error.code)) throw error;
    throw new KmsError('InvalidCiphertextException');
  }
}
const OAEP_BYTES: Readonly<Record<WrappingKeySpec, number>> = { RSA_2048: 256, RSA_3072: 384, RSA_4096: 512 };
const OPENING: ReadonlySet<string> = new Set(['DECRYPTION_FAILED', 'INVALID_LENGTH']);

/** AES Key Wrap with Padding, RFC 5649. @throws where the key or the data are not what was wrapped */
function unwrapPadded(aesKey: Buffer, wrapped: Uint8Array): Buffer {
  // OpenSSL says nothing of no bytes at all.
  if (wrapped.length === 0) throw new RangeError('expected wrapped bytes, got none');
  const decipher = createDecipheriv('id-aes256-wrap-pad', aesKey, Buffer.from('a65959a6', 'hex'));
  const opened = decipher.update(wrapped);
  const rest = decipher.final();
  if (rest.length === 0) return opened;
  const material = Buffer.concat([opened, rest]);
  opened.fill(0);
  rest.fill(0);
  return material;
}
