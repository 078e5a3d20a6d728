/** Times contenders against each other: interleaved rounds in one process, so that a drifting machine hurts all alike. */
import { Bench } from 'tinybench';
import type { Contender } from './contenders.ts';

export interface Measurement {
  readonly name: string;
  /** Median over the rounds of each round's median, per operation. */
  readonly microseconds: number;
  readonly operationsPerSecond: number;
  /** Half of the distance between the first and third quartile of the rounds, relative to the median. */
  readonly spread: number;
  /** Median over the rounds of (first contender's time / this one's time in the same round). */
  readonly ratio: number;
}

export interface MeasureOptions {
  readonly rounds: number;
  /** How long one contender runs in one round. */
  readonly roundMs: number;
  /** Operations in one call at most; also how many promises are in flight. */
  readonly maxBatch: number;
}

export const quantile = (values: readonly number[], fraction: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * fraction;
  const low = sorted[Math.floor(at)]!;
  return low + (sorted[Math.ceil(at)]! - low) * (at - Math.floor(at));
};

/** How many operations fit a tenth of a round, so that a round holds several calls and a call hides the clock. */
async function calibrate(contender: Contender, { maxBatch, roundMs }: MeasureOptions): Promise<number> {
  let count = 1;
  for (;;) {
    const start = performance.now();
    await contender.work(count);
    const elapsedMs = performance.now() - start;
    if (elapsedMs > roundMs / 20 || count >= maxBatch) return count;
    count = Math.min(maxBatch, count * 4);
  }
}

async function oneRound(contender: Contender, count: number, roundMs: number): Promise<number> {
  const bench = new Bench({ time: roundMs, iterations: 3, warmup: false, throws: true });
  bench.add(contender.name, () => contender.work(count) as Promise<void>, { async: true });
  await bench.run();
  const result = bench.tasks[0]!.result;
  if (!('latency' in result)) throw new Error(`${contender.name}: no result`);
  return (result.latency.p50 * 1000) / count;
}

/** Verifies every contender, then times them; ratios are against the first. Throws where a contender is wrong. */
export async function measure(contenders: readonly Contender[], options: MeasureOptions): Promise<Measurement[]> {
  for (const contender of contenders) {
    if (!(await contender.check())) throw new Error(`${contender.name}: wrong result`);
  }
  const count = Math.max(...(await Promise.all([calibrate(contenders[0]!, options)])));
  for (const contender of contenders) await contender.work(count);
  const rounds: number[][] = contenders.map(() => []);
  for (let round = 0; round < options.rounds; round++) {
    for (const [index, contender] of contenders.entries()) {
      rounds[index]!.push(await oneRound(contender, count, options.roundMs));
    }
  }
  return contenders.map(({ name }, index) => {
    const times = rounds[index]!;
    const microseconds = quantile(times, 0.5);
    return {
      name,
      microseconds,
      operationsPerSecond: 1e6 / microseconds,
      spread: (quantile(times, 0.75) - quantile(times, 0.25)) / 2 / microseconds,
      ratio: quantile(
        times.map((time, round) => rounds[0]![round]! / time),
        0.5,
      ),
    };
  });
}
