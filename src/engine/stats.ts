/** Counters and histograms of the queue: cheap enough to be always on. Times are milliseconds. */
import type { CostClass } from './specs.ts';

/** Latency of operations from being queued to being settled, in milliseconds. Percentiles are bucket upper bounds, within 12.5 %. */
export interface LatencyStats {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

/** What an engine has done since it opened, and what it has to do. */
export interface EngineStats {
  /** Operations accepted and not yet given to the backend. */
  readonly queued: number;
  /** Operations the backend is working on. */
  readonly running: number;
  /** Operations settled since the engine opened, failed ones included. */
  readonly done: number;
  /** Operations that settled with an error. */
  readonly failed: number;
  /** Operations refused with QUEUE_FULL. */
  readonly refused: number;
  /** Bytes of blocks waiting or running. */
  readonly queuedBytes: number;
  /** Batches by size: `{ 1: 10, 2: 3, 4: 0, ... }`, each key the upper bound of a power-of-two bucket. */
  readonly batchSizes: Readonly<Record<number, number>>;
  readonly latency: Readonly<Record<CostClass, LatencyStats>>;
}

const SUB_BUCKETS = 8;
const MICROSECONDS_PER_MS = 1000;
/** 2^36 us is 19 hours. */
const OCTAVES = 36;

/** A log-linear histogram: eight buckets to each power of two of microseconds. */
export class LatencyHistogram {
  readonly #buckets = new Float64Array(OCTAVES * SUB_BUCKETS);
  #count = 0;
  #maxMs = 0;

  /** Counts `operations` that took `milliseconds` each. */
  add(milliseconds: number, operations: number): void {
    const microseconds = Math.max(1, milliseconds * MICROSECONDS_PER_MS);
    const octave = Math.min(OCTAVES - 1, 31 - Math.clz32(Math.min(microseconds, 0x7fffffff)));
    const sub = Math.min(SUB_BUCKETS - 1, Math.floor((microseconds / 2 ** octave - 1) * SUB_BUCKETS));
    this.#buckets[octave * SUB_BUCKETS + sub]! += operations;
    this.#count += operations;
    if (milliseconds > this.#maxMs) this.#maxMs = milliseconds;
  }

  snapshot(): LatencyStats {
    return {
      count: this.#count,
      p50Ms: this.#percentile(0.5),
      p99Ms: this.#percentile(0.99),
      p999Ms: this.#percentile(0.999),
      maxMs: this.#maxMs,
    };
  }

  #percentile(fraction: number): number {
    const target = this.#count * fraction;
    if (target === 0) return 0;
    let seen = 0;
    for (let index = 0; index < this.#buckets.length; index++) {
      seen += this.#buckets[index]!;
      if (seen >= target) {
        const upper = 2 ** Math.floor(index / SUB_BUCKETS) * (1 + ((index % SUB_BUCKETS) + 1) / SUB_BUCKETS);
        return Math.min(this.#maxMs, upper / MICROSECONDS_PER_MS);
      }
    }
    return this.#maxMs;
  }
}

/** Batch sizes in power-of-two buckets. */
export class SizeHistogram {
  readonly #buckets = new Float64Array(32);

  add(size: number): void {
    this.#buckets[size <= 1 ? 0 : 32 - Math.clz32(size - 1)]! += 1;
  }

  snapshot(): Record<number, number> {
    const entries: [number, number][] = [];
    for (const [power, count] of this.#buckets.entries()) if (count > 0) entries.push([2 ** power, count]);
    return Object.fromEntries(entries);
  }
}
