/**
 * Primes for RSA: trial division, Miller-Rabin (FIPS 186-5 section B.3.1) on two candidates at once, one in each vector lane, and
 * generation of a pair (section A.1.3). Rejected candidates show in time; of primes only how often two divides p - 1 does.
 */
import { distance, exchange, hasBitsFrom, subtract, subtractWord, WORD_BYTES } from './bignum';
import { allocate, isEqual, release, wipe } from './memory';
import { cutWindows, digitsBytes, multiply, raisePair, square, windowsIn } from './montgomery';
import {
  collapse,
  layOut,
  Modulus,
  modulusBytes,
  NATURAL_PADDING_BYTES,
  numberAt,
  PADDING_BYTES,
  ROUNDER,
  setLane,
  shapeOf,
  spread,
  spreadWhole,
  wipeKernels,
} from './montgomery_digits';
import { fillRandom } from './random';

const LANES: usize = 2;
const BOTH: u32 = 3;
const MAXIMUM_BITS: usize = 2048;
const NATURAL_BYTES: usize = MAXIMUM_BITS / 8 + NATURAL_PADDING_BYTES;
const DIGITS_BYTES: usize = 92 * 16 + 2 * PADDING_BYTES;
const WINDOWS_BYTES: usize = 2 * 410;

// ---- Trial division ----

/** More primes cost more than the Miller-Rabin rounds they save. */
const SMALL_PRIMES_END: u32 = 8192;
/** Primes from 3 to 8179, and one of them again where the last eight need it. */
const SMALL_PRIMES: usize = 1032;
/** Two primes and their reciprocals, f64 each. */
const ENTRY_BYTES: usize = 32;
/** Four entries, so that their dependent steps overlap. */
const GROUP_BYTES: usize = 4 * ENTRY_BYTES;
const smallPrimes = memory.data(<i32>((SMALL_PRIMES / 2) * ENTRY_BYTES), 16);
const TRIAL_DIGIT_BITS: u32 = 24;
const trialDigits = memory.data(<i32>((MAXIMUM_BITS / TRIAL_DIGIT_BITS + 2) * 8), 16);
let hasSmallPrimes: bool = false;

function setSmallPrime(index: usize, prime: f64): void {
  const lane = smallPrimes + (index >> 1) * ENTRY_BYTES + (index & 1) * 8;
  store<f64>(lane, prime);
  store<f64>(lane, 1 / prime, 16);
}

/** The sieve of Eratosthenes, once. */
function makeSmallPrimes(): bool {
  if (hasSmallPrimes) return true;
  const sieve = allocate(SMALL_PRIMES_END);
  if (!sieve) return false;
  let index: usize = 0;
  for (let n: u32 = 3; n < SMALL_PRIMES_END; n += 2) {
    if (load<u8>(sieve + n)) continue;
    setSmallPrime(index++, n);
    for (let multiple = n * n; multiple < SMALL_PRIMES_END; multiple += 2 * n) store<u8>(sieve + multiple, 1);
  }
  while (index < SMALL_PRIMES) setSmallPrime(index++, 3);
  release(sieve, SMALL_PRIMES_END);
  hasSmallPrimes = true;
  return true;
}

/** (rest * 2^24 + digit) modulo two primes, to a rest of at most half of each in magnitude; exact, as all products are below 2^53. */
@inline
function takeDigit(rest: v128, digit: v128, primes: v128, reciprocals: v128): v128 {
  const rounder = f64x2.splat(ROUNDER);
  const value = f64x2.add(f64x2.mul(rest, f64x2.splat(16777216)), digit);
  const multiple = f64x2.sub(f64x2.add(f64x2.mul(value, reciprocals), rounder), rounder);
  return f64x2.sub(value, f64x2.mul(multiple, primes));
}

/** Whether one of a group's eight primes divides the number whose digits are laid out, highest last. */
function groupDivides(group: usize, digits: usize): bool {
  const zero = f64x2.splat(0);
  let a = zero;
  let b = zero;
  let c = zero;
  let d = zero;
  for (let at = trialDigits + (digits - 1) * 8; at >= trialDigits; at -= 8) {
    const digit = v128.load64_splat(at);
    a = takeDigit(a, digit, v128.load(group), v128.load(group, 16));
    b = takeDigit(b, digit, v128.load(group, 32), v128.load(group, 48));
    c = takeDigit(c, digit, v128.load(group, 64), v128.load(group, 80));
    d = takeDigit(d, digit, v128.load(group, 96), v128.load(group, 112));
  }
  const ab = v128.or(f64x2.eq(a, zero), f64x2.eq(b, zero));
  return v128.any_true(v128.or(ab, v128.or(f64x2.eq(c, zero), f64x2.eq(d, zero))));
}

function hasSmallFactor(natural: usize, bits: u32): bool {
  let digits: usize = 0;
  while (digits * TRIAL_DIGIT_BITS <= bits) digits++;
  spread(trialDigits, 8, <u32>digits, TRIAL_DIGIT_BITS, natural, 0, 0);
  const end = smallPrimes + (SMALL_PRIMES / 2) * ENTRY_BYTES;
  let group = smallPrimes;
  while (group < end && !groupDivides(group, digits)) group += GROUP_BYTES;
  wipe(trialDigits, digits * 8);
  return group < end;
}

