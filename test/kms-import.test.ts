/** Importing key material: every way to wrap it, what comes back, what is refused. */
import assert from 'node:assert/strict';
import { createHmac, createPrivateKey, createPublicKey, randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import type { Keymill, OperationInput } from 'keymill';
import { importInto, materialFor, WRAPPING_ALGORITHMS, wrapFor } from './support/kms-import.ts';
import { openInMemory, rejectsWith, utf8 } from './support/kms-service.ts';

const message = utf8('a message');
const DAY = 86_400_000;
const FOREVER = { ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE' } as const;

const external = async (kms: Keymill, input: OperationInput<'CreateKey'> = {}) =>
  (await kms.createKey({ ...input, Origin: 'EXTERNAL' })).KeyMetadata;

describe('wrapping', () => {
  for (const algorithm of WRAPPING_ALGORITHMS) {
    for (const WrappingKeySpec of ['RSA_2048', 'RSA_3072'] as const) {
      test(`${algorithm} under ${WrappingKeySpec}`, async (t) => {
        const kms = await openInMemory(t);
        const { KeyId, Arn } = await external(kms, { KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' });
        const material = randomBytes(40);
        const parameters = await kms.getParametersForImport({ KeyId, WrappingAlgorithm: algorithm, WrappingKeySpec });
        assert.equal(parameters.KeyId, Arn);
        assert.ok(Math.abs(parameters.ParametersValidTo.getTime() - Date.now() - DAY) < 60_000);
        assert.ok(parameters.ImportToken.length <= 6144);
        const EncryptedKeyMaterial = wrapFor(parameters.PublicKey, algorithm, material);
        const input = { KeyId, ImportToken: parameters.ImportToken, EncryptedKeyMaterial, ...FOREVER };
        const { KeyMaterialId } = await kms.importKeyMaterial(input);
        assert.match(KeyMaterialId!, /^[0-9a-f]{64}$/);
        const { Mac } = await kms.generateMac({ KeyId, Message: message, MacAlgorithm: 'HMAC_SHA_256' });
        assert.deepEqual(Buffer.from(Mac), createHmac('sha256', material).update(message).digest());
      });
    }
  }

  for (const KeySpec of [
    'RSA_2048',
    'ECC_NIST_P256',
    'ECC_NIST_P384',
    'ECC_NIST_P521',
    'ECC_SECG_P256K1',
    'ECC_NIST_EDWARDS25519',
  ] as const) {
    test(`${KeySpec}: the public key is that of the material`, async (t) => {
      const kms = await openInMemory(t);
      const { KeyId } = await external(kms, { KeySpec, KeyUsage: 'SIGN_VERIFY' });
      const material = materialFor(KeySpec);
      await importInto(kms, KeyId, material);
      const { PublicKey } = await kms.getPublicKey({ KeyId });
      const own = createPublicKey(createPrivateKey({ key: Buffer.from(material), format: 'der', type: 'pkcs8' }));
      assert.deepEqual(Buffer.from(PublicKey), own.export({ format: 'der', type: 'spki' }));
    });
  }

  test('what does not fit or is broken by design is refused', async (t) => {
    const kms = await openInMemory(t);
    const rsa = await external(kms, { KeySpec: 'RSA_2048', KeyUsage: 'SIGN_VERIFY' });
    const own = (await kms.createKey()).KeyMetadata;
    const parameters = (KeyId: string, WrappingAlgorithm: 'RSAES_OAEP_SHA_256' | 'RSAES_PKCS1_V1_5') =>
      kms.getParametersForImport({ KeyId, WrappingAlgorithm, WrappingKeySpec: 'RSA_2048' });
    await rejectsWith(parameters(rsa.KeyId, 'RSAES_OAEP_SHA_256'), 'ValidationException');
    await rejectsWith(parameters(rsa.KeyId, 'RSAES_PKCS1_V1_5'), 'UnsupportedOperationException');
    await rejectsWith(
      parameters(own.KeyId, 'RSAES_OAEP_SHA_256'),
      'UnsupportedOperationException',
      `${own.Arn} origin is AWS_KMS which is not valid for this operation.`,
    );
  });
});

describe('tokens', () => {
  test('a token is good for its key, unchanged, for 24 hours, and with its own public key', async (t) => {
    let now = Date.UTC(2026, 10, 22);
    const kms = await openInMemory(t, { clock: () => new Date(now) });
    const [key, other] = [await external(kms), await external(kms)];
    const request = { WrappingAlgorithm: 'RSAES_OAEP_SHA_256', WrappingKeySpec: 'RSA_2048' } as const;
    const first = await kms.getParametersForImport({ KeyId: key.KeyId, ...request });
    const second = await kms.getParametersForImport({ KeyId: key.KeyId, ...request });
    const material = randomBytes(32);
    const EncryptedKeyMaterial = wrapFor(first.PublicKey, 'RSAES_OAEP_SHA_256', material);
    const attempt = (ImportToken: Uint8Array, KeyId = key.KeyId) =>
      kms.importKeyMaterial({ KeyId, ImportToken, EncryptedKeyMaterial, ...FOREVER });
    await rejectsWith(attempt(second.ImportToken), 'InvalidCiphertextException', '');
    await rejectsWith(attempt(first.ImportToken, other.KeyId), 'InvalidImportTokenException');
    for (const at of [0, 1, 8, 9, 10, 11, first.ImportToken.length - 1]) {
      const changed = Uint8Array.from(first.ImportToken);
      changed[at]! ^= 1;
      await rejectsWith(attempt(changed), 'InvalidImportTokenException');
    }
    for (const length of [1, 5, 11, 40]) {
      await rejectsWith(attempt(first.ImportToken.subarray(0, length)), 'InvalidImportTokenException');
    }
    now += DAY;
    await rejectsWith(attempt(first.ImportToken), 'ExpiredImportTokenException');
    now -= 1;
    await attempt(first.ImportToken);
    assert.equal((await kms.describeKey({ KeyId: key.KeyId })).KeyMetadata.KeyState, 'Enabled');
  });

  test('wrapped bytes that were changed, cut or wrapped otherwise are one error', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = await external(kms);
    for (const algorithm of ['RSAES_OAEP_SHA_256', 'RSA_AES_KEY_WRAP_SHA_256'] as const) {
      const { ImportToken, PublicKey } = await kms.getParametersForImport({
        KeyId,
        WrappingAlgorithm: algorithm,
        WrappingKeySpec: 'RSA_2048',
      });
      const good = wrapFor(PublicKey, algorithm, randomBytes(32));
      const last = Uint8Array.from(good);
      last[last.length - 1]! ^= 1;
      const bad = [
        last,
        good.subarray(0, 255),
        good.subarray(0, good.length - 8),
        new Uint8Array(256),
        new Uint8Array(1),
        wrapFor(PublicKey, algorithm.replace('SHA_256', 'SHA_1') as typeof algorithm, randomBytes(32)),
      ];
      for (const EncryptedKeyMaterial of bad) {
        await rejectsWith(
          kms.importKeyMaterial({ KeyId, ImportToken, EncryptedKeyMaterial, ...FOREVER }),
          'InvalidCiphertextException',
          '',
        );
      }
    }
  });

  test('material of another length or kind is refused', async (t) => {
    const kms = await openInMemory(t);
    const CASES = [
      [{}, [new Uint8Array(31), new Uint8Array(33), new Uint8Array(16)]],
      [{ KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' }, [new Uint8Array(31), new Uint8Array(65)]],
      [
        { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' },
        [
          materialFor('ECC_NIST_P384'),
          materialFor('ECC_SECG_P256K1'),
          new Uint8Array(32),
          materialFor('ECC_NIST_P256').subarray(1),
        ],
      ],
    ] as const;
    for (const [input, materials] of CASES) {
      const { KeyId } = await external(kms, input);
      for (const material of materials) {
        await rejectsWith(importInto(kms, KeyId, material), 'IncorrectKeyMaterialException');
      }
    }
  });
});

describe('imported material', () => {
  test('is deleted, and comes back byte for byte only', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId, Arn } = await external(kms);
    const material = randomBytes(32);
    const { KeyMaterialId } = await importInto(kms, KeyId, material);
    const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: message });
    assert.deepEqual(await kms.deleteImportedKeyMaterial({ KeyId }), { KeyId: Arn, KeyMaterialId });
    assert.deepEqual(await kms.deleteImportedKeyMaterial({ KeyId }), { KeyId: Arn, KeyMaterialId });
    await rejectsWith(kms.decrypt({ CiphertextBlob }), 'KMSInvalidStateException', `${Arn} is pending import.`);
    await rejectsWith(importInto(kms, KeyId, randomBytes(32)), 'IncorrectKeyMaterialException');
    await rejectsWith(
      importInto(kms, KeyId, material, { ...FOREVER, KeyMaterialId: '0'.repeat(64) }),
      'IncorrectKeyMaterialException',
    );
    assert.equal((await importInto(kms, KeyId, material, { ...FOREVER, KeyMaterialId })).KeyMaterialId, KeyMaterialId);
    assert.deepEqual((await kms.decrypt({ CiphertextBlob })).Plaintext, message);
    // The same bytes in another key have another id.
    const other = await external(kms);
    assert.notEqual((await importInto(kms, other.KeyId, material)).KeyMaterialId, KeyMaterialId);
  });

  test('expires on time, swept or not, and may be imported again', async (t) => {
    let now = Date.UTC(2026, 10, 22);
    const kms = await openInMemory(t, { clock: () => new Date(now) });
    const { KeyId, Arn } = await external(kms);
    const material = randomBytes(32);
    const ValidTo = new Date(now + DAY);
    await importInto(kms, KeyId, material, { ValidTo });
    const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: message });
    const { KeyMetadata } = await kms.describeKey({ KeyId });
    assert.deepEqual([KeyMetadata.ExpirationModel, KeyMetadata.ValidTo], ['KEY_MATERIAL_EXPIRES', ValidTo]);
    now += DAY - 1;
    await kms.decrypt({ CiphertextBlob });
    now += 1;
    for (const sweep of [async () => {}, () => kms.maintain()]) {
      await sweep();
      await rejectsWith(kms.decrypt({ CiphertextBlob }), 'KMSInvalidStateException', `${Arn} is pending import.`);
      const expired = (await kms.describeKey({ KeyId })).KeyMetadata;
      assert.deepEqual(
        [expired.KeyState, expired.ExpirationModel, expired.ValidTo],
        ['PendingImport', undefined, undefined],
      );
    }
    await importInto(kms, KeyId, material);
    assert.deepEqual((await kms.decrypt({ CiphertextBlob })).Plaintext, message);
    for (const [input, text] of [
      [{}, 'A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES'],
      [{ ...FOREVER, ValidTo }, /must not be set/],
      [{ ValidTo: new Date(now) }, /in the future/],
      [{ ValidTo: new Date(now + 366 * DAY) }, /365 days/],
    ] as const) {
      await rejectsWith(importInto(kms, KeyId, material, input), 'ValidationException', text);
    }
  });

  test('a deletion outlives the material, and a cancelled one waits for it', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = await external(kms);
    await importInto(kms, KeyId, randomBytes(32));
    await kms.scheduleKeyDeletion({ KeyId });
    await kms.deleteImportedKeyMaterial({ KeyId });
    assert.equal((await kms.describeKey({ KeyId })).KeyMetadata.KeyState, 'PendingDeletion');
    await kms.cancelKeyDeletion({ KeyId });
    assert.equal((await kms.describeKey({ KeyId })).KeyMetadata.KeyState, 'PendingImport');
  });

  test('rotates on demand to the material imported for it; every material is needed from then on', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId, Arn } = await external(kms);
    const [first, second] = [randomBytes(32), randomBytes(32)];
    const old = await importInto(kms, KeyId, first);
    const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: message });
    await rejectsWith(
      kms.rotateKeyOnDemand({ KeyId }),
      'KMSInvalidStateException',
      `No available key material pending rotation for the key: ${Arn}.`,
    );
    const next = await importInto(kms, KeyId, second, {
      ...FOREVER,
      ImportType: 'NEW_KEY_MATERIAL',
      KeyMaterialDescription: 'the next one',
    });
    await kms.rotateKeyOnDemand({ KeyId });
    assert.equal((await kms.describeKey({ KeyId })).KeyMetadata.CurrentKeyMaterialId, next.KeyMaterialId);
    assert.equal((await kms.decrypt({ CiphertextBlob })).KeyMaterialId, old.KeyMaterialId);
    const { Rotations } = await kms.listKeyRotations({ KeyId, IncludeKeyMaterial: 'ALL_KEY_MATERIAL' });
    assert.deepEqual(
      Rotations.map((each) => [
        each.KeyMaterialId,
        each.KeyMaterialState,
        each.ImportState,
        each.KeyMaterialDescription,
        each.RotationType,
      ]),
      [
        [old.KeyMaterialId, 'NON_CURRENT', 'IMPORTED', undefined, undefined],
        [next.KeyMaterialId, 'CURRENT', 'IMPORTED', 'the next one', 'ON_DEMAND'],
      ],
    );
    await kms.deleteImportedKeyMaterial({ KeyId, KeyMaterialId: old.KeyMaterialId });
    await rejectsWith(
      kms.encrypt({ KeyId, Plaintext: message }),
      'KMSInvalidStateException',
      `${Arn} is pending import.`,
    );
    await importInto(kms, KeyId, first);
    assert.deepEqual((await kms.decrypt({ CiphertextBlob })).Plaintext, message);
    await rejectsWith(kms.deleteImportedKeyMaterial({ KeyId, KeyMaterialId: '0'.repeat(64) }), 'NotFoundException');
  });

  test('what has expired while it waited for a rotation is not rotated to, and makes room for another', async (t) => {
    let now = Date.UTC(2026, 10, 22);
    const kms = await openInMemory(t, { clock: () => new Date(now) });
    const { KeyId, Arn } = await external(kms);
    const { KeyMaterialId } = await importInto(kms, KeyId, randomBytes(32));
    await importInto(kms, KeyId, randomBytes(32), { ImportType: 'NEW_KEY_MATERIAL', ValidTo: new Date(now + DAY) });
    now += DAY;
    const all = () => kms.listKeyRotations({ KeyId, IncludeKeyMaterial: 'ALL_KEY_MATERIAL' });
    assert.equal((await all()).Rotations.length, 1);
    await rejectsWith(
      kms.rotateKeyOnDemand({ KeyId }),
      'KMSInvalidStateException',
      `No available key material pending rotation for the key: ${Arn}.`,
    );
    const { KeyMetadata } = await kms.describeKey({ KeyId });
    assert.deepEqual([KeyMetadata.KeyState, KeyMetadata.CurrentKeyMaterialId], ['Enabled', KeyMaterialId]);
    const next = await importInto(kms, KeyId, randomBytes(32), { ...FOREVER, ImportType: 'NEW_KEY_MATERIAL' });
    await kms.rotateKeyOnDemand({ KeyId });
    assert.equal((await kms.describeKey({ KeyId })).KeyMetadata.CurrentKeyMaterialId, next.KeyMaterialId);
  });

  test('rotates on demand 25 times and no more', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId, Arn } = await external(kms);
    await importInto(kms, KeyId, randomBytes(32));
    const parameters = await kms.getParametersForImport({
      KeyId,
      WrappingAlgorithm: 'RSAES_OAEP_SHA_256',
      WrappingKeySpec: 'RSA_2048',
    });
    for (let rotations = 0; rotations <= 25; rotations++) {
      await kms.importKeyMaterial({
        KeyId,
        ImportToken: parameters.ImportToken,
        EncryptedKeyMaterial: wrapFor(parameters.PublicKey, 'RSAES_OAEP_SHA_256', randomBytes(32)),
        ImportType: 'NEW_KEY_MATERIAL',
        ...FOREVER,
      });
      if (rotations < 25) await kms.rotateKeyOnDemand({ KeyId });
    }
    await rejectsWith(
      kms.rotateKeyOnDemand({ KeyId }),
      'LimitExceededException',
      `The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be performed for this key: ${Arn}`,
    );
  });
});
