/**
 * The queue between callers and a backend: it coalesces operations into blocks, bounds what waits, and shares the worker threads.
 *
 * - A caller's bytes are copied into the block at the call and never read again.
 * - Inline operations of one tick share a block, which runs on this thread in the next microtask (or at once when it is full).
 * - Dear operations collect per lane (one operation, algorithm and key spec). A lane's open batch keeps growing while the threads
 *   are busy and is handed over when one has room, so batches grow under load and a lone call waits for nothing: where it takes
 *   less than the hand-off would and no thread is busy, it runs on this thread too.
 * - Lanes share the threads by start-time fair queueing on cost units: the lane that was served least goes next.
 */
import { AbortListeners } from './abort.ts';
import { type Backend, BLOCK_HEADER_BYTES, BLOCK_MAGIC, type Block, HeaderWord, RECORD_BYTES } from './backend.ts';
import { BATCH_UNITS, type Batch, blockSize, type Call, Lane, RecordBatch, type Sink } from './batch.ts';
import { EngineError } from './errors.ts';
import type { Cost, CostClass } from './specs.ts';
import { type EngineStats, LatencyHistogram, SizeHistogram } from './stats.ts';

/** How much may wait or run in an engine, before it refuses more. */
export interface QueueLimits {
  /** Operations waiting or running; one more is refused with QUEUE_FULL. */
  readonly maxQueuedOperations: number;
  /** Bytes of blocks waiting or running; an operation that would pass it is refused with QUEUE_FULL. */
  readonly maxQueuedBytes: number;
}

/** Blocks kept for reuse, per size. */
const MAX_SPARE_BLOCKS = 32;
/** How far ahead of the threads the queue works, so that none waits for this thread to come round. */
const AHEAD_BLOCKS_PER_THREAD = 2;
const AHEAD_UNITS_PER_THREAD = 4 * BATCH_UNITS;
/** What waking a thread and coming back costs: one operation of the quick curves is no more, and of the dear ones little else. */
const HAND_OFF_UNITS = 24;

export class Queue {
  readonly #backend: Backend;
  readonly #limits: QueueLimits;
  /** Worker threads that dear batches are shared among. */
  readonly threads: number;
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
    this.threads = Math.max(1, backend.info.threads);
    this.#inlineLane = new Lane({ costClass: 'inline', units: 0 }, this.threads);
  }

  /** A lane for operations of this cost; all inline operations share one. */
  lane(cost: Cost): Lane {
    if (cost.costClass === 'inline') return this.#inlineLane;
    const lane = new Lane(cost, this.threads);
    this.#lanes.push(lane);
    return lane;
  }

  /**
   * Queues one operation; its inputs are copied before this returns. Throws QUEUE_FULL (retryable) or ENGINE_CLOSED; afterwards the
   * outcome goes to the sink.
   */
  add(call: Call, sink: Sink, tag: number): void {
    const batch = this.#openBatch(call.route.lane, call.arenaBytes());
    const index = batch.add(call, sink, tag);
    if (call.signal !== undefined) this.#listenForAbort(batch, index, sink, tag, call.signal);
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
    const size = blockSize(bytes);
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
      if (batch.hasRoom(arenaBytes)) return batch;
      this.#closeBatch(lane);
    }
    const bytes = RecordBatch.blockBytes(lane, arenaBytes);
    this.admit(1, bytes);
    batch = new RecordBatch(lane, this.allocate(bytes));
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
    this.#runHere(batch);
  }

  #runHere(batch: Batch): void {
    if (batch instanceof RecordBatch) batch.submitted = true;
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
      if (this.#runningBlocks === 0 && batchUnits <= HAND_OFF_UNITS) {
        this.#runHere(batch);
        continue;
      }
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
      this.#runningBlocks < this.threads * AHEAD_BLOCKS_PER_THREAD ||
      this.#runningUnits < this.threads * AHEAD_UNITS_PER_THREAD
    );
  }

  #nextBatch(): Batch | undefined {
    let best: Lane | undefined;
    // One thread stays free of key generation, which can take seconds, where there is more than one.
    const mayGenerate = this.#runningGenerations < Math.max(1, this.threads - 1);
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

  /** Fails the operation when the signal aborts, and lets go of the signal once it has settled. */
  #listenForAbort(batch: RecordBatch, index: number, sink: Sink, tag: number, signal: AbortSignal): void {
    const forget = this.#aborts.add(signal, () => {
      batch.cancel(index);
      sink.fail(tag, signal.reason);
    });
    batch.listen(index, {
      settle(ownTag, value) {
        forget();
        sink.settle(ownTag, value);
      },
      fail(ownTag, error) {
        forget();
        sink.fail(ownTag, error);
      },
    });
  }
}
