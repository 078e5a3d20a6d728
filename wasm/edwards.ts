/**
 * Keys on ECC_NIST_EDWARDS25519: Ed25519, and Ed25519ph with an empty context (RFC 8032 section 5.1). Verification is as strict
 * as native/core/edwards.cc, that is OpenSSL: cofactorless, S below L, R compared encoded. The group is edwards25519.ts's.
 */
import {
  ALGORITHM_ED25519_PH_SHA_512,
  ALGORITHM_ED25519_SHA_512,
  FLAG_EXTERNAL,
  FLAG_FORMAT_PKCS8,
  FLAG_FORMAT_SPKI,
  FLAG_MESSAGE_IS_DIGEST,
  HASH_SHA_512,
  KEY_SPEC_ECC_NIST_EDWARDS25519,
  OPERATION_SIGN,
  OPERATION_VERIFY,
  STATUS_INTERNAL,
  STATUS_INVALID_KEY,
  STATUS_INVALID_LENGTH,
  STATUS_INVALID_SIGNATURE,
  STATUS_MALFORMED_RECORD,
  STATUS_NOT_EXPORTABLE,
  STATUS_OK,
  STATUS_OUT_OF_MEMORY,
  STATUS_UNAVAILABLE,
  STATUS_WRONG_KEY,
} from './contract';
import {
  combine_vartime,
  isPublicKey_vartime,
  KEY_TABLES_BYTES,
  makeKeyTables_vartime,
  multiplyBase,
} from './edwards25519';
import { openField } from './field25519';
import { absorb, complete, hashOf } from './hash';
import { Key, keyType, prepare } from './keys';
import {
  DER_OCTET_STRING,
  DerReader,
  DerWriter,
  Pkcs8,
  prependPkcs8,
  readPkcs8,
  readSpki,
  spkiKeyBytes,
  writeSpki,
} from './key_format';
import { allocate, isEqual, release, wipe } from './memory';
import { Item, register, specs } from './operation';
import { fillRandom } from './random';
import { isCanonicalScalar_vartime, multiplyAddScalars, reduceScalar, SCALAR_BYTES } from './scalar25519';

const SEED_BYTES: usize = 32;
const POINT_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 64;
const BLOCK_BYTES: usize = 128;
const DIGEST_BYTES: usize = 64;

/** AlgorithmIdentifier: id-Ed25519 without parameters (RFC 8410 section 3). */
const IDENTIFIER = memory.data<u8>([0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70]);
const IDENTIFIER_BYTES: usize = 7;

/** dom2(1, ""), RFC 8032 section 2: "SigEd25519 no Ed25519 collisions", the flag, the length of the empty context. */
// biome-ignore format: text
const DOMAIN = memory.data<u8>([
  0x53, 0x69, 0x67, 0x45, 0x64, 0x32, 0x35, 0x35, 0x31, 0x39, 0x20, 0x6e, 0x6f, 0x20, 0x45, 0x64, 0x32,
  0x35, 0x35, 0x31, 0x39, 0x20, 0x63, 0x6f, 0x6c, 0x6c, 0x69, 0x73, 0x69, 0x6f, 0x6e, 0x73, 0x01, 0x00,
]);
const DOMAIN_BYTES: usize = 34;

/**
 * What a key keeps beside its seed: the encoded public point, then (of private keys) the clamped scalar and the prefix, section
 * 5.1.5. The tables for verification are made when the key first verifies.
 */
const SCALAR: usize = POINT_BYTES;
const PREFIX: usize = SCALAR + SCALAR_BYTES;
const PREFIX_BYTES: usize = 32;
const PREPARED_BYTES: usize = PREFIX + PREFIX_BYTES;

const SCRATCH_BYTES: usize = 2 * DIGEST_BYTES + BLOCK_BYTES + 2 * SCALAR_BYTES + SIGNATURE_BYTES + DIGEST_BYTES;
const scratch = memory.data(<i32>SCRATCH_BYTES, 16);
const state = scratch;
const digest = state + DIGEST_BYTES;
const block = digest + DIGEST_BYTES;
const r = block + BLOCK_BYTES;
const k = r + SCALAR_BYTES;
const signature = k + SCALAR_BYTES;
const prehash = signature + SIGNATURE_BYTES;

const pairMessage = memory.data<u8>([1]);
const pairSignature = memory.data(<i32>SIGNATURE_BYTES, 16);

