/** Managing keys: what changes, what is seen of it at once, and what time does. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Keymill } from 'keymill';
import { openSqliteStore } from '../src/store/index.ts';
import { ACCOUNT, openInMemory, REGION, rejectsWith, temporaryDirectory, utf8 } from './support/kms-service.ts';

const message = utf8('a message');
const DAY = 86_400_000;

/** A clock that stands still until it is moved. */
function testClock(start = Date.UTC(2026, 10, 22)) {
  let at = start;
  return {
    clock: () => new Date(at),
    get now() {
      return at;
    },
    move(ms: number) {
      at += ms;
    },
  };
}

describe('deletion', () => {
  test('the key is gone when its window ends, and not a millisecond before', async (t) => {
    const time = testClock();
    const kms = await openInMemory(t, { clock: time.clock });
    const { KeyId, Arn } = (await kms.createKey({ Tags: [{ TagKey: 'a', TagValue: 'b' }] })).KeyMetadata;
    await kms.createAlias({ AliasName: 'alias/x', TargetKeyId: KeyId });
    const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: message });
    const scheduled = await kms.scheduleKeyDeletion({ KeyId, PendingWindowInDays: 7 });
    assert.deepEqual(scheduled, {
      KeyId: Arn,
      DeletionDate: new Date(time.now + 7 * DAY),
      KeyState: 'PendingDeletion',
      PendingWindowInDays: 7,
    });
    const { KeyMetadata } = await kms.describeKey({ KeyId });
    assert.deepEqual(
      [KeyMetadata.KeyState, KeyMetadata.Enabled, KeyMetadata.DeletionDate],
      ['PendingDeletion', false, scheduled.DeletionDate],
    );
    time.move(7 * DAY - 1);
    await kms.maintain();
    assert.equal((await kms.describeKey({ KeyId: 'alias/x' })).KeyMetadata.KeyState, 'PendingDeletion');
    time.move(1);
    const gone = `Key '${Arn}' does not exist`;
    // Even before anything has swept.
    await rejectsWith(kms.describeKey({ KeyId }), 'NotFoundException', gone);
    await rejectsWith(kms.cancelKeyDeletion({ KeyId }), 'NotFoundException', gone);
    await rejectsWith(kms.listAliases({ KeyId }), 'NotFoundException', gone);
    await kms.maintain();
    await rejectsWith(kms.describeKey({ KeyId }), 'NotFoundException', gone);
    await rejectsWith(kms.describeKey({ KeyId: 'alias/x' }), 'NotFoundException', /alias\/x is not found/);
    await rejectsWith(kms.decrypt({ CiphertextBlob }), 'AccessDeniedException');
    assert.deepEqual((await kms.listKeys()).Keys, []);
    assert.deepEqual((await kms.listAliases()).Aliases, []);
  });

  test('a clock that jumps back postpones, one that jumps within the window does nothing', async (t) => {
    const time = testClock();
    const kms = await openInMemory(t, { clock: time.clock });
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    await kms.scheduleKeyDeletion({ KeyId, PendingWindowInDays: 7 });
    for (const days of [6, -12, 5, 1, 5]) {
      time.move(days * DAY);
      await kms.maintain();
      assert.equal((await kms.describeKey({ KeyId })).KeyMetadata.KeyState, 'PendingDeletion');
    }
    await kms.cancelKeyDeletion({ KeyId });
    time.move(100 * DAY);
    await kms.maintain();
    assert.equal((await kms.describeKey({ KeyId })).KeyMetadata.KeyState, 'Disabled');
    await kms.enableKey({ KeyId });
    await kms.encrypt({ KeyId, Plaintext: message });
  });

  test('a clock that jumps forward ends the window; back again, a key is there until something swept it', async (t) => {
    const time = testClock();
    const kms = await openInMemory(t, { clock: time.clock });
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    await kms.scheduleKeyDeletion({ KeyId, PendingWindowInDays: 7 });
    time.move(1000 * DAY);
    await rejectsWith(kms.describeKey({ KeyId }), 'NotFoundException');
    time.move(-1000 * DAY);
    assert.equal((await kms.describeKey({ KeyId })).KeyMetadata.KeyState, 'PendingDeletion');
    time.move(7 * DAY);
    await kms.maintain();
    time.move(-7 * DAY);
    await rejectsWith(kms.describeKey({ KeyId }), 'NotFoundException');
    await rejectsWith(kms.cancelKeyDeletion({ KeyId }), 'NotFoundException');
  });

  test('a window that ended while nothing ran ends at the next open, and no file keeps the material', async (t) => {
    const path = temporaryDirectory(t);
    const time = testClock();
    const first = await Keymill.open({ path, clock: time.clock });
    const { KeyId } = (await first.createKey()).KeyMetadata;
    const { KeyId: kept } = (await first.createKey()).KeyMetadata;
    await first.scheduleKeyDeletion({ KeyId });
    await first.close();
    const store = await openSqliteStore(join(path, 'keymill.db'));
    const wrapped = Buffer.from((await store.readKey(KeyId))!.materials[0]!.wrapped!);
    await store.close();
    const holders = () => readdirSync(path).filter((name) => readFileSync(join(path, name)).includes(wrapped));
    assert.notDeepEqual(holders(), []);
    time.move(30 * DAY);
    const second = await Keymill.open({ path, clock: time.clock });
    t.after(() => second.close());
    await rejectsWith(second.describeKey({ KeyId }), 'NotFoundException');
    assert.deepEqual(holders(), []);
    await second.encrypt({ KeyId: kept, Plaintext: message });
  });

  test('the window has AWS limits, which an option widens', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    for (const [PendingWindowInDays, bound] of [
      [6, 'greater than or equal to 7'],
      [31, 'less than or equal to 30'],
      [0, 'greater than or equal to 1'],
    ] as const) {
      await rejectsWith(
        kms.scheduleKeyDeletion({ KeyId, PendingWindowInDays }),
        'ValidationException',
        `1 validation error detected: Value '${PendingWindowInDays}' at 'pendingWindowInDays' failed to satisfy constraint: Member must have value ${bound}`,
      );
    }
    assert.equal((await kms.scheduleKeyDeletion({ KeyId })).PendingWindowInDays, 30);
    const wider = await openInMemory(t, { ranges: { pendingWindowInDays: [1, 30] } });
    const other = (await wider.createKey()).KeyMetadata.KeyId;
    await wider.scheduleKeyDeletion({ KeyId: other, PendingWindowInDays: 1 });
  });
});

