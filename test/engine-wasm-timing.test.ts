/**
 * Statistics against timing leaks in the WASM backend: for each operation two classes of secrets, or of wrong inputs, whose times may
 * not differ. A few samples by default, which show gross leaks only; KEYMILL_SLOW=1 takes as many as a leak of one branch needs. The
 * first two tests are of the method: it finds nothing between equal classes, and finds an operation that is variable in time.
 */
import assert from 'node:assert/strict';
import {
  constants,
  createCipheriv,
  createHmac,
  createPrivateKey,
  generateKeyPairSync,
  publicEncrypt,
  sign,
} from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { type Backend, Flag, HANDLE_BYTES, Operation } from '../src/engine/backend.ts';
import { ALGORITHMS, KEY_SPECS, type KeySpec } from '../src/engine/specs.ts';
import { openWasm } from '../src/engine/wasm.ts';
import { pattern } from './support/bytes.ts';
import { type KeyRing, layOut, playOne, type RecordFields } from './support/replay.ts';
import { timingDifference } from './support/timing.ts';

const IS_SLOW = process.env.KEYMILL_SLOW === '1';
const SAMPLES = IS_SLOW ? 200_000 : 3000;
/** A difference is a leak where it comes up in every one of these attempts: other processes on the machine make some by chance. */
const ATTEMPTS = 4;
const LEAK = 10;

/** An RSA decryption takes so long that fewer must do; a leak of one is as much longer. */
const RSA_SAMPLES = IS_SLOW ? 20_000 : 300;

/** Operations in one measurement, and inputs (or keys) of each class. */
const REPETITIONS = 4;
const VARIANTS = 48;

const random = (bytes: number): Uint8Array => crypto.getRandomValues(new Uint8Array(bytes));

/** The records of a class: one a variant. All of both classes have the same lengths. */
type Classes = readonly [first: readonly RecordFields[], second: readonly RecordFields[]];

const times = <Item>(make: (index: number) => Item): Item[] =>
  Array.from({ length: VARIANTS }, (_, index) => make(index));

