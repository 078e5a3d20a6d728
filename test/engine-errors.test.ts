/**
 * Every error the engine has, provoked: wrong types, wrong lengths, unknown names, keys that do not fit, damaged ciphertexts, full
 * queues, closed engines. Each gives its stable code and touches nobody else.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import vm from 'node:vm';
import {
  ALGORITHMS,
  type Algorithm,
  type Engine,
  type EngineErrorCode,
  EngineKey,
  KEY_SPECS,
  type KeySpec,
  openEngine,
  type RunItem,
  type RunResult,
} from 'keymill/engine';
import { Status } from '../src/engine/backend.ts';
import { selectBackend } from '../src/engine/select.ts';
import { forEachBackend, type Subject } from './support/backends.ts';
import { concat, flipBit, hex, pattern } from './support/bytes.ts';
import { assertCode, outcomeOf, rejectsWith, throwsWith } from './support/expect.ts';
import { ASYMMETRIC_SPECS, fixedKey, SECRET_BYTES, secretBytes, testKey } from './support/keys.ts';
import { ManualBackend, openManual } from './support/manual-backend.ts';

const bytes = pattern(40);
const ECDSA_OPTIONS = ['deterministic', 'lowS', 'recoveryId'] as const;
const symmetric = 'SYMMETRIC_DEFAULT' as const;

function detached(): Uint8Array {
  const view = new Uint8Array(16);
  structuredClone(view.buffer, { transfer: [view.buffer] });
  return view;
}

/** What is not bytes, however much it looks like them. */
const NOT_BYTES: Readonly<Record<string, () => unknown>> = {
  'a string': () => 'abcd',
  'a number': () => 16,
  'a boolean': () => true,
  'a bigint': () => 16n,
  'a symbol': () => Symbol('bytes'),
  null: () => null,
  'a function': () => () => bytes,
  'an array': () => [1, 2, 3],
  'a plain object': () => ({}),
  'an object with a length': () => ({ length: 16, byteLength: 16, buffer: new ArrayBuffer(16) }),
  'an object that says it is one': () => ({ __proto__: Uint8Array.prototype, [Symbol.toStringTag]: 'Uint8Array' }),
  'an ArrayBuffer': () => new ArrayBuffer(16),
  'a DataView': () => new DataView(new ArrayBuffer(16)),
  'a Float64Array': () => new Float64Array(2),
  'an Int8Array': () => new Int8Array(16),
  'a Uint8ClampedArray': () => new Uint8ClampedArray(16),
  'a Uint16Array': () => new Uint16Array(8),
  'a Proxy of one': () => new Proxy(new Uint8Array(16), {}),
  'a detached one': detached,
  'one over shared memory': () => new Uint8Array(new SharedArrayBuffer(16)),
  'a large one over shared memory': () => new Uint8Array(new SharedArrayBuffer(100_000)),
};

type Call = (engine: Engine, value: never, keys: Keys) => Promise<unknown>;
interface Keys {
  aes: EngineKey;
  mac: EngineKey;
  p256?: EngineKey;
}
/** Every place that takes bytes. `needs` is what the backend must have for the call to get that far. */
const BYTE_PLACES: readonly { what: string; needs?: KeySpec; optional?: true; call: Call }[] = [
  {
    what: 'encrypt plaintext',
    call: (e, plaintext, { aes: key }) => e.encrypt({ key, algorithm: symmetric, plaintext }),
  },
  {
    what: 'encrypt aad',
    optional: true,
    call: (e, aad, { aes: key }) => e.encrypt({ key, algorithm: symmetric, plaintext: bytes, aad }),
  },
  {
    what: 'encrypt iv',
    optional: true,
    call: (e, iv, { aes: key }) => e.encrypt({ key, algorithm: symmetric, plaintext: bytes, iv }),
  },
  {
    what: 'encrypt prefix',
    optional: true,
    call: (e, prefix, { aes: key }) => e.encrypt({ key, algorithm: symmetric, plaintext: bytes, prefix }),
  },
  {
    what: 'decrypt ciphertext',
    call: (e, ciphertext, { aes: key }) => e.decrypt({ key, algorithm: symmetric, ciphertext }),
  },
  {
    what: 'decrypt aad',
    optional: true,
    call: (e, aad, { aes: key }) => e.decrypt({ key, algorithm: symmetric, ciphertext: bytes, aad }),
  },
  { what: 'mac message', call: (e, message, { mac: key }) => e.mac({ key, algorithm: 'HMAC_SHA_256', message }) },
  {
    what: 'verifyMac message',
    call: (e, message, { mac: key }) => e.verifyMac({ key, algorithm: 'HMAC_SHA_256', message, mac: bytes }),
  },
  {
    what: 'verifyMac mac',
    call: (e, mac, { mac: key }) => e.verifyMac({ key, algorithm: 'HMAC_SHA_256', message: bytes, mac }),
  },
  { what: 'digest message', call: (e, message) => e.digest({ algorithm: 'SHA_256', message }) },
  {
    what: 'sign message',
    needs: 'ECC_NIST_P256',
    call: (e, message, { p256: key }) => e.sign({ key: key!, algorithm: 'ECDSA_SHA_256', message }),
  },
  {
    what: 'verify message',
    needs: 'ECC_NIST_P256',
    call: (e, message, { p256: key }) => e.verify({ key: key!, algorithm: 'ECDSA_SHA_256', message, signature: bytes }),
  },
  {
    what: 'verify signature',
    needs: 'ECC_NIST_P256',
    call: (e, signature, { p256: key }) =>
      e.verify({ key: key!, algorithm: 'ECDSA_SHA_256', message: bytes, signature }),
  },
  {
    what: 'deriveSharedSecret publicKey',
    needs: 'ECC_NIST_P256',
    call: (e, publicKey, { p256: key }) => e.deriveSharedSecret({ key: key!, publicKey }),
  },
  { what: 'importKey data', call: (e, data) => e.importKey({ keySpec: symmetric, format: 'raw', data }) },
  {
    what: 'wrapKey additionalData',
    call: (e, additionalData, { aes, mac }) => e.wrapKey({ rootKey: aes, key: mac, additionalData }),
  },
  {
    what: 'unwrapKey wrapped',
    call: (e, wrapped, { aes }) => e.unwrapKey({ rootKey: aes, keySpec: symmetric, wrapped, additionalData: bytes }),
  },
  {
    what: 'unwrapKey additionalData',
    call: (e, additionalData, { aes }) =>
      e.unwrapKey({ rootKey: aes, keySpec: symmetric, wrapped: bytes, additionalData }),
  },
  {
    what: 'sealPacked messages',
    call: (e, messages, { aes: key }) => e.sealPacked({ key, messages, messageBytes: 8 }),
  },
  {
    what: 'sealPacked aad',
    optional: true,
    call: (e, aad, { aes: key }) => e.sealPacked({ key, messages: bytes, messageBytes: 8, aad }),
  },
  {
    what: 'openPacked messages',
    call: (e, messages, { aes: key }) => e.openPacked({ key, messages, messageBytes: 8 }),
  },
  {
    what: 'macPacked messages',
    call: (e, messages, { mac: key }) => e.macPacked({ key, algorithm: 'HMAC_SHA_256', messages, messageBytes: 8 }),
  },
  {
    what: 'signPacked digests',
    needs: 'ECC_NIST_P256',
    call: (e, digests, { p256: key }) => e.signPacked({ key: key!, algorithm: 'ECDSA_SHA_256', digests }),
  },
  {
    what: 'signPacked messages',
    needs: 'ECC_NIST_P256',
    call: (e, messages, { p256: key }) =>
      e.signPacked({ key: key!, algorithm: 'ECDSA_SHA_256', messages, messageBytes: 8 }),
  },
  {
    what: 'verifyPacked signatures',
    needs: 'ECC_NIST_P256',
    call: (e, signatures, { p256: key }) =>
      e.verifyPacked({ key: key!, algorithm: 'ECDSA_SHA_256', digests: pattern(32), signatures }),
  },
];

