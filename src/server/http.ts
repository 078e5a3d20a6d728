/** The endpoint on node:http: reads a request, authenticates it, hands its body to the operation, writes the answer. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { setTimeout } from 'node:timers/promises';
import { type Keymill, KmsError } from '../kms/index.ts';
import { type Credential, createAuthenticator, requireSingleHeaders } from './authenticate.ts';
import { Bodies } from './body.ts';
import { wipe } from './encode.ts';
import { type Log, SILENT } from './log.ts';
import { Counts } from './metrics.ts';
import { PROBES, type ProbeAnswer, type Subject } from './probes.ts';
import { refuseBrokenRequests } from './refuse.ts';
import { Turn } from './turn.ts';
import { type Call, CONTENT_TYPE, callOf, errorAnswer, type WireAnswer } from './wire.ts';

/** Options of `createServer`. Each may be left out. */
export interface ServerOptions {
  /** `none` takes any signature, or no signature, for the account's root: for tests, behind nothing that others reach. Default `sigv4`. */
  readonly auth?: 'sigv4' | 'none' | undefined;
  /** The region that signatures must name, or `any` for whichever they name. Default: the service's. */
  readonly region?: string | undefined;
  /** The credential of an access key id. Default: the service's own access keys. */
  readonly credential?: ((accessKeyId: string) => Promise<Credential | undefined>) | undefined;
  /** Serves HTTPS. Default: plain HTTP. */
  readonly tls?: TlsOptions | undefined;
  /** Default: nothing is logged. */
  readonly log?: Log | undefined;
  readonly timeouts?: Partial<Timeouts> | undefined;
  /** For tests. Default: the system's clock. */
  readonly clock?: (() => Date) | undefined;
}

/** PEM. */
export interface TlsOptions {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  /** Clients must present a certificate that one of these authorities signed. Default: none is asked for. */
  readonly clientCa?: string | Buffer | undefined;
}

/** A slow or silent client gives its connection back; KMS requests are a few kilobytes. */
export interface Timeouts {
  /** For the headers of a request, from its first byte (or the connection's). Default 10,000. */
  readonly headersMs: number;
  /** For a whole request. Default 30,000. */
  readonly requestMs: number;
  /** For the next request on a connection. Default 65,000: longer than load balancers wait. */
  readonly keepAliveMs: number;
  /** Without a byte either way, such as a client that reads no answer. Default 120,000. */
  readonly silenceMs: number;
}
const TIMEOUTS: Timeouts = { headersMs: 10_000, requestMs: 30_000, keepAliveMs: 65_000, silenceMs: 120_000 };
const MAX_HEADER_BYTES = 16 * 1024;

/** How long requests that were on their way when draining began are still read, to be refused rather than cut off. */
const DRAIN_GRACE_MS = 100;
/** How long a client may take to finish its request, and to read its answer, after that. */
const DRAIN_LIMIT_MS = 10_000;

/** A server of node:http, or of node:https with `tls`, that can also be drained. */
export type KmsServer = Server & {
  /**
   * Answers what is in flight, refuses what comes (503, and the connection closes), and resolves when every connection is closed;
   * those of clients that take more than 10 seconds are cut off.
   */
  drain(): Promise<void>;
};

/**
 * A server for the AWS KMS protocol on `kms`; you call `listen`, and `drain` or `close`. Every request must carry a valid SigV4
 * signature for service `kms`. GET /health, /ready and /metrics are answered without one.
 *
 * ```ts
 * import { Keymill } from 'keymill';
 * import { createServer } from 'keymill/server';
 *
 * const kms = await Keymill.open({ path: ':memory:' });
 * const server = createServer(kms, { region: 'any' });
 * server.listen(0, '127.0.0.1'); // 0: any free port
 * // …and when it is to end:
 * await server.drain();
 * await kms.close();
 * ```
 */
export function createServer(kms: Keymill, options: ServerOptions = {}): KmsServer {
  const endpoint = new Endpoint(kms, options);
  const server = listenerOf(options, (request, response) => endpoint.serve(request, response));
  endpoint.attach(server);
  return Object.assign(server, { drain: () => endpoint.drain() });
}

function listenerOf(
  { tls, timeouts }: ServerOptions,
  onRequest: (request: IncomingMessage, response: ServerResponse) => void,
): Server {
  const { headersMs, requestMs, keepAliveMs, silenceMs } = { ...TIMEOUTS, ...timeouts };
  const settings = {
    headersTimeout: headersMs,
    requestTimeout: requestMs,
    keepAliveTimeout: keepAliveMs,
    // Node looks at the first two that often: a limit is worth little if it holds only to the half minute.
    connectionsCheckingInterval: Math.min(1000, headersMs, requestMs),
    maxHeaderSize: MAX_HEADER_BYTES,
    // Whatever NODE_OPTIONS says.
    insecureHTTPParser: false,
  };
  const server =
    tls === undefined
      ? createHttpServer(settings, onRequest)
      : createHttpsServer(
          {
            ...settings,
            cert: tls.cert,
            key: tls.key,
            minVersion: 'TLSv1.2',
            handshakeTimeout: headersMs,
            ...(tls.clientCa === undefined ? {} : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: true }),
          },
          onRequest,
        );
  server.timeout = silenceMs;
  return server;
}

const UNKNOWN = new KmsError('UnknownOperationException');
const DRAINING = new KmsError('ServiceUnavailableException', 'This endpoint is about to stop.');

type Principal = (request: IncomingMessage, body: Uint8Array) => Promise<string | undefined>;

