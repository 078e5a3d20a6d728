/**
 * Options of ECDSA signing, on both backends and every list of kernels: plain RFC 6979 nonces, low S, recovery ids. Judged by
 * @noble/curves, libsecp256k1 and published signatures; RFC 6979's own are in engine-vectors.test.ts.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { type Engine, type EngineKey, type EngineOptions, openEngine, type RunItem } from 'keymill/engine';
import * as libsecp256k1 from 'tiny-secp256k1';
import { toBigInt } from './support/arithmetic.ts';
import { needsNative } from './support/backends.ts';
import { concat, fromHex, hex, pattern, unpack, utf8 } from './support/bytes.ts';
import { valuesOf } from './support/expect.ts';
import { fixedKey } from './support/keys.ts';

const ENGINES: readonly EngineOptions[] = [
  ...(['auto', 'scalar', 'emulated', 'openssl'] as const).map((kernels) => ({ backend: 'native', kernels }) as const),
  { backend: 'wasm' },
];

const CURVES = [
  { keySpec: 'ECC_NIST_P256', algorithm: 'ECDSA_SHA_256', hash: 'sha256', curve: p256 },
  { keySpec: 'ECC_NIST_P384', algorithm: 'ECDSA_SHA_384', hash: 'sha384', curve: p384 },
  { keySpec: 'ECC_NIST_P521', algorithm: 'ECDSA_SHA_512', hash: 'sha512', curve: p521 },
  { keySpec: 'ECC_SECG_P256K1', algorithm: 'ECDSA_SHA_256', hash: 'sha256', curve: secp256k1 },
] as const;
type CurveRow = (typeof CURVES)[number];

interface Options {
  readonly deterministic?: boolean;
  readonly lowS?: boolean;
  readonly recoveryId?: boolean;
  readonly encoding?: 'der' | 'p1363';
}
const SWITCHES = [false, true];
const EVERY_COMBINATION: readonly Required<Options>[] = (['der', 'p1363'] as const).flatMap((encoding) =>
  SWITCHES.flatMap((deterministic) =>
    SWITCHES.flatMap((lowS) => SWITCHES.map((recoveryId) => ({ encoding, deterministic, lowS, recoveryId }))),
  ),
);

const digestOf = ({ hash }: CurveRow, message: Uint8Array): Uint8Array =>
  new Uint8Array(createHash(hash).update(message).digest());

/** r || s || recovery id by @noble/curves, with RFC 6979's nonce. */
function deterministicSignature(row: CurveRow, secret: Uint8Array, message: Uint8Array, lowS: boolean): Uint8Array {
  const recovered = row.curve.sign(message, secret, { lowS, extraEntropy: false, format: 'recovered' });
  return concat(recovered.subarray(1), recovered.subarray(0, 1));
}

/** What the options say of a signature, each by itself. */
function assertAsAsked(
  row: CurveRow,
  message: Uint8Array,
  secret: Uint8Array,
  options: Options,
  made: Uint8Array,
): void {
  const { curve } = row;
  const what = `${row.keySpec} ${JSON.stringify(options)}`;
  const bytes = options.recoveryId ? made.subarray(0, -1) : made;
  const signature = curve.Signature.fromBytes(bytes, options.encoding === 'p1363' ? 'compact' : 'der');
  const numbers = signature.toBytes('compact');
  const publicKey = curve.getPublicKey(secret);
  assert.ok(curve.verify(numbers, message, publicKey, { lowS: false }), what);
  if (options.lowS) assert.ok(!signature.hasHighS(), what);
  if (options.recoveryId) {
    const recovered = signature.addRecoveryBit(made.at(-1)!).recoverPublicKey(digestOf(row, message));
    assert.equal(hex(recovered.toBytes()), hex(publicKey), what);
  }
  if (options.deterministic) {
    const wanted = deterministicSignature(row, secret, message, options.lowS ?? false);
    assert.equal(hex(numbers), hex(wanted.subarray(0, -1)), what);
    if (options.recoveryId) assert.equal(made.at(-1), wanted.at(-1), what);
  }
}

