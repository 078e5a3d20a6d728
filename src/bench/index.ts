/** The room of `keymill bench`: runs contenders against each other and says what it found, as text, JSON and a page. */
export { knownWords, selectCases } from './cases.ts';
export { compareReports, compareText } from './compare.ts';
export type { Contender } from './contender.ts';
export { isEngine } from './engines.ts';
export { type MeasureOptions, measure, quantile, type Timing, verify } from './measure.ts';
export { pageOf } from './page.ts';
export { BenchError, type CaseReport, type Report, readReport } from './report.ts';
export { type BenchEvents, type BenchOptions, CONTENDER_NAMES, runBench } from './run.ts';
export { busyText, caseText, headText, timingsText } from './text.ts';
