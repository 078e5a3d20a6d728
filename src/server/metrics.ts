/** What the endpoint counts, and the table of metrics it shows. Text format: Prometheus exposition format 0.0.4. */
import type { KeymillStats } from '../kms/index.ts';

export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Upper bounds of the latency buckets, in seconds. */
const BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Requests for one operation. */
class OperationCounts {
  readonly byError = new Map<string, number>();
  readonly buckets = new Float64Array(BUCKETS.length + 1);
  seconds = 0;

  add(error: string, seconds: number): void {
    this.byError.set(error, (this.byError.get(error) ?? 0) + 1);
    let bucket = 0;
    while (bucket < BUCKETS.length && seconds > BUCKETS[bucket]!) bucket++;
    this.buckets[bucket]! += 1;
    this.seconds += seconds;
  }
}

/** Counters since the endpoint was made. */
export class Counts {
  inFlight = 0;
  readonly operations = new Map<string, OperationCounts>();
  readonly refused = new Map<string, number>();

  /** One request has been answered. `operation` and `error` must come from fixed sets: each pair is kept for good. */
  answered(operation: string, error: string | undefined, seconds: number): void {
    let counts = this.operations.get(operation);
    if (counts === undefined) {
      counts = new OperationCounts();
      this.operations.set(operation, counts);
    }
    counts.add(error ?? 'none', seconds);
  }

  /** A connection was refused before it became a request. */
  refuse(reason: string): void {
    this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1);
  }
}

/** What the table reads. */
interface Reading {
  readonly counts: Counts;
  readonly stats: KeymillStats;
  readonly connections: number;
}

interface Sample {
  readonly suffix?: '_bucket' | '_sum' | '_count';
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

interface Metric {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly samples: (reading: Reading) => readonly Sample[];
}

const METRICS: readonly Metric[] = [
  {
    name: 'keymill_requests_total',
    type: 'counter',
    help: 'Requests answered, by operation and error type.',
    samples: ({ counts }) =>
      [...counts.operations].flatMap(([operation, { byError }]) =>
        [...byError].map(([error, value]) => ({ labels: { operation, error }, value })),
      ),
  },
  {
    name: 'keymill_request_duration_seconds',
    type: 'histogram',
    help: 'From the end of the request headers to the answer, by operation.',
    samples: ({ counts }) =>
      [...counts.operations].flatMap(([operation, { buckets, seconds }]) =>
        histogram([...BUCKETS, Number.POSITIVE_INFINITY], [...buckets], seconds, { operation }),
      ),
  },
  {
    name: 'keymill_requests_in_flight',
    type: 'gauge',
    help: 'Requests received and not answered yet.',
    samples: ({ counts }) => [{ value: counts.inFlight }],
  },
  {
    name: 'keymill_connections',
    type: 'gauge',
    help: 'Open connections.',
    samples: ({ connections }) => [{ value: connections }],
  },
  {
    name: 'keymill_refused_total',
    type: 'counter',
    help: 'Connections refused before there was a request, by reason.',
    samples: ({ counts }) => [...counts.refused].map(([reason, value]) => ({ labels: { reason }, value })),
  },
  {
    name: 'keymill_engine_queue_operations',
    type: 'gauge',
    help: 'Operations in the engine: waiting for a batch to run, and running.',
    samples: ({ stats: { engine } }) => [
      { labels: { state: 'queued' }, value: engine.queued },
      { labels: { state: 'running' }, value: engine.running },
    ],
  },
  {
    name: 'keymill_engine_queue_bytes',
    type: 'gauge',
    help: 'Memory of the batches that wait or run.',
    samples: ({ stats: { engine } }) => [{ value: engine.queuedBytes }],
  },
  {
    name: 'keymill_engine_operations_total',
    type: 'counter',
    help: 'Operations of the engine, by outcome.',
    samples: ({ stats: { engine } }) => [
      { labels: { outcome: 'succeeded' }, value: engine.done - engine.failed },
      { labels: { outcome: 'failed' }, value: engine.failed },
      { labels: { outcome: 'refused' }, value: engine.refused },
    ],
  },
  {
    name: 'keymill_engine_batch_operations',
    type: 'histogram',
    help: 'Operations in a batch of the engine.',
    samples: ({ stats: { engine } }) => {
      const bounds = Object.keys(engine.batchSizes).map(Number);
      return histogram(
        [...bounds, Number.POSITIVE_INFINITY],
        [...Object.values(engine.batchSizes), 0],
        engine.done,
        {},
      );
    },
  },
  {
    name: 'keymill_keys',
    type: 'gauge',
    help: 'Keys in the store, by state.',
    samples: ({ stats: { keysByState } }) => [...keysByState].map(([state, value]) => ({ labels: { state }, value })),
  },
  {
    name: 'process_resident_memory_bytes',
    type: 'gauge',
    help: 'Resident memory.',
    samples: () => [{ value: process.memoryUsage.rss() }],
  },
];

/** `counts[i]` is what fell below `bounds[i]` and not below the one before; the last bound is infinite. */
function histogram(
  bounds: readonly number[],
  counts: readonly number[],
  sum: number,
  labels: Readonly<Record<string, string>>,
): readonly Sample[] {
  let total = 0;
  const buckets = bounds.map((bound, index) => {
    total += counts[index]!;
    return {
      suffix: '_bucket',
      labels: { ...labels, le: bound === Number.POSITIVE_INFINITY ? '+Inf' : String(bound) },
      value: total,
    } as const;
  });
  return [...buckets, { suffix: '_sum', labels, value: sum }, { suffix: '_count', labels, value: total }];
}

/** Every metric as text. */
export function metricsText(reading: Reading): string {
  return METRICS.map(({ name, type, help, samples }) => {
    const lines = samples(reading).map(
      ({ suffix = '', labels = {}, value }) => `${name}${suffix}${labelText(labels)} ${value}\n`,
    );
    return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
  }).join('');
}

/** Values come from tables of ours and need no escape. */
function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
