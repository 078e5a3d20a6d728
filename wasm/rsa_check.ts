/**
 * What makes an RSA key sound, on its numbers alone: FIPS 186-5 sections 5.1 and A.1.1, SP 800-56B section 6.4, and the known ways a
 * generator went wrong. Knows no encoding and no key. The verdicts are those of native/core/rsa_check.cc.
 */
import {
  commonDivisor,
  distance,
  divide,
  hasBitsFrom,
  isLess,
  isOne,
  multiplyNatural,
  subtractWord,
  WORD_BYTES,
} from './bignum';
import { allocate, isEqual, release, wipe } from './memory';
import { raisePublic } from './montgomery';
import { Modulus, NATURAL_PADDING_BYTES } from './montgomery_digits';
import { fillRandom } from './random';

const MAXIMUM_BITS: usize = 4096;
/** Room for a number as long as the modulus, and zeros behind it. */
export const NUMBER_BYTES: usize = MAXIMUM_BITS / 8 + NATURAL_PADDING_BYTES;

/** RSAPublicKey and RSAPrivateKey of RFC 8017 section A.1, in its order and by its names: natural numbers of NUMBER_BYTES each. */
export const PUBLIC_NUMBERS: usize = 2;
export const PRIVATE_NUMBERS: usize = 8;
export const N: usize = 0;
export const E: usize = 1;
export const D: usize = 2;
export const P: usize = 3;
export const Q: usize = 4;
export const D_P: usize = 5;
export const D_Q: usize = 6;
export const Q_INVERSE: usize = 7;

@inline
export function numberOf(numbers: usize, index: usize): usize {
  return numbers + index * NUMBER_BYTES;
}

// ---- The public half ----

/** SP 800-89 section 5.3.3 step 3: no prime below 752 divides n. Composite divisors are harmless to try. */
const SMALL_FACTORS_END: u32 = 752;

function rest_vartime(n: usize, words: usize, divisor: u32): u32 {
  let rest: u64 = 0;
  for (let i = words; i > 0; i--) rest = ((rest << 32) | load<u32>(n + (i - 1) * WORD_BYTES)) % divisor;
  return <u32>rest;
}

function hasSmallFactor_vartime(n: usize, words: usize): bool {
  for (let divisor: u32 = 3; divisor < SMALL_FACTORS_END; divisor += 2) {
    if (!rest_vartime(n, words, divisor)) return true;
  }
  return false;
}

// biome-ignore format: a table
const fingerprintPrimes = memory.data<u8>([
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
  107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
]);
const FINGERPRINT_PRIMES: usize = 38;

/**
 * CVE-2017-15361 ("ROCA"): the affected generator's primes, and so its moduli, are powers of 65537 modulo the product of the first
 * primes; Nemec et al., "The Return of Coppersmith's Attack", section 2.1. A good modulus passes for one with a chance of about 2^-27.
 */
function hasRocaFingerprint_vartime(n: usize, words: usize): bool {
  for (let i: usize = 0; i < FINGERPRINT_PRIMES; i++) {
    const prime = <u32>load<u8>(fingerprintPrimes + i);
    if (!isPowerOfF4_vartime(rest_vartime(n, words, prime), prime)) return false;
  }
  return true;
}

function isPowerOfF4_vartime(rest: u32, prime: u32): bool {
  let power: u32 = 1;
  for (let i: u32 = 0; i < prime; i++) {
    if (power == rest) return true;
    power = (power * (65537 % prime)) % prime;
  }
  return false;
}

/** Lengths and parity of n and e, and that n has neither a small factor nor the form of a broken generator's. */
export function isGoodPublic_vartime(numbers: usize, bits: usize): bool {
  const n = numberOf(numbers, N);
  const e = numberOf(numbers, E);
  const words = bits >> 5;
  if (!hasBitsFrom(n, words, bits - 1) || !(load<u32>(n) & 1)) return false;
  // FIPS 186-5 section 5.1: e is odd and above 2^16. It allows up to 2^256; everybody uses 65537, and an exponent of more than 32
  // bits would only make verifying slow at the wish of whoever sends the key.
  if (!(load<u32>(e) & 1) || !hasBitsFrom(e, words, 16) || hasBitsFrom(e, words, 32)) return false;
  return !hasSmallFactor_vartime(n, words) && !hasRocaFingerprint_vartime(n, words);
}

/** Bases tried; for a product of two large primes nearly every one settles it. */
const FACTOR_BASES: u32 = 2;

/**
 * Whether n, the modulus given, is neither a prime nor a prime's power (SP 800-89 section 5.3.3 step 3). Were n = r^k with r prime, r
 * would divide a^n - a for every a by Fermat's theorem; so one a for which that shares no factor with n proves the contrary. 1: it
 * is not, 0: it may be, -1: memory is short.
 */
