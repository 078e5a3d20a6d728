/**
 * ECDH on every list of kernels: many keys and peers at once at fills that are and are not whole vectors, scalars at which additions
 * are exceptional, and bad peers among good ones, against node:crypto.
 */
import assert from 'node:assert/strict';
import { createECDH, createPublicKey, diffieHellman, ECDH, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { type Engine, type EngineError, type EngineKey, type KeySpec, openEngine } from 'keymill/engine';
import { needsNative } from './support/backends.ts';

interface Curve {
  readonly keySpec: KeySpec;
  readonly primitive: string;
  /** OpenSSL's name, as node:crypto takes it. */
  readonly name: string;
  readonly bytes: number;
  readonly prime: bigint;
  readonly order: bigint;
}
const CURVES: readonly Curve[] = [
  {
    keySpec: 'ECC_NIST_P256',
    primitive: 'ecdh-p256',
    name: 'prime256v1',
    bytes: 32,
    prime: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  },
  {
    keySpec: 'ECC_NIST_P384',
    primitive: 'ecdh-p384',
    name: 'secp384r1',
    bytes: 48,
    prime: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    order: 2n ** 384n - 0x389cb27e0bc8d220a7e5f24db74f58851313e695333ad68dn,
  },
  {
    keySpec: 'ECC_NIST_P521',
    primitive: 'ecdh-p521',
    name: 'secp521r1',
    bytes: 66,
    prime: 2n ** 521n - 1n,
    order: 2n ** 521n - 0x5ae79787c40d069948033feb708f65a2fc44a36477663b851449048e16ec79bf7n,
  },
];
const FILLS = [1, 2, 3, 7, 8, 9, 10, 16, 17, 18, 33];

const toBytes = (x: bigint, bytes: number) => Buffer.from(x.toString(16).padStart(2 * bytes, '0'), 'hex');
const toBigInt = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
const hexOf = (bytes: unknown) => Buffer.from(bytes as Uint8Array).toString('hex');

/** What comes before the encoded point in a SubjectPublicKeyInfo, its lengths those of an uncompressed one. */
const spkiHeader = ({ name, bytes }: Curve) => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: name });
  const whole = publicKey.export({ format: 'der', type: 'spki' });
  return whole.subarray(0, whole.length - 1 - 2 * bytes);
};

