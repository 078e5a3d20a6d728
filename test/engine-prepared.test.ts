/** AEAD operations prepared for one key: they are `encrypt` and `decrypt`, with what never changes checked once. */
import assert from 'node:assert/strict';
import { asPromise } from 'keymill/engine';
import { forEachBackend } from './support/backends.ts';
import { flipBit, pattern } from './support/bytes.ts';
import { rejectsWith, throwsWith } from './support/expect.ts';
import { testKey } from './support/keys.ts';

const prefix = pattern(52);
const aad = pattern(54);
const otherAad = pattern(20);
const allocate = (bytes: number): Uint8Array => new Uint8Array(bytes);

forEachBackend('prepared AEAD', (subject) => {
  for (const algorithm of ['SYMMETRIC_DEFAULT', 'XAES_256_GCM'] as const) {
    subject.test('SYMMETRIC_DEFAULT', `${algorithm}: opens with decrypt, behind its prefix`, async () => {
      const { engine } = subject;
      using key = await engine.generateKey('SYMMETRIC_DEFAULT');
      const prepared = engine.prepareAead({ key, algorithm, prefix, aad, allocate });
      // The last is long enough to be read in place. One tick, so that constant and own additional data share a batch.
      const asked = [0, 1, 32, 40_000].flatMap((bytes) =>
        [undefined, otherAad, undefined].map((own) => ({ bytes, own })),
      );
      const sealed = await Promise.all(
        asked.map(({ bytes, own }) => asPromise<Uint8Array>((sink) => prepared.encrypt(pattern(bytes), own, sink, 0))),
      );
      for (const [index, { bytes, own }] of asked.entries()) {
        const blob = sealed[index]!;
        assert.deepEqual(blob.slice(0, prefix.length), prefix);
        const ciphertext = blob.slice(prefix.length);
        assert.deepEqual(await engine.decrypt({ key, algorithm, ciphertext, aad: own ?? aad }), pattern(bytes));
        assert.deepEqual(await asPromise<Uint8Array>((sink) => prepared.decrypt(blob, own, sink, 0)), pattern(bytes));
        for (const [wrongBlob, wrongAad] of [
          [flipBit(blob, 8 * blob.length - 1), own],
          [blob, own === undefined ? otherAad : undefined],
          [blob.slice(0, prefix.length), own],
        ] as const) {
          await rejectsWith(
            'DECRYPTION_FAILED',
            asPromise((sink) => prepared.decrypt(wrongBlob, wrongAad, sink, 0)),
          );
        }
      }
    });
  }

  subject.test('SYMMETRIC_DEFAULT', 'what was prepared is not what the caller makes of it later', async () => {
    const { engine } = subject;
    using key = await engine.generateKey('SYMMETRIC_DEFAULT');
    const own = { prefix: pattern(52), aad: pattern(54) };
    const prepared = engine.prepareAead({ key, algorithm: 'XAES_256_GCM', ...own, allocate });
    own.prefix.fill(0);
    own.aad.fill(0);
    const blob = await asPromise<Uint8Array>((sink) => prepared.encrypt(pattern(5), undefined, sink, 0));
    assert.deepEqual(blob.slice(0, prefix.length), prefix);
    const ciphertext = blob.slice(prefix.length);
    assert.deepEqual(await engine.decrypt({ key, algorithm: 'XAES_256_GCM', ciphertext, aad }), pattern(5));
  });

  subject.test(
    'SYMMETRIC_DEFAULT',
    'ciphertexts are in the memory that was asked for, and nothing beside them',
    async () => {
      const { engine } = subject;
      using key = await engine.generateKey('SYMMETRIC_DEFAULT');
      const memory = new Uint8Array(1000).fill(0xa5);
      const asked: number[] = [];
      const prepared = engine.prepareAead({
        key,
        algorithm: 'XAES_256_GCM',
        prefix,
        aad,
        allocate(bytes) {
          asked.push(bytes);
          return memory.subarray(300, 300 + bytes);
        },
      });
      const blob = await asPromise<Uint8Array>((sink) => prepared.encrypt(pattern(5), undefined, sink, 0));
      assert.deepEqual(asked, [prefix.length + 24 + 5 + 16]);
      assert.equal(blob.buffer, memory.buffer);
      assert.ok(memory.subarray(0, 300).every((byte) => byte === 0xa5));
      assert.ok(memory.subarray(300 + blob.length).every((byte) => byte === 0xa5));
    },
  );

  subject.test('SYMMETRIC_DEFAULT', 'a closed key fails the operation, and cannot be prepared', async () => {
    const { engine } = subject;
    const key = await engine.generateKey('SYMMETRIC_DEFAULT');
    const prepared = engine.prepareAead({ key, algorithm: 'XAES_256_GCM', prefix, aad, allocate });
    key.close();
    await rejectsWith(
      'KEY_CLOSED',
      asPromise((sink) => prepared.encrypt(pattern(5), undefined, sink, 0)),
    );
    throwsWith('KEY_CLOSED', () => engine.prepareAead({ key, algorithm: 'XAES_256_GCM', prefix, aad, allocate }));
  });

  subject.test('RSA_2048', 'an algorithm without additional data is refused', async () => {
    using key = await testKey(subject.engine, 'RSA_2048');
    throwsWith('INVALID_ARGUMENT', () =>
      subject.engine.prepareAead({ key, algorithm: 'RSAES_OAEP_SHA_256', prefix, aad, allocate }),
    );
  });
});
