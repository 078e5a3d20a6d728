/** The Store over any SQL database that Kysely speaks to; knows no dialect. Every write is in a transaction, which waits for its turn. */
import { CamelCasePlugin, type Dialect, Kysely } from 'kysely';
import { type Database, migrate, type SqlFlavour } from './schema.ts';
import type { AliasRecord, CredentialRecord, Page, Store, StoredKey } from './store.ts';

/** Opens and migrates. @throws where the schema is newer than this release knows */
export async function openSqlStore(dialect: Dialect, flavour: SqlFlavour): Promise<Store> {
  const db = new Kysely<Database>({ dialect, plugins: [new CamelCasePlugin()] });
  try {
    await migrate(db, flavour);
  } catch (error) {
    await db.destroy();
    throw error;
  }
  return new SqlStore(db);
}

class SqlStore implements Store {
  readonly #db: Kysely<Database>;

  constructor(db: Kysely<Database>) {
    this.#db = db;
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

  async insertKey({ key, materials }: StoredKey): Promise<void> {
    await this.#db.transaction().execute(async (tx) => {
      await tx.insertInto('keys').values(key).execute();
      if (materials.length > 0) await tx.insertInto('keyMaterials').values(materials).execute();
    });
  }

  async readKey(keyId: string): Promise<StoredKey | undefined> {
    // One statement, so that a key is never seen with the materials of another moment; a transaction would take the write lock.
    const rows = await this.#db
      .selectFrom('keys')
      .leftJoin('keyMaterials', 'keyMaterials.keyId', 'keys.keyId')
      .selectAll('keys')
      .select(['materialId', 'wrapped', 'keyMaterials.creationDate as materialDate'])
      .where('keys.keyId', '=', keyId)
      .execute();
    const [first] = rows;
    if (first === undefined) return undefined;
    const { materialId: _id, wrapped: _wrapped, materialDate: _date, ...key } = first;
    const materials = rows.flatMap(({ materialId, wrapped, materialDate }) =>
      materialId === null || wrapped === null || materialDate === null
        ? []
        : [{ keyId, materialId, wrapped, creationDate: materialDate }],
    );
    return { key, materials };
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

  async insertAlias(alias: AliasRecord, maxPerKey: number): Promise<'inserted' | 'exists' | 'limit'> {
    return this.#db.transaction().execute(async (tx) => {
      const taken = await tx
        .selectFrom('aliases')
        .select('aliasName')
        .where('aliasName', '=', alias.aliasName)
        .executeTakeFirst();
      if (taken !== undefined) return 'exists';
      const { count } = await tx
        .selectFrom('aliases')
        .select(({ fn }) => fn.countAll().as('count'))
        .where('targetKeyId', '=', alias.targetKeyId)
        .executeTakeFirstOrThrow();
      if (Number(count) >= maxPerKey) return 'limit';
      await tx.insertInto('aliases').values(alias).execute();
      return 'inserted';
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

  async insertCredential(credential: CredentialRecord): Promise<void> {
    await this.#db.transaction().execute((tx) => tx.insertInto('credentials').values(credential).execute());
  }

  async readCredential(accessKeyId: string): Promise<CredentialRecord | undefined> {
    return this.#db.selectFrom('credentials').selectAll().where('accessKeyId', '=', accessKeyId).executeTakeFirst();
  }

  async listCredentials(): Promise<readonly CredentialRecord[]> {
    return this.#db.selectFrom('credentials').selectAll().orderBy('creationDate').orderBy('accessKeyId').execute();
  }

  async close(): Promise<void> {
    await this.#db.destroy();
  }
}