async function keysOf(subject: Subject): Promise<Keys> {
  const { engine } = subject;
  return {
    aes: await testKey(engine, symmetric),
    mac: await testKey(engine, 'HMAC_256'),
    ...(subject.has('ECC_NIST_P256') ? { p256: await testKey(engine, 'ECC_NIST_P256') } : {}),
  };
}

forEachBackend('wrong types', (subject) => {
  for (const { what, needs, optional, call } of BYTE_PLACES) {
    subject.test(needs ?? symmetric, `${what} must be bytes`, async () => {
      const keys = await keysOf(subject);
      for (const [value, make] of Object.entries(NOT_BYTES)) {
        await rejectsWith('INVALID_ARGUMENT', call(subject.engine, make() as never, keys), `${what}: ${value}`);
      }
      if (!optional) await rejectsWith('INVALID_ARGUMENT', call(subject.engine, undefined as never, keys), 'undefined');
    });
  }

  subject.test(
    'HMAC_256',
    'whatever is bytes is taken for what it is: Buffers, subclasses, other realms, views of a part',
    async () => {
      const { engine } = subject;
      using key = await testKey(engine, 'HMAC_256');
      class Liar extends Uint8Array {
        override get length(): number {
          return 2 ** 30;
        }
        override get byteLength(): number {
          return 0;
        }
        override subarray(): Uint8Array<ArrayBuffer> {
          throw new Error('not called');
        }
      }
      for (const length of [3, 40_000]) {
        const message = pattern(length);
        const wanted = hex(await engine.mac({ key, algorithm: 'HMAC_SHA_256', message }));
        const forms = {
          Buffer: Buffer.from(message),
          liar: Liar.from(message),
          realm: vm.runInNewContext('Uint8Array.from(bytes)', { bytes: [...message] }) as Uint8Array,
          part: concat(pattern(7), message, pattern(9)).subarray(7, 7 + length),
        };
        for (const [form, value] of Object.entries(forms)) {
          assert.equal(hex(await engine.mac({ key, algorithm: 'HMAC_SHA_256', message: value })), wanted, form);
        }
      }
    },
  );

  subject.test('HMAC_256', 'keys must be keys, and of this engine', async () => {
    const { engine } = subject;
    const keys = await keysOf(subject);
    const other = await subject.openAnother();
    const foreign = await testKey(other, 'HMAC_256');
    const wrong: Record<string, unknown> = {
      undefined: undefined,
      null: null,
      'a string': 'key',
      'an object': {},
      'an object of the class': Object.create(EngineKey.prototype),
      'a Proxy': new Proxy(keys.mac, {}),
      'of another engine': foreign,
    };
    for (const [what, value] of Object.entries(wrong)) {
      const key = value as EngineKey;
      const calls = [
        engine.mac({ key, algorithm: 'HMAC_SHA_256', message: bytes }),
        engine.encrypt({ key, algorithm: symmetric, plaintext: bytes }),
        engine.wrapKey({ rootKey: key, key: keys.mac, additionalData: bytes }),
        engine.wrapKey({ rootKey: keys.aes, key, additionalData: bytes }),
        engine.unwrapKey({ rootKey: key, keySpec: symmetric, wrapped: bytes, additionalData: bytes }),
        engine.macPacked({ key, algorithm: 'HMAC_SHA_256', messages: bytes, messageBytes: 8 }),
        engine.macPacked({ keys: Array(5).fill(key), algorithm: 'HMAC_SHA_256', messages: bytes, messageBytes: 8 }),
      ];
      for (const call of calls) await rejectsWith('INVALID_ARGUMENT', call, what);
    }
    await other.close();
  });

  test('requests, options and counts must be what they are called', async () => {
    const { engine } = subject;
    for (const request of [undefined, null, 5, 'request', true] as never[]) {
      for (const method of [
        'encrypt',
        'decrypt',
        'sign',
        'verify',
        'mac',
        'verifyMac',
        'digest',
        'deriveSharedSecret',
        'importKey',
        'wrapKey',
        'unwrapKey',
        'signPacked',
        'verifyPacked',
        'sealPacked',
        'openPacked',
        'macPacked',
      ] as const) {
        await rejectsWith('INVALID_ARGUMENT', engine[method](request), `${method}(${String(request)})`);
      }
      await rejectsWith('INVALID_ARGUMENT', engine.run(request), `run(${String(request)})`);
    }
    for (const count of [
      -1,
      1.5,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      2 ** 20 + 1,
      '5',
      5n,
      null,
      undefined,
      {},
    ] as never[]) {
      await rejectsWith('INVALID_ARGUMENT', engine.random(count), `random(${String(count)})`);
    }
    const results = await engine.run([
      undefined,
      null,
      {},
      { op: '__proto__' },
      { op: 'constructor' },
      { op: 'run' },
      [],
      5,
    ] as never[]);
    assert.deepEqual(results.map(outcomeOf), Array(8).fill('INVALID_ARGUMENT'));
  });

  subject.test('HMAC_256', 'a signal must be an AbortSignal, and a wrong one disturbs no neighbour', async () => {
    const { engine } = subject;
    using key = await testKey(engine, 'HMAC_256');
    const mac = (message: Uint8Array, signal?: unknown) =>
      engine.mac({ key, algorithm: 'HMAC_SHA_256', message, signal: signal as AbortSignal });
    const wanted = [await mac(pattern(1)), await mac(pattern(2))].map(hex);
    for (const signal of [
      null,
      {},
      'signal',
      { throwIfAborted() {} },
      { throwIfAborted() {}, aborted: false, addEventListener: 5 },
    ]) {
      const [first, wrong, second] = await Promise.allSettled([
        mac(pattern(1)),
        mac(pattern(9), signal),
        mac(pattern(2)),
      ]);
      assert.equal(wrong.status, 'rejected');
      assertCode((wrong as PromiseRejectedResult).reason, 'INVALID_ARGUMENT', String(signal));
      assert.deepEqual(
        [first, second].map((each) => hex((each as PromiseFulfilledResult<Uint8Array>).value)),
        wanted,
      );
    }
    assert.equal(engine.stats().queued, 0);
  });

  subject.test(
    symmetric,
    'a request whose getters throw rejects with what they throw, and the next call is unharmed',
    async () => {
      const { engine } = subject;
      using key = await testKey(engine, symmetric);
      const thrown = new Error('from a getter');
      const request = {
        key,
        algorithm: symmetric,
        get plaintext(): Uint8Array {
          throw thrown;
        },
      };
      await assert.rejects(engine.encrypt(request), thrown);
      const results = await engine.run([
        { op: 'encrypt', ...{ key, algorithm: symmetric, plaintext: bytes } },
        Object.defineProperty({ op: 'encrypt', key, algorithm: symmetric }, 'plaintext', {
          get() {
            throw thrown;
          },
        }) as RunItem,
      ]);
      assert.equal(results[0]!.error, undefined);
      assert.equal(results[1]!.error, thrown);
    },
  );
});

