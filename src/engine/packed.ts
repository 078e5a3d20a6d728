/**
 * Packed calls: n equal-sized items end to end in one buffer, n results end to end in another, no object per item. Inline operations
 * run at the call on the caller's memory; signatures are copied into blocks of a few items each and spread over the threads.
 */
import { bytesLength, integer, optionalBytesLength, plainView } from './arguments.ts';
import { BLOCK_HEADER_BYTES, Flag, HANDLE_BYTES, RECORD_BYTES, RecordWord, Status } from './backend.ts';
import { align8, Batch, Call, type Lane, MAX_BATCH_UNITS } from './batch.ts';
import { failures, runDirect } from './direct.ts';
import { argumentError, EngineError, statusError } from './errors.ts';
import { EngineKey, type KeyState } from './key.ts';
import { type EcdsaOptions, ecdsaFlags, keyedRoute, MAX_INPUT_BYTES, signatureBytes } from './operations.ts';
import type { EngineCore, KeyedOperation, KeyRoute } from './routes.ts';
import { HASHES, type MacAlgorithm, type SigningAlgorithm, TAG_BYTES } from './specs.ts';

/** One key for all items, or one per item; all of one key spec. */
type PackedKeys = { key: EngineKey; keys?: undefined } | { keys: readonly EngineKey[]; key?: undefined };

/** Items to sign: digests (their length is the algorithm's), or raw messages of `messageBytes` each. */
type PackedMessages =
  | { digests: Uint8Array; messages?: undefined; messageBytes?: undefined }
  | { messages: Uint8Array; messageBytes: number; digests?: undefined };

type PackedSignatures = PackedKeys & PackedMessages & { algorithm: SigningAlgorithm };
/** For `signPacked`. With `recoveryId` each signature is one byte longer. */
export type SignPackedRequest = PackedSignatures & EcdsaOptions;
/** For `verifyPacked`: as many signatures as items, end to end, ECDSA as r||s. */
export type VerifyPackedRequest = PackedSignatures & { signatures: Uint8Array };
/** For `sealPacked` and `openPacked`. */
export type SealPackedRequest = PackedKeys & {
  /** Default SYMMETRIC_DEFAULT. */
  algorithm?: 'SYMMETRIC_DEFAULT' | 'XAES_256_GCM' | undefined;
  messages: Uint8Array;
  /** Length of one item: the plaintext for sealPacked, nonce || ciphertext || tag for openPacked. */
  messageBytes: number;
  /** Additional data of every item. */
  aad?: Uint8Array | undefined;
};
/** For `macPacked`: messages end to end, each of `messageBytes`. */
export type MacPackedRequest = PackedKeys & { algorithm: MacAlgorithm; messages: Uint8Array; messageBytes: number };

/** What `openPacked` gives: which items opened, and to what. */
export interface OpenPackedResult {
  /** n plaintexts end to end; zeros where an item did not open. */
  messages: Uint8Array;
  /** n bytes, 1 where the item opened. */
  opened: Uint8Array;
}

const MAX_ITEMS = 2 ** 24;

/** Items in a buffer of `total` bytes; a remainder is refused. */
function itemCount(name: string, total: number, itemBytes: number): number {
  if (
    itemBytes === 0 ||
    total % itemBytes !== 0 ||
    total === 0 ||
    total > MAX_INPUT_BYTES ||
    total / itemBytes > MAX_ITEMS
  ) {
    throw new EngineError(
      'INVALID_LENGTH',
      `${name}: expected 1 to ${MAX_ITEMS} items of ${itemBytes} bytes, got ${total} bytes`,
    );
  }
  return total / itemBytes;
}

function keyStates(core: EngineCore, { key, keys }: PackedKeys, items: number): KeyState[] {
  if (keys === undefined) return [EngineKey.stateOf('key', key, core.backend)];
  if (!Array.isArray(keys)) throw argumentError('keys', 'an array of EngineKeys', typeof keys);
  if (keys.length !== items) throw argumentError('keys', `${items} keys, one per item`, `${keys.length}`);
  const states = new Array<KeyState>(items);
  for (let index = 0; index < items; index++) {
    const state = EngineKey.stateOf('keys', keys[index], core.backend, index);
    states[index] = state;
    const { keySpec } = states[0]!;
    if (state.keySpec !== keySpec) throw argumentError('keys', `keys of one spec (${keySpec})`, state.keySpec);
  }
  return states;
}

