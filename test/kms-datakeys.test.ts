/** ReEncrypt, data keys and key pairs, DeriveSharedSecret, and DryRun on all of them. */
import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';

import { DATA_KEY_PAIR_SPECS } from '../src/kms/specs.ts';
import { newKey, openInMemory, rejectsWith, utf8 } from './support/kms-service.ts';

const message = utf8('a message');
const DRY = 'The request would have succeeded, but the DryRun option is set.';

describe('ReEncrypt', () => {
  test('from key to key and context to context', async (t) => {
    const kms = await openInMemory(t);
    const [a, b] = [(await kms.createKey()).KeyMetadata, (await kms.createKey()).KeyMetadata];
    const SourceEncryptionContext = { from: 'a' };
    const sealed = await kms.encrypt({
      KeyId: a.KeyId,
      Plaintext: message,
      EncryptionContext: SourceEncryptionContext,
    });
    const input = { CiphertextBlob: sealed.CiphertextBlob, SourceEncryptionContext, DestinationKeyId: b.Arn };
    const { CiphertextBlob, ...rest } = await kms.reEncrypt({ ...input, DestinationEncryptionContext: { to: 'b' } });
    assert.deepEqual(rest, {
      SourceKeyId: a.Arn,
      KeyId: b.Arn,
      SourceEncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
      DestinationEncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
      SourceKeyMaterialId: a.CurrentKeyMaterialId,
      DestinationKeyMaterialId: b.CurrentKeyMaterialId,
    });
    assert.deepEqual((await kms.decrypt({ CiphertextBlob, EncryptionContext: { to: 'b' } })).Plaintext, message);
    await rejectsWith(kms.reEncrypt({ ...input, SourceEncryptionContext: {} }), 'InvalidCiphertextException', '');
    await rejectsWith(kms.reEncrypt({ ...input, SourceKeyId: b.KeyId }), 'IncorrectKeyException');
    await rejectsWith(kms.reEncrypt({ ...input, DryRun: true }), 'DryRunOperationException', DRY);
    await rejectsWith(
      kms.reEncrypt({ ...input, DestinationEncryptionAlgorithm: 'RSAES_OAEP_SHA_256' }),
      'InvalidKeyUsageException',
      'Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT.',
    );
  });

  test('between symmetric and RSA keys', async (t) => {
    const kms = await openInMemory(t);
    const rsa = await newKey(kms, { KeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT' });
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: message });
    const toRsa = await kms.reEncrypt({
      CiphertextBlob,
      DestinationKeyId: rsa.keyId,
      DestinationEncryptionAlgorithm: 'RSAES_OAEP_SHA_1',
    });
    assert.equal(toRsa.DestinationKeyMaterialId, undefined);
    const from = {
      CiphertextBlob: toRsa.CiphertextBlob,
      SourceEncryptionAlgorithm: 'RSAES_OAEP_SHA_1',
      DestinationKeyId: KeyId,
    } as const;
    await rejectsWith(kms.reEncrypt(from), 'ValidationException');
    const back = await kms.reEncrypt({ ...from, SourceKeyId: rsa.keyId });
    assert.deepEqual((await kms.decrypt({ CiphertextBlob: back.CiphertextBlob })).Plaintext, message);
    const large = await kms.encrypt({ KeyId, Plaintext: new Uint8Array(300) });
    await rejectsWith(
      kms.reEncrypt({
        CiphertextBlob: large.CiphertextBlob,
        DestinationKeyId: rsa.keyId,
        DestinationEncryptionAlgorithm: 'RSAES_OAEP_SHA_1',
      }),
      'ValidationException',
      'Algorithm RSAES_OAEP_SHA_1 and key spec RSA_2048 cannot encrypt data larger than 214 bytes.',
    );
  });
});

