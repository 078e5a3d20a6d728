/** Packed calls: n items end to end give what n single calls give, at the edges of every batch, with one key or one each. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { ALGORITHMS, type EngineKey, KEY_SPECS, type KeySpec, type SigningAlgorithm } from 'keymill/engine';
import { forEachBackend, type Subject } from './support/backends.ts';
import { concat, flipBit, hex, pattern, unpack } from './support/bytes.ts';
import { rejectsWith } from './support/expect.ts';
import { ASYMMETRIC_SPECS, fixedKey, secretBytes, testKey } from './support/keys.ts';

/** Edges of vector kernels (8 and 16 lanes), of a signing batch (50 P-256 signatures) and of an inline block. */
const COUNTS = [1, 2, 3, 7, 8, 9, 15, 16, 17, 49, 50, 51, 255, 256, 257, 1025];
const MESSAGE_BYTES = [1, 15, 16, 17, 31, 32, 33, 64, 100, 255, 257, 1000];
const CASES = [...COUNTS.map((count) => [count, 32]), ...MESSAGE_BYTES.map((bytes) => [19, bytes])] as [
  number,
  number,
][];

const symmetricKeys = (subject: Subject, count: number): Promise<EngineKey[]> =>
  Promise.all(
    Array.from({ length: count }, (_, index) =>
      subject.engine.importKey({ keySpec: 'SYMMETRIC_DEFAULT', format: 'raw', data: secretBytes(32, index) }),
    ),
  );
const closeAll = (keys: readonly EngineKey[]): void => {
  for (const key of keys) key.close();
};

