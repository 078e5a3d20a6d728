/** RSA on every list of kernels: fills that are and are not whole vectors of eight, keys, sizes and exponents mixed, against node:crypto. */
import assert from 'node:assert/strict';
import {
  constants,
  createHash,
  generateKeyPairSync,
  type KeyObject,
  sign as nodeSign,
  verify as nodeVerify,
  privateDecrypt,
  publicEncrypt,
} from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { type Engine, type EngineError, type EngineKey, type KeySpec, openEngine } from 'keymill/engine';
import { needsNative } from './support/backends.ts';

const OAEP = 'RSAES_OAEP_SHA_256';
const SCHEMES = [
  { algorithm: 'RSASSA_PSS_SHA_256', hash: 'sha256', pss: true },
  { algorithm: 'RSASSA_PSS_SHA_512', hash: 'sha512', pss: true },
  { algorithm: 'RSASSA_PKCS1_V1_5_SHA_256', hash: 'sha256', pss: false },
  { algorithm: 'RSASSA_PKCS1_V1_5_SHA_384', hash: 'sha384', pss: false },
] as const;
type Scheme = (typeof SCHEMES)[number];
const FILLS = [1, 2, 3, 7, 8, 9, 17];
/** 65537 is everybody's; the others have more bits set, and other lengths. */
const EXPONENTS = [65537, 65539, 0xffff_fffb];

const forNode = (key: KeyObject, { pss }: Scheme) =>
  pss
    ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : { key, padding: constants.RSA_PKCS1_PADDING };