/** Throws for the first item whose status is neither OK nor (where given) `verdict`. */
function throwFirstFailure(statuses: Uint8Array, what: string, verdict?: number): void {
  for (let index = 0; index < statuses.length; index++) {
    const status = statuses[index]!;
    if (status !== Status.OK && status !== verdict) throw statusError(status, `${what}, item ${index}`);
  }
}

/** One byte per item, 1 where it is OK. */
const verdicts = (statuses: Uint8Array): Uint8Array => statuses.map((status) => (status === Status.OK ? 1 : 0));

/** Runs an inline operation over packed items on the caller's memory. */
function runInline(
  core: EngineCore,
  operation: KeyedOperation,
  algorithm: string,
  request: PackedKeys & { messages: Uint8Array; messageBytes: number; aad?: Uint8Array | undefined },
  outputBytesOf: (route: KeyRoute) => number,
): { route: KeyRoute; output: Uint8Array; statuses: Uint8Array } {
  const { messages, messageBytes, aad } = request;
  const inputBytes = integer('messageBytes', messageBytes, 1, MAX_INPUT_BYTES);
  const items = itemCount('messages', bytesLength('messages', messages), inputBytes);
  const keys = keyStates(core, request, items);
  const route = keyedRoute(core, operation, keys[0]!, algorithm);
  if (!route.lane.isInline) throw argumentError('algorithm', 'an algorithm of a symmetric key', algorithm);
  const call = new Call(route, keys[0], undefined);
  call.input = messages;
  call.inputBytes = inputBytes;
  call.extra = aad;
  call.extraBytes = optionalBytesLength('aad', aad);
  call.outputBytes = outputBytesOf(route);
  if (items * call.outputBytes > MAX_INPUT_BYTES) {
    throw new EngineError('INVALID_LENGTH', `messages: expected at most ${MAX_INPUT_BYTES} bytes of output`);
  }
  const { status, statuses, output } = runDirect(core, call, items, keys);
  return { route, output, statuses: items === 1 ? Uint8Array.of(status) : statuses };
}

export function sealPacked(core: EngineCore, request: SealPackedRequest): Uint8Array {
  const { route, output, statuses } = runInline(
    core,
    'encrypt',
    request.algorithm === undefined ? 'SYMMETRIC_DEFAULT' : request.algorithm,
    request,
    ({ algorithmRow }) => algorithmRow.nonceBytes! + request.messageBytes + TAG_BYTES,
  );
  throwFirstFailure(statuses, route.what);
  return output;
}

export function openPacked(core: EngineCore, request: SealPackedRequest): OpenPackedResult {
  const { route, output, statuses } = runInline(
    core,
    'decrypt',
    request.algorithm === undefined ? 'SYMMETRIC_DEFAULT' : request.algorithm,
    request,
    ({ algorithmRow }) => Math.max(0, request.messageBytes - algorithmRow.nonceBytes! - TAG_BYTES),
  );
  throwFirstFailure(statuses, route.what, Status.DECRYPTION_FAILED);
  return { messages: output, opened: verdicts(statuses) };
}

export function macPacked(core: EngineCore, request: MacPackedRequest): Uint8Array {
  const { route, output, statuses } = runInline(
    core,
    'mac',
    request.algorithm,
    request,
    ({ algorithmRow }) => HASHES[algorithmRow.hash!].hashBytes,
  );
  throwFirstFailure(statuses, route.what);
  return output;
}

/** Some items of a packed signing or verifying call, as one record. */
class PackedBatch extends Batch {
  readonly recordCount = 1;
  readonly arenaOffset = BLOCK_HEADER_BYTES + RECORD_BYTES;
  readonly usedBytes: number;
  readonly operations: number;
  readonly #keys: readonly KeyState[];
  readonly #statusesOffset: number;
  readonly #settle: (failure: unknown, batch: PackedBatch) => void;