forEachBackend('packed encryption', (subject) => {
  for (const algorithm of ['SYMMETRIC_DEFAULT', 'XAES_256_GCM'] as const) {
    const overhead = ALGORITHMS[algorithm].nonceBytes! + 16;

    subject.test(
      'SYMMETRIC_DEFAULT',
      `${algorithm}: single calls open what sealPacked sealed, and the reverse`,
      async () => {
        const { engine } = subject;
        using key = await testKey(engine, 'SYMMETRIC_DEFAULT');
        for (const [count, messageBytes] of CASES) {
          const messages = pattern(count * messageBytes);
          const aad = count % 2 === 0 ? undefined : pattern(count % 40);
          const sealed = await engine.sealPacked({ key, algorithm, messages, messageBytes, aad });
          assert.equal(sealed.length, count * (messageBytes + overhead));
          const singles = await engine.run(
            unpack(sealed, messageBytes + overhead).map((ciphertext) => ({
              op: 'decrypt',
              key,
              algorithm,
              ciphertext,
              aad,
            })),
          );
          const what = `${count} of ${messageBytes} bytes`;
          assert.deepEqual(concat(...singles.map(({ value }) => value as Uint8Array)), messages, what);

          const single = await engine.run(
            unpack(messages, messageBytes).map((plaintext) => ({ op: 'encrypt', key, algorithm, plaintext, aad })),
          );
          const packed = concat(...single.map(({ value }) => value as Uint8Array));
          const opened = await engine.openPacked({
            key,
            algorithm,
            messages: packed,
            messageBytes: messageBytes + overhead,
            aad,
          });
          assert.deepEqual(opened.messages, messages, what);
          assert.deepEqual(opened.opened, new Uint8Array(count).fill(1), what);
        }
      },
    );

    subject.test('SYMMETRIC_DEFAULT', `${algorithm}: every item has its own nonce`, async () => {
      using key = await testKey(subject.engine, 'SYMMETRIC_DEFAULT');
      const count = 5000;
      const sealed = await subject.engine.sealPacked({
        key,
        algorithm,
        messages: new Uint8Array(count),
        messageBytes: 1,
      });
      const nonces = unpack(sealed, 1 + overhead).map((item) => hex(item.subarray(0, overhead - 16)));
      assert.equal(new Set(nonces).size, count);
    });

    subject.test('SYMMETRIC_DEFAULT', `${algorithm}: a key per item`, async () => {
      const { engine } = subject;
      for (const count of [2, 17, 64]) {
        const keys = await symmetricKeys(subject, count);
        const messages = pattern(count * 24);
        const sealed = await engine.sealPacked({ keys, algorithm, messages, messageBytes: 24 });
        for (const [index, ciphertext] of unpack(sealed, 24 + overhead).entries()) {
          const plaintext = await engine.decrypt({ key: keys[index]!, algorithm, ciphertext });
          assert.deepEqual(plaintext, messages.slice(index * 24, index * 24 + 24), `${index} of ${count}`);
        }
        const opened = await engine.openPacked({ keys, algorithm, messages: sealed, messageBytes: 24 + overhead });
        assert.deepEqual(opened.messages, messages);
        const turned = [...keys.slice(1), keys[0]!];
        const none = await engine.openPacked({
          keys: turned,
          algorithm,
          messages: sealed,
          messageBytes: 24 + overhead,
        });
        assert.deepEqual(none.opened, new Uint8Array(count));
        closeAll(keys);
      }
    });

    subject.test(
      'SYMMETRIC_DEFAULT',
      `${algorithm}: an item that does not open is zeros, and the only one`,
      async () => {
        const { engine } = subject;
        using key = await testKey(engine, 'SYMMETRIC_DEFAULT');
        const [count, messageBytes] = [257, 20];
        const itemBytes = messageBytes + overhead;
        const messages = pattern(count * messageBytes, 1);
        const sealed = await engine.sealPacked({ key, algorithm, messages, messageBytes });
        for (const bad of [0, 1, 16, 128, 255, 256]) {
          const damaged = flipBit(sealed, (bad * itemBytes + (bad % itemBytes)) * 8);
          const { messages: plaintexts, opened } = await engine.openPacked({
            key,
            algorithm,
            messages: damaged,
            messageBytes: itemBytes,
          });
          const wanted = messages.slice();
          wanted.fill(0, bad * messageBytes, (bad + 1) * messageBytes);
          assert.deepEqual(plaintexts, wanted, `item ${bad}`);
          assert.deepEqual(
            [...opened].flatMap((one, index) => (one === 1 ? [] : [index])),
            [bad],
          );
        }
      },
    );
  }

  subject.test('SYMMETRIC_DEFAULT', 'items too short to be ciphertexts do not open', async () => {
    using key = await testKey(subject.engine, 'SYMMETRIC_DEFAULT');
    for (const messageBytes of [1, 12, 27]) {
      const { messages, opened } = await subject.engine.openPacked({
        key,
        messages: pattern(3 * messageBytes),
        messageBytes,
      });
      assert.deepEqual([messages.length, [...opened]], [0, [0, 0, 0]]);
    }
    const empty = await subject.engine.openPacked({
      key,
      messages: await subject.engine.encrypt({ key, algorithm: 'SYMMETRIC_DEFAULT', plaintext: new Uint8Array(0) }),
      messageBytes: 28,
    });
    assert.deepEqual([...empty.opened], [1]);
  });
});

forEachBackend('packed MACs', (subject) => {
  for (const keySpec of ['HMAC_224', 'HMAC_256', 'HMAC_384', 'HMAC_512'] as const) {
    subject.test(keySpec, `${keySpec}: as single calls, with one key and with one each`, async () => {
      const { engine } = subject;
      const algorithm = `HMAC_SHA_${keySpec.slice(5)}` as 'HMAC_SHA_256';
      using key = await testKey(engine, keySpec);
      for (const [count, messageBytes] of CASES) {
        const messages = pattern(count * messageBytes);
        const macs = await engine.macPacked({ key, algorithm, messages, messageBytes });
        const singles = await engine.run(
          unpack(messages, messageBytes).map((message) => ({ op: 'mac', key, algorithm, message })),
        );
        assert.deepEqual(
          macs,
          concat(...singles.map(({ value }) => value as Uint8Array)),
          `${count} of ${messageBytes}`,
        );
      }
      const keys = await Promise.all([0, 1, 2, 3, 4].map((index) => testKey(engine, keySpec, index)));
      const messages = pattern(5 * 10);
      const macs = await engine.macPacked({ keys, algorithm, messages, messageBytes: 10 });
      for (const [index, message] of unpack(messages, 10).entries()) {
        const mac = unpack(macs, macs.length / 5)[index]!;
        assert.ok(await engine.verifyMac({ key: keys[index]!, algorithm, message, mac }), `key ${index}`);
      }
      closeAll(keys);
    });
  }
});

