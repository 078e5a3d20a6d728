/** Everything wrapped, from one root key to another. */
import { setImmediate as turn } from 'node:timers/promises';
import type { Transaction } from 'kysely';
import { noteChange } from './rows.ts';
import type { Database } from './schema.ts';
import { type MaterialRecord, type Rewrap, ROOT_KEY_ID } from './store.ts';

/** As many as fill the engine's batches; the rest of a large store stays on disk. */
const PAGE_ROWS = 256;

export async function rewrapAll(tx: Transaction<Database>, rewrap: Rewrap): Promise<void> {
  const before = await tx.selectFrom('settings').selectAll().execute();
  const settings = await rewrap.settings(new Map(before.map(({ name, value }) => [name, value])));
  await tx.deleteFrom('settings').execute();
  await tx
    .insertInto('settings')
    .values([...settings].map(([name, value]) => ({ name, value })))
    .execute();
  const rootKeyId = settings.get(ROOT_KEY_ID)!;
  await rewrapMaterials(tx, rewrap, rootKeyId);
  for (const credential of await tx.selectFrom('credentials').selectAll().execute()) {
    const wrappedSecret = await rewrap.credential(credential);
    await tx
      .updateTable('credentials')
      .set({ wrappedSecret, rootKeyId })
      .where('accessKeyId', '=', credential.accessKeyId)
      .execute();
  }
  await noteChange(tx, 'root', rootKeyId);
}

async function rewrapMaterials(tx: Transaction<Database>, rewrap: Rewrap, rootKeyId: string): Promise<void> {
  let last: Pick<MaterialRecord, 'keyId' | 'materialId'> = { keyId: '', materialId: '' };
  for (;;) {
    const { keyId, materialId } = last;
    const rows = await tx
      .selectFrom('keyMaterials')
      .innerJoin('keys', 'keys.keyId', 'keyMaterials.keyId')
      .selectAll('keyMaterials')
      .select('keySpec')
      .where(({ eb, refTuple, tuple }) =>
        eb(refTuple('keyMaterials.keyId', 'materialId'), '>', tuple(keyId, materialId)),
      )
      .orderBy('keyMaterials.keyId')
      .orderBy('materialId')
      .limit(PAGE_ROWS)
      .execute();
    const newest = rows.at(-1);
    if (newest === undefined) return;
    last = newest;
    // The database answers without waiting: between two pages others have their turn.
    await turn();
    const rewrapped = await Promise.all(
      rows.map(async ({ keySpec, ...record }) => {
        const { wrapped: old } = record;
        const wrapped = old === null ? null : await rewrap.material({ ...record, wrapped: old }, keySpec);
        // A row whose bytes are gone names the root key too: so may the next version of it be written.
        return { ...record, wrapped, rootKeyId };
      }),
    );
    await tx
      .insertInto('keyMaterials')
      .values(rewrapped)
      .onConflict((conflict) =>
        conflict
          .columns(['keyId', 'materialId'])
          .doUpdateSet(({ ref }) => ({ wrapped: ref('excluded.wrapped'), rootKeyId: ref('excluded.rootKeyId') })),
      )
      .execute();
  }
}
