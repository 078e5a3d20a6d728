/** Encrypt, Decrypt, ReEncrypt, GenerateRandom. */
import { ALGORITHMS, EngineError, HASHES, KEY_SPECS, type RunItem } from '../../engine/index.ts';
import {
  blobName,
  type EncryptionContext,
  hasHeader,
  isCiphertext,
  joinCiphertext,
  keyIdOf,
  materialIdOf,
  sealedPart,
} from '../ciphertext.ts';
import { KmsError } from '../errors.ts';
import type { LiveKey, LiveMaterial, OpenMaterial } from '../livekey.ts';
import { engineOperation, operation, type Refusals } from '../operation.ts';
import { admit } from '../perform.ts';
import type { Service } from '../service.ts';
import { blob, boolean, enumeration, required, secret, string, unsupported } from '../shapes.ts';
import { ENCRYPTION_ALGORITHMS, type EncryptionAlgorithm, maxOaepPlaintextBytes } from '../specs.ts';
import { requireAlgorithm } from './algorithm.ts';
import {
  cryptographic,
  encryptionContext,
  grantTokens,
  keyId,
  numberOfBytes,
  opaque,
  plaintext,
  recipient,
} from './members.ts';
import { aadOf, ENCRYPTION_KEY, opened, type SealItem, sealing } from './sealing.ts';

type OpenItem = Extract<RunItem, { op: 'decrypt' }>;

const encryptionAlgorithm = enumeration(ENCRYPTION_ALGORITHMS);

/** @throws KmsError ValidationException where the algorithm has no room for the plaintext */
function requireRoom(key: LiveKey, algorithm: Exclude<EncryptionAlgorithm, 'SYMMETRIC_DEFAULT'>, bytes: number): void {
  const { hashBytes } = HASHES[ALGORITHMS[algorithm].hash!];
  const maxBytes = maxOaepPlaintextBytes(KEY_SPECS[key.keySpec].elementBytes!, hashBytes);
  if (bytes > maxBytes) {
    throw new KmsError(
      'ValidationException',
      `Algorithm ${algorithm} and key spec ${key.keySpec} cannot encrypt data larger than ${maxBytes} bytes.`,
    );
  }
}

/** What the engine is asked in order to encrypt. @throws KmsError where the algorithm does not fit the key or the plaintext */
function sealingWith(
  key: LiveKey,
  material: OpenMaterial,
  algorithm: EncryptionAlgorithm,
  bytes: Uint8Array,
  context: EncryptionContext | undefined,
): SealItem {
  requireAlgorithm(key, algorithm);
  if (algorithm === 'SYMMETRIC_DEFAULT') return sealing(material, bytes, context);
  requireRoom(key, algorithm, bytes.length);
  return { op: 'encrypt', key: material.handle, algorithm, plaintext: bytes };
}

/** A ciphertext, and the key that the caller says it is under. */
interface Sealed {
  readonly ciphertext: Uint8Array;
  readonly keyId: string | undefined;
  readonly algorithm: EncryptionAlgorithm;
}

/**
 * The key of a ciphertext. A symmetric blob names its key; a key named by the caller must be that one. Every way in which
 * the blob itself can be wrong is the same error.
 */
function keyOfCiphertext(service: Service, sealed: Sealed): LiveKey | Promise<LiveKey> {
  const { keyring } = service;
  if (sealed.keyId === undefined) {
    if (sealed.algorithm !== 'SYMMETRIC_DEFAULT') {
      throw new KmsError('ValidationException', `KeyId is required for ${sealed.algorithm}.`);
    }
    requireCiphertext(sealed.ciphertext);
    return keyring.recallByBlob(sealed.ciphertext) ?? keyOfBlob(service, sealed.ciphertext);
  }
  const named = keyring.named(sealed.keyId);
  if (!(named instanceof Promise)) return requireKeyOf(named, sealed);
  // The caller may reuse its buffer while the key is looked for.
  const kept = { ...sealed, ciphertext: new Uint8Array(sealed.ciphertext) };
  return named.then((key) => requireKeyOf(key, kept));
}

