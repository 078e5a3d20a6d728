/**
 * Random operations, good and bad, on both backends: the same outcome, value or error. What is drawn at random is judged by the other
 * backend. The seed is printed; KEYMILL_SEED repeats a run, KEYMILL_SLOW=1 makes it a million operations.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  ALGORITHMS,
  type Engine,
  EngineError,
  type EngineKey,
  HASHES,
  KEY_SPECS,
  type KeySpec,
  openEngine,
  type RunItem,
  type RunResult,
} from 'keymill/engine';
import { needsNative } from './support/backends.ts';
import { hex } from './support/bytes.ts';
import { testKey } from './support/keys.ts';
import { generator } from './support/random.ts';

const OPERATIONS = process.env.KEYMILL_SLOW === '1' ? 1_000_000 : 4000;
const ROUND = 500;
const seed = Number(process.env.KEYMILL_SEED ?? Math.floor(Math.random() * 2 ** 31));

const next = generator(seed);
const below = (limit: number): number => Math.floor(next() * limit);
const pick = <Value>(values: readonly Value[]): Value => values[below(values.length)]!;
const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => below(256));
/** Mostly short, sometimes past the blocks of every hash and the batches of every kernel. */
const someBytes = (): Uint8Array =>
  bytes(pick([0, 1, 11, 12, 16, 27, 28, 31, 32, 48, 64, 127, 128, 129, below(300), below(2000)]));

/** RSA signatures cost thousands of HMACs: how often a spec comes up. */
const WEIGHTS: readonly (readonly [KeySpec, number])[] = [
  ['SYMMETRIC_DEFAULT', 400],
  ['HMAC_224', 80],
  ['HMAC_256', 120],
  ['HMAC_384', 80],
  ['HMAC_512', 80],
  ['ECC_NIST_P256', 40],
  ['ECC_SECG_P256K1', 10],
  ['ECC_NIST_P384', 6],
  ['ECC_NIST_P521', 4],
  ['ECC_NIST_EDWARDS25519', 20],
  ['RSA_2048', 4],
  ['RSA_3072', 1],
  ['RSA_4096', 1],
];
const CHOICES = WEIGHTS.flatMap(([keySpec, weight]) => new Array<KeySpec>(weight).fill(keySpec));

/** One key on both engines. */
interface Pair {
  readonly native: EngineKey;
  readonly wasm: EngineKey;
}
type Keys = Readonly<Record<KeySpec, Pair>>;

/** A request but for its key, which each engine has its own of. */
type Request = Record<string, unknown> & { op: string };

const itemFor = (request: Request, key: EngineKey | undefined): RunItem =>
  ({ ...request, ...(key === undefined ? {} : { key }) }) as RunItem;

/** A random request with a key of the spec: mostly what it can do, sometimes not. */
function keyedRequest(keySpec: KeySpec): Request {
  const algorithm = below(50) === 0 ? pick(Object.keys(ALGORITHMS)) : pick(KEY_SPECS[keySpec].algorithms);
  const { use, nonceBytes } = ALGORITHMS[algorithm as keyof typeof ALGORITHMS];
  const message = someBytes();
  const isDigest = use === 'sign' && below(2) === 0;
  const hashed = ALGORITHMS[algorithm as keyof typeof ALGORITHMS].hash;
  const signing = {
    algorithm,
    message: isDigest && hashed !== undefined && below(20) > 0 ? bytes(HASHES[hashed].hashBytes) : message,
    ...(isDigest ? { messageType: 'DIGEST' } : {}),
    ...(below(3) === 0 ? { encoding: pick(['der', 'p1363']) } : {}),
    ...(below(4) === 0 ? { [pick(['deterministic', 'lowS', 'recoveryId'])]: below(20) === 0 ? 1 : below(4) > 0 } : {}),
    ...(below(8) === 0 ? { deterministic: true, lowS: true, recoveryId: true } : {}),
  };
  const aad = below(2) === 0 ? { aad: someBytes() } : {};
  const kinds: Readonly<Record<string, () => Request>> = {
    encrypt: () => ({
      op: pick(['encrypt', 'decrypt']),
      algorithm,
      plaintext: nonceBytes === undefined ? bytes(below(500)) : message,
      ciphertext: someBytes(),
      ...(nonceBytes === undefined ? {} : { iv: bytes(below(30) === 0 ? below(30) : nonceBytes), ...aad }),
    }),
    sign: () => ({ op: pick(['sign', 'verify']), ...signing, signature: someBytes() }),
    mac: () => ({ op: pick(['mac', 'verifyMac']), algorithm, message, mac: someBytes() }),
    agree: () => ({ op: 'deriveSharedSecret', publicKey: someBytes() }),
  };
  return kinds[use]!();
}

const randomRequest = (): readonly [Request, KeySpec | undefined] => {
  if (below(10) === 0) return [{ op: 'digest', algorithm: pick(Object.keys(HASHES)), message: someBytes() }, undefined];
  const keySpec = pick(CHOICES);
  return [keyedRequest(keySpec), keySpec];
};

