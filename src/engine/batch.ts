/**
 * Batches: operations of one lane in one block. A record batch is filled an operation at a time, each with its own caller; packed calls
 * bring batches of their own. Knows the layout of a block; the queue knows when it goes.
 */
import {
  BLOCK_HEADER_BYTES,
  type Block,
  type KeyHandle,
  Operation,
  RECORD_BYTES,
  RecordWord,
  Status,
} from './backend.ts';
import { statusError } from './errors.ts';
import type { Cost } from './specs.ts';

/** Where an outcome goes. `tag` tells apart the operations that share a sink. Called once per operation, never synchronously re-entered. */
export interface Sink {
  settle(tag: number, value: unknown): void;
  fail(tag: number, error: unknown): void;
}

/** A promise's two ends as a sink. */
class Deferred implements Sink {
  #resolve!: (value: unknown) => void;
  #reject!: (error: unknown) => void;
  readonly promise = new Promise<unknown>((resolve, reject) => {
    this.#resolve = resolve;
    this.#reject = reject;
  });

  settle(_tag: number, value: unknown): void {
    this.#resolve(value);
  }

  fail(_tag: number, error: unknown): void {
    this.#reject(error);
  }
}

/**
 * What comes of one operation, which `ask` hands over with the sink it gets.
 * @internal
 */
export function asPromise<Value>(ask: (sink: Sink) => void): Promise<Value> {
  const deferred = new Deferred();
  ask(deferred);
  return deferred.promise as Promise<Value>;
}

/** A key as the queue sees it: `uses` counts the operations that still need the handle. */
export interface QueuedKey {
  readonly handle: KeyHandle;
  retain(): void;
  release(): void;
}

/** What an operation with a given algorithm and key spec is; built once per engine, shared by every call. */
export interface Route {
  /** For messages: `sign ECDSA_SHA_256`. */
  readonly what: string;
  readonly operation: number;
  readonly algorithm: number;
  readonly keySpec: number;
  readonly lane: Lane;
  /** Turns a record that ended OK into the caller's value. `word` is the record's first word. */
  readonly read: (block: Block, word: number, prefixBytes: number) => unknown;
  /** INVALID_SIGNATURE is an answer (false), not an error. */
  readonly isVerdict: boolean;
  /** Undoes what a record that ended OK made, where the caller has gone: closes a new key. */
  readonly discard?: (block: Block, word: number) => void;
}

/** One operation as it is queued. Lengths are those that were validated; the bytes are copied when it is queued and not read again. */
export class Call {
  readonly route: Route;
  readonly key: QueuedKey | undefined;
  readonly signal: AbortSignal | undefined;
  flags = 0;
  input: Uint8Array | undefined = undefined;
  inputBytes = 0;
  extra: Uint8Array | undefined = undefined;
  extraBytes = 0;
  /** The same array with the same bytes each time: a batch copies it once. */
  isExtraConstant = false;
  nonce: Uint8Array | undefined = undefined;
  nonceBytes = 0;
  /** Stands before the output in the caller's result; the backend does not see it. */
  prefix: Uint8Array | undefined = undefined;
  prefixBytes = 0;
  /** Room for the output, which may turn out shorter. */
  outputBytes = 0;

  constructor(route: Route, key: QueuedKey | undefined, signal: AbortSignal | undefined) {
    this.route = route;
    this.key = key;
    this.signal = signal;
  }

  /** What the operation takes of a block's arena. */
  arenaBytes(): number {
    const inputs = align8(this.inputBytes) + align8(this.extraBytes) + align8(this.nonceBytes);
    return inputs + align8(this.prefixBytes) + align8(this.outputBytes);
  }
}

/** About a millisecond of work: long enough to hide a thread hand-off, short enough to spread over threads and to stay fair. */
export const BATCH_UNITS = 500;
/** What batches are not made longer than for speed: the dearest operations' shortest take as long, and others wait for those anyway. */
export const MAX_BATCH_UNITS = 10_000;
const MAX_INLINE_RECORDS = 1024;
const MAX_DEAR_RECORDS = 256;
/** Arena bytes planned per record when a block is sized; longer inputs get a longer block. */
const ARENA_BYTES_PER_RECORD = 192;
const MIN_BLOCK_BYTES = 4096;

