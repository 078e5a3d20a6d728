/** What is asked with GET and without a signature: whether the endpoint lives, whether it can work, what it has counted. */
import type { Keymill } from '../kms/index.ts';
import { type Counts, METRICS_CONTENT_TYPE, metricsText } from './metrics.ts';

export interface ProbeAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** What a probe looks at. */
export interface Subject {
  readonly kms: Keymill;
  readonly counts: Counts;
  isDraining(): boolean;
  connections(): Promise<number>;
}

type Probe = (subject: Subject) => Promise<ProbeAnswer>;

const json = (status: number, value: object): ProbeAnswer => ({
  status,
  contentType: 'application/json',
  body: JSON.stringify(value),
});

export const PROBES: ReadonlyMap<string, Probe> = new Map<string, Probe>([
  ['/health', async () => json(200, { status: 'alive' })],
  [
    '/ready',
    async ({ kms, isDraining }) => {
      if (isDraining()) return json(503, { status: 'draining' });
      try {
        await kms.listKeys({ Limit: 1 });
        return json(200, { status: 'ready' });
      } catch {
        return json(503, { status: 'unavailable' });
      }
    },
  ],
  [
    '/metrics',
    async ({ kms, counts, connections }) => {
      const reading = { counts, stats: await kms.stats(), connections: await connections() };
      return { status: 200, contentType: METRICS_CONTENT_TYPE, body: metricsText(reading) };
    },
  ],
]);