/** Names that no table has, among them those every object has. */
const UNKNOWN_NAMES = [
  '',
  'nope',
  'symmetric_default',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'valueOf',
  'x'.repeat(10_000),
];
const NOT_NAMES = [null, 5, {}, [], ['SYMMETRIC_DEFAULT'], Symbol('name'), { toString: () => 'SYMMETRIC_DEFAULT' }];
const WRONG_NAMES = [...UNKNOWN_NAMES, ...NOT_NAMES] as never[];

forEachBackend('unknown names', (subject) => {
  const places: Record<string, { required: boolean; needs?: KeySpec; call: Call }> = {
    'generateKey keySpec': { required: true, call: (e, keySpec) => e.generateKey(keySpec) },
    'importKey keySpec': {
      required: true,
      call: (e, keySpec) => e.importKey({ keySpec, format: 'raw', data: pattern(32) }),
    },
    'importKey format': {
      required: true,
      call: (e, format) => e.importKey({ keySpec: symmetric, format, data: pattern(32) }),
    },
    'unwrapKey keySpec': {
      required: true,
      call: (e, keySpec, { aes }) => e.unwrapKey({ rootKey: aes, keySpec, wrapped: bytes, additionalData: bytes }),
    },
    'encrypt algorithm': {
      required: true,
      call: (e, algorithm, { aes: key }) => e.encrypt({ key, algorithm, plaintext: bytes }),
    },
    'decrypt algorithm': {
      required: true,
      call: (e, algorithm, { aes: key }) => e.decrypt({ key, algorithm, ciphertext: bytes }),
    },
    'mac algorithm': {
      required: true,
      call: (e, algorithm, { mac: key }) => e.mac({ key, algorithm, message: bytes }),
    },
    'verifyMac algorithm': {
      required: true,
      call: (e, algorithm, { mac: key }) => e.verifyMac({ key, algorithm, message: bytes, mac: bytes }),
    },
    'digest algorithm': { required: true, call: (e, algorithm) => e.digest({ algorithm, message: bytes }) },
    'macPacked algorithm': {
      required: true,
      call: (e, algorithm, { mac: key }) => e.macPacked({ key, algorithm, messages: bytes, messageBytes: 8 }),
    },
    'sealPacked algorithm': {
      required: false,
      call: (e, algorithm, { aes: key }) => e.sealPacked({ key, algorithm, messages: bytes, messageBytes: 8 }),
    },
    'sign algorithm': {
      required: true,
      needs: 'ECC_NIST_P256',
      call: (e, algorithm, { p256: key }) => e.sign({ key: key!, algorithm, message: bytes }),
    },
    'sign messageType': {
      required: false,
      needs: 'ECC_NIST_P256',
      call: (e, messageType, { p256: key }) =>
        e.sign({ key: key!, algorithm: 'ECDSA_SHA_256', message: bytes, messageType }),
    },
    'sign encoding': {
      required: false,
      needs: 'ECC_NIST_P256',
      call: (e, encoding, { p256: key }) => e.sign({ key: key!, algorithm: 'ECDSA_SHA_256', message: bytes, encoding }),
    },
    'signPacked algorithm': {
      required: true,
      needs: 'ECC_NIST_P256',
      call: (e, algorithm, { p256: key }) => e.signPacked({ key: key!, algorithm, digests: pattern(32) }),
    },
  };
  for (const [what, { required, needs, call }] of Object.entries(places)) {
    subject.test(needs ?? symmetric, what, async () => {
      const keys = await keysOf(subject);
      for (const name of required ? [...WRONG_NAMES, undefined as never] : WRONG_NAMES) {
        const error = await rejectsWith(
          'INVALID_ARGUMENT',
          call(subject.engine, name, keys),
          `${what} ${String(name).slice(0, 30)}`,
        );
        assert.ok(error.message.length < 1000, 'a message does not repeat what came at length');
      }
    });
  }

  subject.test(symmetric, 'export format', async () => {
    using key = await testKey(subject.engine, symmetric);
    for (const format of WRONG_NAMES.filter((name) => typeof name !== 'symbol')) {
      throwsWith('INVALID_ARGUMENT', () => key.export(format), String(format).slice(0, 30));
    }
  });
});

test('options of openEngine', async () => {
  const wrong: Record<string, unknown>[] = [
    ...[0, -1, 1.5, 257, '2', Number.NaN].map((threads) => ({ threads })),
    ...WRONG_NAMES.filter((name) => typeof name !== 'symbol')
      .map((kernels) => ({ kernels }))
      .filter(({ kernels }) => kernels !== null),
    ...['', 'Native', '__proto__', 5, {}].filter((backend) => backend !== '').map((backend) => ({ backend })),
    ...[0, -1, 1.5, 'x'].map((maxQueuedOperations) => ({ limits: { maxQueuedOperations } })),
    ...[0, 1000, 'x'].map((maxQueuedBytes) => ({ limits: { maxQueuedBytes } })),
  ];
  for (const options of wrong)
    await rejectsWith('INVALID_ARGUMENT', openEngine(options), JSON.stringify(options).slice(0, 60));
  await rejectsWith('INVALID_ARGUMENT', openEngine(null as never));
  await rejectsWith('INVALID_ARGUMENT', openEngine('native' as never));
});

