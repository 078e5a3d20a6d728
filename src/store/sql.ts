/** The Store over any SQL database that Kysely speaks to; knows no dialect. Every write is in a transaction, which waits for its turn. */
import { CamelCasePlugin, type Dialect, Kysely, type Transaction } from 'kysely';
import { makeFile } from './files.ts';
import { rewrapAll } from './rewrap.ts';
import { countAliases, insertAlias, insertKey, noteChange, readKey, requireRootKey } from './rows.ts';
import { type Database, migrate, type SqlFlavour } from './schema.ts';
import type {
  AliasRecord,
  Change,
  CredentialRecord,
  KeyRecord,
  NewKey,
  Page,
  Rewrap,
  Store,
  StoredKey,
  TagRecord,
} from './store.ts';

/** Opens and migrates. @throws where the schema is newer than this release knows */
export async function openSqlStore(dialect: Dialect, flavour: SqlFlavour): Promise<Store> {
  const db = new Kysely<Database>({ dialect, plugins: [new CamelCasePlugin()] });
  try {
    await migrate(db, flavour);
  } catch (error) {
    await db.destroy();
    throw error;
  }
  return new SqlStore(db, flavour);
}

class SqlStore implements Store {
  readonly #db: Kysely<Database>;
  readonly #flavour: SqlFlavour;

  constructor(db: Kysely<Database>, flavour: SqlFlavour) {
    this.#db = db;
    this.#flavour = flavour;
  }

  async readSettings(): Promise<ReadonlyMap<string, string>> {
    const rows = await this.#db.selectFrom('settings').selectAll().execute();
    return new Map(rows.map(({ name, value }) => [name, value]));
  }

