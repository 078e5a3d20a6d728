/**
 * The operations of the engine: one row each, that checks a request and places it. `engine.sign(...)` and a `run` item with
 * `op: 'sign'` go through the same row.
 */
import { bytesLength, integer, optionalBoolean, optionalBytesLength, rowOf } from './arguments.ts';
import { Flag, HANDLE_BYTES, MAX_PRIVATE_KEY_BYTES, WRAP_OVERHEAD_BYTES } from './backend.ts';
import { Call, type QueuedKey, type Sink } from './batch.ts';
import { runInPlace } from './direct.ts';
import { argumentError, EngineError } from './errors.ts';
import { EngineKey, type KeyState } from './key.ts';
import type { EngineCore, KeyedOperation, KeyRoute } from './routes.ts';
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
export interface Abortable {
  signal?: AbortSignal | undefined;
}
/** For `encrypt`: at most 1 GiB of plaintext; with OAEP at most the modulus less two hashes and 2 bytes (RFC 8017 section 7.1.1). */
export interface EncryptRequest extends Abortable {
  key: EngineKey;
  algorithm: EncryptionAlgorithm;
  plaintext: Uint8Array;
  /** Additional data, authenticated but not encrypted; AEAD algorithms only. */
  aad?: Uint8Array | undefined;
  /** SYMMETRIC_DEFAULT: 12 bytes, XAES_256_GCM: 24. Drawn at random where absent, which is what you want: a repeated IV breaks AES-GCM. */
  iv?: Uint8Array | undefined;
  /** What the result begins with, before the ciphertext: a format's own header, at no cost of another copy. Authenticate it as `aad`. */
  prefix?: Uint8Array | undefined;
}
/** For `decrypt`: what `encrypt` gave, without a prefix, and the same additional data. */
export interface DecryptRequest extends Abortable {
  key: EngineKey;
  algorithm: EncryptionAlgorithm;
  ciphertext: Uint8Array;
  aad?: Uint8Array | undefined;
}
/** What is signed, and how it is written. */
interface SignedMessage extends Abortable {
  key: EngineKey;
  algorithm: SigningAlgorithm;
  message: Uint8Array;
  /** `RAW` (default): the message is hashed here; `DIGEST`: it is the hash already. ED25519_SHA_512 takes RAW only. */
  messageType?: 'RAW' | 'DIGEST' | undefined;
  /** ECDSA: `der` (default) or `p1363` (r||s at fixed width). */
  encoding?: 'der' | 'p1363' | undefined;
}
/** Options of signing with ECDSA; each is off by default and refused (INVALID_ARGUMENT) with other algorithms. */
export interface EcdsaOptions {
  /** The nonce is RFC 6979's, so that a message always gets the same signature. By default fresh randomness goes into it as well. */
  deterministic?: boolean | undefined;
  /** s is at most n/2: where it is not, n - s takes its place, which verifies too (BIP 146, EIP-2). */
  lowS?: boolean | undefined;
  /**
   * One byte follows the signature, the recovery id of SEC 1 section 4.1.6: 0 to 3, from which with r, s and the digest the public key
   * is found. With `p1363` on secp256k1 that is Ethereum's 65 bytes, but for the 27 that its `v` adds.
   */
  recoveryId?: boolean | undefined;
}
/** For `sign`. */
export interface SignRequest extends SignedMessage, EcdsaOptions {}
/** For `verify`: the message as `sign` took it, and the signature in the same encoding, without a recovery id. */
export interface VerifyRequest extends SignedMessage {
  signature: Uint8Array;
}
/** For `mac`: a message of at most 1 GiB. */
export interface MacRequest extends Abortable {
  key: EngineKey;
  algorithm: MacAlgorithm;
  message: Uint8Array;
}
/** For `verifyMac`: the message and its full-length MAC. */
export interface VerifyMacRequest extends MacRequest {
  mac: Uint8Array;
}
/** For `digest`: a message of at most 1 GiB. */
export interface DigestRequest extends Abortable {
  algorithm: DigestAlgorithm;
  message: Uint8Array;
}
/** For `deriveSharedSecret`, with a key on P-256, P-384 or P-521. */
export interface DeriveSharedSecretRequest extends Abortable {
  key: EngineKey;
  /** The peer's public key as SubjectPublicKeyInfo (DER), on the same curve. */
  publicKey: Uint8Array;
}
/** For `random` in `run`. */
export interface RandomRequest extends Abortable {
  /** 0 to 1 MiB. */
  bytes: number;
}
/** For `generateKey` in `run`. */
export interface GenerateKeyRequest extends Abortable {
  keySpec: KeySpec;
  /** Whether `key.export` may hand the material out. Default true. */
  exportable?: boolean | undefined;
}
/** For `importKey`. The data are copied at the call; the caller wipes its own. */
export interface ImportKeyRequest extends GenerateKeyRequest {
  /** `raw`: bytes, not for RSA; `pkcs8`: DER, RFC 5958; `spki`: DER, RFC 5280, the public half only. */
  format: 'raw' | 'pkcs8' | 'spki';
  data: Uint8Array;
}
/** For `wrapKey`. A key that only has a public half cannot be wrapped (WRONG_KEY); one that is not exportable can. */
export interface WrapKeyRequest extends Abortable {
  /** A SYMMETRIC_DEFAULT key. */
  rootKey: EngineKey;
  key: EngineKey;
  /** Where the wrapped key belongs: it opens with the same bytes only. */
  additionalData: Uint8Array;
}
/** For `unwrapKey`: what `wrapKey` gave, and the same root key, additional data and spec. */
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
/** The operations of the engine, as `run` names them. */
export type OperationName = keyof OperationTypes;

