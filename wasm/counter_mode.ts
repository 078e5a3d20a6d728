/**
 * Counter mode (SP 800-38A section 6.5) under AES-256 with GCM's counter, the last 32 bits of a block (SP 800-38D section 6.2): a long
 * message in whole batches.
 *
 * In a run of 256 blocks only the last byte of the counter changes. It meets the rest of its column in round 1 and the rest of
 * the block in round 2, each time in a step that is linear but for the S-box on what came of that byte alone. So the state after round 2
 * is a sum of what the last byte makes of it and what the others do, and two runs differ there by the same in every block: later
 * runs begin in round 3.
 */
import { BATCH_BYTES, firstRounds, lastRounds, spread } from './aes';
import { unslice, unsliceOnto } from './generated/aes_planes';
import { wipe } from './memory';

const RUN_BATCHES: u32 = 32;
const RUN_BYTES: usize = <usize>RUN_BATCHES * BATCH_BYTES;
const BATCH_BITS: u32 = 3;
const LAST_BYTE_MASK: u32 = 0xff;

/** A run's batches in their places, and the first run's after round 2. */
const run = memory.data(<i32>RUN_BYTES, 16);
const firstRun = memory.data(<i32>RUN_BYTES, 16);
/** What is the same in a run. */
const common = memory.data(<i32>BATCH_BYTES, 16);

/** output <- input xor `bytes` bytes at `mask`. The spans may be the same. */
@inline
export function xorBytes(output: usize, input: usize, mask: usize, bytes: usize): void {
  let i: usize = 0;
  for (; i + 16 <= bytes; i += 16) {
    v128.store(output + i, v128.xor(v128.load(input + i), v128.load(mask + i)));
  }
  for (; i < bytes; i++) store<u8>(output + i, load<u8>(input + i) ^ load<u8>(mask + i));
}

/** common + the last bytes, bit j of which is that of block j. */
@inline
function setPlane(planes: usize, plane: usize, lastByte: u32): void {
  const last = i8x16.replace_lane(i64x2.splat(0), 15, <i8>lastByte);
  v128.store(planes + plane * 16, v128.xor(v128.load(common + plane * 16), last));
}

/** All bits as the one at `bit` of a number. */
@inline
function spreadBit(number: u32, bit: u32): u32 {
  return 0 - ((number >> bit) & 1);
}

/** Batches `first` to `end` of the run of `counter`, as planes, with the first round key. */
function beginRun(schedule: usize, template: usize, counter: u32, first: u32, end: u32): void {
  const block = i32x4.replace_lane(v128.load(template), 3, <i32>bswap<u32>(counter & ~LAST_BYTE_MASK));
  spread(block, common);
  for (let at: usize = 0; at < BATCH_BYTES; at += 16) {
    v128.store(common + at, v128.xor(v128.load(common + at), v128.load(schedule + at)));
  }
  for (let batch = first; batch < end; batch++) {
    const planes = run + <usize>batch * BATCH_BYTES;
    setPlane(planes, 0, 0b10101010);
    setPlane(planes, 1, 0b11001100);
    setPlane(planes, 2, 0b11110000);
    setPlane(planes, 3, spreadBit(batch, 0));
    setPlane(planes, 4, spreadBit(batch, 1));
    setPlane(planes, 5, spreadBit(batch, 2));
    setPlane(planes, 6, spreadBit(batch, 3));
    setPlane(planes, 7, spreadBit(batch, 4));
  }
  firstRounds(run + <usize>first * BATCH_BYTES, run + <usize>end * BATCH_BYTES, schedule);
}

/** The same for a run after the first, batch 0 and those up to `end`. */
function continueRun(schedule: usize, template: usize, counter: u32, end: u32): void {
  beginRun(schedule, template, counter, 0, 1);
  for (let plane: usize = 0; plane < BATCH_BYTES; plane += 16) {
    const difference = v128.xor(v128.load(run + plane), v128.load(firstRun + plane));
    const stop = run + <usize>end * BATCH_BYTES;
    let from = firstRun + plane;
    for (let to = run + plane; to < stop; to += BATCH_BYTES) {
      v128.store(to, v128.xor(v128.load(from), difference));
      from += BATCH_BYTES;
    }
  }
}

/**
 * output <- input + the keystream from `counter`, a multiple of eight, on: GCTR (SP 800-38D section 6.5). At least one byte; the spans may be
 * the same. `template` has the block, with any counter.
 */
export function addKeystream(
  schedule: usize,
  template: usize,
  counter: u32,
  input: usize,
  bytes: usize,
  output: usize,
): void {
  const isLong = bytes > RUN_BYTES;
  let hasFirstRun = false;
  while (bytes) {
    const first = (counter & LAST_BYTE_MASK) >> BATCH_BITS;
    const batches = min(RUN_BATCHES - first, <u32>((bytes + BATCH_BYTES - 1) / BATCH_BYTES));
    if (hasFirstRun) {
      continueRun(schedule, template, counter, first + batches);
    } else if (isLong) {
      beginRun(schedule, template, counter, 0, RUN_BATCHES);
      memory.copy(firstRun, run, RUN_BYTES);
      hasFirstRun = true;
    } else {
      beginRun(schedule, template, counter, first, first + batches);
    }
    const planes = run + <usize>first * BATCH_BYTES;
    lastRounds(planes, planes + <usize>batches * BATCH_BYTES, schedule);
    const whole = min(<usize>batches * BATCH_BYTES, bytes & ~(BATCH_BYTES - 1));
    if (whole) unsliceOnto(planes, planes + whole, input, output);
    const rest = min(<usize>batches * BATCH_BYTES, bytes) - whole;
    if (rest) {
      unslice(planes + whole, planes + whole + BATCH_BYTES);
      xorBytes(output + whole, input + whole, planes + whole, rest);
    }
    input += whole + rest;
    output += whole + rest;
    bytes -= whole + rest;
    counter += batches << BATCH_BITS;
  }
  wipe(run, RUN_BYTES);
  if (isLong) wipe(firstRun, RUN_BYTES);
  wipe(common, BATCH_BYTES);
}
