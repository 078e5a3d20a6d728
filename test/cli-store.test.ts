/** The commands on a store: seed, backup, rotate-root. What they print tells what became of it; what fails says why and ends with 1. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Keymill } from 'keymill';
import { run } from './support/cli.ts';
import { temporaryDirectory, utf8 } from './support/kms-service.ts';

const message = utf8('a message');
const KeyId = '00000000-0000-4000-8000-00000000000a';

/** A store with a key of a seed. */
function seeded(t: TestContext) {
  const directory = temporaryDirectory(t);
  const [path, seed] = [join(directory, 'store'), join(directory, 'seed.yaml')];
  writeFileSync(seed, `Keys: [{ KeyId: ${KeyId}, Aliases: [alias/x] }]`);
  const { status, stderr } = run(['seed', seed, '--path', path, '--region', 'eu-west-1']);
  assert.deepEqual([status, stderr], [0, '']);
  return { directory, path, seed };
}

test('seed makes a store, and says what is wrong with a file', async (t) => {
  const { path, seed } = seeded(t);
  const kms = await Keymill.open({ path });
  assert.match((await kms.describeKey({ KeyId: 'alias/x' })).KeyMetadata.Arn, new RegExp(`eu-west-1.*${KeyId}`));
  await kms.close();
  writeFileSync(seed, `Keys: [{ KeyId: ${KeyId}, KeyMaterial: ${'00'.repeat(32)} }]`);
  const { status, stderr } = run(['seed', seed, '--path', path]);
  assert.equal(status, 1);
  assert.equal(stderr, `keymill: ${seed}:1: Keys[0] (${KeyId}): the store has this key with other material\n`);
});

test('backup copies a store that is in use, and overwrites nothing', async (t) => {
  const { directory, path } = seeded(t);
  const kms = await Keymill.open({ path });
  t.after(() => kms.close());
  const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: message });
  const file = join(directory, 'backup');
  assert.equal(run(['backup', file, '--path', path]).status, 0);
  const { status, stderr } = run(['backup', file, '--path', path]);
  assert.deepEqual([status, stderr], [1, `keymill: ${file} exists already\n`]);
  const restored = join(directory, 'restored');
  mkdirSync(restored);
  renameSync(file, join(restored, 'keymill.db'));
  const again = await Keymill.open({ path: restored, rootKey: { file: join(path, 'root.key') } });
  t.after(() => again.close());
  assert.deepEqual((await again.decrypt({ CiphertextBlob })).Plaintext, message);
});

test('rotate-root renews the file under a running service, or takes the key that the environment says', async (t) => {
  const { path } = seeded(t);
  const kms = await Keymill.open({ path });
  t.after(() => kms.close());
  const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: message });
  assert.equal(run(['rotate-root', '--path', path]).status, 0);
  await kms.createKey();
  const rootKey = 'ab'.repeat(32);
  assert.equal(run(['rotate-root', '--path', path], { KEYMILL_NEW_ROOT_KEY: rootKey }).status, 0);
  const again = await Keymill.open({ path, rootKey });
  t.after(() => again.close());
  assert.deepEqual((await again.decrypt({ CiphertextBlob })).Plaintext, message);
});

test('a path without a store is no reason to make one', (t) => {
  const path = join(temporaryDirectory(t), 'store');
  for (const words of [['backup', `${path}.backup`], ['rotate-root']]) {
    const { status, stderr } = run([...words, '--path', path]);
    assert.equal(status, 1);
    assert.match(stderr, /there is no store in/);
  }
  assert.equal(existsSync(path), false);
});
