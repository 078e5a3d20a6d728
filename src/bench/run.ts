/** A whole run: who competes, each case verified and timed, the sweeps of some. */
import { readFileSync } from 'node:fs';
import os from 'node:os';
import type { Engine } from '../engine/index.ts';
import { type BenchCase, caseName, isThreaded, selectCases, sweptOf } from './cases.ts';
import { type Contender, contendersOf, type Entry } from './contender.ts';
import { ENGINES, engineEntry, openContender, SWEPT_ENGINES } from './engines.ts';
import { LIBRARIES } from './libraries.ts';
import {
  calibrate,
  type MeasureOptions,
  measure,
  measureLatency,
  type OnRound,
  type Refusal,
  type Timing,
  verify,
} from './measure.ts';
import { type Fixture, makeFixture, nodeEntry } from './node.ts';
import { findPeers } from './peers.ts';
import { type CaseReport, type Competitor, FORM, type Report } from './report.ts';
import { webCryptoEntry } from './webcrypto.ts';

export interface BenchOptions extends MeasureOptions {
  /** A case is run that has them all in its name. */
  readonly words: readonly string[];
  /** One of each kind where there are no words. */
  readonly quick: boolean;
  /** Worker threads of each engine, but where they are what is measured. */
  readonly threads: number;
  /** Names of contenders; all where absent. The first that has a case is what the others are compared with. */
  readonly backends?: readonly string[] | undefined;
  /** For the record. */
  readonly command: string;
}

export interface BenchEvents {
  /** The report as far as it is known before anything is timed. */
  readonly opened?: (report: Report) => void;
  /** How far the run is, 0 to 1, and what it does. */
  readonly progress?: (fraction: number, what: string) => void;
  readonly caseDone?: (result: CaseReport) => void;
}

/** All that `backends` may name. */
export const CONTENDER_NAMES: readonly string[] = [
  nodeEntry.name,
  ...Object.keys(ENGINES),
  webCryptoEntry.name,
  ...LIBRARIES.map(({ name }) => name),
];

const BATCH_SIZES: readonly number[] = [1, 4, 16, 64, 256, 1024, 4096];
/** A call may take this many rounds; larger batches are left out. */
const LONGEST_CALL_ROUNDS = 8;

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));

/** Opens everything that competes, runs the selected cases and closes it again. */
export async function runBench(options: BenchOptions, events: BenchEvents = {}): Promise<Report> {
  const field = await openField(options);
  try {
    const head = headOf(options, field);
    events.opened?.(head);
    const cases = selectCases(options.words, options.quick);
    const swept = new Set(sweptOf(cases));
    const steps = cases.length + [...swept].reduce((sum, each) => sum + (isThreaded(each) ? 3 : 2), 0);
    let step = 0;
    /** Runs a step of the whole. */
    const next: Next = async (what, run) => {
      events.progress?.(step / steps, what);
      const result = await run((done, rounds) => events.progress?.((step + done / rounds) / steps, what));
      step++;
      return result;
    };
    const results: CaseReport[] = [];
    const [startMs, startUsage] = [performance.now(), process.cpuUsage()];
    for (const benchCase of cases) {
      const result = await runCase(benchCase, swept.has(benchCase), field, options, next);
      results.push(result);
      events.caseDone?.(result);
    }
    const { user, system } = process.cpuUsage(startUsage);
    const processorShare = (user + system) / 1000 / (performance.now() - startMs);
    return { ...head, processorShare, cases: results };
  } finally {
    for (const engine of field.engines) await engine.close();
  }
}

function headOf({ threads, rounds, roundMs, batch, command }: BenchOptions, { competitors }: Field): Report {
  return {
    ...FORM,
    date: new Date().toISOString(),
    command,
    keymill: version,
    machine: {
      cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
      processors: os.availableParallelism(),
      platform: `${process.platform} ${process.arch}`,
      node: process.version,
      openssl: process.versions.openssl,
    },
    options: { threads, rounds, roundMs, batch },
    competitors,
    cases: [],
  };
}

interface Field {
  readonly entries: readonly Entry[];
  readonly engines: readonly Engine[];
  readonly competitors: readonly Competitor[];
}

