/** What the service takes for an input, and when it reads it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newKey, openInMemory, rejectsWith, utf8 } from './support/kms-service.ts';

const Plaintext = utf8('a message');

test('any object with the members is an input: plain, without a prototype, inherited, of a class with getters', async (t) => {
  const kms = await openInMemory(t);
  const { keyId: KeyId } = await newKey(kms, {});
  const EncryptionContext = { purpose: 'test' };
  const members = { KeyId, Plaintext, EncryptionContext };
  class Getters {
    get KeyId() {
      return KeyId;
    }
    get Plaintext() {
      return Plaintext;
    }
    get EncryptionContext() {
      return EncryptionContext;
    }
  }
  const inputs: [what: string, input: typeof members][] = [
    ['plain', members],
    ['without a prototype', Object.assign(Object.create(null), members)],
    ['inherited', Object.create(members)],
    ['of a class', new Getters()],
    [
      'with members that are unknown, null or undefined',
      { ...members, Unknown: 1, GrantTokens: null, DryRun: undefined } as never,
    ],
  ];
  for (const [what, input] of inputs) {
    const { CiphertextBlob } = await kms.encrypt(input);
    await rejectsWith(kms.decrypt({ CiphertextBlob }), 'InvalidCiphertextException');
    assert.deepEqual((await kms.decrypt({ CiphertextBlob, EncryptionContext })).Plaintext, Plaintext, what);
  }
});

test('what was checked is what is used, whatever the input becomes after the call', async (t) => {
  const kms = await openInMemory(t);
  const { keyId: KeyId } = await newKey(kms, {});
  const input: Record<string, unknown> = { KeyId, Plaintext, EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' };
  const encrypted = kms.encrypt(input as never);
  Object.assign(input, { EncryptionAlgorithm: 'RSAES_OAEP_SHA_1', DryRun: true });
  assert.equal((await encrypted).EncryptionAlgorithm, 'SYMMETRIC_DEFAULT');
});

test('a getter is asked once where its answer is good', async (t) => {
  const kms = await openInMemory(t);
  const { keyId } = await newKey(kms, {});
  let asked = 0;
  const input = {
    get KeyId() {
      return asked++ === 0 ? keyId : 'alias/another';
    },
    Plaintext,
  };
  await kms.encrypt(input);
  assert.equal(asked, 1);
});

test('every fault is told, in the order of the members and not of the input', async (t) => {
  const kms = await openInMemory(t);
  const expected =
    "^3 validation errors detected: Value '' at 'keyId' failed to satisfy constraint: Member must have length greater than or equal to 1; " +
    "Value at 'plaintext' failed to satisfy constraint: Member must have length greater than or equal to 1; " +
    "Value 'X' at 'encryptionAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: ";
  const input = { EncryptionAlgorithm: 'X', Plaintext: new Uint8Array(), KeyId: '' };
  await rejectsWith(kms.encrypt(input as never), 'ValidationException', new RegExp(expected));
});
