/**
 * The tables, and how a database of any age becomes one of this release. A migration that was ever released never changes;
 * a new one is a row at the end. What differs between databases is in SqlFlavour, nothing here asks which one it is.
 */
import type { Generated, Kysely, RawBuilder, Transaction } from 'kysely';
import type { AliasRecord, Change, CredentialRecord, KeyRecord, MaterialRecord, TagRecord } from './store.ts';

export interface Database {
  readonly migrations: { version: number; appliedAt: number };
  readonly settings: { name: string; value: string };
  readonly keys: KeyRecord;
  readonly keyMaterials: MaterialRecord;
  readonly aliases: AliasRecord;
  readonly tags: TagRecord & { readonly keyId: string };
  readonly policies: { readonly keyId: string; readonly policy: string };
  readonly changes: Change & { readonly changeNumber: Generated<number> };
  readonly credentials: CredentialRecord;
}

/** Column types and table options in a database's own words. */
export interface SqlFlavour {
  readonly bytes: RawBuilder<unknown>;
  readonly milliseconds: RawBuilder<unknown>;
  readonly tableOptions: RawBuilder<unknown>;
  /** Run after key material was deleted, where traces of it would stay in a log otherwise. */
  readonly erase?: RawBuilder<unknown>;
  /** Fills an empty file with the database as of one moment. */
  copyInto(db: Kysely<Database>, into: string): Promise<void>;
}

interface Migration {
  readonly version: number;
  up(schema: Kysely<Database>['schema'], flavour: SqlFlavour): Promise<void>;
}

const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    async up(schema, { bytes, milliseconds, tableOptions }) {
      await schema
        .createTable('settings')
        .addColumn('name', 'text', (c) => c.primaryKey().notNull())
        .addColumn('value', 'text', (c) => c.notNull())
        .modifyEnd(tableOptions)
        .execute();
      await schema
        .createTable('keys')
        .addColumn('keyId', 'text', (c) => c.primaryKey().notNull())
        .addColumn('version', 'integer', (c) => c.notNull())
        .addColumn('keySpec', 'text', (c) => c.notNull())
        .addColumn('keyUsage', 'text', (c) => c.notNull())
        .addColumn('keyState', 'text', (c) => c.notNull())
        .addColumn('origin', 'text', (c) => c.notNull())
        .addColumn('description', 'text', (c) => c.notNull())
        .addColumn('creationDate', milliseconds, (c) => c.notNull())
        .addColumn('currentMaterialId', 'text')
        .addColumn('deletionDate', milliseconds)
        .addColumn('rotationPeriodInDays', 'integer')
        .addColumn('nextRotationDate', milliseconds)
        .modifyEnd(tableOptions)
        .execute();
      for (const due of ['deletionDate', 'nextRotationDate'] as const) {
        await schema.createIndex(`keysBy${due}`).on('keys').column(due).where(due, 'is not', null).execute();
      }
      await schema
        .createTable('keyMaterials')
        .addColumn('keyId', 'text', (c) => c.notNull().references('keys.keyId'))
        .addColumn('materialId', 'text', (c) => c.notNull())
        .addColumn('wrapped', bytes)
        .addColumn('rootKeyId', 'text', (c) => c.notNull())
        .addColumn('creationDate', milliseconds, (c) => c.notNull())
        .addColumn('materialState', 'text', (c) => c.notNull())
        .addColumn('validTo', milliseconds)
        .addColumn('description', 'text')
        .addColumn('rotationDate', milliseconds)
        .addColumn('rotationType', 'text')
        .addPrimaryKeyConstraint('keyMaterialsPrimary', ['keyId', 'materialId'])
        .modifyEnd(tableOptions)
        .execute();
      await schema
        .createIndex('keyMaterialsByValidTo')
        .on('keyMaterials')
        .column('validTo')
        .where('validTo', 'is not', null)
        .execute();
      await schema
        .createTable('tags')
        .addColumn('keyId', 'text', (c) => c.notNull().references('keys.keyId'))
        .addColumn('tagKey', 'text', (c) => c.notNull())
        .addColumn('tagValue', 'text', (c) => c.notNull())
        .addPrimaryKeyConstraint('tagsPrimary', ['keyId', 'tagKey'])
        .modifyEnd(tableOptions)
        .execute();
      await schema
        .createTable('policies')
        .addColumn('keyId', 'text', (c) => c.primaryKey().notNull().references('keys.keyId'))
        .addColumn('policy', 'text', (c) => c.notNull())
        .modifyEnd(tableOptions)
        .execute();
      await schema
        .createTable('changes')
        .addColumn('changeNumber', 'integer', (c) => c.primaryKey().autoIncrement().notNull())
        .addColumn('kind', 'text', (c) => c.notNull())
        .addColumn('name', 'text', (c) => c.notNull())
        .modifyEnd(tableOptions)
        .execute();
      await schema
        .createTable('aliases')
        .addColumn('aliasName', 'text', (c) => c.primaryKey().notNull())
        .addColumn('targetKeyId', 'text', (c) => c.notNull().references('keys.keyId'))
        .addColumn('creationDate', milliseconds, (c) => c.notNull())
        .addColumn('lastUpdatedDate', milliseconds, (c) => c.notNull())
        .modifyEnd(tableOptions)
        .execute();
      await schema.createIndex('aliasesByKey').on('aliases').columns(['targetKeyId', 'aliasName']).execute();
      await schema
        .createTable('credentials')
        .addColumn('accessKeyId', 'text', (c) => c.primaryKey().notNull())
        .addColumn('wrappedSecret', bytes, (c) => c.notNull())
        .addColumn('rootKeyId', 'text', (c) => c.notNull())
        .addColumn('principal', 'text', (c) => c.notNull())
        .addColumn('creationDate', milliseconds, (c) => c.notNull())
        .modifyEnd(tableOptions)
        .execute();
    },
  },
];

const NEWEST = MIGRATIONS[MIGRATIONS.length - 1]!.version;

/**
 * Brings the database to the newest schema in one transaction, so that a crash leaves the old one whole.
 * @throws where a newer release wrote it: this one does not know what it would damage
 */
export async function migrate(db: Kysely<Database>, flavour: SqlFlavour): Promise<void> {
  await db.transaction().execute(async (tx: Transaction<Database>) => {
    await tx.schema
      .createTable('migrations')
      .ifNotExists()
      .addColumn('version', 'integer', (c) => c.primaryKey().notNull())
      .addColumn('appliedAt', flavour.milliseconds, (c) => c.notNull())
      .modifyEnd(flavour.tableOptions)
      .execute();
    const { newest } = await tx
      .selectFrom('migrations')
      .select(({ fn }) => fn.max('version').as('newest'))
      .executeTakeFirstOrThrow();
    const present = Number(newest ?? 0);
    if (present > NEWEST) {
      throw new Error(
        `the store has schema version ${present}, this keymill knows up to ${NEWEST}: use a newer keymill`,
      );
    }
    for (const migration of MIGRATIONS.filter(({ version }) => version > present)) {
      await migration.up(tx.schema, flavour);
      await tx.insertInto('migrations').values({ version: migration.version, appliedAt: Date.now() }).execute();
    }
  });
}
