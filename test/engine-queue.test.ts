/** The queue: what shares a batch, what is refused, who goes first, what cancelling and closing leave behind. */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, test } from 'node:test';
import { EngineError, type EngineKey, type KeySpec, type RunItem, type SigningAlgorithm } from 'keymill/engine';
import { Operation, Status } from '../src/engine/backend.ts';
import { forEachBackend } from './support/backends.ts';
import { hex, pattern } from './support/bytes.ts';
import { outcomeOf, rejectsWith } from './support/expect.ts';
import { testKey } from './support/keys.ts';
import { type ManualBackend, openManual, tick } from './support/manual-backend.ts';

/** Marks the outcomes of promises as they come, so that order can be asserted instead of time. */
class Order {
  readonly names: string[] = [];
  watch<Value>(name: string, promise: Promise<Value>): Promise<Value> {
    const note = (): void => {
      this.names.push(name);
    };
    promise.then(note, note);
    return promise;
  }
}

const sizes = (backend: ManualBackend): number[] => backend.submitted.map(({ records }) => records.length);
const digest32 = pattern(32);

/** A key whose operations are worth a thread even alone. */
async function dearKey(open: ReturnType<typeof openManual>, keySpec: KeySpec = 'ECC_NIST_P384'): Promise<EngineKey> {
  const promise = open.engine.importKey({ keySpec, format: 'pkcs8', data: pattern(10) });
  await tick();
  await open.backend.finishAll();
  return promise;
}

const signing = (
  key: EngineKey,
  algorithm: SigningAlgorithm = key.keySpec === 'ECC_NIST_P384' ? 'ECDSA_SHA_384' : 'ECDSA_SHA_256',
) => ({ key, algorithm, message: digest32 });

