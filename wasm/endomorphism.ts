/**
 * The endomorphism of secp256k1 (Gallant, Lambert and Vanstone 2001): lambda * (x, y) = (beta * x, y). A scalar k is k1 + lambda * k2 mod n
 * with k1 and k2 of half its length, which halves the doublings. Constants and their bounds are explained in libsecp256k1's
 * src/scalar_impl.h, secp256k1_scalar_split_lambda. Public scalars only.
 */
import { isBelow, LIMBS_BYTES, pack, subtractWords, unpack, WORDS_BYTES } from './limbs';
import { addModular, Modulus, mulMontgomery, negateModular, SCALAR_BITS, toMontgomery } from './modulus';

/** Bits of k1 and k2 without their signs, at most. */
export const HALF_BITS: usize = 128;

// Numbers as words.
// biome-ignore-start format: tables
/** A cube root of 1 in the field. */
export const beta = memory.data<u64>([
  0xc1396c28719501ee, 0x9cf0497512f58995, 0x6e64479eac3434e9, 0x7ae96a2b657c0710, 0x0000000000000000,
  0x0000000000000000, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
]);
const lambda = memory.data<u64>([
  0xdf02967c1b23bd72, 0x122e22ea20816678, 0xa5261c028812645a, 0x5363ad4cc05c30e0, 0x0000000000000000,
  0x0000000000000000, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
]);
/** Coordinates of the short vectors (a1, b1), (a2, b2) of the lattice of all (x, y) with x + lambda * y = 0 mod n. */
const minusB1 = memory.data<u64>([
  0x6f547fa90abfe4c3, 0xe4437ed6010e8828, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
  0x0000000000000000, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
]);
const minusB2 = memory.data<u64>([
  0xd765cda83db1562c, 0x8a280ac50774346d, 0xfffffffffffffffe, 0xffffffffffffffff, 0x0000000000000000,
  0x0000000000000000, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
]);
/** 2^384 * b2 / n and 2^384 * -b1 / n, rounded. */
const g1 = memory.data<u64>([
  0xe893209a45dbb031, 0x3daa8a1471e8ca7f, 0xe86c90e49284eb15, 0x3086d221a7d46bcd, 0x0000000000000000,
  0x0000000000000000, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
]);
const g2 = memory.data<u64>([
  0x1571b4ae8ac47f71, 0x221208ac9df506c6, 0x6f547fa90abfe4c4, 0xe4437ed6010e8828, 0x0000000000000000,
  0x0000000000000000, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
]);
// biome-ignore-end format: tables

const SCRATCH_BYTES: usize = 3 * LIMBS_BYTES + 2 * WORDS_BYTES;
const first = memory.data(<i32>SCRATCH_BYTES, 16);
const second = first + LIMBS_BYTES;
const third = second + LIMBS_BYTES;
const quotient = third + LIMBS_BYTES;
const opposite = quotient + WORDS_BYTES;

/** Half words of a number below n, and of 384 bits. */
const NUMBER_HALF_WORDS: usize = 8;
const SHIFTED_HALF_WORDS: usize = 12;
const HALF_WORD_BYTES: usize = 4;
const PRODUCT_BYTES: usize = 2 * NUMBER_HALF_WORDS * HALF_WORD_BYTES;
const product = memory.data(<i32>PRODUCT_BYTES, 16);

/** quotient = a * b / 2^384, rounded. */
function multiplyShift_vartime(a: usize, b: usize): void {
  memory.fill(product, 0, PRODUCT_BYTES);
  for (let i: usize = 0; i < NUMBER_HALF_WORDS; i++) {
    const factor = <u64>load<u32>(a + i * HALF_WORD_BYTES);
    let carry: u64 = 0;
    for (let j: usize = 0; j < NUMBER_HALF_WORDS; j++) {
      const at = product + (i + j) * HALF_WORD_BYTES;
      carry += factor * load<u32>(b + j * HALF_WORD_BYTES) + load<u32>(at);
      store<u32>(at, <u32>carry);
      carry >>= 32;
    }
    store<u32>(product + (i + NUMBER_HALF_WORDS) * HALF_WORD_BYTES, <u32>carry);
  }
  memory.fill(quotient, 0, WORDS_BYTES);
  let carry: u64 = load<u32>(product + (SHIFTED_HALF_WORDS - 1) * HALF_WORD_BYTES) >> 31;
  for (let i = SHIFTED_HALF_WORDS; i < 2 * NUMBER_HALF_WORDS; i++) {
    carry += load<u32>(product + i * HALF_WORD_BYTES);
    store<u32>(quotient + (i - SHIFTED_HALF_WORDS) * HALF_WORD_BYTES, <u32>carry);
    carry >>= 32;
  }
}

/** limbs = limbs * factor mod n; the factor is words. */
function multiplyBy(limbs: usize, factor: usize, order: Modulus): void {
  toMontgomery(limbs, limbs, order);
  unpack(third, factor, order.count, SCALAR_BITS);
  mulMontgomery(limbs, limbs, third, order);
}

/** limbs = the rounded quotient of k and g, times b mod n. */
function quotientTimes_vartime(limbs: usize, k: usize, g: usize, b: usize, order: Modulus): void {
  multiplyShift_vartime(k, g);
  unpack(limbs, quotient, order.count, SCALAR_BITS);
  multiplyBy(limbs, b, order);
}

/** Words of limbs mod n or of their opposite, whichever is smaller; returns -1 where it is the opposite, else 1. */
function toSigned_vartime(words: usize, limbs: usize, order: Modulus): i32 {
  pack(words, limbs, order.count, SCALAR_BITS);
  subtractWords(opposite, order.words, words);
  if (!isBelow(opposite, words)) return 1;
  memory.copy(words, opposite, WORDS_BYTES);
  return -1;
}

/** Signs of the two halves that `split_vartime` found: 1 or -1. */
export let firstSign: i32 = 1;
export let secondSign: i32 = 1;

/** Words of k1 and k2 without their signs, k = k1 + lambda * k2 mod n. */
export function split_vartime(k1: usize, k2: usize, k: usize, order: Modulus): void {
  quotientTimes_vartime(first, k, g1, minusB1, order);
  quotientTimes_vartime(second, k, g2, minusB2, order);
  addModular(second, second, first, order);
  memory.copy(first, second, LIMBS_BYTES);
  multiplyBy(first, lambda, order);
  negateModular(first, first, order);
  unpack(third, k, order.count, SCALAR_BITS);
  addModular(first, first, third, order);
  firstSign = toSigned_vartime(k1, first, order);
  secondSign = toSigned_vartime(k2, second, order);
}