forEachBackend('keys that do not fit', (subject) => {
  /** Each operation with a key, as little else as it needs. */
  const operations: Readonly<
    Record<string, { use: string; call(engine: Engine, key: EngineKey, algorithm: never): Promise<unknown> }>
  > = {
    encrypt: { use: 'encrypt', call: (e, key, algorithm) => e.encrypt({ key, algorithm, plaintext: bytes }) },
    decrypt: { use: 'encrypt', call: (e, key, algorithm) => e.decrypt({ key, algorithm, ciphertext: bytes }) },
    sign: { use: 'sign', call: (e, key, algorithm) => e.sign({ key, algorithm, message: bytes }) },
    verify: {
      use: 'sign',
      call: (e, key, algorithm) => e.verify({ key, algorithm, message: bytes, signature: bytes }),
    },
    mac: { use: 'mac', call: (e, key, algorithm) => e.mac({ key, algorithm, message: bytes }) },
    verifyMac: { use: 'mac', call: (e, key, algorithm) => e.verifyMac({ key, algorithm, message: bytes, mac: bytes }) },
    sealPacked: {
      use: 'encrypt',
      call: (e, key, algorithm) => e.sealPacked({ key, algorithm, messages: bytes, messageBytes: 8 }),
    },
    openPacked: {
      use: 'encrypt',
      call: (e, key, algorithm) => e.openPacked({ key, algorithm, messages: bytes, messageBytes: 8 }),
    },
    macPacked: {
      use: 'mac',
      call: (e, key, algorithm) => e.macPacked({ key, algorithm, messages: bytes, messageBytes: 8 }),
    },
    signPacked: {
      use: 'sign',
      call: (e, key, algorithm) => e.signPacked({ key, algorithm, messages: bytes, messageBytes: 8 }),
    },
    verifyPacked: {
      use: 'sign',
      call: (e, key, algorithm) =>
        e.verifyPacked({ key, algorithm, messages: bytes, messageBytes: 8, signatures: bytes }),
    },
  };
  for (const keySpec of Object.keys(KEY_SPECS) as KeySpec[]) {
    subject.test(
      keySpec,
      `${keySpec}: every algorithm of another spec is WRONG_KEY, of another operation INVALID_ARGUMENT`,
      async () => {
        const { engine } = subject;
        using key = await testKey(engine, keySpec);
        let tried = 0;
        for (const [name, { use, call }] of Object.entries(operations)) {
          for (const algorithm of Object.keys(ALGORITHMS) as Algorithm[]) {
            const isOfUse = ALGORITHMS[algorithm].use === use;
            if (isOfUse && KEY_SPECS[keySpec].algorithms.includes(algorithm)) continue;
            const code = isOfUse ? 'WRONG_KEY' : 'INVALID_ARGUMENT';
            await rejectsWith(code, call(engine, key, algorithm as never), `${name} ${algorithm}`);
            tried++;
          }
        }
        assert.ok(tried > 100, `${tried} combinations`);
        if (!KEY_SPECS[keySpec].algorithms.includes('ECDH')) {
          await rejectsWith('WRONG_KEY', engine.deriveSharedSecret({ key, publicKey: bytes }), 'deriveSharedSecret');
        }
        if (keySpec !== symmetric) {
          await rejectsWith('WRONG_KEY', engine.wrapKey({ rootKey: key, key, additionalData: bytes }), 'wrapKey');
          await rejectsWith(
            'WRONG_KEY',
            engine.unwrapKey({ rootKey: key, keySpec: symmetric, wrapped: pattern(73), additionalData: bytes }),
            'unwrapKey',
          );
        }
      },
    );
  }

  for (const keySpec of ASYMMETRIC_SPECS) {
    subject.test(keySpec, `${keySpec}: a public key does public things only`, async () => {
      const { engine } = subject;
      using key = await engine.importKey({ keySpec, format: 'spki', data: fixedKey(keySpec).spki });
      using rootKey = await testKey(engine, symmetric);
      for (const algorithm of KEY_SPECS[keySpec].algorithms) {
        const { use } = ALGORITHMS[algorithm];
        const secret = use === 'sign' ? operations.sign! : use === 'encrypt' ? operations.decrypt! : undefined;
        if (secret === undefined)
          await rejectsWith('WRONG_KEY', engine.deriveSharedSecret({ key, publicKey: fixedKey(keySpec).spki }));
        else await rejectsWith('WRONG_KEY', secret.call(engine, key, algorithm as never), algorithm);
      }
      await rejectsWith('WRONG_KEY', engine.wrapKey({ rootKey, key, additionalData: bytes }));
      throwsWith('NOT_EXPORTABLE', () => key.export('pkcs8'));
      throwsWith('NOT_EXPORTABLE', () => key.export('raw'));
      assert.deepEqual(key.publicKey(), fixedKey(keySpec).spki);
    });
  }

  for (const keySpec of Object.keys(KEY_SPECS) as KeySpec[]) {
    subject.test(keySpec, `${keySpec}: what may not leave does not`, async () => {
      const { engine } = subject;
      const secret = SECRET_BYTES[keySpec];
      const data = secret === undefined ? fixedKey(keySpec).pkcs8 : secretBytes(secret);
      const format = secret === undefined ? 'pkcs8' : 'raw';
      using rootKey = await testKey(engine, symmetric);
      using imported = await engine.importKey({ keySpec, format, data, exportable: false });
      const wrapped = await engine.wrapKey({ rootKey, key: imported, additionalData: bytes });
      using unwrapped = await engine.unwrapKey({ rootKey, keySpec, wrapped, additionalData: bytes, exportable: false });
      for (const key of [imported, unwrapped]) {
        throwsWith('NOT_EXPORTABLE', () => key.export('raw'));
        throwsWith('NOT_EXPORTABLE', () => key.export('pkcs8'));
        if (secret === undefined) assert.deepEqual(key.publicKey(), fixedKey(keySpec).spki);
      }
      using open = await engine.importKey({ keySpec, format, data });
      if (secret !== undefined) {
        throwsWith('NOT_EXPORTABLE', () => open.publicKey());
        throwsWith('NOT_EXPORTABLE', () => open.export('pkcs8'));
      }
      if (KEY_SPECS[keySpec].family === 'rsa') throwsWith('NOT_EXPORTABLE', () => open.export('raw'));
    });

    subject.test(keySpec, `${keySpec}: a closed key`, async () => {
      const { engine } = subject;
      const key = await testKey(engine, keySpec);
      using rootKey = await testKey(engine, symmetric);
      key.close();
      key.close();
      for (const [name, { use, call }] of Object.entries(operations)) {
        const algorithm = KEY_SPECS[keySpec].algorithms.find((each) => ALGORITHMS[each].use === use);
        if (algorithm !== undefined) await rejectsWith('KEY_CLOSED', call(engine, key, algorithm as never), name);
      }
      await rejectsWith('KEY_CLOSED', engine.wrapKey({ rootKey, key, additionalData: bytes }));
      throwsWith('KEY_CLOSED', () => key.export('raw'));
      throwsWith('KEY_CLOSED', () => key.publicKey());
      assert.equal(key.keySpec, keySpec);
    });
  }
});

