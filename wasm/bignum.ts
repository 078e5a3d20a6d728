/**
 * Natural numbers of RSA's lengths: little-endian 32-bit words in linear memory. Everything runs in time that depends on lengths only;
 * it serves what is done once a key. Exponentiation is montgomery.ts's.
 */
import { wipe } from './memory';

export const WORD_BYTES: usize = 4;
/** Products of two numbers of 4096 bits, and a word. */
const MAXIMUM_WORDS: usize = 257;
const scratch = memory.data(<i32>(MAXIMUM_WORDS * WORD_BYTES), 16);

@inline
function wordAt(natural: usize, index: usize): u64 {
  return <u64>load<u32>(natural + index * WORD_BYTES);
}

@inline
function setWordAt(natural: usize, index: usize, word: u64): void {
  store<u32>(natural + index * WORD_BYTES, <u32>word);
}

/** All ones where the word is zero, else 0. */
@inline
export function zeroMask(word: u32): u32 {
  return <u32>(<i32>(word | (0 - word)) >> 31) ^ u32.MAX_VALUE;
}

/** Reads big-endian bytes, no more than the words hold. */
export function readNatural(output: usize, words: usize, data: usize, bytes: usize): void {
  memory.fill(output, 0, words * WORD_BYTES);
  for (let i: usize = 0; i < bytes; i++) store<u8>(output + i, load<u8>(data + bytes - 1 - i));
}

/** Writes the lowest `bytes` bytes, big-endian. */
export function writeNatural(output: usize, bytes: usize, natural: usize): void {
  for (let i: usize = 0; i < bytes; i++) store<u8>(output + bytes - 1 - i, load<u8>(natural + i));
}

/** Whether bit `bit` or one above it is set. */
export function hasBitsFrom(natural: usize, words: usize, bit: usize): bool {
  let gathered: u32 = 0;
  for (let i: usize = bit >> 5; i < words; i++) {
    // Of the first word only the bits from `bit` on count.
    const below: u32 = i == bit >> 5 ? ((<u32>1) << (<u32>bit & 31)) - 1 : 0;
    gathered |= load<u32>(natural + i * WORD_BYTES) & ~below;
  }
  return gathered != 0;
}

/** output <- a - b; the borrow, 0 or 1. */
export function subtract(output: usize, a: usize, b: usize, words: usize): u64 {
  let borrow: u64 = 0;
  for (let i: usize = 0; i < words; i++) {
    const difference = wordAt(a, i) - wordAt(b, i) - borrow;
    setWordAt(output, i, difference);
    borrow = difference >> 63;
  }
  return borrow;
}

export function isLess(a: usize, b: usize, words: usize): bool {
  let borrow: u64 = 0;
  for (let i: usize = 0; i < words; i++) borrow = (wordAt(a, i) - wordAt(b, i) - borrow) >> 63;
  return borrow != 0;
}

/** sum <- sum + natural, where the sum has no fewer words and room for the result. */
export function addNatural(sum: usize, words: usize, natural: usize, naturalWords: usize): void {
  let carry: u64 = 0;
  for (let i: usize = 0; i < words; i++) {
    carry += wordAt(sum, i) + (i < naturalWords ? wordAt(natural, i) : 0);
    setWordAt(sum, i, carry);
    carry >>= 32;
  }
}

/** natural <- natural + word. */
export function addWord(natural: usize, words: usize, word: u64): void {
  for (let i: usize = 0; i < words; i++) {
    word += wordAt(natural, i);
    setWordAt(natural, i, word);
    word >>= 32;
  }
}

/** natural <- natural - word, which must not be the larger. */
export function subtractWord(natural: usize, words: usize, word: u64): void {
  for (let i: usize = 0; i < words; i++) {
    const difference = wordAt(natural, i) - word;
    setWordAt(natural, i, difference);
    word = difference >> 63;
  }
}

/** output <- |a - b|. */
export function distance(output: usize, a: usize, b: usize, words: usize): void {
  const mask: u64 = 0 - subtract(output, a, b, words);
  // The two's complement of a negative difference: inverted, and one more.
  let carry = mask & 1;
  for (let i: usize = 0; i < words; i++) {
    carry += (wordAt(output, i) ^ mask) & 0xffffffff;
    setWordAt(output, i, carry);
    carry >>= 32;
  }
}

/** Exchanges two numbers where the mask is all ones. */
export function exchange(a: usize, b: usize, words: usize, mask: u32): void {
  for (let i: usize = 0; i < words * WORD_BYTES; i += WORD_BYTES) {
    const difference = (load<u32>(a + i) ^ load<u32>(b + i)) & mask;
    store<u32>(a + i, load<u32>(a + i) ^ difference);
    store<u32>(b + i, load<u32>(b + i) ^ difference);
  }
}

/** output[0..words] += a * factor; the word that is carried out. A function of its own, so that engines compile it well early. */
function addProduct(output: usize, a: usize, words: usize, factor: u64): u64 {
  let carry: u64 = 0;
  for (let i: usize = 0; i < words; i++) {
    carry += wordAt(output, i) + wordAt(a, i) * factor;
    setWordAt(output, i, carry);
    carry >>= 32;
  }
  return carry;
}

/** output <- a * b, `aWords + bWords` words, apart from both. */
export function multiplyNatural(output: usize, a: usize, aWords: usize, b: usize, bWords: usize): void {
  memory.fill(output, 0, (aWords + bWords) * WORD_BYTES);
  for (let i: usize = 0; i < bWords; i++) {
    setWordAt(output, aWords + i, addProduct(output + i * WORD_BYTES, a, aWords, wordAt(b, i)));
  }
}

