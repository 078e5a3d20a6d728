/**
 * Nonces of ECDSA: RFC 6979 section 3.2, an HMAC generator seeded with the private key and the digest, to which randomness is added as
 * section 3.6 allows ("hedged"). Without randomness nonces are those of the RFC; with it, neither a bad generator nor a fault that
 * repeats a computation gives two signatures with related nonces.
 */
import { absorb, complete, Hash, MAXIMUM_BLOCK_BYTES, MAXIMUM_DIGEST_BYTES } from './hash';
import { isBelow, isZero, readBigEndian, shiftRight } from './limbs';
import { wipe } from './memory';
import { Modulus } from './modulus';

const INNER_PAD: u64 = 0x3636363636363636;
const OUTER_PAD: u64 = 0x5c5c5c5c5c5c5c5c;
const MAXIMUM_NUMBER_BYTES: usize = 66;
const MAXIMUM_ADDED_BYTES: usize = 64;
/** V, a separator and the seed. */
const MESSAGE_BYTES: usize = MAXIMUM_DIGEST_BYTES + 1 + 2 * MAXIMUM_NUMBER_BYTES + MAXIMUM_ADDED_BYTES;

const SCRATCH_BYTES: usize = 5 * MAXIMUM_DIGEST_BYTES + 2 * MAXIMUM_BLOCK_BYTES + MESSAGE_BYTES;
const scratch = memory.data(<i32>SCRATCH_BYTES, 16);
const state = scratch;
const inner = state + MAXIMUM_DIGEST_BYTES;
const outer = inner + MAXIMUM_DIGEST_BYTES;
const K = outer + MAXIMUM_DIGEST_BYTES;
const tag = K + MAXIMUM_DIGEST_BYTES;
const keyBlock = tag + MAXIMUM_DIGEST_BYTES;
/** T of section 3.2 step h. */
const bits = keyBlock + MAXIMUM_BLOCK_BYTES;
/** V is kept where every message begins with it. */
const V = bits + MAXIMUM_BLOCK_BYTES;

export function wipeNonces(): void {
  wipe(scratch, SCRATCH_BYTES);
}

function padKey(hash: Hash, pad: u64, midstate: usize): void {
  for (let i: usize = 0; i < hash.blockBytes; i += 8) store<u64>(keyBlock + i, pad);
  for (let i: usize = 0; i < hash.digestBytes; i += 8) store<u64>(keyBlock + i, load<u64>(K + i) ^ pad);
  memory.copy(midstate, hash.initialState, hash.stateBytes);
  absorb(hash, midstate, keyBlock, 1);
}

/** Takes K as the key of the HMACs that follow. */
function useKey(hash: Hash): void {
  padKey(hash, INNER_PAD, inner);
  padKey(hash, OUTER_PAD, outer);
}

/** output = HMAC_K of the first bytes of V and what follows it. */
function authenticate(hash: Hash, bytes: usize, output: usize): void {
  memory.copy(state, inner, hash.stateBytes);
  complete(hash, state, V, bytes, hash.blockBytes, tag);
  memory.copy(state, outer, hash.stateBytes);
  complete(hash, state, tag, hash.digestBytes, hash.blockBytes, output);
}

/** K = HMAC_K(V || separator || seed), V = HMAC_K(V), the seed being there already: steps d and e, f and g, and the retry of step h. */
function update(hash: Hash, separator: u8, seedBytes: usize): void {
  store<u8>(V + hash.digestBytes, separator);
  authenticate(hash, hash.digestBytes + 1 + seedBytes, K);
  useKey(hash);
  authenticate(hash, hash.digestBytes, V);
}

/**
 * Steps b to g. `d` is the private key and `z` the digest reduced mod n, big-endian of `bytes` each; `added` is randomness, at most
 * MAXIMUM_ADDED_BYTES, or nothing.
 */
export function startNonces(hash: Hash, d: usize, z: usize, bytes: usize, added: usize, addedBytes: usize): void {
  const seed = V + hash.digestBytes + 1;
  const seedBytes: usize = 2 * bytes + addedBytes;
  memory.fill(V, 1, hash.digestBytes);
  memory.fill(K, 0, hash.digestBytes);
  memory.copy(seed, d, bytes);
  memory.copy(seed + bytes, z, bytes);
  memory.copy(seed + 2 * bytes, added, addedBytes);
  useKey(hash);
  update(hash, 0, seedBytes);
  update(hash, 1, seedBytes);
}

/** Prepares for another nonce after one that did not serve. */
export function skipNonce(hash: Hash): void {
  update(hash, 0, 0);
}

/** Step h: words of a number in [1, n - 1], from the leftmost bits of as many blocks as it takes. Others are skipped, never reduced. */
export function nextNonce(hash: Hash, words: usize, order: Modulus, bytes: usize, orderBits: usize): void {
  for (;;) {
    for (let made: usize = 0; made < bytes; made += hash.digestBytes) {
      authenticate(hash, hash.digestBytes, V);
      memory.copy(bits + made, V, hash.digestBytes);
    }
    readBigEndian(words, bits, bytes);
    shiftRight(words, 8 * bytes - orderBits);
    // A number out of range is discarded: that it was says nothing of the one that is used.
    if (isBelow(words, order.words) && !isZero(words)) return;
    skipNonce(hash);
  }
}
