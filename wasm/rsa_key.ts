/**
 * RSA keys of 2048, 3072 and 4096 bits with two primes: generated (FIPS 186-5 section A.1.3), imported, exported. A key keeps its
 * PKCS#8 as material, unless it is public only, and its SPKI beside it; numbers are taken from them when they are needed.
 */
import {
  addWord,
  commonDivisor,
  divide,
  divideExactly,
  multiplyNatural,
  readNatural,
  subtractWord,
  WORD_BYTES,
} from './bignum';
import {
  FLAG_FORMAT_PKCS8,
  FLAG_FORMAT_SPKI,
  KEY_SPEC_RSA_2048,
  KEY_SPEC_RSA_3072,
  KEY_SPEC_RSA_4096,
  MAX_PRIVATE_KEY_BYTES,
  MAX_PUBLIC_KEY_BYTES,
  STATUS_INTERNAL,
  STATUS_INVALID_KEY,
  STATUS_MALFORMED_RECORD,
  STATUS_NOT_EXPORTABLE,
  STATUS_OK,
  STATUS_OUT_OF_MEMORY,
  STATUS_UNAVAILABLE,
} from './contract';
import { Key, keyType, prepare } from './keys';
import { allocate, release, wipe } from './memory';
import { arePrime, generatePrimes, reduceF4, restModuloF4 } from './primes';
import {
  D,
  D_P,
  D_Q,
  E,
  hasDistinctFactors,
  isConsistentPrivate,
  isGoodPublic_vartime,
  N,
  NUMBER_BYTES,
  numberOf,
  P,
  Q,
  Q_INVERSE,
} from './rsa_check';
import {
  numbers,
  readPrivateNumbers,
  readPublicNumbers,
  wipeNumbers,
  writePrivateNumbers,
  writePublicNumbers,
} from './rsa_format';
import { invertModuloPrime, makeTables } from './rsa_primitives';

/** Modulus lengths in the order of the key specs. */
export function modulusBytesOf(keySpec: u32): usize {
  return 256 + <usize>(keySpec - KEY_SPEC_RSA_2048) * 128;
}

// ---- Keeping numbers ----

const encoded = memory.data(<i32>MAX_PRIVATE_KEY_BYTES, 16);

/** Keeps the public numbers as SPKI. */
function keepPublic(key: Key): u32 {
  const bytes = writePublicNumbers(encoded, MAX_PUBLIC_KEY_BYTES, modulusBytesOf(key.spec));
  if (bytes < 0) return STATUS_INTERNAL;
  if (!prepare(key, bytes)) return STATUS_OUT_OF_MEMORY;
  memory.copy(key.prepared, encoded, bytes);
  return STATUS_OK;
}

/** Keeps all numbers, the private ones as PKCS#8. */
function keepPrivate(key: Key): u32 {
  const bytes = writePrivateNumbers(encoded, MAX_PRIVATE_KEY_BYTES, modulusBytesOf(key.spec));
  if (bytes < 0) return STATUS_INTERNAL;
  key.material = allocate(bytes);
  key.materialBytes = bytes;
  if (key.material) memory.copy(key.material, encoded, bytes);
  wipe(encoded, MAX_PRIVATE_KEY_BYTES);
  return key.material ? keepPublic(key) : STATUS_OUT_OF_MEMORY;
}

/** Index of the self-test in the function table. */
let selfTest: u32 = 0;

/** Whether RSA is right here: OK, or the status of everything until it is. The test has no secrets in its hands. */
export function selfTestStatus(): u32 {
  return call_indirect<u32>(selfTest);
}

// ---- Import ----

