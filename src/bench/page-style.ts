/** How the page looks, on light and dark screens and on paper. */
import { Markup } from './markup.ts';

export const STYLE = new Markup(`
:root { color-scheme: light dark; --paper: #fff; --card: #f7f8fa; --ink: #1c2128; --faint: #59636e; --line: #d9dee4;
  --s0: #2563c9; --s1: #c2570c; --s2: #0b7a53; --s3: #8a3fb8; --up: #1a9e6b; --down: #d1495b; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171c; --card: #1b1f26; --ink: #e4e8ed; --faint: #9aa5b1; --line: #333a44;
  --s0: #78aaff; --s1: #f0a35e; --s2: #4ecb9c; --s3: #cf9bf2; --up: #2fbf88; --down: #ee6b7b; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1400px; padding: 24px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 26px; margin: 0 0 12px; } h2 { font-size: 20px; margin: 40px 0 4px; } p { margin: 4px 0 12px; max-width: 90ch; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 0 0 12px; }
dt { color: var(--faint); } dd { margin: 0; overflow-wrap: anywhere; }
code { font-family: ui-monospace, monospace; } summary { cursor: pointer; padding: 4px 0; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 560px), 1fr)); gap: 16px; align-items: start; }
figure { margin: 0; padding: 12px 14px 6px; background: var(--card); border: 1px solid var(--line); border-radius: 8px; break-inside: avoid; }
figcaption { font-weight: 600; font-size: 14px; margin-bottom: 4px; overflow-wrap: anywhere; }
figure svg { display: block; width: 100%; height: auto; }
svg text { font: 12.5px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: var(--ink); font-variant-numeric: tabular-nums; }
svg .tick, svg .axis { fill: var(--faint); font-size: 11.5px; } svg .ours, svg .emphasis { font-weight: 650; }
.grid { stroke: var(--line); } .span { stroke: var(--faint); stroke-opacity: 0.45; } .whisker { stroke-width: 5; stroke-opacity: 0.3; }
.reference { stroke: var(--faint); stroke-width: 1.5; stroke-dasharray: 4 4; fill: none; }
.line { fill: none !important; stroke: var(--ink); stroke-width: 2; } .dashed { stroke-dasharray: 7 4; }
.s0 { fill: var(--s0); stroke: var(--s0); } .s1 { fill: var(--s1); stroke: var(--s1); }
.s2 { fill: var(--s2); stroke: var(--s2); } .s3 { fill: var(--s3); stroke: var(--s3); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 0 0 12px; } .legend span { display: flex; align-items: center; gap: 6px; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: 13.5px; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 10px; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th { font-weight: 600; } th:first-child, .numbers td:nth-child(-n+3), .numbers th:nth-child(-n+3) { text-align: left; }
td small { display: block; opacity: 0.75; font-size: 11px; line-height: 1.2; } .none { color: var(--faint); }
.up { background: color-mix(in srgb, var(--up) var(--tint), transparent); } .down { background: color-mix(in srgb, var(--down) var(--tint), transparent); }
.refused { color: var(--down); font-weight: 600; } footer { color: var(--faint); }
@media (max-width: 640px) { body { padding: 12px; } dl { grid-template-columns: 1fr; } dt { margin-top: 6px; } th, td { padding: 4px 6px; }
  .overview th:first-child { white-space: normal; font-size: 12.5px; } }
@media print { body { max-width: none; } details { display: none; } }
`);
