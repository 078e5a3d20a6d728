/**
 * The operations of the engine: one row each, that checks a request and places it. `engine.sign(...)` and a `run` item with
 * `op: 'sign'` go through the same row.
 */
import { bytesLength, integer, optionalBytesLength, rowOf } from './arguments.ts';
import { type Backend, Flag, HANDLE_BYTES, MAX_PRIVATE_KEY_BYTES, WRAP_OVERHEAD_BYTES } from './backend.ts';
import { runInPlace } from './direct.ts';
import { argumentError, EngineError } from './errors.ts';
import { EngineKey, type KeyState } from './key.ts';
import type { Queue, QueuedKey, Sink } from './queue.ts';
import type { KeyedOperation, KeyRoute, Routes } from './routes.ts';
import {
  type DigestAlgorithm,
  type EncryptionAlgorithm,
  HASHES,
  KEY_SPECS,
  type KeySpec,
  type MacAlgorithm,
  type SigningAlgorithm,
  TAG_BYTES,
} from './specs.ts';

/** Every request may carry a signal; aborting it rejects with its reason and drops the work where it has not begun. */
interface Abortable {
  signal?: AbortSignal | undefined;
}
export interface EncryptRequest extends Abortable {
  key: EngineKey;
  algorithm: EncryptionAlgorithm;
  plaintext: Uint8Array;
  /** Additional data, authenticated but not encrypted; AEAD algorithms only. */
  aad?: Uint8Array | undefined;
  /** SYMMETRIC_DEFAULT: 12 bytes, XAES_256_GCM: 24. Drawn at random where absent, which is what you want: a repeated IV breaks AES-GCM. */
  iv?: Uint8Array | undefined;
}
export interface DecryptRequest extends Abortable {
  key: EngineKey;
  algorithm: EncryptionAlgorithm;
  ciphertext: Uint8Array;
  aad?: Uint8Array | undefined;
}
export interface SignRequest extends Abortable {
  key: EngineKey;
  algorithm: SigningAlgorithm;
  message: Uint8Array;
  /** `RAW` (default): the message is hashed here; `DIGEST`: it is the hash already. ED25519_SHA_512 takes RAW only. */
  messageType?: 'RAW' | 'DIGEST' | undefined;
  /** ECDSA: `der` (default) or `p1363` (r||s at fixed width). */
  encoding?: 'der' | 'p1363' | undefined;
}
export interface VerifyRequest extends SignRequest {
  signature: Uint8Array;
}
export interface MacRequest extends Abortable {
  key: EngineKey;
  algorithm: MacAlgorithm;
  message: Uint8Array;
}
export interface VerifyMacRequest extends MacRequest {
  mac: Uint8Array;
}
export interface DigestRequest extends Abortable {
  algorithm: DigestAlgorithm;
  message: Uint8Array;
}
export interface DeriveSharedSecretRequest extends Abortable {
  key: EngineKey;
  /** The peer's public key as SubjectPublicKeyInfo (DER), on the same curve. */
  publicKey: Uint8Array;
}
export interface RandomRequest extends Abortable {
  bytes: number;
}
export interface GenerateKeyRequest extends Abortable {
  keySpec: KeySpec;
  /** Whether `key.export` may hand the material out. Default true. */
  exportable?: boolean | undefined;
}
export interface ImportKeyRequest extends GenerateKeyRequest {
  format: 'raw' | 'pkcs8' | 'spki';
  data: Uint8Array;
}
export interface WrapKeyRequest extends Abortable {
  /** A SYMMETRIC_DEFAULT key. */
  rootKey: EngineKey;
  key: EngineKey;
  additionalData: Uint8Array;
}
export interface UnwrapKeyRequest extends GenerateKeyRequest {
  rootKey: EngineKey;
  wrapped: Uint8Array;
  additionalData: Uint8Array;
}

/** What each operation takes and gives. */
export interface OperationTypes {
  encrypt: { request: EncryptRequest; value: Uint8Array };
  decrypt: { request: DecryptRequest; value: Uint8Array };
  sign: { request: SignRequest; value: Uint8Array };
  verify: { request: VerifyRequest; value: boolean };
  mac: { request: MacRequest; value: Uint8Array };
  verifyMac: { request: VerifyMacRequest; value: boolean };
  digest: { request: DigestRequest; value: Uint8Array };
  deriveSharedSecret: { request: DeriveSharedSecretRequest; value: Uint8Array };
  random: { request: RandomRequest; value: Uint8Array };
  generateKey: { request: GenerateKeyRequest; value: EngineKey };
  importKey: { request: ImportKeyRequest; value: EngineKey };
  wrapKey: { request: WrapKeyRequest; value: Uint8Array };
  unwrapKey: { request: UnwrapKeyRequest; value: EngineKey };
}
export type OperationName = keyof OperationTypes;

