/** Members that several operations share, with AWS's bounds. */
import { blob, boolean, integer, list, required, string, stringMap, structure, unsupported } from '../shapes.ts';

export const keyId = string({ min: 1, max: 2048 });
export const aliasName = string({ min: 1, max: 256, pattern: '^[a-zA-Z0-9:/_-]+$' });
export const grantTokens = list(string({ min: 1, max: 8192 }), { max: 10 });
export const description = string({ max: 8192 });
export const marker = string({ min: 1, max: 1024 });

/** What every cryptographic operation takes. */
export const cryptographic = { KeyId: required(keyId), GrantTokens: grantTokens, DryRun: boolean };
export const encryptionContext = stringMap;
export const plaintext = blob({ min: 1, max: 4096 });
/** Ciphertexts, signatures and MACs. */
export const opaque = blob({ min: 1, max: 6144 });
export const numberOfBytes = integer({ min: 1, max: 1024 });

/** Nitro attestation: ignoring it would hand out a plaintext that the caller asked to have encrypted. */
export const recipient = unsupported(structure({}));