describe('coalescing', () => {
  test('inline calls of one tick run as one block, in the order of the calls', async () => {
    const { engine, backend } = openManual();
    const inputs = Array.from({ length: 100 }, (_, index) => pattern(20, index));
    await Promise.all(inputs.map((message) => engine.digest({ algorithm: 'SHA_256', message })));
    assert.equal(backend.ran.length, 1);
    assert.deepEqual(
      backend.ran[0]!.map(({ input }) => hex(input)),
      inputs.map(hex),
    );
    assert.deepEqual(engine.stats().batchSizes, { 128: 1 });
    await engine.close();
  });

  test('a full block runs without waiting for the others', async () => {
    const { engine, backend } = openManual();
    const calls = Array.from({ length: 1025 }, () => engine.digest({ algorithm: 'SHA_256', message: digest32 }));
    assert.equal(backend.ran.length, 1, 'before the tick ends');
    await Promise.all(calls);
    assert.deepEqual(
      backend.ran.map(({ length }) => length),
      [1024, 1],
    );
    await engine.close();
  });

  test('one thread gets longer batches than several, which could share them, but none dearer than those of RSA-4096', async () => {
    for (const [threads, keySpec, expected] of [
      [1, 'RSA_2048', [32, 32]],
      [2, 'RSA_2048', [16, 16, 16, 16]],
      [1, 'RSA_4096', [8, 8]],
    ] as const) {
      const open = openManual({ threads });
      const { engine, backend } = open;
      const key = await dearKey(open, keySpec);
      const before = backend.submitted.length;
      const calls = Array.from({ length: 64 }, () => engine.sign(signing(key, 'RSASSA_PKCS1_V1_5_SHA_256')));
      await tick();
      assert.deepEqual(sizes(backend).slice(before), expected, `${keySpec}, ${threads}`);
      await backend.finishAll();
      await Promise.all(calls);
      await engine.close();
    }
  });

  test('batches of a packed call are longer than others where every thread has two, and none dearer than those of RSA-4096', async () => {
    for (const [threads, keySpec, algorithm, items, batchSizes] of [
      [1, 'ECC_NIST_P256', 'ECDSA_SHA_256', 1024, { 512: 2 }],
      [4, 'ECC_NIST_P256', 'ECDSA_SHA_256', 1024, { 256: 4 }],
      [1, 'RSA_2048', 'RSASSA_PKCS1_V1_5_SHA_256', 1024, { 64: 16 }],
      [8, 'RSA_2048', 'RSASSA_PKCS1_V1_5_SHA_256', 64, { 16: 4 }],
      [1, 'RSA_4096', 'RSASSA_PKCS1_V1_5_SHA_256', 64, { 8: 8 }],
    ] as const) {
      const open = openManual({ threads });
      const { engine, backend } = open;
      const key = await dearKey(open, keySpec);
      const { batchSizes: before } = engine.stats();
      const call = engine.signPacked({ key, algorithm, digests: pattern(items * 32) });
      await backend.finishAll();
      await call;
      const { batchSizes: after } = engine.stats();
      const grown = Object.entries(after).map(([size, count]) => [size, count - (before[Number(size)] ?? 0)] as const);
      assert.deepEqual(
        Object.fromEntries(grown.filter(([, count]) => count > 0)),
        batchSizes,
        `${keySpec}, ${threads}`,
      );
      await engine.close();
    }
  });

  test('dear calls of one tick share blocks, and blocks grow while the threads are busy', async () => {
    const open = openManual();
    const { engine, backend } = open;
    const key = await dearKey(open);
    const before = backend.submitted.length;
    const calls = [engine.sign(signing(key))];
    await tick();
    assert.deepEqual(sizes(backend).slice(before), [1], 'a lone call waits for nothing');
    // Fills what the queue hands over ahead of time.
    for (let count = 0; count < 300; count++) calls.push(engine.sign(signing(key)));
    await tick();
    const handedOver = sizes(backend).slice(before);
    for (const size of handedOver.slice(1)) assert.ok(size > 1, `blocks of ${handedOver}`);
    // What is called tick by tick while all threads are busy ends up in the same block.
    const waitingFrom = backend.submitted.length;
    for (let count = 0; count < 5; count++) {
      calls.push(engine.sign(signing(key)));
      await tick();
    }
    assert.equal(backend.submitted.length, waitingFrom);
    await backend.finishAll();
    await Promise.all(calls);
    assert.ok(
      sizes(backend)
        .slice(waitingFrom)
        .every((size) => size > 1),
      `${sizes(backend).slice(waitingFrom)}`,
    );
    await engine.close();
  });

  test('a lone call that takes less than a thread would to wake runs here, where no thread is busy', async () => {
    const open = openManual();
    const { engine, backend } = open;
    const quick = signing(await dearKey(open, 'ECC_NIST_P256'));
    const dear = signing(await dearKey(open));
    const before = backend.submitted.length;
    await engine.sign(quick);
    await engine.verify({ ...quick, signature: pattern(70) });
    assert.equal(backend.submitted.length, before);
    const busy = engine.sign(dear);
    await tick();
    const behind = engine.sign(quick);
    await tick();
    assert.deepEqual(sizes(backend).slice(before), [1, 1], 'behind a busy thread it queues');
    await backend.finishAll();
    await Promise.all([busy, behind]);
    const several = Array.from({ length: 5 }, () => engine.sign(quick));
    await tick();
    assert.deepEqual(sizes(backend).slice(before + 2), [5], 'several are worth a thread');
    await backend.finishAll();
    await Promise.all(several);
    await engine.close();
  });

  test('a block holds one operation, algorithm and spec, with keys mixed freely', async () => {
    const open = openManual({ threads: 8 });
    const { engine, backend } = open;
    const keys = [await dearKey(open), await dearKey(open)];
    const k1 = await dearKey(open, 'ECC_SECG_P256K1');
    const before = backend.submitted.length;
    const calls = Array.from({ length: 40 }, (_, index) => engine.sign(signing(keys[index % 2]!)));
    const others = [
      ...Array.from({ length: 3 }, () => engine.sign(signing(k1))),
      engine.verify({ ...signing(keys[0]!), signature: pattern(70) }),
    ];
    await tick();
    assert.deepEqual(sizes(backend).slice(before).sort(), [1, 3, 40]);
    await backend.finishAll();
    await Promise.all([...calls, ...others]);
    await engine.close();
  });

  test('run settles its inline items without leaving the tick, in order, failures among them', async () => {
    const { engine, backend } = openManual();
    backend.verdict = ({ input }) => (input[0] === 1 ? Status.INTERNAL : Status.OK);
    const items: RunItem[] = Array.from({ length: 4 }, (_, index) => ({
      op: 'digest',
      algorithm: 'SHA_256',
      message: Uint8Array.of(index),
    }));
    const results = engine.run(items);
    assert.equal(backend.ran.length, 1, 'ran at the call');
    assert.deepEqual(
      (await results).map((result) => (result.error === undefined ? 'ok' : outcomeOf(result))),
      ['ok', 'INTERNAL', 'ok', 'ok'],
    );
    assert.deepEqual(await engine.run([]), []);
    await engine.close();
  });
});

