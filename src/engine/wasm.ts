/**
 * The WASM backend in Node and what resembles it (Bun, Deno): the module from the file system, worker_threads for workers. Blocks and
 * keys are wasm-backend.ts's.
 */
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { Backend, BackendOptions } from './backend.ts';
import { EngineError } from './errors.ts';
import { openWasmBackend, type WasmHost, wasmSelfTestOf } from './wasm-backend.ts';
import { compileModule } from './wasm-instance.ts';
import type { StartThread } from './wasm-workers.ts';

/** Opens the WASM backend, as openWasmBackend says. @throws {EngineError} also BACKEND_UNAVAILABLE where the module is not built. */
export function openWasm(options: BackendOptions): Backend {
  return openWasmBackend(options, wasmHost());
}

/** Names of the known-answer tests that fail. With `fault` a bit of every answer is flipped, so that all must: for tests of the tests. */
export function wasmSelfTest(fault: boolean): string[] {
  return wasmSelfTestOf(wasmHost(), fault);
}

let host: WasmHost | undefined;

/** The compiled module, shared by all engines of this thread. */
export function wasmHost(): WasmHost {
  host ??= { module: compileModule(readModule()), startThread };
  return host;
}

function readModule(): Uint8Array {
  try {
    return readFileSync(new URL('../../keymill.wasm', import.meta.url));
  } catch (cause) {
    throw new EngineError('BACKEND_UNAVAILABLE', 'the WASM module is not built (npm run build:wasm)', { cause });
  }
}

const startThread: StartThread = ({ onReply, onDied }) => {
  // Loaders and hooks of the program (execArgv) are not the worker's, which imports this package only.
  const worker = new Worker(new URL('./wasm-worker-node.js', import.meta.url), { execArgv: [], name: 'keymill' });
  worker.on('message', onReply);
  for (const event of ['error', 'messageerror', 'exit']) worker.on(event, onDied);
  return {
    post: (request, transfer) => worker.postMessage(request, transfer),
    hold: (isHeld) => (isHeld ? worker.ref() : worker.unref()),
    terminate: () => void worker.terminate(),
  };
};