class Endpoint implements Subject {
  readonly kms: Keymill;
  readonly counts = new Counts();
  readonly #log: Log;
  readonly #principal: Principal;
  readonly #bodies = new Bodies();
  readonly #turn = new Turn();
  #server!: Server;
  #isDraining = false;

  constructor(kms: Keymill, options: ServerOptions) {
    this.kms = kms;
    this.#log = options.log ?? SILENT;
    this.#principal = principalOf(kms, options);
  }

  attach(server: Server): void {
    this.#server = server;
    refuseBrokenRequests(server, (reason) => {
      this.counts.refuse(reason);
      this.#log.debug({ reason }, 'connection refused');
    });
  }

  isDraining = (): boolean => this.#isDraining;

  connections = (): Promise<number> =>
    new Promise((resolve, reject) => {
      this.#server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
    });

  serve(request: IncomingMessage, response: ServerResponse): void {
    const probe = request.method === 'GET' ? PROBES.get(request.url ?? '') : undefined;
    if (probe !== undefined) {
      // A probe that fails has a broken store to blame, and whoever asks sees that the connection ends.
      probe(this).then(
        (answer) => this.#writeProbe(response, answer),
        () => response.destroy(),
      );
      return;
    }
    const startedMs = performance.now();
    const call = callOf(request.headers['x-amz-target'] as string | undefined);
    this.counts.inFlight++;
    this.#answer(request, call).then((answer) => {
      this.counts.inFlight--;
      const seconds = (performance.now() - startedMs) / 1000;
      this.counts.answered(call.operation, answer.error, seconds);
      const requestId = randomUUID();
      this.#note(answer, { requestId, operation: call.operation, status: answer.status, error: answer.error, seconds });
      this.#write(response, answer, requestId, request.complete);
    });
  }

  /** Never rejects. */
  async #answer(request: IncomingMessage, call: Call): Promise<WireAnswer> {
    if (this.#isDraining) return errorAnswer(DRAINING);
    let body: Uint8Array | undefined;
    try {
      body = await this.#bodies.read(request, call.maxBodyBytes);
      await this.#turn.end();
      if (request.method !== 'POST' || request.url !== '/') return { ...errorAnswer(UNKNOWN), status: 404 };
      const principal = await this.#principal(request, body);
      return await call.answer(principal === undefined ? this.kms : this.kms.as({ principal }), body);
    } catch (error) {
      return errorAnswer(error);
    } finally {
      if (body !== undefined) this.#bodies.release(body.length);
    }
  }

  #note({ cause }: WireAnswer, fields: object): void {
    if (cause === undefined) this.#log.debug(fields, 'request');
    else this.#log.error({ ...fields, cause: (cause as Error)?.stack ?? String(cause) }, 'request failed');
  }

  #write(response: ServerResponse, { status, body }: WireAnswer, requestId: string, bodyWasRead: boolean): void {
    if (response.destroyed) {
      wipe(body);
      return;
    }
    // Emitted when everything was handed to the operating system, or the connection is gone.
    if (typeof body !== 'string') response.once('close', () => wipe(body));
    // What is left of an unread body cannot be told from the next request.
    if (this.#isDraining || !bodyWasRead) response.shouldKeepAlive = false;
    response.writeHead(status, {
      'x-amzn-RequestId': requestId,
      'Content-Type': CONTENT_TYPE,
      'Content-Length': Buffer.byteLength(body),
      'Cache-Control': 'no-store',
    });
    response.end(body);
  }

  #writeProbe(response: ServerResponse, { status, contentType, body }: ProbeAnswer): void {
    if (this.#isDraining) response.shouldKeepAlive = false;
    response.writeHead(status, { 'Content-Type': contentType, 'Content-Length': Buffer.byteLength(body) });
    response.end(body);
  }

  async drain(): Promise<void> {
    this.#isDraining = true;
    await setTimeout(DRAIN_GRACE_MS);
    const closed = once(this.#server, 'close');
    // Closes idle connections as well; the others end with their answer.
    this.#server.close();
    const ended = new AbortController();
    const cutOff = setTimeout(DRAIN_LIMIT_MS, undefined, { signal: ended.signal }).then(
      () => this.#server.closeAllConnections(),
      () => {},
    );
    await closed;
    ended.abort();
    await cutOff;
  }
}

/** Checks what must hold even where nobody signs: a header that comes twice could be read differently by two readers. */
const nobody: Principal = async (request) => {
  requireSingleHeaders(pairs(request.rawHeaders));
  return undefined;
};

/** How `auth` says that callers are known. @throws TypeError for another word: what is misspelt must not decide who gets in */
function principalOf(kms: Keymill, options: ServerOptions): Principal {
  const { auth = 'sigv4' } = options;
  if (auth === 'sigv4') return signer(kms, options);
  if (auth === 'none') return nobody;
  throw new TypeError(`auth: expected 'sigv4' or 'none', got ${JSON.stringify(auth)}`);
}

function signer(kms: Keymill, options: ServerOptions): Principal {
  const authenticate = createAuthenticator({
    region: options.region ?? kms.region,
    service: 'kms',
    credential: options.credential ?? ((accessKeyId) => kms.accessKeys.find(accessKeyId)),
    clock: options.clock,
  });
  return (request, body) =>
    authenticate({ method: 'POST', path: '/', query: '', headers: pairs(request.rawHeaders), body });
}

/** rawHeaders holds names, as they were written, and values by turns, every duplicate included. */
function pairs(rawHeaders: readonly string[]): (readonly [string, string])[] {
  const result: (readonly [string, string])[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) result.push([rawHeaders[i]!.toLowerCase(), rawHeaders[i + 1]!]);
  return result;
}
