/**
 * What can bring down a process that runs native code, one scenario each, by name: `node hazards.js <name>`. A scenario that holds
 * prints what it measured as JSON and ends by itself; test/engine-hazards.test.ts starts them and says what must come out.
 */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { verify } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { type Engine, type EngineKey, type EngineOptions, openEngine, type RunItem } from 'keymill/engine';
import { hex, pattern } from './bytes.ts';
import { fixedKey, testKey } from './keys.ts';

const self = fileURLToPath(import.meta.url);
const gc = (): void => (globalThis as { gc?: () => void }).gc?.();
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const megabytes = (bytes: number): number => Math.round(bytes / 2 ** 20);
const rssMb = (): number => megabytes(process.memoryUsage.rss());
const native: EngineOptions = { backend: 'native', threads: 2 };
const print = (result: object): void => console.log(JSON.stringify(result));

const signing = (key: EngineKey, message: Uint8Array) => ({ key, algorithm: 'RSASSA_PSS_SHA_256' as const, message });

/** Enough RSA work that there is some in flight whenever the caller looks. */
async function busyEngine(): Promise<{ engine: Engine; pending: Promise<unknown>[] }> {
  const engine = await openEngine(native);
  const key = await testKey(engine, 'RSA_2048');
  const pending: Promise<unknown>[] = Array.from({ length: 300 }, () => engine.sign(signing(key, pattern(100))));
  pending.push(engine.generateKey('RSA_4096'), engine.run([{ op: 'sign', ...signing(key, pattern(1)) }]));
  for (const promise of pending) promise.catch(() => undefined);
  await turn();
  return { engine, pending };
}

/** A mixture of operations with answers that can be checked. */
async function checkedMixture(engine: Engine, rounds: number): Promise<number> {
  const [aes, mac, p256] = await Promise.all([
    testKey(engine, 'SYMMETRIC_DEFAULT'),
    testKey(engine, 'HMAC_256'),
    testKey(engine, 'ECC_NIST_P256'),
  ]);
  const wanted = hex(await engine.mac({ key: mac, algorithm: 'HMAC_SHA_256', message: pattern(50) }));
  for (let round = 0; round < rounds; round++) {
    const message = pattern(64, round);
    const [sealed, tag, signature] = await Promise.all([
      engine.encrypt({ key: aes, algorithm: 'SYMMETRIC_DEFAULT', plaintext: message }),
      engine.mac({ key: mac, algorithm: 'HMAC_SHA_256', message: pattern(50) }),
      engine.sign({ key: p256, algorithm: 'ECDSA_SHA_256', message }),
    ]);
    assert.equal(hex(tag), wanted);
    assert.deepEqual(await engine.decrypt({ key: aes, algorithm: 'SYMMETRIC_DEFAULT', ciphertext: sealed }), message);
    assert.ok(verify('sha256', message, fixedKey('ECC_NIST_P256').publicKey, signature));
  }
  for (const key of [aes, mac, p256]) key.close();
  return rounds;
}

const inWorker = (name: string, onMessage?: (worker: Worker, message: unknown) => void): Promise<number> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(self, { workerData: name });
    worker.on('message', (message) => onMessage?.(worker, message));
    worker.on('error', reject);
    worker.on('exit', resolve);
  });

