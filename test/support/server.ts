/** The endpoint on a port of its own, and calls to it over raw sockets: signed, or exactly these bytes. */
import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import type { AccessKey, Keymill } from 'keymill';
import { createServer, type KmsServer, type ServerOptions } from 'keymill/server';
import { openInMemory } from './kms-service.ts';
import { sign } from './server-signer.ts';

export interface TestServer {
  readonly kms: Keymill;
  readonly server: KmsServer;
  readonly port: number;
  readonly url: string;
  readonly accessKey: AccessKey;
}

/** What a signed call must know. */
export interface Endpoint {
  readonly port: number;
  readonly accessKey: Pick<AccessKey, 'accessKeyId' | 'secretAccessKey'>;
}

/** A service in memory with an access key, served on loopback; both end with the test or suite. */
export async function startServer(
  context: Pick<TestContext, 'after'>,
  options: ServerOptions = {},
): Promise<TestServer> {
  const closers: (() => unknown)[] = [];
  const kms = await openInMemory({ after: (closer) => closers.push(closer as () => unknown) });
  const accessKey = await kms.accessKeys.create();
  const server = createServer(kms, options);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(async () => {
    server.close();
    server.closeAllConnections();
    for (const closer of closers) await closer();
  });
  const { port } = server.address() as AddressInfo;
  return { kms, server, port, url: `http://127.0.0.1:${port}`, accessKey };
}

export interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

export interface CallOptions {
  readonly requestLine?: string;
  /** Lines that the signature does not cover. */
  readonly extraHeaders?: readonly string[];
  readonly signedHeaders?: readonly (readonly [name: string, value: string])[];
  /** In place of `TrentService.` and the operation; undefined for none. */
  readonly target?: string | undefined;
  /** Sent in place of the signed body. */
  readonly body?: string | Uint8Array;
  readonly region?: string;
  readonly accessKey?: Endpoint['accessKey'];
}

/** A signed request as bytes. */
export function signedRequest(
  { port, accessKey }: Endpoint,
  operation: string,
  body: string | Uint8Array,
  options: CallOptions & { readonly connection?: 'close' | 'keep-alive' } = {},
): Buffer {
  const target = 'target' in options ? options.target : `TrentService.${operation}`;
  const { accessKeyId, secretAccessKey } = options.accessKey ?? accessKey;
  const request = sign({
    accessKeyId,
    secretAccessKey,
    ...(options.region === undefined ? {} : { region: options.region }),
    date: new Date(),
    headers: [
      ['Host', `127.0.0.1:${port}`],
      ['Content-Type', 'application/x-amz-json-1.1'],
      ...(target === undefined ? [] : [['X-Amz-Target', target] as const]),
      ...(options.signedHeaders ?? []),
    ],
    body,
  });
  const sent = Buffer.from(options.body ?? body);
  const lines = [
    options.requestLine ?? 'POST / HTTP/1.1',
    ...request.headers.map(([name, value]) => `${name}: ${value}`),
    ...(options.extraHeaders ?? []),
    `Content-Length: ${sent.length}`,
    `Connection: ${options.connection ?? 'close'}`,
  ];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), sent]);
}

/** A signed call on a connection of its own. */
export async function call(
  server: Endpoint,
  operation: string,
  body: string | Uint8Array,
  options: CallOptions = {},
): Promise<Answer> {
  return parseAnswer(await exchange(server.port, signedRequest(server, operation, body, options)));
}

/** Sends exactly these bytes and reads until the server closes the connection. */
export async function exchange(port: number, text: string | Uint8Array): Promise<string> {
  const socket = open(port);
  socket.write(text);
  return readToEnd(socket);
}

/** A connection that a server may break without failing the test. */
export function open(port: number): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  return socket;
}

/** All that comes until the other side closes. */
export async function readToEnd(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  await once(socket, 'close');
  return Buffer.concat(chunks).toString('utf8');
}

export function parseAnswer(text: string): Answer {
  const [head = '', ...body] = text.split('\r\n\r\n');
  const [statusLine = '', ...lines] = head.split('\r\n');
  return {
    status: Number(statusLine.split(' ')[1]),
    headers: new Map(lines.map((line) => [line.split(': ')[0]!.toLowerCase(), line.split(': ')[1]!])),
    body: body.join('\r\n\r\n'),
  };
}

/** Status and AWS error type. */
export const errorOf = ({ status, body }: Answer): readonly [number, string] => [status, JSON.parse(body).__type];
