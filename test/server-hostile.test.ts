/** What the endpoint refuses before an operation runs. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import {
  type CallOptions,
  call as callServer,
  errorOf,
  exchange as exchangeWith,
  open,
  parseAnswer,
  readToEnd,
  signedRequest,
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
const exchange = (text: string | Uint8Array) => exchangeWith(server.port, text);

describe('what is refused before an operation runs', () => {
  test('no signature, a stranger, another body', async () => {
    const bare = `POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: TrentService.ListKeys\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`;
    assert.deepEqual(errorOf(parseAnswer(await exchange(bare))), [400, 'MissingAuthenticationTokenException']);
    assert.deepEqual(errorOf(await call('ListKeys', '{}', { body: '{ }' })), [400, 'InvalidSignatureException']);
  });

  const HEADERS: Readonly<Record<string, readonly [options: CallOptions, error: string]>> = {
    'two targets': [{ extraHeaders: ['X-Amz-Target: TrentService.CreateKey'] }, 'IncompleteSignatureException'],
    'two authorizations': [
      { extraHeaders: ['Authorization: AWS4-HMAC-SHA256 Credential=x'] },
      'IncompleteSignatureException',
    ],
    'an x-amz header that is not signed': [{ extraHeaders: ['X-Amz-Other: x'] }, 'InvalidSignatureException'],
    'a target that is not signed': [
      { target: undefined, extraHeaders: ['X-Amz-Target: TrentService.CreateKey'] },
      'InvalidSignatureException',
    ],
  };
  for (const [title, [options, error]] of Object.entries(HEADERS)) {
    test(title, async () => assert.deepEqual(errorOf(await call('ListKeys', '{}', options)), [400, error]));
  }

  test('two targets, even where nobody signs', async (t) => {
    const openServer = await startServer(t, { auth: 'none' });
    const twice = { extraHeaders: ['X-Amz-Target: TrentService.ListKeys'] };
    assert.deepEqual(errorOf(await callServer(openServer, 'ListKeys', '{}', twice)), [
      400,
      'IncompleteSignatureException',
    ]);
  });

  for (const line of [
    'GET / HTTP/1.1',
    'PUT / HTTP/1.1',
    'POST /x HTTP/1.1',
    'POST // HTTP/1.1',
    'POST /./ HTTP/1.1',
    'POST /?Action=ListKeys HTTP/1.1',
    'POST /%2e HTTP/1.1',
    'POST http://elsewhere/ HTTP/1.1',
  ]) {
    test(line, async () => {
      const answer = await call('ListKeys', '{}', { requestLine: line });
      assert.deepEqual(errorOf(answer), [404, 'UnknownOperationException']);
    });
  }
});

describe('what is no request at all: its status, and the connection ends', () => {
  const start = 'POST / HTTP/1.1\r\nHost: x\r\n';
  const SHAPES: Readonly<Record<string, readonly [text: string, status: number]>> = {
    'both lengths': [`${start}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    'both lengths, the other way round': [
      `${start}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
      400,
    ],
    'two lengths': [`${start}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`, 400],
    'two equal lengths': [`${start}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}`, 400],
    'a list of lengths': [`${start}Content-Length: 2, 2\r\n\r\n{}`, 400],
    'a negative length': [`${start}Content-Length: -2\r\n\r\n{}`, 400],
    'a signed length': [`${start}Content-Length: +2\r\n\r\n{}`, 400],
    'another transfer encoding': [`${start}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, 400],
    'chunked twice': [`${start}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`, 400],
    'chunked before another encoding': [`${start}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`, 400],
    'a folded header': [`${start}X-Note: a\r\n b\r\nContent-Length: 2\r\n\r\n{}`, 400],
    'a bare carriage return': [`${start}X-Note: a\rb\r\nContent-Length: 2\r\n\r\n{}`, 400],
    'a bare line feed': ['POST / HTTP/1.1\nHost: x\nContent-Length: 2\n\n{}', 400],
    'a null in a header': [`${start}X-Note: a\0b\r\nContent-Length: 2\r\n\r\n{}`, 400],
    'a space before the colon': [`${start}Content-Length : 2\r\n\r\n{}`, 400],
    'a header without a name': [`${start}: x\r\nContent-Length: 2\r\n\r\n{}`, 400],
    'a bad chunk size': [`${start}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`, 400],
    'a chunk longer than its size': [`${start}Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n`, 400],
    'no host': ['POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}', 400],
    'another protocol': ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 400],
    'a version that is none': ['POST / HTTP/9.9\r\nHost: x\r\n\r\n', 400],
    'a large header': [`${start}X-Note: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    'many headers': [`${start}${'X-Note: x\r\n'.repeat(5000)}`, 431],
    'a large request line': [`POST /${'x'.repeat(20_000)} HTTP/1.1\r\n\r\n`, 431],
    'an expectation': [`${start}Expect: miracles\r\nConnection: close\r\n\r\n`, 417],
  };
  for (const [title, [text, status]] of Object.entries(SHAPES)) {
    test(title, async () => assert.equal(parseAnswer(await exchange(text)).status, status));
  }

  test('a second request hidden in the first one’s body is not answered', async () => {
    const hidden = signedRequest(server, 'CreateKey', '{}');
    const text = `${start}Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`;
    const answers = await exchange(Buffer.concat([Buffer.from(text, 'latin1'), hidden]));
    assert.deepEqual(answers.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 400']);
    assert.equal((await server.kms.listKeys()).Keys.length, 0);
  });
});

describe('clients that take their time', () => {
  const timeouts = { headersMs: 150, requestMs: 300, keepAliveMs: 150, silenceMs: 600 };
  const start = 'POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: TrentService.ListKeys\r\n';

  /** What a client gets that sends a byte now and then for as long as it may. */
  async function dribble(port: number, head: string): Promise<string> {
    const socket = open(port);
    socket.write(head);
    const timer = setInterval(() => socket.write('x'), 20);
    const answer = await readToEnd(socket);
    clearInterval(timer);
    return answer;
  }

  test('over the headers', async (t) => {
    const { port } = await startServer(t, { timeouts });
    assert.equal(parseAnswer(await dribble(port, `${start}X-Note: `)).status, 408);
  });

  test('over the body', async (t) => {
    const { port } = await startServer(t, { timeouts });
    assert.equal(parseAnswer(await dribble(port, `${start}Content-Length: 60000\r\n\r\n`)).status, 408);
  });

  test('before they say anything', async (t) => {
    const { port } = await startServer(t, { timeouts });
    assert.equal(parseAnswer(await readToEnd(open(port))).status, 408);
  });

  test('before the next request', async (t) => {
    const slow = await startServer(t, { timeouts });
    const socket = open(slow.port);
    socket.write(signedRequest(slow, 'ListKeys', '{}', { connection: 'keep-alive' }));
    assert.equal(parseAnswer(await readToEnd(socket)).status, 200);
  });

  test('and never read their answers', async (t) => {
    const slow = await startServer(t, {
      timeouts: { ...timeouts, headersMs: 60_000, requestMs: 60_000, keepAliveMs: 60_000 },
    });
    const socket = open(slow.port);
    socket.pause();
    const request = signedRequest(slow, 'GenerateRandom', '{"NumberOfBytes":1024}', { connection: 'keep-alive' });
    socket.write(Buffer.concat(new Array(5000).fill(request)));
    const [accepted] = await once(slow.server, 'connection');
    await once(accepted, 'close');
    socket.destroy();
  });
});

