/**
 * RSAES-OAEP and RSASSA-PSS and -PKCS1-v1_5 (RFC 8017 sections 7 and 8): what happens around the primitives. Statuses and their order
 * are those of native/core/rsa.cc. Knows no arithmetic.
 */
import { readNatural, WORD_BYTES, writeNatural } from './bignum';
import {
  ALGORITHM_RSAES_OAEP_SHA_1,
  ALGORITHM_RSAES_OAEP_SHA_256,
  ALGORITHM_RSASSA_PKCS1_V1_5_SHA_256,
  ALGORITHM_RSASSA_PKCS1_V1_5_SHA_384,
  ALGORITHM_RSASSA_PKCS1_V1_5_SHA_512,
  ALGORITHM_RSASSA_PSS_SHA_256,
  ALGORITHM_RSASSA_PSS_SHA_384,
  ALGORITHM_RSASSA_PSS_SHA_512,
  FLAG_EXTERNAL,
  FLAG_MESSAGE_IS_DIGEST,
  HASH_SHA_1,
  HASH_SHA_256,
  HASH_SHA_384,
  HASH_SHA_512,
  KEY_SPEC_RSA_2048,
  KEY_SPEC_RSA_3072,
  KEY_SPEC_RSA_4096,
  OPERATION_DECRYPT,
  OPERATION_ENCRYPT,
  OPERATION_SIGN,
  OPERATION_VERIFY,
  STATUS_DECRYPTION_FAILED,
  STATUS_INTERNAL,
  STATUS_INVALID_LENGTH,
  STATUS_INVALID_SIGNATURE,
  STATUS_MALFORMED_RECORD,
  STATUS_OK,
  STATUS_OUT_OF_MEMORY,
  STATUS_UNAVAILABLE,
  STATUS_WRONG_KEY,
} from './contract';
import { Hash, hashOf, MAXIMUM_DIGEST_BYTES } from './hash';
import { Key } from './keys';
import { isEqual, wipe } from './memory';
import { Item, register, specs } from './operation';
import { NUMBER_BYTES } from './rsa_check';
import { modulusBytesOf, registerRsaKeys } from './rsa_key';
import {
  decodeOaep,
  encodeOaep,
  encodePkcs1,
  encodePss,
  hashMessage,
  isPssOf,
  longestOaepMessage,
} from './rsa_padding';
import { applyPrivate, applyPublic, isRepresentative, RsaTables, tablesOf } from './rsa_primitives';

const MAXIMUM_MODULUS_BYTES: usize = 512;
const encoded = memory.data(<i32>MAXIMUM_MODULUS_BYTES, 16);
/** The encoded message and what a primitive makes of it, as natural numbers. */
const natural = memory.data(<i32>NUMBER_BYTES, 16);
const result = memory.data(<i32>NUMBER_BYTES, 16);
const digest = memory.data(<i32>MAXIMUM_DIGEST_BYTES, 16);

/** Wipes what an operation worked on. A shorter number that comes next needs the zeros behind it, so public operations do this too. */
function forget(): void {
  wipe(encoded, MAXIMUM_MODULUS_BYTES);
  wipe(natural, NUMBER_BYTES);
  wipe(result, NUMBER_BYTES);
  wipe(digest, MAXIMUM_DIGEST_BYTES);
}

/** natural <- OS2IP of a string as long as the modulus (RFC 8017 section 4.2). */
function take(data: usize, modulusBytes: usize): void {
  readNatural(natural, NUMBER_BYTES / WORD_BYTES, data, modulusBytes);
}

// ---- Encryption ----

function encrypt(item: Item): u32 {
  const hash = hashOf(hashIdOf(item.algorithm));
  const modulusBytes = modulusBytesOf(item.key.spec);
  if (item.capacityBytes < modulusBytes) return STATUS_MALFORMED_RECORD;
  if (item.inputBytes > longestOaepMessage(hash, modulusBytes)) return STATUS_INVALID_LENGTH;
  const tables = tablesOf(item.key, modulusBytes);
  if (!tables) return STATUS_OUT_OF_MEMORY;
  const isEncoded = encodeOaep(hash, encoded, modulusBytes, item.input, item.inputBytes);
  if (isEncoded) {
    take(encoded, modulusBytes);
    applyPublic(tables, result, natural);
    writeNatural(item.output, modulusBytes, result);
    item.outputBytes = modulusBytes;
  }
  forget();
  return isEncoded ? STATUS_OK : STATUS_UNAVAILABLE;
}

