/** Numbers and tables as people read them. */

const digits = (value: number): string => {
  if (value >= 100) return Math.round(value).toLocaleString('en');
  if (value >= 10) return value.toFixed(1);
  return value >= 0.1 ? value.toFixed(2) : String(Number(value.toPrecision(2)));
};

const scaled =
  (units: readonly (readonly [least: number, unit: string])[]) =>
  (value: number): string => {
    const [size, unit] = units.find(([least]) => value >= least) ?? units.at(-1)!;
    return `${digits(value / size)}${unit}`;
  };

/** Operations a second: 412 k. */
export const rate = scaled([
  [1e9, ' G'],
  [1e6, ' M'],
  [1e3, ' k'],
  [1, ''],
]);
/** A duration given in microseconds: 2.43 µs. */
export const duration = scaled([
  [1e6, ' s'],
  [1e3, ' ms'],
  [1, ' µs'],
  [1e-3, ' ns'],
]);
/** Round numbers, for axes: 10 k rather than 10.0 k. */
export const brief =
  (format: (value: number) => string) =>
  (value: number): string =>
    format(value)
      .replace(/\.0+(?=\D|$)/, '')
      .replace(/(\.\d)0/, '$1');
export const times = (ratio: number): string => `${digits(ratio)}×`;
export const percent = (fraction: number): string => `±${Math.round(fraction * 100)} %`;

/** Rows of cells in columns: the first `texts` of them text, the others numbers. */
export function columns(rows: readonly (readonly string[])[], texts: number): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const aligned = (cell: string, column: number): string =>
    column < texts ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!);
  return rows.map((row) => `  ${row.map(aligned).join('  ')}`.trimEnd()).join('\n');
}
