/**
 * What keys and algorithms exist, as data: every room reads these tables, none switches over a name.
 * Names are AWS KMS's. Ids are what crosses to a backend (tools/contract.mjs writes them into the C++ and AssemblyScript
 * sources), so an id is never reused. Sources: AWS KMS developer guide "Key spec reference", FIPS 186-5, SEC 2, RFC 8032.
 */

/** A frozen table without a prototype, so that a name like `__proto__` is simply absent. */
function table<Row extends object, Names extends string>(rows: Record<Names, Row>): Readonly<Record<Names, Row>> {
  return Object.freeze(Object.assign(Object.create(null), rows));
}

/** Hash functions by name; `hashBytes` is the digest length. SHA_1 serves OAEP and legacy digests only. */
export const HASHES = table({
  SHA_1: { id: 80, hashBytes: 20 },
  SHA_224: { id: 81, hashBytes: 28 },
  SHA_256: { id: 82, hashBytes: 32 },
  SHA_384: { id: 83, hashBytes: 48 },
  SHA_512: { id: 84, hashBytes: 64 },
});
/** The name of a hash function. */
export type DigestAlgorithm = keyof typeof HASHES;

/** What an algorithm does, which decides the operations it can be named in. */
export type AlgorithmUse = 'encrypt' | 'sign' | 'mac' | 'agree';

/** What an algorithm is. */
export interface AlgorithmRow {
  readonly id: number;
  readonly use: AlgorithmUse;
  /** The hash of the message (signatures, MACs) or of OAEP; absent where there is none. */
  readonly hash?: DigestAlgorithm;
  /** Nonce length of an AEAD, drawn by the backend where the caller gives none. */
  readonly nonceBytes?: number;
  /** ECDSA signatures come in two encodings, DER and r||s. */
  readonly hasEncodings?: boolean;
  /** Signing takes `EcdsaOptions`. */
  readonly takesEcdsaOptions?: boolean;
  /** False where only the message itself can be signed (pure Ed25519, RFC 8032 section 5.1); true where absent. */
  readonly takesDigest?: boolean;
}

/** Tag length of every AEAD here (SP 800-38D allows shorter ones; keymill does not). */
export const TAG_BYTES = 16;

const aead = (id: number, nonceBytes: number): AlgorithmRow => ({ id, use: 'encrypt', nonceBytes });
const oaep = (id: number, hash: DigestAlgorithm): AlgorithmRow => ({ id, use: 'encrypt', hash });
const signature = (id: number, hash: DigestAlgorithm): AlgorithmRow => ({ id, use: 'sign', hash });
const ecdsa = (id: number, hash: DigestAlgorithm): AlgorithmRow => ({
  ...signature(id, hash),
  hasEncodings: true,
  takesEcdsaOptions: true,
});
const hmac = (id: number, hash: DigestAlgorithm): AlgorithmRow => ({ id, use: 'mac', hash });

/** Every algorithm by AWS's name, and XAES_256_GCM, which AWS has not. */
export const ALGORITHMS = table({
  /** AES-256-GCM, SP 800-38D. */
  SYMMETRIC_DEFAULT: aead(1, 12),
  /** c2sp.org/XAES-256-GCM. */
  XAES_256_GCM: aead(2, 24),
  /** RFC 8017 section 7.1, MGF1 with the same hash, empty label. */
  RSAES_OAEP_SHA_1: oaep(16, 'SHA_1'),
  RSAES_OAEP_SHA_256: oaep(17, 'SHA_256'),
  /** RFC 8017 section 8.1, salt as long as the hash, MGF1 with the same hash. */
  RSASSA_PSS_SHA_256: signature(24, 'SHA_256'),
  RSASSA_PSS_SHA_384: signature(25, 'SHA_384'),
  RSASSA_PSS_SHA_512: signature(26, 'SHA_512'),
  /** RFC 8017 section 8.2. */
  RSASSA_PKCS1_V1_5_SHA_256: signature(32, 'SHA_256'),
  RSASSA_PKCS1_V1_5_SHA_384: signature(33, 'SHA_384'),
  RSASSA_PKCS1_V1_5_SHA_512: signature(34, 'SHA_512'),
  /** FIPS 186-5 section 6. */
  ECDSA_SHA_256: ecdsa(40, 'SHA_256'),
  ECDSA_SHA_384: ecdsa(41, 'SHA_384'),
  ECDSA_SHA_512: ecdsa(42, 'SHA_512'),
  /** RFC 8032 section 5.1: Ed25519 and Ed25519ph with an empty context. */
  ED25519_SHA_512: { ...signature(48, 'SHA_512'), takesDigest: false },
  ED25519_PH_SHA_512: signature(49, 'SHA_512'),
  /** RFC 2104, full-length tags. */
  HMAC_SHA_224: hmac(56, 'SHA_224'),
  HMAC_SHA_256: hmac(57, 'SHA_256'),
  HMAC_SHA_384: hmac(58, 'SHA_384'),
  HMAC_SHA_512: hmac(59, 'SHA_512'),
  /** SP 800-56A section 5.7.1.2, the x coordinate. */
  ECDH: { id: 64, use: 'agree' } satisfies AlgorithmRow as AlgorithmRow,
});
/** The name of an algorithm. */
export type Algorithm = keyof typeof ALGORITHMS;
/** What `encrypt` and `decrypt` take. */
export type EncryptionAlgorithm = Extract<Algorithm, 'SYMMETRIC_DEFAULT' | 'XAES_256_GCM' | `RSAES_${string}`>;
/** What `sign` and `verify` take. */
export type SigningAlgorithm = Extract<Algorithm, `RSASSA_${string}` | `ECDSA_${string}` | `ED25519_${string}`>;
/** What `mac` and `verifyMac` take. */
export type MacAlgorithm = Extract<Algorithm, `HMAC_${string}`>;