forEachBackend('packed signatures', (subject) => {
  for (const keySpec of ASYMMETRIC_SPECS) {
    const algorithms = KEY_SPECS[keySpec].algorithms.filter((each) => ALGORITHMS[each].use === 'sign');
    // RSA private operations are dear: the larger keys do one algorithm.
    const tried = keySpec === 'RSA_3072' || keySpec === 'RSA_4096' ? algorithms.slice(0, 1) : algorithms;
    for (const algorithm of tried as SigningAlgorithm[]) {
      const row = ALGORITHMS[algorithm];
      const encoding = row.hasEncodings ? ('p1363' as const) : undefined;
      const isDear = KEY_SPECS[keySpec].cost.sign.units > 100;
      const counts = isDear ? [1, 5] : [1, 2, 49, 50, 51, 130];

      subject.test(
        keySpec,
        `${keySpec} ${algorithm}: single calls verify what signPacked signed, and the reverse`,
        async () => {
          const { engine } = subject;
          using key = await testKey(engine, keySpec);
          using verifier = await engine.importKey({ keySpec, format: 'spki', data: fixedKey(keySpec).spki });
          for (const count of counts) {
            const texts = Array.from({ length: count }, (_, index) => pattern(40, index));
            const packed = { messages: concat(...texts), messageBytes: 40 };
            const forms =
              row.takesDigest === false
                ? [packed]
                : [
                    packed,
                    {
                      digests: concat(
                        ...texts.map(
                          (text) => new Uint8Array(createHash(row.hash!.replace('_', '')).update(text).digest()),
                        ),
                      ),
                    },
                  ];
            const single = await engine.run(
              texts.map((message) => ({ op: 'sign', key, algorithm, message, encoding })),
            );
            const singles = concat(...single.map(({ value }) => value as Uint8Array));
            for (const form of forms) {
              const signatures = await engine.signPacked({ key, algorithm, ...form });
              assert.equal(signatures.length, singles.length);
              const width = signatures.length / count;
              const verdicts = await engine.run(
                texts.map((message, index) => ({
                  op: 'verify',
                  key: verifier,
                  algorithm,
                  message,
                  encoding,
                  signature: unpack(signatures, width)[index]!,
                })),
              );
              assert.deepEqual(
                verdicts.map(({ value }) => value),
                Array(count).fill(true),
              );
              assert.deepEqual(
                await engine.verifyPacked({ key: verifier, algorithm, ...form, signatures: singles }),
                new Uint8Array(count).fill(1),
              );

              const bad = Math.floor(count / 2);
              const damaged = flipBit(signatures, (bad * width + width - 1) * 8);
              const wanted = new Uint8Array(count).fill(1);
              wanted[bad] = 0;
              assert.deepEqual(
                await engine.verifyPacked({ key: verifier, algorithm, ...form, signatures: damaged }),
                wanted,
              );
              const zeros = new Uint8Array(signatures.length);
              assert.deepEqual(
                await engine.verifyPacked({ key: verifier, algorithm, ...form, signatures: zeros }),
                new Uint8Array(count),
              );
            }
          }
        },
      );
    }
  }

  for (const keySpec of ['ECC_NIST_P256', 'ECC_NIST_EDWARDS25519'] as const) {
    subject.test(keySpec, `${keySpec}: a key per item`, async () => {
      const { engine } = subject;
      const algorithm: SigningAlgorithm = keySpec === 'ECC_NIST_P256' ? 'ECDSA_SHA_256' : 'ED25519_SHA_512';
      const pair = [await testKey(engine, keySpec, 0), await testKey(engine, keySpec, 1)];
      const keys = Array.from({ length: 60 }, (_, index) => pair[(index * 7) % 2]!);
      const request = { keys, algorithm, messages: pattern(60 * 11), messageBytes: 11 };
      const signatures = await engine.signPacked(request);
      assert.deepEqual(await engine.verifyPacked({ ...request, signatures }), new Uint8Array(60).fill(1));
      const swapped = keys.with(33, pair.find((key) => key !== keys[33])!);
      const verdicts = await engine.verifyPacked({ ...request, keys: swapped, signatures });
      assert.deepEqual(
        [...verdicts].flatMap((one, index) => (one === 1 ? [] : [index])),
        [33],
      );
      closeAll(pair);
    });
  }

  subject.test('ECC_NIST_P256', 'signing fails as a whole where one item cannot be signed', async () => {
    const { engine } = subject;
    const [good, bad] = [
      await testKey(engine, 'ECC_NIST_P256'),
      await engine.importKey({ keySpec: 'ECC_NIST_P256', format: 'spki', data: fixedKey('ECC_NIST_P256').spki }),
    ];
    const keys = Array.from({ length: 60 }, (_, index) => (index === 55 ? bad : good));
    const error = await rejectsWith(
      'WRONG_KEY',
      engine.signPacked({ keys, algorithm: 'ECDSA_SHA_256', digests: pattern(60 * 32) }),
    );
    assert.match(error.message, /item/);
    closeAll([good, bad]);
  });

  subject.test('ECC_NIST_EDWARDS25519', 'pure Ed25519 takes no digests', async () => {
    using key = await testKey(subject.engine, 'ECC_NIST_EDWARDS25519');
    await rejectsWith(
      'INVALID_ARGUMENT',
      subject.engine.signPacked({ key, algorithm: 'ED25519_SHA_512', digests: pattern(64) }),
    );
  });
});

