/**
 * RSAEP and RSADP (RFC 8017 section 5.1) and what a key keeps to compute them fast. The private one works modulo p in one vector lane
 * and q in the other, on a blinded base, and gives nothing that the public one does not take back.
 */
import { addNatural, isLess, multiplyNatural, subtract, subtractWord, WORD_BYTES } from './bignum';
import { STATUS_INTERNAL, STATUS_OK, STATUS_UNAVAILABLE } from './contract';
import { Key } from './keys';
import { allocate, isEqual, release, wipe } from './memory';
import {
  combine,
  completeModulus,
  cutWindows,
  digitsBytes,
  multiply,
  raisePair,
  raisePublic,
  square,
  windowsIn,
} from './montgomery';
import {
  collapse,
  layOut,
  Modulus,
  modulusBytes,
  numberAt,
  numberBytes,
  PADDING_BYTES,
  setLane,
  shapeOf,
  spread,
  spreadWhole,
  wipeKernels,
} from './montgomery_digits';
import { fillRandom } from './random';
import { D_P, D_Q, E, N, NUMBER_BYTES, numberOf, P, Q, Q_INVERSE } from './rsa_check';
import { numbers, readPrivateNumbers, readPublicNumbers, wipeNumbers } from './rsa_format';

/** Made of a key's numbers when it is first used; private parts are 0 in a public key. Numbers are in Montgomery's form unless said. */
@unmanaged
export class RsaTables {
  modulusBytes: usize;
  /** e, as a natural number with the zero word behind it, and its length. */
  exponent: u64;
  exponentBits: u32;
  /** Uses left of the blinding pair; 0: none has been made. */
  blindingsLeft: u32;
  publicModulus: Modulus;
  /** p and q. */
  primes: Modulus;
  /** R^3, which takes the upper half of a number twice as long into Montgomery's form. */
  cube: usize;
  /** The inverse of q modulo p, in lane 0. */
  coefficient: usize;
  /** A, and A^-d: what a base is multiplied with, and its power, to be rid of that. */
  blinder: usize;
  unblinder: usize;
  /** dP and dQ, and p - 1 - dP and q - 1 - dQ, cut for `raisePair`. */
  windows: usize;
  unblindingWindows: usize;
  windowCount: u32;
}

const PRIVATE_TABLE_NUMBERS: usize = 4;
/**
 * A blinding pair serves so many operations, squared after each. OpenSSL takes 32 (BN_BLINDING_COUNTER); here time does not depend on
 * the base to begin with.
 */
const BLINDINGS: u32 = 128;

const PAIR_BYTES: usize = 92 * 16 + 2 * PADDING_BYTES;
const x = numberAt(memory.data(<i32>PAIR_BYTES, 16));
const y = numberAt(memory.data(<i32>PAIR_BYTES, 16));
/** 1 in both lanes, not in Montgomery's form. */
const unit = numberAt(memory.data(<i32>PAIR_BYTES, 16));

const SCRATCH_NUMBERS: usize = 4;
const scratch = memory.data(<i32>(SCRATCH_NUMBERS * NUMBER_BYTES), 16);

/** So that a next number begins on a multiple of 16. */
@inline
function aligned(bytes: usize): usize {
  return (bytes + 15) & ~15;
}

// ---- Tables ----

/** The key's tables, or null where memory is short. */
export function tablesOf(key: Key, modulusBytes: usize): RsaTables | null {
  if (key.tables) return changetype<RsaTables>(key.tables);
  const isRead = key.material
    ? readPrivateNumbers(key.material, key.materialBytes, modulusBytes)
    : readPublicNumbers(key.prepared, key.preparedBytes, modulusBytes);
  const tables = isRead ? makeTables(key, modulusBytes, key.material != 0) : null;
  wipeNumbers();
  return tables;
}