describe('back-pressure', () => {
  test('one operation too many is refused as retryable, and harms none of the others', async () => {
    const open = openManual({ limits: { maxQueuedOperations: 10 } });
    const { engine, backend } = open;
    const key = await dearKey(open);
    const accepted = Array.from({ length: 10 }, () => engine.sign(signing(key)));
    const refused = await rejectsWith('QUEUE_FULL', engine.sign(signing(key)));
    assert.equal(refused.retryable, true);
    await rejectsWith('QUEUE_FULL', engine.digest({ algorithm: 'SHA_256', message: digest32 }), 'inline counts too');
    const inRun = await engine.run([{ op: 'sign', ...signing(key) }]);
    assert.equal(outcomeOf(inRun[0]!), 'QUEUE_FULL');
    assert.equal(engine.stats().refused, 3);
    await tick();
    await backend.finishAll();
    await Promise.all(accepted);
    const again = engine.sign(signing(key));
    await tick();
    await backend.finishAll();
    await again;
    await engine.close();
  });

  test('bytes are bounded too', async () => {
    const open = openManual({ limits: { maxQueuedBytes: 2 ** 20 } });
    const { engine, backend } = open;
    const key = await dearKey(open);
    const message = pattern(60_000);
    const calls = Array.from({ length: 100 }, () =>
      engine.sign({ ...signing(key), message }).then(
        () => 'signed',
        (error) => error.code,
      ),
    );
    await tick();
    assert.ok(engine.stats().queuedBytes <= 2 ** 20);
    await backend.finishAll();
    const outcomes = await Promise.all(calls);
    const signed = outcomes.filter((outcome) => outcome === 'signed').length;
    assert.ok(signed >= 5 && signed < 100, `${signed} signed`);
    assert.equal(outcomes.filter((outcome) => outcome === 'QUEUE_FULL').length, 100 - signed);
    assert.equal(engine.stats().queuedBytes, 0);
    await engine.close();
  });

  test('packed signing is refused as a whole when the queue is full', async () => {
    const open = openManual({ limits: { maxQueuedOperations: 100 } });
    const { engine, backend } = open;
    const key = await dearKey(open);
    const refused = engine.signPacked({ key, algorithm: 'ECDSA_SHA_384', digests: pattern(48 * 101) });
    const verdict = rejectsWith('QUEUE_FULL', refused);
    await tick();
    await backend.finishAll();
    await verdict;
    key.close();
    assert.equal(backend.openKeys.size, 0, 'nothing holds the key any more');
    await engine.close();
  });
});

describe('fairness', () => {
  test('an inline call does not wait for a thousand RSA-4096 signatures', async () => {
    const open = openManual();
    const { engine, backend } = open;
    const key = await dearKey(open, 'RSA_4096');
    const signatures = Array.from({ length: 1000 }, () => engine.sign(signing(key, 'RSASSA_PSS_SHA_256')));
    await engine.digest({ algorithm: 'SHA_256', message: digest32 });
    assert.equal(engine.stats().done, 2, 'the import and the digest, not one signature');
    await backend.finishAll();
    await Promise.all(signatures);
    await engine.close();
  });

  test('classes share the threads by cost: a few P-256 signatures pass nearly all of the RSA-4096 ones before them', async () => {
    const open = openManual();
    const { engine, backend } = open;
    const rsa = await dearKey(open, 'RSA_4096');
    const p256 = await dearKey(open);
    const before = backend.submitted.length;
    const calls = Array.from({ length: 200 }, () => engine.sign(signing(rsa, 'RSASSA_PSS_SHA_256')));
    await tick();
    calls.push(...Array.from({ length: 100 }, () => engine.sign(signing(p256))));
    await backend.finishAll();
    await Promise.all(calls);
    const slots = backend.submitted.slice(before).map(({ records }) => records[0]!.keySlot);
    const lastP256 = slots.lastIndexOf(
      slots.at(-1) === slots[0] ? slots.find((slot) => slot !== slots[0])! : slots.at(-1)!,
    );
    assert.ok(
      lastP256 < 20,
      `the P-256 blocks are at ${slots.map((slot, index) => (slot === slots[0] ? '' : index)).filter(String)}`,
    );
    await engine.close();
  });

  test('key generation leaves a thread to the others', async () => {
    const open = openManual({ threads: 2 });
    const { engine, backend } = open;
    const p256 = await dearKey(open);
    const before = backend.submitted.length;
    const calls: Promise<unknown>[] = Array.from({ length: 5 }, () => engine.generateKey('RSA_4096'));
    calls.push(engine.sign(signing(p256)));
    await tick();
    const operations = backend.submitted.slice(before).map(({ records }) => records[0]!.operation);
    assert.deepEqual(new Set(operations), new Set([Operation.SIGN, Operation.GENERATE_KEY]));
    assert.equal(operations.length, 2);
    await backend.finishAll();
    await Promise.all(calls);
    await engine.close();
  });
});

