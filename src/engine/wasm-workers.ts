/**
 * The worker threads of one WASM backend: started when first needed, given one block at a time, unreferenced while idle. A worker that
 * cannot be started or dies is not replaced; its block is handed back to be run elsewhere. Knows blocks as bytes and keys as handles.
 */
import type { KeyHandle } from './backend.ts';
import type { WasmModule } from './wasm-instance.ts';
import { buffersOf, type WorkerReply, type WorkerRequest } from './wasm-messages.ts';

/** A thread as its runtime provides it. */
export interface WorkerThread {
  post(request: WorkerRequest, transfer: readonly ArrayBuffer[]): void;
  /** Whether the thread keeps the process alive. */
  hold(isHeld: boolean): void;
  terminate(): void;
}

/** Starts a thread that runs startWasmWorker (wasm-worker.ts). Throws where there can be none; `died` may be called more than once. */
export type StartThread = (events: { onReply: (reply: WorkerReply) => void; onDied: () => void }) => WorkerThread;

/** A worker forgets the keys it was given first beyond so many: with what is prepared of them they take memory, once a worker. */
const MAX_KEYS = 4096;

/** What came of a block: undefined where the worker did not run it. */
type OnRan = (ran: Extract<WorkerReply, { kind: 'ran' }> | undefined) => void;

/** One worker, from the outside. */
export class WasmWorker {
  /** The generation of the key it has at each slot, in the order they were given: open ones that its blocks named. */
  readonly keys = new Map<number, number>();
  readonly #thread: WorkerThread;
  readonly #onGone: (worker: WasmWorker, isBroken: boolean) => void;
  #onRan: OnRan | undefined;
  #onClosed: (() => void) | undefined;
  #isGone = false;

  /** Throws where no thread can be started. `onGone` is called once the worker takes no more blocks; `isBroken`: others would fare no better. */
  constructor(start: StartThread, module: WasmModule, onGone: (worker: WasmWorker, isBroken: boolean) => void) {
    this.#onGone = onGone;
    this.#thread = start({ onReply: (reply) => this.#replied(reply), onDied: () => this.#leave(true) });
    this.#thread.hold(false);
    try {
      this.#thread.post({ kind: 'open', module }, []);
    } catch (error) {
      this.#thread.terminate();
      throw error;
    }
  }

  get isIdle(): boolean {
    return this.#onRan === undefined && !this.#isGone;
  }

  run(request: Extract<WorkerRequest, { kind: 'run' }>, onRan: OnRan): void {
    this.#onRan = onRan;
    this.#thread.hold(true);
    this.#post(request);
  }

  forget(handle: KeyHandle): void {
    if (this.keys.get(handle.slot) !== handle.generation) return;
    this.keys.delete(handle.slot);
    this.#post({ kind: 'forget', handle });
  }

  /** Resolves when it has wiped its keys and ended. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#onClosed = resolve;
      this.#thread.hold(true);
      this.#post({ kind: 'close' });
      if (this.#isGone) resolve();
    });
  }

  #post(request: WorkerRequest): void {
    if (this.#isGone) return;
    try {
      this.#thread.post(request, buffersOf(request));
    } catch {
      for (const buffer of buffersOf(request)) if (buffer.byteLength > 0) new Uint8Array(buffer).fill(0);
      this.#leave(true);
    }
  }

  #replied(reply: WorkerReply): void {
    if (this.#isGone) return;
    if (reply.kind !== 'ran') {
      // Closed; or out of memory, which a new worker would have again.
      this.#leave(false);
      return;
    }
    for (const [slot, generation] of this.keys) {
      if (this.keys.size <= MAX_KEYS) break;
      this.forget({ slot, generation });
    }
    this.#thread.hold(false);
    this.#finish(reply);
  }

  #finish(ran: Parameters<OnRan>[0]): void {
    const onRan = this.#onRan;
    this.#onRan = undefined;
    onRan?.(ran);
  }

  #leave(isBroken: boolean): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#thread.terminate();
    this.#onGone(this, isBroken);
    this.#onClosed?.();
    // Not from inside `run`, whose caller does not expect an answer yet.
    queueMicrotask(() => this.#finish(undefined));
  }
}

export class WasmWorkers {
  readonly #start: StartThread;
  readonly #module: WasmModule;
  readonly #workers = new Set<WasmWorker>();
  #capacity: number;

  constructor(start: StartThread, module: WasmModule, threads: number) {
    this.#start = start;
    this.#module = module;
    this.#capacity = threads;
  }

  /** Whether there are no workers and none can be had. */
  get isExhausted(): boolean {
    return this.#capacity === 0;
  }

  /** A worker with nothing to do; undefined where all are busy or none can be had. */
  idle(): WasmWorker | undefined {
    for (const worker of this.#workers) if (worker.isIdle) return worker;
    return this.#workers.size < this.#capacity ? this.#add() : undefined;
  }

  /** A key was closed: blocks sent from now on must not find it. */
  forget(handle: KeyHandle): void {
    for (const worker of this.#workers) worker.forget(handle);
  }

  /** Wipes every worker's keys and ends it. None must be running a block. */
  async close(): Promise<void> {
    this.#capacity = 0;
    await Promise.all([...this.#workers].map((worker) => worker.close()));
  }

  #add(): WasmWorker | undefined {
    try {
      const worker = new WasmWorker(this.#start, this.#module, (gone, isBroken) => {
        if (this.#workers.delete(gone) && isBroken && this.#capacity > 0) this.#capacity--;
      });
      this.#workers.add(worker);
      return worker;
    } catch {
      this.#capacity = this.#workers.size;
      return undefined;
    }
  }
}