/** What operations are placed with. */
export interface EngineCore {
  readonly backend: Backend;
  readonly queue: Queue;
  readonly routes: Routes;
}

/** From this input length on, an inline operation reads the caller's memory in place instead of copying it into a block. */
export const IN_PLACE_BYTES = 16 * 1024;
/** Longest input of any operation: offsets and lengths are 32-bit, and AES-GCM's own limit (2^36 - 256 bits) is far above. */
export const MAX_INPUT_BYTES = 2 ** 30;
const MAX_RANDOM_BYTES = 2 ** 20;

const MESSAGE_TYPE_FLAGS: Readonly<Record<string, number>> = { RAW: 0, DIGEST: Flag.MESSAGE_IS_DIGEST };
const ENCODING_FLAGS: Readonly<Record<string, number>> = { der: 0, p1363: Flag.P1363 };
export const FORMAT_FLAGS: Readonly<Record<string, number>> = {
  raw: 0,
  pkcs8: Flag.FORMAT_PKCS8,
  spki: Flag.FORMAT_SPKI,
};

/** The route of an operation with a key and an algorithm, or INVALID_ARGUMENT (unknown algorithm) or WRONG_KEY (another spec's). */
export function keyedRoute(core: EngineCore, operation: KeyedOperation, state: KeyState, algorithm: unknown): KeyRoute {
  const routes = core.routes.keyed[operation][state.keySpec];
  const route = routes.get(algorithm as string);
  if (route !== undefined) return route;
  const known = Object.values(core.routes.keyed[operation]).some((others) => others.has(algorithm as string));
  if (known)
    throw new EngineError('WRONG_KEY', `${operation} ${algorithm}: not an algorithm of a ${state.keySpec} key`);
  const names = routes.size > 0 ? [...routes.keys()].join(', ') : `nothing: ${state.keySpec} keys do not ${operation}`;
  throw argumentError(
    'algorithm',
    names,
    typeof algorithm === 'string' ? JSON.stringify(algorithm.slice(0, 64)) : typeof algorithm,
  );
}

function place(
  core: EngineCore,
  route: KeyRoute,
  state: KeyState,
  flags: number,
  input: Uint8Array,
  inputBytes: number,
  extra: Uint8Array | undefined,
  extraBytes: number,
  nonce: Uint8Array | undefined,
  nonceBytes: number,
  outputBytes: number,
  sink: Sink,
  tag: number,
  signal: AbortSignal | undefined,
): void {
  if (inputBytes >= IN_PLACE_BYTES && route.isInline) {
    runInPlace(core, route, state, input, inputBytes, extra, extraBytes, nonce, nonceBytes, outputBytes, sink, tag);
  } else {
    core.queue.add(
      route,
      state,
      flags,
      input,
      inputBytes,
      extra,
      extraBytes,
      nonce,
      nonceBytes,
      outputBytes,
      sink,
      tag,
      signal,
    );
  }
}

const checkedLength = (name: string, value: unknown): number => {
  const length = bytesLength(name, value);
  if (length > MAX_INPUT_BYTES)
    throw new EngineError('INVALID_LENGTH', `${name}: expected at most ${MAX_INPUT_BYTES} bytes, got ${length}`);
  return length;
};

const aadLength = (route: KeyRoute, aad: unknown): number => {
  const length = optionalBytesLength('aad', aad);
  if (length > 0 && route.algorithmRow.nonceBytes === undefined)
    throw argumentError('aad', 'none: only AEAD algorithms take it', `${length} bytes`);
  return length;
};

/** The longest DER form of SEQUENCE { INTEGER r, INTEGER s }: each integer may need a leading zero, lengths from 128 on a second byte. */
const derSignatureBytes = (elementBytes: number): number => {
  const content = 2 * (2 + elementBytes + 1);
  return content + (content < 128 ? 2 : 3);
};

/** Length of a signature (its upper bound for DER). */
export function signatureBytes(route: KeyRoute, flags: number): number {
  const elementBytes = route.spec.elementBytes!;
  if (route.spec.family === 'rsa') return elementBytes;
  return route.algorithmRow.hasEncodings && (flags & Flag.P1363) === 0
    ? derSignatureBytes(elementBytes)
    : 2 * elementBytes;
}

function signFlags(
  route: KeyRoute,
  messageType: SignRequest['messageType'],
  encoding: SignRequest['encoding'],
  messageBytes: number,
): number {
  let flags = messageType === undefined ? 0 : rowOf('messageType', MESSAGE_TYPE_FLAGS, messageType);
  if (encoding !== undefined) {
    const encodingFlag = rowOf('encoding', ENCODING_FLAGS, encoding);
    if (encodingFlag !== 0 && !route.algorithmRow.hasEncodings)
      throw argumentError('encoding', "nothing but 'der' beside ECDSA", encoding);
    flags |= encodingFlag;
  }
  if (flags & Flag.MESSAGE_IS_DIGEST) {
    if (route.algorithmRow.takesDigest === false)
      throw argumentError('messageType', "'RAW' with this algorithm", 'DIGEST');
    const { hashBytes } = HASHES[route.algorithmRow.hash!];
    if (messageBytes !== hashBytes) {
      throw new EngineError('INVALID_LENGTH', `message: expected a digest of ${hashBytes} bytes, got ${messageBytes}`);
    }
  }
  return flags;
}

