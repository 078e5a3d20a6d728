/** The matrix as data: which operations are timed, with which keys and sizes. A primitive is a row here. */
import { ALGORITHMS, type Algorithm, type DigestAlgorithm, KEY_SPECS, type KeySpec } from '../engine/index.ts';

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
  { operation: 'deriveSharedSecret', keySpec: 'ECC_NIST_P521', algorithm: 'ECDH', sizeBytes: 32 },
];

/** What a case is called in tables and files: `sign ECC_NIST_P256 ECDSA_SHA_256 32B`. */
export const caseName = ({ operation, algorithm, keySpec, sizeBytes }: BenchCase): string =>
  [operation, keySpec === algorithm ? undefined : keySpec, algorithm, `${sizeBytes}B`].filter(Boolean).join(' ');

/** One of each kind: also timed call by call for latencies, against the batch size, and against the number of threads. */
const SWEPT: ReadonlySet<string> = new Set([
  'encrypt SYMMETRIC_DEFAULT 32B',
  'sign ECC_NIST_P256 ECDSA_SHA_256 32B',
  'verify ECC_NIST_P256 ECDSA_SHA_256 32B',
  'sign ECC_NIST_EDWARDS25519 ED25519_SHA_512 32B',
  'sign RSA_2048 RSASSA_PSS_SHA_256 32B',
]);
/** What `quick` runs where no word asks for more. */
const QUICK: ReadonlySet<string> = new Set([
  ...SWEPT,
  'decrypt SYMMETRIC_DEFAULT 32B',
  'encrypt SYMMETRIC_DEFAULT 4096B',
  'mac HMAC_256 HMAC_SHA_256 32B',
  'digest SHA_256 32B',
  'sign ECC_NIST_P384 ECDSA_SHA_384 32B',
  'sign ECC_SECG_P256K1 ECDSA_SHA_256 32B',
  'verify ECC_SECG_P256K1 ECDSA_SHA_256 32B',
  'verify RSA_2048 RSASSA_PSS_SHA_256 32B',
  'deriveSharedSecret ECC_NIST_P256 ECDH 32B',
]);

/** What a case is found by that is not in its name. */
const ALIASES: Readonly<Record<string, string>> = {
  SYMMETRIC_DEFAULT: 'AES_256_GCM',
  ECC_SECG_P256K1: 'secp256k1',
};

/** The parts of a case's name, between spaces. */
function partsOf(benchCase: BenchCase): string {
  const names = caseName(benchCase).split(' ');
  const all = [...names, ...names.flatMap((name) => ALIASES[name] ?? [])];
  return ` ${all.join(' ').replaceAll('_', ' ').toLowerCase()} `;
}

/** Whether every word is a part of the name, or parts in a row (`RSA_2048`), in whole: P256 is not in P256K1. */
export const hasWords = (benchCase: BenchCase, words: readonly string[]): boolean =>
  words.every((word) => partsOf(benchCase).includes(` ${word.replaceAll('_', ' ').toLowerCase()} `));

/** All that a word may be. */
export const knownWords = (): readonly string[] => [
  ...new Set(CASES.flatMap((benchCase) => partsOf(benchCase).trim().split(' '))),
];

/** The cases that have every word; where there is none and `quick`, one of each kind. */
export const selectCases = (words: readonly string[], quick: boolean): readonly BenchCase[] =>
  CASES.filter((each) => (quick && words.length === 0 ? QUICK.has(caseName(each)) : hasWords(each, words)));

/** Those of a selection that are swept: one at least. */
export function sweptOf(cases: readonly BenchCase[]): readonly BenchCase[] {
  const swept = cases.filter((each) => SWEPT.has(caseName(each)));
  return swept.length > 0 ? swept : cases.slice(0, 1);
}

/** Whether it is worker threads that compute it. */
export const isThreaded = ({ keySpec }: BenchCase): boolean =>
  keySpec !== undefined && KEY_SPECS[keySpec].cost.secret.costClass !== 'inline';

/** The hash in an algorithm, as node:crypto and its peers write it: sha256. */
export const hashName = (algorithm: BenchCase['algorithm']): string =>
  (ALGORITHMS[algorithm as Algorithm]?.hash ?? algorithm).replace('_', '').toLowerCase();
