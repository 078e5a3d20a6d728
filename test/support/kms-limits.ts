/**
 * The bounds of every member that an operation takes, as AWS's API model states them (client-kms 3.1162.0; enumerations in the order
 * the service prints them). Written down here once more on purpose: the shapes of the service are checked against these.
 */

/** Lengths in characters. `bad` breaks the pattern and nothing else; `fill` is a character that fits it. */
export interface TextLimit {
  readonly chars: readonly [min: number, max: number];
  readonly pattern?: string;
  readonly bad?: readonly string[];
  readonly fill?: string;
}
export interface BlobLimit {
  readonly bytes: readonly [min: number, max: number];
}
export interface NumberLimit {
  readonly value: readonly [min: number, max: number];
}
export interface ListLimit {
  readonly items: readonly [min: number, max: number];
}
export interface EnumLimit {
  readonly values: readonly string[];
}
export type Limit = TextLimit | BlobLimit | NumberLimit | ListLimit | EnumLimit;

const KEY_SPECS = [
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
];
const ENCRYPTION_ALGORITHMS = ['SYMMETRIC_DEFAULT', 'RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256'];

const keyId: TextLimit = { chars: [1, 2048] };
const opaque: BlobLimit = { bytes: [1, 6144] };
const plaintext: BlobLimit = { bytes: [1, 4096] };
const encryptionAlgorithm: EnumLimit = { values: ENCRYPTION_ALGORITHMS };
const additionalData: BlobLimit = { bytes: [0, 8192] };
const materialId: TextLimit = { chars: [64, 64], pattern: '^[a-f0-9]+$', bad: ['A'.repeat(64), 'g'.repeat(64)] };
const listing = (max: number): NumberLimit => ({ value: [1, max] });

/** By path, which is a member's name and, within lists and structures, those of its parts; an operation's own bounds come first. */
export const LIMITS: Readonly<Record<string, Limit>> = {
  KeyId: keyId,
  TargetKeyId: keyId,
  SourceKeyId: keyId,
  DestinationKeyId: keyId,
  AliasName: {
    chars: [1, 256],
    pattern: '^[a-zA-Z0-9:/_-]+$',
    bad: ['alias/a b', 'alias/a.b', 'alias/ä', 'alias/a\n', 'alias/a\\'],
  },
  Description: { chars: [0, 8192] },
  Policy: {
    chars: [1, 131_072],
    pattern: '^[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+$',
    bad: ['{"\u0100":1}', '{\u0000}', '{\u001f}'],
  },
  PolicyName: { chars: [1, 128], pattern: '^[\\w]+$', bad: ['de-fault', 'default '] },
  GrantTokens: { items: [0, 10] },
  'GrantTokens[]': { chars: [1, 8192] },
  'Tags[].TagKey': { chars: [1, 128] },
  'Tags[].TagValue': { chars: [0, 256] },
  'TagKeys[]': { chars: [1, 128] },
  Marker: { chars: [1, 1024] },
  'ListKeys.Limit': listing(1000),
  'ListKeyPolicies.Limit': listing(1000),
  'ListKeyRotations.Limit': listing(1000),
  'ListAliases.Limit': listing(100),
  'ListResourceTags.Limit': listing(50),
  PendingWindowInDays: { value: [1, 365] },
  NumberOfBytes: { value: [1, 1024] },
  Plaintext: plaintext,
  Message: plaintext,
  CiphertextBlob: opaque,
  Signature: opaque,
  Mac: opaque,
  ImportToken: opaque,
  EncryptedKeyMaterial: opaque,
  PublicKey: { bytes: [1, 8192] },
  AdditionalData: additionalData,
  SourceAdditionalData: additionalData,
  DestinationAdditionalData: additionalData,
  KeyMaterialId: { ...materialId, fill: 'a' },
  KeyMaterialDescription: { chars: [0, 256], pattern: '^[a-zA-Z0-9:/_\\s.-]+$', bad: ['a,b', 'ä'] },
  KeyUsage: { values: ['ENCRYPT_DECRYPT', 'SIGN_VERIFY', 'GENERATE_VERIFY_MAC', 'KEY_AGREEMENT'] },
  CustomerMasterKeySpec: { values: KEY_SPECS },
  'CreateKey.KeySpec': { values: KEY_SPECS },
  KeySpec: { values: ['AES_256', 'AES_128'] },
  KeyPairSpec: {
    values: [
      'RSA_2048',
      'RSA_3072',
      'RSA_4096',
      'ECC_NIST_P256',
      'ECC_NIST_P384',
      'ECC_NIST_P521',
      'ECC_SECG_P256K1',
      'ECC_NIST_EDWARDS25519',
    ],
  },
  Origin: { values: ['AWS_KMS', 'EXTERNAL', 'AWS_CLOUDHSM', 'EXTERNAL_KEY_STORE'] },
  EncryptionAlgorithm: encryptionAlgorithm,
  SourceEncryptionAlgorithm: encryptionAlgorithm,
  DestinationEncryptionAlgorithm: encryptionAlgorithm,
  'DryRunModifiers[]': { values: ['IGNORE_CIPHERTEXT'] },
  MessageType: { values: ['RAW', 'DIGEST'] },
  SigningAlgorithm: {
    values: [
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
    ],
  },
  MacAlgorithm: { values: ['HMAC_SHA_384', 'HMAC_SHA_256', 'HMAC_SHA_224', 'HMAC_SHA_512'] },
  KeyAgreementAlgorithm: { values: ['ECDH'] },
  WrappingAlgorithm: {
    values: [
      'RSAES_PKCS1_V1_5',
      'RSAES_OAEP_SHA_1',
      'RSAES_OAEP_SHA_256',
      'RSA_AES_KEY_WRAP_SHA_1',
      'RSA_AES_KEY_WRAP_SHA_256',
    ],
  },
  WrappingKeySpec: { values: ['RSA_2048', 'RSA_3072', 'RSA_4096'] },
  ExpirationModel: { values: ['KEY_MATERIAL_EXPIRES', 'KEY_MATERIAL_DOES_NOT_EXPIRE'] },
  ImportType: { values: ['NEW_KEY_MATERIAL', 'EXISTING_KEY_MATERIAL'] },
  IncludeKeyMaterial: { values: ['ALL_KEY_MATERIAL', 'ROTATIONS_ONLY'] },
};

/** Members without bounds in their shape, and why. */
export const UNBOUNDED: Readonly<Record<string, string>> = {
  Tags: 'the number of tags is a TagException, not a violation',
  TagKeys: 'as many as a key can have are no error, and more are none either',
  RotationPeriodInDays: 'the range is an option of the service',
  EncryptionContext: 'the characters of all pairs are counted together',
  SourceEncryptionContext: 'as EncryptionContext',
  DestinationEncryptionContext: 'as EncryptionContext',
  DryRunModifiers: 'AWS has no bound either',
  ValidTo: 'a time, whose range depends on the clock',
};

/** Members that are refused whatever they hold. */
export const REFUSED: ReadonlySet<string> = new Set(['CustomKeyStoreId', 'XksKeyId', 'MultiRegion', 'Recipient']);