forEachBackend('wrong lengths', (subject) => {
  subject.test(symmetric, 'a nonce of another length', async () => {
    const { engine } = subject;
    using key = await testKey(engine, symmetric);
    for (const [algorithm, nonceBytes] of [
      [symmetric, 12],
      ['XAES_256_GCM', 24],
    ] as const) {
      for (const length of [0, 1, 8, 11, 12, 13, 16, 23, 24, 25, 60].filter((each) => each !== nonceBytes)) {
        await rejectsWith(
          'INVALID_LENGTH',
          engine.encrypt({ key, algorithm, plaintext: bytes, iv: pattern(length) }),
          `${algorithm} ${length}`,
        );
      }
    }
  });

  for (const keySpec of ASYMMETRIC_SPECS.filter((each) => KEY_SPECS[each].family === 'rsa')) {
    subject.test(keySpec, `${keySpec} OAEP: more than fits, and what OAEP has not`, async () => {
      const { engine } = subject;
      using key = await testKey(engine, keySpec);
      for (const [algorithm, hashBytes] of [
        ['RSAES_OAEP_SHA_1', 20],
        ['RSAES_OAEP_SHA_256', 32],
      ] as const) {
        const longest = KEY_SPECS[keySpec].elementBytes! - 2 * hashBytes - 2;
        for (const length of [longest + 1, longest + 2, KEY_SPECS[keySpec].elementBytes!, 100_000]) {
          await rejectsWith(
            'INVALID_LENGTH',
            engine.encrypt({ key, algorithm, plaintext: pattern(length) }),
            `${algorithm} ${length}`,
          );
        }
        await rejectsWith(
          'INVALID_LENGTH',
          engine.encrypt({ key, algorithm, plaintext: bytes, iv: pattern(12) }),
          'iv',
        );
        await rejectsWith(
          'INVALID_ARGUMENT',
          engine.encrypt({ key, algorithm, plaintext: bytes, aad: pattern(12) }),
          'aad',
        );
      }
    });
  }

  for (const keySpec of ASYMMETRIC_SPECS) {
    for (const algorithm of KEY_SPECS[keySpec].algorithms.filter(
      (each) => ALGORITHMS[each].use === 'sign' && ALGORITHMS[each].takesDigest !== false,
    )) {
      subject.test(keySpec, `${keySpec} ${algorithm}: a digest of another length`, async () => {
        const { engine } = subject;
        using key = await testKey(engine, keySpec);
        for (const length of [0, 1, 20, 28, 31, 32, 33, 48, 63, 64, 65, 128].filter(
          (each) => each !== Number(ALGORITHMS[algorithm].hash!.slice(4)) / 8,
        )) {
          const request = {
            key,
            algorithm: algorithm as never,
            message: pattern(length),
            messageType: 'DIGEST' as const,
          };
          await rejectsWith('INVALID_LENGTH', engine.sign(request), `sign ${length}`);
          await rejectsWith('INVALID_LENGTH', engine.verify({ ...request, signature: bytes }), `verify ${length}`);
        }
      });
    }
  }

  subject.test('ECC_NIST_EDWARDS25519', 'encodings belong to ECDSA', async () => {
    using key = await testKey(subject.engine, 'ECC_NIST_EDWARDS25519');
    const call = subject.engine.sign({ key, algorithm: 'ED25519_SHA_512', message: bytes, encoding: 'p1363' });
    await rejectsWith('INVALID_ARGUMENT', call);
  });

  for (const [keySpec, algorithm] of [
    ['RSA_2048', 'RSASSA_PKCS1_V1_5_SHA_256'],
    ['ECC_NIST_EDWARDS25519', 'ED25519_SHA_512'],
  ] as const) {
    subject.test(keySpec, `${algorithm}: deterministic, lowS and recoveryId belong to ECDSA`, async () => {
      const { engine } = subject;
      using key = await testKey(engine, keySpec);
      for (const option of ECDSA_OPTIONS) {
        const request = { key, algorithm, message: bytes, [option]: true };
        const error = await rejectsWith('INVALID_ARGUMENT', engine.sign(request), option);
        assert.equal(error.message, `${option}: expected nothing but false beside ECDSA, got true`);
        const packed = { key, algorithm, messages: bytes, messageBytes: bytes.length, [option]: true };
        await rejectsWith('INVALID_ARGUMENT', engine.signPacked(packed), `packed ${option}`);
        assert.deepEqual(
          await engine.sign({ ...request, [option]: false }),
          await engine.sign({ ...request, [option]: undefined }),
        );
      }
    });
  }

  subject.test('ECC_NIST_P256', 'deterministic, lowS and recoveryId are booleans', async () => {
    using key = await testKey(subject.engine, 'ECC_NIST_P256');
    for (const option of ECDSA_OPTIONS) {
      for (const value of [1, 0, 'true', '', null, {}, []]) {
        const request = { key, algorithm: 'ECDSA_SHA_256', message: bytes, [option]: value } as never;
        await rejectsWith('INVALID_ARGUMENT', subject.engine.sign(request), `${option} ${JSON.stringify(value)}`);
      }
    }
  });
});

