/** The public face of the engine: keys and batches, no KMS vocabulary. Nothing here is imported from Node, so that a browser may load it. */
import { integer, liveSignal, requestObject, rowOf } from './arguments.ts';
import { type Backend, type BackendInfo, MAX_PRIVATE_KEY_BYTES, MAX_PUBLIC_KEY_BYTES } from './backend.ts';
import { asPromise, Call, type Sink } from './batch.ts';
import { argumentError } from './errors.ts';
import { EngineKey, KeyState } from './key.ts';
import {
  type Abortable,
  type DecryptRequest,
  type DeriveSharedSecretRequest,
  type DigestRequest,
  type EncryptRequest,
  FORMAT_FLAGS,
  type GenerateKeyRequest,
  type ImportKeyRequest,
  type MacRequest,
  OPERATIONS,
  type OperationName,
  type OperationTypes,
  type Place,
  type SignRequest,
  type UnwrapKeyRequest,
  type VerifyMacRequest,
  type VerifyRequest,
  type WrapKeyRequest,
} from './operations.ts';
import {
  type MacPackedRequest,
  macPacked,
  type OpenPackedResult,
  openPacked,
  type SealPackedRequest,
  type SignPackedRequest,
  sealPacked,
  signPacked,
  type VerifyPackedRequest,
  verifyPacked,
} from './packed.ts';
import { type AeadRequest, PreparedAead } from './prepared.ts';
import { Queue, type QueueLimits } from './queue.ts';
import { buildRoutes, type EngineCore } from './routes.ts';
import { type BackendChoice, type BackendOpeners, selectBackend } from './select.ts';
import type { KeySpec } from './specs.ts';
import type { EngineStats } from './stats.ts';

/** Options of `openEngine`. Each may be left out. */
export interface EngineOptions {
  /** Default: KEYMILL_BACKEND, else native where it loads, else WASM. */
  backend?: BackendChoice | undefined;
  /**
   * Worker threads for public-key operations, 1 to 256. Default: the number of processors available. Of the WASM backend, 1 means none: those
   * operations run on the calling thread, in batches between which other events have their turn.
   */
  threads?: number | undefined;
  /**
   * Which implementations to prefer, before OpenSSL's; default `auto`, the fastest that proves itself. `emulated` is for tests of the
   * native vector kernels: the published addon does not have it. `engine.info.kernels` says what runs.
   */
  kernels?: 'auto' | 'scalar' | 'emulated' | 'openssl' | undefined;
  /** What may wait. Default: 100,000 operations, 256 MiB. */
  limits?: Partial<QueueLimits> | undefined;
}

export interface EngineInfo extends BackendInfo {
  /** Why the native backend, though present, does not run. */
  readonly fallbackReason?: string;
}

/** What became of one item of `run`. */
export type RunResult<Value = Uint8Array | boolean | EngineKey> =
  | { value: Value; error?: undefined }
  | { error: unknown; value?: undefined };

/** One item of `run`: an operation's request with its name in `op`. */
export type RunItem = { [Name in OperationName]: { op: Name } & OperationTypes[Name]['request'] }[OperationName];

const KERNEL_CHOICES = { auto: true, scalar: true, emulated: true, openssl: true };
const DEFAULT_LIMITS: QueueLimits = { maxQueuedOperations: 100_000, maxQueuedBytes: 256 * 2 ** 20 };

/** Collects the outcomes of one `run`, in order. */
class RunSink implements Sink {
  readonly results: RunResult[];
  #pending: number;
  resolve: ((results: RunResult[]) => void) | undefined;

  constructor(count: number) {
    this.results = new Array(count);
    this.#pending = count;
  }

  settle(tag: number, value: unknown): void {
    this.#put(tag, { value: value as Uint8Array });
  }

  fail(tag: number, error: unknown): void {
    this.#put(tag, { error });
  }

  isDone(): boolean {
    return this.#pending === 0;
  }

