/** AWS JSON 1.1: from a target and a request body to an answer. Knows no operation of the service by name, and no transport. */
import {
  type BatchItem,
  type Keymill,
  KmsError,
  type KmsErrorName,
  MAX_BATCH_ITEMS,
  OPERATIONS,
  type Operation,
} from '../kms/index.ts';
import { decodeMembers } from './decode.ts';
import { assemble, type Body, encodeOutput, type Part } from './encode.ts';
import { type JsonLimits, parseBody } from './json.ts';

export const CONTENT_TYPE = 'application/x-amz-json-1.1';
const TARGET_PREFIX = 'TrentService.';
/** Our own target beside AWS's: many operations in one request. */
const BATCH_TARGET = 'Keymill.Batch';

export interface WireAnswer {
  readonly status: number;
  /** JSON, or empty where AWS answers nothing. */
  readonly body: Body;
  readonly error?: KmsErrorName;
  /** What went wrong where it is a fault of ours: for a log, never for the client. */
  readonly cause?: unknown;
}

/** What a target asks for, and what its requests may cost. */
export interface Call {
  /** As metrics and logs name it: `Batch` for a batch, `Unknown` for what is no operation. */
  readonly operation: string;
  readonly maxBodyBytes: number;
  /** Never rejects: errors are answers. */
  answer(kms: Keymill, body: Uint8Array): Promise<WireAnswer>;
}

/** The largest requests of AWS KMS are a few ciphertexts of 6 KiB and a policy of 32 KiB. */
const OPERATION_LIMITS = { maxBodyBytes: 64 * 1024, maxDepth: 16, maxMembers: 1000 } as const;
const BATCH_LIMITS = { maxBodyBytes: 8 * 1024 * 1024, maxDepth: 18, maxMembers: 32 * MAX_BATCH_ITEMS } as const;

const CALLS: ReadonlyMap<string, Call> = new Map([
  ...Object.entries(OPERATIONS).map(
    ([operation, row]) => [TARGET_PREFIX + operation, operationCall(operation, row)] as const,
  ),
  [BATCH_TARGET, call('Batch', BATCH_LIMITS, answerBatch)],
]);

const UNKNOWN = call('Unknown', OPERATION_LIMITS, async () => {
  throw new KmsError('UnknownOperationException');
});

/** The call that an X-Amz-Target header names. */
export function callOf(target: string | undefined): Call {
  return CALLS.get(target ?? '') ?? UNKNOWN;
}

function operationCall(operation: string, { input, output }: Operation): Call {
  return call(operation, OPERATION_LIMITS, async (kms, given) => {
    const answered = await kms.perform(operation, decodeMembers(input, given));
    return output === undefined ? [''] : encodeOutput(output, answered);
  });
}

type Given = Readonly<Record<string, unknown>>;

function call(
  operation: string,
  limits: JsonLimits & { readonly maxBodyBytes: number },
  run: (kms: Keymill, given: Given) => Promise<readonly Part[]>,
): Call {
  return {
    operation,
    maxBodyBytes: limits.maxBodyBytes,
    async answer(kms, body) {
      try {
        return { status: 200, body: assemble(await run(kms, parseBody(body, limits))) };
      } catch (error) {
        return errorAnswer(error);
      }
    },
  };
}

/** `{ Operations: [{ Operation, Input }] }` to `{ Results: [{ Output } | { Error: { __type, message } }] }`, in the same order. */
async function answerBatch(kms: Keymill, { Operations }: Given): Promise<readonly Part[]> {
  if (!Array.isArray(Operations) || Operations.length > MAX_BATCH_ITEMS) {
    throw new KmsError('ValidationException', `Operations must be a list of at most ${MAX_BATCH_ITEMS} operations.`);
  }
  const results: (readonly Part[])[] = new Array(Operations.length);
  const items: BatchItem[] = [];
  const places: number[] = [];
  for (let place = 0; place < Operations.length; place++) {
    try {
      items.push(decodeItem(Operations[place]));
      places.push(place);
    } catch (error) {
      results[place] = errorResult(error);
    }
  }
  const outcomes = await kms.batch(items);
  for (let i = 0; i < outcomes.length; i++) {
    const { output, error } = outcomes[i]!;
    const row = OPERATIONS[items[i]!.operation];
    results[places[i]!] =
      error === undefined ? ['{"Output":', ...encodeOutput(row.output ?? {}, output ?? {}), '}'] : errorResult(error);
  }
  return ['{"Results":[', ...results.flatMap((parts, place) => (place === 0 ? parts : [',', ...parts])), ']}'];
}

/** @throws KmsError */
function decodeItem(item: unknown): BatchItem {
  const { Operation, Input } = (typeof item === 'object' && item !== null ? item : {}) as Given;
  const row = typeof Operation === 'string' ? CALLS.get(TARGET_PREFIX + Operation) : undefined;
  if (row === undefined) throw new KmsError('UnknownOperationException');
  const operation = row.operation as BatchItem['operation'];
  const { Input: input } = decodeMembers(
    { Input: { type: 'structure', members: OPERATIONS[operation].input } },
    { Input: Input ?? {} },
  );
  return { operation, input } as BatchItem;
}

const errorResult = (error: unknown): readonly Part[] => [`{"Error":${errorText(known(error))}}`];

/**
 * Under which name an error's text goes, `message` where nothing is said: what AWS's framework finds has a capital letter. Of
 * UnsupportedOperationException both were recorded, with the capital by local-kms.
 */
const MESSAGE_MEMBERS: Partial<Record<KmsErrorName, readonly string[]>> = {
  AccessDeniedException: ['Message'],
  SerializationException: ['Message'],
  UnsupportedOperationException: ['message', 'Message'],
};
const MESSAGE: readonly string[] = ['message'];

/** An error as AWS writes it: no message member where there is no message. */
export function errorAnswer(error: unknown): WireAnswer {
  const answered = known(error);
  const { httpStatus: status, name } = answered;
  const fault = name === 'KMSInternalException' ? { cause: answered.cause ?? error } : {};
  return { status, body: errorText(answered), error: name, ...fault };
}

function errorText({ name, message }: KmsError): string {
  const members = message === '' ? [] : (MESSAGE_MEMBERS[name] ?? MESSAGE).map((member) => [member, message]);
  return JSON.stringify({ __type: name, ...Object.fromEntries(members) });
}

/** Anything but a KmsError is a fault of ours and says nothing. */
function known(error: unknown): KmsError {
  return error instanceof KmsError ? error : new KmsError('KMSInternalException', 'An internal error occurred.');
}
