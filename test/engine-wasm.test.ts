/**
 * What the compiled WASM module may contain, read function by function: no division, branch or `select` that a secret could reach, but
 * for those a row below gives a reason for. Also its size, its imports, and that it starts without waiting.
 * (The engine's behaviour on WASM is tested with every other backend's; timing is measured in engine-wasm-timing.test.ts.)
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { BLOCK_HEADER_BYTES, Flag, HANDLE_BYTES, Operation, RECORD_BYTES, Status } from '../src/engine/backend.ts';
import { ALGORITHMS, KEY_SPECS, type KeySpec } from '../src/engine/specs.ts';
import { openWasm, wasmHost } from '../src/engine/wasm.ts';
import { openWasmBackend } from '../src/engine/wasm-backend.ts';
import { compileModule } from '../src/engine/wasm-instance.ts';
import { fromHex, pattern } from './support/bytes.ts';
import { fixedKey } from './support/keys.ts';
import { layOut, play, playOne } from './support/replay.ts';
import { readWat, type WatFunction } from './support/wat.ts';

const MODULE = new URL('../keymill.wasm', import.meta.url);
const TEXT = new URL('../keymill.wat', import.meta.url);
const MOST_BYTES = 256 * 1024;

/** A pattern: a function's name without the type it was made for, or where it ends in `*` what a name begins with. */
type Row = readonly [pattern: string, most: number, reason: string];

function isNamed(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name.replace(/<.*/, '') === pattern;
}

const isVartime = (name: string): boolean => name.includes('_vartime');

/** What has secrets in its hands, and so has all it calls. Whole files where functions are called through tables. */
const SECRET_ROOTS = [
  'wasm/aead/*',
  'wasm/aes/*',
  'wasm/counter_mode/*',
  'wasm/ec/agree',
  'wasm/ec_keys/setScalar',
  'wasm/ecdsa/sign',
  'wasm/edwards/setSeed',
  'wasm/edwards/signMessage',
  'wasm/edwards25519/*',
  'wasm/field25519/*',
  'wasm/generated/*',
  'wasm/ghash/*',
  'wasm/ghash_bulk/*',
  'wasm/hmac/*',
  'wasm/limbs/*',
  'wasm/modulus/*',
  'wasm/montgomery/*',
  'wasm/montgomery_digits/*',
  'wasm/multiples/*',
  'wasm/nonces/*',
  'wasm/points/*',
  'wasm/rsa/decrypt',
  'wasm/rsa/sign',
  'wasm/rsa_padding/*',
  'wasm/rsa_primitives/*',
  'wasm/scalar25519/*',
];

const SHAPE = 'lengths, capacities, flags and counts of the record, the algorithm or the modulus';
const READY = 'whether memory, randomness or something made before is there';
const STATUS = 'what the status tells anyway, and what SHAPE and READY are for other rows';
const KEY_FORM = 'the form of an encoding and whether it is right, not what is in it';

/** Branches in secret functions. Conditions of loops do not count: loops here run over counts. */
const BRANCHES: readonly Row[] = [
  ['wasm/aead/beginDerivedMessage', 1, READY],
  ['wasm/aead/beginOutput', 5, SHAPE],
  ['wasm/aead/cipherOf', 2, READY],
  ['wasm/aead/crypt', 1, SHAPE],
  ['wasm/aead/decrypt*', 4, STATUS],
  ['wasm/aead/encrypt*', 2, STATUS],
  ['wasm/aead/ghash', 3, SHAPE],
  ['wasm/aead/open*', 2, 'READY, and the verdict on a tag that was compared without branches'],
  ['wasm/aead/sealXaes', 2, READY],
  ['wasm/aead/wantBulk', 2, READY],
  ['wasm/aes/expandKey', 2, 'which of eight words is made'],
  ['wasm/counter_mode/addKeystream', 5, SHAPE],
  ['wasm/curves/multiplyGenerator', 1, READY],
  ['wasm/ec/agree', 3, STATUS],
  ['wasm/ec_keys/readPublic', 3, KEY_FORM],
  ['wasm/ec_keys/setScalar', 3, READY],
  ['wasm/ecdsa/sign', 9, STATUS],
  ['wasm/ecdsa/signDigest', 4, 'READY, and whether to begin again with another nonce'],
  ['wasm/ecdsa/signWithNonce', 2, 'whether a recovery id is wanted; r and s of zero are not used'],
  ['wasm/ecdsa/takeDigest', 2, SHAPE],
  ['wasm/edwards/hashWithHead', 1, SHAPE],
  ['wasm/edwards/setSeed', 2, READY],
  ['wasm/edwards/signMessage', 3, 'READY, and Ed25519 or Ed25519ph'],
  ['wasm/edwards25519/hasBaseTable', 2, READY],
  ['wasm/edwards25519/multiplyBase', 1, READY],
  ['wasm/generated/montgomery_kernels/*', 2, SHAPE],
  ['wasm/ghash_bulk/makeSmallTables', 1, 'the size of a matrix'],
  ['wasm/hash/complete', 3, SHAPE],
  ['wasm/hmac/*', 3, STATUS],
  ['wasm/key_format/*', 14, KEY_FORM],
  ['wasm/memory/*', 5, 'sizes and addresses'],
  ['wasm/montgomery/completeModulus', 1, 'bits of a length'],
  ['wasm/montgomery/multiply', 1, 'one number or a pair'],
  ['wasm/montgomery/raisePublic', 1, 'bits of a public exponent'],
  ['wasm/montgomery/square', 1, 'one number or a pair'],
  ['wasm/montgomery_digits/collapse', 1, 'bits gathered so far'],
  ['wasm/multiples/mendTotal', 1, 'a sum that occurs for small multiples only, which no secret is'],
  ['wasm/multiples/writeTotal', 1, 'signatures want y for a recovery id only'],
  ['wasm/multiples/writeEntr*', 1, 'the first entry has none before it'],
  ['wasm/nonces/nextNonce', 2, 'a nonce out of range is discarded, which tells nothing of the next one'],
  ['wasm/random/*', 4, 'how many random bytes are left'],
  ['wasm/rsa/*', 6, STATUS],
  ['wasm/rsa_format/*', 4, KEY_FORM],
  ['wasm/rsa_primitives/applyPrivate', 6, 'READY, and whether the result was right before it is given out'],
  ['wasm/rsa_primitives/invertModuloPrime', 3, READY],
  ['wasm/rsa_primitives/makeTables', 11, 'SHAPE, READY'],
  ['wasm/rsa_primitives/tablesOf', 3, READY],
];