/** r || s || recovery id in hexadecimal; the ids of wallets' vectors, which have none, are libsecp256k1's. */
interface Published {
  readonly origin: string;
  readonly secret: string;
  readonly signature: string;
  readonly message?: string;
  readonly digest?: string;
}
const ONE = '1'.padStart(64, '0');
const PUBLISHED: readonly Published[] = [
  {
    origin: 'the example of EIP-155, whose v of 37 is recovery id 0 on chain 1',
    secret: '46'.repeat(32),
    digest: 'daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53',
    signature:
      '28ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276' +
      '67cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83' +
      '00',
  },
  {
    origin: 'Satoshi Nakamoto, of the RFC 6979 vectors that Bitcoin wallets share (bitcointalk.org, topic 285142)',
    secret: ONE,
    message: 'Satoshi Nakamoto',
    signature:
      '934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8' +
      '2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5' +
      '01',
  },
  {
    origin: 'All those moments, of the same',
    secret: ONE,
    message: 'All those moments will be lost in time, like tears in rain. Time to die...',
    signature:
      '8600dbd41e348fe5c9465ab92d23e3db8b98b873beecd930736488696438cb6b' +
      '547fe64427496db33bf66019dacbf0039c04199abb0122918601db38a72cfc21' +
      '00',
  },
];