const reader = changetype<DerReader>(memory.data(<i32>offsetof<DerReader>(), 16));
const writer = changetype<DerWriter>(memory.data(<i32>offsetof<DerWriter>(), 16));
const pkcs8 = changetype<Pkcs8>(memory.data(<i32>offsetof<Pkcs8>(), 16));

// ---- Hashing ----

/** Bytes waiting in `block` to be hashed before a message. They are fewer than a block. */
let headBytes: usize = 0;

function startHead(isPrehashed: bool): void {
  headBytes = 0;
  if (isPrehashed) appendHead(DOMAIN, DOMAIN_BYTES);
}

function appendHead(data: usize, bytes: usize): void {
  memory.copy(block + headBytes, data, bytes);
  headBytes += bytes;
}

/** scalar = SHA-512(head || message) mod L. */
function hashToScalar(scalar: usize, message: usize, bytes: usize): void {
  hashWithHead(message, bytes);
  reduceScalar(scalar, digest);
}

/** digest = SHA-512(head || message). */
function hashWithHead(message: usize, bytes: usize): void {
  const hash = hashOf(HASH_SHA_512);
  const taken = min(BLOCK_BYTES - headBytes, bytes);
  memory.copy(state, hash.initialState, DIGEST_BYTES);
  appendHead(message, taken);
  if (headBytes < BLOCK_BYTES) {
    complete(hash, state, block, headBytes, 0, digest);
  } else {
    absorb(hash, state, block, 1);
    complete(hash, state, message + taken, bytes - taken, BLOCK_BYTES, digest);
  }
}

/** prehash = SHA-512 of the message, or the message that is a digest already. */
function prehashInput(item: Item): u32 {
  if (item.flags & FLAG_MESSAGE_IS_DIGEST) {
    if (item.inputBytes != DIGEST_BYTES) return STATUS_INVALID_LENGTH;
    memory.copy(prehash, item.input, DIGEST_BYTES);
    return STATUS_OK;
  }
  headBytes = 0;
  hashWithHead(item.input, item.inputBytes);
  memory.copy(prehash, digest, DIGEST_BYTES);
  return STATUS_OK;
}

// ---- Signing, RFC 8032 section 5.1.6 ----

/** Writes R and S. False where memory is short. */
function signMessage(output: usize, key: Key, isPrehashed: bool, message: usize, bytes: usize): bool {
  startHead(isPrehashed);
  appendHead(key.prepared + PREFIX, PREFIX_BYTES);
  hashToScalar(r, message, bytes);
  // In memory of its own: the output may lie anywhere, even over the message.
  const isDone = multiplyBase(signature, r);
  if (isDone) {
    startHead(isPrehashed);
    appendHead(signature, POINT_BYTES);
    appendHead(key.prepared, POINT_BYTES);
    hashToScalar(k, message, bytes);
    multiplyAddScalars(signature + POINT_BYTES, k, key.prepared + SCALAR, r);
    memory.copy(output, signature, SIGNATURE_BYTES);
  }
  wipe(scratch, SCRATCH_BYTES);
  return isDone;
}

function signItem(item: Item, isPrehashed: bool, message: usize, bytes: usize): u32 {
  if (!signMessage(item.output, item.key, isPrehashed, message, bytes)) return STATUS_OUT_OF_MEMORY;
  item.outputBytes = SIGNATURE_BYTES;
  return STATUS_OK;
}

/** Why an item cannot be signed whatever its message is. Asked before the scratch memory holds anything of it. */
function signingStatus(item: Item, allowedFlags: u32): u32 {
  if (!item.key.material) return STATUS_WRONG_KEY;
  if (item.flags & ~(allowedFlags | FLAG_EXTERNAL)) return STATUS_MALFORMED_RECORD;
  return item.capacityBytes < SIGNATURE_BYTES ? STATUS_MALFORMED_RECORD : testStatus();
}

function sign(item: Item): u32 {
  const status = signingStatus(item, 0);
  return status == STATUS_OK ? signItem(item, false, item.input, item.inputBytes) : status;
}

function signPrehashed(item: Item): u32 {
  let status = signingStatus(item, FLAG_MESSAGE_IS_DIGEST);
  if (status == STATUS_OK) status = prehashInput(item);
  return status == STATUS_OK ? signItem(item, true, prehash, DIGEST_BYTES) : status;
}

// ---- Verification, section 5.1.7 ----

