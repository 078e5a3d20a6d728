/** The `keymill` command: options and where they come from, what it prints, how it ends. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { exported, type Running, run, serve, stop } from './support/cli.ts';
import { temporaryDirectory } from './support/kms-service.ts';
import { type CallOptions, call, errorOf } from './support/server.ts';

/** A running `keymill serve` that ends with the test. */
async function serving(t: TestContext, path: string, args: readonly string[] = [], environment?: NodeJS.ProcessEnv) {
  const running = await serve(path, args, environment);
  t.after(() => running.process.exitCode ?? running.process.kill('SIGKILL'));
  return running;
}

const keyOf = ({ AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY }: Readonly<Record<string, string>>) => ({
  accessKeyId: AWS_ACCESS_KEY_ID!,
  secretAccessKey: AWS_SECRET_ACCESS_KEY!,
});

/** A signed ListKeys. */
const listKeys = ({ url }: Running, environment: Readonly<Record<string, string>>, options?: CallOptions) => {
  const port = Number(new URL(url).port);
  const token = environment.AWS_SESSION_TOKEN;
  const signedHeaders = token === undefined ? [] : [['X-Amz-Security-Token', token] as const];
  const accessKey = { ...keyOf(environment), principal: '', creationDate: new Date() };
  return call({ port, accessKey }, 'ListKeys', '{}', { signedHeaders, ...options });
};

describe('where an option comes from', () => {
  const account = (text: string) => /account (\d+)/.exec(text)?.[1];
  const made = (t: TestContext, args: readonly string[], environment?: NodeJS.ProcessEnv) => {
    const { status, stdout, stderr } = run(
      ['init', '--path', join(temporaryDirectory(t), 'store'), ...args],
      environment,
    );
    assert.equal(status, 0, stderr);
    return account(stdout);
  };
  const file = (t: TestContext, name: string, text: string) => {
    const place = join(temporaryDirectory(t), name);
    writeFileSync(place, text);
    return place;
  };
  const inFile = 'account: "333333333333"\n';

  test('the default', (t) => assert.equal(made(t, []), '000000000000'));
  test('a YAML file', (t) => assert.equal(made(t, ['--config', file(t, 'keymill.yaml', inFile)]), '333333333333'));
  test('a JSON file', (t) => {
    assert.equal(made(t, ['--config', file(t, 'keymill.json', '{"account":"333333333333"}')]), '333333333333');
  });
  test('a file that the environment names', (t) => {
    assert.equal(made(t, [], { KEYMILL_CONFIG: file(t, 'keymill.yaml', inFile) }), '333333333333');
  });
  test('the environment goes before the file', (t) => {
    const environment = { KEYMILL_ACCOUNT: '222222222222', KEYMILL_CONFIG: file(t, 'keymill.yaml', inFile) };
    assert.equal(made(t, [], environment), '222222222222');
  });
  test('a flag goes before the environment', (t) => {
    assert.equal(made(t, ['--account', '111111111111'], { KEYMILL_ACCOUNT: '222222222222' }), '111111111111');
  });

  const WRONG: Readonly<Record<string, readonly [text: string, message: RegExp]>> = {
    'names no option': ['colour: blue', /no option "colour"/],
    'names a flag of another command': ['json: "true"', /no option "json"/],
    'is a list': ['- port', /expected a map/],
    'is not YAML': ['{', /keymill\.yaml: /],
    'has an option twice': ['path: a\npath: b', /unique/],
    'has a value that is neither text nor number': ['path: [a]', /a text or a number/],
  };
  for (const [title, [text, message]] of Object.entries(WRONG)) {
    test(`a file that ${title}`, (t) => {
      const { status, stderr } = run(['init', '--config', file(t, 'keymill.yaml', text)]);
      assert.equal(status, 1);
      assert.match(stderr, message);
      assert.ok(!stderr.includes('    at '), stderr);
    });
  }
  test('a file with a value that its flag would not take', (t) => {
    const { status, stderr } = run(['serve', '--config', file(t, 'keymill.yaml', 'port: many')]);
    assert.equal(status, 2);
    assert.match(stderr, /port in .*keymill\.yaml is invalid: many\. Expected a whole number/);
  });
  test('a file that is not there', () => {
    const { status, stderr } = run(['serve', '--config', '/nowhere/keymill.yaml']);
    assert.deepEqual([status, stderr.includes('/nowhere/keymill.yaml')], [1, true]);
  });
});