const SCENARIOS: Readonly<Record<string, () => Promise<void>>> = {
  async 'buffers transferred, under a storm of garbage collections'() {
    const engine = await openEngine(native);
    const rsa = await testKey(engine, 'RSA_2048');
    const aes = await testKey(engine, 'SYMMETRIC_DEFAULT');
    let checked = 0;
    for (let round = 0; round < 40; round++) {
      const jobs = Array.from({ length: 20 }, (_, index) => {
        const message = pattern(index % 2 === 0 ? 100 : 50_000, index);
        const kept = message.slice();
        const signature = engine.sign(signing(rsa, message));
        const sealed = engine.encrypt({ key: aes, algorithm: 'SYMMETRIC_DEFAULT', plaintext: message });
        structuredClone(message.buffer, { transfer: [message.buffer as ArrayBuffer] });
        return { kept, signature, sealed };
      });
      gc();
      for (const { kept, signature, sealed } of jobs) {
        assert.ok(await engine.verify({ ...signing(rsa, kept), signature: await signature }));
        gc();
        assert.deepEqual(
          await engine.decrypt({ key: aes, algorithm: 'SYMMETRIC_DEFAULT', ciphertext: await sealed }),
          kept,
        );
        checked++;
      }
    }
    await engine.close();
    print({ checked });
  },

  async 'resizable buffers shrunk to nothing right after the call'() {
    type Resizable = ArrayBuffer & { resize(length: number): void };
    const make = ArrayBuffer as unknown as new (length: number, options: { maxByteLength: number }) => Resizable;
    const engine = await openEngine(native);
    const rsa = await testKey(engine, 'RSA_2048');
    let checked = 0;
    for (let round = 0; round < 200; round++) {
      const buffer = new make(30_000, { maxByteLength: 60_000 });
      const message = new Uint8Array(buffer);
      message.set(pattern(30_000, round));
      const kept = message.slice();
      const signature = engine.sign(signing(rsa, message));
      const packed = engine.signPacked({
        key: rsa,
        algorithm: 'RSASSA_PSS_SHA_256',
        messages: message,
        messageBytes: 15_000,
      });
      buffer.resize(0);
      assert.ok(await engine.verify({ ...signing(rsa, kept), signature: await signature }));
      assert.equal((await packed).length, 512);
      checked++;
    }
    await engine.close();
    print({ checked });
  },

  async 'eight workers, each with its engine, and one here'() {
    let checked = 0;
    // Not `checked +=` around an await, which would add to what was there before it.
    const check = async (rounds: number): Promise<void> => {
      const done = await checkedMixture(engine, rounds);
      checked += done;
    };
    const workers = Array.from({ length: 8 }, () =>
      inWorker('worker: checked mixture', (_, count) => (checked += count as number)),
    );
    const engine = await openEngine(native);
    await check(50);
    const codes = await Promise.all(workers);
    await check(5);
    await engine.close();
    print({ codes: [...new Set(codes)], checked });
  },
  async 'worker: checked mixture'() {
    const engine = await openEngine(native);
    parentPort!.postMessage(await checkedMixture(engine, 50));
    await engine.close();
  },

  async 'worker.terminate() with batches in flight'() {
    const engine = await openEngine(native);
    let terminated = 0;
    for (let round = 0; round < 50; round++) {
      await inWorker('worker: busy until terminated', (worker) => {
        terminated++;
        void worker.terminate();
      });
    }
    const checked = await checkedMixture(engine, 5);
    await engine.close();
    print({ terminated, checked });
  },
  async 'worker: busy until terminated'() {
    const { pending } = await busyEngine();
    parentPort!.postMessage('busy');
    await Promise.allSettled(pending);
  },

  async 'a worker that ends with its engine open'() {
    const codes: number[] = [];
    for (let round = 0; round < 4; round++) codes.push(await inWorker('worker: leaves its engine open'));
    print({ codes: [...new Set(codes)] });
  },
  async 'worker: leaves its engine open'() {
    await busyEngine();
  },

  async 'process.exit() with batches in flight'() {
    await busyEngine();
    print({ exiting: true });
    process.exit(7);
  },

  async 'an uncaught exception with batches in flight'() {
    await busyEngine();
    setImmediate(() => {
      throw new Error('uncaught on purpose');
    });
  },

  async 'exceptions thrown in promise reactions'() {
    let caught = 0;
    process.on('unhandledRejection', () => caught++);
    process.on('uncaughtException', () => caught++);
    const engine = await openEngine(native);
    const key = await testKey(engine, 'RSA_2048');
    const settled: Promise<unknown>[] = [];
    for (let index = 0; index < 100; index++) {
      const call = engine.sign(signing(key, pattern(index)));
      settled.push(call);
      void call.then(() => {
        throw new Error('from a reaction');
      });
    }
    await Promise.all(settled);
    const checked = await checkedMixture(engine, 3);
    await turn();
    await engine.close();
    print({ caught, checked });
  },

  async 'methods of the addon on objects that are not theirs'() {
    const require = createRequire(import.meta.url);
    const root = path.resolve(import.meta.dirname, '../../..');
    const addon = require(require('node-gyp-build').resolve(root)) as {
      Engine: new (...args: unknown[]) => Record<string, (...args: unknown[]) => unknown>;
    };
    const { Engine } = addon;
    const own = new Engine(1, 'auto', '');
    const other = new Engine(1, 'auto', '');
    const methods = Object.getOwnPropertyNames(Engine.prototype).filter(
      (name) => name !== 'constructor' && typeof own[name] === 'function',
    );
    assert.ok(methods.length >= 7, methods.join());
    let refused = 0;
    const refuses = (what: string, call: () => unknown): void => {
      assert.throws(call, what);
      refused++;
    };
    for (const method of methods) {
      for (const receiver of [
        undefined,
        null,
        {},
        [],
        new Map(),
        Object.create(Engine.prototype),
        Engine.prototype,
        Engine,
        new Proxy(own, {}),
        5,
      ]) {
        refuses(`${method} on ${String(receiver)}`, () => Reflect.apply(own[method]!, receiver, [0, 0, 0]));
      }
    }
    refuses('without new', () => (Engine as unknown as () => void)());
    const [block, memory] = own.allocate!(1024) as [number, ArrayBuffer];
    for (const value of [undefined, null, 'x', {}, -1, block + 1000, 2 ** 32 - 1]) {
      for (const method of ['run', 'submit']) refuses(`${method}(${String(value)})`, () => own[method]!(value));
      refuses(`free(${String(value)})`, () => own.free!(value, memory));
      refuses(`runInPlace(${String(value)})`, () => own.runInPlace!(value, new Uint8Array(8), new Uint8Array(8)));
    }
    for (const view of [undefined, null, 'x', {}, 5]) {
      refuses(`runInPlace into ${String(view)}`, () => own.runInPlace!(block, view, new Uint8Array(8)));
      refuses(`runInPlace from ${String(view)}`, () => own.runInPlace!(block, new Uint8Array(8), view));
    }
    for (const bytes of [undefined, null, 'x', {}, -1, Number.NaN, 2 ** 40, 1e300]) {
      refuses(`allocate(${String(bytes)})`, () => own.allocate!(bytes));
    }
    for (const threads of [undefined, 'x', -1, 100_000])
      refuses(`${String(threads)} threads`, () => new Engine(threads, 'auto', ''));
    for (const text of [undefined, null, 5]) {
      refuses(`${String(text)} kernels`, () => new Engine(1, text, ''));
      refuses(`${String(text)} fault`, () => new Engine(1, 'auto', text));
    }
    // Another engine's block is not ours, whatever its number.
    const [foreign, foreignMemory] = other.allocate!(64) as [number, ArrayBuffer];
    if (foreign !== block) refuses("another engine's block", () => own.free!(foreign, foreignMemory));
    refuses("another block's memory", () => own.free!(block, new ArrayBuffer(1024)));
    own.free!(block, memory);
    refuses('free twice', () => own.free!(block, memory));
    refuses('run after free', () => own.run!(block));
    assert.equal(memory.byteLength, 0, 'memory that was given back is detached');
    print({ refused });
  },

  async 'keys that are dropped and never closed'() {
    const engine = await openEngine(native);
    const drop = async (): Promise<void> => {
      for (let round = 0; round < 20; round++) {
        await Promise.all(Array.from({ length: 500 }, () => engine.generateKey('HMAC_256')));
        gc();
        await turn();
      }
    };
    await drop();
    const before = rssMb();
    for (let round = 0; round < 5; round++) await drop();
    print({ grownMb: rssMb() - before });
    await engine.close();
  },

  async 'engines that are dropped and never closed'() {
    const threads = (): number => readdirSync('/proc/self/task').length;
    const drop = async (count: number): Promise<void> => {
      for (let round = 0; round < count; round++) {
        const engine = await openEngine({ backend: 'native', threads: 1 });
        const key = await engine.generateKey('ECC_NIST_P256');
        await engine.sign({ key, algorithm: 'ECDSA_SHA_256', message: pattern(1) });
        if (round % 5 === 0) {
          gc();
          await turn();
        }
      }
      for (let round = 0; round < 20; round++) {
        gc();
        await turn();
      }
    };
    await drop(30);
    const before = { rss: rssMb(), threads: threads() };
    await drop(100);
    print({ grownMb: rssMb() - before.rss, moreThreads: threads() - before.threads });
  },

  async 'an open engine keeps nobody waiting'() {
    const engine = await openEngine(native);
    const key = await testKey(engine, 'RSA_2048');
    await engine.sign(signing(key, pattern(1)));
    print({ left: 'open' });
  },

  async 'processes and threads draw different randomness'() {
    const engine = await openEngine(native);
    const draws: string[] = [];
    const collect = (message: unknown): number => draws.push(...(message as string[]));
    const children = Array.from(
      { length: 3 },
      () => new Promise((resolve) => fork(self, ['child: random']).on('message', collect).on('exit', resolve)),
    );
    const workers = Array.from({ length: 3 }, () => inWorker('worker: random', (_, message) => collect(message)));
    collect(await drawMany(engine));
    await Promise.all([...children, ...workers]);
    await engine.close();
    print({ draws: draws.length, distinct: new Set(draws).size });
  },
  async 'child: random'() {
    const engine = await openEngine(native);
    process.send!(await drawMany(engine));
    await engine.close();
    process.disconnect();
  },
  async 'worker: random'() {
    const engine = await openEngine(native);
    parentPort!.postMessage(await drawMany(engine));
    await engine.close();
  },

  async 'memory after many mixed operations'() {
    const total = process.env.KEYMILL_SLOW === '1' ? 1_000_000 : 200_000;
    const engine = await openEngine(native);
    const [aes, mac] = await Promise.all([testKey(engine, 'SYMMETRIC_DEFAULT'), testKey(engine, 'HMAC_256')]);
    const bad = pattern(60);
    let done = 0;
    let startMb = 0;
    while (done < total) {
      const items: RunItem[] = Array.from({ length: 200 }, (_, index): RunItem => {
        const message = pattern((index * 7) % 300);
        if (index % 4 === 0) return { op: 'encrypt', key: aes, algorithm: 'SYMMETRIC_DEFAULT', plaintext: message };
        if (index % 4 === 1) return { op: 'mac', key: mac, algorithm: 'HMAC_SHA_256', message };
        if (index % 4 === 2) return { op: 'digest', algorithm: 'SHA_256', message };
        return { op: 'decrypt', key: aes, algorithm: 'XAES_256_GCM', ciphertext: bad };
      });
      await engine.run(items);
      const large = await engine.encrypt({ key: aes, algorithm: 'SYMMETRIC_DEFAULT', plaintext: pattern(40_000) });
      assert.equal(large.length, 40_028);
      await Promise.all(Array.from({ length: 50 }, () => engine.random(32)));
      const temporary = await engine.generateKey('HMAC_512');
      temporary.close();
      done += 252;
      if (startMb === 0 && done >= total / 10) {
        gc();
        startMb = rssMb();
      }
    }
    gc();
    print({ done, grownMb: rssMb() - startMb });
    await engine.close();
  },
};

const drawMany = async (engine: Engine): Promise<string[]> =>
  (await Promise.all(Array.from({ length: 1000 }, () => engine.random(8)))).map(hex);

const name = isMainThread ? process.argv[2] : workerData;
if (typeof name === 'string') {
  const scenario = SCENARIOS[name];
  if (scenario === undefined) throw new Error(`no scenario ${name}`);
  await scenario();
}
