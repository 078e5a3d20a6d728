/** The service's front. */
export { type EngineInfo, type EngineOptions, openEngine } from '../engine/index.ts';
export {
  type AliasRecord,
  type Change,
  type CredentialRecord,
  type KeyRecord,
  type MaterialRecord,
  type NewKey,
  openSqliteStore,
  type Page,
  type Rewrap,
  ROOT_KEY_ID,
  RootKeyReplacedError,
  type Store,
  type StoredKey,
  type TagRecord,
} from '../store/index.ts';
export type { AccessKey, AccessKeyOptions, AccessKeys } from './accesskeys.ts';
export { KMS_ERRORS, KmsError, type KmsErrorName, StartError } from './errors.ts';
export { type BatchItem, type BatchResult, Keymill, type KeymillStats, MAX_BATCH_ITEMS } from './keymill.ts';
export type { Caller, Operation } from './operation.ts';
export {
  OPERATIONS,
  type OperationInput,
  type OperationMethods,
  type OperationName,
  type OperationOutput,
} from './operations/index.ts';
export { environmentRootKey, type RootKeyOption } from './rootkey.ts';
export type { Seed, SeedKey, SeedMaterial } from './seedfile.ts';
export type { Ranges } from './service.ts';
export type { Member, Members, Shape } from './shapes.ts';
export type { KeymillOptions } from './start.ts';
