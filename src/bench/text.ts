/** A report on a terminal. */
import { columns, duration, percent, rate, times } from './format.ts';
import type { Timing } from './measure.ts';
import type { CaseReport, Report } from './report.ts';

export function headText({ machine, options, keymill, competitors }: Report): string {
  const { cpu, processors, platform, node, openssl } = machine;
  const absent = competitors.filter((each) => each.absent !== undefined);
  return [
    `keymill ${keymill} on ${cpu}, ${processors} processors, ${platform}; Node ${node}, OpenSSL ${openssl}`,
    `${options.rounds} rounds of ${options.roundMs} ms; engines with ${options.threads} worker threads, at most ${options.batch} operations in flight`,
    ...absent.map(({ name, absent }) => `not here: ${name} (${absent})`),
  ].join('\n');
}

/** A row for each timing; ratios are against the first. */
export function timingsText(title: string, timings: readonly Timing[]): string {
  if (timings.length === 0) return `\n${title}`;
  const head = ['contender', 'mode', 'in flight', 'per operation', 'ops/s', 'spread', `vs ${timings[0]!.name}`];
  const rows = timings.map((timing) => [
    timing.name,
    timing.mode,
    timing.mode === 'one' ? '' : String(timing.count),
    duration(timing.microseconds),
    Math.round(timing.operationsPerSecond).toLocaleString('en'),
    percent(timing.spread),
    times(timing.ratio),
  ]);
  return `\n${title}\n${columns([head, ...rows], 2)}`;
}

/** One table a section. */
export function caseText({ name, refused, operations, latency, batches, threads }: CaseReport): string {
  const parts = [timingsText(name, operations)];
  for (const { name, mode, reason } of refused) parts.push(`  REFUSED, not timed: ${name} ${mode}: ${reason}`);
  if (latency.length > 0) {
    const rows = latency.map((each) => [each.name, ...[each.p50, each.p90, each.p99, each.p999].map(duration)]);
    parts.push(columns([['latency of one call', 'p50', 'p90', 'p99', 'p99.9'], ...rows], 1));
  }
  if (batches.length > 0) {
    parts.push(sweepText('ops/s by operations in flight', batches.slice(1), ({ count }) => count));
  }
  if (threads.length > 0) parts.push(sweepText('ops/s by threads', threads, (timing) => timing.threads!));
  return parts.join('\n');
}

/** A row for each contender and mode, a column for each value of what is swept. */
function sweepText(title: string, timings: readonly Timing[], xOf: (timing: Timing) => number): string {
  const values = [...new Set(timings.map(xOf))].sort((a, b) => a - b);
  const rows = seriesOf(timings).map(({ name, mode, timings }) => [
    name,
    mode,
    ...values.map((value) => {
      const found = timings.find((timing) => xOf(timing) === value);
      return found === undefined ? '-' : rate(found.operationsPerSecond);
    }),
  ]);
  return columns([[title, '', ...values.map(String)], ...rows], 2);
}

/** Timings of the same contender and mode together, in their order. */
export function seriesOf(timings: readonly Timing[]): { name: string; mode: string; timings: Timing[] }[] {
  const series: { name: string; mode: string; timings: Timing[] }[] = [];
  for (const timing of timings) {
    const { name, mode } = timing;
    const found = series.find((each) => each.name === name && each.mode === mode);
    if (found === undefined) series.push({ name, mode, timings: [timing] });
    else found.timings.push(timing);
  }
  return series;
}
