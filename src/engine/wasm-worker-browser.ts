/** The entry of a Web Worker: see wasm-worker.ts. */
import { buffersOf, type WorkerReply, type WorkerRequest } from './wasm-messages.ts';
import { startWasmWorker } from './wasm-worker.ts';

/** The worker's global scope; this project is not compiled against lib.webworker. */
declare const self: {
  addEventListener(event: 'message', listener: (event: { readonly data: WorkerRequest }) => void): void;
  postMessage(message: WorkerReply, transfer: readonly ArrayBuffer[]): void;
};

const answer = startWasmWorker();
self.addEventListener('message', ({ data }) => {
  const reply = answer(data);
  if (reply !== undefined) self.postMessage(reply, buffersOf(reply));
});
