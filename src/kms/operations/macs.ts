/** GenerateMac and VerifyMac. */
import { KmsError } from '../errors.ts';
import { engineOperation } from '../operation.ts';
import { blob, boolean, enumeration, required, string } from '../shapes.ts';
import { MAC_ALGORITHMS } from '../specs.ts';
import { requireAlgorithm } from './algorithm.ts';
import { cryptographic, opaque, plaintext } from './members.ts';

const authenticating = {
  ...cryptographic,
  Message: required(plaintext),
  MacAlgorithm: required(enumeration(MAC_ALGORITHMS)),
};
const MAC_KEY = { member: 'KeyId', state: 'cryptographic', usage: 'GENERATE_VERIFY_MAC' } as const;

export const MAC_OPERATIONS = {
  GenerateMac: engineOperation({
    input: authenticating,
    output: { Mac: required(blob()), MacAlgorithm: required(string()), KeyId: required(string()) },
    key: MAC_KEY,
    engine: {
      submit({ service: { engine }, input: { MacAlgorithm: algorithm, Message: message }, key, material }, sink, tag) {
        requireAlgorithm(key, algorithm);
        engine.submit({ op: 'mac', key: material.handle, algorithm, message }, sink, tag);
      },
      answer: ({ input, key }, Mac: Uint8Array) => ({ Mac, MacAlgorithm: input.MacAlgorithm, KeyId: key.arn }),
    },
  }),

  VerifyMac: engineOperation({
    input: { ...authenticating, Mac: required(opaque) },
    output: { KeyId: required(string()), MacValid: required(boolean), MacAlgorithm: required(string()) },
    key: MAC_KEY,
    engine: {
      submit({ service: { engine }, input, key, material }, sink, tag) {
        const { MacAlgorithm: algorithm, Message: message, Mac: mac } = input;
        requireAlgorithm(key, algorithm);
        engine.submit({ op: 'verifyMac', key: material.handle, algorithm, message, mac }, sink, tag);
      },
      answer({ input, key }, isValid: boolean) {
        if (!isValid) throw new KmsError('KMSInvalidMacException');
        return { KeyId: key.arn, MacValid: true, MacAlgorithm: input.MacAlgorithm };
      },
    },
  }),
};
