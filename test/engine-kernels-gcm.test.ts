/**
 * AES-256-GCM kernels against node:crypto, and XAES-256-GCM's against OpenSSL's: every length around their blocks, vectors and
 * strides, keys mixed in a batch.
 */
import assert from 'node:assert/strict';
import { createCipheriv, randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { type Engine, type EngineError, type EngineKey, openEngine } from 'keymill/engine';
import { needsNative } from './support/backends.ts';

const around = (...edges: number[]) => edges.flatMap((edge) => [edge - 1, edge, edge + 1]);
const TEXT_BYTES = [...Array(130).keys(), ...around(192, 256, 512, 768), 1000, 4096, 40_000];
const AAD_BYTES = [0, ...around(16, 64, 256, 512), 700];
const KEYS = 5;
const IV_BYTES = 12;

for (const kernels of ['auto', 'openssl'] as const) {
  describe(`AES-256-GCM, kernels: ${kernels}`, needsNative, () => {
    let engine: Engine;
    const raw = Array.from({ length: KEYS }, () => randomBytes(32));
    let keys: EngineKey[];
    before(async () => {
      engine = await openEngine({ backend: 'native', threads: 1, kernels });
      keys = await Promise.all(
        raw.map((data) => engine.importKey({ keySpec: 'SYMMETRIC_DEFAULT', format: 'raw', data })),
      );
    });
    after(() => engine.close());

    const messages = [
      ...TEXT_BYTES.map((textBytes, index) => [textBytes, index % 3 === 0 ? 20 : 0] as const),
      ...AAD_BYTES.flatMap((aadBytes) => [0, 31, 48, 49, 300].map((textBytes) => [textBytes, aadBytes] as const)),
    ].map(([textBytes, aadBytes], index) => {
      const plaintext = randomBytes(textBytes);
      const aad = randomBytes(aadBytes);
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv('aes-256-gcm', raw[index % KEYS]!, iv).setAAD(aad);
      const ciphertext = Buffer.concat([iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
      return { index, plaintext, aad, iv, ciphertext };
    });
    const keyOf = (index: number) => keys[index % KEYS]!;
    const algorithm = 'SYMMETRIC_DEFAULT';

    test('seals what node:crypto seals', async () => {
      const results = await engine.run(
        messages.map(({ index, plaintext, aad, iv }) => {
          return { op: 'encrypt', key: keyOf(index), algorithm, plaintext, aad, iv } as const;
        }),
      );
      for (const { index, plaintext, aad, ciphertext } of messages) {
        assert.deepEqual(
          Buffer.from(results[index]!.value as Uint8Array),
          ciphertext,
          `${plaintext.length} bytes, additional data ${aad.length}`,
        );
      }
    });

    test('opens it, and nothing that was changed', async () => {
      const opened = (changed: (ciphertext: Buffer, index: number) => void) => {
        return engine.run(
          messages.map(({ index, aad, ciphertext }) => {
            const copy = Buffer.from(ciphertext);
            changed(copy, index);
            return { op: 'decrypt', key: keyOf(index), algorithm, ciphertext: copy, aad } as const;
          }),
        );
      };
      const good = await opened(() => {});
      for (const { index, plaintext } of messages) {
        assert.deepEqual(Buffer.from(good[index]!.value as Uint8Array), plaintext);
      }
      const bad = await opened((ciphertext, index) => {
        const bit = (index * 7919) % (ciphertext.length * 8);
        ciphertext[bit >> 3]! ^= 1 << (bit & 7);
      });
      for (const { error } of bad) assert.equal((error as EngineError).code, 'DECRYPTION_FAILED');
    });

    test('packed, a key for each message', async () => {
      const messageBytes = 33;
      const count = 21;
      const plaintexts = randomBytes(messageBytes * count);
      const each = Array.from({ length: count }, (_, index) => keyOf(index));
      const sealed = await engine.sealPacked({ keys: each, messages: plaintexts, messageBytes });
      const sealedBytes = sealed.length / count;
      sealed[4 * sealedBytes + 20]! ^= 1;
      const { messages: texts, opened } = await engine.openPacked({
        keys: each,
        messages: sealed,
        messageBytes: sealedBytes,
      });
      const expected = Buffer.from(plaintexts).fill(0, 4 * messageBytes, 5 * messageBytes);
      assert.deepEqual(Buffer.from(texts), expected);
      assert.deepEqual(
        [...opened].map((flag, index) => (flag === 1 ? -1 : index)).filter((index) => index >= 0),
        [4],
      );
    });
  });
}

test('XAES-256-GCM: every list of kernels makes and opens the same', needsNative, async () => {
  const engines = await Promise.all(
    (['auto', 'openssl'] as const).map((kernels) => openEngine({ backend: 'native', threads: 1, kernels })),
  );
  const data = randomBytes(32);
  const algorithm = 'XAES_256_GCM';
  const messages = [...TEXT_BYTES, ...AAD_BYTES].map((bytes, index) => {
    const isText = index < TEXT_BYTES.length;
    return { plaintext: randomBytes(isText ? bytes : 40), aad: randomBytes(isText ? 3 : bytes), iv: randomBytes(24) };
  });
  const sealed = await Promise.all(
    engines.map(async (engine) => {
      const key = await engine.importKey({ keySpec: 'SYMMETRIC_DEFAULT', format: 'raw', data });
      const results = await engine.run(messages.map((each) => ({ op: 'encrypt', key, algorithm, ...each }) as const));
      const ciphertexts = results.map(({ value }) => value as Uint8Array);
      const opened = await engine.run(
        ciphertexts.map((ciphertext, i) => {
          return { op: 'decrypt', key, algorithm, ciphertext, aad: messages[i]!.aad } as const;
        }),
      );
      messages.forEach(({ plaintext }, i) => {
        assert.deepEqual(Buffer.from(opened[i]!.value as Uint8Array), plaintext);
      });
      return ciphertexts;
    }),
  );
  assert.deepEqual(sealed[0], sealed[1]);
  await Promise.all(engines.map((engine) => engine.close()));
});
