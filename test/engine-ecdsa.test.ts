/**
 * ECDSA on every list of kernels: signatures made for scalars of our choice, so that verification meets the edges of its ladders,
 * and random operations that OpenSSL must agree with. The seed is printed; KEYMILL_SEED repeats a run, KEYMILL_SLOW=1 makes it ten
 * million operations per curve, KEYMILL_OPERATIONS another number.
 */
import assert from 'node:assert/strict';
import { createECDH } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { type Engine, type EngineKey, openEngine } from 'keymill/engine';
import { modInverse, toBigInt } from './support/arithmetic.ts';
import { needsNative } from './support/backends.ts';
import { concat, flipBit, fromHex } from './support/bytes.ts';
import { EC_CURVES, type EcCurve } from './support/curves.ts';
import { generator } from './support/random.ts';

interface Curve extends EcCurve {
  /** Scalars at which this curve's ladder has something of its own to get wrong. */
  readonly scalars: readonly bigint[];
}

// Of secp256k1, lambda^3 = 1 modulo n and a + b lambda = 0 for the short vectors (a, b) that halve its scalars.
const LAMBDA = 0x5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72n;
const [A, B, C] = [
  0x3086d221a7d46bcde86c90e49284eb15n,
  0xe4437ed6010e88286f547fa90abfe4c3n,
  0x114ca50f7a8e2f3f657c1108d9d44cfd8n,
];

const SECP256K1_SCALARS: readonly bigint[] = [
  LAMBDA,
  LAMBDA - 1n,
  LAMBDA + 1n,
  LAMBDA * LAMBDA,
  2n * LAMBDA,
  7n * LAMBDA,
  A,
  B,
  C,
  A * LAMBDA,
  B * LAMBDA,
]
  .concat([(A / 2n) * LAMBDA + B / 2n, (C / 2n) * LAMBDA + A / 2n, C + 1n, 15n + 15n * LAMBDA])
  .flatMap((scalar) => [scalar, -scalar]);

const CURVES: readonly Curve[] = EC_CURVES.map((curve) => ({
  ...curve,
  scalars: curve.name === 'secp256k1' ? SECP256K1_SCALARS : [],
}));
const KERNELS = ['auto', 'scalar', 'emulated'] as const;

const OPERATIONS = Number(process.env.KEYMILL_OPERATIONS ?? (process.env.KEYMILL_SLOW === '1' ? 10_000_000 : 1500));
const seed = Number(process.env.KEYMILL_SEED ?? Math.floor(Math.random() * 2 ** 31));
const next = generator(seed);
const below = (limit: number): number => Math.floor(next() * limit);
const randomBytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => below(256));

const modulo = (value: bigint, order: bigint): bigint => ((value % order) + order) % order;
const toBytes = (value: bigint, length: number): Uint8Array => fromHex(value.toString(16).padStart(2 * length, '0'));

/** A digest and signature for which verification computes u1 G + u2 Q, Q being d G. Valid unless that is infinity. */
interface Crafted {
  readonly d: bigint;
  readonly digest: Uint8Array;
  readonly signature: Uint8Array;
  readonly valid: boolean;
  readonly what: string;
}

/** undefined where no digest of the algorithm's length does. */
function craft(curve: Curve, d: bigint, u1: bigint, u2: bigint): Crafted | undefined {
  const { name, order, bytes: width, digestBytes } = curve;
  const k = modulo(u1 + u2 * d, order);
  const ecdh = createECDH(name);
  if (k !== 0n) ecdh.setPrivateKey(toBytes(k, width));
  const r = k === 0n ? 1n : toBigInt(ecdh.getPublicKey().subarray(1, 1 + width)) % order;
  const s = modulo(r * modInverse(u2, order), order);
  const e = modulo(u1 * s, order);
  if (e >> BigInt(8 * digestBytes) !== 0n) return undefined;
  const signature = concat(toBytes(r, width), toBytes(s, width));
  return { d, digest: toBytes(e, digestBytes), signature, valid: k !== 0n, what: `d ${d}, u1 ${u1}, u2 ${u2}` };
}

