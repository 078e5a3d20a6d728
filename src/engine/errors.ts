/** The engine's one error type, and the one table that turns a backend's status into it. */
import { Status } from './backend.ts';

/** Stable codes; callers switch on these, never on messages. */
export type EngineErrorCode =
  | 'INVALID_ARGUMENT'
  | 'UNSUPPORTED'
  | 'KEY_CLOSED'
  | 'WRONG_KEY'
  | 'INVALID_LENGTH'
  | 'INVALID_KEY'
  | 'DECRYPTION_FAILED'
  | 'INVALID_SIGNATURE'
  | 'NOT_EXPORTABLE'
  | 'OUT_OF_MEMORY'
  | 'QUEUE_FULL'
  | 'ENGINE_CLOSED'
  | 'BACKEND_UNAVAILABLE'
  | 'INTERNAL';

/** An operation that failed. `retryable` is true where the same call may succeed later, unchanged. Never carries key bytes or plaintext. */
export class EngineError extends Error {
  readonly code: EngineErrorCode;
  readonly retryable: boolean;
  constructor(code: EngineErrorCode, message: string, options?: ErrorOptions & { retryable?: boolean }) {
    super(message, options);
    this.name = 'EngineError';
    this.code = code;
    this.retryable = options?.retryable ?? false;
  }
}

interface StatusRow {
  readonly code: EngineErrorCode;
  readonly message: string;
  readonly retryable?: boolean;
}

const STATUS_ERRORS: Readonly<Record<number, StatusRow>> = {
  [Status.UNSUPPORTED]: { code: 'UNSUPPORTED', message: 'unsupported by this backend' },
  [Status.INVALID_HANDLE]: { code: 'KEY_CLOSED', message: 'the key is closed or belongs to another engine' },
  [Status.WRONG_KEY]: { code: 'WRONG_KEY', message: 'the key cannot be used with this operation and algorithm' },
  [Status.INVALID_LENGTH]: { code: 'INVALID_LENGTH', message: 'the input has a length this algorithm does not take' },
  [Status.INVALID_KEY]: { code: 'INVALID_KEY', message: 'the key material is not a valid key of this spec' },
  [Status.DECRYPTION_FAILED]: { code: 'DECRYPTION_FAILED', message: 'decryption failed' },
  [Status.INVALID_SIGNATURE]: { code: 'INVALID_SIGNATURE', message: 'the signature or MAC does not match' },
  [Status.NOT_EXPORTABLE]: { code: 'NOT_EXPORTABLE', message: 'the key is not exportable in this format' },
  [Status.OUT_OF_MEMORY]: { code: 'OUT_OF_MEMORY', message: 'the backend is out of key memory', retryable: true },
  [Status.UNAVAILABLE]: { code: 'BACKEND_UNAVAILABLE', message: 'the backend is shut down or failed a self-test' },
  [Status.MALFORMED_RECORD]: { code: 'INTERNAL', message: 'malformed record' },
  [Status.INTERNAL]: { code: 'INTERNAL', message: 'the backend failed' },
};

/**
 * The error for a status other than OK. `what` names the operation and algorithm, as in `sign ECDSA_SHA_256`.
 * An unknown status fails closed as INTERNAL.
 */
export function statusError(status: number, what: string): EngineError {
  const row = STATUS_ERRORS[status] ?? { code: 'INTERNAL', message: `unexpected status ${status}` };
  return new EngineError(row.code, `${what}: ${row.message}`, { retryable: row.retryable ?? false });
}

/** An argument of the wrong type, shape or range: what was expected and what came, never the bytes. */
export function argumentError(name: string, expected: string, got: string): EngineError {
  return new EngineError('INVALID_ARGUMENT', `${name}: expected ${expected}, got ${got}`);
}