/** FIPS 186-5 section A.1.1: e = 65537 must be prime to p - 1, which it is unless it divides that. */
function isOneModuloExponent(natural: usize, bytes: usize): bool {
  return restModuloF4(natural, bytes) == 1;
}

/** A number modulo 65537, in [0, 65536]: 2^16 is -1 there, so halves of words alternate in sign. */
export function restModuloF4(natural: usize, bytes: usize): u64 {
  let sum: i64 = 0;
  for (let i: usize = 0; i < bytes; i += WORD_BYTES) {
    const word = load<u32>(natural + i);
    sum += <i64>(word & 0xffff) - <i64>(word >> 16);
  }
  return reduceF4(sum);
}

/** `value` modulo 65537 for |value| < 2^47. */
export function reduceF4(value: i64): u64 {
  value = (value & 0xffff) - (value >> 16);
  value = (value & 0xffff) - (value >> 16);
  // In [-2^15, 2^17).
  value += 65537 & (value >> 63);
  value -= 65537;
  value += 65537 & (value >> 63);
  value -= 65537;
  return <u64>(value + (65537 & (value >> 63)));
}

// ---- Miller-Rabin ----

const modulus = changetype<Modulus>(memory.data(<i32>offsetof<Modulus>(), 16));
/** How often 2 divides p - 1. */
const twos = memory.data(<i32>(LANES * 4), 16);
const windows = memory.data(<i32>WINDOWS_BYTES, 16);
/** 1 and p - 1 in Montgomery's form, as natural numbers, of each lane. */
const ones = memory.data(<i32>(LANES * NATURAL_BYTES), 16);
const minusOnes = memory.data(<i32>(LANES * NATURAL_BYTES), 16);
const power = numberAt(memory.data(<i32>DIGITS_BYTES, 16));
const natural = memory.data(<i32>(NATURAL_BYTES + 16), 16);

let area: usize = 0;
let areaBytes: usize = 0;

/** Takes memory for two candidates of so many bits; false where there is none. */
function open(bits: u32): bool {
  const shape = shapeOf(bits, 2);
  areaBytes = modulusBytes(shape);
  area = allocate(areaBytes);
  if (!area || !makeSmallPrimes()) return false;
  layOut(modulus, shape, area);
  return true;
}

function close(): void {
  release(area, areaBytes);
  area = 0;
  wipe(changetype<usize>(modulus), offsetof<Modulus>());
  wipe(windows, WINDOWS_BYTES);
  wipe(ones, LANES * NATURAL_BYTES);
  wipe(minusOnes, LANES * NATURAL_BYTES);
  wipe(natural, NATURAL_BYTES + 16);
  wipeKernels();
}

@inline
function candidateAt(lane: usize): usize {
  return modulus.natural + lane * modulus.naturalBytes;
}

/** Prepares a lane for the candidate that has been put into `candidateAt(lane)`: odd, with its top bit set. */
function enter(lane: usize): void {
  const words = <usize>modulus.shape.bits >> 5;
  setLane(modulus, lane);
  collapse(modulus, modulus.one, lane, ones + lane * NATURAL_BYTES);
  subtract(minusOnes + lane * NATURAL_BYTES, candidateAt(lane), ones + lane * NATURAL_BYTES, words);
  memory.copy(natural, candidateAt(lane), words * WORD_BYTES);
  subtractWord(natural, words, 1);
  let shift: u32 = 0;
  while (!((load<u32>(natural + ((shift >> 5) << 2)) >> (shift & 31)) & 1)) shift++;
  store<u32>(twos + lane * 4, shift);
  shiftRight(natural, words, shift);
  cutWindows(windows, lane, natural, modulus.shape.bits);
  wipe(natural, words * WORD_BYTES);
}

/** natural <- natural / 2^shift; reads a word beyond its end, which is zero. */
function shiftRight(natural: usize, words: usize, shift: u32): void {
  const skipped = <usize>(shift >> 5);
  for (let i: usize = 0; i < words; i++) {
    const isInside = i + skipped < words;
    const pair = isInside ? load<u64>(natural + (i + skipped) * WORD_BYTES) : 0;
    store<u32>(natural + i * WORD_BYTES, <u32>(pair >> (shift & 31)));
  }
}

/** Whether the power's lane is that lane of a list of numbers: its bit, or 0. */
function laneIs(list: usize, lane: usize): u32 {
  collapse(modulus, power, lane, natural);
  return (<u32>isEqual(natural, list + lane * NATURAL_BYTES, modulus.shape.bits >> 3)) << (<u32>lane);
}

