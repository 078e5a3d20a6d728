/**
 * The native backend: the C++ addon on the OpenSSL inside Node. The only file that loads a .node. It hands blocks and ids through
 * and knows no operation; see backend.ts for what they mean.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Backend, BackendInfo, BackendOptions, Block, External, KeyHandle } from './backend.ts';

/** Why the native backend does not run: there is none for this runtime, or the one there does not work. */
export type NativeLoadErrorCode = 'NATIVE_ABSENT' | 'NATIVE_BROKEN';

export class NativeLoadError extends Error {
  readonly code: NativeLoadErrorCode;
  constructor(code: NativeLoadErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'NativeLoadError';
    this.code = code;
  }
}

/** native/glue/addon.cc documents these. Blocks are named by small integers. */
interface AddonEngine {
  onDone: (blocks: readonly number[]) => void;
  info(): Omit<BackendInfo, 'backend' | 'threads'>;
  allocate(bytes: number): [block: number, memory: ArrayBuffer];
  free(block: number, memory: ArrayBuffer): void;
  run(block: number): void;
  runInPlace(block: number, input: Uint8Array, output: Uint8Array): void;
  submit(block: number): void;
  closeKey(slot: number, generation: number): void;
  close(): void;
}

interface Addon {
  readonly Engine: new (threads: number, kernels: string, fault: string) => AddonEngine;
  selfTest(fault: string): string[];
}

const BLOCK_ALIGNMENT = 64;

/**
 * Opens the native backend. A kernel that fails its known-answer test is passed over for the next of its list.
 * @param fault Name of a test, as `info.selfTests` has it, that is made to fail: for tests of what follows.
 * @throws {NativeLoadError} NATIVE_ABSENT where there is no addon or this runtime cannot carry one; NATIVE_BROKEN, with the cause,
 *   where it is there and does not load, or has nothing left that passed for some operation.
 */
export function openNative(options: BackendOptions, fault = ''): Backend {
  const addon = loadAddon();
  try {
    return new NativeBackend(new addon.Engine(options.threads, options.kernels, fault), options.threads);
  } catch (cause) {
    throw new NativeLoadError('NATIVE_BROKEN', messageOf(cause), { cause });
  }
}

/**
 * Names of the known-answer tests that fail. With `fault` a bit of every answer is flipped, so that all of them must: for tests of
 * the tests.
 */
export function nativeSelfTest(fault: boolean): string[] {
  return loadAddon().selfTest(fault ? 'all' : '');
}

function loadAddon(): Addon {
  const obstacle = runtimeObstacle();
  if (obstacle !== undefined) throw new NativeLoadError('NATIVE_ABSENT', obstacle);
  const require = createRequire(import.meta.url);
  const findAddon: { resolve(root: string): string } = require('node-gyp-build');
  let file: string;
  try {
    file = findAddon.resolve(packageRoot());
  } catch (cause) {
    throw new NativeLoadError('NATIVE_ABSENT', 'there is no native build for this platform', { cause });
  }
  try {
    return require(file);
  } catch (cause) {
    throw new NativeLoadError('NATIVE_BROKEN', `${file} does not load: ${messageOf(cause)}`, { cause });
  }
}

/**
 * Why this runtime cannot carry the addon, which takes its OpenSSL 3 symbols from the process. Asked before loading: where they are
 * missing some runtimes die at the first call. Deno gives an OpenSSL version and has BoringSSL, so the version alone does not say.
 */
function runtimeObstacle(): string | undefined {
  const { versions } = process;
  for (const runtime of ['electron', 'bun', 'deno', 'nw']) {
    if (versions[runtime] !== undefined) return `${runtime} does not have Node's OpenSSL`;
  }
  if (Reflect.get(process.features, 'openssl_is_boringssl') === true) return 'this runtime is built on BoringSSL';
  if (!/^3\./.test(versions.openssl ?? '')) return `this runtime has OpenSSL ${versions.openssl}, not 3`;
  return undefined;
}

/** The directory of our package.json: two above src/engine, three above dist/src/engine. */
function packageRoot(): string {
  let directory = import.meta.dirname;
  while (!existsSync(path.join(directory, 'package.json'))) {
    const parent = path.dirname(directory);
    if (parent === directory) return import.meta.dirname;
    directory = parent;
  }
  return directory;
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

class NativeBlock implements Block {
  readonly id: number;
  readonly memory: ArrayBuffer;
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  constructor(id: number, memory: ArrayBuffer) {
    this.id = id;
    this.memory = memory;
    this.bytes = new Uint8Array(memory);
    this.words = new Uint32Array(memory);
  }
}

class NativeBackend implements Backend {
  readonly info: BackendInfo;
  readonly #engine: AddonEngine;
  /** What to call when a submitted block is done, by block. */
  readonly #waiting = new Map<number, () => void>();
  #closing: Promise<void> | undefined;
  #onIdle: (() => void) | undefined;

  constructor(engine: AddonEngine, threads: number) {
    this.#engine = engine;
    this.info = Object.freeze({ backend: 'native', threads, ...engine.info() });
    engine.onDone = (blocks) => this.#done(blocks);
  }

  allocate(bytes: number): Block {
    const [id, memory] = this.#engine.allocate(Math.ceil(bytes / BLOCK_ALIGNMENT) * BLOCK_ALIGNMENT);
    return new NativeBlock(id, memory);
  }

  free(block: Block): void {
    const { id, memory } = block as NativeBlock;
    this.#engine.free(id, memory);
  }

  run(block: Block): void {
    this.#engine.run((block as NativeBlock).id);
  }

  runInPlace(block: Block, external: External): void {
    this.#engine.runInPlace((block as NativeBlock).id, external.input, external.output);
  }

  submit(block: Block, done: () => void): void {
    const { id } = block as NativeBlock;
    this.#engine.submit(id);
    this.#waiting.set(id, done);
  }

  closeKey(handle: KeyHandle): void {
    this.#engine.closeKey(handle.slot, handle.generation);
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#engine.close();
      if (this.#waiting.size === 0) resolve();
      else this.#onIdle = resolve;
    });
    return this.#closing;
  }

  #done(blocks: readonly number[]): void {
    for (const id of blocks) {
      const done = this.#waiting.get(id)!;
      this.#waiting.delete(id);
      try {
        done();
      } catch (error) {
        // One callback's failure is not the others'; it surfaces as an uncaught exception.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
    if (this.#waiting.size === 0) this.#onIdle?.();
  }
}
