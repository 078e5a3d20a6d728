/** Encrypt, Decrypt, GenerateDataKey, GenerateRandom. */
import { ALGORITHMS, HASHES, KEY_SPECS, type RunItem } from '../../engine/index.ts';
import {
  blobName,
  ciphertextAad,
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
import { engineOperation, keyOperation, operation, type Refusals } from '../operation.ts';
import type { Service } from '../service.ts';
import { blob, enumeration, required, string, unsupported } from '../shapes.ts';
import { ENCRYPTION_ALGORITHMS, type EncryptionAlgorithm, maxOaepPlaintextBytes } from '../specs.ts';
import { requireAlgorithm } from './algorithm.ts';
import { cryptographic, encryptionContext, keyId, numberOfBytes, opaque, plaintext, recipient } from './members.ts';

const encryptionAlgorithm = enumeration(ENCRYPTION_ALGORITHMS);

const ENCRYPTION_KEY = { state: 'cryptographic', usage: 'ENCRYPT_DECRYPT' } as const;

const aadOf = (material: LiveMaterial, context: EncryptionContext | undefined): Uint8Array =>
  context === undefined ? material.aad : ciphertextAad(material.header, context);

type SealItem = Extract<RunItem, { op: 'encrypt' }>;

/** The caller has no way to say which nonce is used: none of these parameters reaches it. */
function sealing(material: OpenMaterial, plaintext: Uint8Array, context: EncryptionContext | undefined): SealItem {
  return {
    op: 'encrypt',
    key: material.handle,
    algorithm: 'XAES_256_GCM',
    plaintext,
    aad: aadOf(material, context),
  };
}

/** Seals under the current material of a key. */
async function seal(
  { engine }: Service,
  { current }: LiveKey,
  plaintext: Uint8Array,
  context: EncryptionContext | undefined,
): Promise<{ readonly CiphertextBlob: Uint8Array; readonly KeyMaterialId: string }> {
  while (!current.isOpen()) await current.open();
  const sealed = await engine.encrypt(sealing(current, plaintext, context));
  return { CiphertextBlob: joinCiphertext(current.header, sealed), KeyMaterialId: current.materialId };
}

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
  return named instanceof Promise ? named.then((key) => requireKeyOf(key, sealed)) : requireKeyOf(named, sealed);
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
): RunItem {
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

const sealedInput = (input: {
  readonly CiphertextBlob: Uint8Array;
  readonly KeyId?: string | undefined;
  readonly EncryptionAlgorithm?: EncryptionAlgorithm | undefined;
}): Sealed => ({
  ciphertext: input.CiphertextBlob,
  keyId: input.KeyId,
  algorithm: input.EncryptionAlgorithm ?? 'SYMMETRIC_DEFAULT',
});

const DATA_KEY_BYTES = { AES_256: 32, AES_128: 16 } as const;

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
      request({ input, key, material }): RunItem {
        const algorithm = input.EncryptionAlgorithm ?? 'SYMMETRIC_DEFAULT';
        requireAlgorithm(key, algorithm);
        if (algorithm === 'SYMMETRIC_DEFAULT') return sealing(material, input.Plaintext, input.EncryptionContext);
        requireRoom(key, algorithm, input.Plaintext.length);
        return { op: 'encrypt', key: material.handle, algorithm, plaintext: input.Plaintext };
      },
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
      Plaintext: required(blob()),
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

  GenerateDataKey: keyOperation({
    input: {
      ...cryptographic,
      EncryptionContext: encryptionContext,
      NumberOfBytes: numberOfBytes,
      KeySpec: enumeration(['AES_256', 'AES_128']),
      Recipient: recipient,
    },
    output: {
      CiphertextBlob: required(blob()),
      Plaintext: required(blob()),
      KeyId: required(string()),
      KeyMaterialId: required(string()),
    },
    key: { member: 'KeyId', ...ENCRYPTION_KEY },
    check(input) {
      if ((input.NumberOfBytes === undefined) === (input.KeySpec === undefined)) {
        throw new KmsError('ValidationException', 'Please specify either number of bytes or key spec.');
      }
    },
    async run({ service, input, key }) {
      requireAlgorithm(key, 'SYMMETRIC_DEFAULT');
      const Plaintext = await service.engine.random(input.NumberOfBytes ?? DATA_KEY_BYTES[input.KeySpec!]);
      const sealed = await seal(service, key, Plaintext, input.EncryptionContext);
      return { ...sealed, Plaintext, KeyId: key.arn };
    },
  }),

  GenerateRandom: operation({
    input: {
      NumberOfBytes: numberOfBytes,
      CustomKeyStoreId: unsupported(string({ min: 1, max: 64 })),
      Recipient: recipient,
    },
    output: { Plaintext: required(blob()) },
    async run({ service: { engine }, input }) {
      if (input.NumberOfBytes === undefined) throw new KmsError('ValidationException', 'NumberOfBytes is required.');
      return { Plaintext: await engine.random(input.NumberOfBytes) };
    },
  }),
};
