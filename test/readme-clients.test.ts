/** The README's lines for existing clients, run as they stand against the endpoint; what they print is verified by others. */
import assert from 'node:assert/strict';
import { constants, createPublicKey, verify } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { computeAddress, getAddress, verifyMessage } from 'ethers';
import type { OperationInput } from 'keymill';
import { blocksOf, type Language, missing, ROOT, run as runBlock } from './support/documents.ts';
import { startServer, type TestServer } from './support/server.ts';

const MAX_LINES = 6;

/** By the bold name before each. */
const BLOCKS = new Map(
  blocksOf('README.md').flatMap(({ section, title, code }) =>
    section === 'Existing clients' ? [[title!, code] as const] : [],
  ),
);

describe('the README beside existing clients', () => {
  // Beside node_modules, so that the clients are found.
  const directory = mkdtempSync(join(ROOT, 'dist/readme-'));
  const closers: (() => unknown)[] = [];
  let server: TestServer;
  before(async () => {
    server = await startServer({ after: (closer) => closers.push(closer as () => unknown) });
  });
  after(async () => {
    for (const closer of closers) await closer();
    rmSync(directory, { recursive: true, force: true });
  });

  /** Runs a block with the environment `keymill serve` tells to set; its output, line by line. */
  function run(name: string, language: Language, KeyId: string): Promise<readonly string[]> {
    const { accessKeyId, secretAccessKey } = server.accessKey;
    const environment = {
      PATH: process.env.PATH,
      AWS_ENDPOINT_URL_KMS: server.url,
      AWS_REGION: server.kms.region,
      AWS_DEFAULT_REGION: server.kms.region,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_PAGER: '',
      KEY_ID: KeyId,
    };
    return runBlock(language, BLOCKS.get(name)!, { programs: directory, directory, environment });
  }

  async function newKey(input: OperationInput<'CreateKey'>) {
    const { KeyMetadata } = await server.kms.createKey(input);
    return KeyMetadata;
  }

  async function publicKeyOf(KeyId: string) {
    const { PublicKey } = await server.kms.getPublicKey({ KeyId });
    return createPublicKey({ key: Buffer.from(PublicKey), format: 'der', type: 'spki' });
  }

  test('each takes at most six lines', () => {
    assert.equal(BLOCKS.size, 6);
    for (const [name, code] of BLOCKS) assert.ok(code.trim().split('\n').length <= MAX_LINES, name);
  });

  test('AWS SDK', async () => {
    const { KeyId } = await newKey({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' });
    const [signature] = await run('AWS SDK', 'js', KeyId);
    const key = await publicKeyOf(KeyId);
    assert.ok(verify('sha256', Buffer.from('hello'), key, Buffer.from(signature!, 'base64')));
  });

  test('AWS Encryption SDK', async () => {
    const { Arn } = await newKey({});
    assert.deepEqual(await run('AWS Encryption SDK', 'js', Arn), ['hello']);
  });

  test('ethers', async () => {
    const { KeyId } = await newKey({ KeySpec: 'ECC_SECG_P256K1', KeyUsage: 'SIGN_VERIFY' });
    const [address, signature] = await run('ethers', 'js', KeyId);
    const { x, y } = (await publicKeyOf(KeyId)).export({ format: 'jwk' });
    const point = Buffer.concat([Buffer.of(4), Buffer.from(x!, 'base64url'), Buffer.from(y!, 'base64url')]);
    const expected = computeAddress(`0x${point.toString('hex')}`);
    assert.equal(getAddress(address!), expected);
    assert.equal(verifyMessage('hello', signature!), expected);
  });

  test('jwt-on-kms', async () => {
    const { KeyId } = await newKey({ KeySpec: 'RSA_2048', KeyUsage: 'SIGN_VERIFY' });
    // It prints what it signs, too.
    const [token, isValid] = (await run('jwt-on-kms', 'js', KeyId)).slice(-2);
    assert.equal(isValid, 'true');
    const [header, payload, signature] = token!.split('.');
    const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
    const key = { key: await publicKeyOf(KeyId), padding, saltLength };
    assert.ok(verify('sha256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature!, 'base64url')));
    assert.equal(JSON.parse(Buffer.from(payload!, 'base64url').toString()).hello, 'world');
  });

  test('AWS CLI', { skip: missing('aws', '--version') }, async () => {
    const { KeyId } = await newKey({});
    writeFileSync(join(directory, 'message'), 'hello');
    assert.deepEqual(await run('AWS CLI', 'sh', KeyId), ['hello']);
  });

  test('boto3', { skip: missing('python3', '-c', 'import boto3') }, async () => {
    const { KeyId } = await newKey({});
    assert.deepEqual(await run('boto3', 'py', KeyId), ['hello']);
  });
});