forEachBackend('damaged ciphertexts', (subject) => {
  for (const algorithm of [symmetric, 'XAES_256_GCM'] as const) {
    for (const messageBytes of [0, 1, 40, 40_000]) {
      subject.test(
        symmetric,
        `${algorithm} of ${messageBytes} bytes: no byte may be missing, added or changed`,
        async () => {
          const { engine } = subject;
          using key = await testKey(engine, symmetric);
          using other = await testKey(engine, symmetric, 1);
          const aad = pattern(10);
          const sealed = await engine.encrypt({ key, algorithm, plaintext: pattern(messageBytes), aad });
          const fails = (what: string, ciphertext: Uint8Array) =>
            rejectsWith('DECRYPTION_FAILED', engine.decrypt({ key, algorithm, ciphertext, aad }), what);
          const step = Math.max(1, Math.floor(sealed.length / 100));
          for (let length = 0; length < sealed.length; length += step)
            await fails(`the first ${length} bytes`, sealed.slice(0, length));
          for (let byte = 0; byte < sealed.length; byte += step)
            await fails(`byte ${byte} changed`, flipBit(sealed, byte * 8 + (byte % 8)));
          for (const tagBytes of [15, 12, 8, 4, 1, 0])
            await fails(`a tag of ${tagBytes} bytes`, sealed.subarray(0, sealed.length - 16 + tagBytes));
          await fails('a byte more', concat(sealed, pattern(1)));
          await fails('a byte before', concat(pattern(1), sealed));
          for (const wrongAad of [undefined, pattern(9), pattern(11), flipBit(aad, 3)]) {
            await rejectsWith(
              'DECRYPTION_FAILED',
              engine.decrypt({ key, algorithm, ciphertext: sealed, aad: wrongAad }),
              'additional data',
            );
          }
          await rejectsWith(
            'DECRYPTION_FAILED',
            engine.decrypt({ key: other, algorithm, ciphertext: sealed, aad }),
            'another key',
          );
          const otherAlgorithm = algorithm === symmetric ? 'XAES_256_GCM' : symmetric;
          await rejectsWith(
            'DECRYPTION_FAILED',
            engine.decrypt({ key, algorithm: otherAlgorithm, ciphertext: sealed, aad }),
            'another algorithm',
          );
        },
      );
    }
  }

  for (const algorithm of ['RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256'] as const) {
    subject.test('RSA_2048', `${algorithm}: one error for every failure`, async () => {
      const { engine } = subject;
      using key = await testKey(engine, 'RSA_2048');
      using other = await engine.generateKey('RSA_2048');
      const sealed = await engine.encrypt({ key, algorithm, plaintext: pattern(20) });
      const ciphertexts: Record<string, Uint8Array> = {
        empty: new Uint8Array(0),
        'a byte less': sealed.subarray(1),
        'a byte more': concat(Uint8Array.of(0), sealed),
        zero: new Uint8Array(256),
        one: concat(new Uint8Array(255), Uint8Array.of(1)),
        'above the modulus': new Uint8Array(256).fill(0xff),
        long: pattern(10_000),
      };
      for (let byte = 0; byte < 256; byte += 15) ciphertexts[`byte ${byte} changed`] = flipBit(sealed, byte * 8);
      const messages = new Set<string>();
      for (const [what, ciphertext] of Object.entries(ciphertexts)) {
        messages.add(
          (await rejectsWith('DECRYPTION_FAILED', engine.decrypt({ key, algorithm, ciphertext }), what)).message,
        );
      }
      messages.add(
        (await rejectsWith('DECRYPTION_FAILED', engine.decrypt({ key: other, algorithm, ciphertext: sealed }))).message,
      );
      const otherHash = algorithm === 'RSAES_OAEP_SHA_1' ? 'RSAES_OAEP_SHA_256' : 'RSAES_OAEP_SHA_1';
      await rejectsWith('DECRYPTION_FAILED', engine.decrypt({ key, algorithm: otherHash, ciphertext: sealed }));
      assert.equal(messages.size, 1, [...messages].join(' | '));
    });
  }

  subject.test('HMAC_256', 'a shortened or lengthened MAC is false', async () => {
    const { engine } = subject;
    using key = await testKey(engine, 'HMAC_256');
    const request = { key, algorithm: 'HMAC_SHA_256' as const, message: bytes };
    const mac = await engine.mac(request);
    for (let length = 0; length < mac.length; length++)
      assert.equal(await engine.verifyMac({ ...request, mac: mac.subarray(0, length) }), false, `${length} bytes`);
    for (let bit = 0; bit < mac.length * 8; bit++)
      assert.equal(await engine.verifyMac({ ...request, mac: flipBit(mac, bit) }), false, `bit ${bit}`);
    assert.equal(await engine.verifyMac({ ...request, mac: concat(mac, Uint8Array.of(0)) }), false);
    assert.equal(await engine.verifyMac({ ...request, mac }), true);
  });
});

/** A valid item of each operation, numbered, and how to tell that its outcome is the right one; and that item poisoned. */
interface Sample {
  readonly needs: KeySpec;
  readonly item: (index: number) => RunItem;
  readonly expected: (index: number) => Promise<unknown>;
  /** Instead of comparing with `expected`: for outcomes with randomness in them. */
  readonly check?: (index: number, value: never) => Promise<boolean>;
  readonly poisons: Readonly<Record<string, [RunItem, EngineErrorCode | false]>>;
}

