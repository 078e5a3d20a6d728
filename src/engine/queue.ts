/**
 * The queue between callers and a backend: it coalesces operations into blocks, bounds what waits, and shares the worker threads.
 *
 * - A caller's bytes are copied into the block at the call and never read again.
 * - Inline operations of one tick share a block, which runs on this thread in the next microtask (or at once when it is full).
 * - Dear operations collect per lane (one operation, algorithm and key spec). A lane's open batch keeps growing while the threads
 *   are busy and is handed over when one has room, so batches grow under load and a lone call waits for nothing.
 * - Lanes share the threads by start-time fair queueing on cost units: the lane that was served least goes next.
 */
import { AbortListeners } from './abort.ts';
import {
  type Backend,
  BLOCK_HEADER_BYTES,
  BLOCK_MAGIC,
  type Block,
  HeaderWord,
  type KeyHandle,
  Operation,
  RECORD_BYTES,
  RecordWord,
  Status,
} from './backend.ts';
import { EngineError, statusError } from './errors.ts';
import type { Cost, CostClass } from './specs.ts';
import { type EngineStats, LatencyHistogram, SizeHistogram } from './stats.ts';

/** Where an outcome goes. `tag` tells apart the operations that share a sink. Called once per operation, never synchronously re-entered. */
export interface Sink {
  settle(tag: number, value: unknown): void;
  fail(tag: number, error: unknown): void;
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
  readonly read: (block: Block, word: number) => unknown;
  /** INVALID_SIGNATURE is an answer (false), not an error. */
  readonly isVerdict: boolean;
  /** Undoes what a record that ended OK made, where the caller has gone: closes a new key. */
  readonly discard?: (block: Block, word: number) => void;
}

export interface QueueLimits {
  /** Operations waiting or running; one more is refused with QUEUE_FULL. */
  readonly maxQueuedOperations: number;
  /** Bytes of blocks waiting or running; an operation that would pass it is refused with QUEUE_FULL. */
  readonly maxQueuedBytes: number;
}

/** About a millisecond of work: long enough to hide a thread hand-off, short enough to spread over threads and to stay fair. */
const BATCH_UNITS = 500;
const MAX_INLINE_RECORDS = 1024;
const MAX_DEAR_RECORDS = 256;
/** Arena bytes planned per record when a block is sized; longer inputs get a longer block. */
const ARENA_BYTES_PER_RECORD = 192;
const MIN_BLOCK_BYTES = 4096;
/** Blocks kept for reuse, per size. */
const MAX_SPARE_BLOCKS = 32;
/** How far ahead of the threads the queue works, so that none waits for this thread to come round. */
const AHEAD_BLOCKS_PER_THREAD = 2;
const AHEAD_UNITS_PER_THREAD = 4 * BATCH_UNITS;

const RECORD_WORDS = RECORD_BYTES / 4;
const HEADER_WORDS = BLOCK_HEADER_BYTES / 4;
const copyInto = Uint8Array.prototype.set;

/** Arena offsets are kept on 8-byte boundaries: kernels may load words. */
export const align8 = (bytes: number): number => (bytes + 7) & ~7;

const ceilPowerOfTwo = (bytes: number): number => 2 ** Math.ceil(Math.log2(Math.max(bytes, MIN_BLOCK_BYTES)));

/** Operations of one kind that may share a batch, and that lane's place in the fair order. */
export class Lane {
  readonly cost: Cost;
  readonly maxRecords: number;
  readonly blockBytes: number;
  open: RecordBatch | undefined;
  readonly waiting: Batch[] = [];
  /** Start-time fair queueing: the virtual time at which this lane's next batch starts. */
  virtualTime = 0;

