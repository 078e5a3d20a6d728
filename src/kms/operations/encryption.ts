/** Encrypt, Decrypt, GenerateDataKey, GenerateRandom. */
import { ALGORITHMS, HASHES, KEY_SPECS } from '../../engine/index.ts';
import { ciphertextAad, type EncryptionContext, parseCiphertext } from '../ciphertext.ts';
import { KmsError } from '../errors.ts';
import type { LiveKey } from '../livekey.ts';
import { keyOperation, operation } from '../operation.ts';
import { admit, type Service } from '../service.ts';
import { blob, enumeration, required, string, unsupported } from '../shapes.ts';
import { ENCRYPTION_ALGORITHMS, type EncryptionAlgorithm, maxOaepPlaintextBytes } from '../specs.ts';
import { requireAlgorithm } from './algorithm.ts';
import { cryptographic, encryptionContext, keyId, numberOfBytes, opaque, plaintext, recipient } from './members.ts';

const encryptionAlgorithm = enumeration(ENCRYPTION_ALGORITHMS);

/** The caller has no way to say which nonce is used: none of these parameters reaches it. */
async function sealUnder(
  { engine }: Service,
  key: LiveKey,
  bytes: Uint8Array,
  context: EncryptionContext | undefined,
): Promise<Uint8Array> {
  const material = key.current;
  const { header } = material;
  const aad = ciphertextAad(header, context);
  const handle = material.handle ?? (await material.open());
  const sealed = await engine.encrypt({ key: handle, algorithm: 'XAES_256_GCM', plaintext: bytes, aad });
  const ciphertext = new Uint8Array(header.length + sealed.length);
  ciphertext.set(header);
  ciphertext.set(sealed, header.length);
  return ciphertext;
}

async function encryptAsymmetric(
  { engine }: Service,
  key: LiveKey,
  algorithm: Exclude<EncryptionAlgorithm, 'SYMMETRIC_DEFAULT'>,
  bytes: Uint8Array,
): Promise<Uint8Array> {
  const maxBytes = maxOaepPlaintextBytes(
    KEY_SPECS[key.keySpec].elementBytes!,
    HASHES[ALGORITHMS[algorithm].hash!].hashBytes,
  );
  if (bytes.length > maxBytes) {
    throw new KmsError(
      'ValidationException',
      `Algorithm ${algorithm} and key spec ${key.keySpec} cannot encrypt data larger than ${maxBytes} bytes.`,
    );
  }
  const handle = key.current.handle ?? (await key.current.open());
  return engine.encrypt({ key: handle, algorithm, plaintext: bytes });
}

interface Opened {
  readonly key: LiveKey;
  readonly plaintext: Uint8Array;
  readonly materialId?: string;
}

const ENCRYPTION_KEY = { state: 'cryptographic', usage: 'ENCRYPT_DECRYPT' } as const;

/**
 * Opens a symmetric ciphertext. The blob names its key; a key named by the caller must be that one. Every way in which the
 * blob itself can be wrong is the same error.
 */
async function openSymmetric(
  service: Service,
  operationName: string,
  blobBytes: Uint8Array,
  context: EncryptionContext | undefined,
  named: LiveKey | undefined,
): Promise<Opened> {
  const parsed = parseCiphertext(blobBytes);
  if (parsed === undefined) throw new KmsError('InvalidCiphertextException');
  if (named !== undefined && named.record.keyId !== parsed.keyId) throw incorrectKey();
  const key = named ?? service.keyring.recall(parsed.keyId) ?? (await service.keyring.find(parsed.keyId));
  if (key === undefined) {
    throw new KmsError(
      'AccessDeniedException',
      'The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.',
    );
  }
  admit(key, ENCRYPTION_KEY, operationName);
  const material = key.material(parsed.materialId);
  if (material === undefined) throw new KmsError('InvalidCiphertextException');
  const aad = ciphertextAad(parsed.header, context);
  const handle = material.handle ?? (await material.open());
  const opened = await invalidWhereItDoesNotOpen(
    service.engine.decrypt({ key: handle, algorithm: 'XAES_256_GCM', ciphertext: parsed.sealed, aad }),
  );
  return { key, plaintext: opened, materialId: material.materialId };
}

