/** AEAD operations whose key, algorithm and prefix were checked once, for what is built on the engine and has many of them. */
import { byteLengthOf, bytesLength, requestObject } from './arguments.ts';
import { RecordWord } from './backend.ts';
import { Call, type Sink } from './batch.ts';
import { argumentError } from './errors.ts';
import { EngineKey, type KeyState } from './key.ts';
import { type EncryptRequest, keyedRoute, place } from './operations.ts';
import type { EngineCore, KeyRoute } from './routes.ts';
import { TAG_BYTES } from './specs.ts';

/** What all ciphertexts of a format have in common. */
export interface AeadRequest extends Pick<EncryptRequest, 'key' | 'algorithm'> {
  /** What each ciphertext begins with, in the clear. */
  prefix: Uint8Array;
  /** Additional data of operations that bring none of their own. */
  aad: Uint8Array;
  /** Gives memory of exactly so many bytes for a ciphertext; one that is long enough to be computed in place has its own. */
  allocate: (bytes: number) => Uint8Array;
}

/**
 * Encryption into, and decryption out of, a format with a prefix of its own. The outcome goes to the sink, as with `Engine.submit`.
 * Additional data that an operation brings take the place of `aad`. The bytes must be Uint8Arrays of unshared memory, which nothing
 * here checks again.
 * @internal
 */
export class PreparedAead {
  readonly #core: EngineCore;
  readonly #state: KeyState;
  readonly #encrypt: KeyRoute;
  readonly #decrypt: KeyRoute;
  readonly #prefix: Uint8Array;
  readonly #aad: Uint8Array;
  readonly #overheadBytes: number;

  /** @throws {EngineError} as `encrypt` does, and INVALID_ARGUMENT for an algorithm without additional data. */
  constructor(core: EngineCore, request: AeadRequest) {
    requestObject(request);
    const { key, algorithm, prefix, aad, allocate } = request;
    this.#core = core;
    this.#state = EngineKey.stateOf('key', key, core.backend);
    this.#encrypt = {
      ...keyedRoute(core, 'encrypt', this.#state, algorithm),
      read({ bytes, words }, word, prefixBytes) {
        const start = words[word + RecordWord.outputOffset]! - prefixBytes;
        const length = prefixBytes + words[word + RecordWord.outputBytes]!;
        const ciphertext = allocate(length);
        ciphertext.set(bytes.subarray(start, start + length));
        return ciphertext;
      },
    };
    this.#decrypt = keyedRoute(core, 'decrypt', this.#state, algorithm);
    const { nonceBytes } = this.#encrypt.algorithmRow;
    if (nonceBytes === undefined) throw argumentError('algorithm', 'an AEAD', algorithm);
    bytesLength('prefix', prefix);
    this.#prefix = new Uint8Array(prefix);
    bytesLength('aad', aad);
    this.#aad = new Uint8Array(aad);
    this.#overheadBytes = nonceBytes + TAG_BYTES;
  }

  /** Settles with prefix || iv || ciphertext || tag. */
  encrypt(plaintext: Uint8Array, aad: Uint8Array | undefined, sink: Sink, tag: number): void {
    const call = new Call(this.#encrypt, this.#state, undefined);
    call.prefix = this.#prefix;
    call.prefixBytes = this.#prefix.length;
    this.#place(call, plaintext, aad, this.#overheadBytes, sink, tag);
  }

  /** Settles with the plaintext of what `encrypt` gave. That it begins with the prefix is the caller's to check. */
  decrypt(ciphertext: Uint8Array, aad: Uint8Array | undefined, sink: Sink, tag: number): void {
    const call = new Call(this.#decrypt, this.#state, undefined);
    this.#place(call, ciphertext.subarray(this.#prefix.length), aad, -this.#overheadBytes, sink, tag);
  }

  #place(
    call: Call,
    input: Uint8Array,
    aad: Uint8Array | undefined,
    addedBytes: number,
    sink: Sink,
    tag: number,
  ): void {
    try {
      this.#state.requireOpen('key');
      call.input = input;
      call.inputBytes = byteLengthOf(input);
      call.extra = aad ?? this.#aad;
      call.extraBytes = byteLengthOf(call.extra);
      call.isExtraConstant = aad === undefined;
      call.outputBytes = Math.max(0, call.inputBytes + addedBytes);
      place(this.#core, call, sink, tag);
    } catch (error) {
      sink.fail(tag, error);
    }
  }
}
