/** Keys as callers hold them, and what the engine keeps behind them. */
import type { Backend, KeyHandle } from './backend.ts';
import type { QueuedKey } from './batch.ts';
import { argumentError, EngineError } from './errors.ts';
import type { KeySpec } from './specs.ts';

/** The engine's side of a key: its handle, and how many queued operations still need it. */
export class KeyState implements QueuedKey {
  readonly handle: KeyHandle;
  readonly keySpec: KeySpec;
  readonly backend: Backend;
  closed = false;
  #uses = 0;

  constructor(backend: Backend, keySpec: KeySpec, handle: KeyHandle) {
    this.backend = backend;
    this.keySpec = keySpec;
    this.handle = handle;
  }

  /** @throws {EngineError} KEY_CLOSED */
  requireOpen(name: string): void {
    if (this.closed) throw new EngineError('KEY_CLOSED', `${name}: the key is closed`);
  }

  retain(): void {
    this.#uses++;
  }

  release(): void {
    if (--this.#uses === 0 && this.closed) this.backend.closeKey(this.handle);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.#uses === 0) this.backend.closeKey(this.handle);
  }
}

/** Keys that are dropped without `close` give their memory back when the garbage collector notices. */
const forgotten = new FinalizationRegistry<KeyState>((state) => state.close());

const itemName = (name: string, index: number | undefined): string =>
  index === undefined ? name : `${name}[${index}]`;

/** What a key needs of its engine to answer for itself. */
export interface KeyExporter {
  exportKey(state: KeyState, format: 'raw' | 'pkcs8' | 'spki'): Uint8Array;
}

/**
 * A key in an engine's memory. Made by `generateKey`, `importKey` and `unwrapKey`; usable with that engine only.
 * Also a `Disposable`: `using key = await engine.generateKey(...)`.
 */
export class EngineKey {
  readonly #state: KeyState;
  readonly #exporter: KeyExporter;

  /** @internal */
  constructor(state: KeyState, exporter: KeyExporter) {
    this.#state = state;
    this.#exporter = exporter;
    forgotten.register(this, state, this);
  }

  /** What kind of key it is. */
  get keySpec(): KeySpec {
    return this.#state.keySpec;
  }

  /**
   * The public key as SubjectPublicKeyInfo (DER, RFC 5280).
   * @throws {EngineError} NOT_EXPORTABLE for a key without a public half, KEY_CLOSED.
   */
  publicKey(): Uint8Array {
    return this.#exporter.exportKey(this.#state, 'spki');
  }

  /**
   * The key material: `raw` (symmetric and HMAC keys; EC scalar at full width; Ed25519 seed) or `pkcs8` (DER, asymmetric keys).
   * The caller owns the bytes and wipes them.
   * @throws {EngineError} NOT_EXPORTABLE where the key was made with `exportable: false`, has no private half or no such format; KEY_CLOSED.
   */
  export(format: 'raw' | 'pkcs8'): Uint8Array {
    if (format !== 'raw' && format !== 'pkcs8') throw argumentError('format', "'raw' or 'pkcs8'", String(format));
    return this.#exporter.exportKey(this.#state, format);
  }

  /** Forgets the key. Operations already called still finish; later ones fail with KEY_CLOSED. Idempotent. */
  close(): void {
    forgotten.unregister(this);
    this.#state.close();
  }

  /** As `close`, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * The state behind a caller's argument `name`, or behind its item `index` where the argument is a list.
   * @internal
   */
  static stateOf(name: string, key: unknown, backend: Backend, index?: number): KeyState {
    if (typeof key !== 'object' || key === null || !(#state in key)) {
      throw argumentError(itemName(name, index), 'an EngineKey', key === null ? 'null' : typeof key);
    }
    const state = key.#state;
    if (state.backend !== backend) {
      throw argumentError(itemName(name, index), 'a key of this engine', 'a key of another engine');
    }
    if (state.closed) state.requireOpen(itemName(name, index));
    return state;
  }
}
