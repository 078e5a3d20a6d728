/** `keymill bench`: arguments in, tables and files out; what is measured is in the room `bench`. */
import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import {
  BenchError,
  busyText,
  CONTENDER_NAMES,
  caseText,
  compareText,
  headText,
  isEngine,
  knownWords,
  pageOf,
  readReport,
  runBench,
  selectCases,
} from '../bench/index.ts';

export interface BenchFlags {
  readonly quick?: boolean;
  readonly threads: number;
  readonly backends?: string;
  readonly batch: number;
  readonly rounds?: number;
  readonly roundMs?: number;
  readonly json: string;
  readonly html: string;
  readonly compare?: readonly string[];
}

/** Exits with 2 where a word, a contender or the number of files is wrong. */
export async function bench(words: readonly string[], flags: BenchFlags, command: Command): Promise<void> {
  if (flags.compare !== undefined) {
    const [before, after, ...more] = flags.compare;
    if (before === undefined || after === undefined || more.length > 0 || words.length > 0) {
      command.error('error: --compare takes two files, old and new, and nothing else');
    }
    console.log(compareText(readReport(before!), readReport(after!)));
    return;
  }
  if (selectCases(words, flags.quick ?? false).length === 0) {
    command.error(`error: no operation has ${words.join(' and ')} in its name; words are ${knownWords().join(', ')}`);
  }
  const backends = flags.backends?.split(',').map((name) => name.trim());
  const unknown = backends?.find((name) => !CONTENDER_NAMES.includes(name));
  if (unknown !== undefined) {
    command.error(`error: there is no contender ${JSON.stringify(unknown)}; there are ${CONTENDER_NAMES.join(', ')}`);
  }
  for (const file of [flags.json, flags.html]) makePlace(file);
  const report = await runBench(
    {
      words,
      quick: flags.quick ?? false,
      threads: flags.threads,
      backends,
      batch: flags.batch,
      rounds: flags.rounds ?? (flags.quick ? 3 : 7),
      roundMs: flags.roundMs ?? (flags.quick ? 15 : 60),
      command: ['keymill', ...process.argv.slice(2)].join(' '),
    },
    {
      opened: (head) => console.log(headText(head)),
      progress: showProgress,
      caseDone: (result) => {
        clearProgress();
        console.log(caseText(result));
      },
    },
  );
  writeFileSync(flags.json, `${JSON.stringify(report, null, 1)}\n`);
  writeFileSync(flags.html, pageOf(report));
  const busy = busyText(report);
  if (busy !== undefined) console.log(`\n${busy}`);
  console.log(`\nResults are in ${flags.json}; ${flags.html} shows them.`);
  const wrong = report.cases.flatMap(({ name, refused }) =>
    refused.filter((each) => isEngine(each.name)).map((each) => `${each.name} ${each.mode} in ${name}: ${each.reason}`),
  );
  if (wrong.length > 0) throw new BenchError(`keymill was wrong or failed, please report it: ${wrong.join('; ')}`);
}

/** Before anything runs, so that results of minutes are not lost. @throws the system's error where the file cannot be made */
function makePlace(file: string): void {
  mkdirSync(dirname(file), { recursive: true });
  accessSync(dirname(file), constants.W_OK);
}

const BAR_WIDTH = 30;
const CLEAR_LINE = '\r\x1b[K';

function showProgress(fraction: number, what: string): void {
  if (!process.stderr.isTTY) return;
  const done = Math.round(fraction * BAR_WIDTH);
  const bar = `${'█'.repeat(done)}${'░'.repeat(BAR_WIDTH - done)} ${String(Math.round(fraction * 100)).padStart(3)} %  ${what}`;
  process.stderr.write(`${CLEAR_LINE}${bar.slice(0, (process.stderr.columns || 80) - 1)}`);
}

function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write(CLEAR_LINE);
}
