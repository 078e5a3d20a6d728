/**
 * GHASH (SP 800-38D section 6.4) in constant time, one block at a time by integer multiplications of numbers with holes (after
 * Pornin's BearSSL, ghash_ctmul64). Long inputs are ghash_bulk.ts's.
 */

const BLOCK_BYTES: usize = 16;

const HOLES0: u64 = 0x1111111111111111;
const HOLES1: u64 = 0x2222222222222222;
const HOLES2: u64 = 0x4444444444444444;
const HOLES3: u64 = 0x8888888888888888;

/** The low 64 bits of a product in GF(2)[X]: with every fourth bit taken, at most 16 partial bits meet, too few to reach the next. */
@inline
function multiplyLow(x: u64, y: u64): u64 {
  const x0 = x & HOLES0;
  const x1 = x & HOLES1;
  const x2 = x & HOLES2;
  const x3 = x & HOLES3;
  const y0 = y & HOLES0;
  const y1 = y & HOLES1;
  const y2 = y & HOLES2;
  const y3 = y & HOLES3;
  const z0 = (x0 * y0) ^ (x1 * y3) ^ (x2 * y2) ^ (x3 * y1);
  const z1 = (x0 * y1) ^ (x1 * y0) ^ (x2 * y3) ^ (x3 * y2);
  const z2 = (x0 * y2) ^ (x1 * y1) ^ (x2 * y0) ^ (x3 * y3);
  const z3 = (x0 * y3) ^ (x1 * y2) ^ (x2 * y1) ^ (x3 * y0);
  return (z0 & HOLES0) | (z1 & HOLES1) | (z2 & HOLES2) | (z3 & HOLES3);
}

@inline
function reverseBits(x: u64): u64 {
  x = ((x & 0x5555555555555555) << 1) | ((x >> 1) & 0x5555555555555555);
  x = ((x & 0x3333333333333333) << 2) | ((x >> 2) & 0x3333333333333333);
  x = ((x & 0x0f0f0f0f0f0f0f0f) << 4) | ((x >> 4) & 0x0f0f0f0f0f0f0f0f);
  return bswap<u64>(x);
}

/** y <- (y + X_i) * h for each of `blocks` whole blocks; h is 16 bytes. */
export function ghashBlocks(y: usize, h: usize, data: usize, blocks: usize): void {
  let y1 = bswap<u64>(load<u64>(y));
  let y0 = bswap<u64>(load<u64>(y, 8));
  const h1 = bswap<u64>(load<u64>(h));
  const h0 = bswap<u64>(load<u64>(h, 8));
  const h0r = reverseBits(h0);
  const h1r = reverseBits(h1);
  const h2 = h0 ^ h1;
  const h2r = h0r ^ h1r;
  for (; blocks; blocks--) {
    y1 ^= bswap<u64>(load<u64>(data));
    y0 ^= bswap<u64>(load<u64>(data, 8));
    data += BLOCK_BYTES;
    // Karatsuba over halves; the high half of a product is the low half of the reversed factors' product, reversed.
    const y0r = reverseBits(y0);
    const y1r = reverseBits(y1);
    const low = multiplyLow(y0, h0);
    const high = multiplyLow(y1, h1);
    const middle = multiplyLow(y0 ^ y1, h2) ^ low ^ high;
    const lowReversed = multiplyLow(y0r, h0r);
    const highReversed = multiplyLow(y1r, h1r);
    const middleReversed = multiplyLow(y0r ^ y1r, h2r) ^ lowReversed ^ highReversed;
    const lowTop = reverseBits(lowReversed) >> 1;
    const highTop = reverseBits(highReversed) >> 1;
    const middleTop = reverseBits(middleReversed) >> 1;
    let v0 = low;
    let v1 = lowTop ^ middle;
    let v2 = high ^ middleTop;
    let v3 = highTop;
    // GHASH numbers bits from the left (section 6.3): the product of reflected factors is one bit short.
    v3 = (v3 << 1) | (v2 >> 63);
    v2 = (v2 << 1) | (v1 >> 63);
    v1 = (v1 << 1) | (v0 >> 63);
    v0 = v0 << 1;
    // Modulo 1 + x + x^2 + x^7 + x^128.
    v2 ^= v0 ^ (v0 >> 1) ^ (v0 >> 2) ^ (v0 >> 7);
    v1 ^= (v0 << 63) ^ (v0 << 62) ^ (v0 << 57);
    v3 ^= v1 ^ (v1 >> 1) ^ (v1 >> 2) ^ (v1 >> 7);
    v2 ^= (v1 << 63) ^ (v1 << 62) ^ (v1 << 57);
    y0 = v2;
    y1 = v3;
  }
  store<u64>(y, bswap<u64>(y1));
  store<u64>(y, bswap<u64>(y0), 8);
}
