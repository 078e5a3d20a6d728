/** What holds for every input: properties of the engine, tried on random ones by fast-check. A failure prints its seed. */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import fc from 'fast-check';
import {
  ALGORITHMS,
  type EngineKey,
  KEY_SPECS,
  type KeySpec,
  type RunItem,
  type SigningAlgorithm,
} from 'keymill/engine';
import { toBigInt } from './support/arithmetic.ts';
import { forEachBackend } from './support/backends.ts';
import { concat, flipBit, hex, unpack } from './support/bytes.ts';
import { ecdsaDer } from './support/der.ts';
import { assertCode, outcomeOf } from './support/expect.ts';
import { ASYMMETRIC_SPECS, testKey } from './support/keys.ts';

const SLOW = process.env.KEYMILL_SLOW === '1';
const runs = (numRuns: number) => ({ numRuns: SLOW ? numRuns * 20 : numRuns });
/** Mostly short; sometimes past the length from which the engine works in place. */
const message = fc.oneof(
  { weight: 9, arbitrary: fc.uint8Array({ maxLength: 300 }) },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 32_000, max: 33_500 }).map((length) => new Uint8Array(length).fill(length)),
  },
);
const shortMessage = fc.uint8Array({ maxLength: 200 });
const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

forEachBackend('properties', (subject) => {
  const made: EngineKey[] = [];
  after(() => {
    for (const key of made) key.close();
  });
  const keyFor = async (keySpec: KeySpec, index = 0): Promise<EngineKey> => {
    const key = await testKey(subject.engine, keySpec, index);
    made.push(key);
    return key;
  };

  for (const algorithm of ['SYMMETRIC_DEFAULT', 'XAES_256_GCM'] as const) {
    subject.test(
      'SYMMETRIC_DEFAULT',
      `${algorithm}: decrypt undoes encrypt, and nothing that is changed decrypts`,
      async () => {
        const { engine } = subject;
        const [key, other] = [await keyFor('SYMMETRIC_DEFAULT'), await keyFor('SYMMETRIC_DEFAULT', 1)];
        const property = fc.asyncProperty(message, message, fraction, async (plaintext, aad, where) => {
          const ciphertext = await engine.encrypt({ key, algorithm, plaintext, aad });
          const request = { key, algorithm, ciphertext, aad };
          assert.deepEqual(await engine.decrypt(request), plaintext);
          const bit = Math.floor(where * ciphertext.length * 8);
          const changes = [
            { ciphertext: flipBit(ciphertext, bit) },
            { ciphertext: ciphertext.subarray(0, bit >>> 3) },
            { aad: concat(aad, Uint8Array.of(0)) },
            { key: other },
          ];
          const results = await engine.run(changes.map((change) => ({ op: 'decrypt', ...request, ...change })));
          assert.deepEqual(
            results.map(outcomeOf),
            changes.map(() => 'DECRYPTION_FAILED'),
          );
        });
        await fc.assert(property, runs(150));
      },
    );
  }

  for (const keySpec of ASYMMETRIC_SPECS.filter((each) => each !== 'RSA_3072' && each !== 'RSA_4096')) {
    for (const algorithm of KEY_SPECS[keySpec].algorithms.filter(
      (each) => ALGORITHMS[each].use === 'sign',
    ) as SigningAlgorithm[]) {
      subject.test(
        keySpec,
        `${keySpec} ${algorithm}: verify holds for what was signed, by that key, unchanged`,
        async () => {
          const { engine } = subject;
          const key = await keyFor(keySpec);
          const other = keySpec === 'RSA_2048' ? undefined : await keyFor(keySpec, 1);
          const property = fc.asyncProperty(shortMessage, shortMessage, fraction, async (text, otherText, where) => {
            fc.pre(hex(text) !== hex(otherText));
            const request = {
              key,
              algorithm,
              message: text,
              signature: await engine.sign({ key, algorithm, message: text }),
            };
            assert.equal(await engine.verify(request), true);
            const bit = Math.floor(where * request.signature.length * 8);
            const changes: object[] = [
              { message: otherText },
              { signature: flipBit(request.signature, bit) },
              { signature: request.signature.subarray(0, bit >>> 3) },
              ...(other === undefined ? [] : [{ key: other }]),
            ];
            const results = await engine.run(changes.map((change) => ({ op: 'verify', ...request, ...change })));
            assert.deepEqual(
              results.map(outcomeOf),
              changes.map(() => false),
            );
          });
          await fc.assert(property, runs(keySpec === 'RSA_2048' ? 15 : 30));
        },
      );
    }
  }

  for (const keySpec of ASYMMETRIC_SPECS.filter((each) => KEY_SPECS[each].family === 'ec')) {
    subject.test(keySpec, `${keySpec}: a signature verifies as r||s exactly when it does as DER`, async () => {
      const { engine } = subject;
      const key = await keyFor(keySpec);
      const algorithm = KEY_SPECS[keySpec].algorithms[0] as SigningAlgorithm;
      const width = KEY_SPECS[keySpec].elementBytes!;
      const property = fc.asyncProperty(shortMessage, fc.boolean(), fraction, async (text, isDamaged, where) => {
        const made = await engine.sign({ key, algorithm, message: text, encoding: 'p1363' });
        assert.equal(made.length, 2 * width);
        const p1363 = isDamaged ? flipBit(made, Math.floor(where * made.length * 8)) : made;
        const [r, s] = unpack(p1363, width).map(toBigInt);
        const request = { key, algorithm, message: text };
        const verdicts = [
          await engine.verify({ ...request, signature: p1363, encoding: 'p1363' }),
          await engine.verify({ ...request, signature: ecdsaDer(r!, s!), encoding: 'der' }),
          await engine.verify({ ...request, signature: ecdsaDer(r!, s!) }),
        ];
        assert.deepEqual(verdicts, [!isDamaged, !isDamaged, !isDamaged]);
        // Each encoding is refused where the other is expected.
        assert.equal(await engine.verify({ ...request, signature: made }), false);
        assert.equal(await engine.verify({ ...request, signature: ecdsaDer(r!, s!), encoding: 'p1363' }), false);
      });
      await fc.assert(property, runs(25));
    });
  }

  for (const keySpec of [
    'SYMMETRIC_DEFAULT',
    'HMAC_256',
    'HMAC_512',
    'ECC_NIST_P256',
    'ECC_NIST_EDWARDS25519',
    'RSA_2048',
  ] as const) {
    subject.test(keySpec, `${keySpec}: unwrap undoes wrap, and nothing that is changed unwraps`, async () => {
      const { engine } = subject;
      const [rootKey, key] = [await keyFor('SYMMETRIC_DEFAULT', 5), await keyFor(keySpec)];
      const format = keySpec === 'RSA_2048' ? 'pkcs8' : 'raw';
      const property = fc.asyncProperty(shortMessage, fraction, async (additionalData, where) => {
        const wrapped = await engine.wrapKey({ rootKey, key, additionalData });
        using again = await engine.unwrapKey({ rootKey, keySpec, wrapped, additionalData });
        assert.deepEqual(again.export(format), key.export(format));
        const bit = Math.floor(where * wrapped.length * 8);
        const changes = [
          { wrapped: flipBit(wrapped, bit) },
          { wrapped: wrapped.subarray(0, bit >>> 3) },
          { additionalData: concat(additionalData, Uint8Array.of(0)) },
        ];
        const results = await engine.run(
          changes.map((change) => ({ op: 'unwrapKey', rootKey, keySpec, wrapped, additionalData, ...change })),
        );
        assert.deepEqual(
          results.map(outcomeOf),
          changes.map(() => 'DECRYPTION_FAILED'),
        );
      });
      await fc.assert(property, runs(keySpec === 'RSA_2048' ? 5 : 40));
    });
  }

  subject.test('HMAC_256', 'a run gives what its items give one by one', async () => {
    const { engine } = subject;
    const keys = [await keyFor('SYMMETRIC_DEFAULT'), await keyFor('HMAC_256'), await keyFor('HMAC_512')];
    const key = fc.constantFrom(...keys);
    const bytes = fc.oneof(message, fc.constant(null as never));
    const iv = fc.oneof(fc.uint8Array({ minLength: 12, maxLength: 12 }), fc.uint8Array({ maxLength: 30 }));
    const item: fc.Arbitrary<RunItem> = fc.oneof(
      fc.record({
        op: fc.constant('encrypt' as const),
        key,
        algorithm: fc.constant('SYMMETRIC_DEFAULT' as const),
        plaintext: bytes,
        iv,
      }),
      fc.record({
        op: fc.constant('decrypt' as const),
        key,
        algorithm: fc.constant('XAES_256_GCM' as const),
        ciphertext: bytes,
        aad: bytes,
      }),
      fc.record({
        op: fc.constant('mac' as const),
        key,
        algorithm: fc.constantFrom('HMAC_SHA_256' as const, 'HMAC_SHA_512' as const),
        message: bytes,
      }),
      fc.record({
        op: fc.constant('verifyMac' as const),
        key,
        algorithm: fc.constant('HMAC_SHA_256' as const),
        message: bytes,
        mac: bytes,
      }),
      fc.record({
        op: fc.constant('digest' as const),
        algorithm: fc.constantFrom('SHA_256' as const, 'SHA_512' as const, 'MD5' as never),
        message: bytes,
      }),
    );
    const shown = (value: unknown): unknown => (value instanceof Uint8Array ? hex(value) : value);
    const property = fc.asyncProperty(fc.array(item, { maxLength: 40 }), async (items) => {
      const singles = await Promise.all(
        items.map(async (each) => {
          const { op, ...request } = each;
          try {
            return await (engine[op] as (request: object) => Promise<unknown>).call(engine, request);
          } catch (error) {
            assertCode(error, (error as { code: never }).code);
            return (error as { code: string }).code;
          }
        }),
      );
      const results = await engine.run(items);
      assert.deepEqual(
        results.map((result) => shown(outcomeOf(result))),
        singles.map(shown),
      );
    });
    await fc.assert(property, runs(100));
  });

  subject.test('SYMMETRIC_DEFAULT', 'packed calls give what single ones give, whatever the sizes', async () => {
    const { engine } = subject;
    const [key, mac] = [await keyFor('SYMMETRIC_DEFAULT'), await keyFor('HMAC_256')];
    const size = fc.tuple(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: 150 }));
    const property = fc.asyncProperty(
      size,
      fc.uint8Array({ maxLength: 50 }),
      fc.integer(),
      async ([count, messageBytes], aad, seed) => {
        const messages = Uint8Array.from({ length: count * messageBytes }, (_, index) => (index * 31 + seed) & 0xff);
        const sealed = await engine.sealPacked({ key, messages, messageBytes, aad });
        const opened = await engine.run(
          unpack(sealed, messageBytes + 28).map((ciphertext) => ({
            op: 'decrypt',
            key,
            algorithm: 'SYMMETRIC_DEFAULT',
            ciphertext,
            aad,
          })),
        );
        assert.deepEqual(concat(...opened.map(({ value }) => value as Uint8Array)), messages);
        const macs = await engine.macPacked({ key: mac, algorithm: 'HMAC_SHA_256', messages, messageBytes });
        const singles = await engine.run(
          unpack(messages, messageBytes).map((each) => ({
            op: 'mac',
            key: mac,
            algorithm: 'HMAC_SHA_256',
            message: each,
          })),
        );
        assert.equal(hex(macs), hex(concat(...singles.map(({ value }) => value as Uint8Array))));
      },
    );
    await fc.assert(property, runs(60));
  });
});
