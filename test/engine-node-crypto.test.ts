/** node:crypto as the other party: what one makes the other takes, in both directions, at the edges of every block. */
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import {
  ALGORITHMS,
  type Algorithm,
  type EncryptionAlgorithm,
  KEY_SPECS,
  type KeySpec,
  type MacAlgorithm,
  type SigningAlgorithm,
} from 'keymill/engine';
import { forEachBackend } from './support/backends.ts';
import { pattern } from './support/bytes.ts';
import { ASYMMETRIC_SPECS, fixedKey, SECRET_BYTES, SYMMETRIC_SPECS, secretBytes, testKey } from './support/keys.ts';

/** Around blocks, batches of them, and what wasm/counter_mode.ts does differently from 4064 and 4193 bytes on. */
const LENGTHS = [
  0, 1, 15, 16, 17, 63, 64, 65, 96, 97, 111, 112, 113, 127, 128, 129, 255, 256, 257, 1000, 4064, 4065, 4192, 4193,
  16_383, 16_384, 16_385, 32_767, 32_768, 32_769, 100_000,
];

const nodeHash = (algorithm: Algorithm): string => ALGORITHMS[algorithm].hash!.replace('_', '').toLowerCase();

/** How node:crypto names a signing algorithm. undefined: it has no such thing. */
function nodeSigning(algorithm: SigningAlgorithm): { hash: string | null; options: object } | undefined {
  if (algorithm === 'ED25519_PH_SHA_512') return undefined;
  if (algorithm === 'ED25519_SHA_512') return { hash: null, options: {} };
  const hash = nodeHash(algorithm);
  if (!algorithm.startsWith('RSASSA_PSS')) return { hash, options: {} };
  const { RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST } = crypto.constants;
  return { hash, options: { padding: RSA_PKCS1_PSS_PADDING, saltLength: RSA_PSS_SALTLEN_DIGEST } };
}

