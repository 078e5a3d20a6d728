/** GenerateMac and VerifyMac. */
import { KmsError } from '../errors.ts';
import { keyOperation } from '../operation.ts';
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
  GenerateMac: keyOperation({
    input: authenticating,
    output: { Mac: required(blob()), MacAlgorithm: required(string()), KeyId: required(string()) },
    key: MAC_KEY,
    async run({ service: { engine }, input, key }) {
      const { MacAlgorithm: algorithm, Message: message } = input;
      requireAlgorithm(key, algorithm);
      const handle = key.current.handle ?? (await key.current.open());
      return { Mac: await engine.mac({ key: handle, algorithm, message }), MacAlgorithm: algorithm, KeyId: key.arn };
    },
  }),

  VerifyMac: keyOperation({
    input: { ...authenticating, Mac: required(opaque) },
    output: { KeyId: required(string()), MacValid: required(boolean), MacAlgorithm: required(string()) },
    key: MAC_KEY,
    async run({ service: { engine }, input, key }) {
      const { MacAlgorithm: algorithm, Message: message, Mac: mac } = input;
      requireAlgorithm(key, algorithm);
      const handle = key.current.handle ?? (await key.current.open());
      if (!(await engine.verifyMac({ key: handle, algorithm, message, mac }))) {
        throw new KmsError('KMSInvalidMacException');
      }
      return { KeyId: key.arn, MacValid: true, MacAlgorithm: algorithm };
    },
  }),
};
