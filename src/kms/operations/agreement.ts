/** DeriveSharedSecret. */
import { engineOperation } from '../operation.ts';
import { blob, enumeration, required, secret, string } from '../shapes.ts';
import { cryptographic, recipient } from './members.ts';

export const AGREEMENT_OPERATIONS = {
  DeriveSharedSecret: engineOperation({
    input: {
      ...cryptographic,
      KeyAgreementAlgorithm: required(enumeration(['ECDH'])),
      PublicKey: required(blob({ min: 1, max: 8192 })),
      Recipient: recipient,
    },
    output: {
      KeyId: required(string()),
      SharedSecret: required(secret(blob())),
      KeyAgreementAlgorithm: required(string()),
      KeyOrigin: required(string()),
    },
    key: { member: 'KeyId', state: 'cryptographic', usage: 'KEY_AGREEMENT' },
    engine: {
      submit({ service: { engine }, input, material }, sink, tag) {
        engine.submit({ op: 'deriveSharedSecret', key: material.handle, publicKey: input.PublicKey }, sink, tag);
      },
      answer: ({ input, key }, SharedSecret: Uint8Array) => ({
        KeyId: key.arn,
        SharedSecret,
        KeyAgreementAlgorithm: input.KeyAgreementAlgorithm,
        KeyOrigin: key.record.origin,
      }),
      // A public key that is none, or none of this curve.
      refusals: { INVALID_KEY: 'ValidationException', WRONG_KEY: 'ValidationException' },
    },
  }),
};