async function openAsymmetric(
  service: Service,
  operationName: string,
  blobBytes: Uint8Array,
  algorithm: EncryptionAlgorithm,
  key: LiveKey,
): Promise<Opened> {
  admit(key, ENCRYPTION_KEY, operationName);
  requireAlgorithm(key, algorithm);
  const handle = key.current.handle ?? (await key.current.open());
  const opened = await invalidWhereItDoesNotOpen(
    service.engine.decrypt({ key: handle, algorithm, ciphertext: blobBytes }),
  );
  return { key, plaintext: opened };
}

function incorrectKey(): KmsError {
  return new KmsError(
    'IncorrectKeyException',
    'The key ID in the request does not identify a CMK that can perform this operation.',
  );
}

async function invalidWhereItDoesNotOpen(opening: Promise<Uint8Array>): Promise<Uint8Array> {
  try {
    return await opening;
  } catch (error) {
    if (DOES_NOT_OPEN.has((error as { code?: string }).code ?? '')) throw new KmsError('InvalidCiphertextException');
    throw error;
  }
}
const DOES_NOT_OPEN: ReadonlySet<string> = new Set(['DECRYPTION_FAILED', 'INVALID_LENGTH']);

const DATA_KEY_BYTES = { AES_256: 32, AES_128: 16 } as const;

export const ENCRYPTION_OPERATIONS = {
  Encrypt: keyOperation({
    input: {
      ...cryptographic,
      Plaintext: required(plaintext),
      EncryptionContext: encryptionContext,
      EncryptionAlgorithm: encryptionAlgorithm,
    },
    output: { CiphertextBlob: required(blob()), KeyId: required(string()), EncryptionAlgorithm: required(string()) },
    key: { member: 'KeyId', ...ENCRYPTION_KEY },
    async run({ service, input, key }) {
      const EncryptionAlgorithm = input.EncryptionAlgorithm ?? 'SYMMETRIC_DEFAULT';
      requireAlgorithm(key, EncryptionAlgorithm);
      const CiphertextBlob =
        EncryptionAlgorithm === 'SYMMETRIC_DEFAULT'
          ? await sealUnder(service, key, input.Plaintext, input.EncryptionContext)
          : await encryptAsymmetric(service, key, EncryptionAlgorithm, input.Plaintext);
      return { CiphertextBlob, KeyId: key.arn, EncryptionAlgorithm };
    },
  }),

  Decrypt: operation({
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
    async run({ service, operation: name, input }) {
      const EncryptionAlgorithm = input.EncryptionAlgorithm ?? 'SYMMETRIC_DEFAULT';
      // Copied, since the blob itself tells which key has to be waited for.
      const bytes = new Uint8Array(input.CiphertextBlob);
      const named = input.KeyId === undefined ? undefined : await service.keyring.resolve(input.KeyId);
      if (EncryptionAlgorithm !== 'SYMMETRIC_DEFAULT' && named === undefined) {
        throw new KmsError('ValidationException', `KeyId is required for ${EncryptionAlgorithm}.`);
      }
      const opened =
        EncryptionAlgorithm === 'SYMMETRIC_DEFAULT'
          ? await openSymmetric(service, name, bytes, input.EncryptionContext, named)
          : await openAsymmetric(service, name, bytes, EncryptionAlgorithm, named!);
      return {
        KeyId: opened.key.arn,
        Plaintext: opened.plaintext,
        EncryptionAlgorithm,
        ...(opened.materialId === undefined ? {} : { KeyMaterialId: opened.materialId }),
      };
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
      const { materialId } = key.current;
      const Plaintext = await service.engine.random(input.NumberOfBytes ?? DATA_KEY_BYTES[input.KeySpec!]);
      const CiphertextBlob = await sealUnder(service, key, Plaintext, input.EncryptionContext);
      return { CiphertextBlob, Plaintext, KeyId: key.arn, KeyMaterialId: materialId };
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
