/** What is kept beside a key on a Weierstrass curve, for the files that make such keys and those that use them. */
import { Key } from './keys';
import { LIMBS_BYTES, WORDS_BYTES } from './limbs';

/** What is prepared of a key: the words of its point, and d in Montgomery form where there is a d. */
export const PREPARED_BYTES: usize = 2 * WORDS_BYTES + LIMBS_BYTES;

@inline
export function keyX(key: Key): usize {
  return key.prepared;
}

@inline
export function keyY(key: Key): usize {
  return key.prepared + WORDS_BYTES;
}

@inline
export function keyScalar(key: Key): usize {
  return key.prepared + 2 * WORDS_BYTES;
}
