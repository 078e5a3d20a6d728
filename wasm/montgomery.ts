/**
 * Modular exponentiation in Montgomery's form: of one number with a public exponent, and of two numbers at once, one in each vector
 * lane, with secret exponents. Representation and bounds are montgomery_digits.ts's.
 */
import { multiplyPair, multiplyWide, squarePair, squareWide } from './generated/montgomery_kernels';
import {
  collapse,
  doubleModulo,
  HEADER_BYTES,
  MAXIMUM_LIMBS,
  Modulus,
  numberAt,
  numberBytes,
  PADDING_BYTES,
  ROUNDER,
  spreadWhole,
  wipeKernels,
} from './montgomery_digits';
import { wipe } from './memory';

/** output <- a * b / R in every lane. */
export function multiply(modulus: Modulus, output: usize, a: usize, b: usize): void {
  if (modulus.shape.lanes == 2) multiplyPair(output, a, b, modulus.multiple, modulus.shape.limbs);
  else multiplyWide(output, a, b, modulus.multiple, modulus.shape.limbs);
}

/** output <- a * a / R in every lane. */
export function square(modulus: Modulus, output: usize, a: usize): void {
  if (modulus.shape.lanes == 2) squarePair(output, a, modulus.multiple, modulus.shape.limbs);
  else squareWide(output, a, modulus.multiple, modulus.shape.limbs);
}

/** Bytes of a number's digits without padding. */
@inline
export function digitsBytes(modulus: Modulus): usize {
  return numberBytes(modulus.shape) - 2 * PADDING_BYTES;
}

/** Computes R^2 modulo p once all lanes are set. */
export function completeModulus(modulus: Modulus): void {
  // R * 2^e squares to R * 2^2e; e grows bit by bit into that of R = 2^e.
  const exponent = modulus.shape.limbs * modulus.shape.digitBits;
  memory.copy(modulus.square, modulus.one, digitsBytes(modulus));
  doubleModulo(modulus, modulus.square);
  for (let bit: i32 = 30 - <i32>clz<u32>(exponent); bit >= 0; bit--) {
    square(modulus, modulus.square, modulus.square);
    if ((exponent >> bit) & 1) doubleModulo(modulus, modulus.square);
  }
}

/** output <- a + factor * b in two lanes, for a factor of 1 or -1, with digits balanced again. */
export function combine(modulus: Modulus, output: usize, a: usize, b: usize, factor: f64): void {
  const magic = v128.load(modulus.multiple - HEADER_BYTES);
  const inverse = v128.load(modulus.multiple - HEADER_BYTES, 16);
  const scale = f64x2.splat(factor);
  let carry = f64x2.splat(0);
  const bytes = digitsBytes(modulus);
  for (let i: usize = 0; i < bytes; i += 16) {
    const sum = f64x2.add(f64x2.add(v128.load(a + i), f64x2.mul(v128.load(b + i), scale)), carry);
    const rounded = f64x2.sub(f64x2.add(sum, magic), magic);
    v128.store(output + i, f64x2.sub(sum, rounded));
    carry = f64x2.mul(rounded, inverse);
  }
}

// ---- One lane, public exponent ----

const WIDE_BYTES: usize = MAXIMUM_LIMBS * 8 + 2 * PADDING_BYTES;
const base = numberAt(memory.data(<i32>WIDE_BYTES, 16));
const plainBase = numberAt(memory.data(<i32>WIDE_BYTES, 16));
const power = numberAt(memory.data(<i32>WIDE_BYTES, 16));

/**
 * output <- natural ^ exponent modulo p, all natural numbers (bignum.ts) with their words in linear memory, for one lane and an odd
 * exponent whose top bit is `exponentBits - 1`. The exponent's bits show in time.
 */
export function raisePublic(modulus: Modulus, output: usize, natural: usize, exponent: usize, exponentBits: u32): void {
  spreadWhole(modulus, plainBase, 0, natural);
  multiply(modulus, base, plainBase, modulus.square);
  memory.copy(power, base, digitsBytes(modulus));
  for (let bit: i32 = <i32>exponentBits - 2; bit >= 0; bit--) {
    square(modulus, power, power);
    // The last factor is not in Montgomery's form, which takes the product out of it.
    if (isSet(exponent, bit)) multiply(modulus, power, power, bit ? base : plainBase);
  }
  collapse(modulus, power, 0, output);
  const bytes = digitsBytes(modulus);
  wipe(base, bytes);
  wipe(plainBase, bytes);
  wipe(power, bytes);
  wipeKernels();
}

@inline
function isSet(natural: usize, bit: u32): bool {
  return ((load<u32>(natural + ((bit >> 5) << 2)) >> (bit & 31)) & 1) != 0;
}

// ---- Two lanes, secret exponents ----

const WINDOW_BITS: u32 = 5;
const WINDOW_MASK: u32 = (1 << WINDOW_BITS) - 1;
const TABLE_ENTRIES: usize = 1 << WINDOW_BITS;
const MAXIMUM_PAIR_LIMBS: usize = 92;
const selected = numberAt(memory.data(<i32>(MAXIMUM_PAIR_LIMBS * 16 + 2 * PADDING_BYTES), 16));
/**
 * Powers of the base, their digits as 32-bit integers, so that half as much is to be read: two digits of both lanes in a vector, in
 * groups of four vectors, the last of which reaches into a number's padding.
 */