/** Makes a key's tables of numbers that have been read and are sound. */
export function makeTables(key: Key, modulusBytes: usize, hasSecret: bool): RsaTables | null {
  const bits = <u32>modulusBytes * 8;
  const wide = shapeOf(bits, 1);
  const pair = shapeOf(bits >> 1, 2);
  const windowCount = windowsIn(pair.bits);
  const classBytes = aligned(offsetof<RsaTables>());
  const modulusClassBytes = aligned(offsetof<Modulus>());
  const wideBytes = aligned(modulusBytesOf(wide.bits, 1));
  const pairBytes = aligned(modulusBytesOf(pair.bits, 2));
  const windowsBytes = aligned(<usize>windowCount * 2);
  let bytes = classBytes + modulusClassBytes + wideBytes;
  if (hasSecret) bytes += modulusClassBytes + pairBytes + PRIVATE_TABLE_NUMBERS * numberBytes(pair) + 2 * windowsBytes;
  let memory = allocate(bytes);
  if (!memory) return null;
  key.tables = memory;
  key.tablesBytes = bytes;
  const tables = changetype<RsaTables>(memory);
  memory += classBytes;
  tables.publicModulus = changetype<Modulus>(memory);
  memory += modulusClassBytes;
  layOut(tables.publicModulus, wide, memory);
  memory += wideBytes;
  tables.modulusBytes = modulusBytes;
  setPublic(tables);
  if (!hasSecret) return tables;
  tables.primes = changetype<Modulus>(memory);
  memory += modulusClassBytes;
  layOut(tables.primes, pair, memory);
  memory += pairBytes;
  tables.cube = numberAt(memory);
  tables.coefficient = numberAt(memory + numberBytes(pair));
  tables.blinder = numberAt(memory + 2 * numberBytes(pair));
  tables.unblinder = numberAt(memory + 3 * numberBytes(pair));
  memory += PRIVATE_TABLE_NUMBERS * numberBytes(pair);
  tables.windows = memory;
  tables.unblindingWindows = memory + windowsBytes;
  tables.windowCount = windowCount;
  setPrivate(tables);
  return tables;
}

function modulusBytesOf(bits: u32, lanes: u32): usize {
  return modulusBytes(shapeOf(bits, lanes));
}

function setPublic(tables: RsaTables): void {
  const modulus = tables.publicModulus;
  memory.copy(modulus.natural, numberOf(numbers, N), tables.modulusBytes);
  setLane(modulus, 0);
  completeModulus(modulus);
  tables.exponent = load<u32>(numberOf(numbers, E));
  tables.exponentBits = 32 - clz<u32>(<u32>tables.exponent);
}

function setPrivate(tables: RsaTables): void {
  const primes = tables.primes;
  setPrime(tables, 0, numberOf(numbers, P), numberOf(numbers, D_P));
  setPrime(tables, 1, numberOf(numbers, Q), numberOf(numbers, D_Q));
  completeModulus(primes);
  square(primes, tables.cube, primes.square);
  spreadWhole(primes, tables.coefficient, 0, numberOf(numbers, Q_INVERSE));
  multiply(primes, tables.coefficient, tables.coefficient, primes.square);
  wipeKernels();
}

function setPrime(tables: RsaTables, lane: usize, prime: usize, exponent: usize): void {
  const primes = tables.primes;
  const bits = primes.shape.bits;
  const words = <usize>bits >> 5;
  memory.copy(primes.natural + lane * primes.naturalBytes, prime, words * WORD_BYTES);
  setLane(primes, lane);
  cutWindows(tables.windows, lane, exponent, bits);
  const opposite = scratch;
  memory.copy(opposite, prime, words * WORD_BYTES);
  subtractWord(opposite, words, 1);
  subtract(opposite, opposite, exponent, words);
  cutWindows(tables.unblindingWindows, lane, opposite, bits);
  wipe(opposite, words * WORD_BYTES);
}

// ---- Primitives ----

/** Whether a number of the modulus's length is below it, as section 5.1 demands. */
export function isRepresentative(tables: RsaTables, natural: usize): bool {
  return isLess(natural, tables.publicModulus.natural, tables.modulusBytes / WORD_BYTES);
}

/** output <- natural^e mod n. Natural numbers here take NUMBER_BYTES, with zeros behind the modulus's length. */
export function applyPublic(tables: RsaTables, output: usize, natural: usize): void {
  wipe(output, NUMBER_BYTES);
  const exponent = changetype<usize>(tables) + offsetof<RsaTables>('exponent');
  raisePublic(tables.publicModulus, output, natural, exponent, tables.exponentBits);
}

/**
 * output <- natural^d mod n for natural < n. Returns a status: UNAVAILABLE without randomness; INTERNAL where the result fails the
 * check with e, whose absence would give the factors away (Boneh, DeMillo and Lipton, 1997) should memory or processor err.
 */
export function applyPrivate(tables: RsaTables, output: usize, natural: usize): u32 {
  if (!renewBlinding(tables)) return STATUS_UNAVAILABLE;
  const primes = tables.primes;
  const bytes = tables.modulusBytes;
  const check = numberOf(scratch, 3);
  wipe(output, NUMBER_BYTES);
  reduce(primes, tables.cube, natural);
  multiply(primes, x, x, tables.blinder);
  raisePair(primes, x, x, tables.windows, tables.windowCount);
  multiply(primes, x, x, tables.unblinder);
  recombine(tables, output);
  applyPublic(tables, check, output);
  const isRight = isEqual(check, natural, bytes);
  wipe(scratch, SCRATCH_NUMBERS * NUMBER_BYTES);
  wipe(x, digitsBytes(primes));
  wipe(y, digitsBytes(primes));
  wipeKernels();
  if (isRight) return STATUS_OK;
  tables.blindingsLeft = 0;
  wipe(output, bytes);
  return STATUS_INTERNAL;
}

