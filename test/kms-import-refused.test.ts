/** What ImportKeyMaterial must not let in: weak and broken keys, and wrapped material that was tampered with. Nothing of it is kept. */
import assert from 'node:assert/strict';
import { createCipheriv, randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { Keymill, type OperationInput } from 'keymill';
import { KEY_SPECS, type KeySpec } from 'keymill/engine';
import { concat, flipBit } from './support/bytes.ts';
import { materialFor, type Wrapping, wrapFor } from './support/kms-import.ts';
import { openInMemory, rejectsWith } from './support/kms-service.ts';
import { REFUSALS } from './support/refused-keys.ts';

const FOREVER = { ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE' } as const;
const WRAPPING = { WrappingAlgorithm: 'RSA_AES_KEY_WRAP_SHA_256', WrappingKeySpec: 'RSA_2048' } as const;
const USAGE = { symmetric: 'ENCRYPT_DECRYPT', hmac: 'GENERATE_VERIFY_MAC' } as const;
const isSecret = (keySpec: KeySpec): boolean => KEY_SPECS[keySpec].family in USAGE;

/** A key that waits for its material, and what wraps it. */
interface Waiting {
  readonly kms: Keymill;
  readonly KeyId: string;
  readonly ImportToken: Uint8Array;
  readonly PublicKey: Uint8Array;
}

async function waitingKey(kms: Keymill, KeySpec: KeySpec, WrappingAlgorithm: Wrapping): Promise<Waiting> {
  const KeyUsage = USAGE[KEY_SPECS[KeySpec].family as keyof typeof USAGE] ?? 'SIGN_VERIFY';
  const input = { KeySpec, KeyUsage, Origin: 'EXTERNAL' } as OperationInput<'CreateKey'>;
  const { KeyId } = (await kms.createKey(input)).KeyMetadata;
  const { ImportToken, PublicKey } = await kms.getParametersForImport({ ...WRAPPING, KeyId, WrappingAlgorithm });
  return { kms, KeyId, ImportToken, PublicKey };
}

/** The import fails with this error, and the key still waits. */
async function refuses(waiting: Waiting, EncryptedKeyMaterial: Uint8Array, error: string): Promise<void> {
  const { kms, KeyId, ImportToken } = waiting;
  await rejectsWith(kms.importKeyMaterial({ KeyId, ImportToken, EncryptedKeyMaterial, ...FOREVER }), error, '');
  const { KeyState, CurrentKeyMaterialId } = (await kms.describeKey({ KeyId })).KeyMetadata;
  assert.deepEqual([KeyState, CurrentKeyMaterialId], ['PendingImport', undefined]);
}

const takes = ({ kms, KeyId, ImportToken }: Waiting, EncryptedKeyMaterial: Uint8Array) =>
  kms.importKeyMaterial({ KeyId, ImportToken, EncryptedKeyMaterial, ...FOREVER });

// Material comes as bytes where it is a secret and as PKCS#8 where it is a key pair.
const MATERIAL_REFUSALS = REFUSALS.filter(
  ({ keySpec, format, what }) => format === (isSecret(keySpec) ? 'raw' : 'pkcs8') && !/^(?:0|no) bytes$/.test(what),
);

for (const keySpec of [...new Set(MATERIAL_REFUSALS.map((each) => each.keySpec))]) {
  describe(`${keySpec}: material that is refused`, () => {
    let waiting: Waiting;
    before(async () => {
      waiting = await waitingKey(await Keymill.open({ path: ':memory:' }), keySpec, WRAPPING.WrappingAlgorithm);
    });
    after(() => waiting.kms.close());

    for (const { what, data } of MATERIAL_REFUSALS.filter((each) => each.keySpec === keySpec)) {
      test(what, () =>
        refuses(
          waiting,
          wrapFor(waiting.PublicKey, WRAPPING.WrappingAlgorithm, data()),
          'IncorrectKeyMaterialException',
        ),
      );
    }

    test('and a sound key is taken', async () => {
      await takes(waiting, wrapFor(waiting.PublicKey, WRAPPING.WrappingAlgorithm, materialFor(keySpec)));
    });
  });
}

describe('wrapped material that was changed', () => {
  for (const algorithm of ['RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256'] as const) {
    test(`${algorithm}: cut, extended, changed, or wrapped in another way`, async (t) => {
      const waiting = await waitingKey(await openInMemory(t), 'SYMMETRIC_DEFAULT', algorithm);
      const other = algorithm === 'RSAES_OAEP_SHA_1' ? 'RSAES_OAEP_SHA_256' : 'RSAES_OAEP_SHA_1';
      const good = wrapFor(waiting.PublicKey, algorithm, randomBytes(32));
      for (const wrapped of [
        good.subarray(1),
        good.subarray(0, -1),
        concat(good, Uint8Array.of(0)),
        concat(Uint8Array.of(0), good),
        concat(good, good),
        flipBit(good, 0),
        flipBit(good, good.length * 8 - 1),
        new Uint8Array(256),
        new Uint8Array(256).fill(0xff),
        Uint8Array.of(1),
        new Uint8Array(6144),
        wrapFor(waiting.PublicKey, other, randomBytes(32)),
      ]) {
        await refuses(waiting, wrapped, 'InvalidCiphertextException');
      }
      const hybrid = algorithm.replace('RSAES_OAEP', 'RSA_AES_KEY_WRAP') as Wrapping;
      await refuses(waiting, wrapFor(waiting.PublicKey, hybrid, randomBytes(32)), 'InvalidCiphertextException');
      await takes(waiting, good);
    });
  }

  test('RSA_AES_KEY_WRAP_SHA_256: either part cut, extended, changed, or wrapped in another way', async (t) => {
    const waiting = await waitingKey(await openInMemory(t), 'SYMMETRIC_DEFAULT', 'RSA_AES_KEY_WRAP_SHA_256');
    const { PublicKey } = waiting;
    const good = wrapFor(PublicKey, 'RSA_AES_KEY_WRAP_SHA_256', randomBytes(32));
    const [first, second] = [good.subarray(0, 256), good.subarray(256)];
    const another = wrapFor(PublicKey, 'RSA_AES_KEY_WRAP_SHA_256', randomBytes(32));
    /** AES key wrap without padding (RFC 3394), which has another initial value. */
    const unpadded = (() => {
      const aesKey = randomBytes(32);
      const cipher = createCipheriv('id-aes256-wrap', aesKey, Buffer.from('a6a6a6a6a6a6a6a6', 'hex'));
      const wrapped = concat(cipher.update(randomBytes(32)), cipher.final());
      return concat(wrapFor(PublicKey, 'RSAES_OAEP_SHA_256', aesKey), wrapped);
    })();
    for (const wrapped of [
      first,
      second,
      concat(first.subarray(1), second),
      good.subarray(0, -1),
      good.subarray(0, -8),
      concat(good, Uint8Array.of(0)),
      concat(good, new Uint8Array(8)),
      concat(first, second, second),
      concat(second, first),
      concat(first, another.subarray(256)),
      ...[0, 7, 31, second.length - 1].map((byte) => concat(first, flipBit(second, byte * 8))),
      flipBit(good, 5),
      unpadded,
      // An AES key of another length.
      concat(wrapFor(PublicKey, 'RSAES_OAEP_SHA_256', randomBytes(16)), second),
      concat(wrapFor(PublicKey, 'RSAES_OAEP_SHA_256', new Uint8Array(0)), second),
      wrapFor(PublicKey, 'RSA_AES_KEY_WRAP_SHA_1', randomBytes(32)),
      wrapFor(PublicKey, 'RSAES_OAEP_SHA_256', randomBytes(32)),
    ]) {
      await refuses(waiting, wrapped, 'InvalidCiphertextException');
    }
    await takes(waiting, good);
  });
});

describe('tokens', () => {
  test('a token of another key, of another store, changed in any byte, cut or extended', async (t) => {
    const kms = await openInMemory(t);
    const waiting = await waitingKey(kms, 'SYMMETRIC_DEFAULT', 'RSAES_OAEP_SHA_256');
    const sibling = await waitingKey(kms, 'SYMMETRIC_DEFAULT', 'RSAES_OAEP_SHA_256');
    const stranger = await waitingKey(await openInMemory(t), 'SYMMETRIC_DEFAULT', 'RSAES_OAEP_SHA_256');
    const good = wrapFor(waiting.PublicKey, 'RSAES_OAEP_SHA_256', randomBytes(32));
    const token = waiting.ImportToken;
    for (const ImportToken of [
      sibling.ImportToken,
      stranger.ImportToken,
      // Every byte of its header, then some of each part of what is wrapped.
      ...Array.from({ length: 48 }, (_, byte) => flipBit(token, byte * 8)),
      flipBit(token, token.length * 8 - 1),
      token.subarray(1),
      token.subarray(0, -1),
      concat(token, Uint8Array.of(0)),
      randomBytes(token.length),
    ]) {
      await refuses({ ...waiting, ImportToken }, good, 'InvalidImportTokenException');
    }
    // Good tokens, and what was wrapped for the other.
    await refuses(
      { ...waiting },
      wrapFor(sibling.PublicKey, 'RSAES_OAEP_SHA_256', randomBytes(32)),
      'InvalidCiphertextException',
    );
    await takes(waiting, good);
  });
});
