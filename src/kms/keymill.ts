/** The service as callers see it: one method per AWS KMS operation, batches, callers, access keys. */
import type { EngineInfo, EngineStats } from '../engine/index.ts';
import type { AccessKeys } from './accesskeys.ts';
import { KmsError } from './errors.ts';
import type { Caller } from './operation.ts';
import {
  OPERATIONS,
  type OperationInput,
  type OperationMethods,
  type OperationName,
  type OperationOutput,
} from './operations/index.ts';
import { perform, performAll } from './perform.ts';
import type { RootKeyOption } from './rootkey.ts';
import { type KeymillOptions, type Started, start } from './start.ts';

/** One item of a batch: an operation by AWS's name. */
export type BatchItem = {
  [Name in OperationName]: { readonly operation: Name; readonly input?: OperationInput<Name> | undefined };
}[OperationName];

/** What became of a batch item; `output` is undefined for an operation that answers nothing. */
export type BatchResult =
  | { readonly output: OperationOutput<OperationName>; readonly error?: undefined }
  | { readonly error: KmsError; readonly output?: undefined };

export const MAX_BATCH_ITEMS = 1000;

/** What a service has done and holds. */
export interface KeymillStats {
  readonly engine: EngineStats;
  /** How many keys there are in each state that has any. */
  readonly keysByState: ReadonlyMap<string, number>;
}

/** Gives a class one method per row of the operations table. */
function operationMethods(): abstract new () => OperationMethods {
  abstract class Methods {
    abstract perform(operation: string, input: unknown): Promise<unknown>;
  }
  for (const operation of Object.keys(OPERATIONS)) {
    const method = operation.charAt(0).toLowerCase() + operation.slice(1);
    Object.defineProperty(Methods.prototype, method, {
      value: function (this: Methods, input: unknown) {
        return this.perform(operation, input);
      },
      writable: true,
      configurable: true,
    });
  }
  return Methods as unknown as abstract new () => OperationMethods;
}

/**
 * A key management service in this process, with the names and shapes of AWS KMS.
 *
 * ```ts
 * import { Keymill } from 'keymill';
 *
 * const kms = await Keymill.open({ path: './keymill-data' });
 * const { KeyMetadata } = await kms.createKey({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' });
 * const signing = { KeyId: KeyMetadata.KeyId, Message: Buffer.from('hello'), SigningAlgorithm: 'ECDSA_SHA_256' } as const;
 * const { Signature } = await kms.sign(signing);
 * console.log((await kms.verify({ ...signing, Signature })).SignatureValid); // -> true
 * await kms.close();
 * ```
 *
 * Methods reject with KmsError, whose `name` is AWS's error type. Blobs are Uint8Array and copied at the call; times are Date. As with
 * AWS's SDK, the `buffer` of a CiphertextBlob may hold more than the blob.
 */
export class Keymill extends operationMethods() {
  readonly #started: Started;
  readonly #caller: Caller;

  private constructor(started: Started, caller: Caller) {
    super();
    this.#started = started;
    this.#caller = caller;
  }

  /** Opens the service, making its store, root key and directory where there is none. @throws StartError with what to do about it */
  static async open(options: KeymillOptions = {}): Promise<Keymill> {
    const started = await start(options);
    const { accountId } = started.service.realm;
    return new Keymill(started, { principal: `arn:aws:iam::${accountId}:root` });
  }

  /** Credentials for the endpoint. */
  get accessKeys(): AccessKeys {
    return this.#started.accessKeys;
  }

  /** The region in ARNs, as it was fixed at the first start. */
  get region(): string {
    return this.#started.service.realm.region;
  }

  /** The account in ARNs, 12 digits, as it was fixed at the first start. */
  get accountId(): string {
    return this.#started.service.realm.accountId;
  }

  /** What the engine runs on. */
  get engineInfo(): EngineInfo {
    return this.#started.service.engine.info;
  }

  /** Counters of the engine since it opened, and how many keys the store holds now. @throws where the store does not answer */
  async stats(): Promise<KeymillStats> {
    const { engine, store } = this.#started.service;
    return { engine: engine.stats(), keysByState: await store.countKeys() };
  }

  /** The same service seen by another caller. */
  as(caller: Caller): Keymill {
    const principal: unknown = caller?.principal;
    if (typeof principal !== 'string') throw new TypeError("caller: expected an object with a string 'principal'");
    return new Keymill(this.#started, { principal });
  }

  /** An operation by AWS's name, as the endpoint calls it: the name and the input may be anything. */
  perform(operation: string, input: unknown): Promise<unknown> {
    return perform(this.#started.service, OPERATIONS, operation, input, this.#caller);
  }

  /**
   * Up to 1,000 operations in one call, which share batches of the engine. Outcomes in order; a failing item hurts only itself.
   * @throws KmsError ValidationException for more items
   */
  async batch(items: readonly BatchItem[]): Promise<BatchResult[]> {
    if (!Array.isArray(items) || items.length > MAX_BATCH_ITEMS) {
      throw new KmsError('ValidationException', `A batch is a list of at most ${MAX_BATCH_ITEMS} operations.`);
    }
    return performAll(this.#started.service, OPERATIONS, items, this.#caller) as Promise<BatchResult[]>;
  }

  /**
   * Does now what the service otherwise does by itself: deletions, expiries and rotations that are due (at open and every 30 s),
   * and learning what other processes changed in the same store (every 250 ms).
   */
  maintain(): Promise<void> {
    return this.#started.maintain();
  }

  /**
   * Puts everything in the store under another root key, in one transaction: a process that ends in the midst of it leaves the store
   * under the old one. Without `to`, a root key in a file is replaced by a new one there. Another service on the store goes over too
   * where its own root key option leads to the new key, and refuses everything otherwise. Import tokens handed out before are void.
   * Backups made before still open with the old key only: keep it for as long as you keep them.
   * @throws StartError with what to do about it; the store is as it was
   */
  rotateRootKey(to?: RootKeyOption): Promise<void> {
    return this.#started.rotation.rotate(to);
  }

  /**
   * Copies the store as of this moment into a new file, for its owner only and durable when this returns, while the service goes on.
   * The copy is a store: as `keymill.db` in a directory of its own it opens with the root key of this moment, which is not in it.
   * @throws with code EEXIST where the file exists
   */
  backup(file: string): Promise<void> {
    return this.#started.service.store.backup(file);
  }

  /** Refuses new operations, finishes those under way, wipes the keys and closes what `open` opened. Idempotent. */
  close(): Promise<void> {
    return this.#started.close();
  }

  /** As `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