function requireKeyOf(key: LiveKey, { ciphertext, algorithm }: Sealed): LiveKey {
  if (algorithm !== 'SYMMETRIC_DEFAULT') return key;
  requireCiphertext(ciphertext);
  if (blobName(ciphertext) !== key.blobName) {
    throw new KmsError(
      'IncorrectKeyException',
      'The key ID in the request does not identify a CMK that can perform this operation.',
    );
  }
  return key;
}

function requireCiphertext(blobBytes: Uint8Array): void {
  if (!isCiphertext(blobBytes)) throw new KmsError('InvalidCiphertextException');
}

async function keyOfBlob({ keyring }: Service, blobBytes: Uint8Array): Promise<LiveKey> {
  const key = await keyring.find(keyIdOf(blobBytes));
  if (key === undefined) {
    throw new KmsError(
      'AccessDeniedException',
      'The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.',
    );
  }
  return key;
}

function materialOfCiphertext(key: LiveKey, { ciphertext, algorithm }: Sealed): LiveMaterial {
  const { current } = key;
  if (algorithm !== 'SYMMETRIC_DEFAULT' || hasHeader(ciphertext, current.header)) return current;
  const material = key.material(materialIdOf(ciphertext));
  if (material === undefined) throw new KmsError('InvalidCiphertextException');
  return material;
}

function opening(
  key: LiveKey,
  material: OpenMaterial,
  { ciphertext, algorithm }: Sealed,
  context: EncryptionContext | undefined,
): OpenItem {
  if (algorithm === 'SYMMETRIC_DEFAULT') {
    return {
      op: 'decrypt',
      key: material.handle,
      algorithm: 'XAES_256_GCM',
      ciphertext: sealedPart(ciphertext),
      aad: aadOf(material, context),
    };
  }
  requireAlgorithm(key, algorithm);
  return { op: 'decrypt', key: material.handle, algorithm, ciphertext };
}

/** One error for every way in which a ciphertext does not open. */
const DOES_NOT_OPEN: Refusals = {
  DECRYPTION_FAILED: 'InvalidCiphertextException',
  INVALID_LENGTH: 'InvalidCiphertextException',
};

async function openNow({ engine }: Service, request: OpenItem): Promise<Uint8Array> {
  try {
    return await engine.decrypt(request);
  } catch (error) {
    const refusal = error instanceof EngineError ? DOES_NOT_OPEN[error.code] : undefined;
    throw refusal === undefined ? error : new KmsError(refusal);
  }
}

const sealedInput = (input: {
  readonly CiphertextBlob: Uint8Array;
  readonly KeyId?: string | undefined;
  readonly EncryptionAlgorithm?: EncryptionAlgorithm | undefined;
}): Sealed => ({
  ciphertext: input.CiphertextBlob,
  keyId: input.KeyId,
  algorithm: input.EncryptionAlgorithm ?? 'SYMMETRIC_DEFAULT',
});

