/** Charts as SVG: each a function from data to markup, drawn in units that are pixels at full width. Colours are classes of the page's. */
import { html, type Markup } from './markup.ts';

const WIDTH = 640;
const AXIS_HEIGHT = 40;

interface Scale {
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
}

/** From `values` to `from`..`to`, by powers of ten; ticks are 1, 2 and 5 of each where there are few. */
function logScale(values: readonly number[], from: number, to: number): Scale {
  const [least, most] = [Math.min(...values) / 1.15, Math.max(...values) * 1.15];
  const position = (value: number): number => Math.log(value / least) / Math.log(most / least);
  const decades = Math.log10(most / least);
  const steps = decades > 4 ? [1] : decades > 2.5 ? [1, 3] : [1, 2, 5];
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.log10(most); power++) {
    ticks.push(...steps.map((step) => step * 10 ** power));
  }
  return {
    at: (value) => from + position(value) * (to - from),
    ticks: ticks.filter((tick) => tick >= least && tick <= most),
  };
}

/** The shapes of series, by their place: to be told apart without colours too. */
const SHAPES: readonly ((x: number, y: number) => string)[] = [
  (x, y) => `M${x - 4.5} ${y}a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z`,
  (x, y) => `M${x} ${y - 5.5}l5.5 9.5h-11z`,
  (x, y) => `M${x - 4.2} ${y - 4.2}h8.4v8.4h-8.4z`,
  (x, y) => `M${x} ${y - 6}l6 6l-6 6l-6 -6z`,
];
const round = (value: number): number => Math.round(value * 10) / 10;
const marker = (series: number, x: number, y: number, title: string): Markup =>
  html`<path class="s${series}" d="${SHAPES[series]!(round(x), round(y))}"><title>${title}</title></path>`;

const svg = (height: number, label: string, content: readonly (Markup | undefined)[]): Markup =>
  html`<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${label}">${content}</svg>`;

/** The legend of the series that all charts of a section share, from the series `first` on. */
export const legend = (names: readonly string[], first = 0): Markup =>
  html`<p class="legend">${names.map(
    (name, index) =>
      html`<span><svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">${marker(first + index, 7, 7.5, name)}</svg>${name}</span>`,
  )}</p>`;

export interface Dot {
  readonly series: number;
  readonly value: number;
  /** Of the value, relative. */
  readonly spread?: number;
  /** What a pointer over it shows. */
  readonly title: string;
}

export interface DotRow {
  readonly label: string;
  readonly isOurs: boolean;
  readonly dots: readonly Dot[];
  /** At the right end: what to read off, and what it means. */
  readonly note: readonly [value: string, emphasis: string];
}

interface AxisOptions {
  readonly label: string;
  readonly format: (value: number) => string;
}

/** A row for each contender, a dot for each series, on a logarithmic axis; a dashed line where `reference` is. */
export function dotPlot(title: string, rows: readonly DotRow[], axis: AxisOptions, reference?: number): Markup {
  const [left, right, rowHeight, top] = [142, WIDTH - 128, 25, 6];
  const bottom = top + rows.length * rowHeight;
  const values = rows.flatMap(({ dots }) => dots.map(({ value }) => value));
  const x = logScale(reference === undefined ? values : [...values, reference], left + 8, right - 8);
  const content = [
    ...x.ticks.map(
      (tick) => html`<line class="grid" x1="${round(x.at(tick))}" x2="${round(x.at(tick))}" y1="${top}" y2="${bottom}"/>
<text class="tick" x="${round(x.at(tick))}" y="${bottom + 16}" text-anchor="middle">${axis.format(tick)}</text>`,
    ),
    reference === undefined
      ? undefined
      : html`<line class="reference" x1="${round(x.at(reference))}" x2="${round(x.at(reference))}" y1="${top}" y2="${bottom}"/>`,
    ...rows.map((row, index) => dotRow(row, top + (index + 0.5) * rowHeight, x, left, right)),
    html`<text class="axis" x="${(left + right) / 2}" y="${bottom + 34}" text-anchor="middle">${axis.label}</text>`,
  ];
  return svg(
    bottom + AXIS_HEIGHT,
    `${title}: ${rows.map(({ label, note }) => `${label} ${note.join(' ')}`).join(', ')}`,
    content,
  );
}

function dotRow({ label, isOurs, dots, note }: DotRow, y: number, x: Scale, left: number, right: number): Markup {
  const places = dots.map(({ value }) => x.at(value));
  const [value, emphasis] = note;
  return html`<text class="label${isOurs ? ' ours' : ''}" x="${left - 8}" y="${y + 4.5}" text-anchor="end">${label}</text>