describe('AbortSignal', () => {
  const reason = new Error('changed my mind');

  test('aborted before the call: nothing is queued', async () => {
    const open = openManual();
    const { engine, backend } = open;
    const key = await dearKey(open);
    const before = backend.submitted.length;
    const signal = AbortSignal.abort(reason);
    await assert.rejects(engine.sign({ ...signing(key), signal }), reason);
    const [result] = await engine.run([{ op: 'sign', ...signing(key), signal }]);
    assert.equal(result!.error, reason);
    await tick();
    assert.equal(backend.submitted.length, before);
    assert.equal(engine.stats().queued, 0);
    await engine.close();
  });

  test('aborted while queued: rejects at once and the record is taken out', async () => {
    const open = openManual();
    const { engine, backend } = open;
    const key = await dearKey(open);
    const before = backend.submitted.length;
    const controller = new AbortController();
    const cancelled = engine.sign({ ...signing(key), signal: controller.signal });
    const kept = engine.sign(signing(key));
    controller.abort(reason);
    await assert.rejects(cancelled, reason);
    await tick();
    const operations = backend.submitted
      .slice(before)
      .flatMap(({ records }) => records.map(({ operation }) => operation));
    assert.deepEqual(operations, [Operation.NONE, Operation.SIGN]);
    await backend.finishAll();
    await kept;
    key.close();
    assert.equal(backend.openKeys.size, 0, 'a cancelled operation holds no key');
    await engine.close();
  });

  test('aborted while running: rejects at once, the late outcome is dropped', async () => {
    const open = openManual();
    const { engine, backend } = open;
    const key = await dearKey(open);
    const controller = new AbortController();
    const call = engine.sign({ ...signing(key), signal: controller.signal });
    await tick();
    assert.equal(backend.pending, 1);
    controller.abort(reason);
    await assert.rejects(call, reason);
    key.close();
    assert.equal(backend.openKeys.size, 1, 'the running block still needs the key');
    await backend.finishAll();
    assert.equal(backend.openKeys.size, 0);
    assert.equal(engine.stats().running, 0);
    await engine.close();
  });

  test('a key that nobody waits for any more is closed as it comes', async () => {
    const { engine, backend } = openManual();
    const controller = new AbortController();
    const call = engine.generateKey('ECC_NIST_P384', { signal: controller.signal });
    await tick();
    controller.abort(reason);
    await assert.rejects(call, reason);
    await backend.finishAll();
    assert.equal(backend.openKeys.size, 0);
    await engine.close();
  });

  test('an item of run is aborted alone', async () => {
    const open = openManual();
    const { engine, backend } = open;
    const key = await dearKey(open);
    const controller = new AbortController();
    const { signal } = controller;
    const results = engine.run([
      { op: 'sign', ...signing(key) },
      { op: 'sign', ...signing(key), signal },
      { op: 'sign', ...signing(key) },
    ]);
    controller.abort(reason);
    await tick();
    await backend.finishAll();
    const errors = (await results).map(({ error }) => error);
    assert.deepEqual(errors, [undefined, reason, undefined]);
    await engine.close();
  });

  test('a signal that is used often does not collect listeners', async () => {
    const open = openManual();
    const { engine, backend } = open;
    const key = await dearKey(open);
    const { signal } = new AbortController();
    for (let round = 0; round < 3; round++) {
      const calls: Promise<unknown>[] = Array.from({ length: 5 }, () => engine.sign({ ...signing(key), signal }));
      calls.push(engine.digest({ algorithm: 'SHA_256', message: digest32, signal }));
      await tick();
      await backend.finishAll();
      await Promise.all(calls);
    }
    assert.equal(getEventListeners(signal, 'abort').length, 0);
    await engine.close();
  });
});

