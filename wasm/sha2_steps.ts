/**
 * The steps of SHA-2 (FIPS 180-4 sections 4.1.2 to 4.2.3 and the schedules of sections 6.2.2 and 6.4.2): functions of words for the
 * rounds, of vectors for the schedule. wasm/generate/sha.mjs puts them together.
 */

// Section 4.2.2: the first bits of the fractional parts of the cube roots of the first primes.
// biome-ignore format: a table
export const K256 = memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
], 16);

// Section 4.2.3.
// biome-ignore format: a table
export const K512 = memory.data<u64>([
  0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
  0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
  0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
  0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
  0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
  0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
  0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
  0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
  0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
  0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
  0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
  0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
  0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
  0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
  0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
  0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
  0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
  0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
  0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
  0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
], 16);

@inline
export function Ch<T>(x: T, y: T, z: T): T {
  return z ^ (x & (y ^ z));
}

@inline
export function Maj<T>(x: T, y: T, z: T): T {
  return ((x ^ y) & (y ^ z)) ^ y;
}

/** Formula (4.5). */
@inline
export function Sigma1_256(x: u32): u32 {
  return rotr<u32>(x, 6) ^ rotr<u32>(x, 11) ^ rotr<u32>(x, 25);
}

/** Formula (4.4). */
@inline
export function Sigma0_256(x: u32): u32 {
  return rotr<u32>(x, 2) ^ rotr<u32>(x, 13) ^ rotr<u32>(x, 22);
}

/** Four big-endian words as lanes. */
@inline
export function words256(data: usize): v128 {
  return i8x16.swizzle(v128.load(data), i8x16(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12));
}

/** sigma0 of formula (4.6) in each lane. */
@inline
function sigma0_256(x: v128): v128 {
  const rotr7 = v128.or(i32x4.shr_u(x, 7), i32x4.shl(x, 25));
  const rotr18 = v128.or(i32x4.shr_u(x, 18), i32x4.shl(x, 14));
  return v128.xor(v128.xor(rotr7, rotr18), i32x4.shr_u(x, 3));
}

/** sigma1 of formula (4.7) of words doubled into 64-bit lanes (where a shift rotates), in the low half of each. */
@inline
function sigma1_256(doubled: v128): v128 {
  return v128.xor(v128.xor(i64x2.shr_u(doubled, 17), i64x2.shr_u(doubled, 19)), i32x4.shr_u(doubled, 10));
}

/** W(t) to W(t+3) from the sixteen words before them, section 6.2.2 step 1. The last two depend on the first two. */
@inline
export function schedule256(w0: v128, w4: v128, w8: v128, w12: v128): v128 {
  const w1 = i8x16.shuffle(w0, w4, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19);
  const w9 = i8x16.shuffle(w8, w12, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19);
  const sum = i32x4.add(i32x4.add(w0, sigma0_256(w1)), w9);
  const w14 = i8x16.shuffle(w12, w12, 8, 9, 10, 11, 8, 9, 10, 11, 12, 13, 14, 15, 12, 13, 14, 15);
  const low = i32x4.add(
    sum,
    i8x16.swizzle(sigma1_256(w14), i8x16(0, 1, 2, 3, 8, 9, 10, 11, -1, -1, -1, -1, -1, -1, -1, -1)),
  );
  const w16 = i8x16.shuffle(low, low, 0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7);
  return i32x4.add(
    low,
    i8x16.swizzle(sigma1_256(w16), i8x16(-1, -1, -1, -1, -1, -1, -1, -1, 0, 1, 2, 3, 8, 9, 10, 11)),
  );
}

/** Formula (4.11). */
@inline
export function Sigma1_512(x: u64): u64 {
  return rotr<u64>(x, 14) ^ rotr<u64>(x, 18) ^ rotr<u64>(x, 41);
}

/** Formula (4.10). */
@inline
export function Sigma0_512(x: u64): u64 {
  return rotr<u64>(x, 28) ^ rotr<u64>(x, 34) ^ rotr<u64>(x, 39);
}

/** Two big-endian words as lanes. */
@inline
export function words512(data: usize): v128 {
  return i8x16.swizzle(v128.load(data), i8x16(7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8));
}

/** sigma0 of formula (4.12) in each lane. */
@inline
function sigma0_512(x: v128): v128 {
  const rotr1 = v128.or(i64x2.shr_u(x, 1), i64x2.shl(x, 63));
  const rotr8 = v128.or(i64x2.shr_u(x, 8), i64x2.shl(x, 56));
  return v128.xor(v128.xor(rotr1, rotr8), i64x2.shr_u(x, 7));
}

/** sigma1 of formula (4.13) in each lane. */
@inline
function sigma1_512(x: v128): v128 {
  const rotr19 = v128.or(i64x2.shr_u(x, 19), i64x2.shl(x, 45));
  const rotr61 = v128.or(i64x2.shr_u(x, 61), i64x2.shl(x, 3));
  return v128.xor(v128.xor(rotr19, rotr61), i64x2.shr_u(x, 6));
}

/** The upper lane of one pair and the lower of the next. */
@inline
function straddle(low: v128, high: v128): v128 {
  return i8x16.shuffle(low, high, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23);
}

/** W(t) and W(t+1), section 6.4.2 step 1. */
@inline
export function schedule512(w0: v128, w2: v128, w8: v128, w10: v128, w14: v128): v128 {
  return i64x2.add(i64x2.add(i64x2.add(w0, straddle(w8, w10)), sigma0_512(straddle(w0, w2))), sigma1_512(w14));
}