const RECORD_WORDS = RECORD_BYTES / 4;
const HEADER_WORDS = BLOCK_HEADER_BYTES / 4;
const copyInto = Uint8Array.prototype.set;

/** Arena offsets are kept on 8-byte boundaries: kernels may load words. */
export const align8 = (bytes: number): number => (bytes + 7) & ~7;

/** Blocks come in powers of two, so that they can be used again. */
export const blockSize = (bytes: number): number => 2 ** Math.ceil(Math.log2(Math.max(bytes, MIN_BLOCK_BYTES)));

/** Most operations of a batch for worker threads; more where there is one only, as no other could take half of them. */
function dearRecords({ units, leastRecords = 1 }: Cost, threads: number): number {
  const records = Math.max(leastRecords, Math.min(MAX_DEAR_RECORDS, Math.floor(BATCH_UNITS / units)));
  return threads > 1 ? records : Math.max(records, Math.min(2 * leastRecords, Math.floor(MAX_BATCH_UNITS / units)));
}

/** Operations of one kind that may share a batch, and that lane's place in the fair order. */
export class Lane {
  readonly cost: Cost;
  /** Runs on the calling thread, so that large inputs may be used in place. */
  readonly isInline: boolean;
  readonly maxRecords: number;
  readonly blockBytes: number;
  open: RecordBatch | undefined;
  readonly waiting: Batch[] = [];
  /** Start-time fair queueing: the virtual time at which this lane's next batch starts. */
  virtualTime = 0;

  constructor(cost: Cost, threads: number) {
    this.cost = cost;
    this.isInline = cost.costClass === 'inline';
    this.maxRecords = this.isInline ? MAX_INLINE_RECORDS : dearRecords(cost, threads);
    const recordBytes = RECORD_BYTES + (cost.recordBytes ?? ARENA_BYTES_PER_RECORD);
    this.blockBytes = blockSize(BLOCK_HEADER_BYTES + this.maxRecords * recordBytes);
  }
}

/** A block on its way: the queue needs no more of it than this. */
export abstract class Batch {
  readonly lane: Lane;
  readonly block: Block;
  readonly openedMs: number = performance.now();
  constructor(lane: Lane, block: Block) {
    this.lane = lane;
    this.block = block;
  }
  /** Operations inside. */
  abstract readonly operations: number;
  /** Bytes in use, set in the header before the backend sees the block. */
  abstract readonly usedBytes: number;
  abstract readonly recordCount: number;
  /** Where the arena begins: behind all records the block has room for. */
  abstract readonly arenaOffset: number;
  /** Hands every outcome to its caller; returns how many operations failed. */
  abstract finish(): number;
  /** Fails every operation that has not been settled. */
  abstract abandon(error: unknown): void;
}

/** A batch of independent records, each with its own caller. */
export class RecordBatch extends Batch {
  recordCount = 0;
  usedBytes: number;
  readonly arenaOffset: number;
  submitted = false;
  readonly routes: Route[] = [];
  readonly keys: (QueuedKey | undefined)[] = [];
  readonly sinks: (Sink | undefined)[] = [];
  readonly tags: number[] = [];
  readonly prefixesBytes: number[] = [];
  /** The constant extra last copied, and where it is. */
  #extra: Uint8Array | undefined;
  #extraOffset = 0;

  constructor(lane: Lane, block: Block) {
    super(lane, block);
    this.arenaOffset = BLOCK_HEADER_BYTES + lane.maxRecords * RECORD_BYTES;
    this.usedBytes = this.arenaOffset;
  }

  /** Length of a block with room for all of a lane's records and at least `arenaBytes`. */
  static blockBytes(lane: Lane, arenaBytes: number): number {
    return Math.max(lane.blockBytes, BLOCK_HEADER_BYTES + lane.maxRecords * RECORD_BYTES + arenaBytes);
  }