describe('keys in use', () => {
  test('a key closed after the call is closed in the backend when the last operation is done', async () => {
    const open = openManual();
    const { engine, backend } = open;
    const key = await dearKey(open);
    const calls = [engine.sign(signing(key)), engine.sign(signing(key))];
    key.close();
    key.close();
    await rejectsWith('KEY_CLOSED', engine.sign(signing(key)));
    await tick();
    assert.equal(backend.openKeys.size, 1);
    await backend.finishAll();
    await Promise.all(calls);
    assert.equal(backend.openKeys.size, 0);
    await engine.close();
  });

  test('wrapping holds on to both keys', async () => {
    const { engine, backend } = openManual();
    const rootKey = await engine.generateKey('SYMMETRIC_DEFAULT');
    const key = await engine.generateKey('HMAC_256');
    const wrapped = engine.wrapKey({ rootKey, key, additionalData: digest32 });
    rootKey.close();
    key.close();
    assert.equal(backend.openKeys.size, 2);
    await wrapped;
    assert.equal(backend.openKeys.size, 0);
    await engine.close();
  });

  test('packed signing holds on to its keys, each once per item', async () => {
    const open = openManual();
    const { engine, backend } = open;
    const keys = [await dearKey(open), await dearKey(open)];
    const call = engine.signPacked({ keys, algorithm: 'ECDSA_SHA_384', digests: pattern(2 * 48) });
    for (const key of keys) key.close();
    await tick();
    assert.equal(backend.openKeys.size, 2);
    await backend.finishAll();
    await call;
    assert.equal(backend.openKeys.size, 0);
    await engine.close();
  });
});

describe('closing the engine', () => {
  test('what was accepted settles, what comes later is refused, and twice is once', async () => {
    const open = openManual();
    const { engine, backend } = open;
    const key = await dearKey(open);
    const order = new Order();
    const accepted = [
      order.watch('sign', engine.sign(signing(key))),
      order.watch('digest', engine.digest({ algorithm: 'SHA_256', message: digest32 })),
    ];
    const closing = order.watch('close', engine.close());
    assert.equal(engine.close(), engine.close());
    await rejectsWith('ENGINE_CLOSED', engine.sign(signing(key)));
    await rejectsWith('ENGINE_CLOSED', engine.digest({ algorithm: 'SHA_256', message: digest32 }));
    await rejectsWith('ENGINE_CLOSED', engine.digest({ algorithm: 'SHA_256', message: pattern(100_000) }), 'in place');
    await rejectsWith('ENGINE_CLOSED', engine.generateKey('ECC_NIST_P384'));
    await rejectsWith('ENGINE_CLOSED', engine.signPacked({ key, algorithm: 'ECDSA_SHA_384', digests: pattern(48) }));
    assert.equal(outcomeOf((await engine.run([{ op: 'sign', ...signing(key) }]))[0]!), 'ENGINE_CLOSED');
    await tick();
    assert.equal(backend.closed, false);
    await backend.finishAll();
    await Promise.all(accepted);
    await closing;
    assert.equal(backend.closed, true);
    assert.equal(order.names.at(-1), 'close');
  });

  test('an engine is an AsyncDisposable', async () => {
    const { engine, backend } = openManual();
    await engine[Symbol.asyncDispose]();
    assert.equal(backend.closed, true);
  });
});

describe('a backend that throws', () => {
  for (const where of ['run', 'submit'] as const) {
    test(`from ${where}: the operations fail as INTERNAL, and the engine goes on`, async () => {
      const open = openManual();
      const { engine, backend } = open;
      const key = await dearKey(open);
      const call = (): Promise<unknown> =>
        where === 'run' ? engine.digest({ algorithm: 'SHA_256', message: digest32 }) : engine.sign(signing(key));
      backend.failure = new Error('a bug in the backend');
      const error = await rejectsWith('INTERNAL', call());
      assert.equal((error.cause as Error).message, 'a bug in the backend');
      const again = call();
      await tick();
      await backend.finishAll();
      await again;
      key.close();
      assert.equal(backend.openKeys.size, 0);
      assert.equal(engine.stats().queuedBytes, 0);
      await engine.close();
    });
  }

  test('a status nobody knows fails closed', async () => {
    const { engine, backend } = openManual();
    backend.verdict = () => 999;
    await rejectsWith('INTERNAL', engine.digest({ algorithm: 'SHA_256', message: digest32 }));
    await engine.close();
  });
});