/** `isOurs`: bytes we wrapped ourselves, whose checks that take a while have been made. */
function readPrivate(key: Key, isOurs: bool, data: usize, bytes: usize): u32 {
  const modulusBytes = modulusBytesOf(key.spec);
  const bits = modulusBytes * 8;
  if (!readPrivateNumbers(data, bytes, modulusBytes) || !isConsistentPrivate(numbers, bits)) return STATUS_INVALID_KEY;
  if (isOurs) return keepPrivate(key);
  if (!isGoodPublic_vartime(numbers, bits)) return STATUS_INVALID_KEY;
  // Two primes this far apart are distinct factors, which isConsistentPrivate has seen to.
  const verdict = arePrime(numberOf(numbers, P), numberOf(numbers, Q), <u32>bits >> 1);
  if (verdict < 0) return STATUS_OUT_OF_MEMORY;
  return verdict ? keepPrivate(key) : STATUS_INVALID_KEY;
}

function readPublic(key: Key, data: usize, bytes: usize): u32 {
  const modulusBytes = modulusBytesOf(key.spec);
  if (!readPublicNumbers(data, bytes, modulusBytes) || !isGoodPublic_vartime(numbers, modulusBytes * 8)) {
    return STATUS_INVALID_KEY;
  }
  const tables = makeTables(key, modulusBytes, false);
  if (!tables) return STATUS_OUT_OF_MEMORY;
  const verdict = hasDistinctFactors(tables.publicModulus);
  if (verdict < 0) return STATUS_OUT_OF_MEMORY;
  return verdict ? keepPublic(key) : STATUS_INVALID_KEY;
}

/** What was wrapped is PKCS#8 too, but stands apart from what comes from outside. No flag of a record is this high. */
const FORMAT_WRAPPED: u32 = 1 << 16;

function read(key: Key, format: u32, data: usize, bytes: usize): u32 {
  let status = selfTestStatus();
  if (status != STATUS_OK) return status;
  status = STATUS_INVALID_KEY;
  if (format == FLAG_FORMAT_SPKI) status = readPublic(key, data, bytes);
  else if (format == FLAG_FORMAT_PKCS8) status = readPrivate(key, false, data, bytes);
  else if (format == FORMAT_WRAPPED) status = readPrivate(key, true, data, bytes);
  wipeNumbers();
  return status;
}

// ---- Export ----

function write(key: Key, format: u32, output: usize, capacityBytes: usize): i32 {
  if (format == FLAG_FORMAT_SPKI) return put(key.prepared, key.preparedBytes, output, capacityBytes);
  if (format != FLAG_FORMAT_PKCS8 || !key.material) return -(<i32>STATUS_NOT_EXPORTABLE);
  return put(key.material, key.materialBytes, output, capacityBytes);
}

function put(data: usize, bytes: usize, output: usize, capacityBytes: usize): i32 {
  if (capacityBytes < bytes) return -(<i32>STATUS_MALFORMED_RECORD);
  memory.copy(output, data, bytes);
  return <i32>bytes;
}

// ---- Generation ----

/** e, and its inverse modulo 2^32. */
const F4: u64 = 65537;
const F4_INVERSE: u32 = 0xffff0001;

/** 1 / value modulo 65537, which is prime: value^(65537 - 2). */
function invertModuloF4(value: u64): u64 {
  let power = value;
  // The exponent is 2^16 - 1: every bit is set.
  for (let i = 0; i < 15; i++) power = reduceF4(<i64>(reduceF4(<i64>(power * power)) * value));
  return power;
}

const factor = memory.data(8, 16);

/** output <- e^-1 modulo a number prime to e: (1 + t * modulus) / e with t = -1 / modulus modulo e. One more word is overwritten. */
function invertExponent(output: usize, modulus: usize, words: usize): void {
  const inverse = invertModuloF4(restModuloF4(modulus, words * WORD_BYTES));
  store<u64>(factor, F4 - inverse);
  multiplyNatural(output, modulus, words, factor, 1);
  addWord(output, words + 1, 1);
  divideExactly(output, words + 1, F4, F4_INVERSE);
  wipe(factor, 8);
}