test('a good client beside a hundred bad ones is served as before', async (t) => {
  const shared = await startServer(t);
  const body = JSON.stringify({ NumberOfBytes: 32 });
  /** The median of what calls took. */
  const median = async () => {
    const took: number[] = [];
    for (let i = 0; i < 60; i++) {
      const started = performance.now();
      assert.equal((await callServer(shared, 'GenerateRandom', body)).status, 200);
      took.push(performance.now() - started);
    }
    return took.sort((a, b) => a - b)[took.length / 2]!;
  };
  await median();
  const ratios: number[] = [];
  for (let round = 0; round < 5 && !ratios.some((ratio) => ratio < 2); round++) {
    const alone = await median();
    const bad = Array.from({ length: 100 }, (_, index) => {
      const socket = open(shared.port);
      socket.write(
        index % 2 === 0
          ? 'POST / HTTP/1.1\r\nHost: x\r\nX-Note: '
          : `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n`,
      );
      const timer = setInterval(() => socket.write('x'), 20);
      socket.on('close', () => clearInterval(timer));
      return socket;
    });
    ratios.push((await median()) / alone);
    for (const socket of bad) socket.destroy();
  }
  assert.ok(Math.min(...ratios) < 2, `${ratios} times slower`);
});

test('a server goes on after every refusal', async () => {
  assert.equal((await call('ListKeys', '{}')).status, 200);
});