/** Opens whoever is wanted and there; says of the others why they are not. */
async function openField({ backends, threads }: BenchOptions): Promise<Field> {
  const isWanted = (name: string) => backends === undefined || backends.includes(name);
  const entries: Entry[] = [];
  const engines: Engine[] = [];
  const competitors: Competitor[] = [];
  const join = (entry: Entry, version: string) => {
    if (!isWanted(entry.name)) return;
    entries.push(entry);
    competitors.push({ name: entry.name, version });
  };
  const openssl = `OpenSSL ${process.versions.openssl}`;
  join(nodeEntry, openssl);
  for (const name of Object.keys(ENGINES).filter(isWanted)) {
    try {
      const engine = await openContender(name, threads);
      engines.push(engine);
      join(engineEntry(name, threads, engine), describe(engine));
    } catch (error) {
      competitors.push({ name, absent: (error as Error).message });
    }
  }
  join(webCryptoEntry, `${openssl}, libuv's threads`);
  const { installed, absent } = findPeers([process.cwd(), import.meta.dirname]);
  for (const peer of installed) join(peer, peer.version);
  for (const name of absent.filter(isWanted)) competitors.push({ name, absent: 'not installed' });
  return { entries, engines, competitors };
}

/** The kernels of an engine, without repetition: which one serves what is in `keymill info`. */
function describe({ info }: Engine): string {
  const kernels = [...new Set(Object.values(info.kernels))].join(', ');
  return [`keymill ${version}`, kernels, info.fallbackReason].filter(Boolean).join('; ');
}

type Next = <Result>(what: string, run: (onRound: OnRound) => Promise<Result>) => Promise<Result>;

async function runCase(
  benchCase: BenchCase,
  isSwept: boolean,
  field: Field,
  options: BenchOptions,
  next: Next,
): Promise<CaseReport> {
  const name = caseName(benchCase);
  const fixture = makeFixture(benchCase);
  const { sound, refused } = await verify(await openAll(field.entries, fixture));
  const operations = await next(name, (onRound) => measure(sound, options, onRound));
  const result = { ...benchCase, name, refused, operations, latency: [], batches: [], threads: [] };
  if (!isSwept) return result;
  const single = sound.filter(({ mode }) => mode === 'one');
  const latency = await next(`${name}: latency`, (onRound) => measureLatency(single, options, onRound));
  const sized = await sizesOf(sound, options);
  const batches = await next(`${name}: batch sizes`, (onRound) => measure(sized, options, onRound));
  if (!isThreaded(benchCase)) return { ...result, latency, batches };
  const names = SWEPT_ENGINES.filter((each) => field.entries.some((entry) => entry.name === each));
  const scaled = await next(`${name}: threads`, (onRound) => measureThreads(names, fixture, options, onRound));
  return { ...result, latency, batches, threads: scaled.timings, refused: [...refused, ...scaled.refused] };
}

/** All modes of all entries; one that does not open becomes a contender whose check fails, and so is refused with its reason. */
async function openAll(entries: readonly Entry[], fixture: Fixture): Promise<readonly Contender[]> {
  const contenders: Contender[] = [];
  for (const entry of entries) {
    try {
      contenders.push(...(await contendersOf(entry, fixture)));
    } catch (error) {
      contenders.push({ name: entry.name, mode: 'one', work: () => {}, check: () => Promise.reject(error) });
    }
  }
  return contenders;
}

/** The baseline, then the batch modes of the swept engines at each size that is not too long a call. */
async function sizesOf(sound: readonly Contender[], { roundMs }: BenchOptions): Promise<readonly Contender[]> {
  const contenders = sound.slice(0, 1);
  for (const contender of sound.filter(({ name, mode }) => mode !== 'one' && SWEPT_ENGINES.includes(name))) {
    for (const count of BATCH_SIZES) {
      const start = performance.now();
      await contender.work(count);
      if (performance.now() - start > LONGEST_CALL_ROUNDS * roundMs && count > 1) break;
      contenders.push({ ...contender, count });
    }
  }
  return contenders;
}

/** `run` of engines with 1, 2, 4 and so on up to as many threads as there are processors. */
async function measureThreads(
  names: readonly string[],
  fixture: Fixture,
  options: BenchOptions,
  onRound: OnRound,
): Promise<{ timings: readonly Timing[]; refused: readonly Refusal[] }> {
  const processors = os.availableParallelism();
  const counts = [...Array.from({ length: Math.ceil(Math.log2(processors)) }, (_, power) => 2 ** power), processors];
  const engines: Engine[] = [];
  try {
    const contenders: Contender[] = [];
    const refused: Refusal[] = [];
    for (const name of names) {
      let count: number | undefined;
      for (const threads of counts) {
        const engine = await openContender(name, threads);
        engines.push(engine);
        const all = await contendersOf(engineEntry(name, threads, engine), fixture);
        const verified = await verify(all.filter(({ mode }) => mode === 'run'));
        refused.push(...verified.refused);
        for (const contender of verified.sound) {
          count ??= await calibrate(contender, options);
          contenders.push({ ...contender, count });
        }
      }
    }
    return { timings: await measure(contenders, options, onRound), refused };
  } finally {
    for (const engine of engines) await engine.close();
  }
}
