/** Every list of kernels gives signatures that others accept and others' macs, at fills that are and are not whole vectors. */
import assert from 'node:assert/strict';
import { createHash, createHmac, createPublicKey, verify as nodeVerify } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { type Engine, type EngineKey, type KeySpec, openEngine, type SigningAlgorithm } from 'keymill/engine';
import { needsNative } from './support/backends.ts';
import { flipBit, fromHex, hex, pattern } from './support/bytes.ts';
import { secretBytes } from './support/keys.ts';

const CURVES: readonly (readonly [KeySpec, SigningAlgorithm, string, string])[] = [
  ['ECC_NIST_P256', 'ECDSA_SHA_256', 'sha256', 'p256'],
  ['ECC_NIST_P384', 'ECDSA_SHA_384', 'sha384', 'p384'],
  ['ECC_NIST_P521', 'ECDSA_SHA_512', 'sha512', 'p521'],
  ['ECC_SECG_P256K1', 'ECDSA_SHA_256', 'sha256', 'secp256k1'],
];
const KERNELS = ['auto', 'scalar', 'emulated', 'openssl'] as const;
const FILLS = [1, 2, 7, 8, 9, 17];

for (const kernels of KERNELS) {
  describe(`kernels: ${kernels}`, needsNative, () => {
    let engine: Engine;
    before(async () => {
      engine = await openEngine({ backend: 'native', threads: 1, kernels });
    });
    after(() => engine.close());

    for (const bits of [224, 256, 384, 512] as const) {
      const [keySpec, algorithm] = [`HMAC_${bits}`, `HMAC_SHA_${bits}`] as const;

      test(`${keySpec}: engine.info names the kernels in use`, () => {
        const name = engine.info.kernels[`hmac-sha-${bits}`];
        if (kernels === 'auto') assert.ok(name === 'avx512' || name === 'openssl', name);
        else assert.equal(name, kernels === 'emulated' ? 'emulated' : 'openssl');
      });

      test(`${keySpec}: macs with many keys over messages of many lengths are node:crypto's`, async () => {
        const secrets = [1, 2, 3].map((each) => secretBytes(64, each));
        const keys = await Promise.all(secrets.map((data) => engine.importKey({ keySpec, format: 'raw', data })));
        for (const fill of [...FILLS, 200]) {
          // Every length about the edges of one to three blocks, and one message far longer than its neighbours.
          const messages = Array.from({ length: fill }, (_, i) => pattern(i === 3 ? 5000 : (i * 13) % 270, i));
          const macs = await engine.run(
            messages.map((message, i) => ({ op: 'mac', key: keys[i % keys.length]!, algorithm, message })),
          );
          const wanted = messages.map((message, i) =>
            createHmac(`sha${bits}`, secrets[i % secrets.length]!)
              .update(message)
              .digest('hex'),
          );
          assert.deepEqual(
            macs.map(({ value }) => hex(value as Uint8Array)),
            wanted,
          );
          // One bad mac in the middle is found, and hurts only itself.
          const bad = fill >> 1;
          const answers = await engine.run(
            messages.map((message, i) => {
              const mac = fromHex(wanted[i]!);
              return {
                op: 'verifyMac',
                key: keys[i % keys.length]!,
                algorithm,
                message,
                mac: i === bad ? flipBit(mac, i) : mac,
              };
            }),
          );
          assert.deepEqual(
            answers.map(({ value }) => value),
            messages.map((_, i) => i !== bad),
          );
        }
        for (const key of keys) key.close();
      });
    }

    for (const [keySpec, algorithm, hash, primitive] of CURVES) {
      const digestBytes = createHash(hash).digest().length;
      const keyObject = (key: EngineKey) => {
        return createPublicKey({ key: Buffer.from(key.publicKey()), format: 'der', type: 'spki' });
      };

      test(`${keySpec}: engine.info names the kernels in use`, () => {
        const { kernels: chosen } = engine.info;
        for (const operation of ['sign', 'verify']) {
          const name = chosen[`ecdsa-${primitive}-${operation}`];
          if (kernels !== 'auto') assert.equal(name, kernels);
          else assert.notEqual(name, 'emulated');
        }
      });

      test(`${keySpec}: signatures of many keys, accepted by node:crypto and by the engine`, async () => {
        const owned = await Promise.all([1, 2, 3].map(() => engine.generateKey(keySpec)));
        const objects = owned.map(keyObject);
        for (const fill of FILLS) {
          const keys = Array.from({ length: fill }, (_, i) => owned[i % owned.length]!);
          const messages = keys.map((_, i) => Buffer.from(`message ${fill} ${i}`));
          const signatures = await Promise.all(
            keys.map((key, i) => engine.sign({ key, algorithm, message: messages[i]! })),
          );
          signatures.forEach((signature, i) => {
            assert.ok(nodeVerify(hash, messages[i]!, objects[i % objects.length]!, signature), `${i} of ${fill}`);
          });
          // One bad signature in the middle is found, and hurts only itself.
          const bad = fill >> 1;
          const answers = await Promise.all(
            keys.map((key, i) => {
              const message = i === bad ? Buffer.from('another message') : messages[i]!;
              return engine.verify({ key, algorithm, message, signature: signatures[i]! });
            }),
          );
          assert.deepEqual(
            answers,
            keys.map((_, i) => i !== bad),
          );
        }
        for (const key of owned) key.close();
      });

      test(`${keySpec}: digests of zeros and ones, and scalars at the ends`, async () => {
        const width = keySpec === 'ECC_NIST_P521' ? 66 : digestBytes;
        const one = new Uint8Array(width);
        one[width - 1] = 1;
        const key = await engine.importKey({ keySpec, format: 'raw', data: one });
        for (const filler of [0, 255]) {
          const message = new Uint8Array(digestBytes).fill(filler);
          const request = { key, algorithm, message, messageType: 'DIGEST', encoding: 'p1363' } as const;
          const signatures = await Promise.all(Array.from({ length: 9 }, () => engine.sign(request)));
          for (const signature of signatures) assert.ok(await engine.verify({ ...request, signature }));
          // r comes from the nonce alone.
          const nonces = new Set(
            signatures.map((signature) => Buffer.from(signature.subarray(0, width)).toString('hex')),
          );
          assert.equal(nonces.size, signatures.length);
        }
        key.close();
      });

      test(`${keySpec}: r and s out of range are no signatures`, async () => {
        const key = await engine.generateKey(keySpec);
        const width = keySpec === 'ECC_NIST_P521' ? 66 : digestBytes;
        const message = new Uint8Array(digestBytes).fill(7);
        const request = { key, algorithm, message, messageType: 'DIGEST', encoding: 'p1363' } as const;
        const good = await engine.sign(request);
        const altered = (filler: number, from: number) => Uint8Array.from(good).fill(filler, from, from + width);
        const answers = await Promise.all(
          [altered(0, 0), altered(0, width), altered(255, 0), altered(255, width), good].map((signature) =>
            engine.verify({ ...request, signature }),
          ),
        );
        assert.deepEqual(answers, [false, false, false, false, true]);
        key.close();
      });
    }
  });
}
