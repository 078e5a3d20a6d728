/**
 * `npm run bench [words] [-- --threads 1 --backends native,wasm --rounds 7 --round-ms 60 --batch 1024 --peers --json file]`
 * What `keymill bench` measures, and then what only this repository can: the service, the store, the endpoint, and the scenarios
 * (`fairness`, `loop`, `memory`). Words filter all of it; `--peers` adds whoever else is installed. Pin the process (`taskset -c 1`)
 * for per-core figures.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { type BackendChoice, type Engine, openEngine } from 'keymill/engine';
import {
  caseText,
  headText,
  measure,
  runBench,
  selectCases,
  type Timing,
  timingsText,
  verify,
} from '../src/bench/index.ts';
import { measureEndpoint } from './endpoint.ts';
import { SCENARIOS, type ScenarioResult } from './scenarios.ts';
import { measureStore, type StoreMeasurement, serviceGroups } from './service.ts';

const { values: flags, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: 'string', default: '1' },
    backends: { type: 'string', default: 'native,wasm' },
    rounds: { type: 'string', default: '7' },
    'round-ms': { type: 'string', default: '60' },
    batch: { type: 'string', default: '1024' },
    peers: { type: 'boolean', default: false },
    json: { type: 'string', default: 'bench/results/latest.json' },
  },
});
const matches = (name: string): boolean => words.every((word) => name.toLowerCase().includes(word.toLowerCase()));
const threads = Number(flags.threads);
const options = { rounds: Number(flags.rounds), roundMs: Number(flags['round-ms']), batch: Number(flags.batch) };
const names = flags.backends.split(',');

/** A round of the endpoint holds thousands of requests: that many of the others' rounds. */
const ENDPOINT_ROUND = 25;

/** Sizes of stores to open and look keys up in. */
const STORE_KEYS = [1000, 10_000, 100_000] as const;

const backends = flags.peers ? undefined : ['node:crypto', ...names];
const command = `npm run bench ${words.join(' ')}`;
const matrix =
  selectCases(words, false).length === 0
    ? undefined
    : await runBench(
        { ...options, words, quick: false, threads, backends, command },
        { opened: (head) => console.log(headText(head)), caseDone: (result) => console.log(caseText(result)) },
      );

/** Of the names of contenders, those that a service can run on. */
const ENGINES: readonly BackendChoice[] = ['native', 'wasm'];
const engines: [name: string, engine: Engine][] = [];
for (const backend of ENGINES) {
  if (names.includes(backend)) engines.push([backend, await openEngine({ backend, threads })]);
}

const results: { case: string; timings: Timing[] }[] = [];
for (const [label, engine] of engines) {
  const { groups, close } = await serviceGroups(engine);
  for (const { name, contenders } of groups) {
    if (!matches(name)) continue;
    const { sound, refused } = await verify(contenders);
    if (refused.length > 0) throw new Error(`${name}: ${refused[0]!.name}: ${refused[0]!.reason}`);
    const operations = await measure(sound, options);
    console.log(timingsText(`${name} (${label})`, operations));
    results.push({ case: `${name} (${label})`, timings: operations });
  }
  await close();
}

const stores: StoreMeasurement[] = [];
for (const keys of matches('store') ? STORE_KEYS : []) {
  const measured = await measureStore(engines[0]![1], keys);
  stores.push(measured);
  const { openMs, coldLookupUs, warmLookupUs } = measured;
  console.log(
    `\nstore of ${keys.toLocaleString('en')} keys: opened in ${openMs.toFixed(0)} ms; DescribeKey ${coldLookupUs.toFixed(1)} us cold, ${warmLookupUs.toFixed(1)} us warm`,
  );
}

const scenarios: (ScenarioResult & { engine: string })[] = [];
const noteScenario = (engine: string, result: ScenarioResult): void => {
  scenarios.push({ engine, ...result });
  console.log(`\n${result.name} (${engine}): ${result.value.toFixed(2)} ${result.unit}`);
};
for (const [name, scenario] of Object.entries(SCENARIOS)) {
  if (!matches(name)) continue;
  for (const [label, engine] of engines) {
    try {
      noteScenario(label, await scenario(engine));
    } catch (error) {
      if ((error as { code?: string }).code !== 'UNSUPPORTED') throw error;
    }
  }
}

if (matches('endpoint')) {
  for (const [label] of engines) {
    const engine = { backend: label as BackendChoice, threads };
    const rounds = { rounds: options.rounds, roundMs: options.roundMs * ENDPOINT_ROUND };
    for (const result of await measureEndpoint({ engine, ...rounds })) noteScenario(label, result);
  }
}

mkdirSync(path.dirname(flags.json), { recursive: true });
writeFileSync(flags.json, `${JSON.stringify({ matrix, options, results, stores, scenarios }, null, 2)}\n`);
console.log(`\nwritten to ${flags.json}`);
for (const [, engine] of engines) await engine.close();
