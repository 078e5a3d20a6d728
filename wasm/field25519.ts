/**
 * The field of 2^255 - 19 (RFC 7748 section 4.1). Elements are nine signed limbs of 29 bits, 72 bytes; the kernels and what
 * they may be given are in generate/field25519.mjs. Constant time but for what is named _vartime. Knows no curve.
 */
import { multiply, ONE, square, subtract } from './generated/field25519';
import { WORDS_BYTES } from './limbs';
import { isEqual, wipe } from './memory';
import { invertWords, MODULUS_BYTES, Modulus, openModulus, wipeModulus } from './modulus';

export { multiply, ONE, square, subtract };

const LIMBS: usize = 9;
const LIMB_BITS: i64 = 29;
const LIMB_MASK: i64 = (1 << LIMB_BITS) - 1;
/** Of the 255 bits the ninth limb has 23; what it has above them is worth 19. */
const TOP_BITS: i64 = 23;
const TOP_MASK: i64 = (1 << TOP_BITS) - 1;
const LAST: usize = 8 * (LIMBS - 1);

export const ELEMENT_BYTES: usize = 8 * LIMBS;
/** An element below p in 32-bit limbs, as tables hold it. */
export const PACKED_BYTES: usize = 4 * LIMBS;
export const ENCODED_BYTES: usize = 32;

/** Carries through all limbs, and what leaves the 255 bits back into the first. */
function carry(element: usize): void {
  let t: i64 = 0;
  for (let offset: usize = 0; offset < LAST; offset += 8) {
    t += load<i64>(element + offset);
    store<i64>(element + offset, t & LIMB_MASK);
    t >>= LIMB_BITS;
  }
  t += load<i64>(element, LAST);
  store<i64>(element, t & TOP_MASK, LAST);
  store<i64>(element, load<i64>(element) + 19 * (t >> TOP_BITS));
}

/** Brings an element to its one form below p, in place. Takes sums and differences of products as well. */
export function freeze(element: usize): void {
  // The first turn leaves less than 2^255 and a little, above or below; the second what is between 0 and 2^255.
  carry(element);
  carry(element);
  // 1 exactly where the element is p or more: adding 19 to it then reaches 2^255, and adding 19 without the 2^255 subtracts p.
  let t: i64 = 19;
  for (let offset: usize = 0; offset < LAST; offset += 8) t = (load<i64>(element + offset) + t) >> LIMB_BITS;
  t = (load<i64>(element, LAST) + t) >> TOP_BITS;
  t *= 19;
  for (let offset: usize = 0; offset < LAST; offset += 8) {
    t += load<i64>(element + offset);
    store<i64>(element + offset, t & LIMB_MASK);
    t >>= LIMB_BITS;
  }
  store<i64>(element, (load<i64>(element, LAST) + t) & TOP_MASK, LAST);
}

/** Writes an element in 32-bit limbs, and freezes it for that. */
export function pack(packed: usize, element: usize): void {
  freeze(element);
  for (let limb: usize = 0; limb < LIMBS; limb++) {
    store<u32>(packed + (limb << 2), <u32>load<i64>(element + (limb << 3)));
  }
}

/** Writes 32 bytes, little-endian (RFC 8032 section 5.1.2), and freezes the element for that. */
export function encode(output: usize, element: usize): void {
  freeze(element);
  const l2 = load<i64>(element, 16);
  const l4 = load<i64>(element, 32);
  const l6 = load<i64>(element, 48);
  store<i64>(output, load<i64>(element) | (load<i64>(element, 8) << 29) | (l2 << 58));
  store<i64>(output, (l2 >> 6) | (load<i64>(element, 24) << 23) | (l4 << 52), 8);
  store<i64>(output, (l4 >> 12) | (load<i64>(element, 40) << 17) | (l6 << 46), 16);
  store<i64>(output, (l6 >> 18) | (load<i64>(element, 56) << 11) | (load<i64>(element, LAST) << 40), 24);
}

