/**
 * Ed25519 and Ed25519ph on every backend and list of kernels: the signatures of OpenSSL and @noble/curves, whatever shares a batch,
 * and OpenSSL's verdict on signatures and keys that implementations are known to disagree about (Chalkias, Garillot, Nikolaenko,
 * "Taming the many EdDSAs", SSR 2020).
 */
import assert from 'node:assert/strict';
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  randomBytes,
  randomInt,
  sign,
  verify,
} from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { ED25519_TORSION_SUBGROUP, ed25519, ed25519ph } from '@noble/curves/ed25519.js';
import { type Engine, type EngineKey, type EngineOptions, openEngine } from 'keymill/engine';
import { needsNative } from './support/backends.ts';
import { concat, flipBit, fromHex, hex, pattern, unpack } from './support/bytes.ts';
import { edwardsPkcs8, edwardsSpki } from './support/der.ts';

const keySpec = 'ECC_NIST_EDWARDS25519';
const ENGINES: readonly EngineOptions[] = [
  ...(['auto', 'scalar', 'emulated', 'openssl'] as const).map((kernels) => ({ backend: 'native', kernels }) as const),
  { backend: 'wasm' },
];
/** Below, at and above whole vectors of eight. */
const FILLS = [1, 2, 7, 8, 9, 17];
const ORDER = ed25519.Point.Fn.ORDER;

const sha512 = (...parts: Uint8Array[]): Uint8Array =>
  createHash('sha512')
    .update(concat(...parts))
    .digest();
const littleEndian = (number: bigint): Uint8Array => fromHex(number.toString(16).padStart(64, '0')).reverse();
const toNumber = (bytes: Uint8Array): bigint => BigInt(`0x${hex(Uint8Array.from(bytes).reverse())}`);

/** Keys by seed: all zeros, all ones, and some between. */
const SEEDS = [new Uint8Array(32), new Uint8Array(32).fill(255), pattern(32), pattern(32, 100), pattern(32, 200)];
const privateObject = (seed: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.from(edwardsPkcs8(seed)), format: 'der', type: 'pkcs8' });
const signByOpenssl = (message: Uint8Array, seed: Uint8Array): Uint8Array =>
  new Uint8Array(sign(null, message, privateObject(seed)));
const publicObject = (point: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.from(edwardsSpki(point)), format: 'der', type: 'spki' });

/** Lengths around the blocks of SHA-512 with what comes before the message, so that the hashes of a batch end apart. */
const MESSAGES = [0, 1, 15, 16, 47, 48, 63, 64, 79, 80, 111, 112, 127, 128, 200, 1000, 4096].map((bytes) =>
  pattern(bytes, bytes),
);