function hasTables(key: Key): bool {
  if (key.tables) return true;
  key.tables = allocate(KEY_TABLES_BYTES);
  key.tablesBytes = KEY_TABLES_BYTES;
  if (!key.tables) return false;
  makeKeyTables_vartime(key.tables, key.prepared);
  return true;
}

/** OK, or INVALID_SIGNATURE. */
function verifyMessage(
  key: Key,
  given: usize,
  givenBytes: usize,
  isPrehashed: bool,
  message: usize,
  bytes: usize,
): u32 {
  if (givenBytes != SIGNATURE_BYTES) return STATUS_INVALID_SIGNATURE;
  const s = given + POINT_BYTES;
  // Step 1; without it S + L would be a second signature.
  if (!isCanonicalScalar_vartime(s)) return STATUS_INVALID_SIGNATURE;
  if (!hasTables(key)) return STATUS_OUT_OF_MEMORY;
  startHead(isPrehashed);
  appendHead(given, POINT_BYTES);
  appendHead(key.prepared, POINT_BYTES);
  hashToScalar(k, message, bytes);
  if (!combine_vartime(signature, s, k, key.tables)) return STATUS_OUT_OF_MEMORY;
  return isEqual(signature, given, POINT_BYTES) ? STATUS_OK : STATUS_INVALID_SIGNATURE;
}

/** Why an item cannot be verified whatever its message and signature are; likewise. */
function verifyingStatus(item: Item, allowedFlags: u32): u32 {
  const isAllowed = !(item.flags & ~(allowedFlags | FLAG_EXTERNAL));
  return isAllowed ? testStatus() : STATUS_MALFORMED_RECORD;
}

function verify(item: Item): u32 {
  const status = verifyingStatus(item, 0);
  if (status != STATUS_OK) return status;
  return verifyMessage(item.key, item.extra, item.extraBytes, false, item.input, item.inputBytes);
}

function verifyPrehashed(item: Item): u32 {
  let status = verifyingStatus(item, FLAG_MESSAGE_IS_DIGEST);
  if (status == STATUS_OK) status = prehashInput(item);
  if (status != STATUS_OK) return status;
  return verifyMessage(item.key, item.extra, item.extraBytes, true, prehash, DIGEST_BYTES);
}

// ---- Keys ----

/** Takes a seed, and makes of it what signing needs (section 5.1.5). */
function setSeed(key: Key, seed: usize, bytes: usize): u32 {
  if (bytes != SEED_BYTES) return STATUS_INVALID_KEY;
  key.material = allocate(SEED_BYTES);
  key.materialBytes = SEED_BYTES;
  const prepared = prepare(key, PREPARED_BYTES);
  if (!key.material || !prepared) return STATUS_OUT_OF_MEMORY;
  memory.copy(key.material, seed, SEED_BYTES);
  headBytes = 0;
  hashWithHead(seed, SEED_BYTES);
  store<u8>(digest, load<u8>(digest) & 0xf8);
  store<u8>(digest, (load<u8>(digest, 31) & 0x7f) | 0x40, 31);
  memory.copy(prepared + SCALAR, digest, SCALAR_BYTES + PREFIX_BYTES);
  // The base point's multiples go by scalars below its order.
  memory.fill(digest + SCALAR_BYTES, 0, DIGEST_BYTES - SCALAR_BYTES);
  reduceScalar(r, digest);
  const isDone = multiplyBase(prepared, r);
  wipe(scratch, SCRATCH_BYTES);
  return isDone ? STATUS_OK : STATUS_OUT_OF_MEMORY;
}

/** RFC 8410 section 7: the seed in an OCTET STRING of its own; the public key, where present, must be the seed's. */
function readPkcs8Key(key: Key, data: usize, bytes: usize): u32 {
  if (!readPkcs8(data, bytes, IDENTIFIER, IDENTIFIER_BYTES, pkcs8)) return STATUS_INVALID_KEY;
  reader.start(pkcs8.privateKey, pkcs8.privateKeyBytes);
  if (!reader.read(DER_OCTET_STRING) || !reader.isAtEnd()) return STATUS_INVALID_KEY;
  const status = setSeed(key, reader.content, reader.contentBytes);
  if (status != STATUS_OK || !pkcs8.publicKey) return status;
  const isItsOwn = pkcs8.publicKeyBytes == POINT_BYTES && isEqual(pkcs8.publicKey, key.prepared, POINT_BYTES);
  return isItsOwn ? STATUS_OK : STATUS_INVALID_KEY;
}

