/**
 * The known answers that the WASM backend proves itself with before it is used, each run through the contract like any batch.
 * Knows no WebAssembly.
 */
import {
  type Backend,
  BLOCK_HEADER_BYTES,
  BLOCK_MAGIC,
  HANDLE_BYTES,
  HeaderWord,
  type KeyHandle,
  Operation,
  RECORD_BYTES,
  RecordWord,
  Status,
} from './backend.ts';
import {
  ALGORITHMS,
  type Algorithm,
  type DigestAlgorithm,
  HASHES,
  KEY_SPECS,
  type KeySpec,
  TAG_BYTES,
} from './specs.ts';

const align = (bytes: number): number => Math.ceil(bytes / 16) * 16;

/** One record by itself, as the known-answer tests run it. */
interface TestRecord {
  readonly operation: number;
  readonly algorithm?: number;
  readonly keySpec?: number;
  readonly key?: KeyHandle;
  readonly input?: Uint8Array;
  readonly extra?: Uint8Array;
  readonly nonce?: Uint8Array;
  readonly outputBytes: number;
}

function runRecord(backend: Backend, record: TestRecord): { status: number; output: Uint8Array } {
  const nothing = new Uint8Array(0);
  const { input = nothing, extra = nothing, nonce = nothing, outputBytes } = record;
  const inputOffset = BLOCK_HEADER_BYTES + RECORD_BYTES;
  const extraOffset = inputOffset + align(input.length);
  const nonceOffset = extraOffset + align(extra.length);
  const outputOffset = nonceOffset + align(nonce.length);
  const usedBytes = outputOffset + outputBytes;
  const block = backend.allocate(usedBytes);
  const { bytes, words } = block;
  const fields = words.subarray(BLOCK_HEADER_BYTES / 4);
  words[HeaderWord.magic] = BLOCK_MAGIC;
  words[HeaderWord.recordCount] = 1;
  words[HeaderWord.usedBytes] = usedBytes;
  fields[RecordWord.operationAndAlgorithm] = record.operation | ((record.algorithm ?? 0) << 16);
  fields[RecordWord.keySlot] = record.key?.slot ?? 0;
  fields[RecordWord.keyGeneration] = record.key?.generation ?? 0;
  fields[RecordWord.inputOffset] = inputOffset;
  fields[RecordWord.inputBytes] = input.length;
  fields[RecordWord.extraOffset] = extraOffset;
  fields[RecordWord.extraBytes] = extra.length;
  fields[RecordWord.nonceOffset] = nonceOffset;
  fields[RecordWord.nonceBytes] = nonce.length;
  fields[RecordWord.outputOffset] = outputOffset;
  fields[RecordWord.outputBytes] = outputBytes;
  fields[RecordWord.items] = 1;
  fields[RecordWord.keySpec] = record.keySpec ?? 0;
  bytes.set(input, inputOffset);
  bytes.set(extra, extraOffset);
  bytes.set(nonce, nonceOffset);
  backend.run(block);
  const status = block.words[BLOCK_HEADER_BYTES / 4 + RecordWord.flagsAndStatus]! >>> 16;
  const output = block.bytes.slice(outputOffset, outputOffset + outputBytes);
  block.bytes.fill(0);
  backend.free(block);
  return { status, output };
}

/** Runs `use` with an imported key. */
function withKey<Result>(
  backend: Backend,
  keySpec: KeySpec,
  material: Uint8Array,
  use: (key: KeyHandle) => Result,
): Result {
  const made = runRecord(backend, {
    operation: Operation.IMPORT_KEY,
    keySpec: KEY_SPECS[keySpec].id,
    input: material,
    outputBytes: HANDLE_BYTES,
  });
  const [slot = 0, generation = 0] = new Uint32Array(made.output.buffer);
  const key = { slot, generation };
  try {
    return use(key);
  } finally {
    backend.closeKey(key);
  }
}

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));
const fromHex = (hex: string): Uint8Array =>
  Uint8Array.from({ length: hex.length / 2 }, (_, index) => Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16));
const filled = (bytes: number, value: number): Uint8Array => new Uint8Array(bytes).fill(value);
/** Equality of public test values. */
const agree = (left: Uint8Array, right: Uint8Array): boolean =>
  left.length === right.length && left.every((byte, index) => byte === right[index]);

/** A known answer: what the backend must give for fixed inputs. `answer` is flipped by one bit where a fault is asked for. */
interface KnownAnswer {
  readonly name: string;
  readonly answer: string;
  /** Whether the backend agrees with the answer, and notices what it should. */
  readonly agrees: (backend: Backend, answer: Uint8Array) => boolean;
}

