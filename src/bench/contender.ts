/**
 * What a contender is: a function that does `count` operations of a case in one mode, and a proof that it does them right, asked for
 * before anything is timed.
 */
import { damaged, type Fixture, isRight, type SignatureEncoding } from './node.ts';

/** One awaited call after another; a promise each with all in flight; one `engine.run`; one packed call. */
export const MODES = ['one', 'promises', 'run', 'packed'] as const;
export type Mode = (typeof MODES)[number];

export interface Contender {
  readonly name: string;
  readonly mode: Mode;
  /** Worker threads of its engine, where it is one. */
  readonly threads?: number;
  /** Operations in a call; absent: as many as calibration finds. */
  readonly count?: number;
  /** Does `count` operations; may return a promise. */
  readonly work: (count: number) => unknown;
  /** Resolves to whether its results are right. */
  readonly check: () => boolean | Promise<boolean>;
}

/** One mode of a contender, bound to a fixture. */
export interface Way {
  readonly mode: Mode;
  readonly work: (count: number) => unknown;
  /** The results of the operations out of what `work(count)` returned or resolved to. */
  readonly results: (returned: never, count: number) => readonly unknown[];
}

export interface Subject {
  readonly ways: readonly Way[];
  /** How it writes ECDSA signatures, and reads them; default `der`. */
  readonly encoding?: SignatureEncoding;
}

/** Somebody who competes: opens with the material of a case, and is undefined where it has no such operation. */
export interface Entry {
  readonly name: string;
  readonly threads?: number;
  readonly open: (fixture: Fixture) => Promise<Subject | undefined>;
}

/** Calls that return their result. */
export const synchronous = (once: () => unknown): Way => ({
  mode: 'one',
  work: (count) => {
    let last: unknown;
    for (let index = 0; index < count; index++) last = once();
    return last;
  },
  results: (last) => [last],
});

/** Calls that return a promise of it, awaited one by one and all together. */
export const asynchronous = (call: () => Promise<unknown>): readonly Way[] => [
  {
    mode: 'one',
    work: async (count) => {
      let last: unknown;
      for (let index = 0; index < count; index++) last = await call();
      return last;
    },
    results: (last) => [last],
  },
  {
    mode: 'promises',
    work: (count) => {
      const pending = new Array<Promise<unknown>>(count);
      for (let index = 0; index < count; index++) pending[index] = call();
      return Promise.all(pending);
    },
    results: (values: unknown[]) => values,
  },
];

/** Enough that a batch has a place to confuse. */
const CHECKED = 3;

async function resultsOf({ work, results }: Way): Promise<readonly unknown[]> {
  const all = results((await work(CHECKED)) as never, CHECKED);
  if (all.length === 0) throw new Error('no result');
  return all;
}

/** Whether a way gives right answers to sound material and none to a damaged signature or ciphertext. */
async function isSound(way: Way, fixture: Fixture, encoding: SignatureEncoding, onDamaged?: Way): Promise<boolean> {
  const right = (result: unknown): boolean => isRight(fixture, result, encoding);
  if (!(await resultsOf(way)).every(right)) return false;
  if (onDamaged === undefined) return true;
  try {
    return !(await resultsOf(onDamaged)).some(right);
  } catch {
    return true;
  }
}

/** The modes of an entry for a case; none where it does not have the operation. */
export async function contendersOf({ name, threads, open }: Entry, fixture: Fixture): Promise<readonly Contender[]> {
  const subject = await open(fixture);
  if (subject === undefined) return [];
  const harmed = damaged(fixture);
  const other = harmed === undefined ? undefined : await open(harmed);
  return subject.ways.map((way, index) => ({
    name,
    ...(threads === undefined ? {} : { threads }),
    mode: way.mode,
    work: way.work,
    check: () => isSound(way, fixture, subject.encoding ?? 'der', other?.ways[index]),
  }));
}
