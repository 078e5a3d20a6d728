/** The store's front: durable records behind one interface. */
export { makeFile, syncDirectory } from './files.ts';
export { openSqliteStore } from './sqlite.ts';
export {
  type AliasRecord,
  type Change,
  type CredentialRecord,
  type KeyRecord,
  type MaterialRecord,
  type NewKey,
  type Page,
  type Rewrap,
  ROOT_KEY_ID,
  RootKeyReplacedError,
  type Store,
  type StoredKey,
  type TagRecord,
} from './store.ts';
