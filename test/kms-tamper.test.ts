/** A store that somebody wrote to behind keymill's back: what was changed does not open, and never opens as another key. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { Keymill, KmsError } from 'keymill';
import Libsql from 'libsql';
import { alterStore, copyStore, rejectsWith, temporaryDirectory, utf8 } from './support/kms-service.ts';

const message = utf8('a message');
const damaged = (error: unknown) => error instanceof KmsError && error.name === 'KMSInternalException';

describe('a store written to by somebody else', () => {
  const path = temporaryDirectory({ after });
  let a: string;
  let b: string;
  let rotated: string;
  before(async () => {
    const kms = await Keymill.open({ path });
    const create = async () => (await kms.createKey()).KeyMetadata.KeyId;
    [a, b, rotated] = [await create(), await create(), await create()];
    await kms.rotateKeyOnDemand({ KeyId: rotated });
    await kms.accessKeys.create({ principal: 'arn:aws:iam::111111111111:user/one' });
    await kms.accessKeys.create({ principal: 'arn:aws:iam::111111111111:user/two' });
    await kms.close();
  });

  /** The service on a copy of the store after `change`. */
  async function afterChange(t: TestContext, change: string): Promise<Keymill> {
    const copy = await copyStore(t, path);
    await alterStore(copy, change);
    const kms = await Keymill.open({ path: copy });
    t.after(() => kms.close());
    return kms;
  }

  const ZEROS = '0'.repeat(64);
  const CHANGES: Readonly<Record<string, string>> = {
    'materials swapped':
      'create temp table old as select key_id, wrapped from key_materials; update key_materials set wrapped = (select wrapped from old where old.key_id <> key_materials.key_id limit 1)',
    'materials renamed': `delete from key_materials where material_id not in (select current_material_id from keys); update key_materials set material_id = '${ZEROS}'; update keys set current_material_id = '${ZEROS}'`,
    'another spec': "update keys set key_spec = 'HMAC_256', key_usage = 'ENCRYPT_DECRYPT'",
    'cut short': 'update key_materials set wrapped = substr(wrapped, 1, 40)',
    'one byte': "update key_materials set wrapped = x'00'",
    empty: "update key_materials set wrapped = x''",
  };
  for (const [name, change] of Object.entries(CHANGES)) {
    test(name, async (t) => {
      const kms = await afterChange(t, change);
      for (const KeyId of [a, b, rotated]) await assert.rejects(kms.encrypt({ KeyId, Plaintext: message }), damaged);
    });
  }

  test('a bit of each byte of stored material', async (t) => {
    const database = new Libsql(join(path, 'keymill.db'), { readonly: true });
    const row = database.prepare('select wrapped from key_materials where key_id = ?').get(a) as { wrapped: Buffer };
    database.close();
    const wrapped = Buffer.from(row.wrapped);
    for (let at = 0; at < wrapped.length; at++) {
      const changed = Buffer.from(wrapped);
      changed[at]! ^= 1 << randomInt(8);
      const kms = await afterChange(
        t,
        `update key_materials set wrapped = x'${changed.toString('hex')}' where key_id = '${a}'`,
      );
      await assert.rejects(kms.encrypt({ KeyId: a, Plaintext: message }), damaged, `byte ${at}`);
      await kms.encrypt({ KeyId: b, Plaintext: message });
      await kms.close();
    }
  });

  test('a row moved to another key', async (t) => {
    const move = `delete from key_materials where key_id = '${b}';
      update keys set current_material_id = (select current_material_id from keys where key_id = '${a}') where key_id = '${b}';
      update key_materials set key_id = '${b}' where key_id = '${a}'`;
    const kms = await afterChange(t, move);
    for (const KeyId of [a, b]) await assert.rejects(kms.encrypt({ KeyId, Plaintext: message }), damaged);
  });

  test('an older material of the same key as its current one', async (t) => {
    const kms = await afterChange(
      t,
      `create temp table first as select wrapped from key_materials where key_id = '${rotated}' order by creation_date limit 1;
       update key_materials set wrapped = (select wrapped from first) where key_id = '${rotated}'`,
    );
    await assert.rejects(kms.encrypt({ KeyId: rotated, Plaintext: message }), damaged);
  });

  test('secrets of access keys swapped', async (t) => {
    const kms = await afterChange(
      t,
      'create temp table old as select access_key_id, wrapped_secret from credentials; update credentials set wrapped_secret = (select wrapped_secret from old where old.access_key_id <> credentials.access_key_id)',
    );
    await assert.rejects(kms.accessKeys.list());
  });

  test('a principal given to another access key', async (t) => {
    const kms = await afterChange(t, "update credentials set principal = 'arn:aws:iam::111111111111:root'");
    await assert.rejects(kms.accessKeys.list());
  });

  test('the store untouched opens', async (t) => {
    const kms = await afterChange(t, 'select 1');
    for (const KeyId of [a, b, rotated]) await kms.encrypt({ KeyId, Plaintext: message });
    assert.equal((await kms.accessKeys.list()).length, 2);
    await rejectsWith(kms.encrypt({ KeyId: 'alias/none', Plaintext: message }), 'NotFoundException');
  });
});
