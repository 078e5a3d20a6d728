/** Answers that carry key bytes: right to the byte, without a string of them, and wiped afterwards. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Keymill } from 'keymill';
import { base64Bytes, writeBase64 } from '../src/server/base64.ts';
import { callOf } from '../src/server/wire.ts';
import { openInMemory } from './support/kms-service.ts';

let kms: Keymill;
const closers: (() => unknown)[] = [];
before(async () => {
  kms = await openInMemory({ after: (closer) => closers.push(closer as () => unknown) });
});
after(async () => {
  for (const closer of closers) await closer();
});

describe('Base64 from bytes to bytes', () => {
  const encoded = (bytes: Uint8Array) => {
    const target = Buffer.alloc(base64Bytes(bytes.length) + 2, '.');
    assert.equal(writeBase64(bytes, target, 1), target.length - 1);
    return target.toString('latin1');
  };
  test('every length of the last group', () => {
    for (let length = 0; length < 70; length++) {
      const bytes = Uint8Array.from({ length }, (_, index) => index * 37 + length);
      assert.equal(encoded(bytes), `.${Buffer.from(bytes).toString('base64')}.`);
    }
  });
  test('every digit in every place', () => {
    for (let value = 0; value < 64; value++) {
      const group = (value << 18) | (value << 12) | (value << 6) | value;
      const bytes = Uint8Array.of(group >> 16, (group >> 8) & 255, group & 255);
      assert.equal(encoded(bytes), `.${Buffer.from(bytes).toString('base64')}.`);
    }
  });
});

/** Everything that answers with key bytes or plaintext: the operation, its input, the member. */
async function secretAnswers(): Promise<readonly (readonly [operation: string, input: object, member: string])[]> {
  const { KeyId } = (await kms.createKey()).KeyMetadata;
  const Plaintext = Buffer.from('a plaintext of thirty-three bytes');
  const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext });
  const agreement = { KeySpec: 'ECC_NIST_P256', KeyUsage: 'KEY_AGREEMENT' } as const;
  const own = (await kms.createKey(agreement)).KeyMetadata.KeyId;
  const { PublicKey } = await kms.getPublicKey({ KeyId: own });
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
  return [
    ['Decrypt', { CiphertextBlob: text(CiphertextBlob) }, 'Plaintext'],
    ['GenerateDataKey', { KeyId, KeySpec: 'AES_256' }, 'Plaintext'],
    ['GenerateDataKeyPair', { KeyId, KeyPairSpec: 'ECC_NIST_P256' }, 'PrivateKeyPlaintext'],
    ['GenerateRandom', { NumberOfBytes: 1024 }, 'Plaintext'],
    ['DeriveSharedSecret', { KeyId: own, KeyAgreementAlgorithm: 'ECDH', PublicKey: text(PublicKey) }, 'SharedSecret'],
  ];
}

/** A service that also gives the very object its operations answered with. */
function watched(): { readonly kms: Keymill; readonly outputs: Record<string, Uint8Array>[] } {
  const outputs: Record<string, Uint8Array>[] = [];
  const perform = async (operation: string, input: unknown) => {
    const output = await kms.perform(operation, input);
    outputs.push(output as Record<string, Uint8Array>);
    return output;
  };
  return { kms: { perform } as unknown as Keymill, outputs };
}

test('secret members are bytes in the answer, and wiped where they came from', async () => {
  for (const [operation, input, member] of await secretAnswers()) {
    const { kms: service, outputs } = watched();
    const { status, body } = await callOf(`TrentService.${operation}`).answer(
      service,
      Buffer.from(JSON.stringify(input)),
    );
    assert.equal(status, 200, operation);
    assert.ok(Buffer.isBuffer(body), operation);
    const answer = JSON.parse(body.toString());
    assert.deepEqual(Object.keys(answer).sort(), Object.keys(outputs[0]!).sort());
    const secret = Buffer.from(answer[member], 'base64');
    assert.equal(secret.toString('base64'), answer[member]);
    assert.ok(secret.some((byte) => byte !== 0));
    assert.equal(secret.length, outputs[0]![member]!.length);
    assert.ok(
      outputs[0]![member]!.every((byte) => byte === 0),
      `${operation} leaves ${member}`,
    );
  }
});

test('Decrypt answers the plaintext that was encrypted', async () => {
  const [[, input]] = (await secretAnswers()) as [[string, object, string]];
  const { body } = await callOf('TrentService.Decrypt').answer(kms, Buffer.from(JSON.stringify(input)));
  const { Plaintext } = JSON.parse(body.toString());
  assert.equal(Buffer.from(Plaintext, 'base64').toString(), 'a plaintext of thirty-three bytes');
});

test('a batch with secrets is bytes too', async () => {
  const Operations = [
    { Operation: 'ListKeys' },
    ...(await secretAnswers()).map(([Operation, Input]) => ({ Operation, Input })),
  ];
  const { body } = await callOf('Keymill.Batch').answer(kms, Buffer.from(JSON.stringify({ Operations })));
  assert.ok(Buffer.isBuffer(body));
  const { Results } = JSON.parse(body.toString());
  assert.ok(Results.every(({ Output }: { Output?: object }) => Output !== undefined));
});