for (const options of ENGINES) {
  const name = `${options.backend}${options.kernels === undefined ? '' : `, kernels ${options.kernels}`}`;
  describe(`ECDSA options (${name})`, options.backend === 'native' ? needsNative : {}, () => {
    let engine: Engine;
    before(async () => {
      engine = await openEngine(options);
    });
    after(() => engine.close());
    const importRaw = (row: CurveRow, data: Uint8Array): Promise<EngineKey> =>
      engine.importKey({ keySpec: row.keySpec, format: 'raw', data });

    for (const row of CURVES) {
      const { keySpec, algorithm } = row;
      const secrets = [0, 1].map((index) => fixedKey(keySpec, index).raw!);

      test(`${keySpec}: every combination in one batch, with two keys`, async () => {
        const keys = await Promise.all(secrets.map((secret) => importRaw(row, secret)));
        const asked = [...EVERY_COMBINATION, ...EVERY_COMBINATION, {}].map((combination, index) => ({
          ...combination,
          message: pattern(20, index),
          secret: secrets[index % 2]!,
          key: keys[index % 2]!,
        }));
        const items = asked.map(({ secret, ...request }): RunItem => ({ op: 'sign', algorithm, ...request }));
        for (const [index, made] of valuesOf<Uint8Array>(await engine.run(items)).entries()) {
          const { message, secret, key, ...combination } = asked[index]!;
          assertAsAsked(row, message, secret, combination, made);
        }
        for (const key of keys) key.close();
      });

      test(`${keySpec}: one signature, and batches that are and are not whole vectors`, async () => {
        using key = await importRaw(row, secrets[0]!);
        for (const fill of [1, 7, 8, 9, 17]) {
          const messages = Array.from({ length: fill }, (_, index) => pattern(fill, index));
          const wanted = messages.map((message) => hex(deterministicSignature(row, secrets[0]!, message, true)));
          const full = { deterministic: true, lowS: true, recoveryId: true, encoding: 'p1363' } as const;
          const made = await engine.run(messages.map((message) => ({ op: 'sign', key, algorithm, message, ...full })));
          assert.deepEqual(valuesOf<Uint8Array>(made).map(hex), wanted, `${fill}`);
        }
      });

      test(`${keySpec}: low S takes n - s and the other parity where s is high, and nothing where it is not`, async () => {
        using key = await importRaw(row, secrets[0]!);
        const asked = { key, algorithm, encoding: 'p1363', deterministic: true, recoveryId: true } as const;
        const order = row.curve.Point.CURVE().n;
        const counts = { low: 0, high: 0 };
        for (let index = 0; index < 16; index++) {
          const message = pattern(32, index);
          const plain = await engine.sign({ ...asked, message });
          const low = await engine.sign({ ...asked, message, lowS: true });
          const width = (plain.length - 1) / 2;
          const s = toBigInt(plain.subarray(width, -1));
          const isHigh = s > order / 2n;
          counts[isHigh ? 'high' : 'low']++;
          assert.equal(hex(low.subarray(0, width)), hex(plain.subarray(0, width)));
          assert.equal(toBigInt(low.subarray(width, -1)), isHigh ? order - s : s);
          assert.equal(low.at(-1), isHigh ? plain.at(-1)! ^ 1 : plain.at(-1));
        }
        assert.ok(counts.low > 0 && counts.high > 0, JSON.stringify(counts));
      });

      test(`${keySpec}: nonces are drawn anew unless asked otherwise`, async () => {
        using key = await importRaw(row, secrets[0]!);
        const sign = (chosen: Options) =>
          Promise.all([1, 2, 3].map(() => engine.sign({ key, algorithm, message: pattern(9), ...chosen })));
        const different = async (chosen: Options) => new Set((await sign(chosen)).map(hex)).size;
        assert.equal(await different({}), 3);
        assert.equal(await different({ deterministic: false, lowS: true, recoveryId: true }), 3);
        assert.equal(await different({ deterministic: true }), 1);
      });

      test(`${keySpec}: a digest is signed as the message it is of`, async () => {
        using key = await importRaw(row, secrets[0]!);
        const message = pattern(100);
        const asked = { key, algorithm, deterministic: true } as const;
        const digested = engine.sign({ ...asked, message: digestOf(row, message), messageType: 'DIGEST' });
        assert.deepEqual(await digested, await engine.sign({ ...asked, message }));
      });

      test(`${keySpec}: packed signatures are the single ones, each with its recovery id`, async () => {
        using key = await importRaw(row, secrets[0]!);
        const messages = Array.from({ length: 51 }, (_, index) => pattern(40, index));
        for (const recoveryId of SWITCHES) {
          const asked = { key, algorithm, deterministic: true, lowS: true, recoveryId };
          const single = await engine.run(
            messages.map((message) => ({ op: 'sign', message, encoding: 'p1363', ...asked })),
          );
          const singles = valuesOf<Uint8Array>(single);
          const packed = await engine.signPacked({ ...asked, messages: concat(...messages), messageBytes: 40 });
          assert.deepEqual(unpack(packed, singles[0]!.length).map(hex), singles.map(hex));
        }
      });
    }

    const [, , , K256] = CURVES;
    const RECOVERABLE = { deterministic: true, lowS: true, recoveryId: true, encoding: 'p1363' } as const;

    test('secp256k1: what libsecp256k1 signs', async () => {
      const secret = fixedKey('ECC_SECG_P256K1').raw!;
      using key = await importRaw(K256, secret);
      for (let index = 0; index < 32; index++) {
        const digest = digestOf(K256, pattern(index));
        const { signature, recoveryId } = libsecp256k1.signRecoverable(digest, secret);
        const asked = { key, algorithm: 'ECDSA_SHA_256', message: digest, messageType: 'DIGEST' } as const;
        const made = await engine.sign({ ...asked, ...RECOVERABLE });
        assert.equal(hex(made), hex(concat(signature, Uint8Array.of(recoveryId))));
      }
    });

    for (const { origin, secret, message, digest, signature } of PUBLISHED) {
      test(`secp256k1: ${origin}`, async () => {
        using key = await importRaw(K256, fromHex(secret));
        const what =
          digest === undefined
            ? { message: utf8(message!) }
            : { message: fromHex(digest), messageType: 'DIGEST' as const };
        const made = await engine.sign({ key, algorithm: 'ECDSA_SHA_256', ...what, ...RECOVERABLE });
        assert.equal(hex(made), signature);
      });
    }
  });
}