describe('timing of the WASM backend', () => {
  let backend: Backend;
  const keyRing: Record<string, KeyRing[string]> = {};

  before(() => {
    backend = openWasm({ threads: 1, kernels: 'auto' });
  });
  after(() => backend.close());

  /** Imports a key; its name in the key ring. */
  function keyOf(keySpec: KeySpec, input: Uint8Array, flags = 0): string {
    const name = `key ${Object.keys(keyRing).length}`;
    const record = {
      operation: Operation.IMPORT_KEY,
      flags,
      keySpec: KEY_SPECS[keySpec].id,
      input,
      outputBytes: HANDLE_BYTES,
    };
    keyRing[name] = playOne(backend, record).handle(0);
    return name;
  }

  /** Keys of one material in the first class, each with its own in the second, made in turn so that addresses tell nothing. */
  function keyClasses(keySpec: KeySpec, bytes: number, record: Omit<RecordFields, 'key'>): Classes {
    // Below the order of every curve here.
    const material = (): Uint8Array => random(bytes).with(0, 0x55);
    const fixed = material();
    const pairs = times(() => [keyOf(keySpec, fixed), keyOf(keySpec, material())] as const);
    return [pairs.map(([key]) => ({ ...record, key })), pairs.map(([, key]) => ({ ...record, key }))];
  }

  function differenceOf(classes: Classes, samples = SAMPLES): number {
    const blocks = classes.map((records) =>
      records.map((record) => {
        const { bytes, handles } = layOut(Array.from({ length: REPETITIONS }, () => record));
        const view = new DataView(bytes.buffer);
        for (const { offset, key } of handles) {
          view.setUint32(offset, keyRing[key]!.slot, true);
          view.setUint32(offset + 4, keyRing[key]!.generation, true);
        }
        return bytes;
      }),
    );
    const block = backend.allocate(blocks[0]![0]!.length);
    let next = 0;
    const measured = {
      prepare: (inSecond: boolean): void => {
        block.bytes.set(blocks[inSecond ? 1 : 0]![next++ % VARIANTS]!);
      },
      run: (): void => backend.run(block),
    };
    // Keys prepare what they need on their first uses, and the engine its code.
    timingDifference(measured, 20 * VARIANTS);
    const difference = timingDifference(measured, samples);
    block.bytes.fill(0);
    backend.free(block);
    return difference;
  }

  function assertNoDifference(classes: Classes, samples = SAMPLES): void {
    const differences: number[] = [];
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      differences.push(differenceOf(classes, samples));
      if (differences.at(-1)! < LEAK) return;
    }
    assert.fail(`|t| of ${differences.map((t) => t.toFixed(1)).join(', ')}`);
  }

  const message = pattern(64);
  const signing = (algorithm: number): Omit<RecordFields, 'key'> => ({
    operation: Operation.SIGN,
    algorithm,
    input: message,
    outputBytes: 80,
  });

  test('equal classes do not differ', () => {
    const key = keyOf('ECC_NIST_EDWARDS25519', random(32));
    const records = times(() => ({ ...signing(ALGORITHMS.ED25519_SHA_512.id), key }));
    assertNoDifference([records, records]);
  });

  test('verification, which is variable in time, is found out', () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const seed = createPrivateKey(privateKey.export({ format: 'pem', type: 'pkcs8' })).export({ format: 'jwk' }).d!;
    const key = keyOf('ECC_NIST_EDWARDS25519', Buffer.from(seed, 'base64url'));
    const checking = (input: Uint8Array): RecordFields => ({
      operation: Operation.VERIFY,
      algorithm: ALGORITHMS.ED25519_SHA_512.id,
      key,
      input,
      extra: sign(null, input, privateKey),
    });
    const fixed = random(64);
    const classes: Classes = [times(() => checking(fixed)), times(() => checking(random(64)))];
    const differences: number[] = [];
    // |t| grows with the root of the samples, whatever else the machine does.
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      differences.push(differenceOf(classes, SAMPLES * 4 ** attempt));
      if (differences.at(-1)! > LEAK) return;
    }
    assert.fail(`|t| of ${differences.map((t) => t.toFixed(1)).join(', ')}`);
  });

  test('Ed25519 signatures: of one key or of many', () => {
    assertNoDifference(keyClasses('ECC_NIST_EDWARDS25519', 32, signing(ALGORITHMS.ED25519_SHA_512.id)));
  });

  test('P-256 signatures: of one key or of many', () => {
    assertNoDifference(keyClasses('ECC_NIST_P256', 32, signing(ALGORITHMS.ECDSA_SHA_256.id)));
  });

  test('secp256k1 signatures: of one key or of many', () => {
    assertNoDifference(keyClasses('ECC_SECG_P256K1', 32, signing(ALGORITHMS.ECDSA_SHA_256.id)));
  });

  test('P-256 agreement: with one key or with many', () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const record = {
      operation: Operation.DERIVE_SHARED_SECRET,
      algorithm: ALGORITHMS.ECDH.id,
      extra: publicKey.export({ format: 'der', type: 'spki' }),
      outputBytes: 32,
    };
    assertNoDifference(keyClasses('ECC_NIST_P256', 32, record));
  });

  test('AES-256-GCM encryption: under one key or under many', () => {
    const record = {
      operation: Operation.ENCRYPT,
      algorithm: ALGORITHMS.SYMMETRIC_DEFAULT.id,
      input: pattern(256),
      nonce: pattern(12),
      outputBytes: 12 + 256 + 16,
    };
    assertNoDifference(keyClasses('SYMMETRIC_DEFAULT', 32, record));
  });

  test('AES-256-GCM decryption: tags wrong at their beginning or at their end', () => {
    const raw = random(32);
    const key = keyOf('SYMMETRIC_DEFAULT', raw);
    const damaged = (at: number): RecordFields => {
      const nonce = random(12);
      const cipher = createCipheriv('aes-256-gcm', raw, nonce);
      const input = Buffer.concat([nonce, cipher.update(pattern(64)), cipher.final(), cipher.getAuthTag()]);
      input[input.length - 16 + at]! ^= 0x40;
      return { operation: Operation.DECRYPT, algorithm: ALGORITHMS.SYMMETRIC_DEFAULT.id, key, input, outputBytes: 64 };
    };
    assertNoDifference([times(() => damaged(0)), times(() => damaged(15))]);
  });

  // The classes of Manger's attack (CRYPTO 2001): between refusals, and not between a refusal and a plaintext, which everyone may see.
  test('RSA-OAEP decryption: refused for its first byte or for its label', () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const key = keyOf('RSA_2048', privateKey.export({ format: 'der', type: 'pkcs8' }), Flag.FORMAT_PKCS8);
    const raw = { key: publicKey, padding: constants.RSA_NO_PADDING };
    // Below the modulus, whose top bit is set; all that follows the first byte is random, and so no encoding of anything.
    const refused = (firstByte: number): RecordFields => ({
      operation: Operation.DECRYPT,
      algorithm: ALGORITHMS.RSAES_OAEP_SHA_256.id,
      key,
      input: publicEncrypt(raw, random(256).with(0, firstByte)),
      outputBytes: 256,
    });
    assertNoDifference([times(() => refused(1)), times(() => refused(0))], RSA_SAMPLES);
  });

  test('HMAC verification: MACs wrong at their beginning or at their end', () => {
    const raw = random(32);
    const key = keyOf('HMAC_256', raw);
    const damaged = (at: number): RecordFields => {
      const input = random(64);
      const extra = createHmac('sha256', raw).update(input).digest();
      extra[at]! ^= 0x40;
      return { operation: Operation.VERIFY_MAC, algorithm: ALGORITHMS.HMAC_SHA_256.id, key, input, extra };
    };
    assertNoDifference([times(() => damaged(0)), times(() => damaged(31))]);
  });
});
