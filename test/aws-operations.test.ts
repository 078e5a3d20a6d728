/** Every operation of the service through @aws-sdk/client-kms, in process and over HTTP; one that is not called here fails the test. */
import assert from 'node:assert/strict';
import { createPublicKey, diffieHellman, generateKeyPairSync, verify as nodeVerify } from 'node:crypto';
import { after, describe, test } from 'node:test';
import { KMS } from '@aws-sdk/client-kms';
import { awsRequestHandler } from 'keymill/aws';
import { OPERATIONS } from '../src/kms/index.ts';
import { wrapFor } from './support/kms-import.ts';
import { openInMemory, utf8 } from './support/kms-service.ts';
import { startServer } from './support/server.ts';

const message = utf8('a message');
const EncryptionContext = { purpose: 'test' };

/** A client, and the operations of its that have been answered. */
type Client = readonly [client: KMS, answered: Set<string>];

/** Notes what is answered on its way out of the client, not what the test says it calls. */
function noting(client: KMS): Client {
  const answered = new Set<string>();
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const result = await next(args);
      answered.add((context as { commandName: string }).commandName.replace(/Command$/, ''));
      return result;
    },
    { step: 'initialize' },
  );
  return [client, answered];
}

const plain = (bytes: Uint8Array | undefined): Uint8Array => Uint8Array.from(bytes!);
const publicKeyOf = (spki: Uint8Array | undefined) =>
  createPublicKey({ key: Buffer.from(spki!), format: 'der', type: 'spki' });

type Group = (client: KMS) => Promise<void>;