/** The first key's handle, holding on to both until the operation is done. */
const bothKeys = (first: KeyState, second: KeyState): QueuedKey => ({
  handle: first.handle,
  retain() {
    first.retain();
    second.retain();
  },
  release() {
    first.release();
    second.release();
  },
});

const exportableFlag = (request: GenerateKeyRequest): number => (request.exportable === false ? 0 : Flag.EXPORTABLE);

/** Checks a request and hands it to the queue; throws where it is refused, and otherwise the outcome goes to the sink. */
export type Place<Request> = (core: EngineCore, request: Request, sink: Sink, tag: number) => void;

export const OPERATIONS: { readonly [Name in OperationName]: Place<OperationTypes[Name]['request']> } = Object.freeze({
  __proto__: null as never,

  encrypt(core, request, sink, tag) {
    const { key, algorithm, plaintext, aad, iv, signal } = request;
    const state = EngineKey.stateOf('key', key, core.backend);
    const route = keyedRoute(core, 'encrypt', state, algorithm);
    const plaintextBytes = checkedLength('plaintext', plaintext);
    const aadBytes = aadLength(route, aad);
    const { nonceBytes } = route.algorithmRow;
    const ivBytes = optionalBytesLength('iv', iv);
    if (iv !== undefined && ivBytes !== nonceBytes) {
      throw new EngineError(
        'INVALID_LENGTH',
        `iv: expected ${nonceBytes === undefined ? 'none' : `${nonceBytes} bytes`}, got ${ivBytes} bytes`,
      );
    }
    const outputBytes = nonceBytes === undefined ? route.spec.elementBytes! : nonceBytes + plaintextBytes + TAG_BYTES;
    place(core, route, state, 0, plaintext, plaintextBytes, aad, aadBytes, iv, ivBytes, outputBytes, sink, tag, signal);
  },

  decrypt(core, request, sink, tag) {
    const { key, algorithm, ciphertext, aad, signal } = request;
    const state = EngineKey.stateOf('key', key, core.backend);
    const route = keyedRoute(core, 'decrypt', state, algorithm);
    const ciphertextBytes = checkedLength('ciphertext', ciphertext);
    const aadBytes = aadLength(route, aad);
    const { nonceBytes } = route.algorithmRow;
    const outputBytes =
      nonceBytes === undefined ? route.spec.elementBytes! : Math.max(0, ciphertextBytes - nonceBytes - TAG_BYTES);
    place(
      core,
      route,
      state,
      0,
      ciphertext,
      ciphertextBytes,
      aad,
      aadBytes,
      undefined,
      0,
      outputBytes,
      sink,
      tag,
      signal,
    );
  },

  sign(core, request, sink, tag) {
    const { key, algorithm, message, messageType, encoding, signal } = request;
    const state = EngineKey.stateOf('key', key, core.backend);
    const route = keyedRoute(core, 'sign', state, algorithm);
    const messageBytes = checkedLength('message', message);
    const flags = signFlags(route, messageType, encoding, messageBytes);
    const outputBytes = signatureBytes(route, flags);
    place(core, route, state, flags, message, messageBytes, undefined, 0, undefined, 0, outputBytes, sink, tag, signal);
  },

  verify(core, request, sink, tag) {
    const { key, algorithm, message, messageType, encoding, signature, signal } = request;
    const state = EngineKey.stateOf('key', key, core.backend);
    const route = keyedRoute(core, 'verify', state, algorithm);
    const messageBytes = checkedLength('message', message);
    const flags = signFlags(route, messageType, encoding, messageBytes);
    const extraBytes = checkedLength('signature', signature);
    place(core, route, state, flags, message, messageBytes, signature, extraBytes, undefined, 0, 0, sink, tag, signal);
  },

  mac(core, request, sink, tag) {
    const { key, algorithm, message, signal } = request;
    const state = EngineKey.stateOf('key', key, core.backend);
    const route = keyedRoute(core, 'mac', state, algorithm);
    const messageBytes = checkedLength('message', message);
    const { hashBytes } = HASHES[route.algorithmRow.hash!];
    place(core, route, state, 0, message, messageBytes, undefined, 0, undefined, 0, hashBytes, sink, tag, signal);
  },

  verifyMac(core, request, sink, tag) {
    const { key, algorithm, message, mac, signal } = request;
    const state = EngineKey.stateOf('key', key, core.backend);
    const route = keyedRoute(core, 'verifyMac', state, algorithm);
    const messageBytes = checkedLength('message', message);
    const macBytes = checkedLength('mac', mac);
    place(core, route, state, 0, message, messageBytes, mac, macBytes, undefined, 0, 0, sink, tag, signal);
  },

  digest(core, request, sink, tag) {
    const { algorithm, message, signal } = request;
    const { hashBytes } = rowOf('algorithm', HASHES, algorithm);
    const route = core.routes.digest[algorithm]!;
    const messageBytes = checkedLength('message', message);
    if (messageBytes >= IN_PLACE_BYTES) {
      runInPlace(core, route, undefined, message, messageBytes, undefined, 0, undefined, 0, hashBytes, sink, tag);
    } else {
      core.queue.add(
        route,
        undefined,
        0,
        message,
        messageBytes,
        undefined,
        0,
        undefined,
        0,
        hashBytes,
        sink,
        tag,
        signal,
      );
    }
  },

  deriveSharedSecret(core, request, sink, tag) {
    const { key, publicKey, signal } = request;
    const state = EngineKey.stateOf('key', key, core.backend);
    const route = keyedRoute(core, 'deriveSharedSecret', state, 'ECDH');
    const publicKeyBytes = checkedLength('publicKey', publicKey);
    const outputBytes = route.spec.elementBytes!;
    core.queue.add(
      route,
      state,
      0,
      undefined,
      0,
      publicKey,
      publicKeyBytes,
      undefined,
      0,
      outputBytes,
      sink,
      tag,
      signal,
    );
  },

  random(core, request, sink, tag) {
    const bytes = integer('bytes', request.bytes, 0, MAX_RANDOM_BYTES);
    core.queue.add(
      core.routes.random,
      undefined,
      0,
      undefined,
      0,
      undefined,
      0,
      undefined,
      0,
      bytes,
      sink,
      tag,
      request.signal,
    );
  },

  generateKey(core, request, sink, tag) {
    const { keySpec, signal } = request;
    rowOf('keySpec', KEY_SPECS, keySpec);
    const route = core.routes.making.generateKey[keySpec];
    core.queue.add(
      route,
      undefined,
      exportableFlag(request),
      undefined,
      0,
      undefined,
      0,
      undefined,
      0,
      HANDLE_BYTES,
      sink,
      tag,
      signal,
    );
  },

  importKey(core, request, sink, tag) {
    const { keySpec, format, data, signal } = request;
    rowOf('keySpec', KEY_SPECS, keySpec);
    const flags = exportableFlag(request) | rowOf('format', FORMAT_FLAGS, format);
    const dataBytes = checkedLength('data', data);
    const route = core.routes.making.importKey[keySpec];
    core.queue.add(
      route,
      undefined,
      flags,
      data,
      dataBytes,
      undefined,
      0,
      undefined,
      0,
      HANDLE_BYTES,
      sink,
      tag,
      signal,
    );
  },

  wrapKey(core, request, sink, tag) {
    const { rootKey, key, additionalData, signal } = request;
    const root = EngineKey.stateOf('rootKey', rootKey, core.backend);
    const wrapped = EngineKey.stateOf('key', key, core.backend);
    const additionalDataBytes = checkedLength('additionalData', additionalData);
    const input = new Uint8Array(Uint32Array.of(wrapped.handle.slot, wrapped.handle.generation).buffer);
    const outputBytes = WRAP_OVERHEAD_BYTES + MAX_PRIVATE_KEY_BYTES;
    const route = core.routes.wrapKey[wrapped.keySpec];
    core.queue.add(
      route,
      bothKeys(root, wrapped),
      0,
      input,
      HANDLE_BYTES,
      additionalData,
      additionalDataBytes,
      undefined,
      0,
      outputBytes,
      sink,
      tag,
      signal,
    );
  },

  unwrapKey(core, request, sink, tag) {
    const { rootKey, keySpec, wrapped, additionalData, signal } = request;
    const root = EngineKey.stateOf('rootKey', rootKey, core.backend);
    rowOf('keySpec', KEY_SPECS, keySpec);
    const wrappedBytes = checkedLength('wrapped', wrapped);
    const additionalDataBytes = checkedLength('additionalData', additionalData);
    const route = core.routes.making.unwrapKey[keySpec];
    const flags = exportableFlag(request);
    core.queue.add(
      route,
      root,
      flags,
      wrapped,
      wrappedBytes,
      additionalData,
      additionalDataBytes,
      undefined,
      0,
      HANDLE_BYTES,
      sink,
      tag,
      signal,
    );
  },
} satisfies { readonly [Name in OperationName]: Place<OperationTypes[Name]['request']> } & { __proto__: never });