  #put(tag: number, result: RunResult): void {
    // An aborted item has its outcome already.
    if (this.results[tag] !== undefined) return;
    this.results[tag] = result;
    if (--this.#pending === 0) this.resolve?.(this.results);
  }
}

/** What the engine asks of the runtime it is in; node.ts and browser.ts answer. */
export interface Platform {
  readonly openers: BackendOpeners;
  /** KEYMILL_BACKEND, where there is an environment. */
  readonly environmentChoice: string | undefined;
  /** Processors available to this process. */
  readonly processors: number;
}

/** `openEngine`, for a platform. */
export function openEngineOn(platform: Platform, options: EngineOptions): Engine {
  requestObject(options);
  const threads = integer('threads', options.threads ?? Math.min(256, platform.processors), 1, 256);
  const kernels = options.kernels ?? 'auto';
  rowOf('kernels', KERNEL_CHOICES, kernels);
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  integer('limits.maxQueuedOperations', limits.maxQueuedOperations, 1, 2 ** 31);
  integer('limits.maxQueuedBytes', limits.maxQueuedBytes, 2 ** 20, Number.MAX_SAFE_INTEGER);
  const { backend, fallbackReason } = selectBackend(
    options.backend,
    platform.environmentChoice,
    { threads, kernels },
    platform.openers,
  );
  return new Engine(backend, limits, fallbackReason);
}

/**
 * One backend with its keys and its queue. Methods are safe to call at once and in any number; see `EngineOptions.limits`. Bytes are
 * copied at the call, or read before it returns. Every method rejects with EngineError:
 *
 * - INVALID_ARGUMENT: of a wrong type, out of range, or not for this key or algorithm; KEY_CLOSED; WRONG_KEY: an algorithm of another spec,
 *   or no private half; INVALID_LENGTH: a digest, IV or plaintext of a length that the algorithm does not take.
 * - QUEUE_FULL and OUT_OF_MEMORY, which are retryable; ENGINE_CLOSED; UNSUPPORTED by this backend; BACKEND_UNAVAILABLE.
 */
export class Engine {
  /** The backend that runs, what it found on this machine, and which implementation serves each primitive. */
  readonly info: EngineInfo;
  readonly #core: EngineCore;
  #closing: Promise<void> | undefined;

  /** @internal Use `openEngine`. */
  constructor(backend: Backend, limits: QueueLimits, fallbackReason: string | undefined) {
    this.info = Object.freeze({ ...backend.info, ...(fallbackReason === undefined ? {} : { fallbackReason }) });
    const queue = new Queue(backend, limits);
    const routes = buildRoutes(
      (cost) => queue.lane(cost),
      {
        make: (keySpec, slot, generation) =>
          new EngineKey(new KeyState(backend, keySpec, { slot, generation }), {
            exportKey: (state, format) => this.#exportKey(state, format),
          }),
        discard: (slot, generation) => backend.closeKey({ slot, generation }),
      },
      backend.info.backend,
    );
    this.#core = { backend, queue, routes };
  }

  /**
   * A new key. `exportable` (default true) says whether `key.export` may hand it out.
   * @throws {EngineError} INVALID_ARGUMENT, UNSUPPORTED, OUT_OF_MEMORY.
   */
  generateKey(keySpec: KeySpec, options: Omit<GenerateKeyRequest, 'keySpec'> = {}): Promise<EngineKey> {
    return this.#call(OPERATIONS.generateKey, { ...options, keySpec }) as Promise<EngineKey>;
  }

  /**
   * A key from its material, fully validated: `raw` (symmetric 32 bytes; HMAC between hash and block length; EC scalar at full width;
   * Ed25519 seed), `pkcs8` (DER) or `spki` (DER, public half only).
   * @throws {EngineError} INVALID_KEY for anything that is not a sound key of that spec.
   */
  importKey(request: ImportKeyRequest): Promise<EngineKey> {
    return this.#call(OPERATIONS.importKey, request) as Promise<EngineKey>;
  }

