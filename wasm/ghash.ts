/**
 * GHASH (SP 800-38D section 6.4) in constant time, in two ways: one block at a time by integer multiplications of numbers with
 * holes (after Pornin's BearSSL, ghash_ctmul64), and 16 interleaved streams with in-register nibble tables for long inputs.
 */
import { wipe } from './memory';

const BLOCK_BYTES: usize = 16;
/** H and its powers up to H^16, then the tables of H^16. */
const STREAMS: usize = 16;
const POWERS_BYTES: usize = STREAMS * BLOCK_BYTES;
const GROUP_BYTES: usize = STREAMS * BLOCK_BYTES;
const NIBBLES: usize = 32;
/** For each half of the product's bytes, each nibble of the factor and each byte of that half: 16 entries, one per nibble value. */
const HALF_BYTES: usize = 8;
const HALF_TABLES_BYTES: usize = NIBBLES * HALF_BYTES * 16;
const TABLES_BYTES: usize = 2 * HALF_TABLES_BYTES;
/** What `makeBulk` fills. */
export const BULK_BYTES: usize = POWERS_BYTES + TABLES_BYTES;
/** Below this many blocks the streams' start and end cost more than they save. */
export const BULK_BLOCKS: usize = 48;

const SCRATCH_BYTES: usize = 2 * GROUP_BYTES + NIBBLES * 16 + BLOCK_BYTES;
const scratch = memory.data(<i32>SCRATCH_BYTES, 16);
/** The 16 streams' values, byte i of all of them side by side. */
const streams = scratch;
const group = scratch + GROUP_BYTES;
const nibbles = scratch + 2 * GROUP_BYTES;
const block = scratch + 2 * GROUP_BYTES + NIBBLES * 16;

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

