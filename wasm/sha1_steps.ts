/**
 * The steps of SHA-1 (FIPS 180-4 sections 4.1.1, 4.2.1 and 6.1.2): functions of words for the rounds, of vectors for the schedule.
 * wasm/generate/sha.mjs puts them together.
 */

// Section 4.2.1: one constant for each twenty rounds, in every lane.
// biome-ignore format: a table
export const K = memory.data<u32>([
  0x5a827999, 0x5a827999, 0x5a827999, 0x5a827999, 0x6ed9eba1, 0x6ed9eba1, 0x6ed9eba1, 0x6ed9eba1,
  0x8f1bbcdc, 0x8f1bbcdc, 0x8f1bbcdc, 0x8f1bbcdc, 0xca62c1d6, 0xca62c1d6, 0xca62c1d6, 0xca62c1d6,
], 16);

@inline
export function Ch(x: u32, y: u32, z: u32): u32 {
  return z ^ (x & (y ^ z));
}

@inline
export function Parity(x: u32, y: u32, z: u32): u32 {
  return x ^ y ^ z;
}

/** The two halves have no bit in common, so that their sum is as good, and each is added as soon as it is there. */
@inline
export function Maj(x: u32, y: u32, z: u32): u32 {
  return (y & z) + (x & (y ^ z));
}

/** Four big-endian words as lanes. */
@inline
export function words(data: usize): v128 {
  return i8x16.swizzle(v128.load(data), i8x16(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12));
}

@inline
function rotateLeft(x: v128, bits: i32): v128 {
  return v128.or(i32x4.shl(x, bits), i32x4.shr_u(x, 32 - bits));
}

/** The upper two words of one vector and the lower two of the next. */
@inline
function straddle(low: v128, high: v128): v128 {
  return i8x16.shuffle(low, high, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23);
}

/** W(t) to W(t+3) from the sixteen words before them, section 6.1.2 step 1. The last depends on the first, and gets its share afterwards. */
@inline
export function schedule16(w0: v128, w4: v128, w8: v128, w12: v128): v128 {
  const w13 = i8x16.swizzle(w12, i8x16(4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, -1, -1, -1, -1));
  const mixed = rotateLeft(v128.xor(v128.xor(w0, straddle(w0, w4)), v128.xor(w8, w13)), 1);
  const first = i8x16.swizzle(mixed, i8x16(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 1, 2, 3));
  return v128.xor(mixed, rotateLeft(first, 1));
}

/**
 * W(t) to W(t+3) from the 32 words before them: the recurrence applied twice, W(t) = (W(t-6) ^ W(t-16) ^ W(t-28) ^ W(t-32)) <<< 2, in which
 * none of the four depends on another.
 */
@inline
export function schedule32(w0: v128, w4: v128, w16: v128, w24: v128, w28: v128): v128 {
  return rotateLeft(v128.xor(v128.xor(w0, w4), v128.xor(w16, straddle(w24, w28))), 2);
}