for (const kernels of ['auto', 'scalar', 'emulated', 'openssl'] as const) {
  describe(`ECDH, kernels: ${kernels}`, needsNative, () => {
    let engine: Engine;
    before(async () => {
      engine = await openEngine({ backend: 'native', threads: 1, kernels });
    });
    after(() => engine.close());

    for (const curve of CURVES) {
      const { keySpec, primitive, name, bytes, prime, order } = curve;
      const header = spkiHeader(curve);
      const spkiOf = (x: Uint8Array, y: Uint8Array) => Buffer.concat([header, Buffer.of(4), x, y]);
      const importScalar = (k: bigint) => engine.importKey({ keySpec, format: 'raw', data: toBytes(k, bytes) });
      const agree = (pairs: readonly (readonly [key: EngineKey, publicKey: Uint8Array])[]) =>
        engine.run(pairs.map(([key, publicKey]) => ({ op: 'deriveSharedSecret', key, publicKey }) as const));
      /** The point k G, x and y. */
      const multiple = (k: bigint) => {
        const own = createECDH(name);
        own.setPrivateKey(toBytes(k, bytes));
        return own.getPublicKey().subarray(1);
      };
      const sharedWith = (k: bigint, point: Uint8Array) => {
        const own = createECDH(name);
        own.setPrivateKey(toBytes(k, bytes));
        return hexOf(own.computeSecret(Buffer.concat([Buffer.of(4), point])));
      };

      test(`${keySpec}: engine.info names the kernel in use`, () => {
        const chosen = engine.info.kernels[primitive];
        if (kernels !== 'auto') assert.equal(chosen, kernels);
        else assert.ok(chosen === 'ifma' || chosen === 'scalar', chosen);
      });

      test(`${keySpec}: secrets of many keys with many peers are node:crypto's`, async () => {
        const own = Array.from({ length: 3 }, () => generateKeyPairSync('ec', { namedCurve: name }).privateKey);
        const peers = Array.from({ length: 5 }, () => generateKeyPairSync('ec', { namedCurve: name }).publicKey);
        const der = (key: KeyObject) => key.export({ format: 'der', type: 'spki' });
        const keys = await Promise.all(
          own.map((key) =>
            engine.importKey({ keySpec, format: 'pkcs8', data: key.export({ format: 'der', type: 'pkcs8' }) }),
          ),
        );
        const wanted = own.map((privateKey) =>
          peers.map((publicKey) => hexOf(diffieHellman({ privateKey, publicKey }))),
        );
        for (const fill of FILLS) {
          const pairs = Array.from({ length: fill }, (_, i) => [(i + fill) % 3, i % 5] as const);
          const answers = await agree(pairs.map(([key, peer]) => [keys[key]!, der(peers[peer]!)]));
          assert.deepEqual(
            answers.map(({ value }) => hexOf(value)),
            pairs.map(([key, peer]) => wanted[key]![peer]!),
            `${fill} at once`,
          );
        }
        for (const key of keys) key.close();
      });

      test(`${keySpec}: scalars at the ends and in patterns, with peers that are small multiples of the generator`, async () => {
        // Digits of four bits: the scalars whose last addition meets equal points are below 32 or as close to the order.
        const ends = Array.from({ length: 40 }, (_, i) => BigInt(i + 1));
        const bits = order.toString(2).length;
        const ones = (n: number) => 2n ** BigInt(n) - 1n;
        const scalars = [
          ...ends.flatMap((k) => [k, order - k]),
          ...[(order - 1n) / 2n, (order + 1n) / 2n, ones(bits - 1), ones(bits) & ~(ones(bits - 32) ^ ones(bits - 64))],
          ...[4, 8, 52, 64, 104, 128, 208].flatMap((n) => [ones(n), ones(n) + 1n, ones(bits - 1) ^ ones(n)]),
          ones(bits - 1) / 3n,
          (ones(bits - 1) / 15n) * 7n,
        ].map((k) => k % order);
        const points = [1n, order - 1n, 2n, 3n, order - 15n, 0x1234567890abcdefn].map(multiple);
        const keys = await Promise.all(scalars.map(importScalar));
        const answers = await agree(
          keys.map((key, i) => {
            const point = points[i % points.length]!;
            return [key, spkiOf(point.subarray(0, bytes), point.subarray(bytes))];
          }),
        );
        scalars.forEach((k, i) => {
          assert.equal(hexOf(answers[i]!.value), sharedWith(k, points[i % points.length]!), `${k}, peer ${i % 6}`);
        });
        for (const key of keys) key.close();
      });

      test(`${keySpec}: a bad peer is refused and hurts nobody beside it`, async () => {
        const good = multiple(77n);
        const [x, y] = [good.subarray(0, bytes), good.subarray(bytes)];
        const goodSpki = spkiOf(x, y);
        const zero = Buffer.alloc(bytes);
        const compressed = ECDH.convertKey(
          Buffer.concat([Buffer.of(4), good]),
          name,
          undefined,
          undefined,
          'compressed',
        );
        const other = name === 'prime256v1' ? 'secp384r1' : 'prime256v1';
        const bad: Readonly<Record<string, Uint8Array>> = {
          'another y': spkiOf(x, toBytes(toBigInt(y) ^ 1n, bytes)),
          'another x': spkiOf(toBytes(toBigInt(x) ^ 1n, bytes), y),
          'order 2 on a curve with another b': spkiOf(x, zero),
          'both 0': spkiOf(zero, zero),
          'x = p': spkiOf(toBytes(prime, bytes), y),
          'y above p, and right modulo p': spkiOf(x, toBytes((toBigInt(y) + prime) % 256n ** BigInt(bytes), bytes)),
          'all ones': spkiOf(Buffer.alloc(bytes, 255), Buffer.alloc(bytes, 255)),
          'compressed, in the room of an uncompressed one': Buffer.concat([
            header,
            compressed as Buffer,
            Buffer.alloc(bytes),
          ]),
          infinity: Buffer.concat([header, Buffer.alloc(1 + 2 * bytes)]),
          'of another curve': generateKeyPairSync('ec', { namedCurve: other }).publicKey.export({
            format: 'der',
            type: 'spki',
          }),
          'a byte short': goodSpki.subarray(0, -1),
          nothing: new Uint8Array(0),
        };
        assert.ok(createPublicKey({ key: goodSpki, format: 'der', type: 'spki' }), 'the good one is read');
        const key = await importScalar(5n);
        const wanted = sharedWith(5n, good);
        for (const fill of [1, 18]) {
          for (const [what, publicKey] of Object.entries(bad)) {
            const at = fill >> 1;
            const answers = await agree(Array.from({ length: fill }, (_, i) => [key, i === at ? publicKey : goodSpki]));
            answers.forEach(({ value, error }, i) => {
              if (i === at) assert.equal((error as EngineError | undefined)?.code, 'INVALID_KEY', what);
              else assert.equal(hexOf(value), wanted, `${what}: ${i} of ${fill}`);
            });
          }
        }
        // And all of them at once.
        const all = await agree(
          Object.values(bad).flatMap((publicKey) => [[key, publicKey] as const, [key, goodSpki] as const]),
        );
        assert.deepEqual(
          all.map(({ value, error }) => (error ? (error as EngineError).code : hexOf(value))),
          Object.keys(bad).flatMap(() => ['INVALID_KEY', wanted]),
        );
        key.close();
      });
    }
  });
}
