/**
 * A backend without cryptography whose worker is the test: submitted blocks wait until the test finishes them, so that what the queue
 * does can be seen step by step. It meets the contract (backend.ts) in everything else.
 */
import assert from 'node:assert/strict';
import { Engine } from 'keymill/engine';
import {
  type Backend,
  type BackendInfo,
  BLOCK_HEADER_BYTES,
  BLOCK_MAGIC,
  type Block,
  HeaderWord,
  type KeyHandle,
  Operation,
  RECORD_BYTES,
  RecordWord,
  Status,
} from '../../src/engine/backend.ts';

export interface SeenRecord {
  readonly operation: number;
  readonly keySlot: number;
  readonly input: Uint8Array;
}

interface Submitted {
  readonly block: Block;
  readonly done: () => void;
  readonly records: readonly SeenRecord[];
}

const MAKES_KEY: readonly number[] = [Operation.GENERATE_KEY, Operation.IMPORT_KEY, Operation.UNWRAP_KEY];

export class ManualBackend implements Backend {
  readonly info: BackendInfo;
  /** Blocks run on the calling thread, as the records in them. */
  readonly ran: SeenRecord[][] = [];
  /** Every block submitted, in order, finished or not. */
  readonly submitted: Submitted[] = [];
  /** Slots of keys that are open. */
  readonly openKeys = new Set<number>();
  /** Status for a record instead of OK. */
  verdict: (record: SeenRecord) => number = () => Status.OK;
  /** Thrown by the next run or submit. */
  failure: Error | undefined;
  closed = false;
  #finished = 0;
  #nextSlot = 1;
  #allocated = 0;

  constructor(threads = 1) {
    this.info = {
      backend: 'manual',
      cpuFeatures: [],
      threads,
      kernels: {},
      selfTests: [],
      refusedKernels: [],
      keyMemory: { locked: false, bytes: 0 },
    };
  }

  /** Blocks the worker has and has not finished. */
  get pending(): number {
    return this.submitted.length - this.#finished;
  }

  /** Finishes the oldest submitted block. */
  finishOne(): void {
    const { block, done } = this.submitted[this.#finished++]!;
    this.#perform(block);
    done();
  }

  /** Finishes blocks until none is left, those included that finishing others lets in. */
  async finishAll(): Promise<void> {
    do {
      while (this.pending > 0) this.finishOne();
      await new Promise(setImmediate);
    } while (this.pending > 0);
  }

  allocate(bytes: number): Block {
    this.#allocated++;
    const memory = new ArrayBuffer(Math.ceil(bytes / 64) * 64);
    return { bytes: new Uint8Array(memory), words: new Uint32Array(memory) };
  }

  free(block: Block): void {
    this.#allocated--;
    assert.ok(
      block.bytes.every((byte) => byte === 0),
      'a block is given back wiped',
    );
  }

  get allocatedBlocks(): number {
    return this.#allocated;
  }

  run(block: Block): void {
    this.#throwIfBroken();
    this.ran.push(this.#see(block));
    this.#perform(block);
  }

  runInPlace(block: Block): void {
    this.run(block);
  }

  submit(block: Block, done: () => void): void {
    this.#throwIfBroken();
    this.submitted.push({ block, done, records: this.#see(block) });
  }

  closeKey({ slot }: KeyHandle): void {
    assert.ok(this.openKeys.delete(slot), `key ${slot} is closed once`);
  }

  async close(): Promise<void> {
    assert.equal(this.pending, 0, 'the queue is empty before the backend closes');
    this.closed = true;
  }

  #throwIfBroken(): void {
    const { failure } = this;
    this.failure = undefined;
    if (failure !== undefined) throw failure;
  }

  #words(block: Block): number[] {
    assert.equal(block.words[HeaderWord.magic], BLOCK_MAGIC);
    assert.ok(block.words[HeaderWord.usedBytes]! <= block.bytes.length);
    const count = block.words[HeaderWord.recordCount]!;
    return Array.from({ length: count }, (_, index) => (BLOCK_HEADER_BYTES + index * RECORD_BYTES) / 4);
  }

  #record({ bytes, words }: Block, word: number): SeenRecord {
    const offset = words[word + RecordWord.inputOffset]!;
    const length = words[word + RecordWord.inputBytes]! * words[word + RecordWord.items]!;
    return {
      operation: words[word + RecordWord.operationAndAlgorithm]! & 0xffff,
      keySlot: words[word + RecordWord.keySlot]!,
      input: bytes.slice(offset, offset + length),
    };
  }

  #see(block: Block): SeenRecord[] {
    return this.#words(block).map((word) => this.#record(block, word));
  }

  #perform(block: Block): void {
    const { words } = block;
    for (const word of this.#words(block)) {
      const record = this.#record(block, word);
      const status = record.operation === Operation.NONE ? Status.CANCELLED : this.verdict(record);
      words[word + RecordWord.flagsAndStatus] = (words[word + RecordWord.flagsAndStatus]! & 0xffff) | (status << 16);
      if (status !== Status.OK) words[word + RecordWord.outputBytes] = 0;
      else if (MAKES_KEY.includes(record.operation)) {
        const slot = this.#nextSlot++;
        this.openKeys.add(slot);
        words[words[word + RecordWord.outputOffset]! / 4] = slot;
      }
    }
  }
}

export const DEFAULT_TEST_LIMITS = { maxQueuedOperations: 100_000, maxQueuedBytes: 2 ** 28 };

/** An engine on a manual backend. */
export function openManual(options: { threads?: number; limits?: Partial<typeof DEFAULT_TEST_LIMITS> } = {}): {
  engine: Engine;
  backend: ManualBackend;
} {
  const backend = new ManualBackend(options.threads);
  const engine = new Engine(backend, { ...DEFAULT_TEST_LIMITS, ...options.limits }, undefined);
  return { engine, backend };
}

/** Lets microtasks and completions run. */
export const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
