/**
 * The WASM backend: wasm/'s module on this thread, and on workers for the blocks that are submitted. It owns the instance and the views of
 * its memory; what operations mean is in the module and in backend.ts. Nothing here is imported from Node, so that a browser may load it.
 */

import {
  type Backend,
  type BackendInfo,
  type BackendOptions,
  BLOCK_HEADER_BYTES,
  BLOCK_MAGIC,
  type Block,
  type External,
  HANDLE_BYTES,
  HeaderWord,
  type KeyHandle,
  Operation,
  RECORD_BYTES,
  RecordWord,
  Status,
} from './backend.ts';
import { EngineError } from './errors.ts';
import { isQuick } from './wasm-cost.ts';
import { WasmInstance, type WasmModule } from './wasm-instance.ts';
import type { CarriedKey, WorkerReply } from './wasm-messages.ts';
import { runKnownAnswers } from './wasm-self-test.ts';
import { type StartThread, type WasmWorker, WasmWorkers } from './wasm-workers.ts';

const BLOCK_ALIGNMENT_BYTES = 64;
const RECORD_WORDS = RECORD_BYTES / 4;
/**
 * In-place records are copied through memory this large where their items fit; it is kept. For an item that does not fit, memory for all of
 * its input and output is taken and given back. WebAssembly memory never shrinks: the engine keeps what its longest message needed, and
 * messages of some hundred megabytes are OUT_OF_MEMORY.
 */
const STAGING_BYTES = 512 * 1024;

/**
 * What runs, for `info`: the primitives of each implementation, by the names the native backend has for them. All of it is constant time
 * as far as WebAssembly has such a thing.
 */
const IMPLEMENTATIONS: Readonly<Record<string, readonly string[]>> = {
  'simd-bitsliced': ['aes-256-gcm-encrypt', 'aes-256-gcm-decrypt', 'xaes-256-gcm-encrypt', 'xaes-256-gcm-decrypt'],
  'simd-schedule': [
    ...['hmac-sha-224', 'hmac-sha-256', 'hmac-sha-384', 'hmac-sha-512'].flatMap((mac) => [mac, `${mac}-verify`]),
    ...['sha-1', 'sha-224', 'sha-256', 'sha-384', 'sha-512'],
  ],
  'simd-f64': [
    ...['rsa-oaep-encrypt', 'rsa-oaep-decrypt'],
    ...['rsa-pss-sign', 'rsa-pss-verify', 'rsa-pkcs1-sign', 'rsa-pkcs1-verify'],
  ],
  'signed-limbs': [
    ...['p256', 'p384', 'p521', 'secp256k1'].flatMap((curve) => [`ecdsa-${curve}-sign`, `ecdsa-${curve}-verify`]),
    ...['ecdh-p256', 'ecdh-p384', 'ecdh-p521'],
    ...['ed25519-sign', 'ed25519-verify', 'ed25519ph-sign', 'ed25519ph-verify'],
  ],
  'web-crypto': ['random'],
};
const KERNELS: Readonly<Record<string, string>> = Object.freeze(
  Object.fromEntries(
    Object.entries(IMPLEMENTATIONS).flatMap(([name, primitives]) => primitives.map((primitive) => [primitive, name])),
  ),
);

/** What the runtime gives the backend. */
export interface WasmHost {
  readonly module: WasmModule;
  readonly startThread: StartThread;
}

/**
 * Opens the WASM backend. With `threads` of 1 submitted blocks run on the calling thread, between other events; with more they run on that
 * many workers, and on the calling thread where that is quicker than handing them over or the runtime does not let a worker start.
 * @throws {EngineError} UNSUPPORTED for kernels it does not have; BACKEND_UNAVAILABLE where randomness is missing or a known-answer test
 *   fails.
 */
export function openWasmBackend(options: BackendOptions, host: WasmHost): Backend {
  if (options.kernels === 'openssl') {
    throw new EngineError('UNSUPPORTED', 'kernels: the WASM backend has no openssl kernels');
  }
  const backend = new WasmBackend(host, options.threads > 1 ? options.threads : 0);
  const { passed, failed } = runKnownAnswers(backend, false);
  if (failed.length > 0) {
    throw new EngineError('BACKEND_UNAVAILABLE', `the WASM backend failed its self-test: ${failed.join(', ')}`);
  }
  backend.selfTests = passed;
  return backend;
}

