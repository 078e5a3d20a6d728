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
import { destroy, Key } from './keys';
import { allocate, isEqual, wipe } from './memory';
import { Item, register, specs } from './operation';
import { NUMBER_BYTES } from './rsa_check';
import { makeKeyOfPrimes, modulusBytesOf, registerRsaKeys, selfTestStatus } from './rsa_key';
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
  const proven = selfTestStatus();
  if (proven != STATUS_OK) return proven;
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
  const proven = selfTestStatus();
  if (proven != STATUS_OK) return proven;
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
  const proven = selfTestStatus();
  if (proven != STATUS_OK) return proven;
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
  const proven = selfTestStatus();
  if (proven != STATUS_OK) return proven;
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

// ---- Self-test ----

/** The primes of native/core/known_answers.h, and SHA-256 of the PKCS#1 v1.5 signature there of "keymill known answer". */
// biome-ignore format: bytes
const knownPrimes = memory.data<u8>([
  0xdb, 0xdc, 0xd2, 0x4c, 0xbf, 0x84, 0xee, 0x5b, 0x52, 0xc4, 0xcd, 0x70, 0x22, 0x34, 0x1f, 0x36,
  0x02, 0xe9, 0xeb, 0x2d, 0x26, 0xce, 0xd3, 0xa6, 0xc9, 0x99, 0xd0, 0xb5, 0x91, 0x4d, 0x10, 0x18,
  0xae, 0x6e, 0xf0, 0x86, 0x7a, 0x41, 0x4a, 0x55, 0x82, 0x30, 0xa6, 0x2d, 0x72, 0x32, 0x5a, 0x3c,
  0x3f, 0x4a, 0xa9, 0x81, 0x91, 0x67, 0x89, 0xa8, 0x3c, 0xc4, 0x76, 0x93, 0x2c, 0x93, 0x4b, 0x3a,
  0x48, 0x7b, 0xf9, 0xc7, 0x0d, 0x5f, 0x9a, 0xac, 0xcf, 0x85, 0x27, 0xef, 0x4f, 0xd9, 0xa6, 0x41,
  0x2a, 0x0d, 0xba, 0x8e, 0x09, 0x1d, 0xa9, 0xde, 0x5a, 0xa8, 0x50, 0xa4, 0x7c, 0x0d, 0xe8, 0xd1,
  0xd6, 0xf5, 0x1c, 0xcd, 0x67, 0x53, 0xd0, 0x98, 0x68, 0x57, 0xfa, 0x86, 0x69, 0x86, 0xb7, 0xe9,
  0x19, 0x5d, 0x1c, 0xd7, 0x9d, 0xc6, 0x3f, 0x77, 0x5d, 0xfb, 0xf8, 0xdf, 0x32, 0xe8, 0x06, 0xbf,
  0xc2, 0x69, 0xa7, 0x35, 0xf0, 0xda, 0xc2, 0xd2, 0x60, 0xca, 0x63, 0xc1, 0x36, 0xaf, 0xdf, 0x0e,
  0x79, 0x93, 0xec, 0x70, 0x79, 0xa5, 0x19, 0x28, 0xd3, 0x00, 0x1f, 0x7f, 0x6c, 0xc7, 0x93, 0x5d,
  0xb1, 0x01, 0xa5, 0xcc, 0xb6, 0x12, 0x45, 0x8f, 0x32, 0x06, 0xbf, 0x0a, 0xfe, 0x8c, 0x67, 0xd0,
  0x72, 0x6f, 0xb9, 0x33, 0x44, 0xbc, 0x92, 0x25, 0xb4, 0xaa, 0x36, 0x14, 0x3f, 0xb8, 0xff, 0xfa,
  0xf1, 0x9e, 0x1f, 0x6d, 0xb5, 0x8b, 0x88, 0x1c, 0xdf, 0xda, 0x03, 0xca, 0xcc, 0x7e, 0x1d, 0xb0,
  0x97, 0xaa, 0x13, 0x9b, 0x6e, 0x3c, 0x78, 0x8a, 0xaa, 0x99, 0x68, 0x4a, 0x26, 0x99, 0xb1, 0xf1,
  0xfb, 0xd7, 0xee, 0x70, 0x1e, 0x3e, 0xa4, 0xe6, 0x63, 0x51, 0x0a, 0x97, 0x9b, 0x3e, 0xc5, 0xc5,
  0xfc, 0x02, 0xe1, 0x90, 0xb6, 0xc5, 0x40, 0x6f, 0xfb, 0x82, 0x81, 0x47, 0x6d, 0xd7, 0x21, 0xa1,
]);
const KNOWN_PRIME_BYTES: usize = 128;
// biome-ignore format: bytes
const knownMessage = memory.data<u8>([
  0x6b, 0x65, 0x79, 0x6d, 0x69, 0x6c, 0x6c, 0x20, 0x6b, 0x6e, 0x6f, 0x77, 0x6e, 0x20, 0x61, 0x6e,
  0x73, 0x77, 0x65, 0x72,
]);
const KNOWN_MESSAGE_BYTES: usize = 20;
// biome-ignore format: bytes
const knownAnswer = memory.data<u8>([
  0x41, 0x42, 0xed, 0x16, 0xff, 0xea, 0xb2, 0x82, 0x62, 0x6f, 0xc2, 0x91, 0xda, 0xd1, 0xf8, 0x69,
  0x95, 0xa2, 0x97, 0x70, 0xde, 0x87, 0xe0, 0x9d, 0xb9, 0x27, 0x06, 0xc3, 0xf6, 0x17, 0x5b, 0x84,
]);
const KNOWN_ANSWER_BYTES: usize = 32;
const KNOWN_SIGNATURE_BYTES: usize = 2 * KNOWN_PRIME_BYTES;
const knownSignature = memory.data(<i32>KNOWN_SIGNATURE_BYTES, 16);

