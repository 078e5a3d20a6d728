/**
 * Numbers as f64 digits for the Montgomery kernels (generated/montgomery_kernels.ts): balanced digits, |digit| <= 2^(w-1), of w = 23
 * or 24 bits, `limbs` of them, R = 2^(w * limbs). A modulus of one lane is held 8 bytes a digit; of two lanes, 16, lanes side by side.
 *
 * Kernels multiply modulo k * p, where k makes limb 0 of k * p equal -1, and keep |result| <= k * p. That is stable: R is at least
 * 2^5 * k * p in every shape below, and a quotient of balanced digits adds at most k * p / 2 (1 + 2^-w). Sums are exact: a column adds
 * up 2 * limbs products of at most 2^(2w-2) and a carry below 2^30, which is under 2^53 in every shape (see `shapes`).
 */
import { wipe } from './memory';

/** Before the digits of a modulus: the rounding constant and 1 / 2^w, in both lanes, and the padding. */
export const HEADER_BYTES: usize = 96;
/** Zeros before and after the digits of every number, since tiles reach over its ends. */
export const PADDING_BYTES: usize = 64;

export const MAXIMUM_LIMBS: usize = 184;
const MAXIMUM_BITS: usize = 4096;
/** `spread` may read this far beyond the number it was given; there must be zeros. */
export const NATURAL_PADDING_BYTES: usize = 32;

/** The digits of the quotient while a kernel runs. */
export const quotient = memory.data(<i32>(MAXIMUM_LIMBS * 8 + 2 * PADDING_BYTES), 16) + PADDING_BYTES;
const QUOTIENT_BYTES: usize = MAXIMUM_LIMBS * 8;
const work = memory.data(<i32>(MAXIMUM_LIMBS * 8), 16);
const multiple = memory.data(<i32>(MAXIMUM_BITS / 8 + 8 + NATURAL_PADDING_BYTES), 16);
const MULTIPLE_BYTES: usize = MAXIMUM_BITS / 8 + 8;

/** Adding and taking away 1.5 * 2^52 rounds a smaller double to an integer, which its low bits then are. */
export const ROUNDER: f64 = 6755399441055744;

/** How numbers of one length are held. */
@unmanaged
export class Shape {
  bits: u32;
  lanes: u32;
  limbs: u32;
  digitBits: u32;
  /** The digit in which bit `bits - 1` is. */
  topDigit: u32;
}

const SHAPES: usize = 6;
/**
 * 88 products of 2^46 fit 44 limbs of 24 bits, but not 88 limbs of 24; with 23 bits all shapes have room to spare. Limbs are a
 * multiple of a kernel's column block: 4 in pairs, 8 else. Each has 22 bits (k) and 5 more than the modulus.
 */
// biome-ignore format: a table
const shapes = memory.data<u32>([
  1024, 2, 44, 24, 42,
  1536, 2, 68, 23, 66,
  2048, 2, 92, 23, 89,
  2048, 1, 96, 23, 89,
  3072, 1, 136, 23, 133,
  4096, 1, 184, 23, 178,
], 16);

/** The shape of numbers of so many bits in so many lanes, which must be one of the table. */
export function shapeOf(bits: u32, lanes: u32): Shape {
  let shape = shapes;
  for (let i: usize = 1; i < SHAPES && (load<u32>(shape) != bits || load<u32>(shape, 4) != lanes); i++) {
    shape += offsetof<Shape>();
  }
  return changetype<Shape>(shape);
}

/** What is kept of a modulus, or of one in each lane. All fields but the shape point into the memory given to `layOut`. */
@unmanaged
export class Modulus {
  shape: Shape;
  /** Bytes from one digit to the next. */
  step: usize;
  /** The kernels' modulus k * p, with its header and without limb 0. */
  multiple: usize;
  /** p itself. */
  plain: usize;
  /** R modulo p: one in Montgomery's form. */
  one: usize;
  /** R^2 modulo p, which takes numbers into that form; set by `completeModulus` (montgomery.ts). */
  square: usize;
  /** p as natural numbers (bignum.ts), one a lane, `naturalBytes` apart. */
  natural: usize;
  naturalBytes: usize;
  /** 1 / p, scaled like `leading`, one f64 a lane. */
  reciprocal: usize;
}

/** Bytes of one number of digits with its padding. */
@inline
export function numberBytes(shape: Shape): usize {
  return 2 * PADDING_BYTES + <usize>shape.limbs * shape.lanes * 8;
}

/** The first digit of a number in such memory. */
@inline
export function numberAt(memory: usize): usize {
  return memory + PADDING_BYTES;
}

const NUMBERS: usize = 4;
const RADIX_BYTES: usize = HEADER_BYTES - PADDING_BYTES;

function naturalBytesOf(shape: Shape): usize {
  return <usize>shape.bits / 8 + NATURAL_PADDING_BYTES;
}

