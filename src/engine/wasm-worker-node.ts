/** The entry of a worker_threads worker: see wasm-worker.ts. */
import { parentPort } from 'node:worker_threads';
import { buffersOf, type WorkerRequest } from './wasm-messages.ts';
import { startWasmWorker } from './wasm-worker.ts';

const answer = startWasmWorker();
parentPort!.on('message', (request: WorkerRequest) => {
  const reply = answer(request);
  if (reply !== undefined) parentPort!.postMessage(reply, buffersOf(reply));
});
