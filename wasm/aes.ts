/**
 * AES-256 (FIPS 197), encryption only, bitsliced: eight blocks at once as eight planes of 128 bits, where bit j of byte i in plane k
 * is bit k of byte i of block j. No table, branch or address depends on a secret. Modes are counter_mode.ts's and aead.ts's.
 */
import {
  lastRound,
  round0,
  round1,
  round2,
  round3,
  slice,
  substitute,
  unshiftRows,
  unslice,
} from './generated/aes_planes';
import { wipe } from './memory';

export const BLOCK_BYTES: usize = 16;
export const BATCH_BLOCKS: usize = 8;
export const BATCH_BYTES: usize = BATCH_BLOCKS * BLOCK_BYTES;
export const KEY_BYTES: usize = 32;
const ROUNDS: usize = 14;
const PLANES: usize = 8;
const ROUND_KEY_BYTES: usize = PLANES * 16;
/** Round keys as planes, every block's the same, their rows as little shifted as those of the state (generate/aes.mjs). */
export const SCHEDULE_BYTES: usize = (ROUNDS + 1) * ROUND_KEY_BYTES;

/** Rounds 1 and 2 on the batches of planes from `planes` up to `end`. */
export function firstRounds(planes: usize, end: usize, schedule: usize): void {
  round1(planes, end, schedule + ROUND_KEY_BYTES);
  round2(planes, end, schedule + 2 * ROUND_KEY_BYTES);
}

/** Rounds 3 to 14. */
export function lastRounds(planes: usize, end: usize, schedule: usize): void {
  let roundKey = schedule + 3 * ROUND_KEY_BYTES;
  for (let i = 0; i < 2; i++) {
    round3(planes, end, roundKey);
    round0(planes, end, roundKey + ROUND_KEY_BYTES);
    round1(planes, end, roundKey + 2 * ROUND_KEY_BYTES);
    round2(planes, end, roundKey + 3 * ROUND_KEY_BYTES);
    roundKey += 4 * ROUND_KEY_BYTES;
  }
  round3(planes, end, roundKey);
  round0(planes, end, roundKey + ROUND_KEY_BYTES);
  round1(planes, end, roundKey + 2 * ROUND_KEY_BYTES);
  lastRound(planes, end, roundKey + 3 * ROUND_KEY_BYTES);
}

/** Encrypts eight blocks in place. */
export function encryptBlocks(schedule: usize, blocks: usize): void {
  const end = blocks + BATCH_BYTES;
  slice(blocks, end, schedule);
  firstRounds(blocks, end, schedule);
  lastRounds(blocks, end, schedule);
  unslice(blocks, end);
}

const KEY_WORDS: usize = KEY_BYTES / 4;
const SCHEDULE_WORDS: usize = 4 * (ROUNDS + 1);
/** The constant of the S-box's affine map (section 5.1.1), which the circuit leaves out, in every byte. */
const AFFINE_CONSTANT: u32 = 0x63636363;

const WORDS_BYTES: usize = SCHEDULE_WORDS * 4;
const words = memory.data(<i32>WORDS_BYTES, 16);
const wordPlanes = memory.data(<i32>ROUND_KEY_BYTES, 16);
/** Planes of a vector that is the same in all eight blocks. */
@inline
export function spread(x: v128, planes: usize): void {
  v128.store(planes, i8x16.shr_s(i8x16.shl(x, 7), 7));
  v128.store(planes, i8x16.shr_s(i8x16.shl(x, 6), 7), 16);
  v128.store(planes, i8x16.shr_s(i8x16.shl(x, 5), 7), 32);
  v128.store(planes, i8x16.shr_s(i8x16.shl(x, 4), 7), 48);
  v128.store(planes, i8x16.shr_s(i8x16.shl(x, 3), 7), 64);
  v128.store(planes, i8x16.shr_s(i8x16.shl(x, 2), 7), 80);
  v128.store(planes, i8x16.shr_s(i8x16.shl(x, 1), 7), 96);
  v128.store(planes, i8x16.shr_s(x, 7), 112);
}

/** Bit `plane` of every byte, out of its plane. */
@inline
function bitOf(plane: i32): v128 {
  return v128.and(v128.load(wordPlanes + ((<usize>plane) << 4)), i8x16.splat((<i8>1) << (<i8>plane)));
}

/** SUBWORD (section 5.2). */
function subWord(word: u32): u32 {
  spread(i32x4.splat(word), wordPlanes);
  substitute(wordPlanes, wordPlanes + ROUND_KEY_BYTES);
  const bits = v128.or(
    v128.or(v128.or(bitOf(0), bitOf(1)), v128.or(bitOf(2), bitOf(3))),
    v128.or(v128.or(bitOf(4), bitOf(5)), v128.or(bitOf(6), bitOf(7))),
  );
  return i32x4.extract_lane(bits, 0) ^ AFFINE_CONSTANT;
}

/** KEYEXPANSION (section 5.2, Algorithm 2) for a 256-bit key, into planes. */
export function expandKey(key: usize, schedule: usize): void {
  memory.copy(words, key, KEY_BYTES);
  // Words are little-endian here: ROTWORD turns the other way and Rcon is in the low byte.
  let roundConstant: u32 = 1;
  for (let i = KEY_WORDS; i < SCHEDULE_WORDS; i++) {
    const at = words + i * 4;
    let temp = load<u32>(at - 4);
    if (i % KEY_WORDS == 0) {
      temp = subWord(rotr<u32>(temp, 8)) ^ roundConstant;
      roundConstant <<= 1;
    } else if (i % KEY_WORDS == KEY_WORDS / 2) {
      temp = subWord(temp);
    }
    store<u32>(at, load<u32>(at - KEY_BYTES) ^ temp);
  }
  spread(v128.load(words), schedule);
  // The affine constant passes ShiftRows and MixColumns unchanged, since its bytes are equal and 1 + 1 + 2 + 3 = 1 in GF(2^8).
  for (let round: usize = 1; round <= ROUNDS; round++) {
    let roundKey = v128.xor(v128.load(words + round * BLOCK_BYTES), i32x4.splat(AFFINE_CONSTANT));
    // Four ShiftRows are none.
    for (let shifts = round & 3; shifts; shifts--) roundKey = unshiftRows(roundKey);
    spread(roundKey, schedule + round * ROUND_KEY_BYTES);
  }
  wipe(words, WORDS_BYTES);
  wipe(wordPlanes, ROUND_KEY_BYTES);
}