export const ENCRYPTION_OPERATIONS = {
  Encrypt: engineOperation({
    input: {
      ...cryptographic,
      Plaintext: required(plaintext),
      EncryptionContext: encryptionContext,
      EncryptionAlgorithm: encryptionAlgorithm,
    },
    output: { CiphertextBlob: required(blob()), KeyId: required(string()), EncryptionAlgorithm: required(string()) },
    key: { member: 'KeyId', ...ENCRYPTION_KEY },
    engine: {
      request: ({ input, key, material }) =>
        sealingWith(
          key,
          material,
          input.EncryptionAlgorithm ?? 'SYMMETRIC_DEFAULT',
          input.Plaintext,
          input.EncryptionContext,
        ),
      answer({ input, key, material }, sealed: Uint8Array) {
        const EncryptionAlgorithm = input.EncryptionAlgorithm ?? 'SYMMETRIC_DEFAULT';
        const CiphertextBlob =
          EncryptionAlgorithm === 'SYMMETRIC_DEFAULT' ? joinCiphertext(material.header, sealed) : sealed;
        return { CiphertextBlob, KeyId: key.arn, EncryptionAlgorithm };
      },
    },
  }),

  Decrypt: engineOperation({
    input: {
      ...cryptographic,
      KeyId: keyId,
      CiphertextBlob: required(opaque),
      EncryptionContext: encryptionContext,
      EncryptionAlgorithm: encryptionAlgorithm,
      Recipient: recipient,
      DryRunModifiers: unsupported(enumeration(['IGNORE_CIPHERTEXT'])),
    },
    output: {
      KeyId: required(string()),
      Plaintext: required(secret(blob())),
      EncryptionAlgorithm: required(string()),
      KeyMaterialId: string(),
    },
    key: {
      ...ENCRYPTION_KEY,
      find: (service, input) => keyOfCiphertext(service, sealedInput(input)),
      material: (key, input) => materialOfCiphertext(key, sealedInput(input)),
    },
    engine: {
      request: ({ input, key, material }) => opening(key, material, sealedInput(input), input.EncryptionContext),
      answer({ input, key, material }, Plaintext: Uint8Array) {
        const EncryptionAlgorithm = input.EncryptionAlgorithm ?? 'SYMMETRIC_DEFAULT';
        if (EncryptionAlgorithm !== 'SYMMETRIC_DEFAULT') return { KeyId: key.arn, Plaintext, EncryptionAlgorithm };
        return { KeyId: key.arn, Plaintext, EncryptionAlgorithm, KeyMaterialId: material.materialId };
      },
      refusals: DOES_NOT_OPEN,
    },
  }),

  ReEncrypt: operation({
    input: {
      CiphertextBlob: required(opaque),
      SourceEncryptionContext: encryptionContext,
      SourceKeyId: keyId,
      DestinationKeyId: required(keyId),
      DestinationEncryptionContext: encryptionContext,
      SourceEncryptionAlgorithm: encryptionAlgorithm,
      DestinationEncryptionAlgorithm: encryptionAlgorithm,
      GrantTokens: grantTokens,
      DryRun: boolean,
      DryRunModifiers: unsupported(enumeration(['IGNORE_CIPHERTEXT'])),
    },
    output: {
      CiphertextBlob: required(blob()),
      SourceKeyId: required(string()),
      KeyId: required(string()),
      SourceEncryptionAlgorithm: required(string()),
      DestinationEncryptionAlgorithm: required(string()),
      SourceKeyMaterialId: string(),
      DestinationKeyMaterialId: string(),
    },
    async run({ service, operation: name, input }) {
      const sealed: Sealed = {
        // Copied, since there is waiting ahead.
        ciphertext: new Uint8Array(input.CiphertextBlob),
        keyId: input.SourceKeyId,
        algorithm: input.SourceEncryptionAlgorithm ?? 'SYMMETRIC_DEFAULT',
      };
      const target = input.DestinationEncryptionAlgorithm ?? 'SYMMETRIC_DEFAULT';
      const source = await keyOfCiphertext(service, sealed);
      admit(service, source, ENCRYPTION_KEY, name);
      const destination = await service.keyring.named(input.DestinationKeyId);
      admit(service, destination, ENCRYPTION_KEY, name);
      requireAlgorithm(destination, target);
      const from = await opened(materialOfCiphertext(source, sealed));
      const bytes = await openNow(service, opening(source, from, sealed, input.SourceEncryptionContext));
      try {
        const to = await opened(destination.current);
        const request = sealingWith(destination, to, target, bytes, input.DestinationEncryptionContext);
        const value = await service.engine.encrypt(request);
        return {
          CiphertextBlob: target === 'SYMMETRIC_DEFAULT' ? joinCiphertext(to.header, value) : value,
          SourceKeyId: source.arn,
          KeyId: destination.arn,
          SourceEncryptionAlgorithm: sealed.algorithm,
          DestinationEncryptionAlgorithm: target,
          ...(sealed.algorithm === 'SYMMETRIC_DEFAULT' ? { SourceKeyMaterialId: from.materialId } : {}),
          ...(target === 'SYMMETRIC_DEFAULT' ? { DestinationKeyMaterialId: to.materialId } : {}),
        };
      } finally {
        bytes.fill(0);
      }
    },
  }),

  GenerateRandom: operation({
    input: {
      NumberOfBytes: numberOfBytes,
      CustomKeyStoreId: unsupported(string({ min: 1, max: 64 })),
      Recipient: recipient,
    },
    output: { Plaintext: required(secret(blob())) },
    async run({ service: { engine }, input }) {
      if (input.NumberOfBytes === undefined) throw new KmsError('ValidationException', 'NumberOfBytes is required.');
      return { Plaintext: await engine.random(input.NumberOfBytes) };
    },
  }),
};
