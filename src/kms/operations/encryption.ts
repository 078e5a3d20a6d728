/** Encrypt, Decrypt, ReEncrypt, GenerateRandom. */
import { ALGORITHMS, asPromise, EngineError, HASHES, KEY_SPECS, type Sink } from '../../engine/index.ts';
import {
  type CiphertextContext,
  type EncryptionContext,
  haveSameKeyId,
  haveSameMaterialId,
  isCiphertext,
  keyIdOf,
  materialIdOf,
} from '../ciphertext.ts';
import { dryRun, KmsError } from '../errors.ts';
import type { LiveKey, LiveMaterial, OpenMaterial } from '../livekey.ts';
import { engineOperation, operation, type Refusals } from '../operation.ts';
import { admit } from '../perform.ts';
import type { Service } from '../service.ts';
import { blob, boolean, enumeration, list, required, secret, string, unsupported } from '../shapes.ts';
import { ENCRYPTION_ALGORITHMS, type EncryptionAlgorithm, maxOaepPlaintextBytes } from '../specs.ts';
import { requireGiven } from '../validate.ts';
import { requireAlgorithm } from './algorithm.ts';
import {
  additionalData,
  type ContextInput,
  contextMembers,
  contextOf,
  keptContext,
  requireOneContext,
} from './context.ts';
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
import { aadOf, ENCRYPTION_KEY, opened, seal } from './sealing.ts';

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

/** A key that is ready, and how it is to be used. */
interface Using {
  readonly service: Service;
  readonly key: LiveKey;
  readonly material: OpenMaterial;
  readonly algorithm: EncryptionAlgorithm;
  readonly context: CiphertextContext | undefined;
}

/** @throws KmsError where the algorithm does not fit the key or the plaintext */
function encrypt({ service, key, material, algorithm, context }: Using, bytes: Uint8Array, sink: Sink, tag: number) {
  requireAlgorithm(key, algorithm);
  if (algorithm === 'SYMMETRIC_DEFAULT') {
    seal(service, material, bytes, context, sink, tag);
    return;
  }
  requireRoom(key, algorithm, bytes.length);
  service.engine.submit({ op: 'encrypt', key: material.handle, algorithm, plaintext: bytes }, sink, tag);
}

/** A ciphertext, and the key that the caller says it is under. */
interface Sealed {
  /** Undefined where the call asks to ignore it. */
  readonly ciphertext: Uint8Array | undefined;
  readonly keyId: string | undefined;
  readonly algorithm: EncryptionAlgorithm;
}

/**
 * The key of a ciphertext. A symmetric blob names its key; a key named by the caller must be that one. Every way in which
 * the blob itself can be wrong is the same error.
 */
function keyOfCiphertext(service: Service, sealed: Sealed): LiveKey | Promise<LiveKey> {
  const { keyring } = service;
  const { ciphertext } = sealed;
  if (sealed.keyId === undefined) {
    if (sealed.algorithm !== 'SYMMETRIC_DEFAULT') {
      throw new KmsError('ValidationException', `KeyId is required for ${sealed.algorithm}.`);
    }
    requireCiphertext(ciphertext);
    return keyring.recallByBlob(ciphertext) ?? keyOfBlob(service, ciphertext);
  }
  const named = keyring.named(sealed.keyId);
  if (!(named instanceof Promise)) return requireKeyOf(named, sealed);
  // The caller may reuse its buffer while the key is looked for.
  const kept = ciphertext === undefined ? sealed : { ...sealed, ciphertext: new Uint8Array(ciphertext) };
  return named.then((key) => requireKeyOf(key, kept));
}

function requireKeyOf(key: LiveKey, { ciphertext, algorithm }: Sealed): LiveKey {
  if (algorithm !== 'SYMMETRIC_DEFAULT' || ciphertext === undefined) return key;
  requireCiphertext(ciphertext);
  if (!haveSameKeyId(ciphertext, key.header)) {
    throw new KmsError(
      'IncorrectKeyException',
      'The key ID in the request does not identify a CMK that can perform this operation.',
    );
  }
  return key;
}

