/**
 * Arithmetic modulo an odd number of any size up to 521 bits, such as the order of a curve's group: Montgomery products (Montgomery
 * 1985) of canonical limbs and inversion by Bernstein and Yang's division steps ("safegcd", 2019, in the form of libsecp256k1's
 * doc/safegcd_implementation.md). Constant time in the numbers; the modulus is public. Loops over limbs, since a signature needs only
 * a handful of these; the fields themselves are generated (generate/fields.mjs).
 */
import {
  addMasked,
  canonicalize,
  LIMB_BYTES,
  LIMBS_BYTES,
  pack,
  readBigEndian,
  signMask,
  subtract,
  unpack,
  WORDS_BYTES,
} from './limbs';

/** Limbs this narrow let a product of 20 limbs and its reduction add up in 64 bits without a carry. */
export const SCALAR_BITS: usize = 28;
/** Limbs of the division steps: a batch of 30 has factors that fit 31 bits and a sign. */
const STEP_BITS: usize = 30;
const STEP_MASK: i64 = (1 << STEP_BITS) - 1;
const STEP_BATCH: i32 = 30;

@unmanaged
export class Modulus {
  /** Limbs of SCALAR_BITS; the radix R of Montgomery products is 2^(28 * count). */
  count: usize;
  /** -1 / modulus mod 2^28. */
  private negatedInverse: u64;
  private stepCount: usize;
  /** Batches of division steps after which every inverse is found. */
  private batches: i32;
  /** 1 / modulus mod 2^30. */
  private stepInverse: i32;
  /** Addresses of: the modulus as words, as limbs and as limbs of division steps; R^2 as limbs. */
  words: usize;
  limbs: usize;
  private stepLimbs: usize;
  squaredRadix: usize;
}

/** Memory a modulus is kept in. */
export const MODULUS_BYTES: usize = 64 + WORDS_BYTES + 3 * LIMBS_BYTES;

const SCRATCH_BYTES: usize = 6 * LIMBS_BYTES;
const scratch = memory.data(<i32>SCRATCH_BYTES, 16);
const product = scratch;
const stepD = scratch + LIMBS_BYTES;
const stepE = scratch + 2 * LIMBS_BYTES;
const stepF = scratch + 3 * LIMBS_BYTES;
const stepG = scratch + 4 * LIMBS_BYTES;
/** u, v, q, r: the batch's transition matrix. */
const matrix = scratch + 5 * LIMBS_BYTES;

/** Forgets intermediate values. */
export function wipeModulus(): void {
  memory.fill(scratch, 0, SCRATCH_BYTES);
}

/** Limbs of `size` bits that hold numbers of `bits` bits and a factor of two of either sign. */
function limbsFor(bits: usize, size: usize): usize {
  return (bits + 2 + size - 1) / size;
}

/** Fills a modulus from its bytes, big-endian, at `address` (MODULUS_BYTES). */
export function openModulus(address: usize, data: usize, bytes: usize, bits: usize): Modulus {
  const modulus = changetype<Modulus>(address);
  modulus.words = address + 64;
  modulus.limbs = modulus.words + WORDS_BYTES;
  modulus.stepLimbs = modulus.limbs + LIMBS_BYTES;
  modulus.squaredRadix = modulus.stepLimbs + LIMBS_BYTES;
  modulus.count = limbsFor(bits, SCALAR_BITS);
  modulus.stepCount = limbsFor(bits, STEP_BITS);
  readBigEndian(modulus.words, data, bytes);
  unpack(modulus.limbs, modulus.words, modulus.count, SCALAR_BITS);
  unpack(modulus.stepLimbs, modulus.words, modulus.stepCount, STEP_BITS);
  // Newton's iteration doubles the correct low bits of the inverse: 3, 6, 12, 24, 48.
  const low = load<u32>(modulus.words);
  let inverse: u32 = low;
  for (let i = 0; i < 5; i++) inverse *= 2 - low * inverse;
  modulus.stepInverse = <i32>(inverse & <u32>STEP_MASK);
  modulus.negatedInverse = <u64>(0 - inverse) & ((1 << SCALAR_BITS) - 1);
  // Pornin and Wuille, safegcd-bounds: half-delta division steps needed for inputs below 2^bits.
  const steps = (45907 * <i32>bits + 26313) / 19929 + 1;
  modulus.batches = (steps + STEP_BATCH - 1) / STEP_BATCH;
  // R^2 by doubling 1, since this is done once.
  const square = modulus.squaredRadix;
  memory.fill(square, 0, LIMBS_BYTES);
  store<i64>(square, 1);
  for (let i: usize = 0; i < 2 * SCALAR_BITS * modulus.count; i++) addModular(square, square, square, modulus);
  return modulus;
}