  constructor(lane: Lane, core: EngineCore, part: PackedPart, settle: (failure: unknown, batch: PackedBatch) => void) {
    const { route, flags, input, inputBytes, extra, extraBytes, outputBytes, keys } = part;
    const items = input.length / inputBytes;
    const inputOffset = BLOCK_HEADER_BYTES + RECORD_BYTES;
    const extraOffset = inputOffset + align8(input.length);
    const keysOffset = extraOffset + align8(extra.length);
    const statusesOffset = keysOffset + (keys.length > 1 ? items * HANDLE_BYTES : 0);
    const outputOffset = statusesOffset + align8(items);
    const usedBytes = outputOffset + items * outputBytes;
    core.queue.admit(items, usedBytes);
    super(lane, core.queue.allocate(usedBytes));
    this.usedBytes = usedBytes;
    this.operations = items;
    this.#keys = keys;
    this.#statusesOffset = statusesOffset;
    this.#settle = settle;
    const { bytes, words } = this.block;
    const word = BLOCK_HEADER_BYTES / 4;
    words[word + RecordWord.operationAndAlgorithm] = route.operation | (route.algorithm << 16);
    words[word + RecordWord.flagsAndStatus] = flags;
    words[word + RecordWord.keySlot] = keys[0]!.handle.slot;
    words[word + RecordWord.keyGeneration] = keys[0]!.handle.generation;
    words[word + RecordWord.inputOffset] = inputOffset;
    words[word + RecordWord.inputBytes] = inputBytes;
    bytes.set(input, inputOffset);
    words[word + RecordWord.extraOffset] = extraOffset;
    words[word + RecordWord.extraBytes] = extraBytes;
    bytes.set(extra, extraOffset);
    words[word + RecordWord.outputOffset] = outputOffset;
    words[word + RecordWord.outputBytes] = outputBytes;
    words[word + RecordWord.items] = items;
    words[word + RecordWord.statusesOffset] = statusesOffset;
    if (keys.length > 1) {
      words[word + RecordWord.keysOffset] = keysOffset;
      let keyWord = keysOffset / 4;
      for (let index = 0; index < keys.length; index++) {
        const { slot, generation } = keys[index]!.handle;
        words[keyWord++] = slot;
        words[keyWord++] = generation;
      }
    }
    for (const key of keys) key.retain();
  }

