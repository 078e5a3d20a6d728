/** The store's front: durable records behind one interface. */
export { openSqliteStore } from './sqlite.ts';
export type {
  AliasRecord,
  Change,
  CredentialRecord,
  KeyRecord,
  MaterialRecord,
  NewKey,
  Page,
  Store,
  StoredKey,
  TagRecord,
} from './store.ts';
