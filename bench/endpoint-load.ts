/**
 * The load of endpoint.ts, in a process of its own: requests signed beforehand, on raw sockets, so that it is the server that is
 * loaded. Each connection has one request under way at most.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import type { AccessKey } from 'keymill';
import { signedRequest } from '../test/support/server.ts';

export interface Target {
  readonly operation: string;
  readonly body: string;
}

export interface Task {
  readonly port: number;
  readonly accessKey: AccessKey;
  readonly target: Target;
  readonly connections: number;
  readonly durationMs: number;
  /** Requests a second, sent when they are due whatever became of those before; absent: as many as are answered. */
  readonly rate?: number;
}

export interface Load {
  readonly perSecond: number;
  /** From when a request was due to its answer. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const TICK_MS = 1;
const HEAD_END = Buffer.from('\r\n\r\n');

class Connection {
  readonly #socket: Socket;
  readonly #request: Buffer;
  readonly #answered: (connection: Connection, dueMs: number) => void;
  #pending: Buffer = Buffer.alloc(0);
  #dueMs = 0;

  constructor(socket: Socket, request: Buffer, answered: (connection: Connection, dueMs: number) => void) {
    this.#socket = socket;
    this.#request = request;
    this.#answered = answered;
    socket.setNoDelay(true).on('data', (chunk) => this.#take(chunk));
  }

  send(dueMs: number): void {
    this.#dueMs = dueMs;
    this.#socket.write(this.#request);
  }

  end(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    const text = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const headBytes = text.indexOf(HEAD_END) + HEAD_END.length;
    const head = text.toString('latin1', 0, headBytes);
    const bodyBytes = Number(/content-length: (\d+)/i.exec(head)?.[1]);
    if (headBytes < HEAD_END.length || text.length < headBytes + bodyBytes) {
      this.#pending = text;
      return;
    }
    if (!head.startsWith('HTTP/1.1 200')) throw new Error(text.toString());
    this.#pending = Buffer.alloc(0);
    this.#answered(this, this.#dueMs);
  }
}

async function load({ port, accessKey, target, connections, durationMs, rate }: Task): Promise<Load> {
  const request = signedRequest({ port, accessKey }, target.operation, target.body, { connection: 'keep-alive' });
  const latenciesMs: number[] = [];
  const idle: Connection[] = [];
  const due: number[] = [];
  let isOver = false;
  const answered = (connection: Connection, dueMs: number) => {
    const nowMs = performance.now();
    latenciesMs.push(nowMs - dueMs);
    const next = rate === undefined && !isOver ? nowMs : due.shift();
    if (next === undefined) idle.push(connection);
    else connection.send(next);
  };
  for (let i = 0; i < connections; i++) {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    idle.push(new Connection(socket, request, answered));
  }
  const startMs = performance.now();
  const endMs = startMs + durationMs;
  if (rate === undefined) {
    for (const connection of idle.splice(0)) connection.send(performance.now());
    await setTimeout(durationMs);
  } else {
    let issued = 0;
    for (let nowMs = startMs; nowMs < endMs; nowMs = performance.now()) {
      for (; issued < ((nowMs - startMs) / 1000) * rate; issued++) due.push(startMs + (issued / rate) * 1000);
      while (due.length > 0 && idle.length > 0) idle.pop()!.send(due.shift()!);
      await setTimeout(TICK_MS);
    }
  }
  const elapsedMs = performance.now() - startMs;
  const perSecond = (latenciesMs.length / elapsedMs) * 1000;
  isOver = true;
  while (idle.length < connections || due.length > 0) await setTimeout(TICK_MS);
  for (const connection of idle) connection.end();
  const sorted = Float64Array.from(latenciesMs).sort();
  const quantile = (fraction: number) => sorted[Math.floor((sorted.length - 1) * fraction)]!;
  return { perSecond, p50Ms: quantile(0.5), p99Ms: quantile(0.99) };
}

process.on('message', async (task: Task) => process.send!(await load(task)));
