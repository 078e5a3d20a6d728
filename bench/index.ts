/**
 * `npm run bench [words] [-- --threads 1 --backends native,wasm --rounds 7 --round-ms 60 --batch 1000 --peers --json file]`
 * Only cases and scenarios (`endpoint`, `fairness`, `loop`, `memory`) whose name contains every word are run; `--peers` adds the libraries of peers.ts. Pin the process (`taskset -c 1`) for per-core figures.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { type BackendChoice, type Engine, openEngine } from 'keymill/engine';
import { CASES, caseName } from './cases.ts';
import { engineContenders, makeFixture, nodeContender } from './contenders.ts';
import { measureEndpoint } from './endpoint.ts';
import { type Measurement, measure } from './measure.ts';
import { peerContenders } from './peers.ts';
import { SCENARIOS, type ScenarioResult } from './scenarios.ts';
import { measureStore, type StoreMeasurement, serviceGroups } from './service.ts';

const { values: flags, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: 'string', default: '1' },
    backends: { type: 'string', default: 'native,wasm' },
    rounds: { type: 'string', default: '7' },
    'round-ms': { type: 'string', default: '60' },
    batch: { type: 'string', default: '1000' },
    peers: { type: 'boolean', default: false },
    json: { type: 'string', default: 'bench/results/latest.json' },
  },
});
const matches = (name: string): boolean => words.every((word) => name.toLowerCase().includes(word.toLowerCase()));
const options = { rounds: Number(flags.rounds), roundMs: Number(flags['round-ms']), maxBatch: Number(flags.batch) };

/** A round of the endpoint holds thousands of requests: that many of the others' rounds. */
const ENDPOINT_ROUND = 25;

const engines: [name: string, engine: Engine][] = [];
for (const backend of flags.backends.split(',')) {
  engines.push([backend, await openEngine({ backend: backend as BackendChoice, threads: Number(flags.threads) })]);
}
const machine = {
  cpu: os.cpus()[0]?.model.trim(),
  cpus: os.availableParallelism(),
  node: process.version,
  openssl: process.versions.openssl,
  threads: Number(flags.threads),
  engines: Object.fromEntries(engines.map(([name, { info }]) => [name, { ...info }])),
};
console.log(
  `${machine.cpu}, ${machine.cpus} processors; Node ${machine.node}, OpenSSL ${machine.openssl}; threads: ${machine.threads}`,
);

/** Sizes of stores to open and look keys up in. */
const STORE_KEYS = [1000, 10_000, 100_000] as const;

const pad = (text: string, width: number): string => text.padStart(width);
const printRow = ({ name, microseconds, operationsPerSecond, spread, ratio }: Measurement): void => {
  const columns = [
    pad(microseconds.toFixed(3), 12),
    pad(Math.round(operationsPerSecond).toLocaleString('en'), 14),
    pad(`±${(spread * 100).toFixed(0)} %`, 8),
    pad(`${ratio.toFixed(2)}x`, 10),
  ];
  console.log(`  ${name.padEnd(20)}${columns.join('')}`);
};

const results: { case: string; baseline: string; measurements: Measurement[] }[] = [];
for (const benchCase of CASES) {
  const name = caseName(benchCase);
  if (!matches(name)) continue;
  const fixture = makeFixture(benchCase);
  const contenders = [nodeContender(fixture)].filter((contender) => contender !== undefined);
  for (const [label, engine] of engines) contenders.push(...(await engineContenders(engine, fixture, label)));
  if (flags.peers) contenders.push(...(await peerContenders(fixture)));
  if (contenders.length === 0) continue;
  const measurements = await measure(contenders, options);
  console.log(`\n${name}${' '.repeat(Math.max(1, 22 - name.length))}     us/op         ops/s   spread   vs first`);
  measurements.forEach(printRow);
  results.push({ case: name, baseline: contenders[0]!.name, measurements });
}

for (const [label, engine] of engines) {
  const { groups, close } = await serviceGroups(engine);
  for (const { name, contenders } of groups) {
    if (!matches(name)) continue;
    const measurements = await measure(contenders, options);
    console.log(`\n${name} (${label})`);
    measurements.forEach(printRow);
    results.push({ case: `${name} (${label})`, baseline: contenders[0]!.name, measurements });
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
    const engine = { backend: label as BackendChoice, threads: Number(flags.threads) };
    const rounds = { rounds: options.rounds, roundMs: options.roundMs * ENDPOINT_ROUND };
    for (const result of await measureEndpoint({ engine, ...rounds })) noteScenario(label, result);
  }
}

mkdirSync(path.dirname(flags.json), { recursive: true });
writeFileSync(flags.json, `${JSON.stringify({ machine, options, results, stores, scenarios }, null, 2)}\n`);
console.log(`\n${results.length} cases; written to ${flags.json}`);
for (const [, engine] of engines) await engine.close();