@inline
function lowBytes(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

@inline
function highBytes(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

/** Transposes 16 x 16 bytes by four rounds of interleaving vector i with vector i + 8. */
function transposeBytes(to: usize, from: usize): void {
  const x0 = v128.load(from);
  const x1 = v128.load(from, 16);
  const x2 = v128.load(from, 32);
  const x3 = v128.load(from, 48);
  const x4 = v128.load(from, 64);
  const x5 = v128.load(from, 80);
  const x6 = v128.load(from, 96);
  const x7 = v128.load(from, 112);
  const x8 = v128.load(from, 128);
  const x9 = v128.load(from, 144);
  const x10 = v128.load(from, 160);
  const x11 = v128.load(from, 176);
  const x12 = v128.load(from, 192);
  const x13 = v128.load(from, 208);
  const x14 = v128.load(from, 224);
  const x15 = v128.load(from, 240);
  const a0 = lowBytes(x0, x8);
  const a1 = highBytes(x0, x8);
  const a2 = lowBytes(x1, x9);
  const a3 = highBytes(x1, x9);
  const a4 = lowBytes(x2, x10);
  const a5 = highBytes(x2, x10);
  const a6 = lowBytes(x3, x11);
  const a7 = highBytes(x3, x11);
  const a8 = lowBytes(x4, x12);
  const a9 = highBytes(x4, x12);
  const a10 = lowBytes(x5, x13);
  const a11 = highBytes(x5, x13);
  const a12 = lowBytes(x6, x14);
  const a13 = highBytes(x6, x14);
  const a14 = lowBytes(x7, x15);
  const a15 = highBytes(x7, x15);
  const b0 = lowBytes(a0, a8);
  const b1 = highBytes(a0, a8);
  const b2 = lowBytes(a1, a9);
  const b3 = highBytes(a1, a9);
  const b4 = lowBytes(a2, a10);
  const b5 = highBytes(a2, a10);
  const b6 = lowBytes(a3, a11);
  const b7 = highBytes(a3, a11);
  const b8 = lowBytes(a4, a12);
  const b9 = highBytes(a4, a12);
  const b10 = lowBytes(a5, a13);
  const b11 = highBytes(a5, a13);
  const b12 = lowBytes(a6, a14);
  const b13 = highBytes(a6, a14);
  const b14 = lowBytes(a7, a15);
  const b15 = highBytes(a7, a15);
  const c0 = lowBytes(b0, b8);
  const c1 = highBytes(b0, b8);
  const c2 = lowBytes(b1, b9);
  const c3 = highBytes(b1, b9);
  const c4 = lowBytes(b2, b10);
  const c5 = highBytes(b2, b10);
  const c6 = lowBytes(b3, b11);
  const c7 = highBytes(b3, b11);
  const c8 = lowBytes(b4, b12);
  const c9 = highBytes(b4, b12);
  const c10 = lowBytes(b5, b13);
  const c11 = highBytes(b5, b13);
  const c12 = lowBytes(b6, b14);
  const c13 = highBytes(b6, b14);
  const c14 = lowBytes(b7, b15);
  const c15 = highBytes(b7, b15);
  const d0 = lowBytes(c0, c8);
  const d1 = highBytes(c0, c8);
  const d2 = lowBytes(c1, c9);
  const d3 = highBytes(c1, c9);
  const d4 = lowBytes(c2, c10);
  const d5 = highBytes(c2, c10);
  const d6 = lowBytes(c3, c11);
  const d7 = highBytes(c3, c11);
  const d8 = lowBytes(c4, c12);
  const d9 = highBytes(c4, c12);
  const d10 = lowBytes(c5, c13);
  const d11 = highBytes(c5, c13);
  const d12 = lowBytes(c6, c14);
  const d13 = highBytes(c6, c14);
  const d14 = lowBytes(c7, c15);
  const d15 = highBytes(c7, c15);
  v128.store(to, d0);
  v128.store(to, d1, 16);
  v128.store(to, d2, 32);
  v128.store(to, d3, 48);
  v128.store(to, d4, 64);
  v128.store(to, d5, 80);
  v128.store(to, d6, 96);
  v128.store(to, d7, 112);
  v128.store(to, d8, 128);
  v128.store(to, d9, 144);
  v128.store(to, d10, 160);
  v128.store(to, d11, 176);
  v128.store(to, d12, 192);
  v128.store(to, d13, 208);
  v128.store(to, d14, 224);
  v128.store(to, d15, 240);
}

/** streams <- (streams + data) * H^16, one block of data per stream. */
function bulkStep(tables: usize, data: usize): void {
  transposeBytes(group, data);
  const low = i8x16.splat(0x0f);
  for (let byte: usize = 0; byte < 16; byte++) {
    const x = v128.xor(v128.load(streams + byte * 16), v128.load(group + byte * 16));
    v128.store(nibbles + byte * 32, v128.and(x, low));
    v128.store(nibbles + byte * 32, i8x16.shr_u(x, 4), 16);
  }
  bulkHalf(tables, streams);
  bulkHalf(tables + HALF_TABLES_BYTES, streams + HALF_BYTES * 16);
}

/** Eight bytes of the products: the sum over all nibbles of what the nibble contributes. Every lookup is within one vector. */
@inline
function bulkHalf(tables: usize, output: usize): void {
  let z0 = i64x2.splat(0);
  let z1 = i64x2.splat(0);
  let z2 = i64x2.splat(0);
  let z3 = i64x2.splat(0);
  let z4 = i64x2.splat(0);
  let z5 = i64x2.splat(0);
  let z6 = i64x2.splat(0);
  let z7 = i64x2.splat(0);
  for (let n = nibbles, end = nibbles + NIBBLES * 16; n < end; n += 16) {
    const x = v128.load(n);
    z0 = v128.xor(z0, i8x16.swizzle(v128.load(tables), x));
    z1 = v128.xor(z1, i8x16.swizzle(v128.load(tables, 16), x));
    z2 = v128.xor(z2, i8x16.swizzle(v128.load(tables, 32), x));
    z3 = v128.xor(z3, i8x16.swizzle(v128.load(tables, 48), x));
    z4 = v128.xor(z4, i8x16.swizzle(v128.load(tables, 64), x));
    z5 = v128.xor(z5, i8x16.swizzle(v128.load(tables, 80), x));
    z6 = v128.xor(z6, i8x16.swizzle(v128.load(tables, 96), x));
    z7 = v128.xor(z7, i8x16.swizzle(v128.load(tables, 112), x));
    tables += 128;
  }
  v128.store(output, z0);
  v128.store(output, z1, 16);
  v128.store(output, z2, 32);
  v128.store(output, z3, 48);
  v128.store(output, z4, 64);
  v128.store(output, z5, 80);
  v128.store(output, z6, 96);
  v128.store(output, z7, 112);
}

/**
 * y <- GHASH continued over a multiple of 16 blocks. Stream j takes blocks j, j + 16, ...; in the end stream j lacks a factor
 * H^(16 - j), which `powers` has.
 */
export function ghashBulk(y: usize, bulk: usize, data: usize, groups: usize): void {
  const powers = bulk;
  const tables = bulk + POWERS_BYTES;
  wipe(streams, GROUP_BYTES);
  for (let i: usize = 0; i < BLOCK_BYTES; i++) store<u8>(streams + i * 16, load<u8>(y + i));
  for (; groups > 1; groups--) {
    bulkStep(tables, data);
    data += GROUP_BYTES;
  }
  transposeBytes(group, streams);
  let sum = i64x2.splat(0);
  for (let stream: usize = 0; stream < STREAMS; stream++) {
    v128.store(block, v128.load(group + stream * BLOCK_BYTES));
    const power = powers + (STREAMS - 1 - stream) * BLOCK_BYTES;
    v128.store(block, v128.xor(v128.load(block), v128.load(data + stream * BLOCK_BYTES)));
    v128.store(nibbles, i64x2.splat(0));
    ghashBlocks(nibbles, power, block, 1);
    sum = v128.xor(sum, v128.load(nibbles));
  }
  v128.store(y, sum);
  wipe(scratch, SCRATCH_BYTES);
}

/** Fills `bulk` with the powers of h and the tables of H^16. */
export function makeBulk(bulk: usize, h: usize): void {
  v128.store(bulk, v128.load(h));
  for (let power: usize = 1; power < STREAMS; power++) {
    const at = bulk + power * BLOCK_BYTES;
    v128.store(at, i64x2.splat(0));
    ghashBlocks(at, h, at - BLOCK_BYTES, 1);
  }
  makeTables(bulk + POWERS_BYTES, bulk + POWERS_BYTES - BLOCK_BYTES);
}

/** Tables of a factor: entry v of nibble n is the product with the element that has only that nibble, and the value v there. */
function makeTables(tables: usize, factor: usize): void {
  let high = bswap<u64>(load<u64>(factor));
  let low = bswap<u64>(load<u64>(factor, 8));
  // Bits run from the left: a byte's high nibble comes first, while the tables' order is low nibble first.
  for (let nibble: usize = 0; nibble < NIBBLES; nibble++) {
    for (let bit: usize = 0; bit < 4; bit++) {
      // nibbles[3 - bit]: factor * x^(4 nibble + bit), the weight 2^(3 - bit) of the nibble's value.
      const at = nibbles + (3 - bit) * 16;
      store<u64>(at, bswap<u64>(high));
      store<u64>(at, bswap<u64>(low), 8);
      const carry = 0 - (low & 1);
      low = (low >> 1) | (high << 63);
      high = (high >> 1) ^ (carry & 0xe100000000000000);
    }
    for (let value: i64 = 0; value < 16; value++) {
      let entry = v128.and(v128.load(nibbles), i64x2.splat(0 - (value & 1)));
      entry = v128.xor(entry, v128.and(v128.load(nibbles, 16), i64x2.splat(0 - ((value >> 1) & 1))));
      entry = v128.xor(entry, v128.and(v128.load(nibbles, 32), i64x2.splat(0 - ((value >> 2) & 1))));
      entry = v128.xor(entry, v128.and(v128.load(nibbles, 48), i64x2.splat(0 - (value >> 3))));
      v128.store(streams + <usize>value * 16, entry);
    }
    transposeBytes(group, streams);
    const slot = tables + (nibble ^ 1) * HALF_BYTES * 16;
    memory.copy(slot, group, HALF_BYTES * 16);
    memory.copy(slot + HALF_TABLES_BYTES, group + HALF_BYTES * 16, HALF_BYTES * 16);
  }
  wipe(scratch, SCRATCH_BYTES);
}
