/** `keymill serve`: a service and its endpoint until SIGTERM or SIGINT. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Keymill } from '../kms/index.ts';
import { createServer } from '../server/index.ts';
import { exportLines } from './credentials.ts';

export interface ServeOptions {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly region?: string;
  readonly account?: string;
  readonly backend?: 'auto' | 'native' | 'wasm';
  readonly threads?: number;
  readonly version: string;
}

const DRAIN_SWEEP_MS = 50;
/** How long a client may take to finish its request after a signal. */
const DRAIN_LIMIT_MS = 10_000;

/** Resolves when the endpoint listens. A signal ends it: what is in flight is answered, then everything is closed. */
export async function serve(options: ServeOptions): Promise<void> {
  const { path, region, account: accountId, backend, threads } = options;
  const kms = await Keymill.open({ path, region, accountId, backend, threads });
  const server = createServer(kms);
  let port: number;
  try {
    server.listen(options.port, options.host);
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
    const url = `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`;
    await introduce(kms, options, url);
    console.log(`keymill is ready on ${url}`);
  } catch (error) {
    server.close();
    await kms.close();
    throw (error as { code?: string }).code === 'EADDRINUSE'
      ? Object.assign(new Error(`port ${options.port} is taken: choose another with --port`), { code: 'EADDRINUSE' })
      : error;
  }

  let stopping = false;
  const stop = async () => {
    if (stopping) return;
    stopping = true;
    const closed = once(server, 'close');
    server.close();
    // A kept-alive connection turns idle when its answer is out, and would stay for as long as the client likes.
    const sweep = setInterval(() => server.closeIdleConnections(), DRAIN_SWEEP_MS);
    const giveUp = setTimeout(() => server.closeAllConnections(), DRAIN_LIMIT_MS);
    server.closeIdleConnections();
    await closed;
    clearInterval(sweep);
    clearTimeout(giveUp);
    await kms.close();
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop);
}

/** What runs, and how to call it. The secret is shown at the first start only. */
async function introduce(kms: Keymill, { path, version }: ServeOptions, url: string): Promise<void> {
  const { backend, openssl, fallbackReason } = kms.engineInfo;
  const library = openssl === undefined ? '' : `, ${openssl}`;
  console.log(
    `keymill ${version}: ${backend} backend${library}, store ${path}, region ${kms.region}, account ${kms.accountId}`,
  );
  if (fallbackReason !== undefined) console.log(`The native backend does not run: ${fallbackReason}`);
  const [oldest] = await kms.accessKeys.list();
  if (oldest === undefined) {
    console.log('First start: an access key was made. Paste this before calling the endpoint:\n');
    for (const line of exportLines(await kms.accessKeys.create(), kms.region, url)) console.log(`  ${line}`);
    console.log('');
  } else {
    console.log(`Access key ${oldest.accessKeyId}; see its secret with: keymill credentials --path ${path}`);
  }
}
