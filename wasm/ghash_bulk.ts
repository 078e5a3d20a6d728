/**
 * GHASH (SP 800-38D section 6.4) of long inputs in constant time: 16 interleaved streams, each block times H^16 as a matrix of bits with
 * in-register tables of nibbles.
 *
 * The matrix: let the coordinates of z be w_i = the coefficient of x^127 in z * x^(127 - i), and s_k that in h * x^k. Then the coordinates of
 * h * v are w_i = sum of s_(127 - i + k) v_k over the coefficients of v. Along each diagonal this matrix has one value (Toeplitz), so that
 * three products of half the size are enough: with B twice on its diagonal, A below and C above, the first half of the product is
 * B (V0 + V1) + (B + C) V1 and the second B (V0 + V1) + (A + B) V0 (Fan and Hasan, "A new approach to subquadratic space complexity parallel
 * multipliers for extended binary fields", IEEE Transactions on Computers 56(2), 2007). Four halvings leave 81 matrices of 8 x 8 bits. What is
 * left is to go from coordinates to coefficients: z_i = w_i but for i < 7, where x^128 = x^7 + x^2 + x + 1 puts some of the last on top.
 */
import { ghashBlocks } from './ghash';
import { wipe } from './memory';

const BLOCK_BYTES: usize = 16;
const VECTOR_BYTES: usize = 16;
const STREAMS: usize = 16;
const POWERS_BYTES: usize = STREAMS * BLOCK_BYTES;
const GROUP_BYTES: usize = STREAMS * BLOCK_BYTES;
/** Two halvings of a factor's 16 bytes leave nine parts of four bytes, two more nine of one byte. */
const PARTS: usize = 9;
const PART_BYTES: usize = 4 * VECTOR_BYTES;
const PARTS_BYTES: usize = PARTS * PART_BYTES;
/** For the high and the low nibble of a byte, what each value of it adds to a byte of the product. */
const BYTE_TABLES_BYTES: usize = 2 * VECTOR_BYTES;
const PART_TABLES_BYTES: usize = PARTS * BYTE_TABLES_BYTES;
const TABLES_BYTES: usize = PARTS * PART_TABLES_BYTES;
/** What `makeBulk` fills: H and its powers up to H^16, then the tables of H^16. */
export const BULK_BYTES: usize = POWERS_BYTES + TABLES_BYTES;
/** Below this many blocks the streams' start and end cost more than they save. */
export const BULK_BLOCKS: usize = 48;

const SCRATCH_BYTES: usize = 2 * GROUP_BYTES + PARTS_BYTES + 2 * BLOCK_BYTES;
const scratch = memory.data(<i32>SCRATCH_BYTES, 16);
/** The 16 streams' values, byte i of all of them side by side. */
const streams = scratch;
const group = streams + GROUP_BYTES;
const parts = group + GROUP_BYTES;
const block = parts + PARTS_BYTES;
const product = block + BLOCK_BYTES;

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

/** parts <- what streams + group is multiplied as, in the order of `makeTables`. */
function splitFactors(): void {
  for (let i: usize = 0; i < PART_BYTES; i += VECTOR_BYTES) {
    const x0 = v128.xor(v128.load(streams + i), v128.load(group + i));
    const x1 = v128.xor(v128.load(streams + i, 64), v128.load(group + i, 64));
    const x2 = v128.xor(v128.load(streams + i, 128), v128.load(group + i, 128));
    const x3 = v128.xor(v128.load(streams + i, 192), v128.load(group + i, 192));
    const even = v128.xor(x0, x2);
    const odd = v128.xor(x1, x3);
    v128.store(parts + i, v128.xor(even, odd));
    v128.store(parts + i, odd, 64);
    v128.store(parts + i, even, 128);
    v128.store(parts + i, v128.xor(x2, x3), 192);
    v128.store(parts + i, x3, 256);
    v128.store(parts + i, x2, 320);
    v128.store(parts + i, v128.xor(x0, x1), 384);
    v128.store(parts + i, x1, 448);
    v128.store(parts + i, x0, 512);
  }
}

/** A byte of each stream times the matrix of two tables. Every lookup is within one vector. */
@inline
function multiplyByte(tables: usize, x: v128): v128 {
  const low = i8x16.splat(0x0f);
  return v128.xor(
    i8x16.swizzle(v128.load(tables), v128.and(i16x8.shr_u(x, 4), low)),
    i8x16.swizzle(v128.load(tables, 16), v128.and(x, low)),
  );
}

/** Each part, in place, times its matrix: `splitFactors` and `joinProducts` once more, for bytes. */
function multiplyParts(tables: usize): void {
  for (let part = parts; part < parts + PARTS_BYTES; part += PART_BYTES) {
    const x0 = v128.load(part);
    const x1 = v128.load(part, 16);
    const x2 = v128.load(part, 32);
    const x3 = v128.load(part, 48);
    const even = v128.xor(x0, x2);
    const odd = v128.xor(x1, x3);
    const common = multiplyByte(tables, v128.xor(even, odd));
    const common0 = v128.xor(common, multiplyByte(tables + BYTE_TABLES_BYTES, odd));
    const common1 = v128.xor(common, multiplyByte(tables + 2 * BYTE_TABLES_BYTES, even));
    const first = multiplyByte(tables + 3 * BYTE_TABLES_BYTES, v128.xor(x2, x3));
    const first0 = v128.xor(first, multiplyByte(tables + 4 * BYTE_TABLES_BYTES, x3));
    const first1 = v128.xor(first, multiplyByte(tables + 5 * BYTE_TABLES_BYTES, x2));
    v128.store(part, v128.xor(common0, first0));
    v128.store(part, v128.xor(common1, first1), 16);
    const second = multiplyByte(tables + 6 * BYTE_TABLES_BYTES, v128.xor(x0, x1));
    const second0 = v128.xor(second, multiplyByte(tables + 7 * BYTE_TABLES_BYTES, x1));
    const second1 = v128.xor(second, multiplyByte(tables + 8 * BYTE_TABLES_BYTES, x0));
    v128.store(part, v128.xor(common0, second0), 32);
    v128.store(part, v128.xor(common1, second1), 48);
    tables += PART_TABLES_BYTES;
  }
}