  hasRoom(arenaBytes: number): boolean {
    return this.recordCount < this.lane.maxRecords && this.usedBytes + arenaBytes <= this.block.bytes.length;
  }

  /** Writes an operation's record and copies its inputs; there must be room. Returns its place, for `listen` and `cancel`. */
  add(call: Call, sink: Sink, tag: number): number {
    const { words } = this.block;
    const { route, key } = call;
    const index = this.recordCount++;
    const word = HEADER_WORDS + index * RECORD_WORDS;
    words[word + RecordWord.operationAndAlgorithm] = route.operation | (route.algorithm << 16);
    words[word + RecordWord.flagsAndStatus] = call.flags;
    if (key !== undefined) {
      words[word + RecordWord.keySlot] = key.handle.slot;
      words[word + RecordWord.keyGeneration] = key.handle.generation;
      key.retain();
    }
    this.#put(word + RecordWord.inputOffset, call.input, call.inputBytes);
    if (call.isExtraConstant && call.extra === this.#extra) {
      words[word + RecordWord.extraOffset] = this.#extraOffset;
      words[word + RecordWord.extraBytes] = call.extraBytes;
    } else {
      if (call.isExtraConstant) {
        this.#extra = call.extra;
        this.#extraOffset = this.usedBytes;
      }
      this.#put(word + RecordWord.extraOffset, call.extra, call.extraBytes);
    }
    this.#put(word + RecordWord.nonceOffset, call.nonce, call.nonceBytes);
    if (call.prefixBytes > 0) {
      // Right before the output, which begins on a boundary.
      this.usedBytes += align8(call.prefixBytes);
      copyInto.call(this.block.bytes, call.prefix!, this.usedBytes - call.prefixBytes);
    }
    this.#put(word + RecordWord.outputOffset, undefined, call.outputBytes);
    words[word + RecordWord.items] = 1;
    words[word + RecordWord.keySpec] = route.keySpec;
    this.routes.push(route);
    this.keys.push(key);
    this.sinks.push(sink);
    this.tags.push(tag);
    this.prefixesBytes.push(call.prefixBytes);
    return index;
  }

  /** Puts another sink in the place of an operation's. */
  listen(index: number, sink: Sink): void {
    this.sinks[index] = sink;
  }

  /** Takes the next span of the arena, filled with `source` where there is one; its offset and length go to two words. */
  #put(word: number, source: Uint8Array | undefined, bytes: number): void {
    this.block.words[word] = this.usedBytes;
    this.block.words[word + 1] = bytes;
    if (source !== undefined && bytes > 0) copyInto.call(this.block.bytes, source, this.usedBytes);
    this.usedBytes += align8(bytes);
  }

  get operations(): number {
    return this.recordCount;
  }

  finish(): number {
    let failed = 0;
    for (let index = 0; index < this.recordCount; index++) {
      const word = HEADER_WORDS + index * RECORD_WORDS;
      const status = this.block.words[word + RecordWord.flagsAndStatus]! >>> 16;
      const route = this.routes[index]!;
      const sink = this.sinks[index];
      this.keys[index]?.release();
      if (sink === undefined) {
        if (status === Status.OK) route.discard?.(this.block, word);
      } else if (status === Status.OK) {
        sink.settle(this.tags[index]!, route.read(this.block, word, this.prefixesBytes[index]!));
      } else if (status === Status.INVALID_SIGNATURE && route.isVerdict) {
        sink.settle(this.tags[index]!, false);
      } else {
        failed++;
        sink.fail(this.tags[index]!, statusError(status, route.what));
      }
    }
    return failed;
  }

  abandon(error: unknown): void {
    for (let index = 0; index < this.recordCount; index++) {
      this.keys[index]?.release();
      this.sinks[index]?.fail(this.tags[index]!, error);
    }
  }

  /** Takes an operation out: its caller has been told. The record is not run where it has not been handed over yet. */
  cancel(index: number): void {
    this.sinks[index] = undefined;
    if (!this.submitted) {
      this.block.words[HEADER_WORDS + index * RECORD_WORDS + RecordWord.operationAndAlgorithm] = Operation.NONE;
    }
  }
}