/** `answer` is the end of what sealing gives, so that a long message needs its tag only. The tag must open, and not when changed. */
const seals = (
  algorithm: Algorithm,
  keyByte: number,
  aad: string,
  plaintext: Uint8Array,
  answer: string,
): KnownAnswer => ({
  name: `${algorithm} ${plaintext.length} bytes`,
  answer,
  agrees: (backend, expected) =>
    withKey(backend, 'SYMMETRIC_DEFAULT', filled(32, keyByte), (key) => {
      const { id, nonceBytes = 0 } = ALGORITHMS[algorithm];
      const fixed = { algorithm: id, key, extra: ascii(aad) };
      const nonce = ascii('ABCDEFGHIJKLMNOPQRSTUVWX').subarray(0, nonceBytes);
      const sealed = runRecord(backend, {
        ...fixed,
        operation: Operation.ENCRYPT,
        input: plaintext,
        nonce,
        outputBytes: nonceBytes + plaintext.length + TAG_BYTES,
      });
      const open = (input: Uint8Array) =>
        runRecord(backend, { ...fixed, operation: Operation.DECRYPT, input, outputBytes: plaintext.length });
      const opened = open(sealed.output);
      const changed = sealed.output.slice();
      changed[changed.length - 1]! ^= 1;
      const refused = open(changed);
      return (
        sealed.status === Status.OK &&
        agree(sealed.output.subarray(-expected.length), expected) &&
        opened.status === Status.OK &&
        agree(opened.output, plaintext) &&
        refused.status === Status.DECRYPTION_FAILED &&
        refused.output.every((byte) => byte === 0)
      );
    }),
});

const digests = (algorithm: DigestAlgorithm, answer: string): KnownAnswer => ({
  name: algorithm,
  answer,
  agrees: (backend, expected) => {
    const { id, hashBytes } = HASHES[algorithm];
    const record = { operation: Operation.DIGEST, algorithm: id, input: ascii('abc'), outputBytes: hashBytes };
    const { status, output } = runRecord(backend, record);
    return status === Status.OK && agree(output, expected);
  },
});

const authenticates = (algorithm: Algorithm, keySpec: KeySpec, answer: string): KnownAnswer => ({
  name: algorithm,
  answer,
  agrees: (backend, expected) =>
    withKey(backend, keySpec, filled(expected.length, 11), (key) => {
      const fixed = { algorithm: ALGORITHMS[algorithm].id, key, input: ascii('keymill') };
      const mac = runRecord(backend, { ...fixed, operation: Operation.MAC, outputBytes: expected.length });
      const verify = (extra: Uint8Array) =>
        runRecord(backend, { ...fixed, operation: Operation.VERIFY_MAC, extra, outputBytes: 0 }).status;
      const changed = mac.output.slice();
      changed[0]! ^= 1;
      return (
        mac.status === Status.OK &&
        agree(mac.output, expected) &&
        verify(mac.output) === Status.OK &&
        verify(changed) === Status.INVALID_SIGNATURE
      );
    }),
});

/** Digests of "abc": FIPS 180-4's examples. XAES: c2sp.org/XAES-256-GCM. The others were computed with node:crypto. */
const KNOWN_ANSWERS: readonly KnownAnswer[] = [
  seals(
    'SYMMETRIC_DEFAULT',
    0x01,
    'keymill',
    ascii('XAES-256-GCM'),
    'f23f6b7a0a5a42e77fbdbf4a80f633b6a046b1569e73d1a79746e9e2',
  ),
  // Long enough for the streams of ghash.ts.
  seals('SYMMETRIC_DEFAULT', 0x01, 'keymill', filled(1000, 0), '25bab60515251da7868741dee2108e97'),
  seals('XAES_256_GCM', 0x01, '', ascii('XAES-256-GCM'), 'ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271'),
  seals(
    'XAES_256_GCM',
    0x03,
    'c2sp.org/XAES-256-GCM',
    ascii('XAES-256-GCM'),
    '986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d',
  ),
  digests('SHA_1', 'a9993e364706816aba3e25717850c26c9cd0d89d'),
  digests('SHA_224', '23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7'),
  digests('SHA_256', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'),
  digests(
    'SHA_384',
    'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7',
  ),
  digests(
    'SHA_512',
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
  ),
  authenticates('HMAC_SHA_224', 'HMAC_224', '8dd5be131186675b0e95b96670fbe58b5ea99d82c6c05ba5863d620f'),
  authenticates('HMAC_SHA_256', 'HMAC_256', '6aad50c59e4cd18aa2c4a27820149684b28e3f26b75ecaaea33d6bca56b8234e'),
  authenticates(
    'HMAC_SHA_384',
    'HMAC_384',
    '5429bbaf1bdd9c714e1b0bc22bf12685f74b601081737914f54a32baba351c98626f18be1cd5f64d9d5509c6d17fc410',
  ),
  authenticates(
    'HMAC_SHA_512',
    'HMAC_512',
    '745bf8439ee7f05b129b15fcc5c8bb4bdf1eea48baa6b33070bfa001e4dd614f8cb4addfdd25e9769933c22d0b5e4c0451ee7e3d052a4e7ac309dec10edaf0db',
  ),
];

/** Runs every test on the backend. With `fault` a bit of every answer is flipped, so that all must fail: for tests of the tests. */
export function runKnownAnswers(backend: Backend, fault: boolean): { passed: string[]; failed: string[] } {
  const passed: string[] = [];
  const failed: string[] = [];
  for (const { name, answer, agrees } of KNOWN_ANSWERS) {
    const expected = fromHex(answer);
    if (fault) expected[0]! ^= 1;
    (agrees(backend, expected) ? passed : failed).push(name);
  }
  return { passed, failed };
}
