/** Clients people already have: @aws-sdk/client-kms in process and over HTTP, the aws command and boto3 against `keymill serve`. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createPublicKey, verify as nodeVerify } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import {
  CreateAliasCommand,
  CreateKeyCommand,
  DecryptCommand,
  DescribeKeyCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  GenerateMacCommand,
  GenerateRandomCommand,
  GetPublicKeyCommand,
  KMSClient,
  KMSInvalidSignatureException,
  ListAliasesCommand,
  ListGrantsCommand,
  ListKeysCommand,
  NotFoundException,
  SignCommand,
  VerifyCommand,
  VerifyMacCommand,
} from '@aws-sdk/client-kms';
import { Keymill } from 'keymill';
import { awsRequestHandler } from 'keymill/aws';
import { createServer } from 'keymill/server';
import { MAIN, type Running, serve, stop } from './support/cli.ts';
import { temporaryDirectory, utf8 } from './support/kms-service.ts';

const message = utf8('a message');

/** A day of an application, and the errors it may meet; every operation is in aws-operations.test.ts. */
async function exercise(client: KMSClient, t: TestContext): Promise<void> {
  const { KeyMetadata } = await client.send(new CreateKeyCommand({ Description: 'caf\u00e9' }));
  assert.ok(KeyMetadata?.CreationDate instanceof Date);
  const { KeyId, Arn } = KeyMetadata;
  const AliasName = `alias/${KeyId}`;
  await client.send(new CreateAliasCommand({ AliasName, TargetKeyId: KeyId }));
  const { Aliases } = await client.send(new ListAliasesCommand({ KeyId }));
  assert.equal(Aliases?.[0]?.AliasName, AliasName);
  const described = await client.send(new DescribeKeyCommand({ KeyId: AliasName }));
  assert.deepEqual(described.KeyMetadata, KeyMetadata);
  const { Keys } = await client.send(new ListKeysCommand({}));
  assert.ok(Keys?.some((key) => key.KeyArn === Arn));

  const EncryptionContext = { purpose: 'test' };
  const { CiphertextBlob } = await client.send(
    new EncryptCommand({ KeyId: AliasName, Plaintext: message, EncryptionContext }),
  );
  const opened = await client.send(new DecryptCommand({ CiphertextBlob, EncryptionContext }));
  assert.deepEqual(Uint8Array.from(opened.Plaintext!), message);
  const dataKey = await client.send(new GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256' }));
  const again = await client.send(new DecryptCommand({ CiphertextBlob: dataKey.CiphertextBlob, KeyId }));
  assert.deepEqual(again.Plaintext, dataKey.Plaintext);
  const { Plaintext } = await client.send(new GenerateRandomCommand({ NumberOfBytes: 9 }));
  assert.equal(Plaintext?.length, 9);

  const hmac = await client.send(new CreateKeyCommand({ KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' }));
  const authenticated = { KeyId: hmac.KeyMetadata!.KeyId, Message: message, MacAlgorithm: 'HMAC_SHA_256' } as const;
  const { Mac } = await client.send(new GenerateMacCommand(authenticated));
  assert.equal((await client.send(new VerifyMacCommand({ ...authenticated, Mac }))).MacValid, true);

  await assert.rejects(client.send(new DescribeKeyCommand({ KeyId: 'nothing' })), (error) => {
    assert.ok(error instanceof NotFoundException);
    assert.equal(error.message, "Invalid keyId 'nothing'");
    assert.equal(error.$metadata.httpStatusCode, 400);
    assert.match(error.$metadata.requestId!, /^[0-9a-f-]{36}$/);
    return true;
  });
  await assert.rejects(client.send(new ListGrantsCommand({ KeyId })), { name: 'UnknownOperationException' });
  await exerciseSigning(client, t);
}

async function exerciseSigning(client: KMSClient, t: TestContext): Promise<void> {
  let keyId: string;
  try {
    const made = await client.send(new CreateKeyCommand({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' }));
    keyId = made.KeyMetadata!.KeyId!;
  } catch (error) {
    assert.equal((error as Error).name, 'UnsupportedOperationException');
    t.diagnostic('Sign and Verify left out: this backend has no ECC_NIST_P256');
    return;
  }
  const signing = { KeyId: keyId, Message: message, SigningAlgorithm: 'ECDSA_SHA_256' } as const;
  const { Signature } = await client.send(new SignCommand(signing));
  assert.equal((await client.send(new VerifyCommand({ ...signing, Signature }))).SignatureValid, true);
  const { PublicKey } = await client.send(new GetPublicKeyCommand({ KeyId: keyId }));
  const key = createPublicKey({ key: Buffer.from(PublicKey!), format: 'der', type: 'spki' });
  assert.ok(nodeVerify('sha256', message, key, Signature!));
  await assert.rejects(
    client.send(new VerifyCommand({ ...signing, Message: utf8('another'), Signature })),
    KMSInvalidSignatureException,
  );
}

test('@aws-sdk/client-kms in process', async (t) => {
  const kms = await Keymill.open({ path: ':memory:' });
  t.after(() => kms.close());
  const credentials = { accessKeyId: 'any', secretAccessKey: 'any' };
  const client = new KMSClient({ region: kms.region, credentials, requestHandler: awsRequestHandler(kms) });
  await exercise(client, t);
  client.destroy();
  await kms.listKeys();
});

test('@aws-sdk/client-kms over HTTP', async (t) => {
  const kms = await Keymill.open({ path: ':memory:' });
  const server = createServer(kms).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const credentials = await kms.accessKeys.create();
  const client = new KMSClient({ region: kms.region, credentials, endpoint });
  t.after(async () => {
    client.destroy();
    server.close();
    await kms.close();
  });
  await exercise(client, t);
  const stranger = new KMSClient({
    region: kms.region,
    credentials: { ...credentials, secretAccessKey: 'x' },
    endpoint,
  });
  await assert.rejects(stranger.send(new ListKeysCommand({})), { name: 'InvalidSignatureException' });
  stranger.destroy();
});

describe('keymill serve', () => {
  let running: Running;
  let path: string;
  const closers: (() => unknown)[] = [];
  before(async () => {
    path = temporaryDirectory({ after: (closer) => closers.push(closer as () => unknown) });
    running = await serve(path);
  });
  after(async () => {
    await stop(running, 'SIGTERM');
    for (const closer of closers) await closer();
  });
  const installed = (command: string, ...args: string[]) =>
    spawnSync(command, args, { stdio: 'ignore' }).status === 0
      ? false
      : `${command} ${args.join(' ')} does not run here`;
  const environment = () => ({ ...process.env, ...running.environment, AWS_SESSION_TOKEN: '', AWS_PAGER: '' });

  const shownCredentials = () => {
    const { stdout } = spawnSync(process.execPath, [MAIN, 'credentials', '--path', path], { encoding: 'utf8' });
    return Object.fromEntries([...stdout.matchAll(/^export (\w+)=(\S+)/gm)].map(([, name, value]) => [name!, value!]));
  };

  test('prints the lines to paste', () => {
    assert.deepEqual(Object.keys(running.environment), [
      'AWS_ACCESS_KEY_ID',
      'AWS_SECRET_ACCESS_KEY',
      'AWS_DEFAULT_REGION',
      'AWS_REGION',
      'AWS_ENDPOINT_URL_KMS',
    ]);
    assert.equal(running.environment.AWS_ENDPOINT_URL_KMS, running.url);
  });

  test('the aws command', { skip: installed('aws', '--version') }, () => {
    const aws = (...args: string[]) => {
      const command = ['--endpoint-url', running.url, '--output', 'json', 'kms', ...args];
      const { status, stdout, stderr } = spawnSync('aws', command, { env: environment(), encoding: 'utf8' });
      return { status, stderr, output: stdout === '' ? undefined : JSON.parse(stdout) };
    };
    const file = (name: string, bytes: Uint8Array) => {
      writeFileSync(join(path, name), bytes);
      return `fileb://${join(path, name)}`;
    };
    const { output } = aws('create-key', '--description', 'from the command line');
    const { KeyId } = output.KeyMetadata;
    const plaintext = file('plaintext', message);
    const { CiphertextBlob } = aws('encrypt', '--key-id', KeyId, '--plaintext', plaintext).output;
    const ciphertext = file('ciphertext', Buffer.from(CiphertextBlob, 'base64'));
    const { Plaintext } = aws('decrypt', '--ciphertext-blob', ciphertext).output;
    assert.equal(Buffer.from(Plaintext, 'base64').toString(), 'a message');
    const missing = aws('describe-key', '--key-id', 'alias/none');
    assert.notEqual(missing.status, 0);
    assert.match(missing.stderr, /NotFoundException.*alias\/none is not found/);
  });

  test('boto3', { skip: installed('python3', '-c', 'import boto3') }, () => {
    const program = `
import boto3, os
kms = boto3.client('kms', endpoint_url=os.environ['AWS_ENDPOINT_URL_KMS'])
key = kms.create_key(KeySpec='HMAC_512', KeyUsage='GENERATE_VERIFY_MAC')['KeyMetadata']
assert key['CreationDate'].year >= 2024, key
message = {'KeyId': key['Arn'], 'Message': b'hi', 'MacAlgorithm': 'HMAC_SHA_512'}
mac = kms.generate_mac(**message)['Mac']
assert kms.verify_mac(Mac=mac, **message)['MacValid']
try:
    kms.verify_mac(Mac=b'x' * 64, **message)
    raise SystemExit('accepted')
except kms.exceptions.KMSInvalidMacException as error:
    assert error.response['ResponseMetadata']['HTTPStatusCode'] == 400
key_id = kms.create_key()['KeyMetadata']['KeyId']
blob = kms.encrypt(KeyId=key_id, Plaintext=b'hi', EncryptionContext={'a': 'b'})['CiphertextBlob']
assert kms.decrypt(CiphertextBlob=blob, EncryptionContext={'a': 'b'})['Plaintext'] == b'hi'
for page in kms.get_paginator('list_keys').paginate(PaginationConfig={'PageSize': 1}):
    assert len(page['Keys']) == 1
`;
    const { status, stderr } = spawnSync('python3', ['-c', program], { env: environment(), encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  });

  test('a restart keeps keys and access keys, and prints no secret', async () => {
    const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = running.environment;
    const connect = (endpoint: string) =>
      new KMSClient({
        region: 'us-east-1',
        endpoint,
        credentials: { accessKeyId: accessKeyId!, secretAccessKey: secretAccessKey! },
      });
    const first = connect(running.url);
    const { KeyMetadata } = await first.send(new CreateKeyCommand({}));
    first.destroy();
    await stop(running, 'SIGINT');
    running = await serve(path);
    const printed = running.lines.join('\n');
    assert.ok(printed.includes(accessKeyId!) && !printed.includes(secretAccessKey!));
    const second = connect(running.url);
    const described = await second.send(new DescribeKeyCommand({ KeyId: KeyMetadata!.KeyId }));
    second.destroy();
    assert.deepEqual(described.KeyMetadata, KeyMetadata);
    assert.equal(shownCredentials().AWS_SECRET_ACCESS_KEY, secretAccessKey);
  });

  test('a signal ends the service although a client keeps its connection', async () => {
    const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = shownCredentials();
    const credentials = { accessKeyId: accessKeyId!, secretAccessKey: secretAccessKey! };
    const client = new KMSClient({ region: 'us-east-1', endpoint: running.url, credentials });
    await client.send(new ListKeysCommand({}));
    const underWay = client.send(new CreateKeyCommand({ KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' }));
    await new Promise((resolve) => setTimeout(resolve, 20));
    const started = Date.now();
    await stop(running, 'SIGTERM');
    assert.ok(Date.now() - started < 5000);
    await underWay;
    client.destroy();
    running = await serve(path);
  });
});
