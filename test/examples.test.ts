/** The programs of examples/, run as their users run them; what they make is verified by others. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createPublicKey, randomBytes, verify } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { getAddress, Transaction } from 'ethers';
import { cleanEnvironment } from './support/cli.ts';
import { temporaryDirectory } from './support/kms-service.ts';

const EXAMPLES = join(import.meta.dirname, '../examples');

/** Runs an example in `folder`, where it keeps its store. */
function run(folder: string, name: string, ...args: string[]) {
  const options = { cwd: folder, encoding: 'utf8', env: cleanEnvironment() } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(EXAMPLES, `${name}.js`), ...args], options);
  return { status, stdout: stdout.trim(), stderr };
}

function succeed(folder: string, name: string, ...args: string[]): string {
  const { status, stdout, stderr } = run(folder, name, ...args);
  assert.equal(status, 0, stderr);
  return stdout;
}

test('signing-server signs for many at once, and answers what is in flight when told to end', async (t) => {
  const folder = temporaryDirectory(t);
  const env = cleanEnvironment({ TOKEN: 'secret', PORT: '0' });
  const child = spawn(process.execPath, [join(EXAMPLES, 'signing-server.js')], { cwd: folder, env });
  t.after(() => child.kill('SIGKILL'));
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  const url = /^ready on (\S+)$/.exec(line)![1]!;
  const call = async (path: string, method: string, body = '', token = 'secret') => {
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${token}` },
      ...(body === '' ? {} : { body }),
    });
    return { status: response.status, body: Buffer.from(await response.arrayBuffer()) };
  };
  const names = ['/payments', '/receipts'];
  const keys = await Promise.all(names.map(async (name) => (await call(name, 'PUT')).body));
  const assertSigned = (i: number, message: string, signature: Buffer) => {
    const key = createPublicKey({ key: keys[i]!, format: 'der', type: 'spki' });
    assert.ok(verify('sha256', Buffer.from(message), key, signature), message);
  };
  const messages = Array.from({ length: 100 }, (_, i) => `message ${i}`);
  const signed = await Promise.all(messages.map((message, i) => call(names[i % 2]!, 'POST', message)));
  for (const [i, { body }] of signed.entries()) assertSigned(i % 2, messages[i]!, body);

  for (const [{ status, body }, wanted] of [
    [await call('/payments', 'POST', 'x', 'guess'), 401],
    [await call('/payments', 'DELETE'), 405],
    [await call('/nobody', 'POST', 'x'), 400],
    [await call('/payments', 'PUT'), 400],
    [await call('/payments', 'POST', 'x'.repeat(5000)), 413],
  ] as const) {
    assert.equal(status, wanted, body.toString());
  }

  // Told to end between the head and the body of a request.
  const headers = { authorization: 'Bearer secret', expect: '100-continue', 'content-length': 4 };
  const pending = request(`${url}/payments`, { method: 'POST', headers });
  pending.flushHeaders();
  await once(pending, 'continue');
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  while (await call('/payments', 'GET').catch(() => undefined)) await setTimeout(10);
  const [response] = await once(pending.end('last'), 'response');
  assertSigned(0, 'last', Buffer.concat(await response.toArray()));
  assert.deepEqual(await ended, [0, null]);
});

test('encrypt-file gives files of any size back, and none that was changed', (t) => {
  const folder = temporaryDirectory(t);
  const place = (name: string) => join(folder, name);
  const mib = 2 ** 20;
  for (const bytes of [0, 1, mib - 1, mib, mib + 1, 3 * mib + 5]) {
    const content = randomBytes(bytes);
    writeFileSync(place('plain'), content);
    succeed(folder, 'encrypt-file', 'seal', 'plain', 'sealed');
    succeed(folder, 'encrypt-file', 'open', 'sealed', 'opened');
    assert.ok(readFileSync(place('opened')).equals(content), `${bytes} bytes`);
  }
  const sealed = readFileSync(place('sealed'));
  const piece = mib + 28;
  const start = 2 + sealed.readUInt16BE();
  const pieceAt = (i: number) => sealed.subarray(start + i * piece, start + (i + 1) * piece);
  const header = sealed.subarray(0, start);
  const changed = {
    'cut off after a piece': sealed.subarray(0, start + 2 * piece),
    'a piece left out': Buffer.concat([header, pieceAt(0), pieceAt(2), pieceAt(3)]),
    'two pieces swapped': Buffer.concat([header, pieceAt(1), pieceAt(0), pieceAt(2), pieceAt(3)]),
    'a bit flipped': Buffer.concat([sealed.subarray(0, -1), Buffer.of(sealed.at(-1)! ^ 1)]),
  };
  for (const [what, content] of Object.entries(changed)) {
    writeFileSync(place('changed'), content);
    assert.notEqual(run(folder, 'encrypt-file', 'open', 'changed', 'not-made').status, 0, what);
    assert.deepEqual([existsSync(place('not-made')), existsSync(place('not-made.partial'))], [false, false], what);
  }
});

test('jwt signs tokens that others verify with the JWK set, and refuses others', (t) => {
  const folder = temporaryDirectory(t);
  const [key] = JSON.parse(succeed(folder, 'jwt', 'jwks')).keys;
  const token = succeed(folder, 'jwt', 'sign', '{"sub":"alice"}');
  const [header, payload, signature] = token.split('.') as [string, string, string];
  assert.deepEqual(JSON.parse(Buffer.from(header, 'base64url').toString()), { alg: 'EdDSA', typ: 'JWT', kid: key.kid });
  const publicKey = createPublicKey({ key, format: 'jwk' });
  assert.ok(verify(null, Buffer.from(`${header}.${payload}`), publicKey, Buffer.from(signature, 'base64url')));
  assert.equal(JSON.parse(succeed(folder, 'jwt', 'verify', token)).sub, 'alice');
  const forged = Buffer.from('{"sub":"mallory","exp":99999999999}').toString('base64url');
  const expired = succeed(folder, 'jwt', 'sign', '{"exp":1}');
  for (const [wrong, reason] of [
    [`${header}.${forged}.${signature}`, /KMSInvalidSignatureException/],
    [expired, /expired/],
    [`${Buffer.from('{"alg":"none"}').toString('base64url')}.${forged}.`, /not of this key/],
  ] as const) {
    const { status, stderr } = run(folder, 'jwt', 'verify', wrong);
    assert.notEqual(status, 0);
    assert.match(stderr, reason);
  }
});

test('ethereum-signer signs transactions that come from its address', (t) => {
  const folder = temporaryDirectory(t);
  const address = getAddress(succeed(folder, 'ethereum-signer'));
  const payment = { to: '0x00000000000000000000000000000000000000aa', value: '1', chainId: 1, gasLimit: 21000 };
  for (let nonce = 0; nonce < 4; nonce++) {
    const transaction = { ...payment, nonce, maxFeePerGas: '10', maxPriorityFeePerGas: '1', type: 2 };
    const signed = Transaction.from(succeed(folder, 'ethereum-signer', JSON.stringify(transaction)));
    assert.equal(signed.from, address);
    assert.deepEqual([signed.nonce, signed.value, signed.to], [nonce, 1n, getAddress(payment.to)]);
  }
  const other = JSON.stringify({ ...payment, from: payment.to });
  assert.match(run(folder, 'ethereum-signer', other).stderr, /not of this key/);
});