forEachBackend('one poisoned item in a run of 256 harms only itself', (subject) => {
  type Build = (engine: Engine, keys: Keys & { closed: EngineKey }) => Promise<Sample> | Sample;
  const samples: Readonly<Record<string, { needs: KeySpec; build: Build }>> = {
    encrypt: {
      needs: symmetric,
      build: (_engine, { aes: key, closed }) => {
        const iv = (index: number) => pattern(12, index);
        const item = (index: number): RunItem => ({
          op: 'encrypt',
          key,
          algorithm: symmetric,
          plaintext: pattern(index),
          iv: iv(index),
        });
        return {
          needs: symmetric,
          item,
          expected: (index) => _engine.encrypt(item(index) as never),
          poisons: {
            'a closed key': [{ ...item(0), key: closed } as RunItem, 'KEY_CLOSED'],
            'a short nonce': [{ ...item(0), iv: pattern(11) } as RunItem, 'INVALID_LENGTH'],
            'no bytes': [{ ...item(0), plaintext: null } as never, 'INVALID_ARGUMENT'],
          },
        };
      },
    },
    decrypt: {
      needs: symmetric,
      build: async (engine, { aes: key }) => {
        const sealed = await Promise.all(
          Array.from({ length: 256 }, (_, index) =>
            engine.encrypt({ key, algorithm: 'XAES_256_GCM', plaintext: pattern(index) }),
          ),
        );
        const item = (index: number): RunItem => ({
          op: 'decrypt',
          key,
          algorithm: 'XAES_256_GCM',
          ciphertext: sealed[index]!,
        });
        return {
          needs: symmetric,
          item,
          expected: async (index) => pattern(index),
          poisons: {
            'a flipped tag': [
              { ...item(7), ciphertext: flipBit(sealed[7]!, sealed[7]!.length * 8 - 1) } as RunItem,
              'DECRYPTION_FAILED',
            ],
            'too short': [{ ...item(7), ciphertext: pattern(39) } as RunItem, 'DECRYPTION_FAILED'],
            empty: [{ ...item(7), ciphertext: new Uint8Array(0) } as RunItem, 'DECRYPTION_FAILED'],
          },
        };
      },
    },
    mac: {
      needs: 'HMAC_256',
      build: (engine, { mac: key, aes, closed }) => {
        const item = (index: number): RunItem => ({
          op: 'mac',
          key,
          algorithm: 'HMAC_SHA_256',
          message: pattern(index),
        });
        return {
          needs: 'HMAC_256',
          item,
          expected: (index) => engine.mac(item(index) as never),
          poisons: {
            'a closed key': [{ ...item(0), key: closed } as RunItem, 'KEY_CLOSED'],
            'a key of another kind': [{ ...item(0), key: aes } as RunItem, 'WRONG_KEY'],
            'an unknown algorithm': [{ ...item(0), algorithm: 'HMAC_MD5' } as never, 'INVALID_ARGUMENT'],
          },
        };
      },
    },
    verifyMac: {
      needs: 'HMAC_256',
      build: async (engine, { mac: key }) => {
        const macs = await Promise.all(
          Array.from({ length: 256 }, (_, index) =>
            engine.mac({ key, algorithm: 'HMAC_SHA_256', message: pattern(index) }),
          ),
        );
        const item = (index: number): RunItem => ({
          op: 'verifyMac',
          key,
          algorithm: 'HMAC_SHA_256',
          message: pattern(index),
          mac: macs[index]!,
        });
        return {
          needs: 'HMAC_256',
          item,
          expected: async () => true,
          poisons: {
            'a truncated MAC': [{ ...item(3), mac: macs[3]!.subarray(0, 16) } as RunItem, false],
            'a flipped MAC': [{ ...item(3), mac: flipBit(macs[3]!, 0) } as RunItem, false],
          },
        };
      },
    },
    digest: {
      needs: symmetric,
      build: (engine) => {
        const item = (index: number): RunItem => ({ op: 'digest', algorithm: 'SHA_512', message: pattern(index) });
        return {
          needs: symmetric,
          item,
          expected: (index) => engine.digest(item(index) as never),
          poisons: { 'an unknown algorithm': [{ ...item(0), algorithm: 'MD5' } as never, 'INVALID_ARGUMENT'] },
        };
      },
    },
    random: {
      needs: symmetric,
      build: () => ({
        needs: symmetric,
        item: (index) => ({ op: 'random', bytes: index }),
        expected: async () => undefined,
        check: async (index, value: Uint8Array) => value.length === index,
        poisons: { 'too many': [{ op: 'random', bytes: 2 ** 21 }, 'INVALID_ARGUMENT'] },
      }),
    },
    importKey: {
      needs: 'HMAC_256',
      build: () => {
        const item = (index: number): RunItem => ({
          op: 'importKey',
          keySpec: 'HMAC_256',
          format: 'raw',
          data: pattern(32, index),
        });
        return {
          needs: 'HMAC_256',
          item,
          expected: async () => undefined,
          check: async (index, key: EngineKey) => {
            const matches = hex(key.export('raw')) === hex(pattern(32, index));
            key.close();
            return matches;
          },
          poisons: { 'a short key': [{ ...item(0), data: pattern(31) } as RunItem, 'INVALID_KEY'] },
        };
      },
    },
    unwrapKey: {
      needs: 'HMAC_256',
      build: async (engine, { aes: rootKey, mac }) => {
        const wrapped = await engine.wrapKey({ rootKey, key: mac, additionalData: bytes });
        const item = (): RunItem => ({ op: 'unwrapKey', rootKey, keySpec: 'HMAC_256', wrapped, additionalData: bytes });
        return {
          needs: 'HMAC_256',
          item,
          expected: async () => undefined,
          check: async (_index, key: EngineKey) => {
            const matches = hex(key.export('raw')) === hex(mac.export('raw'));
            key.close();
            return matches;
          },
          poisons: { 'a flipped bit': [{ ...item(), wrapped: flipBit(wrapped, 100) } as RunItem, 'DECRYPTION_FAILED'] },
        };
      },
    },
    sign: {
      needs: 'ECC_NIST_P256',
      build: (engine, { p256, closed }) => {
        const key = p256!;
        const item = (index: number): RunItem => ({
          op: 'sign',
          key,
          algorithm: 'ECDSA_SHA_256',
          message: pattern(index),
        });
        return {
          needs: 'ECC_NIST_P256',
          item,
          expected: async () => undefined,
          check: (index, signature: Uint8Array) =>
            engine.verify({ key, algorithm: 'ECDSA_SHA_256', message: pattern(index), signature }),
          poisons: {
            'a closed key': [{ ...item(0), key: closed } as RunItem, 'KEY_CLOSED'],
            'a short digest': [
              { ...item(0), messageType: 'DIGEST', message: pattern(31) } as RunItem,
              'INVALID_LENGTH',
            ],
          },
        };
      },
    },
    verify: {
      needs: 'ECC_NIST_P256',
      build: async (engine, { p256 }) => {
        const key = p256!;
        const messages = Array.from({ length: 256 }, (_, index) => pattern(index));
        const signatures = await Promise.all(
          messages.map((message) => engine.sign({ key, algorithm: 'ECDSA_SHA_256', message })),
        );
        const item = (index: number): RunItem => ({
          op: 'verify',
          key,
          algorithm: 'ECDSA_SHA_256',
          message: messages[index]!,
          signature: signatures[index]!,
        });
        return {
          needs: 'ECC_NIST_P256',
          item,
          expected: async () => true,
          poisons: {
            'of another message': [{ ...item(3), message: messages[4] } as RunItem, false],
            garbage: [{ ...item(3), signature: pattern(5000) } as RunItem, false],
          },
        };
      },
    },
    deriveSharedSecret: {
      needs: 'ECC_NIST_P256',
      build: (engine, { p256 }) => {
        const item = (index: number): RunItem => ({
          op: 'deriveSharedSecret',
          key: p256!,
          publicKey: fixedKey('ECC_NIST_P256', index % 2).spki,
        });
        return {
          needs: 'ECC_NIST_P256',
          item,
          expected: (index) => engine.deriveSharedSecret(item(index) as never),
          poisons: {
            'a peer of another curve': [
              { ...item(0), publicKey: fixedKey('ECC_NIST_P384').spki } as RunItem,
              'INVALID_KEY',
            ],
          },
        };
      },
    },
  };
  for (const [op, { needs, build }] of Object.entries(samples)) {
    subject.test(needs, op, async () => {
      const { engine } = subject;
      const closed = await testKey(engine, needs);
      closed.close();
      const keys = { ...(await keysOf(subject)), closed };
      const { item, expected, check, poisons } = await build(engine, keys);
      const agrees = async (index: number, { value, error }: RunResult): Promise<void> => {
        if (error !== undefined) throw new Error(`${op} item ${index}`, { cause: error });
        if (check !== undefined) assert.ok(await check(index, value as never), `${op} item ${index}`);
        else assert.deepEqual(value, await expected(index), `${op} item ${index}`);
      };
      for (const [what, [poison, outcome]] of Object.entries(poisons)) {
        for (const position of [0, 100, 255]) {
          const items = Array.from({ length: 256 }, (_, index) => (index === position ? poison : item(index)));
          const results = await engine.run(items);
          assert.equal(results.length, 256);
          assert.equal(outcomeOf(results[position]!), outcome, `${op}: ${what}`);
          await Promise.all(results.map((result, index) => (index === position ? undefined : agrees(index, result))));
        }
      }
    });
  }
});