forEachBackend('beside node:crypto', (subject) => {
  for (const keySpec of ASYMMETRIC_SPECS) {
    const algorithms = KEY_SPECS[keySpec].algorithms.filter((each) => ALGORITHMS[each].use === 'sign');
    for (const algorithm of algorithms as SigningAlgorithm[]) {
      const node = nodeSigning(algorithm);
      if (node === undefined) continue;
      const { hash, options } = node;
      const encodings = ALGORITHMS[algorithm].hasEncodings ? (['der', 'p1363'] as const) : ([undefined] as const);

      subject.test(keySpec, `${keySpec} ${algorithm} signatures`, async () => {
        const { engine } = subject;
        const { privateKey, publicKey, spki } = fixedKey(keySpec);
        using key = await testKey(engine, keySpec);
        using verifier = await engine.importKey({ keySpec, format: 'spki', data: spki });
        for (const encoding of encodings) {
          const dsaEncoding = encoding === 'p1363' ? 'ieee-p1363' : 'der';
          for (const message of [0, 1, 64, 127, 128, 129, 40_000].map((length) => pattern(length))) {
            const what = `${encoding} ${message.length} bytes`;
            const ours = await engine.sign({ key, algorithm, message, encoding });
            assert.ok(crypto.verify(hash, message, { key: publicKey, dsaEncoding, ...options }, ours), `ours, ${what}`);
            const theirs = crypto.sign(hash, message, { key: privateKey, dsaEncoding, ...options });
            assert.ok(await engine.verify({ key: verifier, algorithm, message, encoding, signature: theirs }), what);
          }
        }
      });
    }

    subject.test(keySpec, `${keySpec} keys as PKCS#8 and SPKI`, async () => {
      const { engine } = subject;
      const fixed = fixedKey(keySpec);
      using key = await engine.importKey({ keySpec, format: 'pkcs8', data: fixed.pkcs8 });
      assert.deepEqual(key.publicKey(), fixed.spki);
      // Ours may leave out what is optional, so the comparison is of what node reads.
      const read = crypto.createPrivateKey({ key: Buffer.from(key.export('pkcs8')), format: 'der', type: 'pkcs8' });
      assert.ok(read.equals(fixed.privateKey));

      using made = await engine.generateKey(keySpec === 'RSA_4096' || keySpec === 'RSA_3072' ? 'RSA_2048' : keySpec);
      const madePrivate = crypto.createPrivateKey({
        key: Buffer.from(made.export('pkcs8')),
        format: 'der',
        type: 'pkcs8',
      });
      const madePublic = crypto.createPublicKey({ key: Buffer.from(made.publicKey()), format: 'der', type: 'spki' });
      assert.ok(crypto.createPublicKey(madePrivate).equals(madePublic));
    });
  }

  subject.test(
    'RSA_2048',
    'an RSA key generated here has 65537 for an exponent and a modulus of full length',
    async () => {
      using key = await subject.engine.generateKey('RSA_2048');
      const details = crypto.createPublicKey({ key: Buffer.from(key.publicKey()), format: 'der', type: 'spki' });
      assert.deepEqual(details.asymmetricKeyDetails, { modulusLength: 2048, publicExponent: 65537n });
    },
  );

  for (const keySpec of ASYMMETRIC_SPECS.filter((each) => KEY_SPECS[each].family === 'rsa')) {
    subject.test(keySpec, `${keySpec} OAEP`, async () => {
      const { engine } = subject;
      const { privateKey, publicKey } = fixedKey(keySpec);
      using key = await testKey(engine, keySpec);
      for (const algorithm of ['RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256'] as const) {
        const oaepHash = nodeHash(algorithm);
        const longest = KEY_SPECS[keySpec].elementBytes! - 2 * (algorithm === 'RSAES_OAEP_SHA_1' ? 20 : 32) - 2;
        for (const plaintext of [0, 1, longest - 1, longest].map((length) => pattern(length))) {
          const ours = await engine.encrypt({ key, algorithm, plaintext });
          assert.deepEqual(new Uint8Array(crypto.privateDecrypt({ key: privateKey, oaepHash }, ours)), plaintext);
          const theirs = crypto.publicEncrypt({ key: publicKey, oaepHash }, plaintext);
          assert.deepEqual(await engine.decrypt({ key, algorithm, ciphertext: theirs }), plaintext);
        }
      }
    });
  }

  for (const keySpec of ASYMMETRIC_SPECS.filter((each) => KEY_SPECS[each].algorithms.includes('ECDH'))) {
    subject.test(keySpec, `${keySpec} ECDH`, async () => {
      const [own, peer] = [fixedKey(keySpec, 0), fixedKey(keySpec, 1)];
      using key = await testKey(subject.engine, keySpec);
      const shared = crypto.diffieHellman({ privateKey: peer.privateKey, publicKey: own.publicKey });
      assert.deepEqual(await subject.engine.deriveSharedSecret({ key, publicKey: peer.spki }), new Uint8Array(shared));
    });
  }

  subject.test('SYMMETRIC_DEFAULT', 'AES-256-GCM', async () => {
    const { engine } = subject;
    const algorithm: EncryptionAlgorithm = 'SYMMETRIC_DEFAULT';
    using key = await testKey(engine, 'SYMMETRIC_DEFAULT');
    const secret = secretBytes(32);
    for (const [row, length] of LENGTHS.entries()) {
      const plaintext = pattern(length);
      const aad = pattern((row * 13) % 70);
      const ours = Buffer.from(await engine.encrypt({ key, algorithm, plaintext, aad }));
      const decipher = crypto.createDecipheriv('aes-256-gcm', secret, ours.subarray(0, 12), { authTagLength: 16 });
      decipher.setAAD(aad).setAuthTag(ours.subarray(-16));
      const opened = Buffer.concat([decipher.update(ours.subarray(12, -16)), decipher.final()]);
      assert.deepEqual(new Uint8Array(opened), plaintext, `${length} bytes`);

      const iv = crypto.randomBytes(12);
      const cipher = crypto.createCipheriv('aes-256-gcm', secret, iv, { authTagLength: 16 }).setAAD(aad);
      const theirs = Buffer.concat([iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
      assert.deepEqual(await engine.decrypt({ key, algorithm, ciphertext: theirs, aad }), plaintext, `${length} bytes`);
    }
  });

  for (const keySpec of SYMMETRIC_SPECS.filter((each) => KEY_SPECS[each].family === 'hmac')) {
    subject.test(keySpec, `HMAC of ${keySpec}`, async () => {
      const { engine } = subject;
      const algorithm = KEY_SPECS[keySpec].algorithms[0] as MacAlgorithm;
      const [shortest, longest] = KEY_SPECS[keySpec as KeySpec].rawBytes!;
      for (const keyBytes of [shortest, shortest + 1, longest - 1, longest]) {
        using key = await engine.importKey({ keySpec, format: 'raw', data: secretBytes(keyBytes) });
        for (const message of LENGTHS.map((length) => pattern(length))) {
          const theirs = crypto.createHmac(nodeHash(algorithm), secretBytes(keyBytes)).update(message).digest();
          const what = `${keyBytes}-byte key, ${message.length} bytes`;
          assert.deepEqual(await engine.mac({ key, algorithm, message }), new Uint8Array(theirs), what);
          assert.ok(await engine.verifyMac({ key, algorithm, message, mac: theirs }), what);
        }
      }
      assert.equal(SECRET_BYTES[keySpec], KEY_SPECS[keySpec].generatedBytes);
    });
  }
});