/** A random base in both lanes, uniform but for a bias below 2^-28, as R is so much larger than p. False where randomness is unavailable. */
function drawBase(): bool {
  const bytes = (<usize>modulus.shape.limbs * modulus.shape.digitBits + 7) >> 3;
  for (let lane: usize = 0; lane < LANES; lane++) {
    if (!fillRandom(natural, bytes)) return false;
    spreadWhole(modulus, power, lane, natural);
  }
  // What Montgomery's reduction makes of a random number is one again, and small enough.
  multiply(modulus, power, power, modulus.one);
  wipe(natural, bytes);
  return true;
}

/** One round on both candidates: the bits of the lanes that may be prime. 0 as well where randomness is unavailable. */
function testBoth(): u32 {
  if (!drawBase()) return 0;
  raisePair(modulus, power, power, windows, windowsIn(modulus.shape.bits));
  let passed = laneIs(ones, 0) | laneIs(ones, 1);
  const most = max(load<u32>(twos), load<u32>(twos, 4));
  for (let i: u32 = 0; i < most; i++) {
    if (i) square(modulus, power, power);
    if (i < load<u32>(twos)) passed |= laneIs(minusOnes, 0);
    if (i < load<u32>(twos, 4)) passed |= laneIs(minusOnes, 1);
  }
  wipe(power, digitsBytes(modulus));
  return passed;
}

/** Rounds with random bases after which a composite number, whoever chose it, passes with a chance below 2^-100. */
const ROUNDS_FOR_FOREIGN: u32 = 50;
/** FIPS 186-5 table B.1 asks for 5 rounds on random candidates of 1024 bits and for fewer on longer ones. */
const ROUNDS_FOR_RANDOM: u32 = 5;

/** 1 where both odd numbers of so many bits are prime, 0 where one is not, -1 where memory is short. */
export function arePrime(p: usize, q: usize, bits: u32): i32 {
  if (!open(bits)) {
    close();
    return -1;
  }
  memory.copy(candidateAt(0), p, bits >> 3);
  memory.copy(candidateAt(1), q, bits >> 3);
  let passed: u32 = hasSmallFactor(candidateAt(0), bits) || hasSmallFactor(candidateAt(1), bits) ? 0 : BOTH;
  if (passed) {
    enter(0);
    enter(1);
  }
  for (let i: u32 = 0; i < ROUNDS_FOR_FOREIGN && passed == BOTH; i++) passed = testBoth();
  close();
  return <i32>(passed == BOTH);
}

// ---- Generation ----

/** The first word of sqrt(2) * 2^(bits - 1), rounded up: candidates are no smaller, so that p * q has twice their bits. */
const LOWEST_TOP_WORD: u32 = 0xb504f334;
/** FIPS 186-5 section A.1.3: p and q differ in their first 100 bits. */
const DISTANCE_BITS: usize = 100;

/** A random candidate without small factors, in its lane; false where randomness is unavailable. */
function draw(lane: usize): bool {
  const bits = modulus.shape.bits;
  const bytes = <usize>bits >> 3;
  const candidate = candidateAt(lane);
  do {
    if (!fillRandom(candidate, bytes)) return false;
    store<u8>(candidate, load<u8>(candidate) | 1);
  } while (
    load<u32>(candidate + bytes - WORD_BYTES) < LOWEST_TOP_WORD ||
    isOneModuloExponent(candidate, bytes) ||
    hasSmallFactor(candidate, bits)
  );
  enter(lane);
  return true;
}

function areApart(p: usize, q: usize, bits: u32): bool {
  const words = <usize>bits >> 5;
  distance(natural, p, q, words);
  const isFar = hasBitsFrom(natural, words, <usize>bits - DISTANCE_BITS);
  wipe(natural, words * WORD_BYTES);
  return isFar;
}

/** Finds two primes for a modulus of 2 * bits with e = 65537, p the larger. False where randomness or memory is unavailable. */
export function generatePrimes(p: usize, q: usize, bits: u32): bool {
  const isFound = open(bits) && search(p, q, bits);
  close();
  return isFound;
}

function search(p: usize, q: usize, bits: u32): bool {
  const bytes = <usize>bits >> 3;
  let rounds0: u32 = 0;
  let rounds1: u32 = 0;
  let isHalfDone = false;
  if (!draw(0) || !draw(1)) return false;
  while (true) {
    const passed = testBoth();
    rounds0 = passed & 1 ? rounds0 + 1 : 0;
    rounds1 = passed & 2 ? rounds1 + 1 : 0;
    for (let lane: usize = 0; lane < LANES; lane++) {
      const rounds = lane ? rounds1 : rounds0;
      if (rounds && rounds < ROUNDS_FOR_RANDOM) continue;
      if (rounds && !isHalfDone) {
        memory.copy(p, candidateAt(lane), bytes);
        isHalfDone = true;
      } else if (rounds && areApart(p, candidateAt(lane), bits)) {
        memory.copy(q, candidateAt(lane), bytes);
        exchange(p, q, bytes / WORD_BYTES, subtract(natural, p, q, bytes / WORD_BYTES) ? u32.MAX_VALUE : 0);
        return true;
      }
      if (lane) rounds1 = 0;
      else rounds0 = 0;
      if (!draw(lane)) return false;
    }
  }
}
