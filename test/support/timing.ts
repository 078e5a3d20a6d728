/**
 * Whether an operation's time depends on which of two classes its input is of: the method of dudect (Reparaz, Balasch, Verbauwhede,
 * "Dude, is my code constant time?", 2017). Both classes pass through one buffer, in random order, so that the harness tells nothing.
 */

/** Prepares the next measurement of a class, runs it, and nothing else: only the second part is timed. */
export interface Measured {
  readonly prepare: (inSecond: boolean) => void;
  readonly run: () => void;
}

/** Slow measurements are those that something else interrupted: the statistic is taken of the fastest so many percent, too. */
const CROPS = [0.5, 0.75, 0.9, 0.97, 1];

interface Moments {
  readonly count: number;
  readonly mean: number;
  readonly variance: number;
}

function momentsOf(times: readonly number[]): Moments {
  const count = times.length;
  const mean = times.reduce((sum, time) => sum + time, 0) / count;
  const variance = times.reduce((sum, time) => sum + (time - mean) ** 2, 0) / (count - 1);
  return { count, mean, variance };
}

/** Welch's t of two samples. */
function welch(one: readonly number[], other: readonly number[]): number {
  if (one.length < 2 || other.length < 2) return 0;
  const [a, b] = [momentsOf(one), momentsOf(other)];
  const spread = Math.sqrt(a.variance / a.count + b.variance / b.count);
  return spread === 0 ? 0 : (a.mean - b.mean) / spread;
}

/**
 * The largest |t| between the classes over all crops. About 1 where they do not differ; dudect takes 4.5 for a reason to look again, and
 * 10 for a leak.
 */
export function timingDifference({ prepare, run }: Measured, samples: number): number {
  const classes: [number[], number[]] = [[], []];
  for (let sample = 0; sample < samples; sample++) {
    const inSecond = Math.random() < 0.5;
    prepare(inSecond);
    const start = process.hrtime.bigint();
    run();
    const nanoseconds = Number(process.hrtime.bigint() - start);
    classes[inSecond ? 1 : 0].push(nanoseconds);
  }
  const all = classes.flat().sort((a, b) => a - b);
  const differences = CROPS.map((share) => {
    const limit = all[Math.ceil(all.length * share) - 1]!;
    const [one, other] = classes.map((times) => times.filter((time) => time <= limit));
    return Math.abs(welch(one!, other!));
  });
  return Math.max(...differences);
}