/** o = a + b mod the modulus. */
export function addModular(o: usize, a: usize, b: usize, modulus: Modulus): void {
  for (let i: usize = 0; i < modulus.count * LIMB_BYTES; i += LIMB_BYTES) {
    store<i64>(o + i, load<i64>(a + i) + load<i64>(b + i));
  }
  subtract(o, modulus.limbs, modulus.count, SCALAR_BITS);
  addMasked(o, modulus.limbs, signMask(o, modulus.count), modulus.count, SCALAR_BITS);
}

/** o = -a mod the modulus, 0 for 0. */
export function negateModular(o: usize, a: usize, modulus: Modulus): void {
  for (let i: usize = 0; i < modulus.count * LIMB_BYTES; i += LIMB_BYTES) {
    store<i64>(o + i, load<i64>(modulus.limbs + i) - load<i64>(a + i));
  }
  canonicalize(o, modulus.limbs, modulus.count, SCALAR_BITS);
}

/** o = a * b / R mod the modulus, canonical where a or b is; neither may reach R. */
export function mulMontgomery(o: usize, a: usize, b: usize, modulus: Modulus): void {
  const n = modulus.limbs;
  const last = (modulus.count - 1) * LIMB_BYTES;
  memory.fill(product, 0, last + 2 * LIMB_BYTES);
  for (let i: usize = 0; i <= last; i += LIMB_BYTES) addRow(load<u64>(a + i), b, n, modulus.negatedInverse, last);
  memory.copy(o, product, last + LIMB_BYTES);
  addMasked(o, n, 0, modulus.count, SCALAR_BITS);
  subtract(o, n, modulus.count, SCALAR_BITS);
  addMasked(o, n, signMask(o, modulus.count), modulus.count, SCALAR_BITS);
}

/** product = (product + ai * b + m * n) >> 28, with m such that nothing is lost. Limbs are not carried but the first. */
function addRow(ai: u64, b: usize, n: usize, negatedInverse: u64, last: usize): void {
  const first = load<u64>(product) + ai * load<u64>(b);
  const m = (first * negatedInverse) & ((1 << SCALAR_BITS) - 1);
  let carry = (first + m * load<u64>(n)) >> SCALAR_BITS;
  for (let j: usize = LIMB_BYTES; j <= last; j += LIMB_BYTES) {
    const t = ai * load<u64>(b + j) + m * load<u64>(n + j) + load<u64>(product + j);
    store<u64>(product + j - LIMB_BYTES, t + carry);
    carry = 0;
  }
  store<u64>(product + last, 0);
}

/** o = a * R mod the modulus: into Montgomery form. a is below R. */
export function toMontgomery(o: usize, a: usize, modulus: Modulus): void {
  mulMontgomery(o, a, modulus.squaredRadix, modulus);
}

/** Words of the inverse of words below the modulus, 0 for 0. */
export function invertWords(output: usize, words: usize, modulus: Modulus): void {
  const count = modulus.stepCount;
  memory.fill(stepD, 0, LIMBS_BYTES);
  memory.fill(stepE, 0, LIMBS_BYTES);
  store<i64>(stepE, 1);
  memory.copy(stepF, modulus.stepLimbs, LIMBS_BYTES);
  unpack(stepG, words, count, STEP_BITS);
  let zeta: i32 = -1;
  for (let i = 0; i < modulus.batches; i++) {
    zeta = divide(zeta, lowBits(stepF), lowBits(stepG));
    updateFactors(modulus.stepLimbs, modulus.stepInverse, count);
    updateNumbers(count);
  }
  // f is now 1 or -1, and d its sign times the inverse.
  const sign = signMask(stepF, count);
  for (let i: usize = 0; i < count * LIMB_BYTES; i += LIMB_BYTES) {
    store<i64>(stepD + i, (load<i64>(stepD + i) ^ sign) - sign);
  }
  canonicalize(stepD, modulus.stepLimbs, count, STEP_BITS);
  pack(output, stepD, count, STEP_BITS);
}

