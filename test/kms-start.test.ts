/** What outlives a restart, and what stops a start. */
import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Keymill } from 'keymill';
import { openEngine } from 'keymill/engine';
import { openSqliteStore } from '../src/store/index.ts';
import { contentsOf, copyStore, refusesToStart, temporaryDirectory, utf8 } from './support/kms-service.ts';

const message = utf8('a message');

describe('starting', () => {
  test('everything acknowledged is there after a restart', async (t) => {
    const path = join(temporaryDirectory(t), 'new', 'directory');
    const first = await Keymill.open({ path, region: 'eu-central-1', accountId: '222222222222' });
    const { KeyMetadata } = await first.createKey({ Description: 'café' });
    await first.createAlias({ AliasName: 'alias/x', TargetKeyId: KeyMetadata.KeyId });
    const { CiphertextBlob } = await first.encrypt({ KeyId: 'alias/x', Plaintext: message });
    const accessKey = await first.accessKeys.create();
    await first.close();
    assert.deepEqual(
      readdirSync(path).filter((name) => name.endsWith('.key')),
      ['root.key'],
    );

    const second = await Keymill.open({ path });
    t.after(() => second.close());
    assert.deepEqual([second.region, second.accountId], ['eu-central-1', '222222222222']);
    assert.deepEqual((await second.describeKey({ KeyId: 'alias/x' })).KeyMetadata, KeyMetadata);
    assert.deepEqual((await second.decrypt({ CiphertextBlob })).Plaintext, message);
    assert.deepEqual(await second.accessKeys.list(), [accessKey]);
    assert.deepEqual(await second.accessKeys.find(accessKey.accessKeyId), accessKey);
    assert.equal(await second.accessKeys.find('AKIANONE'), undefined);
  });

  test('a wrong, missing, open or broken root key stops the start and writes nothing', async (t) => {
    const made = temporaryDirectory(t);
    await (await Keymill.open({ path: made })).close();
    const path = await copyStore(t, made);
    const before = contentsOf(path);
    const refuses = (expected: RegExp, options = {}) => refusesToStart({ path, ...options }, expected);
    await refuses(/not the one this store was made with/, { rootKey: new Uint8Array(32) });
    await refuses(/32 bytes/, { rootKey: new Uint8Array(31) });
    await refuses(/32 bytes/, { rootKey: 'short' });
    await refuses(/region us-east-1, not eu-west-1/, { region: 'eu-west-1' });
    await refuses(/accountId/, { accountId: '5' });
    await refuses(/not derived from a passphrase/, { rootKey: { passphrase: 'correct horse' } });
    await refuses(/the environment has no KEYMILL_TEST_ABSENT/, { rootKey: { environment: 'KEYMILL_TEST_ABSENT' } });
    assert.deepEqual(contentsOf(path), before);
    const file = join(path, 'root.key');
    const good = readFileSync(file);
    if (process.platform !== 'win32') {
      chmodSync(file, 0o644);
      await refuses(/chmod 600/);
      chmodSync(file, 0o600);
    }
    writeFileSync(file, 'keymill-root-key-v9\nAAAA\n');
    await refuses(/not a keymill root key file/);
    rmSync(file);
    await refuses(/root key is missing/);
    const { 'root.key': _, ...rest } = before;
    assert.deepEqual(contentsOf(path), rest);
    const kms = await Keymill.open({ path, rootKey: good.toString('latin1').split('\n')[1]! });
    await kms.close();
  });

  test('the root key from KEYMILL_ROOT_KEY leaves no file', async (t) => {
    const path = temporaryDirectory(t);
    process.env.KEYMILL_ROOT_KEY = 'ab'.repeat(32);
    t.after(() => {
      delete process.env.KEYMILL_ROOT_KEY;
    });
    const first = await Keymill.open({ path });
    const { KeyId } = (await first.createKey()).KeyMetadata;
    await first.close();
    assert.equal(existsSync(join(path, 'root.key')), false);
    const second = await Keymill.open({ path, rootKey: Buffer.from('ab'.repeat(32), 'hex') });
    await second.encrypt({ KeyId, Plaintext: message });
    await second.close();
  });

  test('a store and an engine of the caller stay open', async (t) => {
    const [store, engine] = [await openSqliteStore(':memory:'), await openEngine()];
    t.after(() => Promise.all([store.close(), engine.close()]));
    const rootKey = createSecretKey(Buffer.alloc(32, 5)).export();
    const first = await Keymill.open({ store, engine, rootKey });
    const { KeyId } = (await first.createKey()).KeyMetadata;
    await first.close();
    const second = await Keymill.open({ store, engine, rootKey });
    await second.encrypt({ KeyId, Plaintext: message });
    await second.close();
  });

  test('two services that start one store at once agree on its root key', async (t) => {
    const path = temporaryDirectory(t);
    const both = await Promise.all([Keymill.open({ path }), Keymill.open({ path })]);
    const { KeyId } = (await both[0].createKey()).KeyMetadata;
    const { CiphertextBlob } = await both[1].encrypt({ KeyId, Plaintext: message });
    assert.deepEqual((await both[0].decrypt({ CiphertextBlob })).Plaintext, message);
    await Promise.all(both.map((kms) => kms.close()));
  });
});