  async initialise(settings: ReadonlyMap<string, string>): Promise<boolean> {
    return this.#db.transaction().execute(async (tx) => {
      if (await tx.selectFrom('settings').select('name').executeTakeFirst()) return false;
      const rows = [...settings].map(([name, value]) => ({ name, value }));
      await tx.insertInto('settings').values(rows).execute();
      return true;
    });
  }

  async rewrap(rewrap: Rewrap): Promise<void> {
    await this.#db.transaction().execute((tx) => rewrapAll(tx, rewrap));
    await this.#flavour.erase?.execute(this.#db);
  }

  backup(file: string): Promise<void> {
    return makeFile(file, (draft) => this.#flavour.copyInto(this.#db, draft));
  }

  async insertKey(stored: NewKey): Promise<void> {
    await this.#db.transaction().execute((tx) => insertKey(tx, stored));
  }

  insertKeys(
    keys: readonly NewKey[],
    aliases: readonly AliasRecord[],
    maxPerKey: number,
  ): Promise<'inserted' | 'exists' | 'limit'> {
    return this.#unlessRefused<'inserted' | 'exists' | 'limit'>(async (tx) => {
      for (const stored of keys) {
        const { keyId } = stored.key;
        if (await tx.selectFrom('keys').select('keyId').where('keyId', '=', keyId).executeTakeFirst()) {
          throw new Refusal('exists');
        }
        await insertKey(tx, stored);
      }
      for (const alias of aliases) {
        const outcome = await insertAlias(tx, alias, maxPerKey);
        if (outcome !== 'inserted') throw new Refusal(outcome);
      }
      return 'inserted';
    });
  }

  readKey(keyId: string): Promise<StoredKey | undefined> {
    return readKey(this.#db, keyId);
  }

  async updateKey(keyId: string, change: (stored: StoredKey) => StoredKey): Promise<StoredKey | undefined> {
    let isErased = false;
    const updated = await this.#db.transaction().execute(async (tx) => {
      const before = await readKey(tx, keyId);
      if (before === undefined) return undefined;
      const { key, materials } = change(before);
      const after = { key: { ...key, version: before.key.version + 1 }, materials };
      await tx.updateTable('keys').set(after.key).where('keyId', '=', keyId).execute();
      for (const material of before.materials.filter((each) => !materials.includes(each))) {
        await tx
          .deleteFrom('keyMaterials')
          .where('keyId', '=', keyId)
          .where('materialId', '=', material.materialId)
          .execute();
      }
      const added = materials.filter((each) => !before.materials.includes(each));
      await requireRootKey(tx, added);
      if (added.length > 0) await tx.insertInto('keyMaterials').values(added).execute();
      await noteChange(tx, 'key', keyId);
      const kept = new Set(materials.filter(({ wrapped }) => wrapped !== null).map(({ materialId }) => materialId));
      isErased = before.materials.some(({ wrapped, materialId }) => wrapped !== null && !kept.has(materialId));
      return after;
    });
    if (isErased) await this.#flavour.erase?.execute(this.#db);
    return updated;
  }

  async destroyKey(keyId: string, deadline: number): Promise<readonly string[] | undefined> {
    const destroyed = await this.#db.transaction().execute(async (tx) => {
      const due = await tx
        .selectFrom('keys')
        .select('keyId')
        .where('keyId', '=', keyId)
        .where('deletionDate', '<=', deadline)
        .executeTakeFirst();
      if (due === undefined) return undefined;
      const aliases = await tx.selectFrom('aliases').select('aliasName').where('targetKeyId', '=', keyId).execute();
      await tx.deleteFrom('aliases').where('targetKeyId', '=', keyId).execute();
      for (const table of ['tags', 'policies', 'keyMaterials', 'keys'] as const) {
        await tx.deleteFrom(table).where('keyId', '=', keyId).execute();
      }
      for (const { aliasName } of aliases) await noteChange(tx, 'alias', aliasName);
      await noteChange(tx, 'key', keyId);
      return aliases.map(({ aliasName }) => aliasName);
    });
    if (destroyed !== undefined) await this.#flavour.erase?.execute(this.#db);
    return destroyed;
  }

  async listDueKeys(deadline: number): Promise<readonly string[]> {
    const rows = await this.#db
      .selectFrom('keys')
      .select('keyId')
      .where('deletionDate', '<=', deadline)
      .union((query) => query.selectFrom('keys').select('keyId').where('nextRotationDate', '<=', deadline))
      .union((query) => query.selectFrom('keyMaterials').select('keyId').where('validTo', '<=', deadline))
      .execute();
    return rows.map(({ keyId }) => keyId);
  }

  async listKeys({ after, limit }: Page): Promise<readonly string[]> {
    const rows = await this.#db
      .selectFrom('keys')
      .select('keyId')
      .$if(after !== undefined, (query) => query.where('keyId', '>', after!))
      .orderBy('keyId')
      .limit(limit)
      .execute();
    return rows.map(({ keyId }) => keyId);
  }

  async countKeys(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#db
      .selectFrom('keys')
      .select(['keyState', ({ fn }) => fn.countAll().as('count')])
      .groupBy('keyState')
      .execute();
    return new Map(rows.map(({ keyState, count }) => [keyState, Number(count)]));
  }

  insertAlias(alias: AliasRecord, maxPerKey: number): Promise<'inserted' | 'exists' | 'limit'> {
    return this.#db.transaction().execute((tx) => insertAlias(tx, alias, maxPerKey));
  }

  async updateAlias(
    { aliasName, targetKeyId, lastUpdatedDate }: Omit<AliasRecord, 'creationDate'>,
    maxPerKey: number,
    check: (presentTarget: KeyRecord) => void,
  ): Promise<'updated' | 'missing' | 'limit'> {
    return this.#db.transaction().execute(async (tx) => {
      const present = await tx
        .selectFrom('aliases')
        .innerJoin('keys', 'keys.keyId', 'aliases.targetKeyId')
        .selectAll('keys')
        .where('aliasName', '=', aliasName)
        .executeTakeFirst();
      if (present === undefined) return 'missing';
      check(present);
      if (present.keyId !== targetKeyId && (await countAliases(tx, targetKeyId)) >= maxPerKey) return 'limit';
      await tx
        .updateTable('aliases')
        .set({ targetKeyId, lastUpdatedDate })
        .where('aliasName', '=', aliasName)
        .execute();
      await noteChange(tx, 'alias', aliasName);
      return 'updated';
    });
  }

  async deleteAlias(aliasName: string): Promise<boolean> {
    return this.#db.transaction().execute(async (tx) => {
      const { numDeletedRows } = await tx
        .deleteFrom('aliases')
        .where('aliasName', '=', aliasName)
        .executeTakeFirstOrThrow();
      if (numDeletedRows > 0) await noteChange(tx, 'alias', aliasName);
      return numDeletedRows > 0;
    });
  }

  async readAlias(aliasName: string): Promise<AliasRecord | undefined> {
    return this.#db.selectFrom('aliases').selectAll().where('aliasName', '=', aliasName).executeTakeFirst();
  }

  async listAliases({
    after,
    limit,
    targetKeyId,
  }: Page & { readonly targetKeyId?: string | undefined }): Promise<readonly AliasRecord[]> {
    return this.#db
      .selectFrom('aliases')
      .selectAll()
      .$if(after !== undefined, (query) => query.where('aliasName', '>', after!))
      .$if(targetKeyId !== undefined, (query) => query.where('targetKeyId', '=', targetKeyId!))
      .orderBy('aliasName')
      .limit(limit)
      .execute();
  }

  putTags(keyId: string, tags: readonly TagRecord[], maxPerKey: number): Promise<boolean> {
    return this.#unlessRefused(async (tx) => {
      const names = tags.map(({ tagKey }) => tagKey);
      await tx.deleteFrom('tags').where('keyId', '=', keyId).where('tagKey', 'in', names).execute();
      const { count } = await tx
        .selectFrom('tags')
        .select(({ fn }) => fn.countAll().as('count'))
        .where('keyId', '=', keyId)
        .executeTakeFirstOrThrow();
      if (Number(count) + tags.length > maxPerKey) throw new Refusal(false);
      await tx
        .insertInto('tags')
        .values(tags.map((tag) => ({ ...tag, keyId })))
        .execute();
      return true;
    });
  }

  async deleteTags(keyId: string, tagKeys: readonly string[]): Promise<void> {
    await this.#db
      .transaction()
      .execute((tx) => tx.deleteFrom('tags').where('keyId', '=', keyId).where('tagKey', 'in', tagKeys).execute());
  }

  async listTags(keyId: string, { after, limit }: Page): Promise<readonly TagRecord[]> {
    return this.#db
      .selectFrom('tags')
      .select(['tagKey', 'tagValue'])
      .where('keyId', '=', keyId)
      .$if(after !== undefined, (query) => query.where('tagKey', '>', after!))
      .orderBy('tagKey')
      .limit(limit)
      .execute();
  }

  async readPolicy(keyId: string): Promise<string | undefined> {
    return (await this.#db.selectFrom('policies').select('policy').where('keyId', '=', keyId).executeTakeFirst())
      ?.policy;
  }

  async writePolicy(keyId: string, policy: string): Promise<void> {
    await this.#db.transaction().execute(async (tx) => {
      await tx.deleteFrom('policies').where('keyId', '=', keyId).execute();
      await tx.insertInto('policies').values({ keyId, policy }).execute();
      await noteChange(tx, 'key', keyId);
    });
  }

  async readChangeNumber(): Promise<number> {
    const { newest } = await this.#db
      .selectFrom('changes')
      .select(({ fn }) => fn.max('changeNumber').as('newest'))
      .executeTakeFirstOrThrow();
    return Number(newest ?? 0);
  }

  async readChanges(changeNumber: number): Promise<readonly Change[] | undefined> {
    const rows = await this.#db
      .selectFrom('changes')
      .selectAll()
      .where('changeNumber', '>', changeNumber)
      .orderBy('changeNumber')
      .execute();
    const [first] = rows;
    return first !== undefined && first.changeNumber > changeNumber + 1 ? undefined : rows;
  }

  async insertCredential(credential: CredentialRecord): Promise<void> {
    await this.#db.transaction().execute(async (tx) => {
      await requireRootKey(tx, [credential]);
      await tx.insertInto('credentials').values(credential).execute();
    });
  }

  async readCredential(accessKeyId: string): Promise<CredentialRecord | undefined> {
    return this.#db.selectFrom('credentials').selectAll().where('accessKeyId', '=', accessKeyId).executeTakeFirst();
  }

  async deleteCredential(accessKeyId: string): Promise<boolean> {
    return this.#db.transaction().execute(async (tx) => {
      const { numDeletedRows } = await tx
        .deleteFrom('credentials')
        .where('accessKeyId', '=', accessKeyId)
        .executeTakeFirst();
      return numDeletedRows > 0n;
    });
  }

  async listCredentials(): Promise<readonly CredentialRecord[]> {
    return this.#db.selectFrom('credentials').selectAll().orderBy('creationDate').orderBy('accessKeyId').execute();
  }

  async close(): Promise<void> {
    await this.#db.destroy();
  }

  /** A transaction whose work may throw a Refusal: nothing is written then, and what it says is the outcome. */
  async #unlessRefused<Outcome>(work: (tx: Transaction<Database>) => Promise<Outcome>): Promise<Outcome> {
    try {
      return await this.#db.transaction().execute(work);
    } catch (error) {
      if (error instanceof Refusal) return error.outcome as Outcome;
      throw error;
    }
  }
}

class Refusal {
  readonly outcome: unknown;

  constructor(outcome: unknown) {
    this.outcome = outcome;
  }
}
