/** Backups: whole, of one moment, while the service goes on, and never in the place of another file. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Keymill } from 'keymill';
import { temporaryDirectory, utf8 } from './support/kms-service.ts';

const message = utf8('a message');
const rootKey = 'ab'.repeat(32);

/** The service on a backup. */
function restore(file: string, directory: string): Promise<Keymill> {
  mkdirSync(directory);
  renameSync(file, join(directory, 'keymill.db'));
  return Keymill.open({ path: directory, rootKey });
}

test('a backup made in the midst of changes has everything that was acknowledged before it', async (t) => {
  const directory = temporaryDirectory(t);
  const kms = await Keymill.open({ path: join(directory, 'store'), rootKey });
  t.after(() => kms.close());
  const { KeyId } = (await kms.createKey()).KeyMetadata;
  const before = await kms.encrypt({ KeyId, Plaintext: message });
  await kms.rotateKeyOnDemand({ KeyId });
  const accessKey = await kms.accessKeys.create();
  await kms.createAlias({ AliasName: 'alias/x', TargetKeyId: KeyId });
  const file = join(directory, 'backup');
  const changes = Promise.all(Array.from({ length: 20 }, () => kms.createKey()));
  await kms.backup(file);
  await changes;
  const after = await kms.encrypt({ KeyId, Plaintext: message });
  await kms.close();
  if (process.platform !== 'win32') assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(directory).sort(), ['backup', 'store']);

  const restored = await restore(file, join(directory, 'restored'));
  t.after(() => restored.close());
  for (const { CiphertextBlob } of [before, after]) {
    assert.deepEqual((await restored.decrypt({ CiphertextBlob })).Plaintext, message);
  }
  await restored.encrypt({ KeyId: 'alias/x', Plaintext: message });
  assert.deepEqual(await restored.accessKeys.list(), [accessKey]);
  const { Keys } = await restored.listKeys();
  for (const each of Keys) await restored.encrypt({ KeyId: each.KeyId, Plaintext: message });
  await restored.createKey();
});

test('a file that exists is left alone', async (t) => {
  const directory = temporaryDirectory(t);
  const kms = await Keymill.open({ path: join(directory, 'store'), rootKey });
  t.after(() => kms.close());
  const file = join(directory, 'mine');
  writeFileSync(file, 'mine');
  await assert.rejects(kms.backup(file), { code: 'EEXIST' });
  await assert.rejects(kms.backup(join(directory, 'no such directory', 'backup')), { code: 'ENOENT' });
  assert.equal(readFileSync(file, 'utf8'), 'mine');
  assert.deepEqual(readdirSync(directory).sort(), ['mine', 'store']);
});

test('a store in memory has backups too', async (t) => {
  const directory = temporaryDirectory(t);
  const kms = await Keymill.open({ path: ':memory:', rootKey });
  t.after(() => kms.close());
  const { KeyId } = (await kms.createKey()).KeyMetadata;
  await kms.backup(join(directory, 'backup'));
  const restored = await restore(join(directory, 'backup'), join(directory, 'restored'));
  t.after(() => restored.close());
  await restored.encrypt({ KeyId, Plaintext: message });
});