/** From this input length on, an inline operation reads the caller's memory in place instead of copying it into a block. */
export const IN_PLACE_BYTES = 32 * 1024;
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

/** Queues an operation, or runs it at once where its input is too long to be worth copying. */
export function place(core: EngineCore, call: Call, sink: Sink, tag: number): void {
  if (call.inputBytes >= IN_PLACE_BYTES && call.route.lane.isInline) runInPlace(core, call, sink, tag);
  else core.queue.add(call, sink, tag);
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

/** Length of a signature (its upper bound for DER) with its recovery id where the flags ask for one. */
export function signatureBytes(route: KeyRoute, flags: number): number {
  const elementBytes = route.spec.elementBytes!;
  if (route.spec.family === 'rsa') return elementBytes;
  const isDer = route.algorithmRow.hasEncodings && (flags & Flag.P1363) === 0;
  return (isDer ? derSignatureBytes(elementBytes) : 2 * elementBytes) + (flags & Flag.RECOVERY_ID ? 1 : 0);
}

const ecdsaFlag = (route: KeyRoute, name: keyof EcdsaOptions, value: unknown, flag: number): number => {
  if (!optionalBoolean(name, value)) return 0;
  if (!route.algorithmRow.takesEcdsaOptions) throw argumentError(name, 'nothing but false beside ECDSA', 'true');
  return flag;
};

/** The flags of the options; INVALID_ARGUMENT where one is no boolean, or on without ECDSA. */
export const ecdsaFlags = (route: KeyRoute, { deterministic, lowS, recoveryId }: EcdsaOptions): number =>
  ecdsaFlag(route, 'deterministic', deterministic, Flag.DETERMINISTIC) |
  ecdsaFlag(route, 'lowS', lowS, Flag.LOW_S) |
  ecdsaFlag(route, 'recoveryId', recoveryId, Flag.RECOVERY_ID);

function messageFlags(
  route: KeyRoute,
  messageType: SignedMessage['messageType'],
  encoding: SignedMessage['encoding'],
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

const exportableFlag = (exportable: boolean | undefined): number => (exportable === false ? 0 : Flag.EXPORTABLE);

/** Checks a request and hands it to the queue; throws where it is refused, and otherwise the outcome goes to the sink. */
export type Place<Request> = (core: EngineCore, request: Request, sink: Sink, tag: number) => void;

export const OPERATIONS: { readonly [Name in OperationName]: Place<OperationTypes[Name]['request']> } = Object.freeze({
  __proto__: null as never,

  encrypt(core, request, sink, tag) {
    const { key, algorithm, plaintext, aad, iv, prefix, signal } = request;
    const state = EngineKey.stateOf('key', key, core.backend);
    const route = keyedRoute(core, 'encrypt', state, algorithm);
    const { nonceBytes } = route.algorithmRow;
    const call = new Call(route, state, signal);
    call.input = plaintext;
    call.inputBytes = checkedLength('plaintext', plaintext);
    call.extra = aad;
    call.extraBytes = aadLength(route, aad);
    call.nonce = iv;
    call.nonceBytes = optionalBytesLength('iv', iv);
    call.prefix = prefix;
    call.prefixBytes = optionalBytesLength('prefix', prefix);
    if (iv !== undefined && call.nonceBytes !== nonceBytes) {
      const expected = nonceBytes === undefined ? 'none' : `${nonceBytes} bytes`;
      throw new EngineError('INVALID_LENGTH', `iv: expected ${expected}, got ${call.nonceBytes} bytes`);
    }
    call.outputBytes = nonceBytes === undefined ? route.spec.elementBytes! : nonceBytes + call.inputBytes + TAG_BYTES;
    place(core, call, sink, tag);
  },

  decrypt(core, request, sink, tag) {
    const { key, algorithm, ciphertext, aad, signal } = request;
    const state = EngineKey.stateOf('key', key, core.backend);
    const route = keyedRoute(core, 'decrypt', state, algorithm);
    const { nonceBytes } = route.algorithmRow;
    const call = new Call(route, state, signal);
    call.input = ciphertext;
    call.inputBytes = checkedLength('ciphertext', ciphertext);
    call.extra = aad;
    call.extraBytes = aadLength(route, aad);
    call.outputBytes =
      nonceBytes === undefined ? route.spec.elementBytes! : Math.max(0, call.inputBytes - nonceBytes - TAG_BYTES);
    place(core, call, sink, tag);
  },

  sign(core, request, sink, tag) {
    const { key, algorithm, message, messageType, encoding, signal } = request;
    const state = EngineKey.stateOf('key', key, core.backend);
    const route = keyedRoute(core, 'sign', state, algorithm);
    const call = new Call(route, state, signal);
    call.input = message;
    call.inputBytes = checkedLength('message', message);
    call.flags = messageFlags(route, messageType, encoding, call.inputBytes) | ecdsaFlags(route, request);
    call.outputBytes = signatureBytes(route, call.flags);
    place(core, call, sink, tag);
  },

  verify(core, request, sink, tag) {
    const { key, algorithm, message, messageType, encoding, signature, signal } = request;
    const state = EngineKey.stateOf('key', key, core.backend);
    const route = keyedRoute(core, 'verify', state, algorithm);
    const call = new Call(route, state, signal);
    call.input = message;
    call.inputBytes = checkedLength('message', message);
    call.flags = messageFlags(route, messageType, encoding, call.inputBytes);
    call.extra = signature;
    call.extraBytes = checkedLength('signature', signature);
    place(core, call, sink, tag);
  },

  mac(core, request, sink, tag) {
    const { key, algorithm, message, signal } = request;
    const state = EngineKey.stateOf('key', key, core.backend);
    const route = keyedRoute(core, 'mac', state, algorithm);
    const call = new Call(route, state, signal);
    call.input = message;
    call.inputBytes = checkedLength('message', message);
    call.outputBytes = HASHES[route.algorithmRow.hash!].hashBytes;
    place(core, call, sink, tag);
  },

  verifyMac(core, request, sink, tag) {
    const { key, algorithm, message, mac, signal } = request;
    const state = EngineKey.stateOf('key', key, core.backend);
    const route = keyedRoute(core, 'verifyMac', state, algorithm);
    const call = new Call(route, state, signal);
    call.input = message;
    call.inputBytes = checkedLength('message', message);
    call.extra = mac;
    call.extraBytes = checkedLength('mac', mac);
    place(core, call, sink, tag);
  },

  digest(core, request, sink, tag) {
    const { algorithm, message, signal } = request;
    const { hashBytes } = rowOf('algorithm', HASHES, algorithm);
    const call = new Call(core.routes.digest[algorithm]!, undefined, signal);
    call.input = message;
    call.inputBytes = checkedLength('message', message);
    call.outputBytes = hashBytes;
    place(core, call, sink, tag);
  },

  deriveSharedSecret(core, request, sink, tag) {
    const { key, publicKey, signal } = request;
    const state = EngineKey.stateOf('key', key, core.backend);
    const route = keyedRoute(core, 'deriveSharedSecret', state, 'ECDH');
    const call = new Call(route, state, signal);
    call.extra = publicKey;
    call.extraBytes = checkedLength('publicKey', publicKey);
    call.outputBytes = route.spec.elementBytes!;
    place(core, call, sink, tag);
  },

  random(core, request, sink, tag) {
    const call = new Call(core.routes.random, undefined, request.signal);
    call.outputBytes = integer('bytes', request.bytes, 0, MAX_RANDOM_BYTES);
    core.queue.add(call, sink, tag);
  },

  generateKey(core, request, sink, tag) {
    const { keySpec, exportable, signal } = request;
    rowOf('keySpec', KEY_SPECS, keySpec);
    const call = new Call(core.routes.making.generateKey[keySpec], undefined, signal);
    call.flags = exportableFlag(exportable);
    call.outputBytes = HANDLE_BYTES;
    core.queue.add(call, sink, tag);
  },

  importKey(core, request, sink, tag) {
    const { keySpec, exportable, format, data, signal } = request;
    rowOf('keySpec', KEY_SPECS, keySpec);
    const call = new Call(core.routes.making.importKey[keySpec], undefined, signal);
    call.flags = exportableFlag(exportable) | rowOf('format', FORMAT_FLAGS, format);
    call.input = data;
    call.inputBytes = checkedLength('data', data);
    call.outputBytes = HANDLE_BYTES;
    core.queue.add(call, sink, tag);
  },

  wrapKey(core, request, sink, tag) {
    const { rootKey, key, additionalData, signal } = request;
    const root = EngineKey.stateOf('rootKey', rootKey, core.backend);
    const wrapped = EngineKey.stateOf('key', key, core.backend);
    const call = new Call(core.routes.wrapKey[wrapped.keySpec], bothKeys(root, wrapped), signal);
    call.input = new Uint8Array(Uint32Array.of(wrapped.handle.slot, wrapped.handle.generation).buffer);
    call.inputBytes = HANDLE_BYTES;
    call.extra = additionalData;
    call.extraBytes = checkedLength('additionalData', additionalData);
    call.outputBytes = WRAP_OVERHEAD_BYTES + MAX_PRIVATE_KEY_BYTES;
    core.queue.add(call, sink, tag);
  },

  unwrapKey(core, request, sink, tag) {
    const { rootKey, keySpec, exportable, wrapped, additionalData, signal } = request;
    const root = EngineKey.stateOf('rootKey', rootKey, core.backend);
    rowOf('keySpec', KEY_SPECS, keySpec);
    const call = new Call(core.routes.making.unwrapKey[keySpec], root, signal);
    call.flags = exportableFlag(exportable);
    call.input = wrapped;
    call.inputBytes = checkedLength('wrapped', wrapped);
    call.extra = additionalData;
    call.extraBytes = checkedLength('additionalData', additionalData);
    call.outputBytes = HANDLE_BYTES;
    core.queue.add(call, sink, tag);
  },
} satisfies { readonly [Name in OperationName]: Place<OperationTypes[Name]['request']> } & { __proto__: never });