/** The lowest 32 bits of limbs of division steps. */
@inline
function lowBits(limbs: usize): u32 {
  return <u32>(load<u64>(limbs) | (load<u64>(limbs, LIMB_BYTES) << STEP_BITS));
}

/** 30 division steps on the low bits of f and g; leaves their matrix, returns the next zeta. */
function divide(zeta: i32, f: u32, g: u32): i32 {
  let u: u32 = 1;
  let v: u32 = 0;
  let q: u32 = 0;
  let r: u32 = 1;
  for (let i = 0; i < STEP_BATCH; i++) {
    const isNegative: u32 = <u32>(zeta >> 31);
    const isOdd: u32 = 0 - (g & 1);
    g += ((f ^ isNegative) - isNegative) & isOdd;
    q += ((u ^ isNegative) - isNegative) & isOdd;
    r += ((v ^ isNegative) - isNegative) & isOdd;
    const swaps = isNegative & isOdd;
    zeta = (zeta ^ <i32>swaps) - 1;
    f += g & swaps;
    u += q & swaps;
    v += r & swaps;
    g >>= 1;
    u <<= 1;
    v <<= 1;
  }
  store<i64>(matrix, <i64>(<i32>u));
  store<i64>(matrix, <i64>(<i32>v), 8);
  store<i64>(matrix, <i64>(<i32>q), 16);
  store<i64>(matrix, <i64>(<i32>r), 24);
  return zeta;
}

/** (d, e) = matrix * (d, e) / 2^30 mod the modulus, in (-2 moduli, modulus). */
function updateFactors(n: usize, inverse: i32, count: usize): void {
  const u = load<i64>(matrix);
  const v = load<i64>(matrix, 8);
  const q = load<i64>(matrix, 16);
  const r = load<i64>(matrix, 24);
  const last = (count - 1) * LIMB_BYTES;
  const isDNegative = load<i64>(stepD + last) >> 63;
  const isENegative = load<i64>(stepE + last) >> 63;
  let md = (u & isDNegative) + (v & isENegative);
  let me = (q & isDNegative) + (r & isENegative);
  let d = load<i64>(stepD);
  let e = load<i64>(stepE);
  let carryD = u * d + v * e;
  let carryE = q * d + r * e;
  // The multiple of the modulus that makes the low limbs zero.
  md -= (<i64>inverse * carryD + md) & STEP_MASK;
  me -= (<i64>inverse * carryE + me) & STEP_MASK;
  carryD = (carryD + load<i64>(n) * md) >> STEP_BITS;
  carryE = (carryE + load<i64>(n) * me) >> STEP_BITS;
  for (let i: usize = LIMB_BYTES; i <= last; i += LIMB_BYTES) {
    d = load<i64>(stepD + i);
    e = load<i64>(stepE + i);
    const limb = load<i64>(n + i);
    carryD = u * d + v * e + limb * md + carryD;
    carryE = q * d + r * e + limb * me + carryE;
    store<i64>(stepD + i - LIMB_BYTES, carryD & STEP_MASK);
    store<i64>(stepE + i - LIMB_BYTES, carryE & STEP_MASK);
    carryD >>= STEP_BITS;
    carryE >>= STEP_BITS;
  }
  store<i64>(stepD + last, carryD);
  store<i64>(stepE + last, carryE);
}

/** (f, g) = matrix * (f, g) / 2^30, exactly. */
function updateNumbers(count: usize): void {
  const u = load<i64>(matrix);
  const v = load<i64>(matrix, 8);
  const q = load<i64>(matrix, 16);
  const r = load<i64>(matrix, 24);
  const last = (count - 1) * LIMB_BYTES;
  let f = load<i64>(stepF);
  let g = load<i64>(stepG);
  let carryF = (u * f + v * g) >> STEP_BITS;
  let carryG = (q * f + r * g) >> STEP_BITS;
  for (let i: usize = LIMB_BYTES; i <= last; i += LIMB_BYTES) {
    f = load<i64>(stepF + i);
    g = load<i64>(stepG + i);
    carryF = u * f + v * g + carryF;
    carryG = q * f + r * g + carryG;
    store<i64>(stepF + i - LIMB_BYTES, carryF & STEP_MASK);
    store<i64>(stepG + i - LIMB_BYTES, carryG & STEP_MASK);
    carryF >>= STEP_BITS;
    carryG >>= STEP_BITS;
  }
  store<i64>(stepF + last, carryF);
  store<i64>(stepG + last, carryG);
}