const oaepForNode = (key: KeyObject) => ({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' });

interface Pair {
  readonly keySpec: KeySpec;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}
const makePair = (keySpec: KeySpec, publicExponent = 65537): Pair => ({
  keySpec,
  ...generateKeyPairSync('rsa', { modulusLength: Number(keySpec.slice(4)), publicExponent }),
});
const SMALL = [...EXPONENTS.map((exponent) => makePair('RSA_2048', exponent)), makePair('RSA_2048')];
const LARGE = [makePair('RSA_3072'), makePair('RSA_4096')];

const bytesOfModulus = ({ publicKey }: Pair) => Buffer.from(publicKey.export({ format: 'jwk' }).n!, 'base64url');

for (const kernels of ['auto', 'emulated', 'openssl'] as const) {
  describe(`RSA, kernels: ${kernels}`, needsNative, () => {
    let engine: Engine;
    let small: EngineKey[];
    let large: EngineKey[];
    const importAll = (pairs: readonly Pair[]) =>
      Promise.all(
        pairs.map(({ keySpec, privateKey }) =>
          engine.importKey({ keySpec, format: 'pkcs8', data: privateKey.export({ format: 'der', type: 'pkcs8' }) }),
        ),
      );
    before(async () => {
      engine = await openEngine({ backend: 'native', threads: 1, kernels });
      small = await importAll(SMALL);
      large = await importAll(LARGE);
    });
    after(() => engine.close());

    /** `count` items that take turns at the keys. */
    const items = (count: number, pairs = SMALL, keys = small) =>
      Array.from({ length: count }, (_, i) => {
        return { pair: pairs[i % pairs.length]!, key: keys[i % keys.length]!, message: Buffer.from(`${count} ${i}`) };
      });
    type Item = ReturnType<typeof items>[number];

    const checkSigning = async (scheme: Scheme, some: readonly Item[]) => {
      const { algorithm, hash } = scheme;
      const signatures = await Promise.all(some.map(({ key, message }) => engine.sign({ key, algorithm, message })));
      some.forEach(({ pair, message }, i) => {
        assert.ok(nodeVerify(hash, message, forNode(pair.publicKey, scheme), signatures[i]!), `${algorithm} ${i}`);
      });
    };
    const checkVerifying = async (scheme: Scheme, some: readonly Item[]) => {
      const { algorithm, hash } = scheme;
      // A bad one in the middle hurts only itself.
      const bad = some.length >> 1;
      const answers = await Promise.all(
        some.map(({ pair, key, message }, i) => {
          const signature = nodeSign(hash, message, forNode(pair.privateKey, scheme));
          if (i === bad) signature[i % signature.length]! ^= 4;
          return engine.verify({ key, algorithm, message, signature });
        }),
      );
      assert.deepEqual(
        answers,
        some.map((_, i) => i !== bad),
      );
    };
    const checkEncrypting = async (some: readonly Item[]) => {
      const ciphertexts = await Promise.all(
        some.map(({ key, message: plaintext }) => engine.encrypt({ key, algorithm: OAEP, plaintext })),
      );
      some.forEach(({ pair, message }, i) => {
        assert.deepEqual(privateDecrypt(oaepForNode(pair.privateKey), ciphertexts[i]!), message);
      });
    };
    const checkDecrypting = async (some: readonly Item[]) => {
      const bad = some.length >> 1;
      const outcomes = await engine.run(
        some.map(({ pair, key, message }, i) => {
          const ciphertext = publicEncrypt(oaepForNode(pair.publicKey), message);
          if (i === bad) ciphertext[255]! ^= 1;
          return { op: 'decrypt', key, algorithm: OAEP, ciphertext } as const;
        }),
      );
      outcomes.forEach(({ value, error }, i) => {
        if (i === bad) assert.equal((error as EngineError).code, 'DECRYPTION_FAILED');
        else assert.deepEqual(Buffer.from(value as Uint8Array), some[i]!.message);
      });
    };

    test('engine.info names the kernels in use', () => {
      const { kernels: chosen } = engine.info;
      for (const primitive of [
        'oaep-encrypt',
        'oaep-decrypt',
        'pss-sign',
        'pss-verify',
        'pkcs1-sign',
        'pkcs1-verify',
      ]) {
        if (kernels !== 'auto') assert.equal(chosen[`rsa-${primitive}`], kernels);
        else assert.notEqual(chosen[`rsa-${primitive}`], 'emulated');
      }
    });

    for (const scheme of SCHEMES) {
      test(`${scheme.algorithm}: node:crypto accepts its signatures, and it node:crypto's`, async () => {
        for (const fill of FILLS) {
          await checkSigning(scheme, items(fill));
          await checkVerifying(scheme, items(fill));
        }
      });
    }

    test(`${OAEP}: node:crypto opens its ciphertexts, and it node:crypto's`, async () => {
      for (const fill of FILLS) {
        await checkEncrypting(items(fill));
        await checkDecrypting(items(fill));
      }
    });

    test('larger keys, of two sizes at once', async () => {
      await checkSigning(SCHEMES[0], items(9, LARGE, large));
      await checkVerifying(SCHEMES[0], items(18, LARGE, large));
      await checkEncrypting(items(18, LARGE, large));
      await checkDecrypting(items(9, LARGE, large));
    });

    test('one key in every lane: each has its own blinding, and blindings follow each other', async () => {
      for (let round = 0; round < 3; round++) {
        await checkSigning(SCHEMES[2], items(8, SMALL.slice(0, 1), small.slice(0, 1)));
      }
    });

    test('packed signatures of keys in turn', async () => {
      const { algorithm, hash } = SCHEMES[2];
      const some = items(11);
      const digests = Buffer.concat(some.map(({ message }) => createHash(hash).update(message).digest()));
      const keys = some.map(({ key }) => key);
      const signatures = await engine.signPacked({ keys, algorithm, digests });
      some.forEach(({ pair, message }, i) => {
        const signature = signatures.subarray(256 * i, 256 * (i + 1));
        assert.ok(nodeVerify(hash, message, pair.publicKey, signature), String(i));
      });
      const answers = await engine.verifyPacked({ keys, algorithm, digests, signatures });
      assert.deepEqual([...answers], Array(11).fill(1));
    });

    test('numbers from 0 up to the modulus and above it: no signature, and one way for a decryption to fail', async () => {
      const modulus = bytesOfModulus(SMALL[0]!);
      const beside = (difference: number) => {
        const number = Buffer.from(modulus);
        number[255]! += difference;
        return number;
      };
      const one = Buffer.alloc(256);
      one[255] = 1;
      const numbers = [Buffer.alloc(256), one, beside(-1), modulus, Buffer.alloc(256, 255), Buffer.alloc(255, 1)];
      const key = small[0]!;
      for (const { algorithm } of SCHEMES) {
        const message = Buffer.from('message');
        const answers = await Promise.all(
          numbers.map((signature) => engine.verify({ key, algorithm, message, signature })),
        );
        assert.deepEqual(answers, Array(numbers.length).fill(false));
      }
      const outcomes = await engine.run(
        numbers.map((ciphertext) => ({ op: 'decrypt', key, algorithm: OAEP, ciphertext }) as const),
      );
      assert.deepEqual(
        outcomes.map(({ error }) => (error as EngineError).code),
        Array(numbers.length).fill('DECRYPTION_FAILED'),
      );
    });

    test('a public key alone verifies and encrypts beside whole ones', async () => {
      const pair = SMALL[1]!;
      const data = pair.publicKey.export({ format: 'der', type: 'spki' });
      const key = await engine.importKey({ keySpec: 'RSA_2048', format: 'spki', data });
      const mixed = items(8).map((item, i) => (i % 2 === 0 ? item : { ...item, pair, key }));
      await checkVerifying(SCHEMES[0], mixed);
      await checkEncrypting(mixed);
      key.close();
    });
  });
}
