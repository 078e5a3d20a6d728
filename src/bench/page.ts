/** A report as one HTML page that needs nothing else: no script, no font, no request. */
import { type DotRow, dotPlot, type Line, legend, linePlot } from './chart.ts';
import { MODES } from './contender.ts';
import { isEngine } from './engines.ts';
import { brief, duration, percent, rate, times } from './format.ts';
import { html, type Markup } from './markup.ts';
import type { Timing } from './measure.ts';
import { STYLE } from './page-style.ts';
import type { CaseReport, Report } from './report.ts';
import { busyText, optionsText, plural, seriesOf } from './text.ts';

const PERCENTILES = [
  ['p50', 'p50'],
  ['p90', 'p90'],
  ['p99', 'p99'],
  ['p99.9', 'p999'],
] as const;
/** In the order of MODES. */
const MODE_NAMES = ['one call at a time', 'a promise each, all in flight', 'one run() of a batch', 'one packed call'];

const groupBy = <Each extends { readonly name: string }>(all: readonly Each[]): Map<string, Each[]> => {
  const groups = new Map<string, Each[]>();
  for (const each of all) groups.set(each.name, [...(groups.get(each.name) ?? []), each]);
  return groups;
};
const fastest = (timings: readonly Timing[]): Timing =>
  timings.reduce((best, each) => (each.operationsPerSecond > best.operationsPerSecond ? each : best));
const inFlight = ({ mode, count }: Timing): string => (mode === 'one' ? '' : `, ${count} in flight`);
const tip = (timing: Timing): string =>
  `${timing.name} ${timing.mode}${inFlight(timing)}: ${duration(timing.microseconds)} ${percent(timing.spread)}, ${rate(timing.operationsPerSecond)}/s, ${times(timing.ratio)}`;

const figure = (name: string, chart: Markup, below?: Markup): Markup =>
  html`<figure><figcaption>${name}</figcaption>${chart}${below}</figure>`;

function throughput({ name, operations, refused }: CaseReport): Markup | undefined {
  const warnings = html`${refused.map(
    (each) => html`<p class="refused">Refused, not timed: ${each.name} ${each.mode}: ${each.reason}</p>`,
  )}`;
  if (operations.length === 0) return refused.length === 0 ? undefined : figure(name, warnings);
  const rows = [...groupBy(operations)].map(([label, timings]): DotRow & { readonly best: Timing } => {
    const best = fastest(timings);
    const dots = timings.map((timing) => ({
      series: MODES.indexOf(timing.mode),
      value: timing.operationsPerSecond,
      spread: timing.spread,
      title: tip(timing),
    }));
    return {
      label,
      isOurs: isEngine(label),
      dots,
      best,
      note: [`${rate(best.operationsPerSecond)}/s`, times(best.ratio)],
    };
  });
  rows.sort((a, b) => b.best.operationsPerSecond - a.best.operationsPerSecond);
  const axis = { label: 'operations a second, logarithmic', format: brief(rate) };
  return figure(name, dotPlot(name, rows, axis, operations[0]!.operationsPerSecond), warnings);
}

function latencies({ name, latency }: CaseReport): Markup | undefined {
  if (latency.length === 0) return undefined;
  const rows = [...latency]
    .sort((a, b) => a.p50 - b.p50)
    .map((each): DotRow => {
      const dots = PERCENTILES.map(([label, member], series) => ({
        series,
        value: each[member],
        title: `${each.name} ${label}: ${duration(each[member])}`,
      }));
      return { label: each.name, isOurs: isEngine(each.name), dots, note: [duration(each.p50), duration(each.p99)] };
    });
  return figure(name, dotPlot(name, rows, { label: 'time of one call, logarithmic', format: brief(duration) }));
}

function lineOf(timings: readonly Timing[], xOf: (timing: Timing) => number): Line {
  const [{ name, mode }] = timings as [Timing];
  const points = timings.map((timing) => ({ x: xOf(timing), y: timing.operationsPerSecond, title: tip(timing) }));
  return { series: MODES.indexOf(mode), isDashed: name === 'wasm', points };
}