  /** A key as bytes that only `rootKey` opens again, bound to `additionalData`. Version 1: 41 bytes longer than the material. */
  wrapKey(request: WrapKeyRequest): Promise<Uint8Array> {
    return this.#call(OPERATIONS.wrapKey, request) as Promise<Uint8Array>;
  }

  /**
   * The key that `wrapKey` wrapped.
   * @throws {EngineError} DECRYPTION_FAILED where root key, additional data, spec or bytes are not those of the wrapping.
   */
  unwrapKey(request: UnwrapKeyRequest): Promise<EngineKey> {
    return this.#call(OPERATIONS.unwrapKey, request) as Promise<EngineKey>;
  }

  /**
   * AEAD: iv || ciphertext || tag (SYMMETRIC_DEFAULT: 12-byte iv, XAES_256_GCM: 24; 16-byte tag). OAEP: the ciphertext.
   * @throws {EngineError} INVALID_LENGTH where OAEP has no room for the plaintext.
   */
  encrypt(request: EncryptRequest): Promise<Uint8Array> {
    return this.#call(OPERATIONS.encrypt, request) as Promise<Uint8Array>;
  }

  /** The plaintext. @throws {EngineError} DECRYPTION_FAILED, one error for every way it can fail. */
  decrypt(request: DecryptRequest): Promise<Uint8Array> {
    return this.#call(OPERATIONS.decrypt, request) as Promise<Uint8Array>;
  }

  /** The signature: ECDSA as DER or r||s, RSA as long as the modulus, Ed25519 64 bytes. */
  sign(request: SignRequest): Promise<Uint8Array> {
    return this.#call(OPERATIONS.sign, request) as Promise<Uint8Array>;
  }

  /** Whether the signature is good; a bad one, malformed ones included, is false. */
  verify(request: VerifyRequest): Promise<boolean> {
    return this.#call(OPERATIONS.verify, request) as Promise<boolean>;
  }

  /** The full-length HMAC. */
  mac(request: MacRequest): Promise<Uint8Array> {
    return this.#call(OPERATIONS.mac, request) as Promise<Uint8Array>;
  }

  /** Whether the MAC is good, compared in constant time; a truncated one is false. */
  verifyMac(request: VerifyMacRequest): Promise<boolean> {
    return this.#call(OPERATIONS.verifyMac, request) as Promise<boolean>;
  }

  /** The digest (FIPS 180-4), as long as the hash: 20, 28, 32, 48 or 64 bytes. */
  digest(request: DigestRequest): Promise<Uint8Array> {
    return this.#call(OPERATIONS.digest, request) as Promise<Uint8Array>;
  }

  /** The x coordinate of the shared point (SP 800-56A), as long as the curve's field. @throws {EngineError} INVALID_KEY for a bad peer key. */
  deriveSharedSecret(request: DeriveSharedSecretRequest): Promise<Uint8Array> {
    return this.#call(OPERATIONS.deriveSharedSecret, request) as Promise<Uint8Array>;
  }

  /** `bytes` random bytes, 0 to 1 MiB. @throws {EngineError} BACKEND_UNAVAILABLE where the generator fails. */
  random(bytes: number): Promise<Uint8Array> {
    return this.#call(OPERATIONS.random, { bytes }) as Promise<Uint8Array>;
  }

  /**
   * Many operations in one call, without a promise each. Outcomes come in order; a failing item hurts only itself.
   * Rejects only where `items` is not an array.
   */
  run(items: readonly RunItem[]): Promise<RunResult[]> {
    if (!Array.isArray(items)) return Promise.reject(argumentError('items', 'an array', typeof items));
    const core = this.#core;
    const list: readonly RunItem[] = items;
    const count = list.length;
    const sink = new RunSink(count);
    for (let index = 0; index < count; index++) this.submit(list[index]!, sink, index);
    core.queue.flushInline();
    if (sink.isDone()) return Promise.resolve(sink.results);
    return new Promise((resolve) => {
      sink.resolve = resolve;
    });
  }

