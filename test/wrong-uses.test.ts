/**
 * Wrong uses of the four doors. What the compiler can see it refuses: behind each directive stands a part of its message. What it cannot
 * see, and what JavaScript callers do, is a clear error when it runs.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { Keymill } from 'keymill';
import { awsRequestHandler } from 'keymill/aws';
import { openEngine } from 'keymill/engine';
import { createServer } from 'keymill/server';
import { compile, ROOT } from './support/documents.ts';

const engine = await openEngine({ threads: 1 });
const other = await openEngine({ backend: 'wasm', threads: 1 });
const p256 = await engine.generateKey('ECC_NIST_P256');
const aes = await engine.generateKey('SYMMETRIC_DEFAULT');
const hmac = await engine.generateKey('HMAC_256');
const elsewhere = await other.generateKey('ECC_NIST_P256');
const closed = await engine.generateKey('ECC_NIST_P256');
closed.close();
const kms = await Keymill.open({ path: ':memory:', engine });
const KeyId = (await kms.createKey()).KeyMetadata.KeyId;
const SignId = (await kms.createKey({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' })).KeyMetadata.KeyId;
after(async () => {
  await kms.close();
  await Promise.all([engine.close(), other.close()]);
});

const message = new Uint8Array(8);
const digests = new Uint8Array(64);
const algorithm = 'ECDSA_SHA_256';
const invalid = (what: RegExp) => ({ code: 'INVALID_ARGUMENT', message: what });
const named = (name: string, what = /(?:)/) => ({ name, message: what });

interface WrongUse {
  readonly use: () => unknown;
  /** What it throws or rejects with; absent where only the compiler refuses it. */
  readonly error?: object;
}