describe('stats', () => {
  test('add up at every moment', async () => {
    const open = openManual({ limits: { maxQueuedOperations: 60 } });
    const { engine, backend } = open;
    const key = await dearKey(open);
    const start = engine.stats();
    assert.deepEqual([start.queued, start.running, start.done, start.failed], [0, 0, 1, 0]);
    backend.verdict = ({ input }) => (input[0] === 1 ? Status.INTERNAL : Status.OK);
    const calls = Array.from({ length: 70 }, (_, index) =>
      engine.sign({ ...signing(key), message: Uint8Array.of(index) }).catch(() => undefined),
    );
    const sum = (): number => {
      const { queued, running, done, refused } = engine.stats();
      return queued + running + done + refused;
    };
    assert.equal(sum(), 71);
    await tick();
    assert.ok(engine.stats().running > 0);
    assert.equal(sum(), 71);
    while (backend.pending > 0) {
      backend.finishOne();
      assert.equal(sum(), 71);
      await tick();
    }
    await Promise.all(calls);
    const { queued, running, done, failed, refused, queuedBytes, latency, batchSizes } = engine.stats();
    assert.deepEqual(
      { queued, running, done, failed, refused, queuedBytes },
      { queued: 0, running: 0, done: 61, failed: 1, refused: 10, queuedBytes: 0 },
    );
    assert.equal(latency.curve.count, 61);
    assert.ok(latency.curve.p50Ms <= latency.curve.p99Ms && latency.curve.p99Ms <= latency.curve.maxMs);
    const batches = Object.values(batchSizes).reduce((total, count) => total + count, 0);
    assert.equal(batches, backend.submitted.length);
    await engine.close();
  });
});

