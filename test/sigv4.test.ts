/** SigV4: the official suite through our canonical form, and what a verifier must refuse. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { KmsError } from 'keymill';
import { type Credential, createAuthenticator, type ReceivedRequest } from '../src/server/authenticate.ts';
import { canonicalRequest, sha256Hex, signature, signingKey, stringToSign } from '../src/server/sigv4.ts';
import { type SignableRequest, sign } from './support/server-signer.ts';

const SUITE = join(import.meta.dirname, '../../../shared/vectors/sigv4/v4');

describe('official suite', { skip: existsSync(SUITE) ? false : `${SUITE} is absent` }, () => {
  for (const name of existsSync(SUITE) ? readdirSync(SUITE) : []) {
    for (const form of ['header', 'query']) {
      test(`${name} (${form})`, () => {
        const read = (file: string) => readFileSync(join(SUITE, name, file), 'utf8');
        const context = JSON.parse(read('context.json'));
        const request = parseHttp(read(`${form}-signed-request.txt`));
        const query = request.query
          .split('&')
          .filter((pair) => !pair.startsWith('X-Amz-Signature='))
          .join('&');
        const canonicalExpected = read(`${form}-canonical-request.txt`);
        const lines = canonicalExpected.split('\n');
        const signedHeaders = lines[lines.length - 2]!.split(';');
        const unsignedToken = context.omit_session_token === true;
        const canonical = canonicalRequest(
          {
            ...request,
            query: unsignedToken
              ? query
                  .split('&')
                  .filter((pair) => !pair.startsWith('X-Amz-Security-Token='))
                  .join('&')
              : query,
            payloadHash: sha256Hex(request.body),
          },
          signedHeaders,
          { normalizePath: context.normalize },
        );
        assert.equal(canonical, canonicalExpected);
        const timestamp = context.timestamp.replace(/[-:]/g, '');
        const scope = { date: timestamp.slice(0, 8), region: context.region, service: context.service };
        const toSign = stringToSign(timestamp, scope, canonical!);
        assert.equal(toSign, read(`${form}-string-to-sign.txt`));
        const key = signingKey(context.credentials.secret_access_key, scope);
        assert.equal(signature(key, toSign), read(`${form}-signature.txt`));
      });
    }
  }
});

/** A request of the suite: raw UTF-8 in the path, folded header lines. */
function parseHttp(text: string) {
  const [head = '', body = ''] = text.replaceAll('\r', '').split('\n\n');
  const [requestLine = '', ...headerLines] = head.replace(/\n[ \t]/g, ' ').split('\n');
  const [, method = '', target = ''] = /^(\S+) (.*) HTTP\/1\.1$/.exec(requestLine)!;
  const [path = '', query = ''] = target.split('?');
  const headers = headerLines
    .filter((line) => line !== '')
    .map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1)] as const;
    });
  return { method, path, query, headers, body: new TextEncoder().encode(body) };
}

const NOW = new Date('2026-11-22T12:00:00Z');
const CREDENTIAL = { secretAccessKey: 'secret', principal: 'arn:aws:iam::111111111111:root' };
const TEMPORARY = { ...CREDENTIAL, sessionToken: 'token' };
const authenticate = createAuthenticator({
  region: 'us-east-1',
  service: 'kms',
  clock: () => NOW,
  credential: async (id) =>
    new Map<string, Credential>([
      ['AKIA1', CREDENTIAL],
      ['ASIA1', TEMPORARY],
    ]).get(id),
});

const base: SignableRequest = {
  accessKeyId: 'AKIA1',
  secretAccessKey: 'secret',
  date: NOW,
  headers: [
    ['Host', 'localhost:4599'],
    ['Content-Type', 'application/x-amz-json-1.1'],
    ['X-Amz-Target', 'TrentService.DescribeKey'],
  ],
  body: '{"KeyId":"x"}',
};

const replaced = (request: ReceivedRequest, name: string, value: string): ReceivedRequest => ({
  ...request,
  headers: request.headers.map((pair) => (pair[0] === name ? [name, value] : pair)),
});
const added = (request: ReceivedRequest, name: string, value: string): ReceivedRequest => ({
  ...request,
  headers: [...request.headers, [name, value]],
});
const authorizationOf = (request: ReceivedRequest): string =>
  request.headers.find(([name]) => name === 'authorization')![1];
