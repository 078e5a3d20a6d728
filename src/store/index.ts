/** The store's front: durable records behind one interface. */
export { openSqliteStore } from './sqlite.ts';
export type { AliasRecord, CredentialRecord, KeyRecord, MaterialRecord, Page, Store, StoredKey } from './store.ts';