/** A group of operations each, all of which leave the service as if they had not been. */
const GROUPS: Readonly<Record<string, Group>> = {
  async 'keys and their states'(client) {
    const { KeyMetadata } = await client.createKey({ Description: 'caf\u00e9' });
    const { KeyId, Arn } = KeyMetadata!;
    await client.updateKeyDescription({ KeyId, Description: 'another' });
    assert.equal((await client.describeKey({ KeyId })).KeyMetadata?.Description, 'another');
    assert.ok((await client.listKeys({})).Keys?.some((key) => key.KeyArn === Arn));
    const stateOf = async () => (await client.describeKey({ KeyId })).KeyMetadata?.KeyState;
    await client.disableKey({ KeyId });
    assert.equal(await stateOf(), 'Disabled');
    await client.enableKey({ KeyId });
    assert.equal(await stateOf(), 'Enabled');
    const { DeletionDate } = await client.scheduleKeyDeletion({ KeyId, PendingWindowInDays: 7 });
    assert.ok(DeletionDate instanceof Date);
    assert.equal((await client.cancelKeyDeletion({ KeyId })).KeyId, Arn);
    assert.equal(await stateOf(), 'Disabled');
  },

  async aliases(client) {
    const keyIds = [];
    for (let i = 0; i < 2; i++) keyIds.push((await client.createKey({})).KeyMetadata!.KeyId!);
    const AliasName = `alias/${keyIds[0]}`;
    await client.createAlias({ AliasName, TargetKeyId: keyIds[0] });
    await client.updateAlias({ AliasName, TargetKeyId: keyIds[1] });
    const { Aliases } = await client.listAliases({ KeyId: keyIds[1]! });
    assert.deepEqual(
      Aliases?.map((alias) => alias.AliasName),
      [AliasName],
    );
    await client.deleteAlias({ AliasName });
    assert.deepEqual((await client.listAliases({ KeyId: keyIds[1]! })).Aliases, []);
  },

  async rotation(client) {
    const { KeyId } = (await client.createKey({})).KeyMetadata!;
    await client.enableKeyRotation({ KeyId, RotationPeriodInDays: 100 });
    const status = await client.getKeyRotationStatus({ KeyId });
    assert.deepEqual([status.KeyRotationEnabled, status.RotationPeriodInDays], [true, 100]);
    await client.disableKeyRotation({ KeyId });
    await client.rotateKeyOnDemand({ KeyId });
    const { Rotations } = await client.listKeyRotations({ KeyId });
    assert.equal(Rotations?.[0]?.RotationType, 'ON_DEMAND');
  },

  async imports(client) {
    const { KeyId } = (await client.createKey({ Origin: 'EXTERNAL' })).KeyMetadata!;
    const WrappingAlgorithm = 'RSAES_OAEP_SHA_256';
    const parameters = await client.getParametersForImport({ KeyId, WrappingAlgorithm, WrappingKeySpec: 'RSA_2048' });
    await client.importKeyMaterial({
      KeyId,
      ImportToken: parameters.ImportToken,
      EncryptedKeyMaterial: wrapFor(parameters.PublicKey!, WrappingAlgorithm, new Uint8Array(32).fill(7)),
      ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE',
    });
    assert.ok((await client.encrypt({ KeyId, Plaintext: message })).CiphertextBlob);
    await client.deleteImportedKeyMaterial({ KeyId });
    assert.equal((await client.describeKey({ KeyId })).KeyMetadata?.KeyState, 'PendingImport');
  },

  async 'tags and policies'(client) {
    const { KeyId } = (await client.createKey({})).KeyMetadata!;
    const Tags = [{ TagKey: 'team', TagValue: 'one' }];
    await client.tagResource({ KeyId, Tags });
    assert.deepEqual((await client.listResourceTags({ KeyId })).Tags, Tags);
    await client.untagResource({ KeyId, TagKeys: ['team'] });
    assert.deepEqual((await client.listResourceTags({ KeyId })).Tags, []);
    assert.deepEqual((await client.listKeyPolicies({ KeyId })).PolicyNames, ['default']);
    const { Policy } = await client.getKeyPolicy({ KeyId });
    const changed = JSON.stringify({ ...JSON.parse(Policy!), Id: 'changed' });
    await client.putKeyPolicy({ KeyId, Policy: changed });
    assert.equal(JSON.parse((await client.getKeyPolicy({ KeyId })).Policy!).Id, 'changed');
  },

  async encryption(client) {
    const { KeyId } = (await client.createKey({})).KeyMetadata!;
    const sealed = await client.encrypt({ KeyId, Plaintext: message, EncryptionContext });
    const again = await client.reEncrypt({
      CiphertextBlob: sealed.CiphertextBlob,
      SourceEncryptionContext: EncryptionContext,
      DestinationKeyId: KeyId,
    });
    assert.deepEqual(plain((await client.decrypt({ CiphertextBlob: again.CiphertextBlob })).Plaintext), message);
    await assert.rejects(client.decrypt({ CiphertextBlob: sealed.CiphertextBlob }), {
      name: 'InvalidCiphertextException',
    });
    assert.equal((await client.generateRandom({ NumberOfBytes: 9 })).Plaintext?.length, 9);
  },

  async 'data keys'(client) {
    const { KeyId } = (await client.createKey({})).KeyMetadata!;
    const open = async (CiphertextBlob: Uint8Array | undefined) =>
      plain((await client.decrypt({ CiphertextBlob })).Plaintext);
    const dataKey = await client.generateDataKey({ KeyId, KeySpec: 'AES_256' });
    assert.deepEqual(await open(dataKey.CiphertextBlob), plain(dataKey.Plaintext));
    const sealed = await client.generateDataKeyWithoutPlaintext({ KeyId, NumberOfBytes: 20 });
    assert.equal((await open(sealed.CiphertextBlob)).length, 20);
    const pair = await client.generateDataKeyPair({ KeyId, KeyPairSpec: 'ECC_NIST_P256' });
    assert.deepEqual(await open(pair.PrivateKeyCiphertextBlob), plain(pair.PrivateKeyPlaintext));
    const sealedPair = await client.generateDataKeyPairWithoutPlaintext({ KeyId, KeyPairSpec: 'ECC_NIST_P256' });
    assert.equal(publicKeyOf(sealedPair.PublicKey).asymmetricKeyType, 'ec');
  },

  async signatures(client) {
    const { KeyId } = (await client.createKey({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' })).KeyMetadata!;
    const signing = { KeyId, Message: message, SigningAlgorithm: 'ECDSA_SHA_256' } as const;
    const { Signature } = await client.sign(signing);
    assert.equal((await client.verify({ ...signing, Signature })).SignatureValid, true);
    const { PublicKey } = await client.getPublicKey({ KeyId });
    assert.ok(nodeVerify('sha256', message, publicKeyOf(PublicKey), Signature!));
  },

  async 'agreement and codes'(client) {
    const agreeing = (await client.createKey({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'KEY_AGREEMENT' })).KeyMetadata!;
    const peer = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { SharedSecret } = await client.deriveSharedSecret({
      KeyId: agreeing.KeyId,
      KeyAgreementAlgorithm: 'ECDH',
      PublicKey: peer.publicKey.export({ format: 'der', type: 'spki' }),
    });
    const publicKey = publicKeyOf((await client.getPublicKey({ KeyId: agreeing.KeyId })).PublicKey);
    assert.deepEqual(plain(SharedSecret), plain(diffieHellman({ privateKey: peer.privateKey, publicKey })));
    const { KeyId } = (await client.createKey({ KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' })).KeyMetadata!;
    const authenticated = { KeyId, Message: message, MacAlgorithm: 'HMAC_SHA_256' } as const;
    const { Mac } = await client.generateMac(authenticated);
    assert.equal((await client.verifyMac({ ...authenticated, Mac })).MacValid, true);
  },
};

type Opening = (closers: { after(closer: () => unknown): void }) => Promise<KMS>;

const CLIENTS: Readonly<Record<string, Opening>> = {
  'in process': async (closers) => {
    const kms = await openInMemory(closers);
    const credentials = { accessKeyId: 'any', secretAccessKey: 'any' };
    return new KMS({ region: kms.region, credentials, requestHandler: awsRequestHandler(kms) });
  },
  'over HTTP': async (closers) => {
    const { kms, url, accessKey } = await startServer(closers);
    return new KMS({ region: kms.region, endpoint: url, credentials: accessKey, maxAttempts: 1 });
  },
};

for (const [name, openClient] of Object.entries(CLIENTS)) {
  describe(`@aws-sdk/client-kms ${name}`, () => {
    const closers: (() => unknown)[] = [];
    let opened: Promise<Client> | undefined;
    const client = () => {
      opened ??= openClient({ after: (closer) => closers.push(closer) }).then(noting);
      return opened;
    };
    after(async () => {
      (await client())[0].destroy();
      for (const closer of closers) await closer();
    });

    for (const [group, run] of Object.entries(GROUPS)) test(group, async () => run((await client())[0]));

    test('that is every operation of the service', async () => {
      assert.deepEqual([...(await client())[1]].sort(), Object.keys(OPERATIONS).sort());
    });
  });
}