/** Who runs an operation: `inline` on the JS thread inside the flush, the others on worker threads, each class its own queue. */
export type CostClass = 'inline' | 'curve' | 'rsa' | 'generation';

/** One operation's cost. `units` are relative (one is about a tenth of a P-256 signature by OpenSSL) and only size batches. */
export interface Cost {
  readonly costClass: CostClass;
  readonly units: number;
  /** A batch may hold this many, whatever they cost. */
  readonly leastRecords?: number;
  /** Inputs and output of one operation, where they are longer than most: a batch's block has room for as many as it may hold. */
  readonly recordBytes?: number;
}

/**
 * Cost of using the private (or secret) key, of using the public key, of signing and verifying where that is something else,
 * and of generating, importing or checking a key.
 */
export interface SpecCost {
  readonly secret: Cost;
  readonly public: Cost;
  readonly sign: Cost;
  readonly verify: Cost;
  readonly generate: Cost;
  readonly import: Cost;
}

/** Kinds of keys that are handled alike. */
export type KeyFamily = 'symmetric' | 'hmac' | 'rsa' | 'ec' | 'edwards';

/** What keys of a spec are: which algorithms they serve, and how long they and what they give are, in bytes. */
export interface KeySpecRow {
  readonly id: number;
  readonly family: KeyFamily;
  readonly algorithms: readonly Algorithm[];
  /** Lengths accepted for `raw` import; Absent where raw import is undefined (RSA). */
  readonly rawBytes?: readonly [min: number, max: number];
  /** Length of generated raw material (symmetric and HMAC). */
  readonly generatedBytes?: number;
  /** RSA: modulus length, which is also the ciphertext and signature length. EC: length of a coordinate and of r and s. */
  readonly elementBytes?: number;
  readonly cost: SpecCost;
}

const inline: Cost = { costClass: 'inline', units: 0 };
const curve = (units: number): Cost => ({ costClass: 'curve', units });
const rsaCost = (units: number): Cost => ({ costClass: 'rsa', units });
const generation = (units: number): Cost => ({ costClass: 'generation', units });
const allInline: SpecCost = {
  secret: inline,
  public: inline,
  sign: inline,
  verify: inline,
  generate: inline,
  import: inline,
};

const RSA_ALGORITHMS: readonly Algorithm[] = [
  'RSAES_OAEP_SHA_1',
  'RSAES_OAEP_SHA_256',
  'RSASSA_PSS_SHA_256',
  'RSASSA_PSS_SHA_384',
  'RSASSA_PSS_SHA_512',
  'RSASSA_PKCS1_V1_5_SHA_256',
  'RSASSA_PKCS1_V1_5_SHA_384',
  'RSASSA_PKCS1_V1_5_SHA_512',
];

/**
 * Units are those of one operation alone. The native backend's vector kernels compute eight together for what two or three cost, so a
 * batch that uses secrets holds at least a whole vector: `leastSecrets`.
 */