const withAuthorization = (request: ReceivedRequest, change: (text: string) => string): ReceivedRequest =>
  replaced(request, 'authorization', change(authorizationOf(request)));

test('a good request gives its principal', async () => {
  assert.equal(await authenticate(sign(base)), CREDENTIAL.principal);
  const hashed = sign({
    ...base,
    headers: [...base.headers, ['X-Amz-Content-Sha256', sha256Hex(base.body)]],
  });
  assert.equal(await authenticate(hashed), CREDENTIAL.principal);
});

test('a header may have spaces around and within', async () => {
  const request = sign({ ...base, headers: [...base.headers, ['X-Amz-Note', '  a   b ']] });
  assert.equal(await authenticate(request), CREDENTIAL.principal);
});

const MISMATCH = 'InvalidSignatureException';
const INCOMPLETE = 'IncompleteSignatureException';
const minutes = (count: number, seconds = 0) => new Date(NOW.getTime() + count * 60_000 + seconds * 1000);
const unsignedTarget = sign({ ...base, unsigned: ['x-amz-target'] });

const REFUSED: readonly (readonly [string, ReceivedRequest, string])[] = [
  ['no signature', { ...sign(base), headers: base.headers }, 'MissingAuthenticationTokenException'],
  [
    'an empty signature',
    withAuthorization(sign(base), (text) => text.replace(/Signature=.*/, 'Signature=')),
    INCOMPLETE,
  ],
  [
    'a random signature',
    withAuthorization(sign(base), (text) => text.replace(/Signature=.*/, `Signature=${'a'.repeat(64)}`)),
    MISMATCH,
  ],
  [
    'an upper-case signature',
    withAuthorization(sign(base), (text) =>
      text.replace(/Signature=(.*)/, (_, hex) => `Signature=${hex.toUpperCase()}`),
    ),
    MISMATCH,
  ],
  ['a signature cut short', withAuthorization(sign(base), (text) => text.slice(0, -1)), MISMATCH],
  ['a wrong secret', sign({ ...base, secretAccessKey: 'wrong' }), MISMATCH],
  ['an unknown access key', sign({ ...base, accessKeyId: 'AKIA2' }), MISMATCH],
  [
    'another algorithm',
    withAuthorization(sign(base), (text) => text.replace('AWS4-HMAC-SHA256', 'AWS4-HMAC-SHA1')),
    INCOMPLETE,
  ],
  ['another body', { ...sign(base), body: new TextEncoder().encode('{"KeyId":"y"}') }, MISMATCH],
  [
    'another body than x-amz-content-sha256 says',
    sign({ ...base, headers: [...base.headers, ['X-Amz-Content-Sha256', sha256Hex('other')]] }),
    MISMATCH,
  ],
  [
    'UNSIGNED-PAYLOAD',
    sign({ ...base, headers: [...base.headers, ['X-Amz-Content-Sha256', 'UNSIGNED-PAYLOAD']] }),
    MISMATCH,
  ],
  ['another target', replaced(sign(base), 'x-amz-target', 'TrentService.ScheduleKeyDeletion'), MISMATCH],
  ['an unsigned target', unsignedTarget, MISMATCH],
  [
    'an unsigned target swapped',
    replaced(unsignedTarget, 'x-amz-target', 'TrentService.ScheduleKeyDeletion'),
    MISMATCH,
  ],
  ['an unsigned x-amz header added', added(sign(base), 'x-amz-anything', 'x'), MISMATCH],
  [
    'a streaming payload',
    sign({ ...base, headers: [...base.headers, ['X-Amz-Content-Sha256', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD']] }),
    MISMATCH,
  ],
  ['another method', { ...sign(base), method: 'PUT' }, MISMATCH],
  ['another path', { ...sign(base), path: '/x' }, MISMATCH],
  ['a query that was added', { ...sign(base), query: 'Action=ListKeys' }, MISMATCH],
  [
    'a signature in the query only',
    {
      ...sign(base),
      headers: base.headers,
      query: `X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=${'a'.repeat(64)}`,
    },
    'MissingAuthenticationTokenException',
  ],
  ['a signature that goes on', withAuthorization(sign(base), (text) => `${text}00`), MISMATCH],
  ['no credential at all', withAuthorization(sign(base), (text) => text.replace(/Credential=[^,]*, /, '')), INCOMPLETE],
  [
    'no signed headers',
    withAuthorization(sign(base), (text) => text.replace(/SignedHeaders=[^,]*/, 'SignedHeaders=')),
    INCOMPLETE,
  ],
  [
    'signed headers in capitals',
    withAuthorization(sign(base), (text) => text.replace('SignedHeaders=content-type', 'SignedHeaders=Content-Type')),
    MISMATCH,
  ],
  [
    'a signed header that is named twice',
    withAuthorization(sign(base), (text) => text.replace(';host;', ';host;host;')),
    MISMATCH,
  ],
  ['two hosts', added(sign(base), 'host', 'elsewhere'), INCOMPLETE],
  [
    'two session tokens',
    added(added(sign(base), 'x-amz-security-token', 'a'), 'x-amz-security-token', 'b'),
    INCOMPLETE,
  ],
  ['an unsigned host', sign({ ...base, unsigned: ['host'] }), MISMATCH],
  ['another host', replaced(sign(base), 'host', 'elsewhere'), MISMATCH],
  ['two targets', added(sign(base), 'x-amz-target', 'TrentService.ListKeys'), INCOMPLETE],
  ['two authorizations', added(sign(base), 'authorization', authorizationOf(sign(base))), INCOMPLETE],
  ['two dates', added(sign(base), 'x-amz-date', '20261122T120000Z'), INCOMPLETE],
  ['no date', { ...sign(base), headers: sign(base).headers.filter(([name]) => name !== 'x-amz-date') }, INCOMPLETE],
  ['a date that is none', replaced(sign(base), 'x-amz-date', '20261322T120000Z'), MISMATCH],
  [
    'a date of another day than the scope',
    withAuthorization(sign(base), (text) => text.replace('20261122', '20261121')),
    MISMATCH,
  ],
  ['five minutes and a second late', sign({ ...base, date: minutes(-5, -1) }), MISMATCH],
  ['five minutes and a second early', sign({ ...base, date: minutes(5, 1) }), MISMATCH],
  ['another region', sign({ ...base, region: 'eu-west-1' }), MISMATCH],
  ['another service', sign({ ...base, service: 's3' }), MISMATCH],
  [
    'another terminator',
    withAuthorization(sign(base), (text) => text.replace('aws4_request', 'aws5_request')),
    MISMATCH,
  ],
  [
    'a credential with six parts',
    withAuthorization(sign(base), (text) => text.replace('aws4_request', 'aws4_request/x')),
    INCOMPLETE,
  ],
  [
    'signed headers out of order',
    withAuthorization(sign(base), (text) => text.replace('content-type;host', 'host;content-type')),
    MISMATCH,
  ],
  [
    'a signed header that is not there',
    withAuthorization(sign(base), (text) => text.replace('content-type;', 'a-header;content-type;')),
    MISMATCH,
  ],
  ['an empty parameter', withAuthorization(sign(base), (text) => text.replace(', ', ',, ')), INCOMPLETE],
  ['a parameter twice', withAuthorization(sign(base), (text) => `${text}, Signature=x`), INCOMPLETE],
  [
    'a session token nobody issued',
    sign({ ...base, headers: [...base.headers, ['X-Amz-Security-Token', 'token']] }),
    'UnrecognizedClientException',
  ],
  ['temporary credentials without their token', sign({ ...base, accessKeyId: 'ASIA1' }), 'UnrecognizedClientException'],
];

for (const [title, request, name] of REFUSED) {
  test(`refuses ${title}`, async () => {
    await assert.rejects(authenticate(request), (error) => {
      assert.ok(error instanceof KmsError);
      assert.equal(error.name, name);
      return true;
    });
  });
}

test('accepts the edges of the window, and temporary credentials with their token', async () => {
  await authenticate(sign({ ...base, date: minutes(-5) }));
  await authenticate(sign({ ...base, date: minutes(5) }));
  const headers = [...base.headers, ['X-Amz-Security-Token', 'token'] as const];
  await authenticate(sign({ ...base, accessKeyId: 'ASIA1', headers }));
});

test('an unknown access key and a bad signature have one answer', async () => {
  const messages = await Promise.all(
    [sign({ ...base, accessKeyId: 'AKIA2' }), sign({ ...base, secretAccessKey: 'wrong' })].map((request) =>
      authenticate(request).then(
        () => assert.fail('accepted'),
        (error) => `${error.name}: ${error.message}`,
      ),
    ),
  );
  assert.equal(messages[0], messages[1]);
});

describe('regions', () => {
  test('`any` takes the one that a signature names, and what it was signed for', async () => {
    const anyRegion = createAuthenticator({
      region: 'any',
      service: 'kms',
      clock: () => NOW,
      credential: async () => CREDENTIAL,
    });
    const elsewhere = sign({ ...base, region: 'eu-west-1' });
    assert.equal(await anyRegion(elsewhere), CREDENTIAL.principal);
    assert.equal(await anyRegion(sign(base)), CREDENTIAL.principal);
    const moved = withAuthorization(elsewhere, (text) => text.replace('eu-west-1', 'us-east-1'));
    await assert.rejects(anyRegion(moved), { name: MISMATCH });
  });
});

describe('signing keys that are kept', () => {
  /** An authenticator whose clock and credentials can be changed, and that notes what it asked for. */
  function changing() {
    const credentials = new Map<string, Credential>([['AKIA1', CREDENTIAL]]);
    const asked: string[] = [];
    const time = { now: NOW };
    const verify = createAuthenticator({
      region: 'us-east-1',
      service: 'kms',
      clock: () => time.now,
      credential: async (id) => {
        asked.push(id);
        return credentials.get(id);
      },
    });
    return { credentials, asked, time, verify };
  }
  const wrong = sign({ ...base, secretAccessKey: 'wrong' });

  test('serve without asking again for five seconds', async () => {
    const { asked, time, verify } = changing();
    for (const seconds of [0, 1, 4.9]) {
      time.now = new Date(NOW.getTime() + seconds * 1000);
      await verify(sign(base));
    }
    assert.deepEqual(asked, ['AKIA1']);
    time.now = new Date(NOW.getTime() + 5000);
    await verify(sign(base));
    assert.deepEqual(asked, ['AKIA1', 'AKIA1']);
  });

  test('end with their credential, five seconds later at most', async () => {
    const { credentials, time, verify } = changing();
    await verify(sign(base));
    credentials.delete('AKIA1');
    await verify(sign(base));
    time.now = new Date(NOW.getTime() + 5000);
    await assert.rejects(verify(sign(base)), { name: MISMATCH });
  });

  test('give way at once to a new secret', async () => {
    const { credentials, verify } = changing();
    await verify(sign(base));
    credentials.set('AKIA1', { ...CREDENTIAL, secretAccessKey: 'another' });
    assert.equal(await verify(sign({ ...base, secretAccessKey: 'another' })), CREDENTIAL.principal);
    await assert.rejects(verify(sign(base)), { name: MISMATCH });
  });

  test('are kept for those that signed with them only', async () => {
    const { asked, verify } = changing();
    await assert.rejects(verify(wrong), { name: MISMATCH });
    await assert.rejects(verify(wrong), { name: MISMATCH });
    assert.equal(asked.length, 2);
    await verify(sign(base));
    assert.equal(asked.length, 3);
    await assert.rejects(verify(wrong), { name: MISMATCH });
    await verify(sign(base));
    assert.equal(asked.length, 4);
  });

  test('are a thousand, the oldest going first', async () => {
    const { credentials, asked, verify } = changing();
    const by = (index: number) => sign({ ...base, accessKeyId: `AKIA${index}` });
    for (let index = 0; index <= 1000; index++) credentials.set(`AKIA${index}`, CREDENTIAL);
    for (let index = 0; index <= 1000; index++) await verify(by(index));
    assert.equal(asked.length, 1001);
    await verify(by(1000));
    await verify(by(1));
    assert.equal(asked.length, 1001);
    await verify(by(0));
    assert.equal(asked.length, 1002);
  });
});