/** Reads 255 bits of 32 bytes; values of p and above are taken modulo p. */
export function decode(out: usize, input: usize): void {
  const w0 = load<u64>(input);
  const w1 = load<u64>(input, 8);
  const w2 = load<u64>(input, 16);
  const w3 = load<u64>(input, 24);
  store<i64>(out, w0 & LIMB_MASK);
  store<i64>(out, (w0 >> 29) & LIMB_MASK, 8);
  store<i64>(out, ((w0 >> 58) | (w1 << 6)) & LIMB_MASK, 16);
  store<i64>(out, (w1 >> 23) & LIMB_MASK, 24);
  store<i64>(out, ((w1 >> 52) | (w2 << 12)) & LIMB_MASK, 32);
  store<i64>(out, (w2 >> 17) & LIMB_MASK, 40);
  store<i64>(out, ((w2 >> 46) | (w3 << 18)) & LIMB_MASK, 48);
  store<i64>(out, (w3 >> 11) & LIMB_MASK, 56);
  store<i64>(out, (w3 >> 40) & TOP_MASK, LAST);
}

/** The lowest bit, which is the sign of an x coordinate (RFC 8032 section 5.1.2); freezes the element. */
export function signBit(element: usize): u32 {
  freeze(element);
  return <u32>load<i64>(element) & 1;
}

/** Whether two elements are equal; freezes both. */
export function areEqual_vartime(left: usize, right: usize): bool {
  freeze(left);
  freeze(right);
  return isEqual(left, right, ELEMENT_BYTES);
}

// ---- Inversion ----

const prime = memory.data(<i32>MODULUS_BYTES, 16);
const words = memory.data(<i32>WORDS_BYTES, 16);

/** Readies `invert`. Called once, before anything else. */
export function openField(): void {
  // 2^255 - 19, big-endian.
  memory.fill(words, 0xff, ENCODED_BYTES);
  store<u8>(words, 0x7f);
  store<u8>(words, 0xed, ENCODED_BYTES - 1);
  openModulus(prime, words, ENCODED_BYTES, 255);
}

/** out = 1/in, or 0 of 0; freezes the element. */
export function invert(out: usize, element: usize): void {
  encode(words, element);
  invertWords(words, words, changetype<Modulus>(prime));
  decode(out, words);
}

/** Forgets what inversions leave behind. */
export function wipeField(): void {
  wipe(words, WORDS_BYTES);
  wipeModulus();
}

// ---- Square roots ----

const POWERS_BYTES: usize = 3 * ELEMENT_BYTES;
const powers = memory.data(<i32>POWERS_BYTES, 16);
const e10 = powers;
const e50 = powers + ELEMENT_BYTES;
const t = powers + 2 * ELEMENT_BYTES;

/** in^(2^times). */
function squareTimes(out: usize, element: usize, times: u32): void {
  square(out, element);
  for (let i: u32 = 1; i < times; i++) square(out, out);
}

/** out = in^((p - 5) / 8) = in^(2^252 - 3), for square roots. `out` is not `in`; eN is in^(2^N - 1). */
export function powerP58(out: usize, element: usize): void {
  square(out, element);
  multiply(t, out, element);
  squareTimes(out, t, 2);
  multiply(t, out, t);
  square(out, t);
  multiply(t, out, element);
  squareTimes(out, t, 5);
  multiply(e10, out, t);
  squareTimes(out, e10, 10);
  multiply(t, out, e10);
  squareTimes(out, t, 20);
  multiply(t, out, t);
  squareTimes(out, t, 10);
  multiply(e50, out, e10);
  squareTimes(out, e50, 50);
  multiply(t, out, e50);
  squareTimes(out, t, 100);
  multiply(t, out, t);
  squareTimes(out, t, 50);
  multiply(out, out, e50);
  squareTimes(out, out, 2);
  multiply(out, out, element);
}
