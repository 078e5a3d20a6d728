/** The matrix as data: which operations are timed, with which keys and sizes. A primitive is a row here. */
import type { Algorithm, DigestAlgorithm, KeySpec } from 'keymill/engine';

export type BenchOperation = 'encrypt' | 'decrypt' | 'mac' | 'digest' | 'sign' | 'verify' | 'deriveSharedSecret';

export interface BenchCase {
  readonly operation: BenchOperation;
  readonly algorithm: Algorithm | DigestAlgorithm;
  /** Absent for digests. */
  readonly keySpec?: KeySpec;
  /** Length of the plaintext or message; signatures are over a 32-byte message hashed by each contender itself. */
  readonly sizeBytes: number;
}

const aead = (algorithm: Algorithm, sizes: readonly number[]): BenchCase[] =>
  sizes.flatMap((sizeBytes) =>
    (['encrypt', 'decrypt'] as const).map((operation) => ({
      operation,
      algorithm,
      keySpec: 'SYMMETRIC_DEFAULT',
      sizeBytes,
    })),
  );
const mac = (keySpec: KeySpec, algorithm: Algorithm, sizes: readonly number[]): BenchCase[] =>
  sizes.map((sizeBytes) => ({ operation: 'mac', keySpec, algorithm, sizeBytes }));
const digest = (algorithm: DigestAlgorithm, sizes: readonly number[]): BenchCase[] =>
  sizes.map((sizeBytes) => ({ operation: 'digest', algorithm, sizeBytes }));
const signature = (keySpec: KeySpec, algorithm: Algorithm): BenchCase[] =>
  (['sign', 'verify'] as const).map((operation) => ({ operation, keySpec, algorithm, sizeBytes: 32 }));
const oaep = (keySpec: KeySpec): BenchCase[] =>
  (['encrypt', 'decrypt'] as const).map((operation) => ({
    operation,
    keySpec,
    algorithm: 'RSAES_OAEP_SHA_256',
    sizeBytes: 32,
  }));

export const CASES: readonly BenchCase[] = [
  ...aead('SYMMETRIC_DEFAULT', [32, 256, 1024, 4096, 65536]),
  ...aead('XAES_256_GCM', [32, 4096]),
  ...mac('HMAC_256', 'HMAC_SHA_256', [32, 256, 4096]),
  ...mac('HMAC_512', 'HMAC_SHA_512', [32, 4096]),
  ...digest('SHA_256', [32, 65536]),
  ...digest('SHA_512', [32, 65536]),
  ...signature('ECC_NIST_P256', 'ECDSA_SHA_256'),
  ...signature('ECC_NIST_P384', 'ECDSA_SHA_384'),
  ...signature('ECC_NIST_P521', 'ECDSA_SHA_512'),
  ...signature('ECC_SECG_P256K1', 'ECDSA_SHA_256'),
  ...signature('ECC_NIST_EDWARDS25519', 'ED25519_SHA_512'),
  ...signature('RSA_2048', 'RSASSA_PSS_SHA_256'),
  ...signature('RSA_2048', 'RSASSA_PKCS1_V1_5_SHA_256'),
  ...signature('RSA_3072', 'RSASSA_PSS_SHA_256'),
  ...signature('RSA_4096', 'RSASSA_PSS_SHA_256'),
  ...oaep('RSA_2048'),
  { operation: 'deriveSharedSecret', keySpec: 'ECC_NIST_P256', algorithm: 'ECDH', sizeBytes: 32 },
  { operation: 'deriveSharedSecret', keySpec: 'ECC_NIST_P384', algorithm: 'ECDH', sizeBytes: 32 },
];

/** The words a case is found by, as in `npm run bench sign P256`. */
export const caseName = ({ operation, algorithm, keySpec, sizeBytes }: BenchCase): string =>
  [operation, keySpec === algorithm ? undefined : keySpec, algorithm, `${sizeBytes}B`].filter(Boolean).join(' ');
