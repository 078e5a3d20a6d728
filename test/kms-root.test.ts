/** The root key: where it may come from, and going over to another one. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { Keymill, type RootKeyOption, StartError } from 'keymill';
import { openSqliteStore, type Store } from '../src/store/index.ts';
import { importInto } from './support/kms-import.ts';
import {
  alterStore,
  contentsOf,
  copyStore,
  refusesToStart,
  rejectsWith,
  temporaryDirectory,
  utf8,
} from './support/kms-service.ts';

const message = utf8('a message');
const passphrase = 'naïve correct horse';

function setEnvironment(t: TestContext, variables: Readonly<Record<string, string>>): void {
  Object.assign(process.env, variables);
  t.after(() => {
    for (const name of Object.keys(variables)) delete process.env[name];
  });
}

/** Opens, and closes with the test at the latest. */
async function open(t: TestContext, path: string, rootKey?: RootKeyOption): Promise<Keymill> {
  const kms = await Keymill.open({ path, rootKey });
  t.after(() => kms.close());
  return kms;
}

/** A service with something of everything that is kept under the root key; `check` holds it to all of that. */
async function populated(kms: Keymill) {
  const signing = (await kms.createKey({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' })).KeyMetadata.KeyId;
  const rotated = (await kms.createKey()).KeyMetadata.KeyId;
  const imported = (await kms.createKey({ Origin: 'EXTERNAL' })).KeyMetadata.KeyId;
  const expired = (await kms.createKey({ Origin: 'EXTERNAL' })).KeyMetadata.KeyId;
  const material = randomBytes(32);
  await importInto(kms, imported, material);
  await importInto(kms, expired, material);
  await kms.deleteImportedKeyMaterial({ KeyId: expired });
  const sealed = [await kms.encrypt({ KeyId: rotated, Plaintext: message })];
  await kms.rotateKeyOnDemand({ KeyId: rotated });
  for (const KeyId of [rotated, imported]) sealed.push(await kms.encrypt({ KeyId, Plaintext: message }));
  const { Signature } = await kms.sign({ KeyId: signing, Message: message, SigningAlgorithm: 'ECDSA_SHA_256' });
  const accessKey = await kms.accessKeys.create();
  return async (after: Keymill) => {
    for (const { CiphertextBlob } of sealed) {
      assert.deepEqual((await after.decrypt({ CiphertextBlob })).Plaintext, message);
    }
    await after.verify({ KeyId: signing, Message: message, Signature, SigningAlgorithm: 'ECDSA_SHA_256' });
    assert.deepEqual(await after.accessKeys.find(accessKey.accessKeyId), accessKey);
    // The same bytes are the same material still, and other bytes are not.
    await rejectsWith(importInto(after, expired, randomBytes(32)), 'IncorrectKeyMaterialException');
    await importInto(after, expired, material);
    await after.deleteImportedKeyMaterial({ KeyId: expired });
  };
}

describe('sources', () => {
  test('a passphrase: its key is in no file, and only the same passphrase opens the store', async (t) => {
    const made = temporaryDirectory(t);
    const first = await Keymill.open({ path: made, rootKey: { passphrase } });
    const check = await populated(first);
    await first.close();
    const path = await copyStore(t, made);
    const before = contentsOf(path);
    assert.deepEqual(Object.keys(before), ['keymill.db']);

    await refusesToStart({ path, rootKey: { passphrase: `${passphrase} ` } }, /passphrase is not the one/);
    await refusesToStart({ path, rootKey: { passphrase: '' } }, /passphrase of the root key is empty/);
    await refusesToStart({ path }, /derived from a passphrase: set KEYMILL_ROOT_PASSPHRASE/);
    assert.deepEqual(contentsOf(path), before);

    // However the letters were typed: here a letter and its mark, two characters.
    const second = await open(t, path, { passphrase: utf8(passphrase.normalize('NFC')) });
    await check(second);
    await second.close();
    setEnvironment(t, { KEYMILL_ROOT_PASSPHRASE: passphrase.normalize('NFD') });
    await check(await open(t, path));
  });

  test('a passphrase has a salt of its own in every store', async (t) => {
    const [a, b] = [temporaryDirectory(t), temporaryDirectory(t)];
    for (const path of [a, b]) await (await Keymill.open({ path, rootKey: { passphrase } })).close();
    await alterStore(
      a,
      `attach '${join(b, 'keymill.db')}' as b; update settings set value = (select value from b.settings as o where o.name = settings.name)
       where name <> 'rootKeyScrypt'`,
    );
    await refusesToStart({ path: a, rootKey: { passphrase } }, /passphrase is not the one/);
  });

  test('two services that start one store at once agree on its passphrase key', async (t) => {
    const path = temporaryDirectory(t);
    const [a, b] = await Promise.all([open(t, path, { passphrase }), open(t, path, { passphrase })]);
    const { KeyId } = (await a.createKey()).KeyMetadata;
    await b.encrypt({ KeyId, Plaintext: message });
  });

  test('a file of any name is made where absent, for its owner only', async (t) => {
    const [path, elsewhere] = [temporaryDirectory(t), join(temporaryDirectory(t), 'new', 'kms.key')];
    const check = await populated(await open(t, path, { file: elsewhere }));
    if (process.platform !== 'win32') assert.equal(statSync(elsewhere).mode & 0o777, 0o600);
    assert.equal(existsSync(join(path, 'root.key')), false);
    setEnvironment(t, { KEYMILL_ROOT_KEY_FILE: elsewhere });
    await check(await open(t, path));
  });

  test('a variable of any name; of those that keymill reads itself only one may be set', async (t) => {
    const path = temporaryDirectory(t);
    setEnvironment(t, { MY_ROOT_KEY: 'ab'.repeat(32), KEYMILL_ROOT_KEY: 'ab'.repeat(32) });
    const check = await populated(await open(t, path, { environment: 'MY_ROOT_KEY' }));
    await check(await open(t, path));
    setEnvironment(t, { KEYMILL_ROOT_PASSPHRASE: passphrase });
    await refusesToStart({ path }, /set one of KEYMILL_ROOT_KEY and KEYMILL_ROOT_PASSPHRASE, not both/);
  });

  test('a damaged store is told apart from a wrong key', async (t) => {
    const CHANGES: readonly (readonly [change: string, expected: RegExp])[] = [
      ["update settings set value = 'AAAA' where name = 'rootKeyCheck'", /key is right, but the store is damaged/],
      ["delete from settings where name = 'identifierKey'", /key is right, but the store is damaged/],
      ["update settings set value = '3' where name = 'rootKeyId'", /key is right, but the store is damaged/],
      ["update settings set value = 'AAAA' where name in ('rootKeyCheck', 'identifierKey')", /not the one this store/],
      ["insert into settings values ('rootKeyScrypt', '1073741824,8,1,AAAA')", /parameters of scrypt are not valid/],
    ];
    for (const [change, expected] of CHANGES) {
      const path = temporaryDirectory(t);
      await (await Keymill.open({ path, rootKey: new Uint8Array(32) })).close();
      await alterStore(path, change);
      const rootKey = change.includes('rootKeyScrypt') ? { passphrase } : new Uint8Array(32);
      await refusesToStart({ path, rootKey }, expected);
    }
  });
});

describe('replacing', () => {
  test('a key in a file is replaced by a new one there, and nothing of the old wrapping stays', async (t) => {
    const path = temporaryDirectory(t);
    const kms = await open(t, path);
    const check = await populated(kms);
    const oldFile = readFileSync(join(path, 'root.key'));
    const oldBlobs = await wrappedIn(path);
    await kms.rotateRootKey();
    await check(kms);
    const made = (await kms.createKey()).KeyMetadata.KeyId;
    await kms.close();

    assert.notDeepEqual(readFileSync(join(path, 'root.key')), oldFile);
    assert.ok(oldBlobs.length >= 5);
    for (const name of readdirSync(path)) {
      const bytes = readFileSync(join(path, name));
      for (const blob of oldBlobs) assert.equal(bytes.includes(blob), false, name);
    }
    await refusesToStart({ path, rootKey: oldFile.toString('latin1').split('\n')[1]! }, /not the one this store/);
    const again = await open(t, path);
    await check(again);
    await again.encrypt({ KeyId: made, Plaintext: message });
    await again.rotateRootKey();
    await check(again);
  });

  test('from any source to any other', async (t) => {
    const path = temporaryDirectory(t);
    const file = join(temporaryDirectory(t), 'kms.key');
    const SOURCES: readonly RootKeyOption[] = [{ passphrase }, randomBytes(32), { file }, 'cd'.repeat(32)];
    let kms = await open(t, path);
    const check = await populated(kms);
    for (const to of SOURCES) {
      await kms.rotateRootKey(to);
      await check(kms);
      await kms.close();
      kms = await open(t, path, to);
      await check(kms);
    }
    // The parameters of a passphrase go with it.
    await kms.close();
    await refusesToStart({ path, rootKey: { passphrase } }, /not derived from a passphrase/);
  });

  test('what cannot be done changes nothing', async (t) => {
    const path = temporaryDirectory(t);
    const rootKey = randomBytes(32);
    const kms = await open(t, path, rootKey);
    const check = await populated(kms);
    const refuses = (to: RootKeyOption | undefined, expected: RegExp) =>
      assert.rejects(kms.rotateRootKey(to), (error) => error instanceof StartError && expected.test(error.message));
    await refuses(undefined, /say what the new root key is/);
    await refuses(rootKey, /is the present one/);
    await assert.rejects(async () => kms.rotateRootKey(new Uint8Array(3)), /32 bytes/);
    await alterStore(path, "update key_materials set wrapped = x'00' where rowid = 3 and wrapped is not null");
    await assert.rejects(kms.rotateRootKey(randomBytes(32)), { code: 'DECRYPTION_FAILED' });
    await check(kms);
    await kms.close();
    await (await open(t, path, rootKey)).createKey();
  });

  test('cut short after the store went over, before the file has its place: the next start gives it that', async (t) => {
    const path = temporaryDirectory(t);
    const file = join(path, 'root.key');
    const kms = await open(t, path);
    const check = await populated(kms);
    copyFileSync(file, `${file}.old`);
    await kms.rotateRootKey();
    await kms.close();
    renameSync(file, `${file}.next`);
    copyFileSync(`${file}.old`, file);
    await check(await open(t, path));
    assert.deepEqual([existsSync(`${file}.next`), existsSync(file)], [false, true]);
    await check(await open(t, path));
  });

  test('cut short before the store went over: the new file is not looked at', async (t) => {
    const path = temporaryDirectory(t);
    const file = join(path, 'root.key');
    const check = await populated(await open(t, path));
    await (await Keymill.open({ path: temporaryDirectory(t), rootKey: { file: `${file}.next` } })).close();
    const kms = await open(t, path);
    await check(kms);
    await kms.rotateRootKey();
    await kms.close();
    await check(await open(t, path));
  });

  test('calls while it goes on are done, under the one key or the other', async (t) => {
    const path = temporaryDirectory(t);
    const [kms, other] = [await open(t, path), await open(t, path)];
    const check = await populated(kms);
    const rotating = kms.rotateRootKey();
    const made = await Promise.all([kms, other, kms, other].map(async (each) => (await each.createKey()).KeyMetadata));
    const accessKeys = await Promise.all([kms, other].map((each) => each.accessKeys.create()));
    await rotating;
    await Promise.all([kms.close(), other.close()]);
    const again = await open(t, path);
    await check(again);
    for (const { KeyId } of made) await again.encrypt({ KeyId, Plaintext: message });
    for (const each of accessKeys) assert.deepEqual(await again.accessKeys.find(each.accessKeyId), each);
  });

  test('another service on the store goes over where its source has the new key', async (t) => {
    const path = temporaryDirectory(t);
    const [here, there] = [await open(t, path), await open(t, path)];
    const check = await populated(here);
    await here.rotateRootKey();
    await there.maintain();
    await check(there);
    await there.createKey();
    await there.rotateRootKey();
    await here.maintain();
    await here.createKey();
    await check(here);
  });

  test('a service that starts while it goes on has the new key', async (t) => {
    const path = temporaryDirectory(t);
    const here = await open(t, path);
    const { KeyId } = (await here.createKey()).KeyMetadata;
    const store = await openSqliteStore(join(path, 'keymill.db'));
    t.after(() => store.close());
    let isReplaced = false;
    // The service asks for the number of the latest change when it has found its root key.
    const replacing = new Proxy(store, {
      get: (target, name: keyof Store) => async (argument: never) => {
        if (name === 'readChangeNumber' && !isReplaced) {
          isReplaced = true;
          await here.rotateRootKey();
        }
        return (target[name] as (argument: never) => unknown)(argument);
      },
    });
    const there = await Keymill.open({ path, store: replacing });
    t.after(() => there.close());
    await there.encrypt({ KeyId, Plaintext: message });
    assert.equal(isReplaced, true);
  });

  test('another service without the new key writes nothing under the old one, and then serves nothing', async (t) => {
    const path = temporaryDirectory(t);
    const rootKey = randomBytes(32);
    const [here, there] = [await open(t, path, rootKey), await open(t, path, rootKey)];
    const { KeyId } = (await there.createKey()).KeyMetadata;
    await here.rotateRootKey(randomBytes(32));
    const refusal = /root key of this store was replaced/;
    await rejectsWith(there.createKey(), 'KeyUnavailableException', refusal);
    await rejectsWith(there.rotateKeyOnDemand({ KeyId }), 'KeyUnavailableException', refusal);
    await assert.rejects(there.accessKeys.create(), refusal);
    await assert.rejects(there.rotateRootKey(rootKey), refusal);
    await there.maintain();
    await rejectsWith(there.encrypt({ KeyId, Plaintext: message }), 'KeyUnavailableException', refusal);
    await here.encrypt({ KeyId, Plaintext: message });
  });
});

/** Every wrapped material and secret in a store. */
async function wrappedIn(path: string): Promise<Buffer[]> {
  const { default: Libsql } = await import('libsql');
  const database = new Libsql(join(path, 'keymill.db'));
  const rows = database
    .prepare(
      'select wrapped as blob from key_materials where wrapped is not null union all select wrapped_secret from credentials',
    )
    .all() as { blob: ArrayBuffer }[];
  database.close();
  return rows.map(({ blob }) => Buffer.from(blob));
}
