/** A report on a terminal. */
import { columns, duration, percent, rate, times } from './format.ts';
import type { Timing } from './measure.ts';
import type { CaseReport, Report } from './report.ts';

export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** Under which conditions, and who is not there. */
export function headText({ machine, options, keymill, competitors }: Report): string {
  const { cpu, processors, platform, node, openssl } = machine;
  const absent = new Map<string, string[]>();
  for (const { name, absent: reason } of competitors) {
    if (reason !== undefined) absent.set(reason, [...(absent.get(reason) ?? []), name]);
  }
  return [
    `keymill ${keymill} on ${cpu}, ${plural(processors, 'processor')}, ${platform}; Node ${node}, OpenSSL ${openssl}`,
    optionsText(options),
    ...[...absent].map(([reason, names]) => `Not here, ${reason}: ${names.join(', ')}`),
  ].join('\n');
}

export const optionsText = ({ rounds, roundMs, threads, batch }: Report['options']): string =>
  `${plural(rounds, 'round')} of ${roundMs} ms for each contender; engines with ${plural(threads, 'worker thread')}; up to ${batch} operations in flight`;

/** One thread at least is nearly always computing; what is left is handing over between threads. */
const LEAST_SHARE = 0.7;

/** A warning where something else had the processor, which medians do not forgive. */
export const busyText = ({ processorShare = 1 }: Report): string | undefined =>
  processorShare >= LEAST_SHARE
    ? undefined
    : `This machine was busy: the run had a processor for ${Math.round(processorShare * 100)} % of its time. Stop what else runs before relying on these figures.`;

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
