/** What the endpoint refuses before an operation runs. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  type CallOptions,
  call as callServer,
  errorOf,
  exchange as exchangeWith,
  parseAnswer,
  startServer,
  type TestServer,
} from './support/server.ts';

let server: TestServer;
const closers: (() => unknown)[] = [];
before(async () => {
  server = await startServer({ after: (closer) => closers.push(closer as () => unknown) });
});
after(async () => {
  for (const closer of closers) await closer();
});
const call = (operation: string, body: string, options?: CallOptions) => callServer(server, operation, body, options);
const exchange = (text: string) => exchangeWith(server.port, text);

describe('what is refused before an operation runs', () => {
  test('no signature, a stranger, another body', async () => {
    const bare = `POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: TrentService.ListKeys\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`;
    assert.deepEqual(errorOf(parseAnswer(await exchange(bare))), [400, 'MissingAuthenticationTokenException']);
    assert.deepEqual(errorOf(await call('ListKeys', '{}', { body: '{ }' })), [400, 'InvalidSignatureException']);
  });

  test('headers that come twice, or that the signature does not cover', async () => {
    const twice = { extraHeaders: ['X-Amz-Target: TrentService.CreateKey'] };
    assert.deepEqual(errorOf(await call('ListKeys', '{}', twice)), [400, 'IncompleteSignatureException']);
    const authorization = { extraHeaders: ['Authorization: AWS4-HMAC-SHA256 Credential=x'] };
    assert.deepEqual(errorOf(await call('ListKeys', '{}', authorization)), [400, 'IncompleteSignatureException']);
    const unsigned = { extraHeaders: ['X-Amz-Other: x'] };
    assert.deepEqual(errorOf(await call('ListKeys', '{}', unsigned)), [400, 'InvalidSignatureException']);
    const added = { target: undefined, extraHeaders: ['X-Amz-Target: TrentService.CreateKey'] };
    assert.deepEqual(errorOf(await call('ListKeys', '{}', added)), [400, 'InvalidSignatureException']);
  });

  test('other methods and paths', async () => {
    for (const line of [
      'GET / HTTP/1.1',
      'POST /x HTTP/1.1',
      'POST // HTTP/1.1',
      'POST /?Action=ListKeys HTTP/1.1',
      'POST /%2e HTTP/1.1',
      `POST http://127.0.0.1:${server.port}/ HTTP/1.1`,
    ]) {
      assert.deepEqual(
        errorOf(await call('ListKeys', '{}', { requestLine: line })),
        [404, 'UnknownOperationException'],
        line,
      );
    }
  });

  test('shapes of request smuggling', async () => {
    const start = 'POST / HTTP/1.1\r\nHost: x\r\n';
    const SHAPES: Readonly<Record<string, string>> = {
      'both lengths': `${start}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      'two lengths': `${start}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`,
      'a folded header': `${start}X-Note: a\r\n b\r\nContent-Length: 2\r\n\r\n{}`,
      'a bare line feed': 'POST / HTTP/1.1\nHost: x\nContent-Length: 2\n\n{}',
      'a space before the colon': `${start}Content-Length : 2\r\n\r\n{}`,
      'a bad chunk size': `${start}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`,
      'no host': 'POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}',
    };
    for (const [name, text] of Object.entries(SHAPES)) {
      const { status } = parseAnswer(await exchange(text));
      assert.equal(status, 400, name);
    }
  });

  test('headers without end', async () => {
    const text = `POST / HTTP/1.1\r\nHost: x\r\n${'X-Note: x\r\n'.repeat(5000)}`;
    assert.equal(parseAnswer(await exchange(text)).status, 431);
  });
});

test('a server goes on after every refusal', async () => {
  assert.equal((await call('ListKeys', '{}')).status, 200);
});
