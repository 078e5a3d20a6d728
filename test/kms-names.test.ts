/** Keys, their names and states, and the checks of parameters, with AWS's texts. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { OperationName } from 'keymill';
import { ACCOUNT, openInMemory, REGION, rejectsWith, utf8 } from './support/kms-service.ts';

const message = utf8('a message');

describe('keys and names', () => {
  test('all four names reach a key', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId, Arn } = (await kms.createKey()).KeyMetadata;
    await kms.createAlias({ AliasName: 'alias/a/b-_1', TargetKeyId: Arn });
    const aliasArn = `arn:aws:kms:${REGION}:${ACCOUNT}:alias/a/b-_1`;
    for (const name of [KeyId, Arn, 'alias/a/b-_1', aliasArn]) {
      assert.equal((await kms.describeKey({ KeyId: name })).KeyMetadata.KeyId, KeyId);
      const { CiphertextBlob } = await kms.encrypt({ KeyId: name, Plaintext: message });
      assert.deepEqual((await kms.decrypt({ KeyId: name, CiphertextBlob })).Plaintext, message);
    }
    const { Aliases } = await kms.listAliases({ KeyId });
    assert.deepEqual(
      Aliases.map(({ AliasName, AliasArn, TargetKeyId }) => ({ AliasName, AliasArn, TargetKeyId })),
      [{ AliasName: 'alias/a/b-_1', AliasArn: aliasArn, TargetKeyId: KeyId }],
    );
    assert.ok(Aliases[0]!.CreationDate instanceof Date);
  });

  test('names that reach nothing', async (t) => {
    const kms = await openInMemory(t);
    const id = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
    const arn = (account: string, resource: string) => `arn:aws:kms:${REGION}:${account}:${resource}`;
    const CASES: readonly (readonly [string, string])[] = [
      [id, `Key '${arn(ACCOUNT, `key/${id}`)}' does not exist`],
      [`mrk-${'0'.repeat(32)}`, `Key '${arn(ACCOUNT, `key/mrk-${'0'.repeat(32)}`)}' does not exist`],
      [arn(ACCOUNT, `key/${id}`), `Key '${arn(ACCOUNT, `key/${id}`)}' does not exist`],
      [arn('222222222222', `key/${id}`), `Key '${arn('222222222222', `key/${id}`)}' does not exist`],
      [`arn:aws:kms:eu-west-1:${ACCOUNT}:key/${id}`, 'Invalid arn eu-west-1'],
      [id.toUpperCase(), `Invalid keyId '${id.toUpperCase()}'`],
      [` ${id}`, `Invalid keyId ' ${id}'`],
      ['fake-key-id', "Invalid keyId 'fake-key-id'"],
      ['alias/none', `Alias ${arn(ACCOUNT, 'alias/none')} is not found.`],
      [arn(ACCOUNT, 'alias/none'), `Alias ${arn(ACCOUNT, 'alias/none')} is not found.`],
      ['__proto__', "Invalid keyId '__proto__'"],
    ];
    for (const [KeyId, text] of CASES) await rejectsWith(kms.describeKey({ KeyId }), 'NotFoundException', text);
  });

  test('alias names that are refused', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId, Arn } = (await kms.createKey()).KeyMetadata;
    const create = (AliasName: string, TargetKeyId = KeyId) => kms.createAlias({ AliasName, TargetKeyId });
    await create('alias/x');
    await rejectsWith(
      create('alias/x'),
      'AlreadyExistsException',
      `An alias with the name arn:aws:kms:${REGION}:${ACCOUNT}:alias/x already exists`,
    );
    await rejectsWith(create('alias/aws/s3'), 'NotAuthorizedException');
    await rejectsWith(create('alias/'), 'InvalidAliasNameException');
    await rejectsWith(
      create('alias/a b'),
      'ValidationException',
      "1 validation error detected: Value 'alias/a b' at 'aliasName' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$",
    );
    await rejectsWith(create('alias/y', 'alias/x'), 'ValidationException', 'Aliases must refer to keys. Not aliases');
    await rejectsWith(create('alias/X', 'alias/x'), 'ValidationException');
    await create('alias/X', Arn);
    for (let i = 2; i < 50; i++) await create(`alias/${i}`);
    await rejectsWith(create('alias/50'), 'LimitExceededException');
    const { Aliases, Truncated } = await kms.listAliases({ KeyId });
    assert.deepEqual([Aliases.length, Truncated], [50, false]);
  });

  test('ListKeys goes in pages, and takes no marker but its own', async (t) => {
    const kms = await openInMemory(t);
    const made = new Set<string>();
    for (let i = 0; i < 7; i++) made.add((await kms.createKey()).KeyMetadata.KeyId);
    const found: string[] = [];
    for (let Marker: string | undefined; ; ) {
      const { Keys, NextMarker, Truncated } = await kms.listKeys({ Limit: 3, Marker });
      found.push(...Keys.map(({ KeyId }) => KeyId));
      assert.equal(Truncated, NextMarker !== undefined);
      if (!Truncated) break;
      Marker = NextMarker;
    }
    assert.deepEqual(found.length, 7);
    assert.deepEqual(new Set(found), made);
    for (const Marker of ['x', 'YWJj', '%%']) await rejectsWith(kms.listKeys({ Marker }), 'InvalidMarkerException');
  });

  test('CreateKey: what does not go together', async (t) => {
    const kms = await openInMemory(t);
    await rejectsWith(
      kms.createKey({ KeySpec: 'RSA_2048', KeyUsage: 'KEY_AGREEMENT' }),
      'ValidationException',
      'KeyUsage KEY_AGREEMENT is not compatible with KeySpec RSA_2048',
    );
    await rejectsWith(kms.createKey({ KeyUsage: 'SIGN_VERIFY' }), 'ValidationException');
    await rejectsWith(kms.createKey({ KeySpec: 'HMAC_256', CustomerMasterKeySpec: 'HMAC_256' }), 'ValidationException');
    await rejectsWith(kms.createKey({ Origin: 'AWS_CLOUDHSM' }), 'UnsupportedOperationException');
    await rejectsWith(kms.createKey({ MultiRegion: true }), 'UnsupportedOperationException');
    assert.equal((await kms.createKey({ MultiRegion: false })).KeyMetadata.MultiRegion, false);
    const old = await kms.createKey({ CustomerMasterKeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' });
    assert.equal(old.KeyMetadata.KeySpec, 'HMAC_256');
  });

  test('GetPublicKey of a key without one', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    await rejectsWith(kms.getPublicKey({ KeyId }), 'UnsupportedOperationException');
  });
});

describe('checks', () => {
  test('every operation says which required members are missing', async (t) => {
    const kms = await openInMemory(t);
    const MISSING: Partial<Record<OperationName, string>> = {
      Sign: "3 validation errors detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null; Value at 'message' failed to satisfy constraint: Member must not be null; Value null at 'signingAlgorithm' failed to satisfy constraint: Member must not be null",
      Decrypt:
        "1 validation error detected: Value at 'ciphertextBlob' failed to satisfy constraint: Member must not be null",
      DescribeKey:
        "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null",
    };
    for (const [operation, text] of Object.entries(MISSING)) {
      await rejectsWith(kms.perform(operation, {}), 'ValidationException', text);
      await rejectsWith(kms.perform(operation, undefined), 'ValidationException', text);
    }
  });

  test('values of a wrong type are named and not shown', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    const INPUTS: readonly object[] = [
      { KeyId: 5, Plaintext: message },
      { KeyId, Plaintext: 'secret' },
      { KeyId, Plaintext: [1, 2] },
      { KeyId, Plaintext: message, EncryptionContext: [] },
      { KeyId, Plaintext: message, DryRun: 'yes' },
      { KeyId, Plaintext: message, GrantTokens: 'x' },
    ];
    for (const input of INPUTS) {
      await rejectsWith(kms.perform('Encrypt', input), 'SerializationException', /^(?!.*secret).*expected/);
    }
    await rejectsWith(kms.perform('Encrypt', 'x'), 'SerializationException');
    await rejectsWith(kms.perform('GenerateRandom', { NumberOfBytes: 1.5 }), 'SerializationException');
  });

  test('members that are not supported yet are refused rather than ignored', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    const Recipient = { KeyEncryptionAlgorithm: 'RSAES_OAEP_SHA_256', AttestationDocument: message };
    const WITH_RECIPIENT = {
      Decrypt: { CiphertextBlob: message },
      GenerateDataKey: { KeyId, KeySpec: 'AES_256' },
      GenerateDataKeyPair: { KeyId, KeyPairSpec: 'ECC_NIST_P256' },
      GenerateRandom: { NumberOfBytes: 8 },
      DeriveSharedSecret: { KeyId, KeyAgreementAlgorithm: 'ECDH', PublicKey: message },
    };
    for (const [operation, input] of Object.entries(WITH_RECIPIENT)) {
      await rejectsWith(
        kms.perform(operation, { ...input, Recipient }),
        'UnsupportedOperationException',
        /^Recipient /,
      );
    }
    await rejectsWith(kms.encrypt({ KeyId, Plaintext: message, GrantTokens: ['x'] }), 'InvalidGrantTokenException');
    await kms.encrypt({ KeyId, Plaintext: message, GrantTokens: [] });
  });

  test('no member reaches the nonce', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    const input = {
      KeyId,
      Plaintext: message,
      iv: new Uint8Array(24),
      nonce: new Uint8Array(24),
      Iv: new Uint8Array(24),
    };
    const blobs = await Promise.all([kms.perform('Encrypt', input), kms.perform('Encrypt', input)]);
    assert.notDeepEqual(blobs[0], blobs[1]);
  });

  test('DryRun is answered last', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = (await kms.createKey({ KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' })).KeyMetadata;
    const input = { KeyId, Message: message, MacAlgorithm: 'HMAC_SHA_256', DryRun: true } as const;
    const { Mac } = await kms.generateMac({ ...input, DryRun: false });
    const text = 'The request would have succeeded, but the DryRun option is set.';
    await rejectsWith(kms.generateMac(input), 'DryRunOperationException', text);
    await rejectsWith(kms.verifyMac({ ...input, Mac }), 'DryRunOperationException', text);
    await rejectsWith(kms.verifyMac({ ...input, Mac: message }), 'KMSInvalidMacException', '');
    await rejectsWith(kms.verifyMac({ ...input, Mac, MacAlgorithm: 'HMAC_SHA_512' }), 'InvalidKeyUsageException');
  });
});
