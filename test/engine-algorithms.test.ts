/** Every algorithm on every backend: our own known answers (test/vectors), and what goes in comes out again. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import {
  ALGORITHMS,
  type DigestAlgorithm,
  type EncryptionAlgorithm,
  type EngineKey,
  HASHES,
  KEY_SPECS,
  type KeySpec,
  type MacAlgorithm,
  type SigningAlgorithm,
} from 'keymill/engine';
import { forEachBackend } from './support/backends.ts';
import { concat, flipBit, fromHex, hex, pattern } from './support/bytes.ts';
import { rejectsWith } from './support/expect.ts';
import { ASYMMETRIC_SPECS, fixedKey, SYMMETRIC_SPECS, testKey } from './support/keys.ts';
import { ownVectors } from './support/vectors.ts';

const specsWith = (use: string): KeySpec[] =>
  (Object.keys(KEY_SPECS) as KeySpec[]).filter((keySpec) =>
    KEY_SPECS[keySpec].algorithms.some((algorithm) => ALGORITHMS[algorithm].use === use),
  );
const algorithmsOf = <Name extends string>(keySpec: KeySpec, use: string): Name[] =>
  KEY_SPECS[keySpec].algorithms.filter((algorithm) => ALGORITHMS[algorithm].use === use) as string[] as Name[];

forEachBackend('known answers', (subject) => {
  for (const algorithm of Object.keys(HASHES) as DigestAlgorithm[]) {
    subject.test(algorithm, `digest ${algorithm}`, async () => {
      const vectors = ownVectors<{ algorithm: string; messageBytes: number; digest: string }>('digest');
      for (const vector of vectors.filter((each) => each.algorithm === algorithm)) {
        const digest = await subject.engine.digest({ algorithm, message: pattern(vector.messageBytes) });
        assert.equal(hex(digest), vector.digest, `${vector.messageBytes} bytes`);
      }
    });
  }

  for (const keySpec of specsWith('mac')) {
    subject.test(keySpec, `HMAC with ${keySpec}`, async () => {
      const { engine } = subject;
      type Vector = { keySpec: KeySpec; algorithm: MacAlgorithm; key: string; messageBytes: number; mac: string };
      for (const vector of ownVectors<Vector>('hmac').filter((each) => each.keySpec === keySpec)) {
        using key = await engine.importKey({ keySpec, format: 'raw', data: fromHex(vector.key) });
        const { algorithm } = vector;
        const message = pattern(vector.messageBytes);
        const mac = fromHex(vector.mac);
        assert.equal(hex(await engine.mac({ key, algorithm, message })), vector.mac, `${vector.messageBytes} bytes`);
        assert.equal(await engine.verifyMac({ key, algorithm, message, mac }), true);
        assert.equal(await engine.verifyMac({ key, algorithm, message, mac: flipBit(mac, 7) }), false);
      }
    });
  }

  for (const name of ['aes_gcm', 'xaes_gcm']) {
    subject.test('SYMMETRIC_DEFAULT', name, async () => {
      const { engine } = subject;
      type Vector = {
        algorithm: EncryptionAlgorithm;
        key: string;
        nonce: string;
        messageBytes: number;
        aadBytes: number;
        ciphertext?: string;
        ciphertextSha256?: string;
        tag: string;
      };
      for (const vector of ownVectors<Vector>(name)) {
        const { algorithm } = vector;
        using key = await engine.importKey({ keySpec: 'SYMMETRIC_DEFAULT', format: 'raw', data: fromHex(vector.key) });
        const iv = fromHex(vector.nonce);
        const plaintext = pattern(vector.messageBytes);
        const aad = pattern(vector.aadBytes);
        const sealed = await engine.encrypt({ key, algorithm, plaintext, aad, iv });
        const ciphertext = sealed.subarray(iv.length, -16);
        const what = `${vector.messageBytes} bytes, ${vector.aadBytes} of additional data`;
        assert.equal(hex(sealed.subarray(0, iv.length)), vector.nonce, what);
        if (vector.ciphertext !== undefined) assert.equal(hex(ciphertext), vector.ciphertext, what);
        else assert.equal(createHash('sha256').update(ciphertext).digest('hex'), vector.ciphertextSha256, what);
        assert.equal(hex(sealed.subarray(-16)), vector.tag, what);
        assert.deepEqual(await engine.decrypt({ key, algorithm, ciphertext: sealed, aad }), plaintext, what);
      }
    });
  }

  for (const keySpec of specsWith('encrypt').filter((each) => each !== 'SYMMETRIC_DEFAULT')) {
    subject.test(keySpec, `OAEP ciphertexts of ${keySpec}`, async () => {
      using key = await testKey(subject.engine, keySpec);
      type Vector = { keySpec: KeySpec; algorithm: EncryptionAlgorithm; messageBytes: number; ciphertext: string };
      for (const vector of ownVectors<Vector>('rsa_oaep').filter((each) => each.keySpec === keySpec)) {
        const { algorithm, messageBytes } = vector;
        const plaintext = await subject.engine.decrypt({ key, algorithm, ciphertext: fromHex(vector.ciphertext) });
        assert.deepEqual(plaintext, pattern(messageBytes), `${algorithm}, ${messageBytes} bytes`);
      }
    });
  }

  for (const name of ['rsa_pss', 'rsa_pkcs1'] as const) {
    for (const keySpec of specsWith('encrypt').filter((each) => each !== 'SYMMETRIC_DEFAULT')) {
      subject.test(keySpec, `${name} signatures of ${keySpec}`, async () => {
        const { engine } = subject;
        using key = await engine.importKey({ keySpec, format: 'spki', data: fixedKey(keySpec).spki });
        using signer = await testKey(engine, keySpec);
        type Vector = { keySpec: KeySpec; algorithm: SigningAlgorithm; messageBytes: number; signature: string };
        for (const vector of ownVectors<Vector>(name).filter((each) => each.keySpec === keySpec)) {
          const { algorithm, messageBytes } = vector;
          const message = pattern(messageBytes);
          const signature = fromHex(vector.signature);
          assert.equal(
            await engine.verify({ key, algorithm, message, signature }),
            true,
            `${algorithm} ${messageBytes}`,
          );
          const other = pattern(messageBytes + 1);
          assert.equal(await engine.verify({ key, algorithm, message: other, signature }), false);
          // PKCS #1 v1.5 signatures have no randomness: ours must be these.
          if (name === 'rsa_pkcs1') {
            assert.equal(hex(await engine.sign({ key: signer, algorithm, message })), vector.signature);
          }
        }
      });
    }
  }

  for (const keySpec of ASYMMETRIC_SPECS.filter((each) => KEY_SPECS[each].family === 'ec')) {
    subject.test(keySpec, `ECDSA signatures of ${keySpec}`, async () => {
      const { engine } = subject;
      type Vector = {
        keySpec: KeySpec;
        algorithm: SigningAlgorithm;
        raw: string;
        messageBytes: number;
        p1363: string;
        der: string;
      };
      for (const vector of ownVectors<Vector>('ecdsa').filter((each) => each.keySpec === keySpec)) {
        using key = await engine.importKey({ keySpec, format: 'raw', data: fromHex(vector.raw) });
        const { algorithm, messageBytes } = vector;
        const message = pattern(messageBytes);
        for (const encoding of ['der', 'p1363'] as const) {
          const signature = fromHex(vector[encoding]);
          const what = `${encoding}, ${messageBytes} bytes`;
          assert.equal(await engine.verify({ key, algorithm, message, signature, encoding }), true, what);
          const made = await engine.sign({ key, algorithm, message, encoding, deterministic: true });
          assert.equal(hex(made), vector[encoding], what);
          const bad = flipBit(signature, signature.length * 8 - 8);
          assert.equal(await engine.verify({ key, algorithm, message, signature: bad, encoding }), false, what);
        }
      }
    });
  }

  for (const [name, algorithm] of [
    ['ed25519', 'ED25519_SHA_512'],
    ['ed25519ph', 'ED25519_PH_SHA_512'],
  ] as const) {
    subject.test('ECC_NIST_EDWARDS25519', `${name} signatures`, async () => {
      const { engine } = subject;
      for (const vector of ownVectors<{ raw: string; messageBytes: number; signature: string }>(name)) {
        using key = await engine.importKey({
          keySpec: 'ECC_NIST_EDWARDS25519',
          format: 'raw',
          data: fromHex(vector.raw),
        });
        const message = pattern(vector.messageBytes);
        const signature = await engine.sign({ key, algorithm, message });
        assert.equal(hex(signature), vector.signature, `${vector.messageBytes} bytes`);
        assert.equal(await engine.verify({ key, algorithm, message, signature }), true);
        assert.equal(await engine.verify({ key, algorithm, message: pattern(5, 9), signature }), false);
      }
    });
  }

  for (const keySpec of specsWith('agree')) {
    subject.test(keySpec, `ECDH with ${keySpec}`, async () => {
      const { engine } = subject;
      type Vector = { keySpec: KeySpec; raw: string; peerSpki: string; shared: string };
      for (const vector of ownVectors<Vector>('ecdh').filter((each) => each.keySpec === keySpec)) {
        using key = await engine.importKey({ keySpec, format: 'raw', data: fromHex(vector.raw) });
        const shared = await engine.deriveSharedSecret({ key, publicKey: fromHex(vector.peerSpki) });
        assert.equal(hex(shared), vector.shared);
      }
    });
  }
});

forEachBackend('round trips', (subject) => {
  for (const algorithm of ['SYMMETRIC_DEFAULT', 'XAES_256_GCM'] as const) {
    subject.test(
      'SYMMETRIC_DEFAULT',
      `${algorithm}: a prefix stands before the ciphertext and changes nothing else`,
      async () => {
        const { engine } = subject;
        using key = await engine.generateKey('SYMMETRIC_DEFAULT');
        const iv = pattern(algorithm === 'SYMMETRIC_DEFAULT' ? 12 : 24);
        // The last two are long enough to be read in place.
        for (const [prefixBytes, textBytes] of [
          [0, 5],
          [1, 0],
          [8, 40],
          [52, 32],
          [1000, 1],
          [52, 40_000],
          [0, 40_000],
        ] as const) {
          const plaintext = pattern(textBytes);
          const prefix = pattern(prefixBytes).map((byte) => byte ^ 0xff);
          const sealed = await engine.encrypt({ key, algorithm, plaintext, iv });
          const expected = new Uint8Array([...prefix, ...sealed]);
          const what = `${prefixBytes} before ${textBytes}`;
          assert.deepEqual(await engine.encrypt({ key, algorithm, plaintext, iv, prefix }), expected, what);
          const both = await engine.run([
            { op: 'encrypt', key, algorithm, plaintext, iv, prefix },
            { op: 'encrypt', key, algorithm, plaintext, iv },
          ]);
          assert.deepEqual(
            both.map(({ value }) => value),
            [expected, sealed],
            what,
          );
        }
      },
    );
  }

  for (const keySpec of specsWith('encrypt')) {
    subject.test(keySpec, `${keySpec} decrypts what it encrypts, each time to another ciphertext`, async () => {
      const { engine } = subject;
      using key = await testKey(engine, keySpec);
      for (const algorithm of algorithmsOf<EncryptionAlgorithm>(keySpec, 'encrypt')) {
        for (const messageBytes of [0, 1, 16, 33, 190]) {
          const plaintext = pattern(messageBytes);
          const ciphertext = await engine.encrypt({ key, algorithm, plaintext });
          assert.deepEqual(await engine.decrypt({ key, algorithm, ciphertext }), plaintext);
          assert.notDeepEqual(await engine.encrypt({ key, algorithm, plaintext }), ciphertext);
        }
      }
    });
  }

  for (const keySpec of specsWith('sign')) {
    subject.test(keySpec, `${keySpec} verifies what it signs, and nothing else`, async () => {
      const { engine } = subject;
      using key = await testKey(engine, keySpec);
      for (const algorithm of algorithmsOf<SigningAlgorithm>(keySpec, 'sign')) {
        const message = pattern(100);
        const signature = await engine.sign({ key, algorithm, message });
        assert.equal(await engine.verify({ key, algorithm, message, signature }), true, algorithm);
        assert.equal(await engine.verify({ key, algorithm, message: pattern(101), signature }), false, algorithm);
        assert.equal(await engine.verify({ key, algorithm, message, signature: new Uint8Array(0) }), false, algorithm);
        assert.equal(await engine.verify({ key, algorithm, message, signature: signature.subarray(1) }), false);
        assert.equal(await engine.verify({ key, algorithm, message, signature: concat(signature, pattern(1)) }), false);
        const zeros = new Uint8Array(signature.length);
        assert.equal(await engine.verify({ key, algorithm, message, signature: zeros }), false, algorithm);
        for (const other of algorithmsOf<SigningAlgorithm>(keySpec, 'sign').filter((each) => each !== algorithm)) {
          assert.equal(
            await engine.verify({ key, algorithm: other, message, signature }),
            false,
            `${algorithm} as ${other}`,
          );
        }
      }
    });

    subject.test(keySpec, `${keySpec}: RAW of a message is DIGEST of its hash`, async () => {
      const { engine } = subject;
      using key = await testKey(engine, keySpec);
      for (const algorithm of algorithmsOf<SigningAlgorithm>(keySpec, 'sign')) {
        const message = pattern(77);
        const hash = ALGORITHMS[algorithm].hash!;
        const digest = new Uint8Array(createHash(hash.replace('_', '')).update(message).digest());
        if (ALGORITHMS[algorithm].takesDigest === false) {
          await rejectsWith(
            'INVALID_ARGUMENT',
            engine.sign({ key, algorithm, message: digest, messageType: 'DIGEST' }),
          );
          continue;
        }
        const raw = await engine.sign({ key, algorithm, message });
        const direct = await engine.sign({ key, algorithm, message: digest, messageType: 'DIGEST' });
        const verdicts = [
          await engine.verify({ key, algorithm, message: digest, messageType: 'DIGEST', signature: raw }),
          await engine.verify({ key, algorithm, message, signature: direct }),
          await engine.verify({ key, algorithm, message: digest, signature: direct }),
        ];
        assert.deepEqual(verdicts, [true, true, false], algorithm);
        const shorter = digest.subarray(1);
        await rejectsWith('INVALID_LENGTH', engine.sign({ key, algorithm, message: shorter, messageType: 'DIGEST' }));
      }
    });
  }

  for (const keySpec of Object.keys(KEY_SPECS) as KeySpec[]) {
    const isSlow = KEY_SPECS[keySpec].family === 'rsa' && keySpec !== 'RSA_2048';
    if (!isSlow || process.env.KEYMILL_SLOW === '1') {
      subject.test(keySpec, `a generated ${keySpec} key is new, exports, and imports again`, async () => {
        const { engine } = subject;
        using key = await engine.generateKey(keySpec);
        using other = await engine.generateKey(keySpec);
        assert.equal(key.keySpec, keySpec);
        const formats = KEY_SPECS[keySpec].family === 'rsa' ? (['pkcs8'] as const) : (['raw'] as const);
        for (const format of formats) {
          const data = key.export(format);
          assert.notDeepEqual(other.export(format), data);
          using again = await engine.importKey({ keySpec, format, data });
          assert.deepEqual(again.export(format), data);
        }
        if (SYMMETRIC_SPECS.includes(keySpec)) return;
        const data = key.export('pkcs8');
        using again = await engine.importKey({ keySpec, format: 'pkcs8', data });
        assert.deepEqual(again.export('pkcs8'), data);
        assert.deepEqual(again.publicKey(), key.publicKey());
      });
    }

    subject.test(keySpec, `a wrapped ${keySpec} key opens under its root key, data and spec only`, async () => {
      const { engine } = subject;
      using rootKey = await engine.generateKey('SYMMETRIC_DEFAULT');
      using otherRoot = await engine.generateKey('SYMMETRIC_DEFAULT');
      using key = await testKey(engine, keySpec);
      const material = (each: EngineKey) => each.export(KEY_SPECS[keySpec].family === 'rsa' ? 'pkcs8' : 'raw');
      const additionalData = pattern(50);
      const wrapped = await engine.wrapKey({ rootKey, key, additionalData });
      assert.equal(wrapped[0], 1, 'the version byte');
      if (KEY_SPECS[keySpec].family !== 'rsa') assert.equal(wrapped.length, material(key).length + 41);
      using unwrapped = await engine.unwrapKey({ rootKey, keySpec, wrapped, additionalData });
      assert.deepEqual(material(unwrapped), material(key));
      assert.notDeepEqual(await engine.wrapKey({ rootKey, key, additionalData }), wrapped);

      const fails = (what: string, change: object) =>
        rejectsWith(
          'DECRYPTION_FAILED',
          engine.unwrapKey({ rootKey, keySpec, wrapped, additionalData, ...change }),
          what,
        );
      await fails('another root key', { rootKey: otherRoot });
      await fails('other additional data', { additionalData: pattern(51) });
      await fails('no additional data', { additionalData: new Uint8Array(0) });
      await fails('another version', { wrapped: flipBit(wrapped, 1) });
      await fails('a byte less', { wrapped: wrapped.subarray(0, -1) });
      await fails('a byte more', { wrapped: concat(wrapped, pattern(1)) });
      await fails('nothing', { wrapped: new Uint8Array(0) });
      // Material of the same length included: a P-256 scalar would do as an AES key.
      for (const otherSpec of Object.keys(KEY_SPECS) as KeySpec[]) {
        if (otherSpec !== keySpec) await fails(`as ${otherSpec}`, { keySpec: otherSpec });
      }
    });
  }

  subject.test('RSA_4096', "RSA keys of different lengths do not get in each other's way", async () => {
    const { engine } = subject;
    const keySpecs = ['RSA_2048', 'RSA_3072', 'RSA_4096'] as const;
    const keys = await Promise.all(keySpecs.map((keySpec) => testKey(engine, keySpec)));
    const request = { algorithm: 'RSASSA_PKCS1_V1_5_SHA_256' as const, message: pattern(10) };
    const signatures = await Promise.all(keys.map((key) => engine.sign({ key, ...request })));
    for (const [first, key] of keys.entries()) {
      for (const [second, other] of keys.entries()) {
        assert.equal(await engine.verify({ key, ...request, signature: flipBit(signatures[first]!, 9) }), false);
        assert.equal(hex(await engine.sign({ key: other, ...request })), hex(signatures[second]!));
        assert.equal(await engine.verify({ key, ...request, signature: signatures[first]! }), true);
      }
    }
    for (const key of keys) key.close();
  });

  test('random bytes are as many as asked for, and different', async () => {
    for (const bytes of [0, 1, 32, 1000, 2 ** 20]) {
      const [one, other] = await Promise.all([subject.engine.random(bytes), subject.engine.random(bytes)]);
      assert.equal(one.length, bytes);
      if (bytes >= 32) assert.notDeepEqual(one, other);
    }
    // 32 KiB of uniform bits have 131,072 ones, give or take 256 (one sigma); ten sigmas is never.
    let ones = 0;
    for (const byte of await subject.engine.random(32_768)) for (let bits = byte; bits > 0; bits &= bits - 1) ones++;
    assert.ok(Math.abs(ones - 131_072) < 2560, `${ones} ones`);
  });
});