/** By what is wrong. */
const ENGINE: Readonly<Record<string, WrongUse>> = {
  "an encryption key's algorithm for a signature": {
    // @ts-expect-error "SYMMETRIC_DEFAULT"' is not assignable to type 'SigningAlgorithm'
    use: () => engine.sign({ key: p256, algorithm: 'SYMMETRIC_DEFAULT', message }),
    error: invalid(/^algorithm: expected ECDSA_SHA_256, got "SYMMETRIC_DEFAULT"$/),
  },
  "another curve's algorithm": {
    use: () => engine.sign({ key: p256, algorithm: 'ECDSA_SHA_384', message }),
    error: { code: 'WRONG_KEY', message: /not an algorithm of a ECC_NIST_P256 key/ },
  },
  'a signature with a symmetric key': {
    use: () => engine.sign({ key: aes, algorithm, message }),
    error: { code: 'WRONG_KEY', message: /not an algorithm of a SYMMETRIC_DEFAULT key/ },
  },
  'a string where a message belongs': {
    // @ts-expect-error 'string' is not assignable to type 'Uint8Array
    use: () => engine.sign({ key: p256, algorithm, message: 'hello' }),
    error: invalid(/^message: expected a Uint8Array, got string$/),
  },
  'a string where a plaintext belongs': {
    // @ts-expect-error 'string' is not assignable to type 'Uint8Array
    use: () => engine.encrypt({ key: aes, algorithm: 'SYMMETRIC_DEFAULT', plaintext: 'hello' }),
    error: invalid(/^plaintext: expected a Uint8Array, got string$/),
  },
  'an algorithm that AWS calls otherwise': {
    // @ts-expect-error "AES_256_GCM"' is not assignable to type 'EncryptionAlgorithm'
    use: () => engine.encrypt({ key: aes, algorithm: 'AES_256_GCM', plaintext: message }),
    error: invalid(/^algorithm: expected SYMMETRIC_DEFAULT, XAES_256_GCM, got "AES_256_GCM"$/),
  },
  'an IV of another length': {
    use: () => engine.encrypt({ key: aes, algorithm: 'SYMMETRIC_DEFAULT', plaintext: message, iv: message }),
    error: { code: 'INVALID_LENGTH', message: /^iv: expected 12 bytes, got 8 bytes$/ },
  },
  "a key spec in the place of a MAC's algorithm": {
    // @ts-expect-error "HMAC_256"' is not assignable to type 'MacAlgorithm'
    use: () => engine.mac({ key: hmac, algorithm: 'HMAC_256', message }),
    error: invalid(/^algorithm: expected HMAC_SHA_256, got "HMAC_256"$/),
  },
  'a key spec that is none': {
    // @ts-expect-error "P-256"' is not assignable to parameter
    use: () => engine.generateKey('P-256'),
    error: invalid(/^keySpec: /),
  },
  'an import without a format': {
    // @ts-expect-error Property 'format' is missing
    use: () => engine.importKey({ keySpec: 'HMAC_256', data: new Uint8Array(32) }),
    error: invalid(/^format: /),
  },
  'a verification without a signature': {
    // @ts-expect-error Property 'signature' is missing
    use: () => engine.verify({ key: p256, algorithm, message }),
    error: invalid(/^signature: expected a Uint8Array, got undefined$/),
  },
  'a message type that is none': {
    // @ts-expect-error '"HASH"' is not assignable to type '"
    use: () => engine.sign({ key: p256, algorithm, message, messageType: 'HASH' }),
    error: invalid(/^messageType: /),
  },
  'a digest of another length': {
    use: () => engine.sign({ key: p256, algorithm, message, messageType: 'DIGEST' }),
    error: { code: 'INVALID_LENGTH', message: /^message: expected a digest of 32 bytes, got 8$/ },
  },
  'a misspelt option': {
    // @ts-expect-error 'lows' does not exist in type 'SignRequest'
    use: () => engine.sign({ key: p256, algorithm, message, lows: true }),
  },
  'an option of ECDSA beside another algorithm': {
    use: async () => {
      const key = await engine.generateKey('ECC_NIST_EDWARDS25519');
      return engine.sign({ key, algorithm: 'ED25519_SHA_512', message, lowS: true });
    },
    error: invalid(/^lowS: expected nothing but false beside ECDSA, got true$/),
  },
  'the id of a key in the place of a key': {
    // @ts-expect-error 'string' is not assignable to type 'EngineKey'
    use: () => engine.sign({ key: KeyId, algorithm, message }),
    error: invalid(/^key: expected an EngineKey, got string$/),
  },
  'a key of another engine': {
    use: () => engine.sign({ key: elsewhere, algorithm, message }),
    error: invalid(/^key: expected a key of this engine/),
  },
  'a key that was closed': {
    use: () => engine.sign({ key: closed, algorithm, message }),
    error: { code: 'KEY_CLOSED' },
  },
  'an export as what only publicKey gives': {
    // @ts-expect-error "spki"' is not assignable to parameter
    use: () => p256.export('spki'),
    error: invalid(/^format: expected 'raw' or 'pkcs8', got spki$/),
  },
  'a count that is text': {
    // @ts-expect-error 'string' is not assignable to parameter of type 'number'
    use: () => engine.random('32'),
    error: invalid(/^bytes: /),
  },
  'an operation that is none': {
    // @ts-expect-error "hash"' is not assignable to type
    use: () => engine.run([{ op: 'hash', algorithm: 'SHA_256', message }]).then(throwFirst),
    error: invalid(/^op: /),
  },
  'one item in the place of a list': {
    // @ts-expect-error 'op' does not exist in type 'readonly RunItem[]'
    use: () => engine.run({ op: 'random', bytes: 1 }),
    error: invalid(/^items: expected an array, got object$/),
  },
  'packed messages without their length': {
    // @ts-expect-error Property 'messageBytes' is missing
    use: () => engine.signPacked({ key: p256, algorithm, messages: digests }),
    error: invalid(/^messageBytes: /),
  },
  'packed digests with a remainder': {
    use: () => engine.signPacked({ key: p256, algorithm, digests: digests.subarray(1) }),
    error: { code: 'INVALID_LENGTH', message: /^digests: .* got 63 bytes$/ },
  },
  'fewer keys than items': {
    use: () => engine.signPacked({ keys: [p256], algorithm, digests }),
    error: invalid(/^keys: expected 2 keys, one per item, got 1$/),
  },
  'a backend that is none': {
    // @ts-expect-error "openssl"' is not assignable to type 'BackendChoice | undefined'
    use: () => openEngine({ backend: 'openssl' }),
    error: invalid(/^backend: expected one of auto, native, wasm, got openssl$/),
  },
};