describe('which backend opens', () => {
  const options = { threads: 1, kernels: 'auto' } as const;
  const broken = (message: string, code?: string) => () => {
    throw Object.assign(new Error(message), { code });
  };
  const native = new ManualBackend();
  const wasm = new ManualBackend();
  const sound = { native: () => native, wasm: () => wasm };

  test('the option, else the environment, else native, else WASM', () => {
    assert.equal(selectBackend(undefined, undefined, options, sound).backend, native);
    assert.equal(selectBackend(undefined, '', options, sound).backend, native);
    assert.equal(selectBackend(undefined, 'wasm', options, sound).backend, wasm);
    assert.equal(selectBackend('native', 'wasm', options, sound).backend, native);
    assert.equal(selectBackend('auto', 'native', options, sound).backend, native);
  });

  test('an absent native backend is passed over in silence, a broken one is reported', () => {
    const absent = selectBackend('auto', undefined, options, { ...sound, native: broken('none', 'NATIVE_ABSENT') });
    assert.equal(absent.backend, wasm);
    assert.equal(absent.fallbackReason, undefined);
    const reported = selectBackend('auto', undefined, options, { ...sound, native: broken('bad self-test') });
    assert.equal(reported.backend, wasm);
    assert.match(reported.fallbackReason!, /bad self-test/);
  });

  test('a backend asked for by name that does not open is BACKEND_UNAVAILABLE, with the cause', () => {
    const openers = { native: broken('no addon', 'NATIVE_ABSENT'), wasm: broken('no SIMD') };
    for (const choice of ['native', 'wasm', 'auto'] as const) {
      throwsWith('BACKEND_UNAVAILABLE', () => selectBackend(choice, undefined, options, openers), choice);
    }
    throwsWith('INVALID_ARGUMENT', () => selectBackend(undefined, 'quantum', options, sound));
    throwsWith('INVALID_ARGUMENT', () => selectBackend('__proto__' as never, undefined, options, sound));
  });

  for (const [value, expected] of [
    ['wasm', 'wasm'],
    ['quantum', 'INVALID_ARGUMENT'],
  ]) {
    test(`KEYMILL_BACKEND=${value} gives ${expected}`, () => {
      const script =
        "import { openEngine } from 'keymill/engine'; console.log(await openEngine().then((engine) => engine.info.backend, (error) => error.code));";
      const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
        cwd: import.meta.dirname,
        env: { ...process.env, KEYMILL_BACKEND: value },
        encoding: 'utf8',
      });
      assert.equal(stdout.trim(), expected);
    });
  }
});

/** One sure way to each code. The type makes the table complete: a new code does not compile until it is provoked here. */
const manual = (status: number) => async () => {
  const { engine, backend } = openManual();
  backend.verdict = () => status;
  await engine.digest({ algorithm: 'SHA_256', message: bytes });
};
const onWasm = (act: (engine: Engine) => Promise<unknown>) => async () => {
  await using engine = await openEngine({ backend: 'wasm' });
  await act(engine);
};
const PROVOKED: Readonly<Record<EngineErrorCode, () => Promise<unknown>>> = {
  INVALID_ARGUMENT: () => openEngine({ threads: 0 }),
  UNSUPPORTED: manual(Status.UNSUPPORTED),
  KEY_CLOSED: manual(Status.INVALID_HANDLE),
  WRONG_KEY: onWasm(async (engine) =>
    engine.mac({ key: await engine.generateKey('HMAC_256'), algorithm: 'HMAC_SHA_512', message: bytes }),
  ),
  INVALID_LENGTH: onWasm(async (engine) =>
    engine.sealPacked({ key: await engine.generateKey(symmetric), messages: bytes, messageBytes: 7 }),
  ),
  INVALID_KEY: onWasm((engine) => engine.importKey({ keySpec: symmetric, format: 'raw', data: pattern(31) })),
  DECRYPTION_FAILED: onWasm(async (engine) =>
    engine.decrypt({ key: await engine.generateKey(symmetric), algorithm: symmetric, ciphertext: bytes }),
  ),
  // verify and verifyMac answer false; as an error it only comes from an operation that verifies nothing.
  INVALID_SIGNATURE: manual(Status.INVALID_SIGNATURE),
  NOT_EXPORTABLE: onWasm(async (engine) => (await engine.generateKey(symmetric)).publicKey()),
  OUT_OF_MEMORY: manual(Status.OUT_OF_MEMORY),
  QUEUE_FULL: async () => {
    const { engine } = openManual({ limits: { maxQueuedOperations: 1 } });
    await Promise.all([engine.random(1), engine.random(1)]);
  },
  ENGINE_CLOSED: async () => {
    const { engine } = openManual();
    await engine.close();
    await engine.random(1);
  },
  BACKEND_UNAVAILABLE: manual(Status.UNAVAILABLE),
  INTERNAL: manual(Status.INTERNAL),
};

describe('every code', () => {
  const retryable: readonly string[] = ['OUT_OF_MEMORY', 'QUEUE_FULL'];
  for (const [code, provoke] of Object.entries(PROVOKED)) {
    test(`${code} is provoked, ${retryable.includes(code) ? '' : 'not '}retryable, and an EngineError`, async () => {
      const error = await rejectsWith(code as EngineErrorCode, provoke(), code);
      assert.equal(error.retryable, retryable.includes(code));
      assert.equal(error.name, 'EngineError');
    });
  }
});
