/** Key specs and algorithms in KMS terms, derived from the engine's tables: a new spec there is served here without an edit. */
import { ALGORITHMS, type Algorithm, KEY_SPECS, type KeySpec } from '../engine/index.ts';

/** In the order AWS prints them in messages; what came after the recording stands at the end. */
export const KEY_USAGES = ['ENCRYPT_DECRYPT', 'SIGN_VERIFY', 'GENERATE_VERIFY_MAC', 'KEY_AGREEMENT'] as const;
export type KeyUsage = (typeof KEY_USAGES)[number];

export const KEY_SPEC_NAMES = [
  'RSA_2048',
  'ECC_NIST_P384',
  'ECC_NIST_P256',
  'ECC_NIST_P521',
  'HMAC_384',
  'RSA_3072',
  'ECC_SECG_P256K1',
  'RSA_4096',
  'SYMMETRIC_DEFAULT',
  'HMAC_256',
  'HMAC_224',
  'HMAC_512',
  'ECC_NIST_EDWARDS25519',
] as const satisfies readonly KeySpec[];

export const DATA_KEY_PAIR_SPECS = [
  'RSA_2048',
  'RSA_3072',
  'RSA_4096',
  'ECC_NIST_P256',
  'ECC_NIST_P384',
  'ECC_NIST_P521',
  'ECC_SECG_P256K1',
  'ECC_NIST_EDWARDS25519',
] as const satisfies readonly KeySpec[];
export type DataKeyPairSpec = (typeof DATA_KEY_PAIR_SPECS)[number];

export const ENCRYPTION_ALGORITHMS = [
  'SYMMETRIC_DEFAULT',
  'RSAES_OAEP_SHA_1',
  'RSAES_OAEP_SHA_256',
] as const satisfies readonly Algorithm[];
export type EncryptionAlgorithm = (typeof ENCRYPTION_ALGORITHMS)[number];

export const SIGNING_ALGORITHMS = [
  'RSASSA_PSS_SHA_256',
  'RSASSA_PSS_SHA_384',
  'RSASSA_PSS_SHA_512',
  'RSASSA_PKCS1_V1_5_SHA_256',
  'RSASSA_PKCS1_V1_5_SHA_384',
  'RSASSA_PKCS1_V1_5_SHA_512',
  'ECDSA_SHA_256',
  'ECDSA_SHA_384',
  'ECDSA_SHA_512',
  'ED25519_SHA_512',
  'ED25519_PH_SHA_512',
] as const satisfies readonly Algorithm[];
export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number];

export const MAC_ALGORITHMS = [
  'HMAC_SHA_384',
  'HMAC_SHA_256',
  'HMAC_SHA_224',
  'HMAC_SHA_512',
] as const satisfies readonly Algorithm[];

const KMS_ALGORITHMS: ReadonlySet<string> = new Set([
  ...ENCRYPTION_ALGORITHMS,
  ...SIGNING_ALGORITHMS,
  ...MAC_ALGORITHMS,
  'ECDH',
]);

const USAGE_OF: Readonly<Record<(typeof ALGORITHMS)[Algorithm]['use'], KeyUsage>> = {
  encrypt: 'ENCRYPT_DECRYPT',
  sign: 'SIGN_VERIFY',
  mac: 'GENERATE_VERIFY_MAC',
  agree: 'KEY_AGREEMENT',
};

/** What a key of this spec and usage is used with, in AWS's (alphabetical) order; empty where the two do not go together. */
export function algorithmsOf(keySpec: KeySpec, keyUsage: KeyUsage): readonly Algorithm[] {
  return KEY_SPECS[keySpec].algorithms
    .filter((algorithm) => KMS_ALGORITHMS.has(algorithm) && USAGE_OF[ALGORITHMS[algorithm].use] === keyUsage)
    .toSorted();
}

/** How the material of a key comes from outside: symmetric and HMAC keys as bytes, the others as PKCS#8. */
export const materialFormat = (keySpec: KeySpec): 'raw' | 'pkcs8' =>
  KEY_SPECS[keySpec].family === 'symmetric' || KEY_SPECS[keySpec].family === 'hmac' ? 'raw' : 'pkcs8';

/** The member of KeyMetadata and GetPublicKey that lists a usage's algorithms. */
export const ALGORITHM_LIST_OF = {
  ENCRYPT_DECRYPT: 'EncryptionAlgorithms',
  SIGN_VERIFY: 'SigningAlgorithms',
  GENERATE_VERIFY_MAC: 'MacAlgorithms',
  KEY_AGREEMENT: 'KeyAgreementAlgorithms',
} as const satisfies Record<KeyUsage, string>;

/** RFC 8017 section 7.1.1: k - 2 hLen - 2. */
export function maxOaepPlaintextBytes(modulusBytes: number, hashBytes: number): number {
  return modulusBytes - 2 * hashBytes - 2;
}
