/** Request bodies: what is read from them, and what is refused before an operation sees it. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  type Answer,
  call as callServer,
  errorOf,
  exchange,
  parseAnswer,
  startServer,
  type TestServer,
} from './support/server.ts';

let server: TestServer;
let keyId: string;
const closers: (() => unknown)[] = [];
before(async () => {
  server = await startServer({ after: (closer) => closers.push(closer as () => unknown) });
  keyId = (await server.kms.createKey()).KeyMetadata.KeyId;
});
after(async () => {
  for (const closer of closers) await closer();
});

const call = (operation: string, body: string | Uint8Array): Promise<Answer> => callServer(server, operation, body);
const encrypt = (plaintext: string) => call('Encrypt', `{"KeyId":"${keyId}","Plaintext":${plaintext}}`);
const BARE = { __type: 'SerializationException' };
const saying = (Message: string) => ({ ...BARE, Message });

describe('what is not one JSON structure', () => {
  for (const body of [
    '',
    '{',
    '"x"',
    '5',
    'null',
    '{"KeyId":',
    '{}x',
    '{"KeyId":"x",}',
    "{'KeyId':'x'}",
    '\u0000',
    '\ufeff{}',
  ]) {
    test(JSON.stringify(body), async () => {
      const { status, body: answered } = await call('Encrypt', body);
      assert.deepEqual([status, JSON.parse(answered)], [400, BARE]);
    });
  }

  test('a list', async () => {
    assert.deepEqual(JSON.parse((await call('Encrypt', '[]')).body), saying('Start of list found where not expected'));
  });

  test('Latin-1', async () => {
    const { status, body } = await call('DescribeKey', Buffer.from('{"KeyId":"\u00e9"}', 'latin1'));
    assert.deepEqual([status, JSON.parse(body)], [400, BARE]);
  });
});

describe('members of another type, in the words of AWS', () => {
  const TEXTS: readonly (readonly [operation: string, input: object, message: string])[] = [
    ['DescribeKey', { KeyId: 1 }, 'NUMBER_VALUE can not be converted to a String'],
    ['DescribeKey', { KeyId: 1.5 }, 'DECIMAL_VALUE can not be converted to a String'],
    ['DescribeKey', { KeyId: true }, 'TRUE_VALUE can not be converted to a String'],
    ['DescribeKey', { KeyId: false }, 'FALSE_VALUE can not be converted to a String'],
    ['DescribeKey', { KeyId: ['x'] }, 'Start of list found where not expected'],
    ['DescribeKey', { KeyId: {} }, 'Start of structure or map found where not expected.'],
    ['DescribeKey', { KeyId: 'x', GrantTokens: 'x' }, 'Expected list or null'],
    ['DescribeKey', { KeyId: 'x', GrantTokens: [1] }, 'NUMBER_VALUE can not be converted to a String'],
    ['CreateKey', { KeySpec: 1 }, 'NUMBER_VALUE can not be converted to a String'],
    ['CreateKey', { Tags: ['x'] }, 'Expected null'],
    ['ListKeys', { Limit: '1' }, 'STRING_VALUE can not be converted to an Integer'],
    ['ListKeys', { Limit: 1.5 }, 'DECIMAL_VALUE can not be converted to an Integer'],
    ['Encrypt', { DryRun: 'true' }, 'STRING_VALUE can not be converted to a Boolean'],
    ['Encrypt', { EncryptionContext: 'x' }, 'Expected map or null'],
    ['Encrypt', { EncryptionContext: { a: 1 } }, 'NUMBER_VALUE can not be converted to a String'],
    ['Encrypt', { EncryptionContext: { a: null } }, 'NULL_VALUE can not be converted to a String'],
    ['Encrypt', { Plaintext: 5 }, 'only base-64-encoded strings are convertible to bytes'],
    ['ImportKeyMaterial', { ValidTo: '2030-01-01' }, 'STRING_VALUE can not be converted to a Timestamp'],
  ];
  for (const [operation, input, message] of TEXTS) {
    test(`${operation} ${JSON.stringify(input)}`, async () => {
      const { status, body } = await call(operation, JSON.stringify(input));
      assert.deepEqual([status, JSON.parse(body)], [400, saying(message)]);
    });
  }

  test('the type of one member is looked at before the bounds of another', async () => {
    assert.deepEqual(errorOf(await call('DescribeKey', '{"KeyId":"","GrantTokens":5}')), [
      400,
      'SerializationException',
    ]);
  });

  test('null is an absent member, and an unknown member is ignored', async () => {
    assert.equal((await call('ListKeys', '{"Limit":null,"Marker":null,"Unknown":[{}]}')).status, 200);
  });
});

describe('Base64', () => {
  for (const blob of ['YQ=*=b!', 'YQ', 'YQ==x', 'YR==', 'YQ==\\n', ' YQ==', 'Y-_=', 'YQ\\u003d', '====']) {
    test(`is refused as ${blob}`, async () => {
      assert.deepEqual(errorOf(await encrypt(`"${blob}"`)), [400, 'SerializationException']);
    });
  }

  test('may be empty, which is then a matter of bounds', async () => {
    assert.deepEqual(errorOf(await encrypt('""')), [400, 'ValidationException']);
  });

  test('may be escaped as JSON likes', async () => {
    assert.equal((await encrypt('"\\u0059Q=\\u003d"')).status, 200);
    assert.equal((await encrypt('"\\/\\/8="')).status, 200);
  });
});

describe('a member that comes twice', () => {
  const twice = saying('A member of the request comes more than once.');
  const BODIES: Readonly<Record<string, string>> = {
    'in the request': '{"KeyId":"a","KeyId":"b"}',
    'with the same value': '{"KeyId":"a","KeyId":"a"}',
    'with spaces before the colon': '{"KeyId" :"a","KeyId"\n:"b"}',
    'once with an escape': '{"KeyId":"a","Key\\u0049d":"b"}',
    'in the encryption context': '{"EncryptionContext":{"a":"1","b":"2","a":"3"}}',
    'in a list': '{"Tags":[{"TagKey":"a","TagKey":"b"}]}',
    'among unknown members': '{"Unknown":{"x":1,"y":[{"x":1}],"x":2}}',
    'named __proto__': '{"EncryptionContext":{"__proto__":"1","__proto__":"2"}}',
  };
  for (const [title, body] of Object.entries(BODIES)) {
    test(title, async () => assert.deepEqual(JSON.parse((await call('Encrypt', body)).body), twice));
  }

  test('is not one that only looks alike', async () => {
    const sealed = (context: string) => `{"KeyId":"${keyId}","Plaintext":"aGk=","EncryptionContext":${context}}`;
    assert.equal((await call('Encrypt', sealed('{"a":"\\"a\\":","A":"{","a\\\\":"[\\\\"}'))).status, 200);
    assert.equal((await call('ListKeys', '{"x":{"a":1},"y":{"a":1},"z":["a","a"]}')).status, 200);
  });
});

describe('limits', () => {
  test('depth', async () => {
    const nested = (depth: number) => `{"Unknown":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
    assert.equal((await call('ListKeys', nested(16))).status, 200);
    assert.deepEqual(errorOf(await call('ListKeys', nested(17))), [400, 'SerializationException']);
    assert.deepEqual(errorOf(await call('ListKeys', nested(30_000))), [400, 'SerializationException']);
  });

  test('members', async () => {
    const many = (count: number) => `{"Unknown":[${new Array(count).fill('0').join(',')}]}`;
    assert.equal((await call('ListKeys', many(900))).status, 200);
    assert.deepEqual(errorOf(await call('ListKeys', many(1100))), [400, 'SerializationException']);
    const names = `{${Array.from({ length: 1100 }, (_, index) => `"${index}":0`).join(',')}}`;
    assert.deepEqual(errorOf(await call('ListKeys', names)), [400, 'SerializationException']);
  });

  test('bytes of a body with a length', async () => {
    const body = JSON.stringify({ x: 'x'.repeat(70_000) });
    assert.deepEqual(errorOf(await call('ListKeys', body)), [413, 'RequestEntityTooLargeException']);
  });

  test('bytes of a body in chunks', async () => {
    const chunk = 'x'.repeat(40_000);
    const chunked = `${chunk.length.toString(16)}\r\n${chunk}\r\n`;
    const text = `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunked}${chunked}0\r\n\r\n`;
    assert.equal(parseAnswer(await exchange(server.port, text)).status, 413);
  });
});

describe('names and texts', () => {
  test('__proto__ is a name like any other', async () => {
    const seal = (context: string) => `{"KeyId":"${keyId}","Plaintext":"aGk=","EncryptionContext":${context}}`;
    const { CiphertextBlob } = JSON.parse((await call('Encrypt', seal('{"__proto__":"x"}'))).body);
    const open = (context: string) =>
      call('Decrypt', `{"CiphertextBlob":"${CiphertextBlob}","EncryptionContext":${context}}`);
    assert.equal((await open('{"__proto__":"x"}')).status, 200);
    assert.deepEqual(errorOf(await open('{}')), [400, 'InvalidCiphertextException']);
    assert.deepEqual(errorOf(await open('{"__proto__":"y"}')), [400, 'InvalidCiphertextException']);
  });

  test('__proto__ gives a request no members', async () => {
    assert.equal((await call('ListKeys', '{"__proto__":{"Limit":-1}}')).status, 200);
    assert.equal(({} as { Limit?: unknown }).Limit, undefined);
  });

  test('half of a surrogate pair', async () => {
    const half = saying('Half of a surrogate pair found where not expected.');
    for (const body of ['{"Description":"\\ud83d"}', '{"Description":"\\uDE00x"}', '{"x":{"\\ud800":1}}']) {
      assert.deepEqual(JSON.parse((await call('CreateKey', body)).body), half, body);
    }
    const { body } = await call('CreateKey', '{"Description":"\\ud83d\\ude00 \\\\ud83d"}');
    assert.equal(JSON.parse(body).KeyMetadata.Description, '\u{1f600} \\ud83d');
  });
});