function requireCiphertext(blobBytes: Uint8Array | undefined): asserts blobBytes is Uint8Array {
  if (blobBytes === undefined || !isCiphertext(blobBytes)) throw new KmsError('InvalidCiphertextException');
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
  if (algorithm !== 'SYMMETRIC_DEFAULT' || ciphertext === undefined) return current;
  if (haveSameMaterialId(ciphertext, current.header)) return current;
  const material = key.material(materialIdOf(ciphertext));
  if (material === undefined) throw new KmsError('InvalidCiphertextException');
  return material;
}

/** @throws KmsError; where there is no ciphertext to open everything else was right */
function decrypt(using: Using, ciphertext: Uint8Array | undefined, sink: Sink, tag: number): void {
  const { service, key, material, algorithm, context } = using;
  requireAlgorithm(key, algorithm);
  if (ciphertext === undefined) throw dryRun();
  if (algorithm === 'SYMMETRIC_DEFAULT') {
    material.aead(service.engine).decrypt(ciphertext, aadOf(material, context), sink, tag);
    return;
  }
  service.engine.submit({ op: 'decrypt', key: material.handle, algorithm, ciphertext }, sink, tag);
}

/** One error for every way in which a ciphertext does not open. */
const DOES_NOT_OPEN: Refusals = {
  DECRYPTION_FAILED: 'InvalidCiphertextException',
  INVALID_LENGTH: 'InvalidCiphertextException',
};

async function decrypted(using: Using, ciphertext: Uint8Array | undefined): Promise<Uint8Array> {
  try {
    return await asPromise<Uint8Array>((sink) => decrypt(using, ciphertext, sink, 0));
  } catch (error) {
    const refusal = error instanceof EngineError ? DOES_NOT_OPEN[error.code] : undefined;
    throw refusal === undefined ? error : new KmsError(refusal);
  }
}

interface CiphertextInput {
  readonly CiphertextBlob?: Uint8Array | undefined;
  readonly DryRun?: boolean | undefined;
  readonly DryRunModifiers?: readonly 'IGNORE_CIPHERTEXT'[] | undefined;
}

/** AWS: a modifier applies where DryRun is true. */
const ignoresCiphertext = ({ DryRun, DryRunModifiers }: CiphertextInput): boolean =>
  DryRunModifiers !== undefined && DryRun === true && DryRunModifiers.includes('IGNORE_CIPHERTEXT');

/** A call needs a ciphertext, or the name of the key in its place. @throws KmsError ValidationException */
function requireSource(input: CiphertextInput, member: string, keyId: string | undefined): void {
  if (!ignoresCiphertext(input)) requireGiven('CiphertextBlob', opaque, input.CiphertextBlob);
  else if (keyId === undefined) {
    throw new KmsError('ValidationException', `${member} is required where the ciphertext is ignored.`);
  }
}

const dryRunModifiers = list(enumeration(['IGNORE_CIPHERTEXT']));

const sealedInput = (
  input: CiphertextInput & {
    readonly KeyId?: string | undefined;
    readonly EncryptionAlgorithm?: EncryptionAlgorithm | undefined;
  },
): Sealed => ({
  ciphertext: ignoresCiphertext(input) ? undefined : input.CiphertextBlob,
  keyId: input.KeyId,
  algorithm: input.EncryptionAlgorithm ?? 'SYMMETRIC_DEFAULT',
});

interface ReEncryptInput {
  readonly SourceEncryptionContext?: EncryptionContext | undefined;
  readonly SourceAdditionalData?: Uint8Array | undefined;
  readonly DestinationEncryptionContext?: EncryptionContext | undefined;
  readonly DestinationAdditionalData?: Uint8Array | undefined;
}
const sourceContext = (input: ReEncryptInput): ContextInput => ({
  EncryptionContext: input.SourceEncryptionContext,
  AdditionalData: input.SourceAdditionalData,
});
const destinationContext = (input: ReEncryptInput): ContextInput => ({
  EncryptionContext: input.DestinationEncryptionContext,
  AdditionalData: input.DestinationAdditionalData,
});

