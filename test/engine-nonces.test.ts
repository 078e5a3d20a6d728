/**
 * Nonces of ECDSA, read out of signatures whose key is known: many signatures of one message with one key never repeat r and show no
 * bias of their nonces. Some thousands by default; KEYMILL_SLOW=1 takes a hundred thousand per curve from the native backend.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Engine, type EngineOptions, openEngine } from 'keymill/engine';
import { modInverseAll, toBigInt } from './support/arithmetic.ts';
import { needsNative } from './support/backends.ts';
import { hex, pattern, unpack } from './support/bytes.ts';
import { EC_CURVES, type EcCurve } from './support/curves.ts';
import { secretBytes } from './support/keys.ts';

const IS_SLOW = process.env.KEYMILL_SLOW === '1';

interface Signer {
  readonly name: string;
  readonly options: EngineOptions;
  readonly signatures: number;
}
const SIGNERS: readonly Signer[] = [
  { name: 'native', options: { backend: 'native' }, signatures: IS_SLOW ? 100_000 : 8192 },
  { name: 'native, scalar', options: { backend: 'native', kernels: 'scalar' }, signatures: IS_SLOW ? 8192 : 512 },
  { name: 'native, emulated', options: { backend: 'native', kernels: 'emulated' }, signatures: IS_SLOW ? 2048 : 512 },
  { name: 'wasm', options: { backend: 'wasm' }, signatures: IS_SLOW ? 8192 : 512 },
];

/** Standard deviations that chance does not reach: one run in a hundred million, over all the statistics here. */
const LIMIT = 7;

/** How far counts of equally likely values are from even, in standard deviations (Wilson and Hilferty 1931). */
function unevenness(counts: Uint32Array): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const expected = total / counts.length;
  const freedom = counts.length - 1;
  const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2, 0) / expected;
  const spread = 2 / (9 * freedom);
  return (Math.cbrt(chiSquare / freedom) - (1 - spread)) / Math.sqrt(spread);
}

/** Throws where nonces are not as if drawn evenly below the order, naming what shows it. */
function assertUnbiased(nonces: readonly bigint[], { order, orderBits }: EcCurve): void {
  const total = nonces.length;
  // A window of bits with sixteen nonces or more for each of its values.
  const windowBits = Math.min(8, Math.floor(Math.log2(total / 16)));
  const top = new Uint32Array(1 << windowBits);
  const bottom = new Uint32Array(1 << windowBits);
  const ones = new Uint32Array(orderBits);
  let [cosines, sines] = [0, 0];
  for (const nonce of nonces) {
    const digits = nonce.toString(2).padStart(orderBits, '0');
    for (let bit = 0; bit < orderBits; bit++) ones[bit]! += digits.charCodeAt(bit) & 1;
    top[Number.parseInt(digits.slice(0, windowBits), 2)]! += 1;
    bottom[Number.parseInt(digits.slice(-windowBits), 2)]! += 1;
    const angle = (2 * Math.PI * Number((nonce << 53n) / order)) / 2 ** 53;
    cosines += Math.cos(angle);
    sines += Math.sin(angle);
  }
  for (const [name, counts] of Object.entries({ top, bottom })) {
    const deviation = unevenness(counts);
    assert.ok(Math.abs(deviation) < LIMIT, `the ${name} ${windowBits} bits are uneven: ${deviation} deviations`);
  }
  ones.forEach((count, bit) => {
    const deviation = (count - total / 2) / Math.sqrt(total / 4);
    assert.ok(Math.abs(deviation) < LIMIT, `bit ${bit} from the top is set ${count} times of ${total}`);
  });
  // Bleichenbacher's bias: the square of the mean of exp(2 pi i k / n), times the count, is distributed as exp(-x).
  const bias = (cosines ** 2 + sines ** 2) / total;
  assert.ok(bias < LIMIT ** 2 / 2, `nonces gather on one side of the circle: ${bias}`);
}

/** k = (e + r d) / s modulo n, of each signature r || s. */
function noncesOf(
  signatures: readonly Uint8Array[],
  digest: Uint8Array,
  d: bigint,
  { order, bytes }: EcCurve,
): bigint[] {
  const e = toBigInt(digest);
  const inverses = modInverseAll(
    signatures.map((signature) => toBigInt(signature.subarray(bytes))),
    order,
  );
  return signatures.map((signature, i) => ((e + toBigInt(signature.subarray(0, bytes)) * d) * inverses[i]!) % order);
}

for (const { name, options, signatures } of SIGNERS) {
  describe(`nonces (${name})`, options.backend === 'native' ? needsNative : {}, () => {
    let engine: Engine;
    before(async () => {
      engine = await openEngine(options);
    });
    after(() => engine.close());

    for (const curve of EC_CURVES) {
      const { keySpec, algorithm, order, bytes, digestBytes } = curve;

      test(`${keySpec}: ${signatures} signatures of one message have ${signatures} unbiased nonces`, async () => {
        const data = secretBytes(bytes, 7);
        data[0] = 0;
        using key = await engine.importKey({ keySpec, format: 'raw', data });
        const digest = pattern(digestBytes, 11);
        // Groups of many sizes, so that vectors are full and not.
        const made: Uint8Array[] = [];
        for (let count = 1; made.length < signatures; count = (count * 5 + 2) % 1021) {
          const some = Math.min(count, signatures - made.length);
          const digests = new Uint8Array(some * digestBytes);
          for (let i = 0; i < some; i++) digests.set(digest, i * digestBytes);
          made.push(...unpack(await engine.signPacked({ key, algorithm, digests }), 2 * bytes));
        }
        assert.equal(new Set(made.map((signature) => hex(signature.subarray(0, bytes)))).size, signatures);
        const nonces = noncesOf(made, digest, toBigInt(data), curve);
        assert.ok(nonces.every((nonce) => nonce > 0n && nonce < order));
        assertUnbiased(nonces, curve);
      });
    }
  });
}

describe('the statistics', () => {
  const curve = EC_CURVES[2]!;
  const { order, orderBits } = curve;
  const even = Array.from({ length: 4096 }, () => toBigInt(crypto.getRandomValues(new Uint8Array(80))) % order);

  test('pass what is drawn evenly', () => assertUnbiased(even, curve));

  const biased: readonly (readonly [string, (nonce: bigint) => bigint])[] = [
    // CVE-2024-31497: nonces of 512 bits for an order of 521.
    ['nine bits short', (nonce) => BigInt.asUintN(512, nonce)],
    ['one bit short', (nonce) => BigInt.asUintN(orderBits - 1, nonce)],
    ['even', (nonce) => nonce - (nonce & 1n)],
    ['one bit in the middle set', (nonce) => nonce | (1n << 260n)],
  ];
  for (const [what, bias] of biased) {
    test(`refuse nonces that are ${what}`, () => assert.throws(() => assertUnbiased(even.map(bias), curve)));
  }
});
