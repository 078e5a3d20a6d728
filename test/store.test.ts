/** The store's promises: what was acknowledged is there after a reopening, whole, and a strange database is refused. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type KeyRecord, openSqliteStore, type Store } from '../src/store/index.ts';
import { temporaryDirectory } from './support/kms-service.ts';

const key = (keyId: string): KeyRecord => ({
  keyId,
  version: 1,
  keySpec: 'SYMMETRIC_DEFAULT',
  keyUsage: 'ENCRYPT_DECRYPT',
  keyState: 'Enabled',
  origin: 'AWS_KMS',
  description: 'café \u{1f511}',
  creationDate: 1_795_306_794_956,
  currentMaterialId: 'm',
  deletionDate: null,
  rotationPeriodInDays: null,
  nextRotationDate: null,
});
const material = (keyId: string) => ({
  keyId,
  materialId: 'm',
  wrapped: Uint8Array.from({ length: 256 }, (_, i) => i),
  rootKeyId: 'r',
  creationDate: 2,
  materialState: 'CURRENT',
  validTo: null,
  description: null,
  rotationDate: null,
  rotationType: null,
});
const alias = (aliasName: string, targetKeyId: string) => ({
  aliasName,
  targetKeyId,
  creationDate: 3,
  lastUpdatedDate: 4,
});
const insert = (store: Store, keyId: string) => store.insertKey({ key: key(keyId), materials: [material(keyId)] });

test('records come back as they went in, after a reopening', async (t) => {
  const file = join(temporaryDirectory(t), 'keymill.db');
  const first = await openSqliteStore(file);
  await first.initialise(new Map([['region', 'us-east-1']]));
  await insert(first, 'a');
  assert.equal(await first.insertAlias(alias('alias/x', 'a'), 50), 'inserted');
  const wrappedSecret = new Uint8Array([0, 255]);
  const credential = { accessKeyId: 'AKIA', wrappedSecret, rootKeyId: 'r', principal: 'p', creationDate: 5 };
  await first.insertCredential(credential);
  await first.close();

  const second = await openSqliteStore(file);
  t.after(() => second.close());
  assert.deepEqual(await second.readSettings(), new Map([['region', 'us-east-1']]));
  const stored = await second.readKey('a');
  assert.deepEqual({ ...stored!.key }, key('a'));
  assert.deepEqual(
    stored!.materials.map((each) => ({ ...each })),
    [material('a')],
  );
  assert.equal(stored!.materials[0]!.wrapped!.constructor, Uint8Array);
  assert.deepEqual({ ...(await second.readAlias('alias/x')) }, alias('alias/x', 'a'));
  assert.deepEqual({ ...(await second.readCredential('AKIA')) }, credential);
  assert.equal(await second.readKey('b'), undefined);
});

test('settings are written once', async (t) => {
  const store = await openSqliteStore(':memory:');
  t.after(() => store.close());
  assert.equal(await store.initialise(new Map([['a', '1']])), true);
  assert.equal(await store.initialise(new Map([['a', '2']])), false);
  assert.equal((await store.readSettings()).get('a'), '1');
});

test('a key id is taken once, and a failed insert leaves nothing', async (t) => {
  const store = await openSqliteStore(':memory:');
  t.after(() => store.close());
  await insert(store, 'a');
  await assert.rejects(insert(store, 'a'));
  const twice = { key: key('b'), materials: [material('b'), material('b')] };
  await assert.rejects(store.insertKey(twice));
  assert.deepEqual(await store.listKeys({ limit: 10 }), ['a']);
});

test('an alias name is taken once, and a key has a limited number', async (t) => {
  const store = await openSqliteStore(':memory:');
  t.after(() => store.close());
  await insert(store, 'a');
  await insert(store, 'b');
  assert.equal(await store.insertAlias(alias('alias/1', 'a'), 2), 'inserted');
  assert.equal(await store.insertAlias(alias('alias/1', 'b'), 2), 'exists');
  assert.equal(await store.insertAlias(alias('alias/2', 'a'), 2), 'inserted');
  assert.equal(await store.insertAlias(alias('alias/3', 'a'), 2), 'limit');
  assert.equal(await store.insertAlias(alias('alias/3', 'b'), 2), 'inserted');
  await assert.rejects(store.insertAlias(alias('alias/4', 'no such key'), 2));
});

test('a key is changed as a whole or not at all, and its version grows', async (t) => {
  const store = await openSqliteStore(':memory:');
  t.after(() => store.close());
  await insert(store, 'a');
  const second = { ...material('a'), materialId: 'n', creationDate: 3 };
  const changed = await store.updateKey('a', ({ key: before, materials }) => ({
    key: { ...before, keyState: 'Disabled' },
    materials: [{ ...materials[0]!, wrapped: null }, second],
  }));
  assert.deepEqual([changed!.key.version, changed!.key.keyState], [2, 'Disabled']);
  const read = await store.readKey('a');
  assert.deepEqual({ ...read!.key }, changed!.key);
  assert.deepEqual(
    read!.materials.map((each) => ({ ...each })),
    [{ ...material('a'), wrapped: null }, second],
  );
  await assert.rejects(
    store.updateKey('a', ({ key: before, materials }) => ({ key: before, materials: [...materials, second] })),
  );
  await assert.rejects(
    store.updateKey('a', () => {
      throw new Error('no');
    }),
    /^Error: no$/,
  );
  assert.deepEqual(await store.readKey('a'), read);
  assert.equal(await store.updateKey('b', (before) => before), undefined);
});

test('what is under another root key than the store is not written', async (t) => {
  const store = await openSqliteStore(':memory:');
  t.after(() => store.close());
  await store.initialise(new Map([['rootKeyId', 'r']]));
  await insert(store, 'a');
  const stale = { ...material('b'), rootKeyId: 'q' };
  const credential = { accessKeyId: 'AKIA', wrappedSecret: new Uint8Array(1), principal: 'p', creationDate: 5 };
  const refusals = [
    store.insertKey({ key: key('b'), materials: [stale] }),
    store.updateKey('a', (before) => ({ ...before, materials: [...before.materials, { ...stale, keyId: 'a' }] })),
    store.insertCredential({ ...credential, rootKeyId: 'q' }),
  ];
  for (const refusal of refusals) await assert.rejects(refusal, { name: 'RootKeyReplacedError' });
  assert.deepEqual(await store.listKeys({ limit: 9 }), ['a']);
  assert.equal((await store.readKey('a'))!.key.version, 1);
  assert.deepEqual(await store.listCredentials(), []);
});

test('everything wrapped is replaced at once, or nothing', async (t) => {
  const store = await openSqliteStore(':memory:');
  t.after(() => store.close());
  await store.initialise(
    new Map([
      ['rootKeyId', 'r'],
      ['dropped', ''],
    ]),
  );
  // More than are read at a time.
  const ids = Array.from({ length: 600 }, (_, i) => `key-${String(i).padStart(3, '0')}`);
  for (const id of ids) await insert(store, id);
  await store.updateKey('key-001', ({ key: before, materials }) => ({
    key: before,
    materials: [{ ...materials[0]!, wrapped: null }],
  }));
  const credential = { accessKeyId: 'AKIA', wrappedSecret: new Uint8Array([1]), principal: 'p', creationDate: 5 };
  await store.insertCredential({ ...credential, rootKeyId: 'r' });
  const start = await store.readChangeNumber();
  const rewrap = (broken?: string) =>
    store.rewrap({
      async settings(before) {
        assert.deepEqual(Object.fromEntries(before), { rootKeyId: 'r', dropped: '' });
        return new Map([['rootKeyId', 's']]);
      },
      async material({ keyId, materialId, wrapped, rootKeyId }, keySpec) {
        if (keyId === broken) throw new Error('broken');
        assert.deepEqual([materialId, wrapped.length, rootKeyId, keySpec], ['m', 256, 'r', 'SYMMETRIC_DEFAULT']);
        return Buffer.from(keyId);
      },
      credential: async ({ wrappedSecret }) => wrappedSecret.map((byte) => byte + 1),
    });
  await assert.rejects(rewrap('key-599'), /^Error: broken$/);
  assert.equal((await store.readKey('key-000'))!.materials[0]!.rootKeyId, 'r');
  assert.equal((await store.readSettings()).get('rootKeyId'), 'r');
  await rewrap();
  assert.deepEqual(Object.fromEntries(await store.readSettings()), { rootKeyId: 's' });
  for (const id of ids) {
    const { wrapped, rootKeyId } = (await store.readKey(id))!.materials[0]!;
    assert.deepEqual([wrapped && Buffer.from(wrapped).toString(), rootKeyId], [id === 'key-001' ? null : id, 's']);
  }
  assert.deepEqual({ ...(await store.readCredential('AKIA')) }.wrappedSecret, new Uint8Array([2]));
  assert.deepEqual(
    (await store.readChanges(start))!.map(({ kind, name }) => `${kind} ${name}`),
    ['root s'],
  );
});

test('changes that run at once do not lose one another', async (t) => {
  const file = join(temporaryDirectory(t), 'keymill.db');
  const stores = await Promise.all([openSqliteStore(file), openSqliteStore(file)]);
  t.after(() => Promise.all(stores.map((store) => store.close())));
  await insert(stores[0]!, 'a');
  const append = (store: Store) =>
    store.updateKey('a', ({ key: before, materials }) => ({
      key: { ...before, description: `${before.description}.` },
      materials,
    }));
  await Promise.all(Array.from({ length: 40 }, (_, i) => append(stores[i % 2]!)));
  const { key: after } = (await stores[0]!.readKey('a'))!;
  assert.deepEqual([after.version, after.description.length], [41, key('a').description.length + 40]);
});

test('a key goes with everything of its own, when it is due', async (t) => {
  const store = await openSqliteStore(':memory:');
  t.after(() => store.close());
  for (const keyId of ['a', 'b']) {
    await store.insertKey({
      key: { ...key(keyId), keyState: 'PendingDeletion', deletionDate: 100 },
      materials: [material(keyId)],
      tags: [{ tagKey: 't', tagValue: '' }],
      policy: '{}',
    });
    await store.insertAlias(alias(`alias/${keyId}`, keyId), 50);
  }
  assert.deepEqual(await store.listDueKeys(99), []);
  assert.equal(await store.destroyKey('a', 99), undefined);
  assert.deepEqual(await store.listDueKeys(100), ['a', 'b']);
  assert.deepEqual(await store.destroyKey('a', 100), ['alias/a']);
  assert.equal(await store.destroyKey('a', 100), undefined);
  assert.deepEqual(await store.listKeys({ limit: 9 }), ['b']);
  assert.deepEqual(await store.listTags('a', { limit: 9 }), []);
  assert.equal(await store.readPolicy('a'), undefined);
  assert.equal(await store.readAlias('alias/a'), undefined);
  assert.equal((await store.listTags('b', { limit: 9 })).length, 1);
});

test('changes are numbered, and what is too old to tell is said so', async (t) => {
  const store = await openSqliteStore(':memory:');
  t.after(() => store.close());
  const start = await store.readChangeNumber();
  await insert(store, 'a');
  await store.insertAlias(alias('alias/x', 'a'), 50);
  await store.updateKey('a', (before) => before);
  await store.deleteAlias('alias/x');
  await store.deleteAlias('alias/x');
  const changes = await store.readChanges(start);
  assert.deepEqual(
    changes!.map(({ kind, name }) => `${kind} ${name}`),
    ['key a', 'alias alias/x', 'key a', 'alias alias/x'],
  );
  const newest = await store.readChangeNumber();
  assert.deepEqual(await store.readChanges(newest), []);
  assert.equal(await store.readChanges(start - 1), undefined);
});

test('listings go in pages in order', async (t) => {
  const store = await openSqliteStore(':memory:');
  t.after(() => store.close());
  for (const keyId of ['c', 'a', 'b']) await insert(store, keyId);
  assert.deepEqual(await store.listKeys({ limit: 2 }), ['a', 'b']);
  assert.deepEqual(await store.listKeys({ after: 'b', limit: 2 }), ['c']);
  for (const name of ['alias/2', 'alias/1']) await store.insertAlias(alias(name, 'a'), 50);
  await store.insertAlias(alias('alias/0', 'b'), 50);
  const names = async (page: Parameters<Store['listAliases']>[0]) =>
    (await store.listAliases(page)).map(({ aliasName }) => aliasName);
  assert.deepEqual(await names({ limit: 9 }), ['alias/0', 'alias/1', 'alias/2']);
  assert.deepEqual(await names({ limit: 9, targetKeyId: 'a', after: 'alias/1' }), ['alias/2']);
});

test('calls at once are all done', async (t) => {
  const store = await openSqliteStore(':memory:');
  t.after(() => store.close());
  const ids = Array.from({ length: 50 }, (_, i) => `key-${String(i).padStart(2, '0')}`);
  await Promise.all(ids.flatMap((id) => [insert(store, id), store.listKeys({ limit: 1 })]));
  assert.deepEqual(await store.listKeys({ limit: 100 }), ids);
});

test('two stores on one file take turns', async (t) => {
  const file = join(temporaryDirectory(t), 'keymill.db');
  const stores = await Promise.all([openSqliteStore(file), openSqliteStore(file)]);
  t.after(() => Promise.all(stores.map((store) => store.close())));
  await Promise.all(Array.from({ length: 20 }, (_, i) => insert(stores[i % 2]!, `key-${i}`)));
  for (const store of stores) assert.equal((await store.listKeys({ limit: 100 })).length, 20);
});

test('a new store is for its owner only, its log included', { skip: process.platform === 'win32' }, async (t) => {
  const directory = temporaryDirectory(t);
  const store = await openSqliteStore(join(directory, 'keymill.db'));
  t.after(() => store.close());
  await insert(store, 'key-1');
  const modes = readdirSync(directory).map((name) => statSync(join(directory, name)).mode & 0o777);
  assert.ok(modes.length > 1, 'there is a log');
  assert.deepEqual(new Set(modes), new Set([0o600]));
});

test('the file is in WAL mode', async (t) => {
  const file = join(temporaryDirectory(t), 'keymill.db');
  const store = await openSqliteStore(file);
  await store.close();
  // SQLite file format, section 1.3: bytes 18 and 19 are 2 in WAL mode.
  assert.deepEqual([...readFileSync(file).subarray(18, 20)], [2, 2]);
});

test('a schema of a newer release is refused and left alone', async (t) => {
  const file = join(temporaryDirectory(t), 'keymill.db');
  await (await openSqliteStore(file)).close();
  const { default: Libsql } = await import('libsql');
  const database = new Libsql(file);
  database.prepare('insert into migrations (version, applied_at) values (999, 0)').run();
  database.close();
  await assert.rejects(openSqliteStore(file), /schema version 999/);
});

test('a file that is no database is refused', async () => {
  await assert.rejects(openSqliteStore(import.meta.filename));
});