function readSpkiKey(key: Key, data: usize, bytes: usize): u32 {
  const point = readSpki(data, bytes, IDENTIFIER, IDENTIFIER_BYTES);
  // With a key of small order one signature would hold for many messages.
  if (!point || spkiKeyBytes() != POINT_BYTES || !isPublicKey_vartime(point)) return STATUS_INVALID_KEY;
  if (!prepare(key, POINT_BYTES)) return STATUS_OUT_OF_MEMORY;
  memory.copy(key.prepared, point, POINT_BYTES);
  return STATUS_OK;
}

function read(key: Key, format: u32, data: usize, bytes: usize): u32 {
  const proven = testStatus();
  if (proven != STATUS_OK) return proven;
  if (format == FLAG_FORMAT_PKCS8) return readPkcs8Key(key, data, bytes);
  if (format == FLAG_FORMAT_SPKI) return readSpkiKey(key, data, bytes);
  return setSeed(key, data, bytes);
}

function write(key: Key, format: u32, output: usize, capacityBytes: usize): i32 {
  if (format == FLAG_FORMAT_SPKI) {
    return writeSpki(IDENTIFIER, IDENTIFIER_BYTES, key.prepared, POINT_BYTES, output, capacityBytes);
  }
  if (!key.material) return -(<i32>STATUS_NOT_EXPORTABLE);
  writer.start(output, capacityBytes);
  writer.prepend(key.material, SEED_BYTES);
  if (format == FLAG_FORMAT_PKCS8) {
    writer.prependHeader(DER_OCTET_STRING, 0);
    prependPkcs8(writer, IDENTIFIER, IDENTIFIER_BYTES, 0);
  }
  return writer.finish();
}

/** FIPS 186-5 section A.1 asks for a pairwise test of new pairs: it signs, and its public half accepts. */
function pairStatus(key: Key): u32 {
  if (!signMessage(pairSignature, key, false, pairMessage, 1)) return STATUS_OUT_OF_MEMORY;
  const status = verifyMessage(key, pairSignature, SIGNATURE_BYTES, false, pairMessage, 1);
  return status == STATUS_INVALID_SIGNATURE ? STATUS_INTERNAL : status;
}

function generate(key: Key): u32 {
  const proven = testStatus();
  if (proven != STATUS_OK) return proven;
  if (!fillRandom(k, SEED_BYTES)) return STATUS_UNAVAILABLE;
  const status = setSeed(key, k, SEED_BYTES);
  return status == STATUS_OK ? pairStatus(key) : status;
}

// ---- Self-test ----

/** The answers of native/core/known_answers.h: a seed, and the signatures of "keymill known answer" and of its SHA-512 under it. */
// biome-ignore format: bytes
const knownSeed = memory.data<u8>([
  0x6a, 0x27, 0x54, 0xb4, 0x41, 0x63, 0x4d, 0x9b, 0xa9, 0x48, 0x3d, 0x69, 0x7a, 0x25, 0x83, 0x4e,
  0xaf, 0x22, 0x37, 0x67, 0x6f, 0xaf, 0xc2, 0x7a, 0x28, 0xd9, 0xca, 0xfa, 0x05, 0x65, 0xc4, 0x46,
]);
// biome-ignore format: bytes
const knownMessage = memory.data<u8>([
  0x6b, 0x65, 0x79, 0x6d, 0x69, 0x6c, 0x6c, 0x20, 0x6b, 0x6e, 0x6f, 0x77, 0x6e, 0x20, 0x61, 0x6e,
  0x73, 0x77, 0x65, 0x72,
]);
const KNOWN_MESSAGE_BYTES: usize = 20;
// biome-ignore format: bytes
const knownSignature = memory.data<u8>([
  0x14, 0xe5, 0x00, 0x7f, 0xc3, 0x14, 0x99, 0x57, 0x15, 0xb4, 0x5f, 0xd8, 0x18, 0x0a, 0xf5, 0xfb,
  0x0c, 0xe5, 0xf6, 0x2d, 0xbb, 0x94, 0xe8, 0xcd, 0xfd, 0x3d, 0x13, 0x3a, 0x19, 0x90, 0x73, 0x81,
  0xf6, 0x89, 0xe7, 0x25, 0x75, 0xe7, 0xd7, 0x27, 0x17, 0xce, 0x44, 0xfd, 0xaa, 0x3d, 0xb3, 0xed,
  0xab, 0x0a, 0xd5, 0x93, 0x03, 0xaf, 0xbe, 0x85, 0xf0, 0x3c, 0x70, 0xed, 0x76, 0x37, 0xb2, 0x0e,
]);
// biome-ignore format: bytes
const knownPrehashedSignature = memory.data<u8>([
  0xb2, 0x7b, 0x1e, 0xef, 0x68, 0x15, 0x8c, 0xab, 0x09, 0xd6, 0x9d, 0xee, 0xe7, 0x90, 0x19, 0x71,
  0x76, 0x4c, 0x54, 0x44, 0xd7, 0xfb, 0x21, 0x9b, 0x08, 0x45, 0x3c, 0xd1, 0x8a, 0x90, 0xad, 0xc8,
  0x9a, 0x68, 0xc5, 0x9c, 0x30, 0x50, 0x19, 0x14, 0x7a, 0xaa, 0xf5, 0x90, 0x06, 0xb9, 0x8b, 0x91,
  0xb6, 0x75, 0x05, 0x97, 0x75, 0xd0, 0xfc, 0x59, 0x95, 0x07, 0x04, 0x75, 0x64, 0x61, 0x1b, 0x0c,
]);
const knownPrehash = memory.data(<i32>DIGEST_BYTES, 16);
const knownKey = changetype<Key>(memory.data(<i32>offsetof<Key>(), 16));

