/**
 * Encodings of RFC 8017: OAEP (section 7.1), PSS (9.1) and PKCS#1 v1.5 signatures (9.2), all with one hash for everything they hash.
 * Encoded messages are as long as the modulus. Knows no key.
 */
import { zeroMask } from './bignum';
import { HASH_SHA_256 } from './contract';
import { complete, Hash, MAXIMUM_DIGEST_BYTES } from './hash';
import { isEqual, wipe } from './memory';
import { fillRandom } from './random';

const MAXIMUM_MODULUS_BYTES: usize = 512;
const COUNTER_BYTES: usize = 4;

const state = memory.data(<i32>MAXIMUM_DIGEST_BYTES, 16);
const block = memory.data(<i32>MAXIMUM_DIGEST_BYTES, 16);
const seeded = memory.data(<i32>(MAXIMUM_MODULUS_BYTES + COUNTER_BYTES), 16);

/** output <- hash of a message. */
export function hashMessage(hash: Hash, message: usize, bytes: usize, output: usize): void {
  memory.copy(state, hash.initialState, hash.stateBytes);
  complete(hash, state, message, bytes, 0, output);
  wipe(state, hash.stateBytes);
}

/** target <- target xor MGF1(seed), appendix B.2.1. */
function mask(hash: Hash, seed: usize, seedBytes: usize, target: usize, bytes: usize): void {
  memory.copy(seeded, seed, seedBytes);
  let counter: u32 = 0;
  for (let done: usize = 0; done < bytes; done += hash.digestBytes) {
    store<u32>(seeded + seedBytes, bswap<u32>(counter++));
    hashMessage(hash, seeded, seedBytes + COUNTER_BYTES, block);
    const part = min(hash.digestBytes, bytes - done);
    for (let i: usize = 0; i < part; i++) {
      const at = target + done + i;
      store<u8>(at, load<u8>(at) ^ load<u8>(block + i));
    }
  }
  wipe(seeded, seedBytes + COUNTER_BYTES);
  wipe(block, MAXIMUM_DIGEST_BYTES);
}

// ---- OAEP ----

/** The longest message OAEP takes, section 7.1.1 step 1.b. */
export function longestOaepMessage(hash: Hash, modulusBytes: usize): usize {
  return modulusBytes - 2 * hash.digestBytes - 2;
}

/** EME-OAEP encoding with an empty label, section 7.1.1 step 2; false where randomness is unavailable. */
export function encodeOaep(hash: Hash, encoded: usize, modulusBytes: usize, message: usize, bytes: usize): bool {
  const digestBytes = hash.digestBytes;
  const seed = encoded + 1;
  const block = seed + digestBytes;
  const blockBytes = modulusBytes - digestBytes - 1;
  memory.fill(encoded, 0, modulusBytes);
  hashMessage(hash, encoded, 0, block);
  store<u8>(block + blockBytes - bytes - 1, 1);
  memory.copy(block + blockBytes - bytes, message, bytes);
  if (!fillRandom(seed, digestBytes)) return false;
  mask(hash, seed, digestBytes, block, blockBytes);
  mask(hash, block, blockBytes, seed, digestBytes);
  return true;
}

const labelHash = memory.data(<i32>MAXIMUM_DIGEST_BYTES, 16);

/**
 * EME-OAEP decoding in place, section 7.1.2 step 3: where in the encoded message the message begins, or 0 where it is none. All that
 * could be wrong is looked at in one way, so that nothing but that single verdict comes out (Manger, CRYPTO 2001).
 */
export function decodeOaep(hash: Hash, encoded: usize, modulusBytes: usize): usize {
  const digestBytes = hash.digestBytes;
  const seed = encoded + 1;
  const block = seed + digestBytes;
  const blockBytes = modulusBytes - digestBytes - 1;
  mask(hash, block, blockBytes, seed, digestBytes);
  mask(hash, seed, digestBytes, block, blockBytes);
  hashMessage(hash, labelHash, 0, labelHash);
  let wrong: u32 = load<u8>(encoded);
  for (let i: usize = 0; i < digestBytes; i++) wrong |= load<u8>(block + i) ^ load<u8>(labelHash + i);
  // Zeros up to the first other byte, which must be 1; masks keep where it is.
  let isPadding: u32 = u32.MAX_VALUE;
  let start: u32 = 0;
  for (let i = digestBytes; i < blockBytes; i++) {
    const byte = <u32>load<u8>(block + i);
    const isFirst = isPadding & ~zeroMask(byte);
    wrong |= isFirst & (byte ^ 1);
    start |= isFirst & <u32>(block + i + 1 - encoded);
    isPadding &= ~isFirst;
  }
  wrong |= isPadding;
  return <usize>(start & zeroMask(wrong));
}

// ---- PSS ----