const rsa = (
  id: number,
  modulusBits: number,
  secretUnits: number,
  leastSecrets: number,
  publicUnits: number,
  generateUnits: number,
): KeySpecRow => {
  const elementBytes = modulusBits / 8;
  const recordBytes = 3 * elementBytes;
  const secret = { ...rsaCost(secretUnits), leastRecords: leastSecrets, recordBytes };
  return {
    id,
    family: 'rsa',
    algorithms: RSA_ALGORITHMS,
    elementBytes,
    cost: {
      secret,
      public: { ...rsaCost(publicUnits), recordBytes },
      sign: secret,
      verify: { ...rsaCost(publicUnits), leastRecords: 128, recordBytes },
      generate: generation(generateUnits),
      import: generation(generateUnits / 4),
    },
  };
};

/**
 * Units are those of one operation alone. The native backend's vector kernels compute eight together and share an inversion among all of
 * a batch, so that long batches take far less than their units. Secrets that are not used to sign are used for ECDH; that of P-256 counts
 * as quick, so that a lone agreement runs on the JS thread: handing it over would take half as long again.
 */
const ec = (
  id: number,
  elementBytes: number,
  algorithms: readonly Algorithm[],
  secretUnits: number,
  publicUnits: number,
  signUnits: number,
  verifyUnits: number,
  generateUnits: number,
): KeySpecRow => ({
  id,
  family: 'ec',
  algorithms,
  rawBytes: [elementBytes, elementBytes],
  elementBytes,
  cost: {
    secret: { ...curve(secretUnits), leastRecords: 64 },
    public: curve(publicUnits),
    sign: { ...curve(signUnits), leastRecords: 256 },
    verify: { ...curve(verifyUnits), leastRecords: 64 },
    generate: curve(generateUnits),
    import: curve(publicUnits),
  },
});

/** Raw length ranges are those of AWS KMS ImportKeyMaterial: from the hash length up to its block length. */
const hmacSpec = (id: number, algorithm: Algorithm, hashBytes: number, blockBytes: number): KeySpecRow => ({
  id,
  family: 'hmac',
  algorithms: [algorithm],
  rawBytes: [hashBytes, blockBytes],
  generatedBytes: hashBytes,
  cost: allInline,
});

/** Every key spec by AWS's name. */
export const KEY_SPECS = table({
  SYMMETRIC_DEFAULT: {
    id: 1,
    family: 'symmetric',
    algorithms: ['SYMMETRIC_DEFAULT', 'XAES_256_GCM'],
    rawBytes: [32, 32],
    generatedBytes: 32,
    cost: allInline,
  } satisfies KeySpecRow as KeySpecRow,
  RSA_2048: rsa(16, 2048, 150, 16, 8, 30_000),
  RSA_3072: rsa(17, 3072, 830, 8, 17, 120_000),
  RSA_4096: rsa(18, 4096, 1900, 8, 30, 400_000),
  ECC_NIST_P256: ec(32, 32, ['ECDSA_SHA_256', 'ECDH'], 10, 33, 10, 24, 10),
  ECC_NIST_P384: ec(33, 48, ['ECDSA_SHA_384', 'ECDH'], 100, 260, 30, 160, 300),
  ECC_NIST_P521: ec(34, 66, ['ECDSA_SHA_512', 'ECDH'], 185, 570, 35, 215, 700),
  ECC_SECG_P256K1: ec(35, 32, ['ECDSA_SHA_256'], 45, 135, 10, 24, 140),
  ECC_NIST_EDWARDS25519: {
    id: 40,
    family: 'edwards',
    algorithms: ['ED25519_SHA_512', 'ED25519_PH_SHA_512'],
    rawBytes: [32, 32],
    elementBytes: 32,
    cost: {
      secret: curve(8),
      public: curve(24),
      sign: { ...curve(8), leastRecords: 256 },
      verify: { ...curve(24), leastRecords: 128 },
      generate: curve(80),
      import: curve(30),
    },
  } satisfies KeySpecRow as KeySpecRow,
  HMAC_224: hmacSpec(48, 'HMAC_SHA_224', 28, 64),
  HMAC_256: hmacSpec(49, 'HMAC_SHA_256', 32, 64),
  HMAC_384: hmacSpec(50, 'HMAC_SHA_384', 48, 128),
  HMAC_512: hmacSpec(51, 'HMAC_SHA_512', 64, 128),
});
/** The name of a key spec. */
export type KeySpec = keyof typeof KEY_SPECS;
