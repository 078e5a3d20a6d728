/** `keymill serve`: a service and its endpoint until SIGTERM or SIGINT. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { Keymill, StartError } from '../kms/index.ts';
import { createServer, type KmsServer, type Log, type TlsOptions } from '../server/index.ts';
import { exportLines } from './credentials.ts';

export interface ServeOptions {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly region?: string;
  readonly account?: string;
  readonly seed?: string;
  readonly auth: 'sigv4' | 'none';
  readonly authNoneReach: 'loopback' | 'network';
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsClientCa?: string;
  readonly backend?: 'auto' | 'native' | 'wasm';
  readonly threads?: number;
  readonly logLevel: string;
  readonly version: string;
}

const STANDARD_ERROR = 2;

/** Resolves when the endpoint listens. A signal ends it: what is in flight is answered, then everything is closed. */
export async function serve(options: ServeOptions): Promise<void> {
  requireReach(options);
  const tls = tlsOf(options);
  // Written at once: a line that waits in a buffer is lost when the process dies, which is when it matters.
  const log = pino({ level: options.logLevel }, pino.destination({ dest: STANDARD_ERROR, sync: true }));
  const { path, account: accountId, seed, backend, threads, auth } = options;
  const isAnyRegion = options.region === 'any';
  const kms = await Keymill.open({
    path,
    region: isAnyRegion ? undefined : options.region,
    accountId,
    seed,
    backend,
    threads,
  });
  const server = createServer(kms, { auth, tls, log, region: isAnyRegion ? 'any' : undefined });
  try {
    const url = await listen(server, options);
    await introduce(kms, options, url);
    // Before anybody is told that it is ready: whoever starts it may stop it at once.
    stopOnSignal(kms, server, log);
    log.info({ url, backend: kms.engineInfo.backend, auth }, 'ready');
    console.log(`keymill is ready on ${url}`);
  } catch (error) {
    server.close();
    await kms.close();
    throw error;
  }
}

/** The first signal drains; a second one waits for no client any more. */
function stopOnSignal(kms: Keymill, server: KmsServer, log: Log): void {
  let isStopping = false;
  const stop = async (signal: string) => {
    if (isStopping) {
      server.closeAllConnections();
      return;
    }
    isStopping = true;
    log.info({ signal }, 'draining');
    await server.drain();
    await kms.close();
    log.info({}, 'stopped');
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop);
}

/** The URL, once the server listens. @throws StartError where the port is taken */
async function listen(server: KmsServer, { host, port, tlsCert }: ServeOptions): Promise<string> {
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new StartError(`port ${port} is taken: choose another with --port`, { cause: error });
  }
  const scheme = tlsCert === undefined ? 'http' : 'https';
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`;
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/;

/** Whoever turns authentication off for a test should not open it to the network by a second slip. @throws StartError */
function requireReach({ auth, authNoneReach, host }: ServeOptions): void {
  if (auth === 'none' && authNoneReach === 'loopback' && !LOOPBACK.test(host)) {
    throw new StartError(
      `--auth none on ${host} would let anybody who reaches it use and delete every key: listen on 127.0.0.1, or say --auth-none-reach network as well`,
    );
  }
}

/** @throws StartError where only half of what is needed is given, or a file cannot be read */
function tlsOf({ tlsCert, tlsKey, tlsClientCa }: ServeOptions): TlsOptions | undefined {
  if (tlsCert === undefined && tlsKey === undefined && tlsClientCa === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new StartError('HTTPS needs both --tls-cert and --tls-key');
  }
  const clientCa = tlsClientCa === undefined ? undefined : readFileSync(tlsClientCa);
  return { cert: readFileSync(tlsCert), key: readFileSync(tlsKey), clientCa };
}

/** What runs, and how to call it. The secret is shown at the first start only. */
async function introduce(kms: Keymill, { path, auth, host, version }: ServeOptions, url: string): Promise<void> {
  const { backend, openssl, fallbackReason } = kms.engineInfo;
  const library = openssl === undefined ? '' : `, ${openssl}`;
  console.log(
    `keymill ${version}: ${backend} backend${library}, store ${path}, region ${kms.region}, account ${kms.accountId}`,
  );
  if (fallbackReason !== undefined) console.log(`The native backend does not run: ${fallbackReason}`);
  if (auth === 'none') {
    console.error(`WARNING: --auth none: whoever reaches ${host} may use and delete every key. For tests only.`);
    return;
  }
  const [oldest] = await kms.accessKeys.list();
  if (oldest === undefined) {
    console.log('First start: an access key was made. Paste this before calling the endpoint:\n');
    for (const line of exportLines(await kms.accessKeys.create(), kms.region, url)) console.log(`  ${line}`);
    console.log('');
  } else {
    console.log(`Access key ${oldest.accessKeyId}; see its secret with: keymill credentials --path ${path}`);
  }
}