const PSS_TRAILER: u8 = 0xbc;
const PSS_PREFIX_BYTES: usize = 8;
const salted = memory.data(<i32>(PSS_PREFIX_BYTES + 2 * MAXIMUM_DIGEST_BYTES), 16);
const SALTED_BYTES: usize = PSS_PREFIX_BYTES + 2 * MAXIMUM_DIGEST_BYTES;
/** Moduli are whole bytes long, so that emBits = 8 * modulusBytes - 1: the first bit is left out. */
const PSS_TOP_MASK: u8 = 0x7f;

/** output <- Hash(eight zeros || digest || salt), section 9.1.1 steps 5 and 6. */
function hashSalted(hash: Hash, digest: usize, salt: usize, output: usize): void {
  memory.fill(salted, 0, PSS_PREFIX_BYTES);
  memory.copy(salted + PSS_PREFIX_BYTES, digest, hash.digestBytes);
  memory.copy(salted + PSS_PREFIX_BYTES + hash.digestBytes, salt, hash.digestBytes);
  hashMessage(hash, salted, PSS_PREFIX_BYTES + 2 * hash.digestBytes, output);
  wipe(salted, SALTED_BYTES);
}

/** EMSA-PSS encoding with a salt as long as the hash, section 9.1.1; false where randomness is unavailable. */
export function encodePss(hash: Hash, encoded: usize, modulusBytes: usize, digest: usize): bool {
  const digestBytes = hash.digestBytes;
  const blockBytes = modulusBytes - digestBytes - 1;
  const salt = encoded + blockBytes - digestBytes;
  memory.fill(encoded, 0, modulusBytes);
  if (!fillRandom(salt, digestBytes)) return false;
  store<u8>(salt - 1, 1);
  hashSalted(hash, digest, salt, encoded + blockBytes);
  mask(hash, encoded + blockBytes, digestBytes, encoded, blockBytes);
  store<u8>(encoded, load<u8>(encoded) & PSS_TOP_MASK);
  store<u8>(encoded + modulusBytes - 1, PSS_TRAILER);
  return true;
}

/** EMSA-PSS verification, section 9.1.2, of an encoded message, which is overwritten. The salt must be as long as the hash. */
export function isPssOf(hash: Hash, encoded: usize, modulusBytes: usize, digest: usize): bool {
  const digestBytes = hash.digestBytes;
  const blockBytes = modulusBytes - digestBytes - 1;
  const salt = encoded + blockBytes - digestBytes;
  let wrong: u32 = (load<u8>(encoded + modulusBytes - 1) ^ PSS_TRAILER) | (load<u8>(encoded) & ~PSS_TOP_MASK);
  mask(hash, encoded + blockBytes, digestBytes, encoded, blockBytes);
  wrong |= load<u8>(encoded) & PSS_TOP_MASK;
  for (let at = encoded + 1; at < salt - 1; at++) wrong |= load<u8>(at);
  wrong |= load<u8>(salt - 1) ^ 1;
  hashSalted(hash, digest, salt, labelHash);
  return !wrong && isEqual(labelHash, encoded + blockBytes, digestBytes);
}

// ---- PKCS#1 v1.5 ----

/** DigestInfo up to the digest, section 9.2 note 1, for SHA-256; the others differ in the bytes set below. */
// biome-ignore format: bytes
const digestInfo = memory.data<u8>([
  0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
]);
const DIGEST_INFO_BYTES: usize = 19;
const INFO_LENGTH: usize = 1;
const INFO_HASH: usize = 14;
const INFO_DIGEST_LENGTH: usize = 18;

/** The last arc of the hash's object identifier: 2.16.840.1.101.3.4.2.1 to 3 are SHA-256, SHA-384 and SHA-512. */
const FIRST_ARC: u32 = 1;

/** EMSA-PKCS1-v1_5 encoding, section 9.2. */
export function encodePkcs1(hash: Hash, hashId: u32, encoded: usize, modulusBytes: usize, digest: usize): void {
  const digestBytes = hash.digestBytes;
  const info = encoded + modulusBytes - digestBytes - DIGEST_INFO_BYTES;
  memory.fill(encoded, 0xff, modulusBytes);
  store<u8>(encoded, 0);
  store<u8>(encoded, 1, 1);
  store<u8>(info - 1, 0);
  memory.copy(info, digestInfo, DIGEST_INFO_BYTES);
  store<u8>(info + INFO_LENGTH, <u8>(DIGEST_INFO_BYTES - 2 + digestBytes));
  store<u8>(info + INFO_HASH, <u8>(hashId - HASH_SHA_256 + FIRST_ARC));
  store<u8>(info + INFO_DIGEST_LENGTH, <u8>digestBytes);
  memory.copy(info + DIGEST_INFO_BYTES, digest, digestBytes);
}
