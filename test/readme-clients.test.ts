/** The README's lines for existing clients, run as they stand against the endpoint; what they print is verified by others. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { constants, createPublicKey, verify } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { computeAddress, getAddress, verifyMessage } from 'ethers';
import type { OperationInput } from 'keymill';
import { startServer, type TestServer } from './support/server.ts';

const ROOT = join(import.meta.dirname, '../..');
const MAX_LINES = 6;

/** The code blocks of one section, by the bold name before each. */
function blocksOf(section: string): ReadonlyMap<string, string> {
  const text = readFileSync(join(ROOT, 'README.md'), 'utf8').split(`\n## ${section}\n`)[1]!.split('\n## ')[0]!;
  const blocks = text.matchAll(/\*\*(.+?)\*\*\n\n```\w+\n([\s\S]*?)```/g);
  return new Map([...blocks].map(([, name, code]) => [name!, code!]));
}

const BLOCKS = blocksOf('Existing clients');

/** How each kind of block runs: the file to write it to, and the command for that. */
const LANGUAGES = {
  js: { file: 'block.mjs', command: process.execPath },
  sh: { file: 'block.sh', command: 'bash', prefix: 'shopt -s expand_aliases\n' },
  py: { file: 'block.py', command: 'python3' },
} as const;

const installed = (command: string, ...args: string[]) =>
  spawnSync(command, args, { stdio: 'ignore' }).status === 0 ? false : `${command} ${args.join(' ')} does not run here`;

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
  async function run(name: string, language: keyof typeof LANGUAGES, KeyId: string): Promise<string[]> {
    const { file, command, prefix = '' } = { prefix: '', ...LANGUAGES[language] };
    const { accessKeyId, secretAccessKey } = server.accessKey;
    writeFileSync(join(directory, file), prefix + BLOCKS.get(name));
    const child = spawn(command, [join(directory, file)], {
      cwd: directory,
      env: {
        PATH: process.env.PATH,
        AWS_ENDPOINT_URL_KMS: server.url,
        AWS_REGION: server.kms.region,
        AWS_DEFAULT_REGION: server.kms.region,
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
        AWS_PAGER: '',
        NODE_NO_WARNINGS: '1',
        KEY_ID: KeyId,
      },
    });
    const written = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (chunk: string) => {
        written[name] += chunk;
      });
    }
    const [code] = await once(child, 'close');
    assert.equal(code, 0, written.stderr);
    return written.stdout.trim().split('\n');
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

  test('AWS CLI', { skip: installed('aws', '--version') }, async () => {
    const { KeyId } = await newKey({});
    writeFileSync(join(directory, 'message'), 'hello');
    assert.deepEqual(await run('AWS CLI', 'sh', KeyId), ['hello']);
  });

  test('boto3', { skip: installed('python3', '-c', 'import boto3') }, async () => {
    const { KeyId } = await newKey({});
    assert.deepEqual(await run('boto3', 'py', KeyId), ['hello']);
  });
});
