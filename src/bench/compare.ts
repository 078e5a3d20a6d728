/** Two reports side by side: what got faster, what slower, and whether that is more than the rounds differed among themselves. */
import { columns, duration, times } from './format.ts';
import type { Timing } from './measure.ts';
import type { CaseReport, Report } from './report.ts';
import { busyText } from './text.ts';

export interface Change {
  readonly case: string;
  readonly section: 'operations' | 'batches' | 'threads';
  readonly before: Timing;
  readonly after: Timing;
  /** How many times as fast it is now. */
  readonly speed: number;
  /** The same, of the ratio to the baseline of the same run: what is left when the machine itself was faster or slower. */
  readonly relative: number;
  /** The medians are further apart than both spreads together. */
  readonly isOutside: boolean;
}

const SECTIONS = ['operations', 'batches', 'threads'] as const;

/** What makes two timings the same one; in flight are as many as calibration finds, but where that is swept. */
const keyOf = (section: Change['section'], { name, mode, threads, count }: Timing): string =>
  [name, mode, threads, section === 'batches' ? count : ''].join('|');

/** A row for each timing that both have. */
export function compareReports(before: Report, after: Report): Change[] {
  const changes: Change[] = [];
  for (const now of after.cases) {
    const then: CaseReport | undefined = before.cases.find(({ name }) => name === now.name);
    if (then === undefined) continue;
    for (const section of SECTIONS) {
      const old = new Map(then[section].map((timing) => [keyOf(section, timing), timing]));
      for (const timing of now[section]) {
        const earlier = old.get(keyOf(section, timing));
        if (earlier !== undefined) changes.push({ case: now.name, section, ...change(earlier, timing) });
      }
    }
  }
  return changes;
}

function change(before: Timing, after: Timing): Omit<Change, 'case' | 'section'> {
  const apartUs = Math.abs(after.microseconds - before.microseconds);
  return {
    before,
    after,
    speed: before.microseconds / after.microseconds,
    relative: after.ratio / before.ratio,
    isOutside: apartUs > before.microseconds * before.spread + after.microseconds * after.spread,
  };
}

/** The table of changes, with what to know about the two reports above it. */
export function compareText(before: Report, after: Report): string {
  const changes = compareReports(before, after);
  const lines = [before, after].flatMap((report, index) => {
    const { date, keymill, machine } = report;
    const { cpu, node, openssl } = machine;
    const line = `${['old', 'new'][index]}: ${date}, keymill ${keymill}, ${cpu}, Node ${node}, OpenSSL ${openssl}`;
    return [line, busyText(report)].filter((each) => each !== undefined);
  });
  if (before.machine.cpu !== after.machine.cpu) {
    lines.push('These are different machines: only "to baseline" says something about keymill.');
  }
  if (changes.length === 0) return [...lines, 'They have no timing in common.'].join('\n');
  const head = ['contender', 'mode', 'threads', 'in flight', 'old', 'new', 'speed', 'to baseline', 'verdict'];
  for (const name of new Set(changes.map((each) => each.case))) {
    const rows = changes.filter((each) => each.case === name).map(rowOf);
    lines.push(`\n${name}`, columns([head, ...rows], 2));
  }
  const outside = changes.filter(({ isOutside }) => isOutside);
  const faster = outside.filter(({ speed }) => speed > 1).length;
  lines.push(
    `\nOf ${changes.length} timings ${faster} are faster and ${outside.length - faster} slower by more than the spread of both.`,
  );
  return lines.join('\n');
}

function rowOf({ section, before, after, speed, relative, isOutside }: Change): readonly string[] {
  return [
    after.name,
    after.mode,
    section === 'threads' ? String(after.threads) : '',
    section === 'batches' ? String(after.count) : '',
    duration(before.microseconds),
    duration(after.microseconds),
    times(speed),
    times(relative),
    isOutside ? (speed > 1 ? 'faster' : 'slower') : 'within the spread',
  ];
}
