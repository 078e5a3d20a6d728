/**
 * AES-256 (FIPS 197), encryption only, bitsliced: eight blocks at once as eight planes of 128 bits, where bit j of byte i in plane k
 * is bit k of byte i of block j. No table, branch or address depends on a secret. Modes are aead.ts's.
 */
import { wipe } from './memory';

export const BLOCK_BYTES: usize = 16;
export const BATCH_BLOCKS: usize = 8;
export const BATCH_BYTES: usize = BATCH_BLOCKS * BLOCK_BYTES;
export const KEY_BYTES: usize = 32;
const ROUNDS: usize = 14;
const PLANES: usize = 8;
const ROUND_KEY_BYTES: usize = PLANES * 16;
/** Round keys as planes, every block's the same. */
export const SCHEDULE_BYTES: usize = (ROUNDS + 1) * ROUND_KEY_BYTES;

@inline
function and(a: v128, b: v128): v128 {
  return v128.and(a, b);
}

@inline
function xor(a: v128, b: v128): v128 {
  return v128.xor(a, b);
}

/** ShiftRows (section 5.1.2) on a plane; byte r + 4c is row r, column c. */
@inline
function shiftRows(x: v128): v128 {
  return i8x16.swizzle(x, i8x16(0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11));
}

/** ShiftRows, then every column moved up by one row. */
@inline
function shiftRowsUp(x: v128): v128 {
  return i8x16.swizzle(x, i8x16(5, 10, 15, 0, 9, 14, 3, 4, 13, 2, 7, 8, 1, 6, 11, 12));
}