/** What must be the same: the value where nothing is drawn, the code and the text (but for the backend's name) of an error. */
function outcomeOf({ value, error }: RunResult): string {
  if (error === undefined) return value instanceof Uint8Array ? hex(value) : String(value);
  assert.ok(error instanceof EngineError, String(error));
  return `${error.code}: ${error.message.replace(/ \((native|wasm) backend\)/, '')}`;
}

/** Signatures with ECDSA, unless asked otherwise, and PSS and OAEP ciphertexts differ from call to call. */
const isRandomised = ({ op, algorithm, deterministic }: Request): boolean =>
  (op === 'sign' && /^(ECDSA|RSASSA_PSS)/.test(String(algorithm)) && deterministic !== true) ||
  (op === 'encrypt' && String(algorithm).startsWith('RSAES'));

/** The request with which the other backend judges a value that was drawn. */
function judging({ plaintext, ...request }: Request, value: Uint8Array): { request: Request; expected: string } {
  if (request.op === 'sign') {
    const signature = request.recoveryId === true ? value.subarray(0, -1) : value;
    return { request: { ...request, op: 'verify', signature }, expected: 'true' };
  }
  return { request: { ...request, op: 'decrypt', ciphertext: value }, expected: hex(plaintext as Uint8Array) };
}

/** Also what follows from a good value: it is damaged in one bit and given back, on both. */
function consequences(request: Request, value: Uint8Array): Request[] {
  const damaged = value.slice();
  if (damaged.length > 0) damaged[below(damaged.length)]! ^= 1 << below(8);
  const inverse: Readonly<Record<string, (bytes: Uint8Array) => Request>> = {
    encrypt: (ciphertext) => ({ ...request, op: 'decrypt', ciphertext }),
    sign: (signature) => ({ ...request, op: 'verify', signature }),
    mac: (mac) => ({ ...request, op: 'verifyMac', mac }),
  };
  const back = inverse[request.op];
  return back === undefined ? [] : [back(value), back(damaged)];
}

async function compare(
  engines: Readonly<Record<keyof Pair, Engine>>,
  keys: Keys,
  requests: readonly (readonly [Request, KeySpec | undefined])[],
): Promise<(readonly [Request, KeySpec | undefined])[]> {
  const run = (side: keyof Pair): Promise<RunResult[]> =>
    engines[side].run(requests.map(([request, keySpec]) => itemFor(request, keySpec && keys[keySpec][side])));
  const [native, wasm] = await Promise.all([run('native'), run('wasm')]);
  const follow: (readonly [Request, KeySpec | undefined])[] = [];
  const judgedBy: Record<keyof Pair, { item: RunItem; expected: string; what: string }[]> = { native: [], wasm: [] };
  for (const [index, [request, keySpec]] of requests.entries()) {
    const what = `seed ${seed}: ${request.op} ${request.algorithm ?? ''} ${keySpec ?? ''}`;
    const [left, right] = [native[index]!, wasm[index]!];
    if (left.error === undefined && right.error === undefined && isRandomised(request)) {
      for (const [side, other, result] of [
        ['native', 'wasm', left],
        ['wasm', 'native', right],
      ] as const) {
        const { request: judge, expected } = judging(request, result.value as Uint8Array);
        judgedBy[other].push({
          item: itemFor(judge, keys[keySpec!][other]),
          expected,
          what: `${what}, made by ${side}`,
        });
      }
    } else {
      assert.equal(outcomeOf(right), outcomeOf(left), what);
    }
    if (left.value instanceof Uint8Array)
      for (const next of consequences(request, left.value)) follow.push([next, keySpec]);
  }
  for (const side of ['native', 'wasm'] as const) {
    const verdicts = await engines[side].run(judgedBy[side].map(({ item }) => item));
    for (const [index, { expected, what }] of judgedBy[side].entries())
      assert.equal(outcomeOf(verdicts[index]!), expected, what);
  }
  return follow;
}

describe('native and WASM', needsNative, () => {
  test(`${OPERATIONS} random operations come to the same outcome (seed ${seed})`, async () => {
    const engines = { native: await openEngine({ backend: 'native' }), wasm: await openEngine({ backend: 'wasm' }) };
    const keys = Object.fromEntries(
      await Promise.all(
        WEIGHTS.map(async ([keySpec]) => [
          keySpec,
          { native: await testKey(engines.native, keySpec), wasm: await testKey(engines.wasm, keySpec) },
        ]),
      ),
    ) as Keys;
    let done = 0;
    while (done < OPERATIONS) {
      const requests = Array.from({ length: ROUND }, randomRequest);
      const follow = await compare(engines, keys, requests);
      await compare(engines, keys, follow);
      done += requests.length + follow.length;
    }
    assert.ok(done >= OPERATIONS);
    await Promise.all([engines.native.close(), engines.wasm.close()]);
  });
});
