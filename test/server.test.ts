/** The endpoint over real sockets: what it answers. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Keymill } from 'keymill';
import { type CallOptions, call as callServer, startServer, type TestServer } from './support/server.ts';

let server: TestServer;
const closers: (() => unknown)[] = [];
before(async () => {
  server = await startServer({ after: (closer) => closers.push(closer as () => unknown) });
});
after(async () => {
  for (const closer of closers) await closer();
});
const call = (operation: string, body: string | Uint8Array, options?: CallOptions) =>
  callServer(server, operation, body, options);

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

  test('members of ours go over the wire too, and only where they are asked for', async () => {
    const { KeyId } = (await server.kms.createKey({ KeySpec: 'ECC_SECG_P256K1', KeyUsage: 'SIGN_VERIFY' })).KeyMetadata;
    const asked = { KeyId, Message: 'aGk=', SigningAlgorithm: 'ECDSA_SHA_256' };
    const membersOf = async (options: object) =>
      JSON.parse((await call('Sign', JSON.stringify({ ...asked, ...options }))).body);
    const options = { Deterministic: true, LowS: true, RecoveryId: true };
    const answer = await membersOf(options);
    assert.deepEqual(Object.keys(answer).sort(), ['KeyId', 'RecoveryId', 'Signature', 'SigningAlgorithm']);
    assert.ok([0, 1].includes(answer.RecoveryId));
    assert.deepEqual(await membersOf(options), answer);
    assert.deepEqual(Object.keys(await membersOf({})).sort(), ['KeyId', 'Signature', 'SigningAlgorithm']);
  });

  test('an operation without output answers nothing', async () => {
    const { KeyId } = (await server.kms.createKey()).KeyMetadata;
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
    const { KeyId } = (await server.kms.createKey()).KeyMetadata;
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => call('Encrypt', JSON.stringify({ KeyId, Plaintext: 'aGk=' }))),
    );
    assert.ok(answers.every(({ status }) => status === 200));
  });
});
