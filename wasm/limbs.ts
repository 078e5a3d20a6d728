/**
 * Multi-precision numbers in the two forms the curves use: **words**, little-endian bytes in a slot of WORDS_BYTES, and **limbs**, 64-bit
 * numbers that hold `bits` bits each and may be signed. Everything runs in time that depends on counts only.
 */

/** Room for the largest number, 66 bytes on P-521, and for eight-byte loads anywhere in it. */
export const WORDS_BYTES: u32 = 80;
export const LIMB_BYTES: u32 = 8;
/** P-521 in the narrowest limbs in use. */
export const MAXIMUM_LIMBS: u32 = 20;
export const LIMBS_BYTES: u32 = MAXIMUM_LIMBS * LIMB_BYTES;

/** Words of a big-endian number. */
export function readBigEndian(words: usize, data: usize, bytes: usize): void {
  memory.fill(words, 0, WORDS_BYTES);
  for (let i: usize = 0; i < bytes; i++) store<u8>(words + i, load<u8>(data + bytes - 1 - i));
}

export function writeBigEndian(output: usize, bytes: usize, words: usize): void {
  for (let i: usize = 0; i < bytes; i++) store<u8>(output + i, load<u8>(words + bytes - 1 - i));
}

/** Limbs of words; `bits` is at most 57, so that a limb lies within eight bytes. */
export function unpack(limbs: usize, words: usize, count: usize, bits: usize): void {
  const mask: u64 = ((<u64>1) << bits) - 1;
  let position: usize = 0;
  for (let i: usize = 0; i < count; i++) {
    store<u64>(limbs + i * LIMB_BYTES, (load<u64>(words + (position >> 3)) >> (position & 7)) & mask);
    position += bits;
  }
}

/** Words of limbs in [0, 2^bits). */
export function pack(words: usize, limbs: usize, count: usize, bits: usize): void {
  memory.fill(words, 0, WORDS_BYTES);
  let position: usize = 0;
  for (let i: usize = 0; i < count; i++) {
    const at = words + (position >> 3);
    store<u64>(at, load<u64>(at) | (load<u64>(limbs + i * LIMB_BYTES) << (position & 7)));
    position += bits;
  }
}

/** limbs + (other & mask), every limb but the last carried into [0, 2^bits); the last has the sign. */
export function addMasked(limbs: usize, other: usize, mask: i64, count: usize, bits: usize): void {
  const limbMask: i64 = ((<i64>1) << bits) - 1;
  let carry: i64 = 0;
  const last = (count - 1) * LIMB_BYTES;
  for (let i: usize = 0; i < last; i += LIMB_BYTES) {
    carry += load<i64>(limbs + i) + (load<i64>(other + i) & mask);
    store<i64>(limbs + i, carry & limbMask);
    carry >>= bits;
  }
  store<i64>(limbs + last, carry + load<i64>(limbs + last) + (load<i64>(other + last) & mask));
}

/** limbs - other, carried as above. */
export function subtract(limbs: usize, other: usize, count: usize, bits: usize): void {
  const limbMask: i64 = ((<i64>1) << bits) - 1;
  let carry: i64 = 0;
  const last = (count - 1) * LIMB_BYTES;
  for (let i: usize = 0; i < last; i += LIMB_BYTES) {
    carry += load<i64>(limbs + i) - load<i64>(other + i);
    store<i64>(limbs + i, carry & limbMask);
    carry >>= bits;
  }
  store<i64>(limbs + last, carry + load<i64>(limbs + last) - load<i64>(other + last));
}

/** All ones where the number is negative, else 0. */
@inline
export function signMask(limbs: usize, count: usize): i64 {
  return load<i64>(limbs + (count - 1) * LIMB_BYTES) >> 63;
}

/** The number below the modulus that is congruent to carried or uncarried signed limbs above -2 and below 2 moduli. */
export function canonicalize(limbs: usize, modulus: usize, count: usize, bits: usize): void {
  addMasked(limbs, modulus, 0, count, bits);
  addMasked(limbs, modulus, signMask(limbs, count), count, bits);
  addMasked(limbs, modulus, signMask(limbs, count), count, bits);
  subtract(limbs, modulus, count, bits);
  addMasked(limbs, modulus, signMask(limbs, count), count, bits);
}

/** Whether words are all zero; without branches, as the next two. */
export function isZero(words: usize): bool {
  let all: u64 = 0;
  for (let i: usize = 0; i < WORDS_BYTES; i += 8) all |= load<u64>(words + i);
  return all == 0;
}

export function isSame(left: usize, right: usize): bool {
  let difference: u64 = 0;
  for (let i: usize = 0; i < WORDS_BYTES; i += 8) difference |= load<u64>(left + i) ^ load<u64>(right + i);
  return difference == 0;
}

/** Whether left < right. */
export function isBelow(left: usize, right: usize): bool {
  let borrow: u64 = 0;
  for (let i: usize = 0; i < WORDS_BYTES; i += 4) {
    borrow = (<u64>load<u32>(left + i) - <u64>load<u32>(right + i) - borrow) >> 63;
  }
  return borrow != 0;
}

/** words = other where the mask is all ones; it is 0 otherwise. */
export function copyMasked(words: usize, other: usize, mask: u64, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 8) {
    const own = load<u64>(words + i);
    store<u64>(words + i, own ^ ((own ^ load<u64>(other + i)) & mask));
  }
}

/** o = a + b; the sum fits. */
export function addWords(o: usize, a: usize, b: usize): void {
  let carry: u64 = 0;
  for (let i: usize = 0; i < WORDS_BYTES; i += 4) {
    carry += <u64>load<u32>(a + i) + <u64>load<u32>(b + i);
    store<u32>(o + i, <u32>carry);
    carry >>= 32;
  }
}

/** o = a - b, where b is not the larger. */
export function subtractWords(o: usize, a: usize, b: usize): void {
  let carry: i64 = 0;
  for (let i: usize = 0; i < WORDS_BYTES; i += 4) {
    carry += <i64>load<u32>(a + i) - <i64>load<u32>(b + i);
    store<u32>(o + i, <u32>carry);
    carry >>= 32;
  }
}

/** words >>= bits, fewer than 8. */
export function shiftRight(words: usize, bits: usize): void {
  if (!bits) return;
  for (let i: usize = 0; i < WORDS_BYTES - 1; i++) {
    store<u8>(words + i, <u8>(load<u16>(words + i) >> <u16>bits));
  }
}
