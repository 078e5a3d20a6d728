/** The owner's side of an import: wrapping key material as AWS's guide tells to, with node:crypto. */
import {
  constants,
  createCipheriv,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  publicEncrypt,
  randomBytes,
} from 'node:crypto';
import type { Keymill, OperationInput } from 'keymill';

export const WRAPPING_ALGORITHMS = [
  'RSAES_OAEP_SHA_1',
  'RSAES_OAEP_SHA_256',
  'RSA_AES_KEY_WRAP_SHA_1',
  'RSA_AES_KEY_WRAP_SHA_256',
] as const;
export type Wrapping = (typeof WRAPPING_ALGORITHMS)[number];

export function wrapFor(publicKey: Uint8Array, algorithm: Wrapping, material: Uint8Array): Uint8Array {
  const key = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' });
  const oaep = (bytes: Uint8Array) =>
    publicEncrypt(
      { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: algorithm.endsWith('SHA_1') ? 'sha1' : 'sha256' },
      bytes,
    );
  if (algorithm.startsWith('RSAES')) return oaep(material);
  const aesKey = randomBytes(32);
  const cipher = createCipheriv('id-aes256-wrap-pad', aesKey, Buffer.from('a65959a6', 'hex'));
  return Buffer.concat([oaep(aesKey), cipher.update(material), cipher.final()]);
}

type ImportInput = Omit<OperationInput<'ImportKeyMaterial'>, 'KeyId' | 'ImportToken' | 'EncryptedKeyMaterial'>;

/** GetParametersForImport and ImportKeyMaterial in one; the material never expires unless told otherwise. */
export async function importInto(
  kms: Keymill,
  KeyId: string,
  material: Uint8Array,
  rest: ImportInput = { ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE' },
  WrappingAlgorithm: Wrapping = 'RSA_AES_KEY_WRAP_SHA_256',
) {
  const parameters = await kms.getParametersForImport({ KeyId, WrappingAlgorithm, WrappingKeySpec: 'RSA_2048' });
  return kms.importKeyMaterial({
    KeyId,
    ImportToken: parameters.ImportToken,
    EncryptedKeyMaterial: wrapFor(parameters.PublicKey, WrappingAlgorithm, material),
    ...rest,
  });
}

const EC_CURVES: Readonly<Record<string, string>> = {
  ECC_NIST_P256: 'prime256v1',
  ECC_NIST_P384: 'secp384r1',
  ECC_NIST_P521: 'secp521r1',
  ECC_SECG_P256K1: 'secp256k1',
};
const HMAC_BYTES: Readonly<Record<string, number>> = { HMAC_224: 28, HMAC_256: 32, HMAC_384: 48, HMAC_512: 64 };

/** Material of a spec as its owner would have it: raw bytes, or PKCS#8. */
export function materialFor(keySpec: string): Uint8Array {
  const pkcs8 = (key: KeyObject): Uint8Array => key.export({ format: 'der', type: 'pkcs8' });
  const namedCurve = EC_CURVES[keySpec];
  if (namedCurve !== undefined) return pkcs8(generateKeyPairSync('ec', { namedCurve }).privateKey);
  if (keySpec === 'ECC_NIST_EDWARDS25519') return pkcs8(generateKeyPairSync('ed25519').privateKey);
  if (keySpec.startsWith('RSA_')) {
    return pkcs8(generateKeyPairSync('rsa', { modulusLength: Number(keySpec.slice(4)) }).privateKey);
  }
  return randomBytes(HMAC_BYTES[keySpec] ?? 32);
}