describe('exit codes', () => {
  test('0 for help and version', () => {
    assert.equal(run(['--help']).status, 0);
    assert.match(run(['serve', '--help']).stdout, /--port/);
    assert.match(run(['--version']).stdout, /^\d+\.\d+\.\d+/);
  });

  const MISUSES: readonly (readonly [readonly string[], RegExp])[] = [
    [['serve', '--port', 'x'], /whole number/],
    [['serve', '--port', '65536'], /whole number from 0 to 65535/],
    [['serve', '--backend', 'x'], /Allowed choices/],
    [['serve', '--auth', 'basic'], /Allowed choices/],
    [['serve', '--nonsense'], /unknown option/],
    [['nonsense'], /unknown command/],
  ];
  for (const [args, message] of MISUSES) {
    test(`2 for keymill ${args.join(' ')}`, () => {
      const { status, stderr } = run(args);
      assert.equal(status, 2);
      assert.match(stderr, message);
    });
  }

  const nowhere = '/nowhere/file.pem';
  const FAILURES: readonly (readonly [readonly string[], RegExp])[] = [
    [['credentials', '--path', '/nowhere'], /no store in \/nowhere: make one with keymill init/],
    [['init', '--account', '5'], /12 digits/],
    [['serve', '--auth', 'none', '--host', '0.0.0.0'], /--auth-none-reach network/],
    [['serve', '--tls-cert', nowhere], /both --tls-cert and --tls-key/],
    [['serve', '--tls-client-ca', nowhere], /both --tls-cert and --tls-key/],
    [['serve', '--tls-cert', nowhere, '--tls-key', nowhere], /\/nowhere\/file\.pem/],
  ];
  for (const [args, message] of FAILURES) {
    test(`1 for keymill ${args.join(' ')}`, () => {
      const { status, stderr } = run(args);
      assert.equal(status, 1);
      assert.match(stderr, message);
      assert.ok(!stderr.includes('    at '), stderr);
    });
  }

  test('1 for a port that is taken', async (t) => {
    const taken = createServer().listen(0, '127.0.0.1');
    t.after(() => taken.close());
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    const { status, stderr } = run(['serve', '--path', temporaryDirectory(t), '--port', String(port)]);
    assert.equal(status, 1);
    assert.match(stderr, new RegExp(`port ${port} is taken: choose another with --port`));
  });

  test('1 for a store of another region', (t) => {
    const path = temporaryDirectory(t);
    assert.equal(run(['init', '--path', path]).status, 0);
    const { status, stderr } = run(['serve', '--path', path, '--port', '0', '--region', 'eu-west-1']);
    assert.equal(status, 1);
    assert.match(stderr, /region us-east-1, not eu-west-1/);
  });
});