let isProven: bool = false;

/**
 * OK once the known answers have been given, UNAVAILABLE where they are not. Asked before the first key is made or, in a worker, used;
 * not at load, since it takes the base point's table and not every program has such keys.
 */
function testStatus(): u32 {
  if (isProven) return STATUS_OK;
  let status = setSeed(knownKey, knownSeed, SEED_BYTES);
  headBytes = 0;
  hashWithHead(knownMessage, KNOWN_MESSAGE_BYTES);
  memory.copy(knownPrehash, digest, DIGEST_BYTES);
  if (status == STATUS_OK) status = answerStatus(false, knownMessage, KNOWN_MESSAGE_BYTES, knownSignature);
  if (status == STATUS_OK) status = answerStatus(true, knownPrehash, DIGEST_BYTES, knownPrehashedSignature);
  release(knownKey.material, knownKey.materialBytes);
  release(knownKey.prepared, knownKey.preparedBytes);
  release(knownKey.tables, knownKey.tablesBytes);
  memory.fill(changetype<usize>(knownKey), 0, offsetof<Key>());
  isProven = status == STATUS_OK;
  return status;
}

/** Signs, compares, verifies, and does not verify what differs in one bit. */
function answerStatus(isPrehashed: bool, message: usize, bytes: usize, answer: usize): u32 {
  if (!signMessage(pairSignature, knownKey, isPrehashed, message, bytes)) return STATUS_OUT_OF_MEMORY;
  if (!isEqual(pairSignature, answer, SIGNATURE_BYTES)) return STATUS_UNAVAILABLE;
  const right = verifyMessage(knownKey, pairSignature, SIGNATURE_BYTES, isPrehashed, message, bytes);
  if (right != STATUS_OK) return right == STATUS_OUT_OF_MEMORY ? right : STATUS_UNAVAILABLE;
  store<u8>(pairSignature, load<u8>(pairSignature) ^ 1);
  const wrong = verifyMessage(knownKey, pairSignature, SIGNATURE_BYTES, isPrehashed, message, bytes);
  return wrong == STATUS_INVALID_SIGNATURE ? STATUS_OK : STATUS_UNAVAILABLE;
}

export function registerEdwards(): void {
  openField();
  const type = keyType(KEY_SPEC_ECC_NIST_EDWARDS25519);
  const generateKey: (key: Key) => u32 = generate;
  const readKey: (key: Key, format: u32, data: usize, bytes: usize) => u32 = read;
  const writeKey: (key: Key, format: u32, output: usize, capacityBytes: usize) => i32 = write;
  type.generate = generateKey.index;
  type.read = readKey.index;
  type.write = writeKey.index;
  const spec = specs(KEY_SPEC_ECC_NIST_EDWARDS25519);
  register(OPERATION_SIGN, ALGORITHM_ED25519_SHA_512, spec, sign);
  register(OPERATION_VERIFY, ALGORITHM_ED25519_SHA_512, spec, verify);
  register(OPERATION_SIGN, ALGORITHM_ED25519_PH_SHA_512, spec, signPrehashed);
  register(OPERATION_VERIFY, ALGORITHM_ED25519_PH_SHA_512, spec, verifyPrehashed);
}
