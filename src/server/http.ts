/** The endpoint on node:http: reads a request, authenticates it, hands its body to the operation, writes the answer. */
import { randomUUID } from 'node:crypto';
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type Keymill, KmsError } from '../kms/index.ts';
import { type Credential, createAuthenticator } from './authenticate.ts';
import { Bodies } from './body.ts';
import { wipe } from './encode.ts';
import { CONTENT_TYPE, callOf, errorAnswer, type WireAnswer } from './wire.ts';

export interface ServerOptions {
  /** The credential of an access key id. Default: the service's own access keys. */
  readonly credential?: ((accessKeyId: string) => Promise<Credential | undefined>) | undefined;
  /** For tests. Default: the system's clock. */
  readonly clock?: (() => Date) | undefined;
}

/** A slow or silent client gives its connection back; KMS requests are a few kilobytes. */
const TIMEOUTS = { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 65_000 } as const;

/**
 * A server for the AWS KMS protocol on `kms`; you call `listen` and `close`. Every request must carry a valid SigV4 signature
 * for service `kms` in the service's region.
 */
export function createServer(kms: Keymill, options: ServerOptions = {}): Server {
  const bodies = new Bodies();
  const authenticate = createAuthenticator({
    region: kms.region,
    service: 'kms',
    credential: options.credential ?? ((accessKeyId) => kms.accessKeys.find(accessKeyId)),
    clock: options.clock,
  });

  async function handle(request: IncomingMessage): Promise<WireAnswer> {
    const call = callOf(request.headers['x-amz-target'] as string | undefined);
    let body: Uint8Array | undefined;
    try {
      body = await bodies.read(request, call.maxBodyBytes);
      if (request.method !== 'POST' || request.url !== '/') return { ...errorAnswer(UNKNOWN), status: 404 };
      const headers = pairs(request.rawHeaders);
      const principal = await authenticate({ method: 'POST', path: '/', query: '', headers, body });
      return await call.answer(kms.as({ principal }), body);
    } catch (error) {
      return errorAnswer(error);
    } finally {
      if (body !== undefined) bodies.release(body.length);
    }
  }

  return createHttpServer(TIMEOUTS, (request, response) => {
    handle(request).then(
      (result) => write(response, result, request.complete),
      // Nothing above rejects; if a write fails the connection is of no use any more.
      () => response.destroy(),
    );
  });
}

const UNKNOWN = new KmsError('UnknownOperationException');

/** rawHeaders holds names and values by turns, every duplicate included. */
function pairs(rawHeaders: readonly string[]): (readonly [string, string])[] {
  const result: (readonly [string, string])[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) result.push([rawHeaders[i]!, rawHeaders[i + 1]!]);
  return result;
}

function write(response: ServerResponse, { status, body }: WireAnswer, bodyWasRead: boolean): void {
  if (typeof body !== 'string') {
    // Emitted when everything was handed to the operating system, or the connection is gone.
    response.once('close', () => wipe(body));
  }
  if (response.destroyed) {
    wipe(body);
    return;
  }
  response.writeHead(status, {
    'x-amzn-RequestId': randomUUID(),
    'Content-Type': CONTENT_TYPE,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    // What is left of an unread body cannot be told from the next request.
    ...(bodyWasRead ? {} : { Connection: 'close' }),
  });
  response.end(body);
}