describe('init and credentials', () => {
  test('init prints an access key once, and refuses a second time', async (t) => {
    const path = join(temporaryDirectory(t), 'store');
    const { stdout } = run(['init', '--path', path, '--principal', 'arn:aws:iam::000000000000:user/alice']);
    assert.match(stdout, /user\/alice/);
    const again = run(['init', '--path', path]);
    assert.deepEqual([again.status, again.stdout], [1, '']);
    assert.match(again.stderr, /keymill credentials --create/);
    const running = await serving(t, path);
    assert.ok(!running.lines.join().includes(keyOf(exported(stdout.split('\n'))).secretAccessKey));
    assert.equal((await listKeys(running, exported(stdout.split('\n')))).status, 200);
    await stop(running);
  });

  test('a running endpoint takes a new access key at once, and a removed one no more', async (t) => {
    const path = temporaryDirectory(t);
    const running = await serving(t, path);
    const created = exported(run(['credentials', '--path', path, '--create']).stdout.split('\n'));
    assert.equal((await listKeys(running, created)).status, 200);
    const { accessKeyId } = keyOf(created);
    assert.equal(run(['credentials', '--path', path, '--remove', accessKeyId]).status, 0);
    assert.equal(run(['credentials', '--path', path, '--remove', accessKeyId]).status, 1);
    while ((await listKeys(running, created)).status === 200) await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual(errorOf(await listKeys(running, created)), [400, 'InvalidSignatureException']);
    assert.equal((await listKeys(running, running.environment)).status, 200);
    await stop(running);
  });

  test('a temporary access key works with its session token', async (t) => {
    const path = temporaryDirectory(t);
    const running = await serving(t, path);
    const created = exported(run(['credentials', '--path', path, '--create', '--duration', '60']).stdout.split('\n'));
    assert.match(created.AWS_ACCESS_KEY_ID!, /^ASIA/);
    assert.equal((await listKeys(running, created)).status, 200);
    const { AWS_SESSION_TOKEN: _, ...without } = created;
    assert.deepEqual(errorOf(await listKeys(running, without)), [400, 'UnrecognizedClientException']);
    await stop(running);
  });
});

describe('serve', () => {
  test('prints the lines to paste at the first start only', async (t) => {
    const path = temporaryDirectory(t);
    const first = await serving(t, path);
    assert.deepEqual(Object.keys(first.environment), [
      'AWS_ACCESS_KEY_ID',
      'AWS_SECRET_ACCESS_KEY',
      'AWS_DEFAULT_REGION',
      'AWS_REGION',
      'AWS_ENDPOINT_URL_KMS',
    ]);
    assert.equal(first.environment.AWS_ENDPOINT_URL_KMS, first.url);
    await stop(first);
    const second = await serving(t, path);
    assert.deepEqual(second.environment, {});
    assert.ok(second.lines.join().includes(first.environment.AWS_ACCESS_KEY_ID!));
    await stop(second, 'SIGINT');
  });

  test('--auth none says so loudly, and takes any signature or none', async (t) => {
    const running = await serving(t, temporaryDirectory(t), ['--auth', 'none']);
    const strangers = { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'y' };
    assert.equal((await listKeys(running, strangers)).status, 200);
    const headers = { 'X-Amz-Target': 'TrentService.ListKeys' };
    assert.equal((await fetch(running.url, { method: 'POST', headers, body: '{}' })).status, 200);
    await stop(running);
    assert.match(running.log.text, /WARNING: --auth none: whoever reaches 127\.0\.0\.1 may use and delete every key/);
  });

  test('--auth none beyond loopback, told twice', async (t) => {
    const args = ['--auth', 'none', '--auth-none-reach', 'network', '--host', '0.0.0.0'];
    const running = await serving(t, temporaryDirectory(t), args);
    await stop(running);
    assert.match(running.log.text, /whoever reaches 0\.0\.0\.0/);
  });

  test('--region any takes the region that a signature names', async (t) => {
    const path = temporaryDirectory(t);
    const one = await serving(t, path);
    const { environment } = one;
    assert.deepEqual(errorOf(await listKeys(one, environment, { region: 'eu-west-1' })), [
      400,
      'InvalidSignatureException',
    ]);
    await stop(one);
    const any = await serving(t, path, ['--region', 'any']);
    assert.equal((await listKeys(any, environment, { region: 'eu-west-1' })).status, 200);
    assert.equal((await listKeys(any, environment, { region: 'us-east-1' })).status, 200);
    await stop(any);
  });
});

test('info', () => {
  const { status, stdout } = run(['info', '--json']);
  assert.equal(status, 0);
  assert.ok(['native', 'wasm'].includes(JSON.parse(stdout).backend));
  assert.match(run(['info', '--backend', 'wasm']).stdout, /^backend +wasm$/m);
});