/** rest <- 2 rest + bit, less the modulus where that fits: returns whether it did. rest is below the modulus. */
function shiftIn(rest: usize, modulus: usize, words: usize, bit: u64): u64 {
  let borrow: u64 = 0;
  for (let i: usize = 0; i < words; i++) {
    const doubled = (wordAt(rest, i) << 1) | bit;
    bit = doubled >> 32;
    setWordAt(rest, i, doubled);
    const difference = (doubled & 0xffffffff) - wordAt(modulus, i) - borrow;
    setWordAt(scratch, i, difference);
    borrow = difference >> 63;
  }
  const isTaken = bit | (1 - borrow);
  const mask = 0 - <u32>isTaken;
  for (let i: usize = 0; i < words * WORD_BYTES; i += WORD_BYTES) {
    const kept = load<u32>(rest + i);
    store<u32>(rest + i, kept ^ ((kept ^ load<u32>(scratch + i)) & mask));
  }
  return isTaken;
}

/** rest <- a mod modulus and, unless it is 0, quotient <- a / modulus (aWords words, not `a` itself). The modulus is not zero. */
export function divide(quotient: usize, rest: usize, a: usize, aWords: usize, modulus: usize, words: usize): void {
  memory.fill(rest, 0, words * WORD_BYTES);
  for (let i = aWords; i > 0; i--) {
    const word = load<u32>(a + (i - 1) * WORD_BYTES);
    let bits: u64 = 0;
    for (let bit: u32 = 32; bit > 0; bit--) bits = (bits << 1) | shiftIn(rest, modulus, words, (word >> (bit - 1)) & 1);
    if (quotient) setWordAt(quotient, i - 1, bits);
  }
  wipe(scratch, words * WORD_BYTES);
}

/** natural / divisor for an odd divisor that divides it, by multiplying with its inverse modulo 2^32 (`inverse`) from the lowest word on. */
export function divideExactly(natural: usize, words: usize, divisor: u64, inverse: u32): void {
  let borrow: u64 = 0;
  for (let i: usize = 0; i < words; i++) {
    const rest = wordAt(natural, i) - borrow;
    const digit = <u64>(<u32>rest * inverse);
    setWordAt(natural, i, digit);
    borrow = ((digit * divisor) >> 32) + (rest >> 63);
  }
}

/** Halves a number where the mask is all ones. */
function halve(natural: usize, words: usize, mask: u32): void {
  let above: u32 = 0;
  for (let i = words; i > 0; i--) {
    const word = load<u32>(natural + (i - 1) * WORD_BYTES);
    const halved = (word >> 1) | (above << 31);
    above = word;
    store<u32>(natural + (i - 1) * WORD_BYTES, word ^ ((word ^ halved) & mask));
  }
}

/** a <- a - b where the mask is all ones. */
function subtractMasked(a: usize, b: usize, words: usize, mask: u32): void {
  let borrow: u64 = 0;
  for (let i: usize = 0; i < words; i++) {
    const difference = wordAt(a, i) - <u64>(load<u32>(b + i * WORD_BYTES) & mask) - borrow;
    setWordAt(a, i, difference);
    borrow = difference >> 63;
  }
}

/** One step of Stein's algorithm: the larger of two odd numbers less the other, then halves of what is even. Returns 1 where both were. */
function reduceBoth(u: usize, v: usize, words: usize): u32 {
  const areOdd = 0 - (load<u32>(u) & load<u32>(v) & 1);
  const isLower = 0 - <u32>isLess(u, v, words);
  subtractMasked(v, u, words, areOdd & isLower);
  subtractMasked(u, v, words, areOdd & ~isLower);
  const uIsEven = (load<u32>(u) & 1) - 1;
  const vIsEven = (load<u32>(v) & 1) - 1;
  halve(u, words, uIsEven);
  halve(v, words, vIsEven);
  return uIsEven & vIsEven & 1;
}

/**
 * The greatest common divisor of two numbers, which are overwritten, at `u`; powers of two beyond 2^31 in it are left out. Each step
 * takes a bit off one number at least.
 */
export function commonDivisor(u: usize, v: usize, words: usize): void {
  let twos: u32 = 0;
  for (let steps = words * 64; steps > 0; steps--) twos += reduceBoth(u, v, words);
  for (let i: usize = 0; i < words * WORD_BYTES; i += WORD_BYTES)
    store<u32>(u + i, load<u32>(u + i) | load<u32>(v + i));
  for (let i: u32 = 0; i < 31; i++) doubleMasked(u, words, 0 - <u32>(i < twos));
}

function doubleMasked(natural: usize, words: usize, mask: u32): void {
  let below: u32 = 0;
  for (let i: usize = 0; i < words * WORD_BYTES; i += WORD_BYTES) {
    const word = load<u32>(natural + i);
    const doubled = (word << 1) | (below >> 31);
    below = word;
    store<u32>(natural + i, word ^ ((word ^ doubled) & mask));
  }
}

export function isOne(natural: usize, words: usize): bool {
  let others = load<u32>(natural) ^ 1;
  for (let i: usize = WORD_BYTES; i < words * WORD_BYTES; i += WORD_BYTES) others |= load<u32>(natural + i);
  return others == 0;
}
