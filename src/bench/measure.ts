/** Times contenders against each other: interleaved rounds in one process, so that a drifting machine hurts all alike. */
import { Bench } from 'tinybench';
import type { Contender, Mode } from './contender.ts';

export interface Timing {
  readonly name: string;
  readonly mode: Mode;
  readonly threads?: number;
  /** Operations in each timed call: how many were in flight, but for `one`. */
  readonly count: number;
  /** Median over the rounds of each round's median, per operation. */
  readonly microseconds: number;
  readonly operationsPerSecond: number;
  /** Half of the distance between the first and third quartile of the rounds, relative to the median. */
  readonly spread: number;
  /** Median over the rounds of (first contender's time / this one's time in the same round). */
  readonly ratio: number;
}

/** Of single calls, in microseconds. */
export interface Latency {
  readonly name: string;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
}

export interface MeasureOptions {
  readonly rounds: number;
  /** How long one contender runs in one round. */
  readonly roundMs: number;
  /** Operations in one call at most, which is how many are in flight. */
  readonly batch: number;
}

/** Told of each round that is done. */
export type OnRound = (done: number, rounds: number) => void;

export interface Refusal {
  readonly name: string;
  readonly mode: Mode;
  readonly reason: string;
}

const ascending = (values: readonly number[]): Float64Array => Float64Array.from(values).sort();

function quantileOfSorted(sorted: ArrayLike<number>, fraction: number): number {
  const at = (sorted.length - 1) * fraction;
  const low = sorted[Math.floor(at)]!;
  return low + (sorted[Math.ceil(at)]! - low) * (at - Math.floor(at));
}

export const quantile = (values: readonly number[], fraction: number): number =>
  quantileOfSorted(ascending(values), fraction);

/** Parts contenders that are right from those that are not, or throw. */
export async function verify<Each extends Contender>(
  contenders: readonly Each[],
): Promise<{ sound: Each[]; refused: Refusal[] }> {
  const sound: Each[] = [];
  const refused: Refusal[] = [];
  for (const contender of contenders) {
    const { name, mode } = contender;
    try {
      if (await contender.check()) sound.push(contender);
      else refused.push({ name, mode, reason: 'wrong result' });
    } catch (error) {
      refused.push({ name, mode, reason: String(error) });
    }
  }
  return { sound, refused };
}

/** Single calls: so many that they hide the clock. Batches: the largest asked for, or the first that takes longer than a round. */
export async function calibrate({ mode, work }: Contender, { batch, roundMs }: MeasureOptions): Promise<number> {
  const [most, enoughMs] = mode === 'one' ? [2 ** 20, roundMs / 20] : [batch, roundMs];
  const timed = async (count: number): Promise<number> => {
    const start = performance.now();
    await work(count);
    return performance.now() - start;
  };
  // What is slow once may have been interrupted.
  const isEnough = async (count: number) => (await timed(count)) > enoughMs && (await timed(count)) > enoughMs;
  let count = 1;
  while (count < most && !(await isEnough(count))) count = Math.min(most, count * 4);
  return count;
}

/** All calls of one round, in milliseconds, in ascending order. */
type Samples = readonly number[];

/** The rounds of contenders that take turns, `counts` operations in a call: for each contender the samples of each round. */
async function inTurns(
  contenders: readonly Contender[],
  counts: readonly number[],
  { rounds, roundMs }: MeasureOptions,
  onRound?: OnRound,
): Promise<Samples[][]> {
  // tinybench would find out in every round, with another call.
  const areAsync: boolean[] = [];
  for (const [index, { work }] of contenders.entries()) {
    const returned = work(counts[index]!);
    await returned;
    areAsync.push(returned instanceof Promise);
  }
  const samples: Samples[][] = contenders.map(() => []);
  // One round that does not count: a first one measures the compiler's way to the code.
  for (let round = -1; round < rounds; round++) {
    for (const [index, { name, work }] of contenders.entries()) {
      const bench = new Bench({ time: roundMs, iterations: 1, warmup: false, throws: true, retainSamples: true });
      bench.add(name, () => work(counts[index]!) as Promise<void>, { async: areAsync[index]! });
      await bench.run();
      const { result } = bench.tasks[0]!;
      if (!('latency' in result)) throw new Error(`${name}: no result`);
      if (round >= 0) samples[index]!.push(result.latency.samples!);
    }
    onRound?.(round + 2, rounds + 1);
  }
  return samples;
}

/** Times contenders that are right; ratios are against the first. */
export async function measure(
  contenders: readonly Contender[],
  options: MeasureOptions,
  onRound?: OnRound,
): Promise<Timing[]> {
  const counts: number[] = [];
  for (const contender of contenders) counts.push(contender.count ?? (await calibrate(contender, options)));
  const samples = await inTurns(contenders, counts, options, onRound);
  const times = samples.map((rounds, index) =>
    rounds.map((calls) => (quantileOfSorted(calls, 0.5) * 1000) / counts[index]!),
  );
  return contenders.map(({ name, mode, threads }, index) => {
    const sorted = ascending(times[index]!);
    const microseconds = quantileOfSorted(sorted, 0.5);
    const ratios = times[index]!.map((time, round) => times[0]![round]! / time);
    return {
      name,
      mode,
      ...(threads === undefined ? {} : { threads }),
      count: counts[index]!,
      microseconds,
      operationsPerSecond: 1e6 / microseconds,
      spread: (quantileOfSorted(sorted, 0.75) - quantileOfSorted(sorted, 0.25)) / 2 / microseconds,
      ratio: quantile(ratios, 0.5),
    };
  });
}

/** Times calls one by one, all rounds together. */
export async function measureLatency(
  contenders: readonly Contender[],
  options: MeasureOptions,
  onRound?: OnRound,
): Promise<Latency[]> {
  const ones = contenders.map(() => 1);
  const samples = await inTurns(contenders, ones, options, onRound);
  return contenders.map(({ name }, index) => {
    const sorted = ascending(samples[index]!.flat());
    const at = (fraction: number): number => quantileOfSorted(sorted, fraction) * 1000;
    return { name, p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999) };
  });
}
