/** Reads and writes that several calls of the store share; each runs in the transaction, or outside one, that it is given. */
import type { Kysely, Transaction } from 'kysely';
import type { Database } from './schema.ts';
import {
  type AliasRecord,
  type Change,
  type KeyRecord,
  type MaterialRecord,
  type NewKey,
  ROOT_KEY_ID,
  RootKeyReplacedError,
  type StoredKey,
} from './store.ts';

/** How many changes stay readable: more than any process misses between two looks. */
const KEPT_CHANGES = 10_000;

export async function noteChange(tx: Transaction<Database>, kind: Change['kind'], name: string): Promise<void> {
  const { insertId } = await tx.insertInto('changes').values({ kind, name }).executeTakeFirstOrThrow();
  await tx
    .deleteFrom('changes')
    .where('changeNumber', '<=', Number(insertId) - KEPT_CHANGES)
    .execute();
}

/** In the transaction that writes them, so that no root key is replaced in between. @throws RootKeyReplacedError */
export async function requireRootKey(
  tx: Transaction<Database>,
  records: readonly { readonly rootKeyId: string }[],
): Promise<void> {
  if (records.length === 0) return;
  const current = await tx.selectFrom('settings').select('value').where('name', '=', ROOT_KEY_ID).executeTakeFirst();
  if (current === undefined || records.every(({ rootKeyId }) => rootKeyId === current.value)) return;
  throw new RootKeyReplacedError('the root key of this store has been replaced');
}

export async function countAliases(tx: Transaction<Database>, targetKeyId: string): Promise<number> {
  const { count } = await tx
    .selectFrom('aliases')
    .select(({ fn }) => fn.countAll().as('count'))
    .where('targetKeyId', '=', targetKeyId)
    .executeTakeFirstOrThrow();
  return Number(count);
}

export async function insertKey(
  tx: Transaction<Database>,
  { key, materials, tags = [], policy }: NewKey,
): Promise<void> {
  const { keyId } = key;
  await requireRootKey(tx, materials);
  await tx.insertInto('keys').values(key).execute();
  if (materials.length > 0) await tx.insertInto('keyMaterials').values(materials).execute();
  if (tags.length > 0) {
    await tx
      .insertInto('tags')
      .values(tags.map((tag) => ({ ...tag, keyId })))
      .execute();
  }
  if (policy !== undefined) await tx.insertInto('policies').values({ keyId, policy }).execute();
  await noteChange(tx, 'key', keyId);
}

export async function insertAlias(
  tx: Transaction<Database>,
  alias: AliasRecord,
  maxPerKey: number,
): Promise<'inserted' | 'exists' | 'limit'> {
  const { aliasName } = alias;
  const taken = await tx
    .selectFrom('aliases')
    .select('aliasName')
    .where('aliasName', '=', aliasName)
    .executeTakeFirst();
  if (taken !== undefined) return 'exists';
  if ((await countAliases(tx, alias.targetKeyId)) >= maxPerKey) return 'limit';
  await tx.insertInto('aliases').values(alias).execute();
  await noteChange(tx, 'alias', aliasName);
  return 'inserted';
}

/** In one statement, so that a key is never seen with the materials of another moment; a transaction would take the write lock. */
export async function readKey(db: Kysely<Database>, keyId: string): Promise<StoredKey | undefined> {
  const rows = await db
    .selectFrom('keys')
    .leftJoin('keyMaterials', 'keyMaterials.keyId', 'keys.keyId')
    .selectAll('keys')
    .select([
      'materialId',
      'wrapped',
      'rootKeyId',
      'keyMaterials.creationDate as materialDate',
      'materialState',
      'validTo',
      'keyMaterials.description as materialDescription',
      'rotationDate',
      'rotationType',
    ])
    .where('keys.keyId', '=', keyId)
    .orderBy('materialDate')
    .orderBy('rotationDate')
    .execute();
  if (rows.length === 0) return undefined;
  const materials: MaterialRecord[] = [];
  let key: KeyRecord | undefined;
  for (const row of rows) {
    const { materialId, wrapped, rootKeyId, materialDate, materialState, materialDescription, ...rest } = row;
    const { validTo, rotationDate, rotationType, ...record } = rest;
    key = record;
    if (materialId === null) continue;
    materials.push({
      keyId,
      materialId,
      wrapped,
      rootKeyId: rootKeyId!,
      creationDate: materialDate!,
      materialState: materialState!,
      validTo,
      description: materialDescription,
      rotationDate,
      rotationType,
    });
  }
  return { key: key!, materials };
}
