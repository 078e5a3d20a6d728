/** Sign and Verify. */
import { ALGORITHMS, HASHES } from '../../engine/index.ts';
import { KmsError } from '../errors.ts';
import type { LiveKey } from '../livekey.ts';
import { engineOperation } from '../operation.ts';
import { blob, boolean, enumeration, integer, required, type StructureOf, string } from '../shapes.ts';
import { SIGNING_ALGORITHMS, type SigningAlgorithm } from '../specs.ts';
import { requireAlgorithm } from './algorithm.ts';
import { cryptographic, opaque, plaintext } from './members.ts';

const MESSAGE_TYPES = ['RAW', 'DIGEST'] as const;
type MessageType = (typeof MESSAGE_TYPES)[number];

interface MessageRule {
  /** The only message type the algorithm takes; both where absent. */
  readonly only?: MessageType;
  /** The digest is a message to the algorithm, which hashes it once more. */
  readonly hashesDigest?: true;
}

/**
 * Source: AWS KMS developer guide, "Supported signing algorithms for ECC key specs": ED25519_SHA_512 needs RAW (RFC 8032 Ed25519
 * hashes the message twice, so a digest cannot stand for it); ED25519_PH_SHA_512 needs DIGEST, and KMS applies Ed25519ph's own
 * SHA-512 prehash to what it was given, digest or not.
 */
const MESSAGE_RULES: Partial<Record<SigningAlgorithm, MessageRule>> = {
  ED25519_SHA_512: { only: 'RAW' },
  ED25519_PH_SHA_512: { only: 'DIGEST', hashesDigest: true },
};

/** How the engine must treat the message; undefined for RAW, its default, which it then need not look up. @throws KmsError for a type or digest length the algorithm does not take */
function engineMessageType(
  key: LiveKey,
  algorithm: SigningAlgorithm,
  type: MessageType,
  message: Uint8Array,
): 'DIGEST' | undefined {
  requireAlgorithm(key, algorithm);
  const rule = MESSAGE_RULES[algorithm];
  if (rule?.only !== undefined && rule.only !== type) {
    throw new KmsError('ValidationException', `Message type ${type} is incompatible with algorithm ${algorithm}.`);
  }
  if (type === 'RAW') return undefined;
  if (message.length !== HASHES[ALGORITHMS[algorithm].hash!].hashBytes) {
    throw new KmsError('ValidationException', `Digest is invalid length for algorithm ${algorithm}.`);
  }
  return rule?.hashesDigest ? undefined : 'DIGEST';
}

/** Members of Sign that are ours, for ECDSA alone: AWS has none of them and its clients send none. */
const ecdsaOptions = {
  /** Whether the nonce is RFC 6979's as it stands, so that a message always gets the same signature. */
  Deterministic: boolean,
  /** Whether s is to be at most n/2, as Bitcoin (BIP 146) and Ethereum (EIP-2) require. */
  LowS: boolean,
  /** Whether the answer is to have a RecoveryId: 0 to 3, by which the public key is found from the signature (SEC 1 section 4.1.6). */
  RecoveryId: boolean,
};

/** @throws KmsError where the algorithm does not take an option that is on */
function requireOptions(algorithm: SigningAlgorithm, input: StructureOf<typeof ecdsaOptions>): void {
  const { Deterministic, LowS, RecoveryId } = input;
  if ((Deterministic || LowS || RecoveryId) && !ALGORITHMS[algorithm].takesEcdsaOptions) {
    const name = Deterministic ? 'Deterministic' : LowS ? 'LowS' : 'RecoveryId';
    throw new KmsError('ValidationException', `${name} is incompatible with algorithm ${algorithm}.`);
  }
}

const signing = {
  ...cryptographic,
  Message: required(plaintext),
  MessageType: enumeration(MESSAGE_TYPES),
  SigningAlgorithm: required(enumeration(SIGNING_ALGORITHMS)),
};
const SIGNING_KEY = { member: 'KeyId', state: 'cryptographic', usage: 'SIGN_VERIFY' } as const;

export const SIGNING_OPERATIONS = {
  Sign: engineOperation({
    input: { ...signing, ...ecdsaOptions },
    output: {
      KeyId: required(string()),
      Signature: required(blob()),
      SigningAlgorithm: required(string()),
      RecoveryId: integer(),
    },
    key: SIGNING_KEY,
    engine: {
      submit({ service: { engine }, input, key, material }, sink, tag) {
        const { SigningAlgorithm: algorithm, Message: message } = input;
        const messageType = engineMessageType(key, algorithm, input.MessageType ?? 'RAW', message);
        requireOptions(algorithm, input);
        const { Deterministic: deterministic, LowS: lowS, RecoveryId: recoveryId } = input;
        engine.submit(
          { op: 'sign', key: material.handle, algorithm, message, messageType, deterministic, lowS, recoveryId },
          sink,
          tag,
        );
      },
      answer({ input, key }, signed: Uint8Array) {
        const answer = { KeyId: key.arn, Signature: signed, SigningAlgorithm: input.SigningAlgorithm };
        if (!input.RecoveryId) return answer;
        return { ...answer, Signature: signed.slice(0, -1), RecoveryId: signed.at(-1)! };
      },
    },
  }),

  Verify: engineOperation({
    input: { ...signing, Signature: required(opaque) },
    output: { KeyId: required(string()), SignatureValid: required(boolean), SigningAlgorithm: required(string()) },
    key: SIGNING_KEY,
    engine: {
      submit({ service: { engine }, input, key, material }, sink, tag) {
        const { SigningAlgorithm: algorithm, Message: message, Signature: signature } = input;
        const messageType = engineMessageType(key, algorithm, input.MessageType ?? 'RAW', message);
        engine.submit({ op: 'verify', key: material.handle, algorithm, message, messageType, signature }, sink, tag);
      },
      answer({ input, key }, isValid: boolean) {
        if (!isValid) throw new KmsError('KMSInvalidSignatureException');
        return { KeyId: key.arn, SignatureValid: true, SigningAlgorithm: input.SigningAlgorithm };
      },
    },
  }),
};