function craftAll(curve: Curve): Crafted[] {
  const { order, scalars } = curve;
  const top = 1n << BigInt(order.toString(2).length - 1);
  const random = (): bigint => 1n + modulo(toBigInt(randomBytes(66)), order - 1n);
  const keys = [1n, 2n, order - 1n, random()].concat(scalars.slice(0, 2).map((scalar) => modulo(scalar, order)));
  const ladder = [1n, 2n, 3n, 15n, 16n, 17n, order - 1n, order - 2n, order - 16n, top, top - 1n, top + 1n, random()]
    .concat(scalars)
    .map((scalar) => modulo(scalar, order));
  return keys.flatMap((d) =>
    ladder.flatMap((u2) =>
      // None of G, some, what meets an equal point (u1 = u2 d), and what meets the opposite one.
      [0n, 1n, order - 1n, random(), modulo(u2 * d, order), modulo(-u2 * d, order)].flatMap(
        (u1) => craft(curve, d, u1, u2) ?? [],
      ),
    ),
  );
}

describe('ECDSA', needsNative, () => {
  let openssl: Engine;
  before(async () => {
    openssl = await openEngine({ backend: 'native', kernels: 'openssl' });
  });
  after(() => openssl.close());

  for (const curve of CURVES) {
    const { keySpec, algorithm, bytes: width, digestBytes } = curve;
    const importKey = (engine: Engine, d: bigint): Promise<EngineKey> =>
      engine.importKey({ keySpec, format: 'raw', data: toBytes(d, width) });

    describe(keySpec, () => {
      const crafted = craftAll(curve);
      for (const kernels of KERNELS) {
        test(`${kernels}: verification for scalars at the edges (seed ${seed})`, async () => {
          const engine = await openEngine({ backend: 'native', threads: 1, kernels });
          const keys = new Map<bigint, EngineKey>();
          for (const { d } of crafted) if (!keys.has(d)) keys.set(d, await importKey(engine, d));
          const verdicts = await engine.verifyPacked({
            keys: crafted.map(({ d }) => keys.get(d)!),
            algorithm,
            digests: concat(...crafted.map(({ digest }) => digest)),
            signatures: concat(...crafted.map(({ signature }) => signature)),
          });
          for (const [index, { valid, what }] of crafted.entries()) assert.equal(verdicts[index], valid ? 1 : 0, what);
          await engine.close();
        });

        test(`${kernels}: ${OPERATIONS} random operations are OpenSSL's (seed ${seed})`, async () => {
          const engine = await openEngine({ backend: 'native', threads: 1, kernels });
          const round = kernels === 'emulated' ? 20 : 250;
          const share = kernels === 'auto' ? 0.9 : 0.05;
          for (let done = 0; done < OPERATIONS * share; done += 3 * round) {
            const secrets = Array.from(
              { length: 16 },
              () => 1n + modulo(toBigInt(randomBytes(width)), curve.order - 1n),
            );
            const owned = await Promise.all(secrets.map((d) => importKey(engine, d)));
            const others = await Promise.all(secrets.map((d) => importKey(openssl, d)));
            const chosen = Array.from({ length: round }, () => below(secrets.length));
            const keys = { keys: chosen.map((index) => owned[index]!), algorithm };
            const otherKeys = { keys: chosen.map((index) => others[index]!), algorithm };
            const digests = randomBytes(round * digestBytes);
            const signatures = await engine.signPacked({ ...keys, digests });
            const theirs = await openssl.signPacked({ ...otherKeys, digests });
            const good = new Uint8Array(round).fill(1);
            assert.deepEqual(await openssl.verifyPacked({ ...otherKeys, digests, signatures }), good, `seed ${seed}`);
            assert.deepEqual(await engine.verifyPacked({ ...keys, digests, signatures: theirs }), good, `seed ${seed}`);
            // One bit in each: of r, of s, or of a neighbour's, which is as random.
            const damaged = concat(
              ...chosen.map((_, index) => {
                const own = signatures.subarray(index * 2 * width, (index + 1) * 2 * width);
                return flipBit(own, below(16 * width));
              }),
            );
            assert.deepEqual(
              await engine.verifyPacked({ ...keys, digests, signatures: damaged }),
              await openssl.verifyPacked({ ...otherKeys, digests, signatures: damaged }),
              `seed ${seed}`,
            );
            for (const key of [...owned, ...others]) key.close();
          }
          await engine.close();
        });
      }
    });
  }
});