const SERVICE: Readonly<Record<string, WrongUse>> = {
  "an encryption key's algorithm for a signature": {
    // @ts-expect-error '"SYMMETRIC_DEFAULT"' is not assignable to type '"
    use: () => kms.sign({ KeyId: SignId, Message: message, SigningAlgorithm: 'SYMMETRIC_DEFAULT' }),
    error: named('ValidationException', /'signingAlgorithm' failed to satisfy constraint/),
  },
  'a signature with an encryption key': {
    use: () => kms.sign({ KeyId, Message: message, SigningAlgorithm: algorithm }),
    error: named('InvalidKeyUsageException', /ENCRYPT_DECRYPT/),
  },
  "another key spec's algorithm": {
    use: () => kms.sign({ KeyId: SignId, Message: message, SigningAlgorithm: 'RSASSA_PSS_SHA_256' }),
    error: named('InvalidKeyUsageException', /RSASSA_PSS_SHA_256/),
  },
  'a string where a plaintext belongs': {
    // @ts-expect-error 'string' is not assignable to type 'Uint8Array
    use: () => kms.encrypt({ KeyId, Plaintext: 'hello' }),
    error: named('SerializationException', /^plaintext: expected a Uint8Array, got string$/),
  },
  'Base64 where a ciphertext belongs': {
    // @ts-expect-error 'string' is not assignable to type 'Uint8Array
    use: () => kms.decrypt({ CiphertextBlob: 'S00B' }),
    error: named('SerializationException', /^ciphertextBlob: expected a Uint8Array, got string$/),
  },
  'a call without the key': {
    // @ts-expect-error Property 'KeyId' is missing
    use: () => kms.encrypt({ Plaintext: message }),
    error: named('ValidationException', /'keyId' failed to satisfy constraint: Member must not be null/),
  },
  'a member in lower case': {
    // @ts-expect-error 'keyId' does not exist in type
    use: () => kms.describeKey({ keyId: KeyId }),
    error: named('ValidationException', /'keyId' failed to satisfy constraint: Member must not be null/),
  },
  'a key spec that is none': {
    // @ts-expect-error "AES_256"' is not assignable to type
    use: () => kms.createKey({ KeySpec: 'AES_256' }),
    error: named('ValidationException', /'keySpec' failed to satisfy constraint/),
  },
  'a usage that the spec has not': {
    use: () => kms.createKey({ KeySpec: 'HMAC_256', KeyUsage: 'SIGN_VERIFY' }),
    error: named('ValidationException', /^KeyUsage SIGN_VERIFY is not compatible with KeySpec HMAC_256$/),
  },
  'a context with a number': {
    // @ts-expect-error 'number' is not assignable to type 'string'
    use: () => kms.encrypt({ KeyId, Plaintext: message, EncryptionContext: { tenant: 42 } }),
    error: named('SerializationException', /^encryptionContext: expected strings in the map, got number$/),
  },
  'two ways to say how long a data key is': {
    use: () => kms.generateDataKey({ KeyId, KeySpec: 'AES_256', NumberOfBytes: 32 }),
    error: named('ValidationException', /either number of bytes or key spec/),
  },
  'a plaintext that is too long': {
    use: () => kms.encrypt({ KeyId, Plaintext: new Uint8Array(4097) }),
    error: named('ValidationException', /length less than or equal to 4096/),
  },
  'an operation of a batch in lower case': {
    // @ts-expect-error "encrypt"' is not assignable to type
    use: () => kms.batch([{ operation: 'encrypt', input: {} }]).then(throwFirst),
    error: named('UnknownOperationException'),
  },
  'a caller that is text': {
    // @ts-expect-error 'string' is not assignable to parameter of type 'Caller'
    use: () => kms.as('arn:aws:iam::000000000000:user/alice'),
    error: named('TypeError', /^caller: expected an object with a string 'principal'$/),
  },
  'an operation that AWS has not': {
    // @ts-expect-error Property 'signAll' does not exist on type 'Keymill'
    use: () => kms.signAll([]),
    error: named('TypeError', /signAll is not a function/),
  },
  'an account id that is a number': {
    // @ts-expect-error 'number' is not assignable to type 'string'
    use: () => Keymill.open({ path: ':memory:', accountId: 111122223333 }),
    error: named('StartError', /^accountId: expected 12 digits, got 111122223333$/),
  },
  'an account id of other than 12 digits': {
    use: () => Keymill.open({ path: ':memory:', accountId: '1234' }),
    error: named('StartError', /^accountId: expected 12 digits, got "1234"$/),
  },
  'a root key of another length': {
    use: () => Keymill.open({ path: ':memory:', rootKey: new Uint8Array(16) }),
    error: named('StartError', /^the root key must be 32 bytes .*, got 16$/),
  },
  'a misspelt member of a seed': {
    // @ts-expect-error 'KeySpecs' does not exist in type 'SeedKey'
    use: () => Keymill.open({ path: ':memory:', engine, seed: { Keys: [{ KeyId, KeySpecs: 'HMAC_256' }] } }),
    error: named('StartError', /there is no member KeySpecs$/),
  },
};