forEachBackend('the queue on a real backend', (subject) => {
  subject.test('SYMMETRIC_DEFAULT', "a caller's buffer may change after the call", async () => {
    const { engine } = subject;
    using key = await testKey(engine, 'SYMMETRIC_DEFAULT');
    const algorithm = 'SYMMETRIC_DEFAULT';
    for (const messageBytes of [100, 100_000]) {
      const wanted = pattern(messageBytes);
      const changes: Record<string, (bytes: Uint8Array) => void> = {
        overwritten: (bytes) => bytes.fill(0xee),
        detached: (bytes) => structuredClone(bytes.buffer, { transfer: [bytes.buffer as ArrayBuffer] }),
      };
      for (const [what, change] of Object.entries(changes)) {
        const [plaintext, aad, iv] = [wanted.slice(), pattern(30), pattern(12, 5)];
        const call = engine.encrypt({ key, algorithm, plaintext, aad, iv });
        for (const bytes of [plaintext, aad, iv]) change(bytes);
        const ciphertext = await call;
        assert.deepEqual(ciphertext.subarray(0, 12), pattern(12, 5), what);
        assert.deepEqual(await engine.decrypt({ key, algorithm, ciphertext, aad: pattern(30) }), wanted, what);
      }
      const resizable = new (
        ArrayBuffer as unknown as new (
          length: number,
          options: object,
        ) => ArrayBuffer & { resize(length: number): void }
      )(messageBytes, { maxByteLength: messageBytes });
      const view = new Uint8Array(resizable);
      view.set(wanted);
      const call = engine.encrypt({ key, algorithm, plaintext: view });
      resizable.resize(0);
      assert.deepEqual(await engine.decrypt({ key, algorithm, ciphertext: await call }), wanted, 'resized');
    }
  });

  subject.test('HMAC_256', 'a result belongs to the caller: it is not overwritten by later work', async () => {
    const { engine } = subject;
    using key = await testKey(engine, 'HMAC_256');
    const algorithm = 'HMAC_SHA_256';
    const first = await engine.mac({ key, algorithm, message: pattern(1) });
    const kept = first.slice();
    for (let round = 0; round < 50; round++) await engine.mac({ key, algorithm, message: pattern(round) });
    assert.deepEqual(first, kept);
    assert.equal(first.byteLength, first.buffer.byteLength, 'and shares memory with nothing');
  });

  subject.test('ECC_NIST_P256', 'key.close() right after sign() still signs', async () => {
    const { engine } = subject;
    const key = await testKey(engine, 'ECC_NIST_P256');
    using verifier = await engine.importKey({ keySpec: 'ECC_NIST_P256', format: 'spki', data: key.publicKey() });
    const calls = Array.from({ length: 100 }, () => engine.sign(signing(key)));
    key.close();
    for (const signature of await Promise.all(calls)) {
      assert.ok(await engine.verify({ ...signing(verifier), signature }));
    }
  });

  subject.test('RSA_4096', 'an AES call behind 1,000 RSA-4096 signatures settles first', async () => {
    const engine = await subject.openAnother();
    const order = new Order();
    const rsa = await testKey(engine, 'RSA_4096');
    const aes = await testKey(engine, 'SYMMETRIC_DEFAULT');
    const p256 = await testKey(engine, 'ECC_NIST_P256');
    const controller = new AbortController();
    const { signal } = controller;
    const signatures = Array.from({ length: 1000 }, (_, index) =>
      order.watch(`rsa ${index}`, engine.sign({ ...signing(rsa, 'RSASSA_PKCS1_V1_5_SHA_256'), signal })),
    );
    await order.watch('aes', engine.encrypt({ key: aes, algorithm: 'SYMMETRIC_DEFAULT', plaintext: pattern(32) }));
    assert.deepEqual(order.names, ['aes']);
    await order.watch('p256', engine.sign(signing(p256)));
    assert.ok(order.names.length < 100, `${order.names.length - 2} RSA signatures before the P-256 one`);
    controller.abort();
    const outcomes = await Promise.allSettled(signatures);
    assert.ok(outcomes.filter(({ status }) => status === 'rejected').length > 800);
    await engine.close();
  });

  subject.test('SYMMETRIC_DEFAULT', 'engine.close() with work pending settles all of it', async () => {
    const engine = await subject.openAnother();
    const aes = await testKey(engine, 'SYMMETRIC_DEFAULT');
    const calls: Promise<unknown>[] = Array.from({ length: 100 }, () =>
      engine.encrypt({ key: aes, algorithm: 'SYMMETRIC_DEFAULT', plaintext: pattern(32) }),
    );
    if (subject.has('RSA_2048')) {
      const rsa = await testKey(engine, 'RSA_2048');
      for (let count = 0; count < 100; count++) calls.push(engine.sign(signing(rsa, 'RSASSA_PSS_SHA_256')));
    }
    const closing = engine.close();
    await Promise.all(calls);
    await closing;
    await rejectsWith('ENGINE_CLOSED', engine.random(1));
    assert.throws(() => aes.export('raw'), EngineError);
  });

  test('back-pressure holds under real work, and lets go', async () => {
    const engine = await subject.openAnother({ limits: { maxQueuedOperations: 50 } });
    const rounds = await Promise.allSettled(Array.from({ length: 80 }, () => engine.random(10)));
    assert.equal(rounds.filter(({ status }) => status === 'fulfilled').length, 50);
    assert.equal((await engine.random(10)).length, 10);
    await engine.close();
  });

  subject.test('HMAC_256', 'results of a run come in order whatever their class', async () => {
    const { engine } = subject;
    using mac = await testKey(engine, 'HMAC_256');
    const expected: string[] = [];
    const items: RunItem[] = [];
    const signer = subject.has('ECC_NIST_EDWARDS25519') ? await testKey(engine, 'ECC_NIST_EDWARDS25519') : undefined;
    for (let index = 0; index < 60; index++) {
      const message = pattern(index);
      if (signer !== undefined && index % 3 === 0) {
        items.push({ op: 'sign', key: signer, algorithm: 'ED25519_SHA_512', message });
        expected.push(hex(await engine.sign({ key: signer, algorithm: 'ED25519_SHA_512', message })));
      } else {
        items.push({ op: 'mac', key: mac, algorithm: 'HMAC_SHA_256', message });
        expected.push(hex(await engine.mac({ key: mac, algorithm: 'HMAC_SHA_256', message })));
      }
    }
    const results = await engine.run(items);
    assert.deepEqual(
      results.map(({ value }) => hex(value as Uint8Array)),
      expected,
    );
    signer?.close();
  });
});
