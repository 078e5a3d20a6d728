/** The endpoint over real sockets: what it answers, and what it refuses. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { type AccessKey, Keymill } from 'keymill';
import { createServer } from 'keymill/server';
import { ACCOUNT, REGION } from './support/kms-service.ts';
import { sign } from './support/server-signer.ts';

let kms: Keymill;
let server: Server;
let port: number;
let accessKey: AccessKey;

before(async () => {
  kms = await Keymill.open({ path: ':memory:', accountId: ACCOUNT, region: REGION });
  accessKey = await kms.accessKeys.create();
  server = createServer(kms).listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
after(async () => {
  server.close();
  server.closeAllConnections();
  await kms.close();
});

interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Sends exactly these bytes and reads until the server closes the connection. */
async function exchange(text: string | Uint8Array): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => {});
  socket.write(text);
  await Promise.race([once(socket, 'close'), new Promise((resolve) => setTimeout(resolve, 2000).unref())]);
  socket.destroy();
  return Buffer.concat(chunks).toString('utf8');
}

function parseAnswer(text: string): Answer {
  const [head = '', ...body] = text.split('\r\n\r\n');
  const [statusLine = '', ...lines] = head.split('\r\n');
  return {
    status: Number(statusLine.split(' ')[1]),
    headers: new Map(lines.map((line) => [line.split(': ')[0]!.toLowerCase(), line.split(': ')[1]!])),
    body: body.join('\r\n\r\n'),
  };
}

interface CallOptions {
  readonly requestLine?: string;
  readonly extraHeaders?: readonly string[];
  readonly target?: string | undefined;
  /** Sent in place of the signed body. */
  readonly body?: string | Uint8Array;
}

/** A signed call on a connection of its own. */
async function call(operation: string, body: string | Uint8Array, options: CallOptions = {}): Promise<Answer> {
  const target = 'target' in options ? options.target : `TrentService.${operation}`;
  const request = sign({
    accessKeyId: accessKey.accessKeyId,
    secretAccessKey: accessKey.secretAccessKey,
    date: new Date(),
    headers: [
      ['Host', `127.0.0.1:${port}`],
      ['Content-Type', 'application/x-amz-json-1.1'],
      ...(target === undefined ? [] : [['X-Amz-Target', target] as const]),
    ],
    body,
  });
  const sent = Buffer.from(options.body ?? body);
  const lines = [
    options.requestLine ?? 'POST / HTTP/1.1',
    ...request.headers.map(([name, value]) => `${name}: ${value}`),
    ...(options.extraHeaders ?? []),
    `Content-Length: ${sent.length}`,
    'Connection: close',
  ];
  return parseAnswer(await exchange(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), sent])));
}

const errorOf = ({ status, body }: Answer) => [status, JSON.parse(body).__type];

describe('answers', () => {
  test('members go over the wire as AWS writes them', async () => {
    const made = await call('CreateKey', '{"Description":"caf\u00e9"}');
    assert.equal(made.status, 200);
    assert.equal(made.headers.get('content-type'), 'application/x-amz-json-1.1');
    assert.match(made.headers.get('x-amzn-requestid')!, /^[0-9a-f-]{36}$/);
    const { KeyMetadata } = JSON.parse(made.body);
    assert.equal(KeyMetadata.Description, 'caf\u00e9');
    assert.equal(typeof KeyMetadata.CreationDate, 'number');
    assert.ok(Math.abs(KeyMetadata.CreationDate - Date.now() / 1000) < 60);
    const sealed = await call('Encrypt', JSON.stringify({ KeyId: KeyMetadata.KeyId, Plaintext: 'aGk=', Unknown: [1] }));
    const { CiphertextBlob } = JSON.parse(sealed.body);
    const opened = await call('Decrypt', JSON.stringify({ CiphertextBlob }));
    assert.deepEqual(JSON.parse(opened.body), {
      KeyId: KeyMetadata.Arn,
      Plaintext: 'aGk=',
      EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
      KeyMaterialId: KeyMetadata.CurrentKeyMaterialId,
    });
  });

  test('an operation without output answers nothing', async () => {
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    const { status, body } = await call('CreateAlias', JSON.stringify({ AliasName: 'alias/s', TargetKeyId: KeyId }));
    assert.deepEqual([status, body], [200, '']);
  });

  test('errors: type, message, and no message member where AWS sends none', async () => {
    const cases: readonly (readonly [string, object, object])[] = [
      ['DescribeKey', { KeyId: 'x' }, { __type: 'NotFoundException', message: "Invalid keyId 'x'" }],
      ['Decrypt', { CiphertextBlob: 'AAAA' }, { __type: 'InvalidCiphertextException' }],
      ['GenerateRandom', {}, { __type: 'ValidationException', message: 'NumberOfBytes is required.' }],
      ['Nonsense', {}, { __type: 'UnknownOperationException' }],
      ['__proto__', {}, { __type: 'UnknownOperationException' }],
      ['constructor', {}, { __type: 'UnknownOperationException' }],
    ];
    for (const [operation, input, expected] of cases) {
      const { status, body } = await call(operation, JSON.stringify(input));
      assert.deepEqual([status, JSON.parse(body)], [400, expected]);
    }
  });

  test('AccessDeniedException has its message under a capital letter', async () => {
    const other = await Keymill.open({ path: ':memory:' });
    const { KeyId } = (await other.createKey()).KeyMetadata;
    const { CiphertextBlob } = await other.encrypt({ KeyId, Plaintext: new Uint8Array(1) });
    await other.close();
    const { body } = await call(
      'Decrypt',
      JSON.stringify({ CiphertextBlob: Buffer.from(CiphertextBlob).toString('base64') }),
    );
    assert.deepEqual(Object.keys(JSON.parse(body)), ['__type', 'Message']);
  });

  test('null is an absent member', async () => {
    const { status } = await call('ListKeys', '{"Limit":null,"Marker":null}');
    assert.equal(status, 200);
  });

  test('many requests on one connection', async () => {
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => call('Encrypt', JSON.stringify({ KeyId, Plaintext: 'aGk=' }))),
    );
    assert.ok(answers.every(({ status }) => status === 200));
  });
});