describe('data keys', () => {
  test('without the plaintext', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId, Arn, CurrentKeyMaterialId } = (await kms.createKey()).KeyMetadata;
    const { CiphertextBlob, ...rest } = await kms.generateDataKeyWithoutPlaintext({ KeyId, KeySpec: 'AES_128' });
    assert.deepEqual(rest, { KeyId: Arn, KeyMaterialId: CurrentKeyMaterialId });
    const { Plaintext } = await kms.decrypt({ CiphertextBlob });
    assert.equal(Plaintext.length, 16);
    assert.notDeepEqual(Plaintext, new Uint8Array(16));
  });

  for (const KeyPairSpec of DATA_KEY_PAIR_SPECS.filter((spec) => spec !== 'RSA_3072')) {
    test(`a pair of ${KeyPairSpec}`, async (t) => {
      const kms = await openInMemory(t);
      const { KeyId } = (await kms.createKey()).KeyMetadata;
      const EncryptionContext = { purpose: 'test' };
      const input = { KeyId, KeyPairSpec, EncryptionContext };
      const made = await kms.generateDataKeyPair(input);
      const opened = await kms.decrypt({ CiphertextBlob: made.PrivateKeyCiphertextBlob, EncryptionContext });
      assert.deepEqual(opened.Plaintext, made.PrivateKeyPlaintext);
      const key = createPrivateKey({ key: Buffer.from(made.PrivateKeyPlaintext), format: 'der', type: 'pkcs8' });
      const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
      assert.deepEqual(Buffer.from(made.PublicKey), spki);
      if (KeyPairSpec.startsWith('RSA')) return;
      const closed = await kms.generateDataKeyPairWithoutPlaintext(input);
      assert.deepEqual(Object.keys(closed).sort(), [
        'KeyId',
        'KeyMaterialId',
        'KeyPairSpec',
        'PrivateKeyCiphertextBlob',
        'PublicKey',
      ]);
      const again = await kms.decrypt({ CiphertextBlob: closed.PrivateKeyCiphertextBlob, EncryptionContext });
      const privateKey = createPrivateKey({ key: Buffer.from(again.Plaintext), format: 'der', type: 'pkcs8' });
      const own = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
      assert.deepEqual(Buffer.from(closed.PublicKey), own);
    });
  }
});

describe('DeriveSharedSecret', () => {
  for (const [KeySpec, namedCurve] of [
    ['ECC_NIST_P256', 'prime256v1'],
    ['ECC_NIST_P384', 'secp384r1'],
    ['ECC_NIST_P521', 'secp521r1'],
  ] as const) {
    test(`${KeySpec}: both sides agree, with node:crypto and with another key`, async (t) => {
      const kms = await openInMemory(t);
      const key = await newKey(kms, { KeySpec, KeyUsage: 'KEY_AGREEMENT' });
      const own = await kms.getPublicKey({ KeyId: key.keyId });
      assert.deepEqual(own.KeyAgreementAlgorithms, ['ECDH']);
      const peer = generateKeyPairSync('ec', { namedCurve });
      const PublicKey = peer.publicKey.export({ format: 'der', type: 'spki' });
      const input = { KeyId: key.keyId, KeyAgreementAlgorithm: 'ECDH', PublicKey } as const;
      const { SharedSecret, ...rest } = await kms.deriveSharedSecret(input);
      assert.deepEqual(rest, { KeyId: key.arn, KeyAgreementAlgorithm: 'ECDH', KeyOrigin: 'AWS_KMS' });
      const publicKey = createPublicKey({ key: Buffer.from(own.PublicKey), format: 'der', type: 'spki' });
      assert.deepEqual(Buffer.from(SharedSecret), diffieHellman({ privateKey: peer.privateKey, publicKey }));
      const other = generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
      for (const bad of [message, PublicKey.subarray(1), other.publicKey.export({ format: 'der', type: 'spki' })]) {
        await rejectsWith(kms.deriveSharedSecret({ ...input, PublicKey: bad }), 'ValidationException', '');
      }
      await rejectsWith(kms.deriveSharedSecret({ ...input, DryRun: true }), 'DryRunOperationException', DRY);
    });
  }
});

test('DryRun comes after everything else, and makes nothing', async (t) => {
  const kms = await openInMemory(t);
  const { KeyId } = (await kms.createKey()).KeyMetadata;
  const mac = (await kms.createKey({ KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' })).KeyMetadata;
  const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: message });
  const INPUTS = {
    Encrypt: { Plaintext: message },
    Decrypt: { CiphertextBlob },
    GenerateDataKey: { KeySpec: 'AES_256' },
    GenerateDataKeyWithoutPlaintext: { KeySpec: 'AES_256' },
    GenerateDataKeyPair: { KeyPairSpec: 'RSA_4096' },
    GenerateDataKeyPairWithoutPlaintext: { KeyPairSpec: 'RSA_4096' },
  };
  for (const [operation, rest] of Object.entries(INPUTS)) {
    const call = (key: string) => kms.perform(operation, { KeyId: key, DryRun: true, ...rest });
    await rejectsWith(call(KeyId), 'DryRunOperationException', DRY);
    const wrongKey = operation === 'Decrypt' ? 'IncorrectKeyException' : 'InvalidKeyUsageException';
    await rejectsWith(call(mac.KeyId), wrongKey);
  }
  await rejectsWith(
    kms.decrypt({ CiphertextBlob: CiphertextBlob.subarray(1), DryRun: true }),
    'InvalidCiphertextException',
  );
  await kms.disableKey({ KeyId });
  await rejectsWith(kms.encrypt({ KeyId, Plaintext: message, DryRun: true }), 'DisabledException');
});
