/** What `keymill/engine` exports on every platform; index.ts and browser.ts add `openEngine`. */
export type { BackendInfo } from './backend.ts';
export { asPromise, type Sink } from './batch.ts';
export { Engine, type EngineInfo, type EngineOptions, type RunItem, type RunResult } from './engine.ts';
export { EngineError, type EngineErrorCode } from './errors.ts';
export { EngineKey } from './key.ts';
export type {
  DecryptRequest,
  DeriveSharedSecretRequest,
  DigestRequest,
  EcdsaOptions,
  EncryptRequest,
  GenerateKeyRequest,
  ImportKeyRequest,
  MacRequest,
  OperationName,
  OperationTypes,
  RandomRequest,
  SignRequest,
  UnwrapKeyRequest,
  VerifyMacRequest,
  VerifyRequest,
  WrapKeyRequest,
} from './operations.ts';
export type {
  MacPackedRequest,
  OpenPackedResult,
  SealPackedRequest,
  SignPackedRequest,
  VerifyPackedRequest,
} from './packed.ts';
export type { AeadRequest, PreparedAead } from './prepared.ts';
export type { QueueLimits } from './queue.ts';
export type { BackendChoice, BackendName } from './select.ts';
export {
  ALGORITHMS,
  type Algorithm,
  type AlgorithmRow,
  type AlgorithmUse,
  type Cost,
  type CostClass,
  type DigestAlgorithm,
  type EncryptionAlgorithm,
  HASHES,
  KEY_SPECS,
  type KeyFamily,
  type KeySpec,
  type KeySpecRow,
  type MacAlgorithm,
  type SigningAlgorithm,
  type SpecCost,
} from './specs.ts';
export type { EngineStats, LatencyStats } from './stats.ts';