/** x <- natural modulo p and q: the lower half of its digits, and the upper times R. */
function reduce(primes: Modulus, cube: usize, natural: usize): void {
  const limbs = primes.shape.limbs;
  const digitBits = primes.shape.digitBits;
  for (let lane: usize = 0; lane < 2; lane++) {
    const carry = spread(x + lane * 8, primes.step, limbs, digitBits, natural, 0, 0);
    spread(y + lane * 8, primes.step, limbs, digitBits, natural, limbs, carry);
  }
  multiply(primes, x, x, primes.square);
  multiply(primes, y, y, cube);
  combine(primes, x, x, y, 1);
}

function setUnit(): void {
  v128.store(unit, f64x2.splat(1));
}

/**
 * output <- m with m = x modulo p and modulo q, section 5.1.2 step 2.b: h = (m1 - m2) * qInv mod p, m = m2 + q * h.
 */
function recombine(tables: RsaTables, output: usize): void {
  const primes = tables.primes;
  const words = <usize>primes.shape.bits >> 5;
  const m1 = scratch;
  const m2 = numberOf(scratch, 1);
  const h = numberOf(scratch, 2);
  setUnit();
  multiply(primes, x, x, unit);
  collapse(primes, x, 0, m1);
  collapse(primes, x, 1, m2);
  // Lane 1 is not used any more.
  spreadWhole(primes, x, 0, m1);
  spreadWhole(primes, y, 0, m2);
  combine(primes, x, x, y, -1);
  multiply(primes, x, x, tables.coefficient);
  collapse(primes, x, 0, h);
  multiplyNatural(output, primes.natural + primes.naturalBytes, words, h, words);
  addNatural(output, words * 2, m2, words);
}

// ---- Blinding ----

/** Squares the blinding pair, or makes a new one where it has served its time: false where randomness is unavailable. */
function renewBlinding(tables: RsaTables): bool {
  const primes = tables.primes;
  if (tables.blindingsLeft) {
    square(primes, tables.blinder, tables.blinder);
    square(primes, tables.unblinder, tables.unblinder);
  } else {
    if (!drawBlinder(tables)) return false;
    // A^-d = A^(p - 1 - dP) modulo p by Fermat's theorem, which takes no inverse of A.
    raisePair(primes, tables.unblinder, tables.blinder, tables.unblindingWindows, tables.windowCount);
    tables.blindingsLeft = BLINDINGS;
  }
  tables.blindingsLeft--;
  return true;
}

function drawBlinder(tables: RsaTables): bool {
  const primes = tables.primes;
  const bytes = (<usize>primes.shape.limbs * primes.shape.digitBits + 7) >> 3;
  for (let lane: usize = 0; lane < 2; lane++) {
    if (!fillRandom(scratch, bytes)) return false;
    spreadWhole(primes, tables.blinder, lane, scratch);
  }
  wipe(scratch, bytes);
  multiply(primes, tables.blinder, tables.blinder, primes.one);
  return true;
}

// ---- For generation ----

/**
 * output <- base^-1 modulo a prime of so many bits, by Fermat's theorem: natural numbers, base of no more bits. False where memory is
 * short.
 */
export function invertModuloPrime(output: usize, base: usize, prime: usize, bits: u32): bool {
  const shape = shapeOf(bits, 2);
  const words = <usize>bits >> 5;
  const windowCount = windowsIn(bits);
  const windowsBytes = <usize>windowCount * 2;
  const classBytes = aligned(offsetof<Modulus>());
  const areaBytes = classBytes + aligned(modulusBytes(shape)) + windowsBytes;
  const area = allocate(areaBytes);
  if (!area) return false;
  const modulus = changetype<Modulus>(area);
  const windows = area + areaBytes - windowsBytes;
  layOut(modulus, shape, area + classBytes);
  memory.copy(scratch, prime, words * WORD_BYTES);
  subtractWord(scratch, words, 2);
  for (let lane: usize = 0; lane < 2; lane++) {
    memory.copy(modulus.natural + lane * modulus.naturalBytes, prime, words * WORD_BYTES);
    setLane(modulus, lane);
    cutWindows(windows, lane, scratch, bits);
    spreadWhole(modulus, x, lane, base);
  }
  completeModulus(modulus);
  multiply(modulus, x, x, modulus.square);
  raisePair(modulus, x, x, windows, windowCount);
  setUnit();
  multiply(modulus, x, x, unit);
  collapse(modulus, x, 0, output);
  wipe(scratch, words * WORD_BYTES);
  wipe(x, digitsBytes(modulus));
  wipeKernels();
  release(area, areaBytes);
  return true;
}