/** Divisions and remainders, anywhere in the module. */
const DIVISIONS: readonly Row[] = [
  ['wasm/hash/complete', 2, 'lengths by the size of a block'],
  ['wasm/modulus/openModulus', 4, 'counts of limbs and steps from the size of a public modulus'],
  ['wasm/multiples/*', 2, 'counts of windows'],
  ['wasm/curves/*', 2, 'counts of windows'],
  ['wasm/rsa_check/isGoodPublic_vartime', 4, 'a public modulus by small primes'],
];

/**
 * Functions with vectors or floating-point numbers that have `select`s. An engine makes a branch of one between such values, so each
 * row says of which integers its are.
 */
const SELECTS: readonly Row[] = [
  ['wasm/aead/*', 2, 'lengths, statuses'],
  ['wasm/counter_mode/addKeystream', 3, 'lengths and counts of batches'],
  ['wasm/generated/montgomery_kernels/*', 3, 'bounds of columns'],
  ['wasm/montgomery_digits/setLane', 1, 'a count of limbs'],
];

/** How many functions a module has. */
function functionsInCode(bytes: Uint8Array): number {
  let at = 8;
  const number = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  };
  const CODE_SECTION = 10;
  while (at < bytes.length) {
    const section = bytes[at++];
    const sectionBytes = number();
    if (section === CODE_SECTION) return number();
    at += sectionBytes;
  }
  return 0;
}