function batchSizes({ name, batches: [baseline, ...swept] }: CaseReport): Markup | undefined {
  if (baseline === undefined || swept.length === 0) return undefined;
  const chart = linePlot(
    name,
    seriesOf(swept).map(({ timings }) => lineOf(timings, ({ count }) => count)),
    {
      x: { label: 'operations in flight', format: String },
      y: { label: 'operations a second', format: brief(rate) },
      reference: { y: baseline.operationsPerSecond, isProportional: false },
    },
  );
  return figure(name, chart);
}

/** Of each engine, relative to itself. */
function threadCounts({ name, threads }: CaseReport): Markup | undefined {
  if (threads.every((timing) => timing.threads === threads[0]!.threads)) return undefined;
  const lines = seriesOf(threads).map(({ timings }) => {
    const line = lineOf(timings, (timing) => timing.threads!);
    return { ...line, points: line.points.map((point) => ({ ...point, y: point.y / line.points[0]!.y })) };
  });
  const chart = linePlot(name, lines, {
    x: { label: 'worker threads', format: String },
    y: { label: 'times one thread', format: brief(times) },
    reference: { y: 1, isProportional: true },
  });
  return figure(name, chart);
}

const LINES = html`<p class="legend"><span><svg width="34" height="10" aria-hidden="true"><path class="line" d="M0 5H34"/></svg>native</span>
<span><svg width="34" height="10" aria-hidden="true"><path class="line dashed" d="M0 5H34"/></svg>wasm</span></p>`;

interface Section {
  readonly title: string;
  readonly text: Markup;
  readonly chart: (result: CaseReport) => Markup | undefined;
}

const SECTIONS: readonly Section[] = [
  {
    title: 'Throughput',
    text: html`<p>Every contender in every mode it has; further right is faster. The dashed line is the baseline, the first contender that has the
operation. At the right is the fastest mode, and how many times the baseline that is. Whiskers are the spread of the rounds.</p>
${legend(MODE_NAMES)}`,
    chart: throughput,
  },
  {
    title: 'Latency',
    text: html`<p>One call at a time, each timed by itself; further left is faster. At the right are the median and the 99th percentile.</p>
${legend(PERCENTILES.map(([label]) => label))}`,
    chart: latencies,
  },
  {
    title: 'Throughput against batch size',
    text: html`<p>The same operation with more and more of them handed over at once. The dashed grey line is the baseline, which takes one at a time.
A line ends where a call would take too long.</p>${legend(MODE_NAMES.slice(1), 1)}${LINES}`,
    chart: batchSizes,
  },
  {
    title: 'Scaling with threads',
    text: html`<p>One <code>run()</code> of a batch on engines with more and more worker threads, relative to one thread of the same engine. The
dashed grey line is what the threads would do if none got in another's way.</p>${LINES}`,
    chart: threadCounts,
  },
];

function section({ title, text, chart }: Section, cases: readonly CaseReport[]): Markup | undefined {
  const charts = cases.map(chart).filter((each) => each !== undefined);
  if (charts.length === 0) return undefined;
  return html`<section><h2>${title}</h2>${text}<div class="charts">${charts}</div></section>`;
}

/** Cell colours go from none at 1x to the full one at 30x or a thirtieth. */
const tint = (ratio: number): string => {
  const share = Math.min(1, Math.abs(Math.log(ratio)) / Math.log(30));
  return `--tint: ${Math.round(share * 60)}%`;
};