forEachBackend('packed sizes', (subject) => {
  subject.test(
    'SYMMETRIC_DEFAULT',
    'remainders, nothing, and counts of keys that do not match are refused',
    async () => {
      const { engine } = subject;
      using key = await testKey(engine, 'SYMMETRIC_DEFAULT');
      using mac = await testKey(engine, 'HMAC_256');
      const seal = (change: object) =>
        engine.sealPacked({ key, messages: pattern(32), messageBytes: 8, ...change } as never);
      for (const [messages, messageBytes] of [
        [0, 8],
        [9, 8],
        [7, 8],
      ] as const) {
        await rejectsWith(
          'INVALID_LENGTH',
          seal({ messages: pattern(messages), messageBytes }),
          `${messages} of ${messageBytes}`,
        );
      }
      for (const messageBytes of [0, -1, 1.5, '8', null, undefined, Number.NaN, 2 ** 31]) {
        await rejectsWith('INVALID_ARGUMENT', seal({ messageBytes }), `messageBytes ${messageBytes}`);
      }
      for (const keys of [
        [],
        [key],
        [key, key, key],
        Array(5).fill(key),
        [key, key, key, mac],
        [key, key, key, null],
        'keys',
        { length: 4 },
        null,
      ]) {
        await rejectsWith('INVALID_ARGUMENT', seal({ key: undefined, keys }), `keys ${String(keys)}`);
      }
      const closed = await testKey(engine, 'SYMMETRIC_DEFAULT');
      closed.close();
      await rejectsWith('KEY_CLOSED', seal({ key: undefined, keys: [key, key, closed, key] }));
      await rejectsWith('INVALID_ARGUMENT', seal({ key: undefined }), 'no key at all');
    },
  );

  subject.test('ECC_NIST_P256', 'digests and signatures must be whole', async () => {
    const { engine } = subject;
    using key = await testKey(engine, 'ECC_NIST_P256');
    const algorithm = 'ECDSA_SHA_256' as const;
    for (const digests of [0, 31, 33, 63]) {
      await rejectsWith(
        'INVALID_LENGTH',
        engine.signPacked({ key, algorithm, digests: pattern(digests) }),
        `${digests}`,
      );
    }
    for (const signatures of [0, 63, 65, 127, 129, 192]) {
      const call = engine.verifyPacked({ key, algorithm, digests: pattern(64), signatures: pattern(signatures) });
      await rejectsWith('INVALID_LENGTH', call, `${signatures}`);
    }
  });

  const rsa: KeySpec = 'RSA_2048';
  subject.test(rsa, 'OAEP has no packed form', async () => {
    using key = await testKey(subject.engine, rsa);
    const call = subject.engine.sealPacked({
      key,
      algorithm: 'RSAES_OAEP_SHA_256' as never,
      messages: pattern(8),
      messageBytes: 8,
    });
    await rejectsWith('INVALID_ARGUMENT', call);
  });
});
