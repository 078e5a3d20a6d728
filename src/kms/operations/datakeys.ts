/** GenerateDataKey, GenerateDataKeyPair, and both without the plaintext. */
import { dryRun, KmsError } from '../errors.ts';
import { type KeyCall, keyOperation } from '../operation.ts';
import { blob, enumeration, required, secret, string } from '../shapes.ts';
import { DATA_KEY_PAIR_SPECS, type DataKeyPairSpec } from '../specs.ts';
import { requireAlgorithm } from './algorithm.ts';
import { type ContextInput, contextMembers, keptContext, requireOneContext } from './context.ts';
import { cryptographic, numberOfBytes, recipient } from './members.ts';
import { ENCRYPTION_KEY, sealed } from './sealing.ts';

const DATA_KEY_BYTES = { AES_256: 32, AES_128: 16 } as const;

const wrappingKey = { member: 'KeyId', ...ENCRYPTION_KEY } as const;
const dataKeyInput = {
  ...cryptographic,
  ...contextMembers,
  NumberOfBytes: numberOfBytes,
  KeySpec: enumeration(['AES_256', 'AES_128']),
};
const dataKeyOutput = {
  CiphertextBlob: required(blob()),
  KeyId: required(string()),
  KeyMaterialId: required(string()),
};
const pairInput = {
  ...cryptographic,
  ...contextMembers,
  KeyPairSpec: required(enumeration(DATA_KEY_PAIR_SPECS)),
};
const pairOutput = {
  PrivateKeyCiphertextBlob: required(blob()),
  PublicKey: required(blob()),
  KeyId: required(string()),
  KeyPairSpec: required(string()),
  KeyMaterialId: required(string()),
};

interface DataKeyInput extends ContextInput {
  readonly NumberOfBytes?: number | undefined;
  readonly KeySpec?: keyof typeof DATA_KEY_BYTES | undefined;
}

function checkDataKey(input: DataKeyInput): void {
  const { NumberOfBytes, KeySpec } = input;
  requireOneContext(input);
  if ((NumberOfBytes === undefined) === (KeySpec === undefined)) {
    throw new KmsError('ValidationException', 'Please specify either number of bytes or key spec.');
  }
}

/** A data key and its ciphertext. The caller wipes what it does not hand out. */
async function generateDataKey({ service, input, key }: KeyCall<DataKeyInput>) {
  requireAlgorithm(key, 'SYMMETRIC_DEFAULT');
  const context = keptContext(input);
  const Plaintext = await service.engine.random(input.NumberOfBytes ?? DATA_KEY_BYTES[input.KeySpec!]);
  const { ciphertext, KeyMaterialId } = await sealed(service, key, Plaintext, context);
  return { Plaintext, output: { CiphertextBlob: ciphertext, KeyId: key.arn, KeyMaterialId } };
}

interface PairInput extends ContextInput {
  readonly KeyPairSpec: DataKeyPairSpec;
  readonly DryRun?: boolean | undefined;
}

/** A key pair and the ciphertext of its private half, PKCS#8. The caller wipes what it does not hand out. */
async function generatePair({ service, input, key }: KeyCall<PairInput>) {
  requireAlgorithm(key, 'SYMMETRIC_DEFAULT');
  // An RSA key takes long to find: not for an answer that will not carry it.
  if (input.DryRun === true) throw dryRun();
  const context = keptContext(input);
  const pair = await service.engine.generateKey(input.KeyPairSpec);
  try {
    const PrivateKeyPlaintext = pair.export('pkcs8');
    const { ciphertext, KeyMaterialId } = await sealed(service, key, PrivateKeyPlaintext, context);
    const output = {
      PrivateKeyCiphertextBlob: ciphertext,
      PublicKey: pair.publicKey(),
      KeyId: key.arn,
      KeyPairSpec: input.KeyPairSpec,
      KeyMaterialId,
    };
    return { PrivateKeyPlaintext, output };
  } finally {
    pair.close();
  }
}

export const DATA_KEY_OPERATIONS = {
  GenerateDataKey: keyOperation({
    input: { ...dataKeyInput, Recipient: recipient },
    output: { ...dataKeyOutput, Plaintext: required(secret(blob())) },
    key: wrappingKey,
    check: checkDataKey,
    async run(call) {
      const { Plaintext, output } = await generateDataKey(call);
      return { ...output, Plaintext };
    },
  }),

  GenerateDataKeyWithoutPlaintext: keyOperation({
    input: dataKeyInput,
    output: dataKeyOutput,
    key: wrappingKey,
    check: checkDataKey,
    async run(call) {
      const { Plaintext, output } = await generateDataKey(call);
      Plaintext.fill(0);
      return output;
    },
  }),

  GenerateDataKeyPair: keyOperation({
    input: { ...pairInput, Recipient: recipient },
    output: { ...pairOutput, PrivateKeyPlaintext: required(secret(blob())) },
    key: wrappingKey,
    check: requireOneContext,
    async run(call) {
      const { PrivateKeyPlaintext, output } = await generatePair(call);
      return { ...output, PrivateKeyPlaintext };
    },
  }),

  GenerateDataKeyPairWithoutPlaintext: keyOperation({
    input: pairInput,
    output: pairOutput,
    key: wrappingKey,
    check: requireOneContext,
    async run(call) {
      const { PrivateKeyPlaintext, output } = await generatePair(call);
      PrivateKeyPlaintext.fill(0);
      return output;
    },
  }),
};