/** Best ratios at a glance: a row for each case, a column for each contender that is built in, and the best of the others. */
function overview({ cases }: Report): Markup {
  const timed = cases.filter(({ operations }) => operations.length > 0);
  const own = [...new Set(timed.flatMap(({ operations }) => operations.map(({ name }) => name)))].filter(
    (name) => isEngine(name) || name === 'WebCrypto',
  );
  const row = ({ name, operations }: CaseReport): Markup => {
    const groups = groupBy(operations);
    const baseline = operations[0]!;
    const others = operations.filter((each) => !own.includes(each.name) && each.name !== baseline.name);
    const cell = (timings: readonly Timing[] | undefined, label?: string) => {
      if (timings === undefined || timings.length === 0) return html`<td class="none">–</td>`;
      const best = fastest(timings);
      return html`<td class="${best.ratio >= 1 ? 'up' : 'down'}" style="${tint(best.ratio)}" title="${tip(best)}">${times(best.ratio)}<small>${label ?? best.mode}</small></td>`;
    };
    return html`<tr><th scope="row">${name}</th><td>${duration(baseline.microseconds)}<small>${baseline.name}</small></td>
${own.map((each) => cell(groups.get(each)))}${cell(others, others.length > 0 ? fastest(others).name : '')}</tr>`;
  };
  return html`<section><h2>At a glance</h2><p>How many times the baseline each contender does in its fastest mode, which is named below.</p>
<div class="scroll"><table class="overview"><thead><tr><th>operation</th><th>baseline</th>${own.map((name) => html`<th>${name}</th>`)}<th>best library</th></tr></thead>
<tbody>${timed.map(row)}</tbody></table></div></section>`;
}

function numbers({ cases }: Report): Markup {
  const head = html`<tr>${['operation', 'contender', 'mode', 'in flight', 'per operation', 'ops/s', 'spread', 'ratio'].map((name) => html`<th>${name}</th>`)}</tr>`;
  const rows = cases.flatMap(({ name, operations }) =>
    operations.map(
      (
        each,
      ) => html`<tr><td>${name}</td><td>${each.name}</td><td>${each.mode}</td><td>${each.mode === 'one' ? '' : each.count}</td>
<td>${duration(each.microseconds)}</td><td>${Math.round(each.operationsPerSecond).toLocaleString('en')}</td><td>${percent(each.spread)}</td><td>${times(each.ratio)}</td></tr>`,
    ),
  );
  return html`<details><summary>All numbers</summary><div class="scroll"><table class="numbers"><thead>${head}</thead><tbody>${rows}</tbody></table></div></details>`;
}

function head(report: Report): Markup {
  const { date, command, keymill, machine, options, competitors } = report;
  const busy = busyText(report);
  const facts: readonly (readonly [string, string])[] = [
    ['Machine', `${machine.cpu}, ${plural(machine.processors, 'processor')}, ${machine.platform}`],
    ['Runtime', `Node ${machine.node}, OpenSSL ${machine.openssl}, keymill ${keymill}`],
    ['Date', date.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')],
    ['Command', command],
    ['Timing', optionsText(options)],
  ];
  return html`<header><h1>keymill bench</h1><dl>${facts.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>
<details><summary>Contenders: ${competitors.filter((each) => each.absent === undefined).length} here, ${competitors.filter((each) => each.absent !== undefined).length} not</summary>
<dl>${competitors.map(({ name, version, absent }) => html`<dt>${name}</dt><dd class="${absent === undefined ? '' : 'none'}">${absent ?? version}</dd>`)}</dl></details>${busy && html`<p class="refused">${busy}</p>`}</header>`;
}

const METHOD = html`<footer><h2>How it was measured</h2>
<p>Before anything is timed each contender must give right results, judged by node:crypto, and refuse a damaged signature or ciphertext. Contenders take turns
in every round, in one process, so that a machine that gets slower hurts all alike. A figure is the median over the rounds of each round's median; the spread is
half the distance between the quartiles of the rounds; a ratio is the median of the ratios in each round. Keys are parsed beforehand, for node:crypto as
KeyObjects. The engines use the worker threads named above beside the calling thread, WebCrypto the threads of libuv, all others the calling thread alone.</p></footer>`;

/** The whole page. */
export function pageOf(report: Report): string {
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>keymill bench, ${report.machine.cpu}, ${report.date.slice(0, 10)}</title><style>${STYLE}</style></head>
<body>${head(report)}<main>${overview(report)}${SECTIONS.map((each) => section(each, report.cases))}${numbers(report)}</main>${METHOD}</body></html>
`.text;
}
