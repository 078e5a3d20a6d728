/** The service's error types, AWS's error names, and the one place where an engine error becomes one of them. */
import { EngineError, type EngineErrorCode } from '../engine/index.ts';
import { RootKeyReplacedError } from '../store/index.ts';

interface ErrorRow {
  /**
   * Status on the wire. AWS answers 400 for every fault of the client, whatever the API model says (the recorded
   * exchanges), and 5xx for its own.
   */
  readonly httpStatus: number;
  /** The same call may succeed later, unchanged. */
  readonly retryable?: true;
}

const client: ErrorRow = { httpStatus: 400 };
const server: ErrorRow = { httpStatus: 500, retryable: true };

/** Every error name the service or its endpoint answers with. */
export const KMS_ERRORS = Object.freeze({
  AccessDeniedException: client,
  AlreadyExistsException: client,
  ConflictException: client,
  DisabledException: client,
  DryRunOperationException: client,
  ExpiredImportTokenException: client,
  IncompleteSignatureException: client,
  IncorrectKeyException: client,
  IncorrectKeyMaterialException: client,
  InvalidAliasNameException: client,
  InvalidArnException: client,
  InvalidCiphertextException: client,
  InvalidGrantTokenException: client,
  InvalidImportTokenException: client,
  InvalidKeyUsageException: client,
  InvalidMarkerException: client,
  InvalidSignatureException: client,
  KMSInvalidMacException: client,
  KMSInvalidSignatureException: client,
  KMSInvalidStateException: client,
  LimitExceededException: client,
  MalformedPolicyDocumentException: client,
  MissingAuthenticationTokenException: client,
  NotAuthorizedException: client,
  NotFoundException: client,
  RequestEntityTooLargeException: { httpStatus: 413 },
  SerializationException: client,
  TagException: client,
  ThrottlingException: { httpStatus: 400, retryable: true },
  UnknownOperationException: client,
  UnrecognizedClientException: client,
  UnsupportedOperationException: client,
  ValidationException: client,
  KMSInternalException: server,
  KeyUnavailableException: server,
  DependencyTimeoutException: { httpStatus: 503, retryable: true },
  ServiceUnavailableException: { httpStatus: 503, retryable: true },
} satisfies Record<string, ErrorRow>);
export type KmsErrorName = keyof typeof KMS_ERRORS;

/**
 * An operation that failed. `name` is AWS's error type and what callers switch on; `message` is AWS's text, which is empty
 * where AWS sends none. Never carries key bytes, plaintext or credentials.
 */
export class KmsError extends Error {
  override readonly name: KmsErrorName;
  readonly httpStatus: number;
  readonly retryable: boolean;

  constructor(name: KmsErrorName, message = '', options?: ErrorOptions) {
    super(message, options);
    const row: ErrorRow = KMS_ERRORS[name];
    this.name = name;
    this.httpStatus = row.httpStatus;
    this.retryable = row.retryable ?? false;
  }
}

/** A reason not to start, or not to go over to another root key, that the operator can act on. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/** What answers in place of an output where DryRun is set. */
export function dryRun(): KmsError {
  return new KmsError('DryRunOperationException', 'The request would have succeeded, but the DryRun option is set.');
}

/** What the caller can do something about; every other engine error is a fault of this service. */
const ENGINE_ERRORS: Partial<Record<EngineErrorCode, readonly [name: KmsErrorName, message?: string]>> = {
  QUEUE_FULL: [
    'ThrottlingException',
    'You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.',
  ],
  UNSUPPORTED: ['UnsupportedOperationException'],
  OUT_OF_MEMORY: ['KeyUnavailableException'],
  ENGINE_CLOSED: ['KeyUnavailableException'],
  BACKEND_UNAVAILABLE: ['KeyUnavailableException'],
};

/** What a service says whose store goes over to another root key, or went over to one that it does not have. */
export function rootKeyReplaced(cause?: unknown): KmsError {
  return new KmsError(
    'KeyUnavailableException',
    'The root key of this store was replaced. Try again; where that fails, open the service with the new root key.',
    { cause },
  );
}

/** Any thrown value as a KmsError, the original kept as `cause`. A KmsError is returned as it is. */
export function asKmsError(error: unknown): KmsError {
  if (error instanceof KmsError) return error;
  if (error instanceof RootKeyReplacedError) return rootKeyReplaced(error);
  const [name, message] = (error instanceof EngineError && ENGINE_ERRORS[error.code]) || ['KMSInternalException'];
  return new KmsError(name, message ?? (error instanceof EngineError ? error.message : 'An internal error occurred.'), {
    cause: error,
  });
}