describe('changing a key', () => {
  test('what one call acknowledged the next one sees, and a warm key stays warm', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = (await kms.createKey({ Description: 'old' })).KeyMetadata;
    const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: message });
    await kms.updateKeyDescription({ KeyId, Description: 'new' });
    assert.equal((await kms.describeKey({ KeyId })).KeyMetadata.Description, 'new');
    await kms.disableKey({ KeyId });
    await rejectsWith(kms.decrypt({ CiphertextBlob }), 'DisabledException');
    await kms.enableKey({ KeyId });
    assert.deepEqual((await kms.decrypt({ CiphertextBlob })).Plaintext, message);
  });

  test('calls at once are one after the other', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    await Promise.all([
      kms.disableKey({ KeyId }),
      kms.updateKeyDescription({ KeyId, Description: 'x' }),
      kms.enableKeyRotation({ KeyId }).catch(() => {}),
      kms.disableKey({ KeyId }),
    ]);
    const { KeyState, Description } = (await kms.describeKey({ KeyId })).KeyMetadata;
    assert.deepEqual([KeyState, Description], ['Disabled', 'x']);
  });

  test('management takes key ids and key ARNs only', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    await kms.createAlias({ AliasName: 'alias/x', TargetKeyId: KeyId });
    await kms.encrypt({ KeyId: 'alias/x', Plaintext: message });
    await rejectsWith(kms.disableKey({ KeyId: 'alias/x' }), 'NotFoundException', "Invalid keyId 'alias/x'");
  });
});