function decrypt(item: Item): u32 {
  const modulusBytes = modulusBytesOf(item.key.spec);
  if (!item.key.material) return STATUS_WRONG_KEY;
  if (item.inputBytes != modulusBytes) return STATUS_DECRYPTION_FAILED;
  const tables = tablesOf(item.key, modulusBytes);
  if (!tables) return STATUS_OUT_OF_MEMORY;
  const status = decryptWith(tables, item);
  forget();
  return status;
}

function decryptWith(tables: RsaTables, item: Item): u32 {
  const modulusBytes = tables.modulusBytes;
  take(item.input, modulusBytes);
  if (!isRepresentative(tables, natural)) return STATUS_DECRYPTION_FAILED;
  const status = applyPrivate(tables, result, natural);
  if (status != STATUS_OK) return status;
  writeNatural(encoded, modulusBytes, result);
  const start = decodeOaep(hashOf(hashIdOf(item.algorithm)), encoded, modulusBytes);
  if (!start) return STATUS_DECRYPTION_FAILED;
  const bytes = modulusBytes - start;
  if (bytes > item.capacityBytes) return STATUS_MALFORMED_RECORD;
  memory.copy(item.output, encoded + start, bytes);
  item.outputBytes = bytes;
  return STATUS_OK;
}

// ---- Signatures ----

/** digest <- what the signature is over. A status. */
function digestOf(item: Item, hash: Hash): u32 {
  if (!(item.flags & FLAG_MESSAGE_IS_DIGEST)) {
    hashMessage(hash, item.input, item.inputBytes, digest);
    return STATUS_OK;
  }
  if (item.inputBytes != hash.digestBytes) return STATUS_INVALID_LENGTH;
  memory.copy(digest, item.input, hash.digestBytes);
  return STATUS_OK;
}

/** encoded <- the digest's encoding in the algorithm's scheme; false where randomness is unavailable. */
function encode(algorithm: u32, modulusBytes: usize): bool {
  const hashId = hashIdOf(algorithm);
  const hash = hashOf(hashId);
  if (isPss(algorithm)) return encodePss(hash, encoded, modulusBytes, digest);
  encodePkcs1(hash, hashId, encoded, modulusBytes, digest);
  return true;
}

function sign(item: Item): u32 {
  const hash = hashOf(hashIdOf(item.algorithm));
  const modulusBytes = modulusBytesOf(item.key.spec);
  if (item.flags & ~(FLAG_MESSAGE_IS_DIGEST | FLAG_EXTERNAL)) return STATUS_MALFORMED_RECORD;
  if (!item.key.material) return STATUS_WRONG_KEY;
  if (item.capacityBytes < modulusBytes) return STATUS_MALFORMED_RECORD;
  const digested = digestOf(item, hash);
  if (digested != STATUS_OK) return digested;
  const status = signDigest(item.key, item.algorithm, modulusBytes);
  if (status == STATUS_OK) {
    writeNatural(item.output, modulusBytes, result);
    item.outputBytes = modulusBytes;
  }
  forget();
  return status;
}

/** result <- the signature of what `digest` holds. A status. */
function signDigest(key: Key, algorithm: u32, modulusBytes: usize): u32 {
  const tables = tablesOf(key, modulusBytes);
  if (!tables) return STATUS_OUT_OF_MEMORY;
  if (!encode(algorithm, modulusBytes)) return STATUS_UNAVAILABLE;
  take(encoded, modulusBytes);
  return applyPrivate(tables, result, natural);
}

function verify(item: Item): u32 {
  const hash = hashOf(hashIdOf(item.algorithm));
  const modulusBytes = modulusBytesOf(item.key.spec);
  if (item.flags & ~(FLAG_MESSAGE_IS_DIGEST | FLAG_EXTERNAL)) return STATUS_MALFORMED_RECORD;
  const digested = digestOf(item, hash);
  if (digested != STATUS_OK) return digested;
  // RFC 8017 sections 8.1.2 and 8.2.2, step 1.
  if (item.extraBytes != modulusBytes) return STATUS_INVALID_SIGNATURE;
  take(item.extra, modulusBytes);
  const status = verifyDigest(item.key, item.algorithm, modulusBytes);
  forget();
  return status;
}