export const ENCRYPTION_OPERATIONS = {
  Encrypt: engineOperation({
    input: {
      ...cryptographic,
      Plaintext: required(plaintext),
      ...contextMembers,
      EncryptionAlgorithm: encryptionAlgorithm,
    },
    output: { CiphertextBlob: required(blob()), KeyId: required(string()), EncryptionAlgorithm: required(string()) },
    check: requireOneContext,
    key: { member: 'KeyId', ...ENCRYPTION_KEY },
    engine: {
      submit({ service, input, key, material }, sink, tag) {
        const algorithm = input.EncryptionAlgorithm ?? 'SYMMETRIC_DEFAULT';
        encrypt({ service, key, material, algorithm, context: contextOf(input) }, input.Plaintext, sink, tag);
      },
      answer: ({ input, key }, CiphertextBlob: Uint8Array) => ({
        CiphertextBlob,
        KeyId: key.arn,
        EncryptionAlgorithm: input.EncryptionAlgorithm ?? 'SYMMETRIC_DEFAULT',
      }),
    },
  }),

  Decrypt: engineOperation({
    input: {
      ...cryptographic,
      KeyId: keyId,
      CiphertextBlob: opaque,
      ...contextMembers,
      EncryptionAlgorithm: encryptionAlgorithm,
      Recipient: recipient,
      DryRunModifiers: dryRunModifiers,
    },
    check(input) {
      requireSource(input, 'KeyId', input.KeyId);
      requireOneContext(input);
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
      submit({ service, input, key, material }, sink, tag) {
        const { ciphertext, algorithm } = sealedInput(input);
        decrypt({ service, key, material, algorithm, context: contextOf(input) }, ciphertext, sink, tag);
      },
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
      CiphertextBlob: opaque,
      SourceEncryptionContext: encryptionContext,
      SourceAdditionalData: additionalData,
      SourceKeyId: keyId,
      DestinationKeyId: required(keyId),
      DestinationEncryptionContext: encryptionContext,
      DestinationAdditionalData: additionalData,
      SourceEncryptionAlgorithm: encryptionAlgorithm,
      DestinationEncryptionAlgorithm: encryptionAlgorithm,
      GrantTokens: grantTokens,
      DryRun: boolean,
      DryRunModifiers: dryRunModifiers,
    },
    check(input) {
      requireSource(input, 'SourceKeyId', input.SourceKeyId);
      requireOneContext(sourceContext(input));
      requireOneContext(destinationContext(input));
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
      // Copied, since there is waiting ahead.
      const sealed: Sealed = {
        ciphertext: ignoresCiphertext(input) ? undefined : new Uint8Array(input.CiphertextBlob!),
        keyId: input.SourceKeyId,
        algorithm: input.SourceEncryptionAlgorithm ?? 'SYMMETRIC_DEFAULT',
      };
      const sourced = keptContext(sourceContext(input));
      const destined = keptContext(destinationContext(input));
      const target = input.DestinationEncryptionAlgorithm ?? 'SYMMETRIC_DEFAULT';
      const source = await keyOfCiphertext(service, sealed);
      admit(service, source, ENCRYPTION_KEY, name);
      const destination = await service.keyring.named(input.DestinationKeyId);
      admit(service, destination, ENCRYPTION_KEY, name);
      requireAlgorithm(destination, target);
      const from = await opened(materialOfCiphertext(source, sealed));
      const { ciphertext, algorithm } = sealed;
      const bytes = await decrypted({ service, key: source, material: from, algorithm, context: sourced }, ciphertext);
      try {
        const to = await opened(destination.current);
        const using: Using = { service, key: destination, material: to, algorithm: target, context: destined };
        const CiphertextBlob = await asPromise<Uint8Array>((sink) => encrypt(using, bytes, sink, 0));
        return {
          CiphertextBlob,
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