  constructor(cost: Cost) {
    this.cost = cost;
    this.maxRecords =
      cost.costClass === 'inline'
        ? MAX_INLINE_RECORDS
        : Math.max(1, Math.min(MAX_DEAR_RECORDS, Math.floor(BATCH_UNITS / cost.units)));
    this.blockBytes = ceilPowerOfTwo(BLOCK_HEADER_BYTES + this.maxRecords * (RECORD_BYTES + ARENA_BYTES_PER_RECORD));
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
class RecordBatch extends Batch {
  recordCount = 0;
  usedBytes: number;
  readonly arenaOffset: number;
  submitted = false;
  readonly routes: Route[] = [];
  readonly keys: (QueuedKey | undefined)[] = [];
  readonly sinks: (Sink | undefined)[] = [];
  readonly tags: number[] = [];

  constructor(lane: Lane, block: Block, maxRecords: number) {
    super(lane, block);
    this.arenaOffset = BLOCK_HEADER_BYTES + maxRecords * RECORD_BYTES;
    this.usedBytes = this.arenaOffset;
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
        sink.settle(this.tags[index]!, route.read(this.block, word));
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

export class Queue {
  readonly #backend: Backend;
  readonly #limits: QueueLimits;
  readonly #threads: number;
  readonly #lanes: Lane[] = [];
  readonly #spareBlocks = new Map<number, Block[]>();
  readonly #latency: Record<CostClass, LatencyHistogram> = {
    inline: new LatencyHistogram(),
    curve: new LatencyHistogram(),
    rsa: new LatencyHistogram(),
    generation: new LatencyHistogram(),
  };
  readonly #batchSizes = new SizeHistogram();
  readonly #inlineLane: Lane;
  readonly #aborts = new AbortListeners();
  #flushScheduled = false;
  #queued = 0;
  #running = 0;
  #runningBlocks = 0;
  #runningUnits = 0;
  #runningGenerations = 0;
  #heldBytes = 0;
  #done = 0;
  #failed = 0;
  #refused = 0;
  #virtualTime = 0;
  #closed = false;
  #idle: (() => void) | undefined;

  constructor(backend: Backend, limits: QueueLimits) {
    this.#backend = backend;
    this.#limits = limits;
    this.#threads = Math.max(1, backend.info.threads);
    this.#inlineLane = new Lane({ costClass: 'inline', units: 0 });
  }

  /** A lane for operations of this cost; all inline operations share one. */
  lane(cost: Cost): Lane {
    if (cost.costClass === 'inline') return this.#inlineLane;
    const lane = new Lane(cost);
    this.#lanes.push(lane);
    return lane;
  }

  /**
   * Queues one operation. The inputs are copied before this returns; lengths are those the caller validated.
   * Throws QUEUE_FULL (retryable) or ENGINE_CLOSED; afterwards the outcome goes to the sink.
   */
  add(
    route: Route,
    key: QueuedKey | undefined,
    flags: number,
    input: Uint8Array | undefined,
    inputBytes: number,
    extra: Uint8Array | undefined,
    extraBytes: number,
    nonce: Uint8Array | undefined,
    nonceBytes: number,
    outputBytes: number,
    sink: Sink,
    tag: number,
    signal: AbortSignal | undefined,
  ): void {
    const arenaBytes = align8(inputBytes) + align8(extraBytes) + align8(nonceBytes) + align8(outputBytes);
    const batch = this.#openBatch(route.lane, arenaBytes);
    const { bytes, words } = batch.block;
    const index = batch.recordCount;
    const word = HEADER_WORDS + index * RECORD_WORDS;
    // What may throw comes before anything changes.
    const owner = signal === undefined ? sink : this.#abortable(batch, index, sink, tag, signal);
    let cursor = batch.usedBytes;
    words[word + RecordWord.operationAndAlgorithm] = route.operation | (route.algorithm << 16);
    words[word + RecordWord.flagsAndStatus] = flags;
    if (key !== undefined) {
      words[word + RecordWord.keySlot] = key.handle.slot;
      words[word + RecordWord.keyGeneration] = key.handle.generation;
      key.retain();
    }
    words[word + RecordWord.inputOffset] = cursor;
    words[word + RecordWord.inputBytes] = inputBytes;
    if (inputBytes > 0) copyInto.call(bytes, input!, cursor);
    cursor += align8(inputBytes);
    words[word + RecordWord.extraOffset] = cursor;
    words[word + RecordWord.extraBytes] = extraBytes;
    if (extraBytes > 0) copyInto.call(bytes, extra!, cursor);
    cursor += align8(extraBytes);
    words[word + RecordWord.nonceOffset] = cursor;
    words[word + RecordWord.nonceBytes] = nonceBytes;
    if (nonceBytes > 0) copyInto.call(bytes, nonce!, cursor);
    cursor += align8(nonceBytes);
    words[word + RecordWord.outputOffset] = cursor;
    words[word + RecordWord.outputBytes] = outputBytes;
    words[word + RecordWord.items] = 1;
    words[word + RecordWord.keySpec] = route.keySpec;
    batch.usedBytes = cursor + align8(outputBytes);
    batch.recordCount = index + 1;
    batch.routes.push(route);
    batch.keys.push(key);
    batch.tags.push(tag);
    batch.sinks.push(owner);
    this.#queued++;
    if (!this.#flushScheduled) this.#scheduleFlush();
  }

  /**
   * Queues a batch somebody else filled (packed calls). Throws like `add`.
   * `lane` decides the cost; the batch must hold at least one operation.
   */
  addBatch(batch: Batch): void {
    this.#queued += batch.operations;
    batch.lane.waiting.push(batch);
    if (!this.#flushScheduled) this.#scheduleFlush();
  }

  /** Throws ENGINE_CLOSED or QUEUE_FULL where `operations` more with `bytes` of block cannot be taken. */
  admit(operations: number, bytes: number): void {
    if (this.#closed) throw new EngineError('ENGINE_CLOSED', 'the engine is closed');
    const { maxQueuedOperations, maxQueuedBytes } = this.#limits;
    if (this.#queued + this.#running + operations > maxQueuedOperations || this.#heldBytes + bytes > maxQueuedBytes) {
      this.#refused += operations;
      throw new EngineError(
        'QUEUE_FULL',
        `the queue holds ${this.#queued + this.#running} operations; try again later`,
        {
          retryable: true,
        },
      );
    }
  }

  /** A zeroed block of at least `bytes`, a spare one where there is one. */
  allocate(bytes: number): Block {
    const size = ceilPowerOfTwo(bytes);
    const block = this.#spareBlocks.get(size)?.pop() ?? this.#backend.allocate(size);
    this.#heldBytes += block.bytes.length;
    return block;
  }

  /** Wipes what was used of the block, its records and its arena, and keeps or frees it. */
  recycle(block: Block, recordCount: number, arenaOffset: number, usedBytes: number): void {
    block.bytes.fill(0, 0, BLOCK_HEADER_BYTES + recordCount * RECORD_BYTES);
    block.bytes.fill(0, arenaOffset, usedBytes);
    const size = block.bytes.length;
    this.#heldBytes -= size;
    const spares = this.#spareBlocks.get(size);
    if (spares === undefined) this.#spareBlocks.set(size, [block]);
    else if (spares.length < MAX_SPARE_BLOCKS) spares.push(block);
    else this.#backend.free(block);
  }

  /** Counts work that did not pass through a batch: in-place and packed inline calls. */
  countDirect(operations: number, failed: number, milliseconds: number): void {
    this.#done += operations;
    this.#failed += failed;
    this.#batchSizes.add(operations);
    this.#latency.inline.add(milliseconds, operations);
  }

  /** Runs what waits inline, now: what `run` and `close` use so as not to wait for the microtask. */
  flushInline(): void {
    const batch = this.#inlineLane.open;
    if (batch !== undefined) this.#runInline(batch);
  }

  stats(): EngineStats {
    return {
      queued: this.#queued,
      running: this.#running,
      done: this.#done,
      failed: this.#failed,
      refused: this.#refused,
      queuedBytes: this.#heldBytes,
      batchSizes: this.#batchSizes.snapshot(),
      latency: {
        inline: this.#latency.inline.snapshot(),
        curve: this.#latency.curve.snapshot(),
        rsa: this.#latency.rsa.snapshot(),
        generation: this.#latency.generation.snapshot(),
      },
    };
  }

  /** Refuses new work and resolves when everything accepted has been settled. */
  async close(): Promise<void> {
    this.#closed = true;
    this.flushInline();
    if (this.#queued + this.#running > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    for (const spares of this.#spareBlocks.values()) for (const block of spares) this.#backend.free(block);
    this.#spareBlocks.clear();
  }

  #openBatch(lane: Lane, arenaBytes: number): RecordBatch {
    let batch = lane.open;
    if (batch !== undefined) {
      if (this.#closed || this.#queued + this.#running >= this.#limits.maxQueuedOperations) this.admit(1, 0);
      if (batch.recordCount < lane.maxRecords && batch.usedBytes + arenaBytes <= batch.block.bytes.length) return batch;
      this.#closeBatch(lane);
    }
    const needed = BLOCK_HEADER_BYTES + lane.maxRecords * RECORD_BYTES + arenaBytes;
    const bytes = Math.max(lane.blockBytes, needed);
    this.admit(1, bytes);
    batch = new RecordBatch(lane, this.allocate(bytes), lane.maxRecords);
    lane.open = batch;
    return batch;
  }

  #closeBatch(lane: Lane): void {
    const batch = lane.open;
    if (batch === undefined) return;
    if (lane === this.#inlineLane) {
      this.#runInline(batch);
    } else {
      lane.open = undefined;
      lane.waiting.push(batch);
    }
  }

  #scheduleFlush(): void {
    this.#flushScheduled = true;
    queueMicrotask(() => {
      this.#flushScheduled = false;
      this.flushInline();
      this.#pump();
    });
  }

  #runInline(batch: RecordBatch): void {
    this.#inlineLane.open = undefined;
    batch.submitted = true;
    this.#queued -= batch.operations;
    this.#writeHeader(batch);
    try {
      this.#backend.run(batch.block);
    } catch (cause) {
      this.#abandon(batch, cause);
      return;
    }
    this.#finish(batch);
  }

  /** Hands batches over while the threads have room, least-served lane first. */
  #pump(): void {
    while (this.#hasRoom()) {
      const batch = this.#nextBatch();
      if (batch === undefined) return;
      const { units, costClass } = batch.lane.cost;
      const batchUnits = units * batch.operations;
      batch.lane.virtualTime += batchUnits;
      this.#queued -= batch.operations;
      this.#running += batch.operations;
      this.#runningBlocks++;
      this.#runningUnits += batchUnits;
      if (costClass === 'generation') this.#runningGenerations++;
      if (batch instanceof RecordBatch) batch.submitted = true;
      this.#writeHeader(batch);
      const finished = (): void => {
        this.#running -= batch.operations;
        this.#runningBlocks--;
        this.#runningUnits -= batchUnits;
        if (costClass === 'generation') this.#runningGenerations--;
      };
      try {
        this.#backend.submit(batch.block, () => {
          finished();
          this.#finish(batch);
          this.#pump();
        });
      } catch (cause) {
        finished();
        this.#abandon(batch, cause);
      }
    }
  }

  #hasRoom(): boolean {
    return (
      this.#runningBlocks < this.#threads * AHEAD_BLOCKS_PER_THREAD ||
      this.#runningUnits < this.#threads * AHEAD_UNITS_PER_THREAD
    );
  }