describe('the compiled WASM module', () => {
  let text: string;
  let functions: Map<string, WatFunction>;

  before(() => {
    text = readFileSync(TEXT, 'utf8');
    functions = readWat(text);
  });

  /** All that has a secret in its hands: the roots, and whatever they call. */
  function secretFunctions(): WatFunction[] {
    const reached = new Set<string>();
    const waiting = [...functions.keys()].filter((name) => SECRET_ROOTS.some((root) => isNamed(root, name)));
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
      if (reached.has(name) || isVartime(name) || !functions.has(name)) continue;
      reached.add(name);
      waiting.push(...functions.get(name)!.calls);
    }
    return [...reached].map((name) => functions.get(name)!);
  }

  /** Asserts that no function has more of something than its row says, none without a row. */
  function assertRows(rows: readonly Row[], among: Iterable<WatFunction>, count: (read: WatFunction) => number): void {
    const unexplained = [...among].flatMap((read) => {
      const [, most] = rows.find(([pattern]) => isNamed(pattern, read.name)) ?? ['', 0];
      return count(read) > most ? [`${read.name}: ${count(read)}, and ${most} explained`] : [];
    });
    assert.deepEqual(unexplained, []);
  }

  test('the text that is read is of the module that runs', () => {
    assert.equal(functions.size, functionsInCode(readFileSync(MODULE)));
  });

  test('secrets are not divided by or into, nor is anything else but counts', () => {
    assertRows(DIVISIONS, functions.values(), ({ divisions }) => divisions);
  });

  test('no vector or floating-point number is selected', () => {
    const able = [...functions.values()].filter(({ hasVectorsOrFloats }) => hasVectorsOrFloats);
    assertRows(SELECTS, able, ({ selects }) => selects);
  });

  test('what has a secret in its hands branches on nothing secret', () => {
    const secret = secretFunctions();
    assertRows(BRANCHES, secret, ({ branches }) => branches);
    // The list would be empty, and the test with it, were names to change.
    for (const name of ['wasm/edwards25519/multiplyBase', 'wasm/aes/expandKey', 'wasm/modulus/invertWords']) {
      assert.ok(
        secret.some((read) => read.name === name),
        `${name} is among them`,
      );
    }
  });

  test('what has a secret in its hands calls nothing that is variable in time', () => {
    const calls = secretFunctions().flatMap(({ name, calls: called }) =>
      [...called].filter(isVartime).map((callee) => `${name} calls ${callee}`),
    );
    assert.deepEqual(calls, []);
  });

  test('every pattern names something', () => {
    const patterns = [...SECRET_ROOTS, ...[...BRANCHES, ...DIVISIONS, ...SELECTS].map(([pattern]) => pattern)];
    const names = [...functions.keys()];
    assert.deepEqual(
      patterns.filter((pattern) => !names.some((name) => isNamed(pattern, name))),
      [],
    );
  });

  test('it is small, imports nothing but randomness and needs SIMD', () => {
    const { length } = readFileSync(MODULE);
    assert.ok(length <= MOST_BYTES, `${length} bytes`);
    assert.deepEqual(text.match(/\(import .*? \(/g), ['(import "env" "random" (']);
    assert.match(text, /^ {2}(v128|i8x16)\./m);
  });

  test('it opens without waiting', async () => {
    const backend = openWasm({ threads: 1, kernels: 'auto' });
    assert.ok(backend.info.selfTests.length > 0);
    assert.equal(wasmHost(), wasmHost(), 'and is compiled once');
    await backend.close();
  });

  test('records encrypt onto themselves', async () => {
    const backend = openWasm({ threads: 1, kernels: 'auto' });
    const keySpec = KEY_SPECS.SYMMETRIC_DEFAULT.id;
    const importing = { operation: Operation.IMPORT_KEY, keySpec, input: pattern(32), outputBytes: HANDLE_BYTES };
    const keyRing = { key: playOne(backend, importing).handle(0) };
    const input = pattern(5000);
    const inputOffset = BLOCK_HEADER_BYTES + RECORD_BYTES;
    for (const [algorithm, nonceBytes] of [
      [ALGORITHMS.SYMMETRIC_DEFAULT.id, 12],
      [ALGORITHMS.XAES_256_GCM.id, 24],
    ] as const) {
      for (const shift of [0, 8, 40, input.length - 8, input.length]) {
        const outputBytes = nonceBytes + input.length + 16;
        const words = { outputOffset: inputOffset + shift };
        const sealing = { operation: Operation.ENCRYPT, algorithm, key: 'key', input, outputBytes, words };
        const sealed = play(backend, layOut([sealing], outputBytes), keyRing);
        const opening = { operation: Operation.DECRYPT, algorithm, key: 'key', outputBytes: input.length };
        const opened = playOne(backend, { ...opening, input: sealed.output(0) }, keyRing);
        assert.deepEqual(opened.output(0), input, `${nonceBytes} bytes of nonce, output ${shift} bytes further`);
      }
    }
    await backend.close();
  });

  /** The beginnings of the answers. */
  const KNOWN_ANSWERS: readonly [KeySpec, string][] = [
    ['RSA_2048', '4142ed16ffeab282626fc291dad1f869'],
    ['ECC_NIST_EDWARDS25519', '14e5007fc314995715b45fd8180af5fb'],
  ];
  for (const [keySpec, answer] of KNOWN_ANSWERS) {
    test(`${keySpec} keys are not made where the known answer is not given`, async () => {
      const bytes = Buffer.from(readFileSync(MODULE));
      const at = bytes.indexOf(fromHex(answer));
      assert.ok(at > 0, 'the answer is in the module');
      const importing = {
        operation: Operation.IMPORT_KEY,
        flags: Flag.FORMAT_PKCS8,
        keySpec: KEY_SPECS[keySpec].id,
        input: fixedKey(keySpec).pkcs8,
        outputBytes: HANDLE_BYTES,
      };
      for (const [flip, status] of [
        [0, Status.OK],
        [1, Status.UNAVAILABLE],
      ] as const) {
        bytes[at]! ^= flip;
        const host = { ...wasmHost(), module: compileModule(bytes) };
        const backend = openWasmBackend({ threads: 1, kernels: 'auto' }, host);
        assert.equal(play(backend, layOut([importing]), {}).status(0), status);
        await backend.close();
      }
    });
  }
});
