/** Keymill.Batch: many operations in one request. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { call, startServer, type TestServer } from './support/server.ts';

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

async function batch(Operations: unknown): Promise<{ status: number; answer: { Results: Result[]; __type?: string } }> {
  const { status, body } = await call(server, 'Batch', JSON.stringify({ Operations }), { target: 'Keymill.Batch' });
  return { status, answer: JSON.parse(body) };
}
interface Result {
  readonly Output?: Readonly<Record<string, string>>;
  readonly Error?: { readonly __type: string; readonly message?: string };
}

const encrypt = (index: number) => ({
  Operation: 'Encrypt',
  Input: { KeyId: keyId, Plaintext: Buffer.from(String(index)).toString('base64') },
});

test('a thousand operations keep their order', async () => {
  const { status, answer } = await batch(Array.from({ length: 1000 }, (_, index) => encrypt(index)));
  assert.equal(status, 200);
  const opened = await batch(
    answer.Results.map(({ Output }) => ({ Operation: 'Decrypt', Input: { CiphertextBlob: Output!.CiphertextBlob } })),
  );
  assert.deepEqual(
    opened.answer.Results.map(({ Output }) => Buffer.from(Output!.Plaintext!, 'base64').toString()),
    Array.from({ length: 1000 }, (_, index) => String(index)),
  );
});

test('a failing operation hurts only itself, whatever is wrong with it', async () => {
  const { status, answer } = await batch([
    encrypt(0),
    { Operation: 'Encrypt', Input: { KeyId: 'x', Plaintext: 'aGk=' } },
    { Operation: 'Encrypt', Input: { KeyId: keyId, Plaintext: '***' } },
    { Operation: 'Nonsense', Input: {} },
    { Operation: 'Encrypt', Input: [] },
    {},
    5,
    null,
    { Operation: 'DescribeKey' },
    { Operation: 'CreateAlias', Input: { AliasName: 'alias/batch', TargetKeyId: keyId } },
    { Operation: 'GenerateRandom', Input: { NumberOfBytes: 3 } },
    encrypt(1),
  ]);
  assert.equal(status, 200);
  const unknown = { Error: { __type: 'UnknownOperationException' } };
  const serialization = (Message: string) => ({ Error: { __type: 'SerializationException', Message } });
  assert.deepEqual(answer.Results.slice(1, 8), [
    { Error: { __type: 'NotFoundException', message: "Invalid keyId 'x'" } },
    serialization('only base-64-encoded strings are convertible to bytes'),
    unknown,
    serialization('Start of list found where not expected'),
    unknown,
    unknown,
    unknown,
  ]);
  assert.equal(answer.Results[8]!.Error!.__type, 'ValidationException');
  assert.deepEqual(answer.Results[9], { Output: {} });
  assert.equal(answer.Results[10]!.Output!.Plaintext!.length, 4);
  for (const index of [0, 11]) assert.ok(answer.Results[index]!.Output!.CiphertextBlob);
});

test('an empty batch has no results', async () => {
  assert.deepEqual((await batch([])).answer, { Results: [] });
});

test('more than a thousand operations, or no list of them, is refused as a whole', async () => {
  for (const operations of [new Array(1001).fill({ Operation: 'ListKeys' }), {}, 'x', undefined]) {
    const { status, answer } = await batch(operations);
    assert.deepEqual([status, answer.__type], [400, 'ValidationException']);
  }
});

test('a batch takes bodies that an operation does not', async () => {
  const Plaintext = Buffer.alloc(4096).toString('base64');
  const large = Array.from({ length: 1000 }, () => ({ Operation: 'Encrypt', Input: { KeyId: keyId, Plaintext } }));
  const { status, answer } = await batch(large);
  assert.equal(status, 200);
  assert.ok(answer.Results.every(({ Output }) => Output !== undefined));
});
