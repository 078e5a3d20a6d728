/**
 * Calls that run on this thread, at once, on the caller's memory: inputs too large to be worth copying, and packed calls of inline
 * operations. One record describes all of it; outputs go into fresh memory that nobody else has seen.
 */
import { plainView } from './arguments.ts';
import {
  BLOCK_HEADER_BYTES,
  BLOCK_MAGIC,
  Flag,
  HANDLE_BYTES,
  HeaderWord,
  RECORD_BYTES,
  RecordWord,
  Status,
} from './backend.ts';
import { align8, type Call, type QueuedKey, type Sink } from './batch.ts';
import { statusError } from './errors.ts';
import type { EngineCore } from './routes.ts';

const RECORD_WORD = BLOCK_HEADER_BYTES / 4;
const ARENA_OFFSET = BLOCK_HEADER_BYTES + RECORD_BYTES;

export interface DirectResult {
  /** The record's status; OK for several items, whose own are in `statuses`. */
  readonly status: number;
  /** The call's prefix and, behind it, `items` times `outputBytes` bytes. */
  readonly output: Uint8Array;
  /** Bytes written per item. */
  readonly outputBytes: number;
  /** One status byte per item; empty for a single item. */
  readonly statuses: Uint8Array;
}

/** How many items have another status than OK. */
export function failures(statuses: Uint8Array): number {
  let failed = 0;
  // A callback for each of many items would cost as much as the items do.
  for (let index = 0; index < statuses.length; index++) if (statuses[index] !== Status.OK) failed++;
  return failed;
}

/**
 * Runs a call now, for `items` equal items that lie end to end in its input; its lengths are per item. `keys`: one for all items, one
 * per item, or none. Throws only where the engine is closed or full.
 */
export function runDirect(
  core: EngineCore,
  call: Call,
  items: number,
  keys: readonly Pick<QueuedKey, 'handle'>[],
): DirectResult {
  const { route } = call;
  const startMs = performance.now();
  const keysBytes = keys.length > 1 ? keys.length * HANDLE_BYTES : 0;
  const statusesBytes = items > 1 ? align8(items) : 0;
  const usedBytes = ARENA_OFFSET + align8(call.extraBytes) + align8(call.nonceBytes) + keysBytes + statusesBytes;
  core.queue.admit(0, usedBytes);
  const output = new Uint8Array(call.prefixBytes + items * call.outputBytes);
  if (call.prefixBytes > 0) output.set(call.prefix!);
  const block = core.queue.allocate(usedBytes);
  const { bytes, words } = block;
  words[HeaderWord.magic] = BLOCK_MAGIC;
  words[HeaderWord.recordCount] = 1;
  words[HeaderWord.usedBytes] = usedBytes;
  words[RECORD_WORD + RecordWord.operationAndAlgorithm] = route.operation | (route.algorithm << 16);
  words[RECORD_WORD + RecordWord.flagsAndStatus] = call.flags | Flag.EXTERNAL;
  words[RECORD_WORD + RecordWord.inputBytes] = call.inputBytes;
  words[RECORD_WORD + RecordWord.outputBytes] = call.outputBytes;
  words[RECORD_WORD + RecordWord.items] = items;
  let cursor = ARENA_OFFSET;
  words[RECORD_WORD + RecordWord.extraOffset] = cursor;
  words[RECORD_WORD + RecordWord.extraBytes] = call.extraBytes;
  if (call.extraBytes > 0) bytes.set(call.extra!, cursor);
  cursor += align8(call.extraBytes);
  words[RECORD_WORD + RecordWord.nonceOffset] = cursor;
  words[RECORD_WORD + RecordWord.nonceBytes] = call.nonceBytes;
  if (call.nonceBytes > 0) bytes.set(call.nonce!, cursor);
  cursor += align8(call.nonceBytes);
  if (keysBytes > 0) {
    words[RECORD_WORD + RecordWord.keysOffset] = cursor;
    let word = cursor / 4;
    for (const { handle } of keys) {
      words[word++] = handle.slot;
      words[word++] = handle.generation;
    }
    cursor += keysBytes;
  } else if (keys.length === 1) {
    words[RECORD_WORD + RecordWord.keySlot] = keys[0]!.handle.slot;
    words[RECORD_WORD + RecordWord.keyGeneration] = keys[0]!.handle.generation;
  }
  const statusesOffset = cursor;
  if (statusesBytes > 0) words[RECORD_WORD + RecordWord.statusesOffset] = statusesOffset;

  core.backend.runInPlace(block, {
    input: plainView(call.input!, items * call.inputBytes),
    output: call.prefixBytes > 0 ? output.subarray(call.prefixBytes) : output,
  });

  const result = {
    status: block.words[RECORD_WORD + RecordWord.flagsAndStatus]! >>> 16,
    output,
    outputBytes: block.words[RECORD_WORD + RecordWord.outputBytes]!,
    statuses: statusesBytes > 0 ? block.bytes.slice(statusesOffset, statusesOffset + items) : new Uint8Array(0),
  };
  core.queue.recycle(block, 1, ARENA_OFFSET, usedBytes);
  const failed = items > 1 ? failures(result.statuses) : Number(result.status !== Status.OK);
  core.queue.countDirect(items, failed, performance.now() - startMs);
  return result;
}

/** One operation on the caller's memory, settled before this returns. */
export function runInPlace(core: EngineCore, call: Call, sink: Sink, tag: number): void {
  const { route, key } = call;
  const { status, output, outputBytes } = runDirect(core, call, 1, key === undefined ? [] : [key]);
  if (status === Status.OK) {
    if (route.isVerdict) sink.settle(tag, true);
    else {
      const bytes = call.prefixBytes + outputBytes;
      sink.settle(tag, bytes === output.length ? output : output.slice(0, bytes));
    }
  } else if (status === Status.INVALID_SIGNATURE && route.isVerdict) {
    sink.settle(tag, false);
  } else {
    sink.fail(tag, statusError(status, route.what));
  }
}