const GROUP_LIMBS: usize = 8;
const GROUP_BYTES: usize = 64;
const MAXIMUM_GROUPS: usize = (MAXIMUM_PAIR_LIMBS + GROUP_LIMBS - 1) / GROUP_LIMBS;
const table = memory.data(<i32>(TABLE_ENTRIES * MAXIMUM_GROUPS * GROUP_BYTES), 64);

/** How many windows an exponent of so many bits has. */
export function windowsIn(bits: u32): u32 {
  let windows: u32 = 0;
  while (windows * WINDOW_BITS < bits) windows++;
  return windows;
}

/** Cuts an exponent into windows, first the highest; a byte each, two lanes side by side. Reads 4 bytes beyond the exponent. */
export function cutWindows(output: usize, lane: usize, exponent: usize, bits: u32): void {
  const windows = windowsIn(bits);
  for (let i: u32 = 0; i < windows; i++) {
    const bit = (windows - 1 - i) * WINDOW_BITS;
    const window = (load<u32>(exponent + (bit >> 3)) >> (bit & 7)) & WINDOW_MASK;
    store<u8>(output + ((<usize>i) << 1) + lane, <u8>window);
  }
}

@inline
function entryBytes(limbs: usize): usize {
  return ((limbs + GROUP_LIMBS - 1) / GROUP_LIMBS) * GROUP_BYTES;
}

/** Writes the digits of a number to an entry of the table. */
function pack(entry: usize, number: usize, bytes: usize): void {
  const rounder = f64x2.splat(ROUNDER);
  for (const end = entry + bytes; entry < end; entry += 16) {
    // The low half of each double then is its digit.
    const first = f64x2.add(v128.load(number), rounder);
    const second = f64x2.add(v128.load(number, 16), rounder);
    v128.store(entry, v128.shuffle<i32>(first, second, 0, 2, 4, 6));
    number += 32;
  }
}

/** Writes four digits that `pack` has put into two vectors. */
@inline
function unpack(number: usize, first: v128, second: v128): void {
  v128.store(number, f64x2.convert_low_i32x4_s(first));
  v128.store(number, f64x2.convert_low_i32x4_s(v128.shuffle<i64>(first, first, 1, 1)), 16);
  v128.store(number, f64x2.convert_low_i32x4_s(second), 32);
  v128.store(number, f64x2.convert_low_i32x4_s(v128.shuffle<i64>(second, second, 1, 1)), 48);
}

/**
 * selected <- the entry of each lane's window: reads every entry and keeps what is wanted by masks. A function of its own, so that
 * engines compile it well early.
 */
function select(bytes: usize, windows: usize): void {
  const pair = <u64>load<u8>(windows) | ((<u64>load<u8>(windows, 1)) << 32);
  const wanted = i64x2.splat(pair);
  const one = i32x4.splat(1);
  let number = selected;
  for (let group: usize = 0; group < bytes; group += GROUP_BYTES) {
    let s0 = i32x4.splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    let index = s0;
    let entry = table + group;
    for (const end = entry + TABLE_ENTRIES * bytes; entry < end; entry += bytes) {
      const isWanted = i32x4.eq(index, wanted);
      s0 = v128.or(s0, v128.and(isWanted, v128.load(entry)));
      s1 = v128.or(s1, v128.and(isWanted, v128.load(entry, 16)));
      s2 = v128.or(s2, v128.and(isWanted, v128.load(entry, 32)));
      s3 = v128.or(s3, v128.and(isWanted, v128.load(entry, 48)));
      index = i32x4.add(index, one);
    }
    unpack(number, s0, s1);
    unpack(number + 64, s2, s3);
    number += 128;
  }
}

/** Powers 0 to 31 of the base. */
function fillTable(modulus: Modulus, base: usize, bytes: usize): void {
  pack(table, modulus.one, bytes);
  pack(table + bytes, base, bytes);
  memory.copy(selected, base, digitsBytes(modulus));
  for (let i: usize = 2; i < TABLE_ENTRIES; i++) {
    multiply(modulus, selected, selected, base);
    pack(table + i * bytes, selected, bytes);
  }
}

@inline
function raiseToWindow(output: usize, multiple: usize, limbs: usize): void {
  for (let i: u32 = 0; i < WINDOW_BITS; i++) squarePair(output, output, multiple, limbs);
}

/**
 * output <- base ^ exponent in both lanes, both in Montgomery's form, with the exponents `cutWindows` made. Neither addresses nor
 * branches depend on base or exponent. `output` may be `base`.
 */
export function raisePair(modulus: Modulus, output: usize, base: usize, windows: usize, count: u32): void {
  const multiple = modulus.multiple;
  const limbs = <usize>modulus.shape.limbs;
  const bytes = entryBytes(limbs);
  fillTable(modulus, base, bytes);
  select(bytes, windows);
  memory.copy(output, selected, digitsBytes(modulus));
  for (let i: u32 = 1; i < count; i++) {
    raiseToWindow(output, multiple, limbs);
    select(bytes, windows + ((<usize>i) << 1));
    multiplyPair(output, output, selected, multiple, limbs);
  }
  wipe(table, TABLE_ENTRIES * bytes);
  wipe(selected, digitsBytes(modulus));
  wipeKernels();
}