/** Memory a modulus of that shape needs besides the class. */
export function modulusBytes(shape: Shape): usize {
  return RADIX_BYTES + NUMBERS * numberBytes(shape) + <usize>shape.lanes * (naturalBytesOf(shape) + sizeof<f64>());
}

/** Divides zeroed memory, aligned to 16, among the parts of a modulus. */
export function layOut(modulus: Modulus, shape: Shape, memory: usize): void {
  const bytes = numberBytes(shape);
  modulus.shape = shape;
  modulus.step = <usize>shape.lanes * 8;
  modulus.multiple = memory + HEADER_BYTES;
  memory += RADIX_BYTES + bytes;
  modulus.plain = numberAt(memory);
  modulus.one = numberAt(memory + bytes);
  modulus.square = numberAt(memory + 2 * bytes);
  modulus.natural = memory + 3 * bytes;
  modulus.naturalBytes = naturalBytesOf(shape);
  modulus.reciprocal = modulus.natural + <usize>shape.lanes * modulus.naturalBytes;
  const rounding = f64x2.splat(ROUNDER * radix(shape));
  v128.store(modulus.multiple - HEADER_BYTES, rounding);
  v128.store(modulus.multiple - HEADER_BYTES, f64x2.splat(powerOfTwo(-(<i32>shape.digitBits))), 16);
}

@inline
function powerOfTwo(exponent: i32): f64 {
  return reinterpret<f64>((<u64>(1023 + exponent)) << 52);
}

@inline
function radix(shape: Shape): f64 {
  return powerOfTwo(<i32>shape.digitBits);
}

@inline
function toInteger(value: f64): i64 {
  return reinterpret<i64>(value + ROUNDER) - reinterpret<i64>(ROUNDER);
}

/**
 * Writes `count` digits of a natural number, beginning with its digit `first`, and returns the carry that digit `first + count` takes.
 * `carry`: what the digits below `first` returned.
 */
export function spread(
  digits: usize,
  step: usize,
  count: usize,
  digitBits: u32,
  natural: usize,
  first: usize,
  carry: i64,
): i64 {
  const mask = ((<i64>1) << digitBits) - 1;
  const half = (<i64>1) << (digitBits - 1);
  let bit = first * digitBits;
  for (const end = digits + count * step; digits < end; digits += step) {
    const digit = (<i64>(load<u64>(natural + (bit >> 3)) >> (<u64>bit & 7)) & mask) + carry;
    carry = (digit + half) >> digitBits;
    store<f64>(digits, <f64>(digit - (carry << digitBits)));
    bit += digitBits;
  }
  return carry;
}

/** Writes a natural number below R to one lane of a number. */
export function spreadWhole(modulus: Modulus, digits: usize, lane: usize, natural: usize): void {
  const shape = modulus.shape;
  spread(digits + lane * 8, modulus.step, shape.limbs, shape.digitBits, natural, 0, 0);
}

/** A number's digits from three below p's first on, as one double, in units of the lowest of them: its error is a 2^-50th of k * p. */
function leading(modulus: Modulus, digits: usize): f64 {
  const shape = modulus.shape;
  const base = radix(shape);
  const lowest = shape.topDigit - 3;
  let sum: f64 = 0;
  for (let i = shape.limbs; i > lowest; i--) sum = sum * base + load<f64>(digits + <usize>(i - 1) * modulus.step);
  return sum;
}

/** The integer nearest to (value * scale) / p, or one beside it where two are about as near. */
@inline
function quotientOf(modulus: Modulus, digits: usize, lane: usize, scale: f64): f64 {
  return leading(modulus, digits) * scale * load<f64>(modulus.reciprocal + lane * 8) + ROUNDER - ROUNDER;
}

/** 1 / value for a value in [2^(exponent - 1), 2^exponent), without a division, which would take secret time. */
function reciprocalOf(value: f64, exponent: i32): f64 {
  const scale = powerOfTwo(-exponent);
  const scaled = value * scale;
  // Newton's iteration from the linear guess that is best on [1/2, 1]: errors 1/17, 2^-8, 2^-16, 2^-32, 2^-52.
  let guess = 48.0 / 17.0 - (32.0 / 17.0) * scaled;
  for (let i = 0; i < 5; i++) guess += guess * (1 - scaled * guess);
  return guess * scale;
}

/** Shifts by this much at once keep quotients below 2^21. */
const SHIFT_BITS: u32 = 20;

/** value <- value * 2^bits modulo p, for |value| * 2^bits <= 2^26 p; |result| <= 0.51 p. */
function shiftLane(modulus: Modulus, digits: usize, lane: usize, bits: u32): void {
  const shape = modulus.shape;
  const step = modulus.step;
  digits += lane * 8;
  let plain = modulus.plain + lane * 8;
  const scale = powerOfTwo(<i32>bits);
  const multiplier = quotientOf(modulus, digits, lane, scale);
  const rounding = ROUNDER * radix(shape);
  const inverse = powerOfTwo(-(<i32>shape.digitBits));
  let carry: f64 = 0;
  for (const end = digits + <usize>shape.limbs * step; digits < end; digits += step) {
    const value = load<f64>(digits) * scale - multiplier * load<f64>(plain) + carry;
    const rounded = value + rounding - rounding;
    store<f64>(digits, value - rounded);
    carry = rounded * inverse;
    plain += step;
  }
}

