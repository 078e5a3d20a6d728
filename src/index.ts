/** The door `keymill`: the key management service in your process. */
export {
  type AccessKey,
  type BatchItem,
  type BatchResult,
  type Caller,
  Keymill,
  type KeymillOptions,
  KmsError,
  type KmsErrorName,
  type OperationInput,
  type OperationMethods,
  type OperationName,
  type OperationOutput,
  openSqliteStore,
  type RootKeyOption,
  StartError,
  type Store,
} from './kms/index.ts';
