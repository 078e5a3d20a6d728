/**
 * An instance of wasm/'s module and its linear memory: what the backend on this thread and its workers have in common. The only file
 * that names WebAssembly. Knows keys as images (wasm/keys.ts) and nothing of records.
 */
import type { KeyHandle } from './backend.ts';
import { EngineError } from './errors.ts';

/** The few names of the WebAssembly API used here; lib.dom has them, and this project is not compiled against it. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    constructor(module: Module, imports: Record<string, Record<string, (...numbers: number[]) => number>>);
    readonly exports: unknown;
  }
}

/** The compiled module: one for all instances, on every thread. */
export type WasmModule = WebAssembly.Module;

/** wasm/index.ts documents these. Addresses come back signed where they are above 2 GiB, hence the `>>> 0`. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  open(): number;
  close(): void;
  allocate(bytes: number): number;
  release(address: number, bytes: number): void;
  run(block: number, blockBytes: number, tick: number): void;
  openExternal(block: number, blockBytes: number, inputBytes: number, outputBytes: number): number;
  runExternalItems(block: number, first: number, count: number, input: number, output: number): number;
  outputBytesRun(): number;
  closeExternal(block: number, status: number, outputBytes: number): void;
  closeKey(slot: number, generation: number): void;
  submitted(): number;
  finished(oldestTick: number): void;
  imageBytes(slot: number, generation: number, tick: number): number;
  writeImage(slot: number, generation: number, tick: number, image: number): void;
  adoptImage(image: number, output: number): number;
  mirrorImage(image: number, slot: number, generation: number): number;
}

const LARGEST_BYTES = 0x4000_0000;
/** getRandomValues refuses more at once (Web Crypto section 10.1.1). */
const MAX_RANDOM_BYTES = 65_536;

/** @throws {EngineError} BACKEND_UNAVAILABLE where the runtime has no WebAssembly with SIMD. */
export function compileModule(bytes: Uint8Array): WasmModule {
  try {
    return new WebAssembly.Module(bytes);
  } catch (cause) {
    // The module uses SIMD throughout, so an engine without it says no here.
    throw new EngineError('BACKEND_UNAVAILABLE', 'this runtime does not compile WebAssembly with SIMD', { cause });
  }
}

export class WasmInstance {
  readonly exports: Exports;

  /** @throws {EngineError} BACKEND_UNAVAILABLE where there is no randomness. */
  constructor(module: WasmModule) {
    const random = (address: number, bytes: number): number => this.#fillRandom(address >>> 0, bytes >>> 0);
    this.exports = new WebAssembly.Instance(module, { env: { random } }).exports as Exports;
    if (!this.exports.open()) throw new EngineError('BACKEND_UNAVAILABLE', 'this runtime has no source of randomness');
  }

  /** The address of zeroed memory, or 0 where there is none. */
  allocate(byteLength: number): number {
    return byteLength <= LARGEST_BYTES ? this.exports.allocate(byteLength) >>> 0 : 0;
  }

  /** Like `allocate`. @throws {EngineError} OUT_OF_MEMORY. */
  take(byteLength: number): number {
    const address = this.allocate(byteLength);
    if (address === 0) {
      throw new EngineError('OUT_OF_MEMORY', `no WebAssembly memory for ${byteLength} bytes`, { retryable: true });
    }
    return address;
  }

  /** Valid until memory grows: any call into the module may do that. */
  view(address: number, byteLength: number): Uint8Array {
    return new Uint8Array(this.exports.memory.buffer, address, byteLength);
  }

  /**
   * A copy of a key for another instance, or undefined where the handle names none that a block of this tick (0: one run now) may use.
   * The caller wipes it.
   * @throws {EngineError} OUT_OF_MEMORY.
   */
  copyKey({ slot, generation }: KeyHandle, tick: number): Uint8Array<ArrayBuffer> | undefined {
    const byteLength = this.exports.imageBytes(slot, generation, tick);
    if (byteLength === 0) return undefined;
    const address = this.take(byteLength);
    this.exports.writeImage(slot, generation, tick, address);
    const image = new Uint8Array(byteLength);
    image.set(this.view(address, byteLength));
    this.exports.release(address, byteLength);
    return image;
  }

  /** Calls `use` with the address of an image's copy in linear memory, and wipes the image and the copy. @throws {EngineError} OUT_OF_MEMORY. */
  withImage(image: Uint8Array, use: (address: number) => number): number {
    const address = this.take(image.length);
    this.view(address, image.length).set(image);
    image.fill(0);
    const result = use(address);
    this.exports.release(address, image.length);
    return result;
  }

  #fillRandom(address: number, bytes: number): number {
    try {
      for (let done = 0; done < bytes; done += MAX_RANDOM_BYTES) {
        crypto.getRandomValues(this.view(address + done, Math.min(bytes - done, MAX_RANDOM_BYTES)));
      }
      return 1;
    } catch {
      return 0;
    }
  }
}