describe('aliases', () => {
  test('an alias moves to another key of its kind, and goes', async (t) => {
    const kms = await openInMemory(t);
    const [a, b] = [(await kms.createKey()).KeyMetadata, (await kms.createKey()).KeyMetadata];
    const AliasName = 'alias/x';
    await kms.createAlias({ AliasName, TargetKeyId: a.KeyId });
    assert.equal((await kms.encrypt({ KeyId: AliasName, Plaintext: message })).KeyId, a.Arn);
    await kms.updateAlias({ AliasName, TargetKeyId: b.Arn });
    assert.equal((await kms.encrypt({ KeyId: AliasName, Plaintext: message })).KeyId, b.Arn);
    const mac = (await kms.createKey({ KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' })).KeyMetadata;
    await rejectsWith(kms.updateAlias({ AliasName, TargetKeyId: mac.KeyId }), 'ValidationException');
    await kms.deleteAlias({ AliasName });
    await rejectsWith(kms.encrypt({ KeyId: AliasName, Plaintext: message }), 'NotFoundException');
    const missing = `Alias arn:aws:kms:${REGION}:${ACCOUNT}:alias/x is not found.`;
    await rejectsWith(kms.deleteAlias({ AliasName }), 'NotFoundException', missing);
    await rejectsWith(kms.updateAlias({ AliasName, TargetKeyId: a.KeyId }), 'NotFoundException', missing);
    await rejectsWith(kms.deleteAlias({ AliasName: 'alias/aws/s3' }), 'NotAuthorizedException');
  });

  test('calls that race with a change of the alias use the old or the new key, and later ones the new', async (t) => {
    const kms = await openInMemory(t);
    const keys = [(await kms.createKey()).KeyMetadata, (await kms.createKey()).KeyMetadata];
    await kms.createAlias({ AliasName: 'alias/x', TargetKeyId: keys[0]!.KeyId });
    for (let round = 1; round < 100; round++) {
      const target = keys[round % 2]!;
      const racing = Promise.all(
        Array.from({ length: 5 }, () => kms.encrypt({ KeyId: 'alias/x', Plaintext: message })),
      );
      await kms.updateAlias({ AliasName: 'alias/x', TargetKeyId: target.KeyId });
      assert.equal((await kms.encrypt({ KeyId: 'alias/x', Plaintext: message })).KeyId, target.Arn);
      await racing;
    }
  });
});

describe('tags and policies', () => {
  test('at most 50 tags, in pages', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    const tags = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, i) => ({ TagKey: `k${String(from + i).padStart(2, '0')}`, TagValue: '' }));
    await kms.tagResource({ KeyId, Tags: tags(0, 50) });
    await kms.tagResource({ KeyId, Tags: [{ TagKey: 'k00', TagValue: 'again' }] });
    await rejectsWith(kms.tagResource({ KeyId, Tags: tags(49, 51) }), 'TagException', 'Too many tags');
    assert.equal((await kms.listResourceTags({ KeyId })).Tags.length, 50);
    const page = await kms.listResourceTags({ KeyId, Limit: 30 });
    const rest = await kms.listResourceTags({ KeyId, Marker: page.NextMarker });
    assert.deepEqual([page.Tags.length, page.Truncated, rest.Tags.length, rest.Truncated], [30, true, 20, false]);
    assert.deepEqual(page.Tags[0], { TagKey: 'k00', TagValue: 'again' });
    await kms.untagResource({ KeyId, TagKeys: ['k00', 'never there'] });
    assert.equal((await kms.listResourceTags({ KeyId })).Tags.length, 49);
  });

  test('a key has the default policy until another is put', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    const given = await kms.getKeyPolicy({ KeyId });
    assert.deepEqual(JSON.parse(given.Policy).Statement[0].Principal, { AWS: `arn:aws:iam::${ACCOUNT}:root` });
    assert.equal(given.PolicyName, 'default');
    assert.deepEqual(await kms.listKeyPolicies({ KeyId }), { PolicyNames: ['default'], Truncated: false });
    const Policy = '{"Version":"2012-10-17","Statement":[]}';
    await kms.putKeyPolicy({ KeyId, Policy });
    assert.equal((await kms.getKeyPolicy({ KeyId, PolicyName: 'default' })).Policy, Policy);
    await rejectsWith(kms.getKeyPolicy({ KeyId, PolicyName: 'other' }), 'NotFoundException', 'No such policy exists');
    await rejectsWith(kms.putKeyPolicy({ KeyId, Policy: 'no' }), 'MalformedPolicyDocumentException');
    await rejectsWith(kms.putKeyPolicy({ KeyId, Policy: `"${'x'.repeat(32_768)}"` }), 'LimitExceededException');
    const own = await kms.createKey({ Policy });
    assert.equal((await kms.getKeyPolicy({ KeyId: own.KeyMetadata.KeyId })).Policy, Policy);
  });
});