  #nextBatch(): Batch | undefined {
    let best: Lane | undefined;
    // One thread stays free of key generation, which can take seconds, where there is more than one.
    const mayGenerate = this.#runningGenerations < Math.max(1, this.#threads - 1);
    for (const lane of this.#lanes) {
      if (lane.waiting.length === 0 && lane.open === undefined) continue;
      if (lane.cost.costClass === 'generation' && !mayGenerate) continue;
      // A lane that was idle does not get to claim the time it did not use.
      if (lane.virtualTime < this.#virtualTime) lane.virtualTime = this.#virtualTime;
      if (best === undefined || lane.virtualTime < best.virtualTime) best = lane;
    }
    if (best === undefined) return undefined;
    this.#virtualTime = best.virtualTime;
    if (best.waiting.length === 0) this.#closeBatch(best);
    return best.waiting.shift();
  }

  #writeHeader(batch: Batch): void {
    const { words } = batch.block;
    words[HeaderWord.magic] = BLOCK_MAGIC;
    words[HeaderWord.recordCount] = batch.recordCount;
    words[HeaderWord.usedBytes] = batch.usedBytes;
  }

  #finish(batch: Batch): void {
    this.#failed += batch.finish();
    this.#latency[batch.lane.cost.costClass].add(performance.now() - batch.openedMs, batch.operations);
    this.#retire(batch);
  }

  #abandon(batch: Batch, cause: unknown): void {
    batch.abandon(new EngineError('INTERNAL', 'the backend failed', { cause }));
    this.#failed += batch.operations;
    this.#retire(batch);
  }

  #retire(batch: Batch): void {
    this.#done += batch.operations;
    this.#batchSizes.add(batch.operations);
    this.recycle(batch.block, batch.recordCount, batch.arenaOffset, batch.usedBytes);
    if (this.#queued + this.#running === 0) this.#idle?.();
  }

  /** A sink that also listens to an AbortSignal, and lets go of it once the operation has settled. */
  #abortable(batch: RecordBatch, index: number, sink: Sink, tag: number, signal: AbortSignal): Sink {
    const forget = this.#aborts.add(signal, () => {
      batch.cancel(index);
      sink.fail(tag, signal.reason);
    });
    return {
      settle(ownTag, value) {
        forget();
        sink.settle(ownTag, value);
      },
      fail(ownTag, error) {
        forget();
        sink.fail(ownTag, error);
      },
    };
  }
}