const SERVER_AND_AWS: Readonly<Record<string, WrongUse>> = {
  'a server without a service': {
    // @ts-expect-error Expected 1-2 arguments, but got 0
    use: () => createServer(),
  },
  'a server on an engine': {
    // @ts-expect-error 'Engine' is not assignable to parameter of type 'Keymill'
    use: () => createServer(engine),
  },
  'a kind of authentication that is none': {
    // @ts-expect-error '"open"' is not assignable to type '"
    use: () => createServer(kms, { auth: 'open' }),
    error: named('TypeError', /^auth: expected 'sigv4' or 'none', got "open"$/),
  },
  'a certificate without its key': {
    // @ts-expect-error Property 'key' is missing
    use: () => createServer(kms, { tls: { cert: '-----BEGIN CERTIFICATE-----' } }),
  },
  'a timeout without a unit': {
    // @ts-expect-error 'request' does not exist in type 'Partial<Timeouts>'
    use: () => createServer(kms, { timeouts: { request: 30 } }),
  },
  'a request handler for a URL': {
    // @ts-expect-error 'string' is not assignable to parameter of type 'Keymill'
    use: () => awsRequestHandler('http://127.0.0.1:4599'),
  },
};

function throwFirst([result]: readonly { error?: unknown }[]): void {
  if (result?.error !== undefined) throw result.error;
}

for (const [door, uses] of Object.entries({ ENGINE, SERVICE, SERVER_AND_AWS })) {
  describe(door.toLowerCase().replaceAll('_', ' '), () => {
    for (const [what, { use, error }] of Object.entries(uses)) {
      if (error !== undefined) test(what, () => assert.rejects(async () => use(), error));
    }
  });
}

test('without a directive the compiler says what stands behind it', async () => {
  const directory = mkdtempSync(join(ROOT, 'dist/wrong-uses-'));
  try {
    const source = readFileSync(join(ROOT, 'test/wrong-uses.test.ts'), 'utf8');
    const bare = source
      .replaceAll('// @ts-expect-error', '// expected:')
      .replace("'./support/", "'../../test/support/");
    writeFileSync(join(directory, 'bare.ts'), bare);
    const said = await compile(directory, ['bare.ts'], { noEmit: true, rootDir: ROOT });
    const messages = new Map(
      said.split(/^(?=\S)/m).map((text) => [Number(/^bare\.ts\((\d+),/.exec(text)?.[1]), text] as const),
    );
    const expected = [...bare.matchAll(/^ +\/\/ expected: (.+)$/gm)];
    const other = expected.flatMap(({ index, 1: text }) => {
      const line = bare.slice(0, index).split('\n').length + 1;
      const message = messages.get(line);
      messages.delete(line);
      return message?.includes(text!) ? [] : [`line ${line}: expected ${text}, got ${message}`];
    });
    messages.delete(Number.NaN);
    assert.deepEqual([...other, ...messages.values()], []);
    assert.ok(expected.length >= 20);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