/** -1 / p modulo 2^32, p odd: Newton's iteration doubles the correct low bits; p is right in 3. */
function negatedInverse32(p: u32): u32 {
  let inverse = p;
  for (let i = 0; i < 4; i++) inverse *= 2 - p * inverse;
  return 0 - inverse;
}

/** Prepares one lane for the odd number whose natural form has been put into `modulus.natural`, its top bit (shape.bits - 1) set. */
export function setLane(modulus: Modulus, lane: usize): void {
  const shape = modulus.shape;
  const step = modulus.step;
  const natural = modulus.natural + lane * modulus.naturalBytes;
  const words = shape.bits >> 5;
  const k = <u64>(negatedInverse32(load<u32>(natural)) & (((<u32>1) << shape.digitBits) - 1));
  let carry: u64 = 0;
  for (let i: usize = 0; i < words; i++) {
    carry += k * load<u32>(natural + (i << 2));
    store<u32>(multiple + (i << 2), <u32>carry);
    carry >>= 32;
  }
  store<u64>(multiple + ((<usize>words) << 2), carry);
  spreadWhole(modulus, modulus.multiple, lane, multiple);
  wipe(multiple, MULTIPLE_BYTES);
  store<f64>(modulus.multiple + lane * 8, 0);
  spreadWhole(modulus, modulus.plain, lane, natural);
  const exponent = <i32>(shape.bits - (shape.topDigit - 3) * shape.digitBits);
  const top = leading(modulus, modulus.plain + lane * 8);
  store<f64>(modulus.reciprocal + lane * 8, reciprocalOf(top, exponent));
  setOne(modulus, lane);
}

/** R modulo p, from the power of two below p. */
function setOne(modulus: Modulus, lane: usize): void {
  const shape = modulus.shape;
  const top = shape.bits - 1;
  const digit = shape.topDigit;
  for (let i: usize = 0; i < shape.limbs; i++) store<f64>(modulus.one + i * modulus.step + lane * 8, 0);
  store<f64>(modulus.one + <usize>digit * modulus.step + lane * 8, <f64>((<u64>1) << (top - digit * shape.digitBits)));
  let missing = shape.limbs * shape.digitBits - top;
  while (missing) {
    const bits = min(missing, SHIFT_BITS);
    shiftLane(modulus, modulus.one, lane, bits);
    missing -= bits;
  }
}

/** Doubles what a kernel gave, modulo p, in every lane. */
export function doubleModulo(modulus: Modulus, digits: usize): void {
  for (let lane: usize = 0; lane < modulus.shape.lanes; lane++) shiftLane(modulus, digits, lane, 1);
}

/**
 * Writes one lane of a number, |number| <= 2 k p, as the natural number in [0, p) it is congruent to: shape.bits / 32 words.
 * Masks decide the last addition.
 */
export function collapse(modulus: Modulus, digits: usize, lane: usize, natural: usize): void {
  const shape = modulus.shape;
  const step = modulus.step;
  const limbs = <usize>shape.limbs;
  const digitBits = <i64>shape.digitBits;
  const mask = ((<i64>1) << digitBits) - 1;
  digits += lane * 8;
  const plain = modulus.plain + lane * 8;
  const multiplier = quotientOf(modulus, digits, lane, 1);
  let carry: i64 = 0;
  for (let i: usize = 0; i < limbs; i++) {
    const value = load<f64>(digits + i * step) - multiplier * load<f64>(plain + i * step);
    carry += toInteger(value);
    store<i64>(work + (i << 3), carry & mask);
    carry >>= digitBits;
  }
  // Now the number lies within 0.51 p of zero, and the carry is its sign: 0 or -1.
  const isNegative = carry;
  carry = 0;
  let gathered: u64 = 0;
  let gatheredBits: u32 = 0;
  const end = natural + (shape.bits >> 3);
  for (let i: usize = 0; i < limbs && natural < end; i++) {
    carry += load<i64>(work + (i << 3)) + (toInteger(load<f64>(plain + i * step)) & isNegative);
    gathered |= (<u64>(carry & mask)) << gatheredBits;
    carry >>= digitBits;
    gatheredBits += shape.digitBits;
    if (gatheredBits >= 32) {
      store<u32>(natural, <u32>gathered);
      natural += 4;
      gathered >>= 32;
      gatheredBits -= 32;
    }
  }
  wipe(work, limbs << 3);
}

/** Forgets what kernels left behind. */
export function wipeKernels(): void {
  wipe(quotient, QUOTIENT_BYTES);
}