  /**
   * One item of `run`, whose outcome goes to `sink` with this tag: once, perhaps before this returns. Never throws, nor may the sink.
   * Inline operations run in the next microtask. For what is built on the engine and keeps its own accounts.
   * @internal
   */
  submit(item: RunItem, sink: Sink, tag: number): void {
    let place: Place<never> | undefined;
    try {
      requestObject(item);
      place = OPERATIONS[item.op];
      if (place === undefined) rowOf('op', OPERATIONS, item.op);
    } catch (error) {
      sink.fail(tag, error);
      return;
    }
    this.#place(place!, item as never, sink, tag);
  }

  /**
   * Encryption and decryption with one key into and out of a format with a prefix of its own.
   * @internal
   */
  prepareAead(request: AeadRequest): PreparedAead {
    return new PreparedAead(this.#core, request);
  }

  /**
   * Signs n digests (or n raw messages of `messageBytes`) end to end with one key or one each; n signatures end to end, ECDSA as r||s
   * and the recovery id where it is asked for. At most 2^24 items and 1 GiB. Rejects as a whole where an item cannot be signed.
   */
  async signPacked(request: SignPackedRequest): Promise<Uint8Array> {
    requestObject(request);
    return signPacked(this.#core, request);
  }

  /** n bytes, 1 where the signature at that place is good. */
  async verifyPacked(request: VerifyPackedRequest): Promise<Uint8Array> {
    requestObject(request);
    return verifyPacked(this.#core, request);
  }

  /** Encrypts n messages of `messageBytes` end to end: n times iv || ciphertext || tag. Runs at the call, on this thread. */
  async sealPacked(request: SealPackedRequest): Promise<Uint8Array> {
    requestObject(request);
    return sealPacked(this.#core, request);
  }

  /** Opens what `sealPacked` made; an item that does not open is zeros, and 0 in `opened`. */
  async openPacked(request: SealPackedRequest): Promise<OpenPackedResult> {
    requestObject(request);
    return openPacked(this.#core, request);
  }

  /** n full-length MACs of n messages of `messageBytes` end to end. */
  async macPacked(request: MacPackedRequest): Promise<Uint8Array> {
    requestObject(request);
    return macPacked(this.#core, request);
  }

  /** Counters since the engine opened. */
  stats(): EngineStats {
    return this.#core.queue.stats();
  }

  /** Refuses new work, settles what was accepted, wipes every key. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#core.queue.close().then(() => this.#core.backend.close());
    return this.#closing;
  }

  /** As `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #call<Request extends Abortable>(place: Place<Request>, request: Request): Promise<unknown> {
    return asPromise((sink) => this.#place(place, request, sink, 0));
  }

  #place<Request extends Abortable>(place: Place<Request>, request: Request, sink: Sink, tag: number): void {
    try {
      requestObject(request);
      liveSignal(request.signal);
      place(this.#core, request, sink, tag);
    } catch (error) {
      sink.fail(tag, error);
    }
  }

  /** Runs EXPORT_KEY now, alone. */
  #exportKey(state: KeyState, format: 'raw' | 'pkcs8' | 'spki'): Uint8Array {
    state.requireOpen('key');
    const { queue, routes } = this.#core;
    let outcome: { value?: Uint8Array; error?: unknown } = {};
    const sink: Sink = {
      settle: (_tag, value) => {
        outcome = { value: value as Uint8Array };
      },
      fail: (_tag, error) => {
        outcome = { error };
      },
    };
    const call = new Call(routes.exportKey, state, undefined);
    call.flags = FORMAT_FLAGS[format]!;
    call.outputBytes = format === 'spki' ? MAX_PUBLIC_KEY_BYTES : MAX_PRIVATE_KEY_BYTES;
    queue.add(call, sink, 0);
    queue.flushInline();
    if (outcome.value === undefined) throw outcome.error;
    return outcome.value;
  }
}
