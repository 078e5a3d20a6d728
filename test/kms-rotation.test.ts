/** Rotation: the new material is current at once, every older one still decrypts, and the schedule keeps its dates. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Keymill } from 'keymill';
import { openInMemory, rejectsWith, temporaryDirectory, utf8 } from './support/kms-service.ts';

const message = utf8('a message');
const DAY = 86_400_000;

describe('on demand', () => {
  test('25 rotations, all materials decrypt, after a restart too', async (t) => {
    const path = temporaryDirectory(t);
    const kms = await Keymill.open({ path });
    const { KeyId, Arn } = (await kms.createKey()).KeyMetadata;
    const blobs: Uint8Array[] = [];
    const ids = new Set<string>();
    for (let i = 0; i <= 25; i++) {
      const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: message });
      blobs.push(CiphertextBlob);
      ids.add((await kms.decrypt({ CiphertextBlob })).KeyMaterialId!);
      if (i < 25) assert.deepEqual(await kms.rotateKeyOnDemand({ KeyId }), { KeyId: Arn });
    }
    assert.equal(ids.size, 26);
    await rejectsWith(
      kms.rotateKeyOnDemand({ KeyId }),
      'LimitExceededException',
      `The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be performed for this key: ${Arn}`,
    );
    const page = await kms.listKeyRotations({ KeyId, Limit: 20 });
    const rest = await kms.listKeyRotations({ KeyId, Marker: page.NextMarker });
    assert.deepEqual(
      [page.Rotations.length, page.Truncated, rest.Rotations.length, rest.Truncated],
      [20, true, 5, false],
    );
    assert.equal((await kms.listKeyRotations({ KeyId, IncludeKeyMaterial: 'ALL_KEY_MATERIAL' })).Rotations.length, 26);
    await kms.close();
    const again = await Keymill.open({ path });
    t.after(() => again.close());
    const opened = await again.batch(
      blobs.map((CiphertextBlob) => ({ operation: 'Decrypt', input: { CiphertextBlob } })),
    );
    for (const { output } of opened) assert.deepEqual((output as { Plaintext: Uint8Array }).Plaintext, message);
  });

  test('not where the automatic rotation is due within 20 minutes', async (t) => {
    let now = Date.UTC(2026, 10, 22);
    const kms = await openInMemory(t, { clock: () => new Date(now) });
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    await kms.enableKeyRotation({ KeyId, RotationPeriodInDays: 90 });
    now += 90 * DAY - 20 * 60_000 - 1;
    await kms.rotateKeyOnDemand({ KeyId });
    now += 1;
    await rejectsWith(kms.rotateKeyOnDemand({ KeyId }), 'ConflictException');
    now += 20 * 60_000;
    await kms.maintain();
    await kms.rotateKeyOnDemand({ KeyId });
    assert.equal((await kms.listKeyRotations({ KeyId })).Rotations.length, 3);
  });

  test('rotations at once neither get lost nor pass the limit', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    const rotations = Array.from({ length: 30 }, () =>
      kms.rotateKeyOnDemand({ KeyId }).then(
        () => true,
        () => false,
      ),
    );
    const encryptions = Array.from({ length: 100 }, () => kms.encrypt({ KeyId, Plaintext: message }));
    assert.equal((await Promise.all(rotations)).filter(Boolean).length, 25);
    for (const { CiphertextBlob } of await Promise.all(encryptions)) await kms.decrypt({ CiphertextBlob });
    assert.equal((await kms.listKeyRotations({ KeyId })).Rotations.length, 25);
  });

  test('only symmetric keys rotate', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = (await kms.createKey({ KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' })).KeyMetadata;
    await rejectsWith(kms.rotateKeyOnDemand({ KeyId }), 'UnsupportedOperationException', '');
    await rejectsWith(kms.enableKeyRotation({ KeyId }), 'UnsupportedOperationException', '');
    await rejectsWith(kms.getKeyRotationStatus({ KeyId }), 'UnsupportedOperationException', '');
  });
});

describe('automatic', () => {
  test('a key rotates when its period is over, once, and not while it is disabled or pending deletion', async (t) => {
    let now = Date.UTC(2026, 10, 22);
    const kms = await openInMemory(t, { clock: () => new Date(now) });
    const { KeyId, Arn } = (await kms.createKey()).KeyMetadata;
    const materialId = async () => (await kms.describeKey({ KeyId })).KeyMetadata.CurrentKeyMaterialId;
    assert.deepEqual(await kms.getKeyRotationStatus({ KeyId }), { KeyRotationEnabled: false, KeyId: Arn });
    await kms.enableKeyRotation({ KeyId, RotationPeriodInDays: 90 });
    assert.deepEqual(await kms.getKeyRotationStatus({ KeyId }), {
      KeyRotationEnabled: true,
      KeyId: Arn,
      RotationPeriodInDays: 90,
      NextRotationDate: new Date(now + 90 * DAY),
    });
    const first = await materialId();
    const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: message });
    now += 90 * DAY - 1;
    await kms.maintain();
    assert.equal(await materialId(), first);
    now += 1;
    await Promise.all([kms.maintain(), kms.maintain()]);
    const second = await materialId();
    assert.notEqual(second, first);
    assert.deepEqual((await kms.getKeyRotationStatus({ KeyId })).NextRotationDate, new Date(now + 90 * DAY));
    assert.equal((await kms.decrypt({ CiphertextBlob })).KeyMaterialId, first);
    const { Rotations } = await kms.listKeyRotations({ KeyId });
    assert.deepEqual(
      Rotations.map(({ RotationType }) => RotationType),
      ['AUTOMATIC'],
    );

    await kms.disableKey({ KeyId });
    now += 91 * DAY;
    await kms.maintain();
    assert.equal(await materialId(), second);
    assert.equal((await kms.getKeyRotationStatus({ KeyId })).KeyRotationEnabled, true);
    await kms.scheduleKeyDeletion({ KeyId });
    assert.equal((await kms.getKeyRotationStatus({ KeyId })).KeyRotationEnabled, false);
    await kms.cancelKeyDeletion({ KeyId });
    await kms.enableKey({ KeyId });
    await kms.maintain();
    assert.notEqual(await materialId(), second);
    await kms.disableKeyRotation({ KeyId });
    const third = await materialId();
    now += 1000 * DAY;
    await kms.maintain();
    assert.equal(await materialId(), third);
  });

  test('the period has AWS limits, which an option widens', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    for (const [RotationPeriodInDays, bound] of [
      [89, 'greater than or equal to 90'],
      [2561, 'less than or equal to 2560'],
    ] as const) {
      await rejectsWith(
        kms.enableKeyRotation({ KeyId, RotationPeriodInDays }),
        'ValidationException',
        `1 validation error detected: Value '${RotationPeriodInDays}' at 'rotationPeriodInDays' failed to satisfy constraint: Member must have value ${bound}`,
      );
    }
    const wider = await openInMemory(t, { ranges: { rotationPeriodInDays: [1, 3650] } });
    await wider.enableKeyRotation({ KeyId: (await wider.createKey()).KeyMetadata.KeyId, RotationPeriodInDays: 1 });
  });
});

test('ListKeyRotations: pages that end exactly, one past, and markers of something else', async (t) => {
  const kms = await openInMemory(t);
  const { KeyId } = (await kms.createKey()).KeyMetadata;
  assert.deepEqual(await kms.listKeyRotations({ KeyId }), { Rotations: [], Truncated: false });
  for (let i = 0; i < 4; i++) await kms.rotateKeyOnDemand({ KeyId });
  const everything = (await kms.listKeyRotations({ KeyId })).Rotations;
  assert.deepEqual(Object.keys(everything[0]!), [
    'KeyId',
    'KeyMaterialId',
    'KeyMaterialState',
    'RotationDate',
    'RotationType',
  ]);
  for (const Limit of [1, 2, 3, 4, 5, 1000]) {
    const pages: (typeof everything)[] = [];
    for (let Marker: string | undefined; ; ) {
      const page = await kms.listKeyRotations({ KeyId, Limit, Marker });
      pages.push(page.Rotations);
      assert.equal(page.Truncated, page.NextMarker !== undefined);
      if (page.NextMarker === undefined) break;
      Marker = page.NextMarker;
    }
    assert.equal(pages.length, Math.ceil(4 / Limit));
    assert.deepEqual(pages.flat(), everything);
  }
  const { NextMarker } = await kms.listKeyRotations({ KeyId, Limit: 1 });
  const other = (await kms.createKey()).KeyMetadata.KeyId;
  for (const wrong of [
    { KeyId: other, Marker: NextMarker },
    { KeyId, Marker: `${NextMarker}A` },
    { KeyId, Marker: 'x' },
  ]) {
    await rejectsWith(kms.listKeyRotations(wrong), 'InvalidMarkerException', 'Could not parse marker.');
  }
});
