/**
 * The door `keymill/engine` in a browser: the WASM backend, its module fetched, Web Workers for workers. Needs no bundler: every import is
 * relative, and the module and the worker lie where the package has them.
 */
import { type Engine, type EngineOptions, openEngineOn } from './engine.ts';
import { EngineError } from './errors.ts';
import { openWasmBackend } from './wasm-backend.ts';
import { compileModule, type WasmModule } from './wasm-instance.ts';
import type { WorkerReply, WorkerRequest } from './wasm-messages.ts';
import type { StartThread } from './wasm-workers.ts';

export * from './exports.ts';

/** The few names of the web used here; this project is not compiled against lib.dom. */
declare const navigator: { readonly hardwareConcurrency: number };
declare class Worker {
  constructor(url: URL, options: { type: 'module'; name: string });
  addEventListener(event: string, listener: (event: { readonly data: WorkerReply }) => void): void;
  postMessage(message: WorkerRequest, transfer: readonly ArrayBuffer[]): void;
  terminate(): void;
}

/**
 * Opens an engine on the WASM backend.
 * @throws {EngineError} INVALID_ARGUMENT for an option out of range, BACKEND_UNAVAILABLE where the module cannot be fetched or does not run,
 *   or the native backend is asked for by name.
 */
export async function openEngine(options: EngineOptions = {}): Promise<Engine> {
  const module = await loadModule();
  const platform = {
    openers: {
      native: () => {
        throw Object.assign(new Error('a browser has no native backend'), { code: 'NATIVE_ABSENT' });
      },
      wasm: (wasmOptions: Parameters<typeof openWasmBackend>[0]) =>
        openWasmBackend(wasmOptions, { module, startThread }),
    },
    environmentChoice: undefined,
    processors: navigator.hardwareConcurrency,
  };
  return openEngineOn(platform, options);
}

let loading: Promise<WasmModule> | undefined;

/** The compiled module, shared by all engines of this thread; a failed attempt is not remembered. */
function loadModule(): Promise<WasmModule> {
  loading ??= fetchModule().catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function fetchModule(): Promise<WasmModule> {
  const url = new URL('../../keymill.wasm', import.meta.url);
  let bytes: Uint8Array;
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${url.href}: ${response.status}`);
    bytes = new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    throw new EngineError('BACKEND_UNAVAILABLE', 'the WASM module cannot be fetched', { cause, retryable: true });
  }
  // At this size compiling while it streams gains nothing, and would need the server to know the media type.
  return compileModule(bytes);
}

const startThread: StartThread = ({ onReply, onDied }) => {
  const worker = new Worker(new URL('./wasm-worker-browser.js', import.meta.url), { type: 'module', name: 'keymill' });
  worker.addEventListener('message', ({ data }) => onReply(data));
  for (const event of ['error', 'messageerror']) worker.addEventListener(event, onDied);
  return {
    post: (request, transfer) => worker.postMessage(request, transfer),
    hold: () => {
      // A page does not wait for its workers.
    },
    terminate: () => worker.terminate(),
  };
};