/** Names of the known-answer tests that fail, as runKnownAnswers says. */
export function wasmSelfTestOf(host: WasmHost, fault: boolean): string[] {
  return runKnownAnswers(new WasmBackend(host, 0), fault).failed;
}

/** A block in linear memory. Growth detaches the buffer under its views, so they are renewed when read. */
class WasmBlock implements Block {
  /** 0 once freed. */
  address: number;
  readonly byteLength: number;
  readonly #instance: WasmInstance;
  #bytes: Uint8Array;
  #words: Uint32Array;

  constructor(instance: WasmInstance, address: number, byteLength: number) {
    this.#instance = instance;
    this.address = address;
    this.byteLength = byteLength;
    this.#bytes = instance.view(address, byteLength);
    this.#words = wordsOf(this.#bytes);
  }

  get bytes(): Uint8Array {
    if (this.#bytes.length === 0) this.#bytes = this.#instance.view(this.address, this.byteLength);
    return this.#bytes;
  }

  get words(): Uint32Array {
    if (this.#words.length === 0) this.#words = wordsOf(this.bytes);
    return this.#words;
  }
}

const wordsOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Uint32Array =>
  new Uint32Array(buffer, byteOffset, byteLength / 4);

/** Bytes of linear memory that in-place records pass through. */
interface Staging {
  readonly address: number;
  readonly byteLength: number;
}

interface Submission {
  readonly block: WasmBlock;
  readonly tick: number;
  readonly done: () => void;
}

class WasmBackend implements Backend {
  readonly #instance: WasmInstance;
  readonly #threads: number;
  readonly #workers: WasmWorkers;
  /** Every block that is not done, by tick: in the order submitted. */
  readonly #submissions = new Map<number, Submission>();
  /** Those no worker has been found for, and those to be run on this thread. */
  readonly #waiting: Submission[] = [];
  readonly #local: Submission[] = [];
  #staging: Staging | undefined;
  #selfTests: readonly string[] = [];
  #closing: Promise<void> | undefined;
  #onIdle: (() => void) | undefined;
  #hasTrapped = false;

  /** No threads: everything runs on this one. */
  constructor({ module, startThread }: WasmHost, threads: number) {
    this.#instance = new WasmInstance(module);
    this.#threads = threads;
    this.#workers = new WasmWorkers(startThread, module, threads);
  }

  get info(): BackendInfo {
    return Object.freeze({
      backend: 'wasm',
      cpuFeatures: Object.freeze(['wasm-simd128']),
      threads: this.#threads,
      kernels: KERNELS,
      selfTests: this.#selfTests,
      refusedKernels: [],
      keyMemory: Object.freeze({ locked: false, bytes: this.#instance.exports.memory.buffer.byteLength }),
    });
  }

  /** Notes which known-answer tests passed. */
  set selfTests(names: readonly string[]) {
    this.#selfTests = Object.freeze(names);
  }

  allocate(bytes: number): Block {
    const byteLength = Math.ceil(Math.max(bytes, BLOCK_HEADER_BYTES) / BLOCK_ALIGNMENT_BYTES) * BLOCK_ALIGNMENT_BYTES;
    return new WasmBlock(this.#instance, this.#instance.take(byteLength), byteLength);
  }

  free(block: Block): void {
    const { address, byteLength } = own(block);
    this.#instance.exports.release(address, byteLength);
    own(block).address = 0;
  }

  run(block: Block): void {
    this.#execute(own(block), 0);
  }

  runInPlace(block: Block, external: External): void {
    const { address, byteLength } = own(block);
    const { input, output } = external;
    if (this.#hasTrapped) {
      zeroOutput(block, output);
      refuse(own(block), Status.UNAVAILABLE);
      return;
    }
    if (!this.#instance.exports.openExternal(address, byteLength, input.length, output.length)) {
      zeroOutput(block, output);
      return;
    }
    const word = BLOCK_HEADER_BYTES / 4;
    const { words } = block;
    const inputBytes = words[word + RecordWord.inputBytes]!;
    const outputBytes = words[word + RecordWord.outputBytes]!;
    const items = words[word + RecordWord.items]!;
    const inputOffset = words[word + RecordWord.inputOffset]!;
    const outputOffset = words[word + RecordWord.outputOffset]!;
    const readsInput = READS_INPUT.has(words[word + RecordWord.operationAndAlgorithm]! & 0xffff);
    const staged = { input: readsInput ? inputBytes : 0, output: writesOutput(words) ? outputBytes : 0 };
    const itemBytes = align(staged.input) + align(staged.output);
    const itemsPerRound = Math.min(items, Math.max(1, Math.floor(STAGING_BYTES / Math.max(1, itemBytes))));
    const inputArea = align(staged.input * itemsPerRound);
    let staging: Staging;
    try {
      staging = this.#stage(inputArea + staged.output * itemsPerRound);
    } catch {
      zeroOutput(block, output);
      this.#instance.exports.closeExternal(address, Status.OUT_OF_MEMORY, 0);
      const statuses = block.words[word + RecordWord.statusesOffset]!;
      if (statuses !== 0) block.bytes.fill(Status.OUT_OF_MEMORY, statuses, statuses + items);
      return;
    }
    const outputAddress = staging.address + inputArea;
    let written = 0;
    let last: number = Status.OK;
    for (let first = 0; first < items; first += itemsPerRound) {
      const count = Math.min(itemsPerRound, items - first);
      const start = inputOffset + first * staged.input;
      this.#instance
        .view(staging.address, count * staged.input)
        .set(input.subarray(start, start + count * staged.input));
      last = this.#instance.exports.runExternalItems(address, first, count, staging.address, outputAddress);
      written = Math.max(written, this.#instance.exports.outputBytesRun());
      output.set(this.#instance.view(outputAddress, count * staged.output), outputOffset + first * staged.output);
    }
    this.#unstage(staging, inputArea + staged.output * itemsPerRound);
    this.#instance.exports.closeExternal(address, items === 1 ? last : Status.OK, written);
  }

  submit(block: Block, done: () => void): void {
    const submission = { block: own(block), tick: this.#instance.exports.submitted(), done };
    this.#submissions.set(submission.tick, submission);
    // Nothing that came before is overtaken by more than a task.
    if (this.#waiting.length === 0 && isQuick(submission.block.words)) {
      this.#runHere(submission);
    } else {
      this.#waiting.push(submission);
      this.#dispatch();
    }
  }

  closeKey(handle: KeyHandle): void {
    this.#instance.exports.closeKey(handle.slot, handle.generation);
    this.#workers.forget(handle);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#submissions.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    await this.#workers.close();
    this.#instance.exports.close();
    if (this.#staging !== undefined) this.#instance.exports.release(this.#staging.address, this.#staging.byteLength);
    this.#staging = undefined;
  }

  /** Gives waiting blocks to workers that have nothing to do: one each, so that blocks start in the order submitted. */
  #dispatch(): void {
    while (this.#waiting.length > 0) {
      const worker = this.#workers.idle();
      if (worker === undefined && !this.#workers.isExhausted) return;
      const submission = this.#waiting.shift()!;
      if (worker === undefined || !this.#send(submission, worker)) this.#runHere(submission);
    }
  }

  /** Copies the block, and the keys it names that the worker has not seen, to the worker. False where it is to be run here. */
  #send(submission: Submission, worker: WasmWorker): boolean {
    const { block, tick } = submission;
    const usedBytes = soundBytes(block);
    if (usedBytes === 0) return false;
    // All of them before the first is copied: that may make memory grow, and the views of the block stale.
    const named = [...namedKeys(block.words, usedBytes)];
    const carried: CarriedKey[] = [];
    const forgotten: KeyHandle[] = [];
    try {
      for (const handle of named) {
        if (worker.keys.get(handle.slot) === handle.generation) continue;
        const image = this.#instance.copyKey(handle, tick);
        if (image === undefined) continue;
        carried.push({ handle, image });
        worker.keys.set(handle.slot, handle.generation);
        const isClosed = this.#instance.exports.imageBytes(handle.slot, handle.generation, 0) === 0;
        if (isClosed) forgotten.push(handle);
      }
    } catch {
      for (const { handle, image } of carried) {
        worker.keys.delete(handle.slot);
        image.fill(0);
      }
      return false;
    }
    for (const { slot } of forgotten) worker.keys.delete(slot);
    const sent = new Uint8Array(usedBytes);
    sent.set(block.bytes.subarray(0, usedBytes));
    worker.run({ kind: 'run', block: sent, carried, forgotten }, (ran) => {
      if (ran === undefined) {
        this.#runHere(submission);
        this.#dispatch();
        return;
      }
      this.#bringHome(block, ran);
      this.#dispatch();
      this.#finish(submission);
    });
    return true;
  }

  /** Copies a block back that a worker ran, and takes in the keys it made. */
  #bringHome(block: WasmBlock, ran: Extract<WorkerReply, { kind: 'ran' }>): void {
    block.bytes.set(ran.block);
    ran.block.fill(0);
    for (const { record, image } of ran.made) {
      const word = BLOCK_HEADER_BYTES / 4 + record * RECORD_WORDS;
      const output = block.words[word + RecordWord.outputOffset]!;
      let status: number = Status.OUT_OF_MEMORY;
      try {
        status = this.#instance.withImage(image, (address) =>
          this.#instance.exports.adoptImage(address, block.address + output),
        );
      } catch {
        image.fill(0);
      }
      if (status === Status.OK) continue;
      block.bytes.fill(0, output, output + HANDLE_BYTES);
      block.words[word + RecordWord.outputBytes] = 0;
      block.words[word + RecordWord.flagsAndStatus]! |= status << 16;
    }
  }

  #runHere(submission: Submission): void {
    this.#local.push(submission);
    if (this.#local.length === 1) macrotask(() => this.#runNext());
  }

  /** Runs the oldest block of this thread; one a task, so that the event loop turns between them. */
  #runNext(): void {
    const submission = this.#local[0]!;
    this.#execute(submission.block, submission.tick);
    this.#local.shift();
    if (this.#local.length > 0) macrotask(() => this.#runNext());
    this.#finish(submission);
  }

  #finish({ tick, done }: Submission): void {
    this.#submissions.delete(tick);
    const [oldest = 0] = this.#submissions.keys();
    this.#instance.exports.finished(oldest);
    try {
      done();
    } finally {
      if (this.#submissions.size === 0) this.#onIdle?.();
    }
  }

  /** Runs a block in this thread's instance. A trap leaves that in an unknown state, so it is not entered again. */
  #execute(block: WasmBlock, tick: number): void {
    if (this.#hasTrapped) {
      refuse(block, Status.UNAVAILABLE);
      return;
    }
    try {
      this.#instance.exports.run(block.address, block.byteLength, tick);
    } catch {
      this.#hasTrapped = true;
      refuse(block, Status.INTERNAL);
    }
  }

  #stage(bytes: number): Staging {
    if (bytes > STAGING_BYTES) return { address: this.#instance.take(bytes), byteLength: bytes };
    this.#staging ??= { address: this.#instance.take(STAGING_BYTES), byteLength: STAGING_BYTES };
    return this.#staging;
  }

  /** Wipes what was staged: it was plaintext. */
  #unstage(staging: Staging, used: number): void {
    if (staging === this.#staging) this.#instance.view(staging.address, used).fill(0);
    else this.#instance.exports.release(staging.address, staging.byteLength);
  }
}

/** The operations of in-place records that have an input, and those that have no output. */
const READS_INPUT: ReadonlySet<number> = new Set([
  Operation.ENCRYPT,
  Operation.DECRYPT,
  Operation.SIGN,
  Operation.VERIFY,
  Operation.MAC,
  Operation.VERIFY_MAC,
  Operation.DIGEST,
]);
const WRITES_NOTHING: ReadonlySet<number> = new Set([Operation.VERIFY, Operation.VERIFY_MAC]);

const writesOutput = (words: Uint32Array): boolean =>
  !WRITES_NOTHING.has(words[BLOCK_HEADER_BYTES / 4 + RecordWord.operationAndAlgorithm]! & 0xffff);

/** Bytes in use by a block whose header is right; 0 for any other. */
function soundBytes({ words, byteLength }: WasmBlock): number {
  const usedBytes = words[HeaderWord.usedBytes]!;
  const arenaOffset = BLOCK_HEADER_BYTES + words[HeaderWord.recordCount]! * RECORD_BYTES;
  const isSound = words[HeaderWord.magic] === BLOCK_MAGIC && arenaOffset <= usedBytes && usedBytes <= byteLength;
  return isSound ? usedBytes : 0;
}

/** Gives every record of a block the status, and wipes its arena: nothing of a run that broke off is to be read. */
function refuse(block: WasmBlock, status: number): void {
  const usedBytes = soundBytes(block);
  if (usedBytes === 0) return;
  const { bytes, words } = block;
  const records = words[HeaderWord.recordCount]!;
  bytes.fill(0, BLOCK_HEADER_BYTES + records * RECORD_BYTES, usedBytes);
  for (let record = 0; record < records; record++) {
    const word = BLOCK_HEADER_BYTES / 4 + record * RECORD_WORDS;
    words[word + RecordWord.flagsAndStatus] = (words[word + RecordWord.flagsAndStatus]! & 0xffff) | (status << 16);
    words[word + RecordWord.outputBytes] = 0;
    const statuses = words[word + RecordWord.statusesOffset]!;
    if (statuses !== 0) bytes.fill(status, statuses, Math.min(usedBytes, statuses + words[word + RecordWord.items]!));
  }
}

/**
 * The handles a block names, some of them more than once, and some that name nothing: what an operation does not read is not told apart.
 * `words` are those of a block with a sound header.
 */
function* namedKeys(words: Uint32Array, usedBytes: number): Generator<KeyHandle> {
  const handleAt = (byteOffset: number): KeyHandle => ({
    slot: words[byteOffset / 4]!,
    generation: words[byteOffset / 4 + 1]!,
  });
  const isHandle = (byteOffset: number): boolean => byteOffset % 4 === 0 && byteOffset + HANDLE_BYTES <= usedBytes;
  for (let record = 0; record < words[HeaderWord.recordCount]!; record++) {
    const start = BLOCK_HEADER_BYTES + record * RECORD_BYTES;
    const field = (word: number): number => words[start / 4 + word]!;
    yield handleAt(start + 4 * RecordWord.keySlot);
    const subject = field(RecordWord.inputOffset);
    if ((field(RecordWord.operationAndAlgorithm) & 0xffff) === Operation.WRAP_KEY && isHandle(subject)) {
      yield handleAt(subject);
    }
    const first = field(RecordWord.keysOffset);
    const end = first === 0 ? 0 : Math.min(first + field(RecordWord.items) * HANDLE_BYTES, usedBytes);
    for (let offset = first; offset < end && isHandle(offset); offset += HANDLE_BYTES) yield handleAt(offset);
  }
}

const align = (bytes: number): number => Math.ceil(bytes / 16) * 16;

/** Runs later on this thread, after other events have had their turn. */
const macrotask: (task: () => void) => void =
  typeof setImmediate === 'function'
    ? (task) => void setImmediate(task)
    : (task) => {
        const { port1, port2 } = new MessageChannel();
        port1.addEventListener('message', () => {
          port1.close();
          task();
        });
        port1.start();
        port2.postMessage(undefined);
      };

function own(block: Block): WasmBlock {
  if (!(block instanceof WasmBlock) || block.address === 0) throw new TypeError('not a live block of the WASM backend');
  return block;
}

/** Zeroes the output of an in-place record that was refused. Its words are untouched but for the capacity, so the whole view goes. */
function zeroOutput(block: Block, output: Uint8Array): void {
  if (writesOutput(block.words)) output.fill(0);
}