describe('bodies', () => {
  const serialization = [400, 'SerializationException'];

  test('what is not JSON, not an object, not UTF-8, or not strict Base64', async () => {
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    const encrypt = (plaintext: string) => `{"KeyId":"${KeyId}","Plaintext":${plaintext}}`;
    const notUtf8 = Buffer.from('{"KeyId":"\u00e9"}', 'latin1');
    for (const body of [notUtf8, '{', '[]', '"x"', '5', 'null', '{"KeyId":', '{}x', '\u0000']) {
      assert.deepEqual(errorOf(await call('Encrypt', body)), serialization, String(body));
    }
    for (const blob of ['"YQ=*=b!"', '"YQ"', '"YQ=="x', '"YR=="', '"YQ==\\n"', '"Y-_="', '[97]', '5', '{}']) {
      assert.deepEqual(errorOf(await call('Encrypt', encrypt(blob))), serialization, blob);
    }
    assert.deepEqual(errorOf(await call('Encrypt', encrypt('""'))), [400, 'ValidationException']);
  });

  test('deep nesting harms nobody', async () => {
    const deep = '['.repeat(30_000) + ']'.repeat(30_000);
    assert.deepEqual(errorOf(await call('Encrypt', `{"KeyId":${deep}}`)), serialization);
    const { status } = await call('ListKeys', `{"Unknown":${deep}}`);
    assert.equal(status, 200);
  });

  test('__proto__ is a name like any other', async () => {
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    const seal = (context: string) => `{"KeyId":"${KeyId}","Plaintext":"aGk=","EncryptionContext":${context}}`;
    const { CiphertextBlob } = JSON.parse((await call('Encrypt', seal('{"__proto__":"x"}'))).body);
    const open = (context: string) =>
      call('Decrypt', `{"CiphertextBlob":"${CiphertextBlob}","EncryptionContext":${context}}`);
    assert.equal((await open('{"__proto__":"x"}')).status, 200);
    assert.deepEqual(errorOf(await open('{}')), [400, 'InvalidCiphertextException']);
    assert.deepEqual(errorOf(await open('{"__proto__":"y"}')), [400, 'InvalidCiphertextException']);
    assert.equal((await call('ListKeys', '{"__proto__":{"Limit":1}}')).status, 200);
    assert.equal(({} as { Limit?: unknown }).Limit, undefined);
  });

  test('a body over the limit', async () => {
    const body = JSON.stringify({ x: 'x'.repeat(70_000) });
    assert.deepEqual(errorOf(await call('ListKeys', body)), [413, 'RequestEntityTooLargeException']);
    const chunk = 'x'.repeat(40_000);
    const chunked = `${chunk.length.toString(16)}\r\n${chunk}\r\n`;
    const text = `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunked}${chunked}0\r\n\r\n`;
    assert.equal(parseAnswer(await exchange(text)).status, 413);
  });
});

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
      `POST http://127.0.0.1:${port}/ HTTP/1.1`,
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