/** Whether `natural` is a signature of what `digest` holds: a status. */
function verifyDigest(key: Key, algorithm: u32, modulusBytes: usize): u32 {
  const tables = tablesOf(key, modulusBytes);
  if (!tables) return STATUS_OUT_OF_MEMORY;
  if (!isRepresentative(tables, natural)) return STATUS_INVALID_SIGNATURE;
  applyPublic(tables, result, natural);
  return isEncodingOf(algorithm, modulusBytes) ? STATUS_OK : STATUS_INVALID_SIGNATURE;
}

/** Whether `result` encodes `digest`. PKCS#1 v1.5 is encoded anew and compared, never parsed (section 8.2.2 note). */
function isEncodingOf(algorithm: u32, modulusBytes: usize): bool {
  if (isPss(algorithm)) {
    writeNatural(encoded, modulusBytes, result);
    return isPssOf(hashOf(hashIdOf(algorithm)), encoded, modulusBytes, digest);
  }
  encode(algorithm, modulusBytes);
  take(encoded, modulusBytes);
  return isEqual(natural, result, modulusBytes);
}

/** Signs any digest with a new key and verifies that: a status. */
function testPair(key: Key): u32 {
  const modulusBytes = modulusBytesOf(key.spec);
  memory.fill(digest, 1, MAXIMUM_DIGEST_BYTES);
  let status = signDigest(key, ALGORITHM_RSASSA_PKCS1_V1_5_SHA_256, modulusBytes);
  if (status == STATUS_OK) {
    memory.copy(natural, result, NUMBER_BYTES);
    status = verifyDigest(key, ALGORITHM_RSASSA_PKCS1_V1_5_SHA_256, modulusBytes);
  }
  forget();
  return status == STATUS_INVALID_SIGNATURE ? STATUS_INTERNAL : status;
}

// ---- Rows ----

const FIRST_ALGORITHM = ALGORITHM_RSAES_OAEP_SHA_1;
const ALGORITHMS: u32 = ALGORITHM_RSASSA_PKCS1_V1_5_SHA_512 - FIRST_ALGORITHM + 1;
/** The hash id of each algorithm. */
const hashIds = memory.data(<i32>ALGORITHMS, 16);

@inline
function hashIdOf(algorithm: u32): u32 {
  return load<u8>(hashIds + (algorithm - FIRST_ALGORITHM));
}

@inline
function isPss(algorithm: u32): bool {
  return algorithm <= ALGORITHM_RSASSA_PSS_SHA_512;
}

const KEY_SPECS = specs(KEY_SPEC_RSA_2048) | specs(KEY_SPEC_RSA_3072) | specs(KEY_SPEC_RSA_4096);

function registerOaep(algorithm: u32, hashId: u32): void {
  store<u8>(hashIds + (algorithm - FIRST_ALGORITHM), <u8>hashId);
  register(OPERATION_ENCRYPT, algorithm, KEY_SPECS, encrypt);
  register(OPERATION_DECRYPT, algorithm, KEY_SPECS, decrypt);
}

function registerSignature(algorithm: u32, hashId: u32): void {
  store<u8>(hashIds + (algorithm - FIRST_ALGORITHM), <u8>hashId);
  register(OPERATION_SIGN, algorithm, KEY_SPECS, sign);
  register(OPERATION_VERIFY, algorithm, KEY_SPECS, verify);
}

/** After sha1.ts and sha2.ts, whose hashes it uses. */
export function registerRsa(): void {
  registerOaep(ALGORITHM_RSAES_OAEP_SHA_1, HASH_SHA_1);
  registerOaep(ALGORITHM_RSAES_OAEP_SHA_256, HASH_SHA_256);
  registerSignature(ALGORITHM_RSASSA_PSS_SHA_256, HASH_SHA_256);
  registerSignature(ALGORITHM_RSASSA_PSS_SHA_384, HASH_SHA_384);
  registerSignature(ALGORITHM_RSASSA_PSS_SHA_512, HASH_SHA_512);
  registerSignature(ALGORITHM_RSASSA_PKCS1_V1_5_SHA_256, HASH_SHA_256);
  registerSignature(ALGORITHM_RSASSA_PKCS1_V1_5_SHA_384, HASH_SHA_384);
  registerSignature(ALGORITHM_RSASSA_PKCS1_V1_5_SHA_512, HASH_SHA_512);
  registerRsaKeys(testPair);
}
