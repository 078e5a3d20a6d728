/** The AWS Encryption SDK with keyrings of keymill keys, over HTTP: both message formats, several keys, and what it must refuse. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { AlgorithmSuiteIdentifier, buildClient, CommitmentPolicy, KmsKeyringNode } from '@aws-crypto/client-node';
import { KMS } from '@aws-sdk/client-kms';
import { startServer, type TestServer } from './support/server.ts';

const plaintext = Buffer.from('a message that is longer than one frame of the format\n'.repeat(200));
const encryptionContext = { tenant: '42', purpose: 'test' };

/** What each policy writes: the format with a commitment to the key, and the one before it. */
const FORMATS = {
  'with key commitment': {
    policy: CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT,
    suiteId: AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY_ECDSA_P384,
  },
  'without key commitment': {
    policy: CommitmentPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT,
    suiteId: AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384,
  },
} as const;

describe('@aws-crypto/client-node', () => {
  const closers: (() => unknown)[] = [];
  let server: TestServer;
  let generatorKeyId: string;
  let childKeyId: string;
  let strangerKeyId: string;
  before(async () => {
    server = await startServer({ after: (closer) => closers.push(closer as () => unknown) });
    const arn = async () => (await server.kms.createKey()).KeyMetadata.Arn;
    [generatorKeyId, childKeyId, strangerKeyId] = [await arn(), await arn(), await arn()];
  });
  after(async () => {
    for (const closer of closers.reverse()) await closer();
  });

  function keyring(keys: { readonly generatorKeyId?: string; readonly keyIds?: string[] }): KmsKeyringNode {
    const { url: endpoint, accessKey: credentials } = server;
    const client = new KMS({ region: server.kms.region, endpoint, credentials });
    closers.push(() => client.destroy());
    // It is the client that keyrings make by themselves; their declarations differ where a member may be undefined.
    const clientProvider = () => client as never;
    return new KmsKeyringNode({ clientProvider, ...keys });
  }

  for (const [format, { policy, suiteId }] of Object.entries(FORMATS)) {
    const { encrypt, decrypt } = buildClient(policy);

    test(`${format}: what one keyring encrypts it decrypts`, async () => {
      const own = keyring({ generatorKeyId });
      const { result, messageHeader } = await encrypt(own, plaintext, { encryptionContext });
      assert.equal(messageHeader.suiteId, suiteId);
      assert.ok(!result.includes(plaintext.subarray(0, 32)));
      const opened = await decrypt(own, result);
      assert.deepEqual(opened.plaintext, plaintext);
      assert.equal(opened.messageHeader.encryptionContext.tenant, '42');
    });

    test(`${format}: either of two keys decrypts, another does not`, async () => {
      const both = keyring({ generatorKeyId, keyIds: [childKeyId] });
      const { result, messageHeader } = await encrypt(both, plaintext, { encryptionContext });
      assert.equal(messageHeader.encryptedDataKeys.length, 2);
      for (const keyId of [generatorKeyId, childKeyId]) {
        const opened = await decrypt(keyring({ keyIds: [keyId] }), result);
        assert.deepEqual(opened.plaintext, plaintext);
      }
      await assert.rejects(
        decrypt(keyring({ keyIds: [strangerKeyId] }), result),
        /unencryptedDataKey has not been set/,
      );
    });

    test(`${format}: another encryption context is refused`, async () => {
      const own = keyring({ generatorKeyId });
      const { result } = await encrypt(own, plaintext, { encryptionContext });
      const changed = Buffer.from(result);
      changed[changed.indexOf('42')]! ^= 1;
      await assert.rejects(decrypt(own, changed), /InvalidCiphertextException/);
    });
  }

  test('a client that requires commitment refuses a message without it', async () => {
    const own = keyring({ generatorKeyId });
    const { result } = await buildClient(FORMATS['without key commitment'].policy).encrypt(own, plaintext);
    const { decrypt } = buildClient(FORMATS['with key commitment'].policy);
    await assert.rejects(decrypt(own, result), /commitment/i);
  });
});
