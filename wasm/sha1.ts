/**
 * SHA-1 (FIPS 180-4 section 6.1), for OAEP and legacy digests only. Knows how to compress blocks; padding is hash.ts's.
 */
import { HASH_SHA_1 } from './contract';
import { registerHash } from './hash';
import { wipe } from './memory';

const DIGEST_BYTES: usize = 20;
const BLOCK_BYTES: usize = 64;
const ROUNDS: usize = 80;

// FIPS 180-4 section 5.3.1.
const initialState = memory.data<u32>([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0], 16);
const W = memory.data(<i32>(ROUNDS * 4), 16);

/** Section 6.1.2 step 1: the message schedule. */
@inline
function expand(data: usize): void {
  for (let t: usize = 0; t < 64; t += 4) store<u32>(W + t, bswap<u32>(load<u32>(data + t)));
  for (let t: usize = 64; t < ROUNDS * 4; t += 4) {
    const mixed = load<u32>(W + t - 12) ^ load<u32>(W + t - 32) ^ load<u32>(W + t - 56) ^ load<u32>(W + t - 64);
    store<u32>(W + t, rotl<u32>(mixed, 1));
  }
}

@inline
function Ch(x: u32, y: u32, z: u32): u32 {
  return z ^ (x & (y ^ z));
}

@inline
function Parity(x: u32, y: u32, z: u32): u32 {
  return x ^ y ^ z;
}

@inline
function Maj(x: u32, y: u32, z: u32): u32 {
  return (x & y) | (z & (x | y));
}

/** K (section 4.2.1) + W of a round. The rotation of a is added last, since it waits longest for the round before. */
@inline
function input(K: u32, w: usize): u32 {
  return K + load<u32>(w);
}

export function compressSha1(state: usize, data: usize, blocks: usize): void {
  let h0 = load<u32>(state);
  let h1 = load<u32>(state, 4);
  let h2 = load<u32>(state, 8);
  let h3 = load<u32>(state, 12);
  let h4 = load<u32>(state, 16);
  for (; blocks; blocks--) {
    expand(data);
    let a = h0;
    let b = h1;
    let c = h2;
    let d = h3;
    let e = h4;
    // Five rounds a turn, so that the variables rotate back to their names.
    let w = W;
    for (const end = W + 80; w < end; w += 20) {
      e = e + input(0x5a827999, w) + Ch(b, c, d) + rotl<u32>(a, 5);
      b = rotl<u32>(b, 30);
      d = d + input(0x5a827999, w + 4) + Ch(a, b, c) + rotl<u32>(e, 5);
      a = rotl<u32>(a, 30);
      c = c + input(0x5a827999, w + 8) + Ch(e, a, b) + rotl<u32>(d, 5);
      e = rotl<u32>(e, 30);
      b = b + input(0x5a827999, w + 12) + Ch(d, e, a) + rotl<u32>(c, 5);
      d = rotl<u32>(d, 30);
      a = a + input(0x5a827999, w + 16) + Ch(c, d, e) + rotl<u32>(b, 5);
      c = rotl<u32>(c, 30);
    }
    for (const end = W + 160; w < end; w += 20) {
      e = e + input(0x6ed9eba1, w) + Parity(b, c, d) + rotl<u32>(a, 5);
      b = rotl<u32>(b, 30);
      d = d + input(0x6ed9eba1, w + 4) + Parity(a, b, c) + rotl<u32>(e, 5);
      a = rotl<u32>(a, 30);
      c = c + input(0x6ed9eba1, w + 8) + Parity(e, a, b) + rotl<u32>(d, 5);
      e = rotl<u32>(e, 30);
      b = b + input(0x6ed9eba1, w + 12) + Parity(d, e, a) + rotl<u32>(c, 5);
      d = rotl<u32>(d, 30);
      a = a + input(0x6ed9eba1, w + 16) + Parity(c, d, e) + rotl<u32>(b, 5);
      c = rotl<u32>(c, 30);
    }
    for (const end = W + 240; w < end; w += 20) {
      e = e + input(0x8f1bbcdc, w) + Maj(b, c, d) + rotl<u32>(a, 5);
      b = rotl<u32>(b, 30);
      d = d + input(0x8f1bbcdc, w + 4) + Maj(a, b, c) + rotl<u32>(e, 5);
      a = rotl<u32>(a, 30);
      c = c + input(0x8f1bbcdc, w + 8) + Maj(e, a, b) + rotl<u32>(d, 5);
      e = rotl<u32>(e, 30);
      b = b + input(0x8f1bbcdc, w + 12) + Maj(d, e, a) + rotl<u32>(c, 5);
      d = rotl<u32>(d, 30);
      a = a + input(0x8f1bbcdc, w + 16) + Maj(c, d, e) + rotl<u32>(b, 5);
      c = rotl<u32>(c, 30);
    }
    for (const end = W + 320; w < end; w += 20) {
      e = e + input(0xca62c1d6, w) + Parity(b, c, d) + rotl<u32>(a, 5);
      b = rotl<u32>(b, 30);
      d = d + input(0xca62c1d6, w + 4) + Parity(a, b, c) + rotl<u32>(e, 5);
      a = rotl<u32>(a, 30);
      c = c + input(0xca62c1d6, w + 8) + Parity(e, a, b) + rotl<u32>(d, 5);
      e = rotl<u32>(e, 30);
      b = b + input(0xca62c1d6, w + 12) + Parity(d, e, a) + rotl<u32>(c, 5);
      d = rotl<u32>(d, 30);
      a = a + input(0xca62c1d6, w + 16) + Parity(c, d, e) + rotl<u32>(b, 5);
      c = rotl<u32>(c, 30);
    }
    h0 += a;
    h1 += b;
    h2 += c;
    h3 += d;
    h4 += e;
    data += BLOCK_BYTES;
  }
  store<u32>(state, h0);
  store<u32>(state, h1, 4);
  store<u32>(state, h2, 8);
  store<u32>(state, h3, 12);
  store<u32>(state, h4, 16);
  wipe(W, ROUNDS * 4);
}

export function registerSha1(): void {
  registerHash(HASH_SHA_1, DIGEST_BYTES, BLOCK_BYTES, 4, DIGEST_BYTES, initialState, compressSha1);
}