/** streams <- the products that those of the parts make up. */
function joinProducts(): void {
  for (let i: usize = 0; i < PART_BYTES; i += VECTOR_BYTES) {
    const common = v128.load(parts + i);
    const common0 = v128.xor(common, v128.load(parts + i, 64));
    const common1 = v128.xor(common, v128.load(parts + i, 128));
    const first = v128.load(parts + i, 192);
    const second = v128.load(parts + i, 384);
    v128.store(streams + i, v128.xor(common0, v128.xor(first, v128.load(parts + i, 256))));
    v128.store(streams + i, v128.xor(common1, v128.xor(first, v128.load(parts + i, 320))), 64);
    v128.store(streams + i, v128.xor(common0, v128.xor(second, v128.load(parts + i, 448))), 128);
    v128.store(streams + i, v128.xor(common1, v128.xor(second, v128.load(parts + i, 512))), 192);
  }
  // From coordinates to coefficients: w_121 and on are added from z_0 on, w_126 and on as well, and w_127. Bits run from the left.
  const last = v128.load(streams, 240);
  const onto = v128.xor(v128.xor(i8x16.shl(last, 1), i8x16.shl(last, 6)), i8x16.shl(last, 7));
  v128.store(streams, v128.xor(v128.load(streams), onto));
}

/** streams <- (streams + data) * H^16, one block of data per stream. */
function bulkStep(tables: usize, data: usize): void {
  transposeBytes(group, data);
  splitFactors();
  multiplyParts(tables);
  joinProducts();
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
    v128.store(product, i64x2.splat(0));
    ghashBlocks(product, power, block, 1);
    sum = v128.xor(sum, v128.load(product));
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

/** The tables of multiplication by `factor`. */
function makeTables(tables: usize, factor: usize): void {
  // s_k is bit k: first the factor's coordinates, then s_(k + 128) = s_(k + 7) + s_(k + 2) + s_(k + 1) + s_k.
  const s0 = bswap<u64>(load<u64>(factor, 8));
  const s1 = bswap<u64>(load<u64>(factor)) ^ (s0 << 57) ^ (s0 << 62) ^ (s0 << 63);
  const s2 = s0 ^ ((s0 >> 1) | (s1 << 63)) ^ ((s0 >> 2) | (s1 << 62)) ^ ((s0 >> 7) | (s1 << 57));
  const s3 = s1 ^ ((s1 >> 1) | (s2 << 63)) ^ ((s1 >> 2) | (s2 << 62)) ^ ((s1 >> 7) | (s2 << 57));
  tables = makeHalfTables(tables, s1, s2);
  tables = makeHalfTables(tables, s1 ^ s2, s2 ^ s3);
  makeHalfTables(tables, s0 ^ s1, s1 ^ s2);
}

/** The tables of a matrix of 64 x 64 bits with these values on its diagonals, 127 of 128. Returns where they end. */
function makeHalfTables(tables: usize, low: u64, high: u64): usize {
  const middle = (low >> 32) | (high << 32);
  tables = makeSmallTables(tables, middle, 32);
  tables = makeSmallTables(tables, middle ^ high, 32);
  return makeSmallTables(tables, low ^ middle, 32);
}

/** The same of one with `size` x `size` bits, at most 32. What `diagonals` has beyond its 2 * size - 1 values is ignored. */
function makeSmallTables(tables: usize, diagonals: u64, size: u32): usize {
  if (size == 8) return makeByteTables(tables, diagonals);
  const half = size >> 1;
  const middle = diagonals >> half;
  tables = makeSmallTables(tables, middle, half);
  tables = makeSmallTables(tables, middle ^ (diagonals >> size), half);
  return makeSmallTables(tables, diagonals ^ middle, half);
}

/** Column k of the matrix is the byte from diagonal k on, and entry v of a table the sum of the columns of the bits in v. */
function makeByteTables(tables: usize, diagonals: u64): usize {
  const with8 = i8x16(0, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1);
  const with4 = i8x16(0, 0, 0, 0, -1, -1, -1, -1, 0, 0, 0, 0, -1, -1, -1, -1);
  const with2 = i8x16(0, 0, -1, -1, 0, 0, -1, -1, 0, 0, -1, -1, 0, 0, -1, -1);
  const with1 = i8x16(0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1);
  const end = tables + BYTE_TABLES_BYTES;
  for (; tables < end; tables += VECTOR_BYTES) {
    const high = v128.xor(
      v128.and(i8x16.splat(<i8>diagonals), with8),
      v128.and(i8x16.splat(<i8>(diagonals >> 1)), with4),
    );
    const low = v128.xor(
      v128.and(i8x16.splat(<i8>(diagonals >> 2)), with2),
      v128.and(i8x16.splat(<i8>(diagonals >> 3)), with1),
    );
    v128.store(tables, v128.xor(high, low));
    diagonals >>= 4;
  }
  return end;
}