export function hasDistinctFactors(modulus: Modulus): i32 {
  const bits = modulus.shape.bits;
  const words = <usize>bits >> 5;
  const area = allocate(3 * NUMBER_BYTES);
  if (!area) return -1;
  const base = area;
  const power = numberOf(area, 1);
  const divisor = numberOf(area, 2);
  let isFound = false;
  for (let i: u32 = 0; i < FACTOR_BASES && !isFound; i++) {
    if (!fillRandom(base, words * WORD_BYTES)) break;
    // Below n, whose top bit is set.
    store<u8>(base + words * WORD_BYTES - 1, load<u8>(base + words * WORD_BYTES - 1) & 0x7f);
    raisePublic(modulus, power, base, modulus.natural, bits);
    // The sign of the difference is of no matter to a common divisor.
    distance(power, power, base, words);
    memory.copy(divisor, modulus.natural, words * WORD_BYTES);
    commonDivisor(power, divisor, words);
    isFound = isOne(power, words);
  }
  release(area, 3 * NUMBER_BYTES);
  return <i32>isFound;
}

// ---- The private half ----

const SCRATCH_NUMBERS: usize = 4;
const scratch = memory.data(<i32>(SCRATCH_NUMBERS * NUMBER_BYTES), 16);
const product = scratch;
const rest = numberOf(scratch, 1);
const lessOne = numberOf(scratch, 2);
const reduced = numberOf(scratch, 3);
/** |p - q| above 2^(bits - 100), FIPS 186-5 section A.1.1 criterion 2: too far apart for Fermat's factorisation. */
const DISTANCE_BITS: usize = 100;

/** How the private numbers belong together: all but whether p and q are prime. Private numbers only show whether they pass. */
export function isConsistentPrivate(numbers: usize, bits: usize): bool {
  const isConsistent = hasFactors(numbers, bits) && hasExponents(numbers, bits);
  wipe(scratch, SCRATCH_NUMBERS * NUMBER_BYTES);
  return isConsistent;
}

/** Section A.1.1 criterion 2: n = p * q, factors of half the length each. */
function hasFactors(numbers: usize, bits: usize): bool {
  const p = numberOf(numbers, P);
  const q = numberOf(numbers, Q);
  const words = bits >> 5;
  const half = bits >> 1;
  const isHalfLong = hasBitsFrom(p, words, half - 1) && hasBitsFrom(q, words, half - 1);
  if (!isHalfLong || hasBitsFrom(p, words, half) || hasBitsFrom(q, words, half)) return false;
  if (!(load<u32>(p) & load<u32>(q) & 1)) return false;
  multiplyNatural(product, p, words >> 1, q, words >> 1);
  if (!isEqual(product, numberOf(numbers, N), words * WORD_BYTES)) return false;
  distance(product, p, q, words >> 1);
  return hasBitsFrom(product, words >> 1, half - DISTANCE_BITS);
}

/**
 * Section A.1.1 criterion 3, and RFC 8017 section 3.2, the second representation. Some generators reduce d modulo (p - 1)(q - 1) and
 * not the least common multiple: any d below n will do.
 */
function hasExponents(numbers: usize, bits: usize): bool {
  const d = numberOf(numbers, D);
  const words = bits >> 5;
  if (!hasBitsFrom(d, words, bits >> 1) || !isLess(d, numberOf(numbers, N), words)) return false;
  return isExponent(numbers, P, D_P, words) && isExponent(numbers, Q, D_Q, words) && isCoefficient(numbers, words);
}

/** Whether d is the inverse of e modulo this prime less one, and the CRT exponent what is left of d. */
function isExponent(numbers: usize, prime: usize, exponent: usize, words: usize): bool {
  const half = words >> 1;
  memory.copy(lessOne, numberOf(numbers, prime), half * WORD_BYTES);
  subtractWord(lessOne, half, 1);
  wipe(rest, words * WORD_BYTES);
  divide(0, rest, numberOf(numbers, D), words, lessOne, half);
  if (!isEqual(rest, numberOf(numbers, exponent), words * WORD_BYTES)) return false;
  // e has one word in every key that passes; what is longer fails here or in isGoodPublic_vartime.
  multiplyNatural(product, rest, half, numberOf(numbers, E), 1);
  divide(0, reduced, product, half + 1, lessOne, half);
  return isOne(reduced, half) && !hasBitsFrom(numberOf(numbers, E), words, 32);
}

function isCoefficient(numbers: usize, words: usize): bool {
  const p = numberOf(numbers, P);
  const coefficient = numberOf(numbers, Q_INVERSE);
  if (!isLess(coefficient, p, words)) return false;
  multiplyNatural(product, coefficient, words >> 1, numberOf(numbers, Q), words >> 1);
  divide(0, rest, product, words, p, words >> 1);
  return isOne(rest, words >> 1);
}