<line class="span" x1="${round(Math.min(...places))}" x2="${round(Math.max(...places))}" y1="${y}" y2="${y}"/>
${dots.map(({ series, value, spread, title }) => [
  spread === undefined
    ? undefined
    : html`<line class="whisker s${series}" x1="${round(Math.max(left, x.at(value / (1 + spread))))}" x2="${round(Math.min(right, x.at(value * (1 + spread))))}" y1="${y}" y2="${y}"/>`,
  marker(series, x.at(value), y, title),
])}
<text class="note" x="${right + 64}" y="${y + 4.5}" text-anchor="end">${value}</text>
<text class="note emphasis" x="${WIDTH - 2}" y="${y + 4.5}" text-anchor="end">${emphasis}</text>`;
}

export interface Line {
  /** Colour and shape. */
  readonly series: number;
  readonly isDashed: boolean;
  readonly points: readonly { readonly x: number; readonly y: number; readonly title: string }[];
}

interface LinePlotOptions {
  readonly x: AxisOptions;
  readonly y: AxisOptions;
  /** A horizontal line, or one through the first value and in proportion to x. */
  readonly reference?: { readonly y: number; readonly isProportional: boolean };
}

/** Lines on logarithmic axes; every value of x is a tick. */
export function linePlot(title: string, lines: readonly Line[], { x, y, reference }: LinePlotOptions): Markup {
  const [left, right, top, bottom] = [64, WIDTH - 16, 10, 250];
  const points = lines.flatMap((line) => line.points);
  const xs = [...new Set(points.map((point) => point.x))].sort((a, b) => a - b);
  const [first, last] = [xs[0]!, xs.at(-1)!];
  const share = (value: number): number => Math.log(value / first) / Math.log(last / first || 1) || 0;
  const atX = (value: number): number => left + 12 + share(value) * (right - left - 24);
  const end = reference && reference.y * (reference.isProportional ? last / first : 1);
  const ys = [...points.map((point) => point.y), ...(end === undefined ? [] : [end])];
  const scale = logScale(ys, bottom, top);
  const [middleX, middleY] = [(left + right) / 2, (top + bottom) / 2];
  const place = (valueX: number, valueY: number): string => `${round(atX(valueX))} ${round(scale.at(valueY))}`;
  const content = [
    ...scale.ticks.map(
      (
        tick,
      ) => html`<line class="grid" x1="${left}" x2="${right}" y1="${round(scale.at(tick))}" y2="${round(scale.at(tick))}"/>
<text class="tick" x="${left - 8}" y="${round(scale.at(tick)) + 4}" text-anchor="end">${y.format(tick)}</text>`,
    ),
    ...xs.map(
      (tick) =>
        html`<text class="tick" x="${round(atX(tick))}" y="${bottom + 17}" text-anchor="middle">${x.format(tick)}</text>`,
    ),
    reference === undefined
      ? undefined
      : html`<path class="reference" d="M${xs
          .map((value) => place(value, reference.y * (reference.isProportional ? value / first : 1)))
          .join('L')}"/>`,
    ...lines.map(
      ({ series, isDashed, points }) =>
        html`<path class="line s${series}${isDashed ? ' dashed' : ''}" d="M${points
          .map((point) => place(point.x, point.y))
          .join('L')}"/>${points.map((point) => marker(series, atX(point.x), scale.at(point.y), point.title))}`,
    ),
    html`<text class="axis" x="${middleX}" y="${bottom + 36}" text-anchor="middle">${x.label}</text>
<text class="axis" transform="translate(14 ${middleY}) rotate(-90)" text-anchor="middle">${y.label}</text>`,
  ];
  return svg(bottom + AXIS_HEIGHT + 2, title, content);
}
