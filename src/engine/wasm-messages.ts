/**
 * What crosses between the WASM backend and its workers. Every Uint8Array is transferred, so that a secret has one owner at a time, who
 * wipes it; none becomes a string. Messages arrive in the order sent, which is what makes a closed key's handle invalid in time.
 */
import type { KeyHandle } from './backend.ts';
import type { WasmModule } from './wasm-instance.ts';

/** Bytes that are handed over whole. */
type Bytes = Uint8Array<ArrayBuffer>;

/** A key the worker does not have yet, under the handle the block names it by. */
export interface CarriedKey {
  readonly handle: KeyHandle;
  readonly image: Bytes;
}

/** A key a record made: its handle in the block is the worker's, and is replaced at home. */
export interface MadeKey {
  /** The record's index. */
  readonly record: number;
  readonly image: Bytes;
}

export type WorkerRequest =
  | { readonly kind: 'open'; readonly module: WasmModule }
  /** Run a block; `forgotten` keys were closed after it was submitted, and go when it has run. */
  | {
      readonly kind: 'run';
      readonly block: Bytes;
      readonly carried: readonly CarriedKey[];
      readonly forgotten: readonly KeyHandle[];
    }
  | { readonly kind: 'forget'; readonly handle: KeyHandle }
  /** Wipe all keys. */
  | { readonly kind: 'close' };

export type WorkerReply =
  | { readonly kind: 'ran'; readonly block: Bytes; readonly made: readonly MadeKey[] }
  /** The worker has too little memory to run the block, which is untouched where it came from. */
  | { readonly kind: 'declined' }
  | { readonly kind: 'closed' };

/** The buffers of a message, to be moved instead of copied. */
export function buffersOf(message: WorkerRequest | WorkerReply): ArrayBuffer[] {
  if (message.kind === 'run') return [message.block.buffer, ...message.carried.map(({ image }) => image.buffer)];
  if (message.kind === 'ran') return [message.block.buffer, ...message.made.map(({ image }) => image.buffer)];
  return [];
}