/** Every column moved up by two rows. */
@inline
function upTwo(x: v128): v128 {
  return i8x16.swizzle(x, i8x16(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
}

/** A plane of the next round's input: r + rk + (the sum two rows up) + 2 (s + r), which is MixColumns and AddRoundKey. */
@inline
function mix(r: v128, sum: v128, doubled: v128, roundKey: v128): v128 {
  return xor(xor(xor(r, roundKey), upTwo(sum)), doubled);
}

/**
 * Encrypts planes in place with `rounds` rounds. S-box: the circuit of Boyar and Peralta, "A depth-16 circuit for the AES S-box"
 * (IACR ePrint 2011/332), names theirs but for q7..q0 in and s7..s0 out. Its four negations are in the round keys instead.
 */
function encryptPlanes(planes: usize, schedule: usize, rounds: usize): void {
  let q0 = xor(v128.load(planes), v128.load(schedule));
  let q1 = xor(v128.load(planes, 16), v128.load(schedule, 16));
  let q2 = xor(v128.load(planes, 32), v128.load(schedule, 32));
  let q3 = xor(v128.load(planes, 48), v128.load(schedule, 48));
  let q4 = xor(v128.load(planes, 64), v128.load(schedule, 64));
  let q5 = xor(v128.load(planes, 80), v128.load(schedule, 80));
  let q6 = xor(v128.load(planes, 96), v128.load(schedule, 96));
  let q7 = xor(v128.load(planes, 112), v128.load(schedule, 112));
  while (true) {
    schedule += ROUND_KEY_BYTES;
    rounds--;
    const y14 = xor(q4, q2);
    const y13 = xor(q7, q1);
    const y9 = xor(q7, q4);
    const y8 = xor(q7, q2);
    const t0 = xor(q6, q5);
    const y1 = xor(t0, q0);
    const y4 = xor(y1, q4);
    const y12 = xor(y13, y14);
    const y2 = xor(y1, q7);
    const y5 = xor(y1, q1);
    const y3 = xor(y5, y8);
    const t1 = xor(q3, y12);
    const y15 = xor(t1, q2);
    const y20 = xor(t1, q6);
    const y6 = xor(y15, q0);
    const y10 = xor(y15, t0);
    const y11 = xor(y20, y9);
    const y7 = xor(q0, y11);
    const y17 = xor(y10, y11);
    const y19 = xor(y10, y8);
    const y16 = xor(t0, y11);
    const y21 = xor(y13, y16);
    const y18 = xor(q7, y16);
    const t2 = and(y12, y15);
    const t3 = and(y3, y6);
    const t4 = xor(t3, t2);
    const t5 = and(y4, q0);
    const t6 = xor(t5, t2);
    const t7 = and(y13, y16);
    const t8 = and(y5, y1);
    const t9 = xor(t8, t7);
    const t10 = and(y2, y7);
    const t11 = xor(t10, t7);
    const t12 = and(y9, y11);
    const t13 = and(y14, y17);
    const t14 = xor(t13, t12);
    const t15 = and(y8, y10);
    const t16 = xor(t15, t12);
    const t17 = xor(t4, t14);
    const t18 = xor(t6, t16);
    const t19 = xor(t9, t14);
    const t20 = xor(t11, t16);
    const t21 = xor(t17, y20);
    const t22 = xor(t18, y19);
    const t23 = xor(t19, y21);
    const t24 = xor(t20, y18);
    const t25 = xor(t21, t22);
    const t26 = and(t21, t23);
    const t27 = xor(t24, t26);
    const t28 = and(t25, t27);
    const t29 = xor(t28, t22);
    const t30 = xor(t23, t24);
    const t31 = xor(t22, t26);
    const t32 = and(t31, t30);
    const t33 = xor(t32, t24);
    const t34 = xor(t23, t33);
    const t35 = xor(t27, t33);
    const t36 = and(t24, t35);
    const t37 = xor(t36, t34);
    const t38 = xor(t27, t36);
    const t39 = and(t29, t38);
    const t40 = xor(t25, t39);
    const t41 = xor(t40, t37);
    const t42 = xor(t29, t33);
    const t43 = xor(t29, t40);
    const t44 = xor(t33, t37);
    const t45 = xor(t42, t41);
    const z0 = and(t44, y15);
    const z1 = and(t37, y6);
    const z2 = and(t33, q0);
    const z3 = and(t43, y16);
    const z4 = and(t40, y1);
    const z5 = and(t29, y7);
    const z6 = and(t42, y11);
    const z7 = and(t45, y17);
    const z8 = and(t41, y10);
    const z9 = and(t44, y12);
    const z10 = and(t37, y3);
    const z11 = and(t33, y4);
    const z12 = and(t43, y13);
    const z13 = and(t40, y5);
    const z14 = and(t29, y2);
    const z15 = and(t42, y9);
    const z16 = and(t45, y14);
    const z17 = and(t41, y8);
    const t46 = xor(z15, z16);
    const t47 = xor(z10, z11);
    const t48 = xor(z5, z13);
    const t49 = xor(z9, z10);
    const t50 = xor(z2, z12);
    const t51 = xor(z2, z5);
    const t52 = xor(z7, z8);
    const t53 = xor(z0, z3);
    const t54 = xor(z6, z7);
    const t55 = xor(z16, z17);
    const t56 = xor(z12, t48);
    const t57 = xor(t50, t53);
    const t58 = xor(z4, t46);
    const t59 = xor(z3, t54);
    const t60 = xor(t46, t57);
    const t61 = xor(z14, t57);
    const t62 = xor(t52, t58);
    const t63 = xor(t49, t58);
    const t64 = xor(z4, t59);
    const t65 = xor(t61, t62);
    const t66 = xor(z1, t63);
    const s7 = xor(t59, t63);
    const s1 = xor(t56, t62);
    const s0 = xor(t48, t60);
    const t67 = xor(t64, t65);
    const s4 = xor(t53, t66);
    const s3 = xor(t51, t66);
    const s2 = xor(t47, t65);
    const s6 = xor(t64, s4);
    const s5 = xor(t55, t67);
    if (!rounds) {
      v128.store(planes, xor(shiftRows(s0), v128.load(schedule)));
      v128.store(planes, xor(shiftRows(s1), v128.load(schedule, 16)), 16);
      v128.store(planes, xor(shiftRows(s2), v128.load(schedule, 32)), 32);
      v128.store(planes, xor(shiftRows(s3), v128.load(schedule, 48)), 48);
      v128.store(planes, xor(shiftRows(s4), v128.load(schedule, 64)), 64);
      v128.store(planes, xor(shiftRows(s5), v128.load(schedule, 80)), 80);
      v128.store(planes, xor(shiftRows(s6), v128.load(schedule, 96)), 96);
      v128.store(planes, xor(shiftRows(s7), v128.load(schedule, 112)), 112);
      return;
    }
    const r0 = shiftRowsUp(s0);
    const r1 = shiftRowsUp(s1);
    const r2 = shiftRowsUp(s2);
    const r3 = shiftRowsUp(s3);
    const r4 = shiftRowsUp(s4);
    const r5 = shiftRowsUp(s5);
    const r6 = shiftRowsUp(s6);
    const r7 = shiftRowsUp(s7);
    const u0 = xor(shiftRows(s0), r0);
    const u1 = xor(shiftRows(s1), r1);
    const u2 = xor(shiftRows(s2), r2);
    const u3 = xor(shiftRows(s3), r3);
    const u4 = xor(shiftRows(s4), r4);
    const u5 = xor(shiftRows(s5), r5);
    const u6 = xor(shiftRows(s6), r6);
    const u7 = xor(shiftRows(s7), r7);
    // Doubling moves bits up a plane and folds bit 7 by m(x) = x^8 + x^4 + x^3 + x + 1 (section 4.2).
    q0 = mix(r0, u0, u7, v128.load(schedule));
    q1 = mix(r1, u1, xor(u0, u7), v128.load(schedule, 16));
    q2 = mix(r2, u2, u1, v128.load(schedule, 32));
    q3 = mix(r3, u3, xor(u2, u7), v128.load(schedule, 48));
    q4 = mix(r4, u4, xor(u3, u7), v128.load(schedule, 64));
    q5 = mix(r5, u5, u4, v128.load(schedule, 80));
    q6 = mix(r6, u6, u5, v128.load(schedule, 96));
    q7 = mix(r7, u7, u6, v128.load(schedule, 112));
  }
}

/** The bits of `low` and `high` that change places when a 2 x 2 transposition swaps blocks of `bits` bits. */
@inline
function crossing(low: v128, high: v128, bits: i32, mask: v128): v128 {
  return and(xor(i64x2.shr_u(low, bits), high), mask);
}

/** Transposes the 8 x 8 bits at every byte position: eight blocks become planes and back. In place. */
function transposeBits(pointer: usize): void {
  const mask1 = i8x16.splat(0x55);
  const mask2 = i8x16.splat(0x33);
  const mask4 = i8x16.splat(0x0f);
  let a0 = v128.load(pointer);
  let a1 = v128.load(pointer, 16);
  let a2 = v128.load(pointer, 32);
  let a3 = v128.load(pointer, 48);
  let a4 = v128.load(pointer, 64);
  let a5 = v128.load(pointer, 80);
  let a6 = v128.load(pointer, 96);
  let a7 = v128.load(pointer, 112);
  let t: v128;
  t = crossing(a0, a1, 1, mask1);
  a1 = xor(a1, t);
  a0 = xor(a0, i64x2.shl(t, 1));
  t = crossing(a2, a3, 1, mask1);
  a3 = xor(a3, t);
  a2 = xor(a2, i64x2.shl(t, 1));
  t = crossing(a4, a5, 1, mask1);
  a5 = xor(a5, t);
  a4 = xor(a4, i64x2.shl(t, 1));
  t = crossing(a6, a7, 1, mask1);
  a7 = xor(a7, t);
  a6 = xor(a6, i64x2.shl(t, 1));
  t = crossing(a0, a2, 2, mask2);
  a2 = xor(a2, t);
  a0 = xor(a0, i64x2.shl(t, 2));
  t = crossing(a1, a3, 2, mask2);
  a3 = xor(a3, t);
  a1 = xor(a1, i64x2.shl(t, 2));
  t = crossing(a4, a6, 2, mask2);
  a6 = xor(a6, t);
  a4 = xor(a4, i64x2.shl(t, 2));
  t = crossing(a5, a7, 2, mask2);
  a7 = xor(a7, t);
  a5 = xor(a5, i64x2.shl(t, 2));
  t = crossing(a0, a4, 4, mask4);
  a4 = xor(a4, t);
  a0 = xor(a0, i64x2.shl(t, 4));
  t = crossing(a1, a5, 4, mask4);
  a5 = xor(a5, t);
  a1 = xor(a1, i64x2.shl(t, 4));
  t = crossing(a2, a6, 4, mask4);
  a6 = xor(a6, t);
  a2 = xor(a2, i64x2.shl(t, 4));
  t = crossing(a3, a7, 4, mask4);
  a7 = xor(a7, t);
  a3 = xor(a3, i64x2.shl(t, 4));
  v128.store(pointer, a0);
  v128.store(pointer, a1, 16);
  v128.store(pointer, a2, 32);
  v128.store(pointer, a3, 48);
  v128.store(pointer, a4, 64);
  v128.store(pointer, a5, 80);
  v128.store(pointer, a6, 96);
  v128.store(pointer, a7, 112);
}

/** Encrypts eight blocks in place. */
export function encryptBlocks(schedule: usize, blocks: usize): void {
  transposeBits(blocks);
  encryptPlanes(blocks, schedule, ROUNDS);
  transposeBits(blocks);
}

const KEY_WORDS: usize = KEY_BYTES / 4;
const SCHEDULE_WORDS: usize = 4 * (ROUNDS + 1);
/** The constant of the S-box's affine map (section 5.1.1), which the circuit leaves out, in every byte. */
const AFFINE_CONSTANT: u32 = 0x63636363;

const WORDS_BYTES: usize = SCHEDULE_WORDS * 4;
const words = memory.data(<i32>WORDS_BYTES, 16);
const wordPlanes = memory.data(<i32>ROUND_KEY_BYTES, 16);
/** The two round keys, of zeros, that one round takes. */
const ZERO_SCHEDULE_BYTES: usize = 2 * ROUND_KEY_BYTES;
const zeroSchedule = memory.data(<i32>ZERO_SCHEDULE_BYTES, 16);

/** Planes of a vector that is the same in all eight blocks. */
@inline
function spread(x: v128, planes: usize): void {
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
  return and(v128.load(wordPlanes + ((<usize>plane) << 4)), i8x16.splat((<i8>1) << (<i8>plane)));
}

/** SUBWORD (section 5.2) by one round with zero keys: ShiftRows leaves four equal columns alone. */
function subWord(word: u32): u32 {
  spread(i32x4.splat(word), wordPlanes);
  encryptPlanes(wordPlanes, zeroSchedule, 1);
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
    const roundKey = xor(v128.load(words + round * BLOCK_BYTES), i32x4.splat(AFFINE_CONSTANT));
    spread(roundKey, schedule + round * ROUND_KEY_BYTES);
  }
  wipe(words, WORDS_BYTES);
  wipe(wordPlanes, ROUND_KEY_BYTES);
}