/** The numbers of a key whose primes are in their places. False where memory is short. */
function deriveNumbers(bits: usize): bool {
  const words = bits >> 5;
  const half = words >> 1;
  const p = numberOf(numbers, P);
  const q = numberOf(numbers, Q);
  const areaBytes: usize = 5 * NUMBER_BYTES;
  const area = allocate(areaBytes);
  if (!area) return false;
  const lessOneP = area;
  const lessOneQ = numberOf(area, 1);
  const totient = numberOf(area, 2);
  const multiple = numberOf(area, 3);
  const rest = numberOf(area, 4);
  multiplyNatural(numberOf(numbers, N), p, half, q, half);
  store<u32>(numberOf(numbers, E), <u32>F4);
  memory.copy(lessOneP, p, half * WORD_BYTES);
  memory.copy(lessOneQ, q, half * WORD_BYTES);
  subtractWord(lessOneP, half, 1);
  subtractWord(lessOneQ, half, 1);
  invertExponent(numberOf(numbers, D_P), lessOneP, half);
  invertExponent(numberOf(numbers, D_Q), lessOneQ, half);
  // d is the inverse modulo the least common multiple (FIPS 186-5 section A.1.1 criterion 3).
  multiplyNatural(totient, lessOneP, half, lessOneQ, half);
  commonDivisor(lessOneP, lessOneQ, half);
  divide(multiple, rest, totient, words, lessOneP, half);
  invertExponent(numberOf(numbers, D), multiple, words);
  const isDone = invertModuloPrime(numberOf(numbers, Q_INVERSE), q, p, <u32>bits >> 1);
  release(area, areaBytes);
  return isDone;
}

function generate(key: Key): u32 {
  const bits = modulusBytesOf(key.spec) * 8;
  const proven = selfTestStatus();
  if (proven != STATUS_OK) return proven;
  wipeNumbers();
  let status = STATUS_UNAVAILABLE;
  // Criterion 3 asks for another pair where d is too short, which never happens.
  do {
    if (!generatePrimes(numberOf(numbers, P), numberOf(numbers, Q), <u32>bits >> 1)) break;
    status = deriveNumbers(bits) ? STATUS_OK : STATUS_OUT_OF_MEMORY;
  } while (status == STATUS_OK && !isConsistentPrivate(numbers, bits));
  if (status == STATUS_OK) status = keepPrivate(key);
  wipeNumbers();
  // SP 800-56B section 6.4.1.1: what the private half makes, the public half must take back.
  return status == STATUS_OK ? call_indirect<u32>(pairwiseTest, key) : status;
}

/** Makes a private key of two primes that are known: big-endian, the larger first, each half as long as the modulus. A status. */
export function makeKeyOfPrimes(key: Key, p: usize, q: usize): u32 {
  const modulusBytes = modulusBytesOf(key.spec);
  const words = NUMBER_BYTES / WORD_BYTES;
  wipeNumbers();
  readNatural(numberOf(numbers, P), words, p, modulusBytes >> 1);
  readNatural(numberOf(numbers, Q), words, q, modulusBytes >> 1);
  const status = deriveNumbers(modulusBytes * 8) ? keepPrivate(key) : STATUS_OUT_OF_MEMORY;
  wipeNumbers();
  return status;
}

/** Index of the pairwise test in the function table. */
let pairwiseTest: u32 = 0;

function registerType(keySpec: u32): void {
  const type = keyType(keySpec);
  const generateOne: (key: Key) => u32 = generate;
  const readOne: (key: Key, format: u32, data: usize, bytes: usize) => u32 = read;
  const writeOne: (key: Key, format: u32, output: usize, capacityBytes: usize) => i32 = write;
  type.generate = generateOne.index;
  type.read = readOne.index;
  type.wrappedFormat = FORMAT_WRAPPED;
  type.write = writeOne.index;
}

/** Both return a status. `proves`: whether known answers are given. `test`: signs with a new key and verifies. */
export function registerRsaKeys(proves: () => u32, test: (key: Key) => u32): void {
  selfTest = proves.index;
  pairwiseTest = test.index;
  registerType(KEY_SPEC_RSA_2048);
  registerType(KEY_SPEC_RSA_3072);
  registerType(KEY_SPEC_RSA_4096);
}