for (const options of ENGINES) {
  const name = options.kernels ?? options.backend;
  describe(`Ed25519 (${name})`, options.backend === 'native' ? needsNative : {}, () => {
    let engine: Engine;
    let keys: EngineKey[];
    before(async () => {
      engine = await openEngine({ ...options, threads: 1 });
      keys = await Promise.all(SEEDS.map((data) => engine.importKey({ keySpec, format: 'raw', data })));
    });
    after(() => engine.close());

    if (options.backend === 'native') {
      test('engine.info names the kernels in use', () => {
        const { kernels } = engine.info;
        for (const primitive of ['ed25519-sign', 'ed25519-verify', 'ed25519ph-sign', 'ed25519ph-verify']) {
          // OpenSSL 3.0 has no Ed25519ph.
          const expected = name === 'openssl' && primitive.startsWith('ed25519ph') ? 'scalar' : name;
          if (name === 'auto') assert.match(kernels[primitive]!, /^(ifma|scalar)$/);
          else assert.equal(kernels[primitive], expected);
        }
      });
    }

    for (const [algorithm, expected] of [
      ['ED25519_SHA_512', signByOpenssl],
      ['ED25519_PH_SHA_512', (message: Uint8Array, seed: Uint8Array) => ed25519ph.sign(message, seed)],
    ] as const) {
      test(`${algorithm}: signatures of mixed keys over messages of mixed lengths`, async () => {
        for (const fill of FILLS) {
          const which = Array.from({ length: fill }, (_, i) => ({
            index: i % SEEDS.length,
            message: MESSAGES[(i + fill) % MESSAGES.length]!,
          }));
          const made = await engine.run(
            which.map(({ index, message }) => ({ op: 'sign', key: keys[index]!, algorithm, message })),
          );
          assert.deepEqual(
            made.map(({ value }) => hex(value as Uint8Array)),
            which.map(({ index, message }) => hex(expected(message, SEEDS[index]!))),
          );
        }
      });

      test(`${algorithm}: one bad signature among good ones is found, in whatever bit it is bad`, async () => {
        for (const fill of FILLS) {
          const message = MESSAGES[fill % MESSAGES.length]!;
          const good = SEEDS.map((seed) => expected(message, seed));
          for (const bit of [0, 7, 254, 255, 256, 263, 300, 507]) {
            const bad = (bit * 5) % fill;
            const answers = await engine.run(
              Array.from({ length: fill }, (_, i) => {
                const signature = good[i % SEEDS.length]!;
                return {
                  op: 'verify',
                  key: keys[i % SEEDS.length]!,
                  algorithm,
                  message,
                  signature: i === bad ? flipBit(signature, bit) : signature,
                } as const;
              }),
            );
            assert.deepEqual(
              answers.map(({ value }) => value),
              answers.map((_, i) => i !== bad),
              `bit ${bit} of ${bad} among ${fill}`,
            );
          }
        }
      });
    }

    test('random keys and messages: the signatures of OpenSSL, and its verdict on damaged ones', async () => {
      const algorithm = 'ED25519_SHA_512';
      const items = await Promise.all(
        Array.from({ length: 64 }, async () => {
          const data = new Uint8Array(randomBytes(32));
          const message = new Uint8Array(randomBytes(randomInt(300)));
          return { data, message, key: await engine.importKey({ keySpec, format: 'raw', data }) };
        }),
      );
      const made = await engine.run(items.map(({ key, message }) => ({ op: 'sign', key, algorithm, message })));
      const signatures = items.map(({ data, message }, i) => {
        const signature = signByOpenssl(message, data);
        assert.equal(hex(made[i]!.value as Uint8Array), hex(signature), `seed ${hex(data)}, message ${hex(message)}`);
        return i % 2 === 0 ? signature : flipBit(signature, randomInt(512));
      });
      const verdicts = await engine.run(
        items.map(({ key, message }, i) => ({ op: 'verify', key, algorithm, message, signature: signatures[i]! })),
      );
      assert.deepEqual(
        verdicts.map(({ value }) => value),
        items.map((_, i) => i % 2 === 0),
      );
      for (const { key } of items) key.close();
    });

    test('a digest is signed as the message it is of, by Ed25519ph alone', async () => {
      const algorithm = 'ED25519_PH_SHA_512';
      const message = pattern(300);
      const requests = [message, sha512(message)].map((input, i) =>
        engine.sign({ key: keys[2]!, algorithm, message: input, messageType: i === 0 ? 'RAW' : 'DIGEST' }),
      );
      const [raw, digest] = await Promise.all(requests);
      assert.equal(hex(raw!), hex(digest!));
    });

    test('packed signatures are those of single calls', async () => {
      const messages = pattern(40 * 33);
      const signers = Array.from({ length: 33 }, (_, i) => keys[i % keys.length]!);
      const request = { keys: signers, algorithm: 'ED25519_SHA_512', messages, messageBytes: 40 } as const;
      const signatures = await engine.signPacked(request);
      const expected = unpack(messages, 40).map((message, i) => signByOpenssl(message, SEEDS[i % SEEDS.length]!));
      assert.deepEqual(unpack(signatures, 64).map(hex), expected.map(hex));
      const damaged = flipBit(signatures, 64 * 8 * 20 + 3);
      const verdicts = await engine.verifyPacked({ ...request, signatures: damaged });
      assert.deepEqual(
        [...verdicts],
        signers.map((_, i) => (i === 20 ? 0 : 1)),
      );
    });

    /** The engine's verdicts on some signatures at once, which must be OpenSSL's. */
    const assertVerdicts = async (
      point: Uint8Array,
      message: Uint8Array,
      signatures: Uint8Array[],
    ): Promise<boolean[]> => {
      const key = await engine.importKey({ keySpec, format: 'spki', data: edwardsSpki(point) });
      const answers = await engine.run(
        signatures.map(
          (signature) => ({ op: 'verify', key, algorithm: 'ED25519_SHA_512', message, signature }) as const,
        ),
      );
      const verdicts = signatures.map((signature) => verify(null, message, publicObject(point), signature));
      assert.deepEqual(
        answers.map(({ value }) => value),
        verdicts,
      );
      key.close();
      return verdicts;
    };

    test('S is below the order', async () => {
      const message = pattern(50);
      const good = signByOpenssl(message, SEEDS[2]!);
      const point = ed25519.getPublicKey(SEEDS[2]!);
      const [r, s] = [good.subarray(0, 32), toNumber(good.subarray(32))];
      const scalars = [s, s + ORDER, 0n, 1n, ORDER - 1n, ORDER, ORDER + 1n, 2n ** 252n, 2n ** 253n, 2n ** 256n - 1n];
      const verdicts = await assertVerdicts(
        point,
        message,
        scalars.map((scalar) => concat(r, littleEndian(scalar))),
      );
      assert.deepEqual(verdicts, [true, ...new Array<boolean>(scalars.length - 1).fill(false)]);
    });

    test('R is compared as it is encoded: not reduced, of small order or no point at all', async () => {
      const point = ed25519.getPublicKey(SEEDS[3]!);
      const p = 2n ** 255n - 19n;
      const encodings = [
        ...ED25519_TORSION_SUBGROUP.map(fromHex),
        ...[p, p + 1n, p + 18n, 2n ** 255n, 2n ** 256n - 1n, 2n].map(littleEndian),
      ];
      const message = pattern(60);
      await assertVerdicts(
        point,
        message,
        encodings.map((r) => concat(r, littleEndian(0n))),
      );
    });

    test('parts of small order in A and R count: the equation without the cofactor', async () => {
      const secret = 0x1234567890abcdef1234567890abcdefn;
      const { Point } = ed25519;
      const seen = new Set<boolean>();
      for (const torsion of ED25519_TORSION_SUBGROUP.map((each) => Point.fromHex(each)).slice(1)) {
        const point = Point.BASE.multiply(secret).add(torsion).toBytes();
        const message = pattern(32);
        const signatures = Array.from({ length: 24 }, (_, i) => {
          // Right but for a multiple of the torsion point, which the nonce decides.
          const nonce = BigInt(i + 2);
          const r = Point.BASE.multiply(nonce)
            .add(i % 3 === 0 ? torsion : Point.ZERO)
            .toBytes();
          const k = toNumber(sha512(r, point, message)) % ORDER;
          return concat(r, littleEndian((nonce + k * secret) % ORDER));
        });
        for (const verdict of await assertVerdicts(point, message, signatures)) seen.add(verdict);
      }
      assert.deepEqual([...seen].sort(), [false, true]);
    });

    test('nonces at the ends of their range', async () => {
      const { Point } = ed25519;
      const point = ed25519.getPublicKey(SEEDS[4]!);
      const message = pattern(10);
      const a = ed25519.utils.getExtendedPublicKey(SEEDS[4]!).scalar;
      const wanted = [0n, 1n, 2n, ORDER - 1n, ORDER - 2n, 2n ** 252n - 1n];
      const signatures = wanted.map((nonce) => {
        const r = (nonce === 0n ? Point.ZERO : Point.BASE.multiply(nonce)).toBytes();
        const k = toNumber(sha512(r, point, message)) % ORDER;
        return concat(r, littleEndian((nonce + k * a) % ORDER));
      });
      assert.ok((await assertVerdicts(point, message, signatures)).every(Boolean));
    });
  });
}