  /** One status byte per item. */
  statuses(): Uint8Array {
    return this.block.bytes.subarray(this.#statusesOffset, this.#statusesOffset + this.operations);
  }

  /** The items' outputs end to end. */
  outputs(outputBytes: number): Uint8Array {
    const offset = this.block.words[BLOCK_HEADER_BYTES / 4 + RecordWord.outputOffset]!;
    return this.block.bytes.subarray(offset, offset + this.operations * outputBytes);
  }

  finish(): number {
    for (const key of this.#keys) key.release();
    this.#settle(undefined, this);
    return failures(this.statuses());
  }

  abandon(error: unknown): void {
    for (const key of this.#keys) key.release();
    this.#settle(error, this);
  }
}

interface PackedPart {
  readonly route: KeyRoute;
  readonly flags: number;
  readonly input: Uint8Array;
  readonly inputBytes: number;
  readonly extra: Uint8Array;
  readonly extraBytes: number;
  readonly outputBytes: number;
  readonly keys: readonly KeyState[];
}

/**
 * Items of a packed call that share a batch. Nobody waits for a part of them, so a batch is longer than others where that leaves every
 * thread two: what a batch costs beside its items, waking a thread and coming back, is spread over more.
 */
function packedItems({ cost, maxRecords }: Lane, items: number, threads: number): number {
  const share = Math.min(MAX_BATCH_UNITS / cost.units, items / (2 * threads));
  return maxRecords * Math.max(1, Math.floor(share / maxRecords));
}

/** Spreads packed items over batches and calls `collect` with each as it comes back; rejects where an item failed for a reason that is no verdict. */
function runDear(
  core: EngineCore,
  whole: PackedPart,
  collect: (first: number, batch: PackedBatch) => void,
): Promise<void> {
  const { route, input, inputBytes, extra, extraBytes, keys } = whole;
  const items = input.length / inputBytes;
  const itemsPerBatch = packedItems(route.lane, items, core.queue.threads);
  return new Promise((resolve, reject) => {
    let pending = Math.ceil(items / itemsPerBatch);
    let failure: unknown;
    const settled = (): void => {
      if (--pending > 0) return;
      if (failure === undefined) resolve();
      else reject(failure);
    };
    for (let first = 0; first < items; first += itemsPerBatch) {
      const last = Math.min(items, first + itemsPerBatch);
      const part = {
        ...whole,
        input: input.subarray(first * inputBytes, last * inputBytes),
        extra: extra.subarray(first * extraBytes, last * extraBytes),
        keys: keys.length > 1 ? keys.slice(first, last) : keys,
      };
      try {
        const batch = new PackedBatch(route.lane, core, part, (error, done) => {
          failure ??= error;
          try {
            if (error === undefined) {
              throwFirstFailure(done.statuses(), route.what, route.isVerdict ? Status.INVALID_SIGNATURE : undefined);
              collect(first, done);
            }
          } catch (itemFailure) {
            failure ??= itemFailure;
          }
          settled();
        });
        core.queue.addBatch(batch);
      } catch (refused) {
        failure ??= refused;
        settled();
      }
    }
  });
}

/** What signing and verifying have in common: the checked items, keys and route. */
function packedSignatures(core: EngineCore, operation: 'sign' | 'verify', request: PackedSignatures) {
  const { digests, messages, messageBytes, algorithm } = request;
  const input = digests ?? messages;
  const name = digests === undefined ? 'messages' : 'digests';
  const totalBytes = bytesLength(name, input);
  const first = EngineKey.stateOf('key', request.key ?? request.keys?.[0], core.backend);
  const route = keyedRoute(core, operation, first, algorithm);
  if (digests !== undefined && route.algorithmRow.takesDigest === false) {
    throw argumentError('digests', `messages and messageBytes: ${algorithm} takes no digest`, 'digests');
  }
  const inputBytes =
    digests === undefined
      ? integer('messageBytes', messageBytes, 1, MAX_INPUT_BYTES)
      : HASHES[route.algorithmRow.hash!].hashBytes;
  const items = itemCount(name, totalBytes, inputBytes);
  const flags =
    (digests === undefined ? 0 : Flag.MESSAGE_IS_DIGEST) | (route.algorithmRow.hasEncodings ? Flag.P1363 : 0);
  return {
    route,
    flags,
    items,
    input: plainView(input!, totalBytes),
    inputBytes,
    keys: keyStates(core, request, items),
  };
}

export async function signPacked(core: EngineCore, request: SignPackedRequest): Promise<Uint8Array> {
  const { items, ...whole } = packedSignatures(core, 'sign', request);
  const flags = whole.flags | ecdsaFlags(whole.route, request);
  const outputBytes = signatureBytes(whole.route, flags);
  const signatures = new Uint8Array(items * outputBytes);
  const part = { ...whole, flags, extra: new Uint8Array(0), extraBytes: 0, outputBytes };
  await runDear(core, part, (first, batch) => signatures.set(batch.outputs(outputBytes), first * outputBytes));
  return signatures;
}

export async function verifyPacked(core: EngineCore, request: VerifyPackedRequest): Promise<Uint8Array> {
  const { items, ...whole } = packedSignatures(core, 'verify', request);
  const extraBytes = signatureBytes(whole.route, whole.flags);
  const signaturesBytes = bytesLength('signatures', request.signatures);
  if (signaturesBytes !== items * extraBytes) {
    throw new EngineError(
      'INVALID_LENGTH',
      `signatures: expected ${items} of ${extraBytes} bytes, got ${signaturesBytes} bytes`,
    );
  }
  const extra = plainView(request.signatures, signaturesBytes);
  const results = new Uint8Array(items);
  await runDear(core, { ...whole, extra, extraBytes, outputBytes: 0 }, (first, batch) =>
    results.set(verdicts(batch.statuses()), first),
  );
  return results;
}
