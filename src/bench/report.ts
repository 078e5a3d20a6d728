/** What a run found, as it is written to a file and read again. */
import { readFileSync } from 'node:fs';
import type { BenchOperation } from './cases.ts';
import type { Latency, Refusal, Timing } from './measure.ts';

const FORMAT = 'keymill-bench';
/** Counts up where a reader of the one before would misunderstand. */
const VERSION = 1;

/** Who was to compete. */
export interface Competitor {
  readonly name: string;
  /** Which implementation, for people. */
  readonly version?: string;
  /** Why it did not. */
  readonly absent?: string;
}

/** Everything about one case. Sections that were not asked for, or where nobody was right, are empty. */
export interface CaseReport {
  readonly name: string;
  readonly operation: BenchOperation;
  readonly algorithm: string;
  readonly keySpec?: string;
  readonly sizeBytes: number;
  /** Who gave a wrong answer or failed, and so was not timed. */
  readonly refused: readonly Refusal[];
  /** Every contender in every mode. Ratios are against the first. */
  readonly operations: readonly Timing[];
  /** Single calls. */
  readonly latency: readonly Latency[];
  /** Against the number of operations in a call, `count`. */
  readonly batches: readonly Timing[];
  /** Against the number of worker threads. */
  readonly threads: readonly Timing[];
}

export interface Report {
  readonly format: typeof FORMAT;
  readonly version: typeof VERSION;
  /** ISO 8601. */
  readonly date: string;
  readonly command: string;
  readonly keymill: string;
  readonly machine: {
    readonly cpu: string;
    readonly processors: number;
    readonly platform: string;
    readonly node: string;
    readonly openssl: string;
  };
  readonly options: {
    readonly threads: number;
    readonly rounds: number;
    readonly roundMs: number;
    readonly batch: number;
  };
  readonly competitors: readonly Competitor[];
  /** Processor time of all threads by the time that passed: under 1 where something else had the processor. Known at the end. */
  readonly processorShare?: number;
  readonly cases: readonly CaseReport[];
}

export const FORM = { format: FORMAT, version: VERSION } as const;

/** A failure that is about the files or the machine; the message says what to do. */
export class BenchError extends Error {
  readonly code = 'BENCH';
  override readonly name = 'BenchError';
}

/** A report from its file. @throws BenchError where it is none, or of a version that is not known here */
export function readReport(file: string): Report {
  let report: Partial<Report> | null;
  try {
    report = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new BenchError(`${file} cannot be read as JSON: ${(cause as Error).message}`, { cause });
  }
  if (report?.format !== FORMAT) {
    throw new BenchError(`${file} is not a report of keymill bench: expected "format": "${FORMAT}"`);
  }
  if (report.version !== VERSION) {
    throw new BenchError(
      `${file} is a report of version ${report.version}, expected ${VERSION}: compare it with the keymill that wrote it`,
    );
  }
  const isTiming = (timing: Partial<Timing>) => Number.isFinite(timing?.microseconds) && Number.isFinite(timing.spread);
  const isCase = ({ name, operations, batches, threads }: CaseReport) =>
    typeof name === 'string' &&
    [operations, batches, threads].every((each) => Array.isArray(each) && each.every(isTiming));
  if (!Array.isArray(report.cases) || !report.cases.every(isCase)) {
    throw new BenchError(`${file} is damaged: there are cases without their timings`);
  }
  return report as Report;
}