let isProven: bool = false;

/**
 * OK once the known answer has been given, UNAVAILABLE where it is not. Asked before the first key is made or, in a worker, used; not at
 * load, since it takes longer than that and not every program has such keys.
 */
function proveStatus(): u32 {
  if (isProven) return STATUS_OK;
  const address = allocate(offsetof<Key>());
  if (!address) return STATUS_OUT_OF_MEMORY;
  const key = changetype<Key>(address);
  key.spec = KEY_SPEC_RSA_2048;
  let status = makeKeyOfPrimes(key, knownPrimes, knownPrimes + KNOWN_PRIME_BYTES);
  if (status == STATUS_OK) status = answerStatus(key);
  forget();
  destroy(key);
  isProven = status == STATUS_OK;
  return status;
}

/** Signs, compares, verifies, and does not verify what differs in one bit. */
function answerStatus(key: Key): u32 {
  const algorithm = ALGORITHM_RSASSA_PKCS1_V1_5_SHA_256;
  const hash = hashOf(HASH_SHA_256);
  hashMessage(hash, knownMessage, KNOWN_MESSAGE_BYTES, digest);
  const status = signDigest(key, algorithm, KNOWN_SIGNATURE_BYTES);
  if (status != STATUS_OK) return status;
  writeNatural(knownSignature, KNOWN_SIGNATURE_BYTES, result);
  hashMessage(hash, knownSignature, KNOWN_SIGNATURE_BYTES, encoded);
  if (!isEqual(encoded, knownAnswer, KNOWN_ANSWER_BYTES)) return STATUS_UNAVAILABLE;
  take(knownSignature, KNOWN_SIGNATURE_BYTES);
  const right = verifyDigest(key, algorithm, KNOWN_SIGNATURE_BYTES);
  if (right != STATUS_OK) return right == STATUS_OUT_OF_MEMORY ? right : STATUS_UNAVAILABLE;
  const last = knownSignature + KNOWN_SIGNATURE_BYTES - 1;
  store<u8>(last, load<u8>(last) ^ 1);
  take(knownSignature, KNOWN_SIGNATURE_BYTES);
  const wrong = verifyDigest(key, algorithm, KNOWN_SIGNATURE_BYTES);
  return wrong == STATUS_INVALID_SIGNATURE ? STATUS_OK : STATUS_UNAVAILABLE;
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
  registerRsaKeys(proveStatus, testPair);
}
