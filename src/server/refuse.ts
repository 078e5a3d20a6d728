/** Connections that send no request node:http would take: smuggling shapes, endless headers, nothing at all. Each gets its status and is closed. */
import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

interface Refusal {
  readonly status: number;
  /** As metrics and logs name it. */
  readonly reason: string;
}

const MALFORMED: Refusal = { status: 400, reason: 'malformed' };
const REFUSALS: Readonly<Record<string, Refusal>> = {
  HPE_HEADER_OVERFLOW: { status: 431, reason: 'headers-too-large' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { status: 413, reason: 'chunk-extensions-too-large' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, reason: 'timeout' },
};
/** The other side went away: nobody is there to be refused. */
const GONE: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE']);

export function refuseBrokenRequests(server: Server, note: (reason: string) => void): void {
  const answering = new WeakMap<Duplex, ServerResponse>();
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    answering.set(request.socket, response);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    const code = error.code ?? '';
    if (GONE.has(code)) {
      socket.destroy();
      return;
    }
    const { status, reason } = REFUSALS[code] ?? MALFORMED;
    note(reason);
    // Behind the beginning of another answer a status line would be part of that answer.
    const response = answering.get(socket);
    if (!socket.writable || (response?.headersSent && !response.writableFinished)) {
      socket.destroy();
      return;
    }
    const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`;
    socket.end(head, () => socket.destroy());
  });
  server.on('tlsClientError', () => note('tls'));
}
