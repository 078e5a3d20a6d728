/**
 * The endpoint against a bare node:http server that parses the same JSON, verifies the same SigV4 and answers a constant. Each
 * server and the load have a process of their own; the servers take turns in each round, and ratios are of the same round.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { KeymillOptions } from 'keymill';
import { quantile } from '../src/bench/index.ts';
import type { Load, Target, Task } from './endpoint-load.ts';
import type { Listening } from './endpoint-server.ts';
import type { ScenarioResult } from './scenarios.ts';

export interface EndpointOptions {
  readonly engine: Pick<KeymillOptions, 'backend' | 'threads'>;
  readonly rounds: number;
  /** How long one server is loaded in one round. */
  readonly roundMs: number;
}

const CONNECTIONS = 32;
const NAMES = ['bare', 'keymill'] as const;

const start = (file: string, ...args: string[]): ChildProcess => fork(join(import.meta.dirname, file), args);

/** What a process says next. @throws Error where it ends instead */
async function saidBy<Said>(child: ChildProcess): Promise<Said> {
  const ended = new AbortController();
  const exit = once(child, 'exit', { signal: ended.signal }).then(([code]) => {
    throw new Error(`a process of the bench ended with ${code}`);
  });
  const [said] = await Promise.race([once(child, 'message', { signal: ended.signal }), exit]);
  ended.abort();
  exit.catch(() => {});
  return said as Said;
}

const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Throughput of both under as much load as they take, then the latency of both at half of what the bare server took. */
export async function measureEndpoint({ engine, rounds, roundMs }: EndpointOptions): Promise<ScenarioResult[]> {
  const servers = NAMES.map((name) => start('endpoint-server.js', name, JSON.stringify(engine)));
  const loader = start('endpoint-load.js');
  try {
    const listening = await Promise.all(servers.map((server) => saidBy<Listening>(server)));
    const load = (server: Listening, name: string, rate?: number): Promise<Load> => {
      const { port, accessKey, targets } = server;
      const target: Target = targets[name]!;
      const task: Task = { port, accessKey, target, connections: CONNECTIONS, durationMs: roundMs };
      loader.send(rate === undefined ? task : { ...task, rate });
      return saidBy<Load>(loader);
    };
    /** Both servers in each of the rounds, in turns. */
    const inRounds = async (name: string, rate?: number): Promise<[bare: Load, keymill: Load][]> => {
      const loads: [Load, Load][] = [];
      for (let round = 0; round < rounds; round++) {
        const bare = await load(listening[0]!, name, rate);
        loads.push([bare, await load(listening[1]!, name, rate)]);
      }
      return loads;
    };
    const results: ScenarioResult[] = [];
    for (const name of Object.keys(listening[0]!.targets)) {
      for (const server of listening) await load(server, name);
      const full = await inRounds(name);
      const rate = median(full.map(([bare]) => bare.perSecond)) / 2;
      const half = await inRounds(name, rate);
      const result = (what: string, value: number, unit: string) =>
        results.push({ name: `${name} over HTTP: ${what}`, value, unit });
      result('throughput', median(full.map(([, keymill]) => keymill.perSecond)), 'requests/s');
      result('of the bare server', median(full.map(([bare, keymill]) => keymill.perSecond / bare.perSecond)), 'x');
      result('p99 at half of its rate', median(half.map(([, keymill]) => keymill.p99Ms)), 'ms');
      result('to the bare server there', median(half.map(([bare, keymill]) => keymill.p99Ms / bare.p99Ms)), 'x');
    }
    return results;
  } finally {
    for (const server of servers) server.disconnect();
    loader.disconnect();
  }
}
