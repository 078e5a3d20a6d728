/** The curves of ECDSA as tests need them (SP 800-186, SEC 2). */
import type { KeySpec, SigningAlgorithm } from 'keymill/engine';

export interface EcCurve {
  readonly keySpec: KeySpec;
  readonly algorithm: SigningAlgorithm;
  /** OpenSSL's. */
  readonly name: string;
  readonly order: bigint;
  readonly orderBits: number;
  /** Of a scalar, and of each half of a signature. */
  readonly bytes: number;
  readonly digestBytes: number;
}

const curve = (
  keySpec: KeySpec,
  algorithm: SigningAlgorithm,
  name: string,
  digestBytes: number,
  order: bigint,
): EcCurve => {
  const orderBits = order.toString(2).length;
  return { keySpec, algorithm, name, order, orderBits, bytes: (orderBits + 7) >> 3, digestBytes };
};

export const EC_CURVES: readonly EcCurve[] = [
  curve(
    'ECC_NIST_P256',
    'ECDSA_SHA_256',
    'prime256v1',
    32,
    0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  ),
  curve(
    'ECC_NIST_P384',
    'ECDSA_SHA_384',
    'secp384r1',
    48,
    0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  ),
  curve(
    'ECC_NIST_P521',
    'ECDSA_SHA_512',
    'secp521r1',
    64,
    0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
  ),
  curve(
    'ECC_SECG_P256K1',
    'ECDSA_SHA_256',
    'secp256k1',
    32,
    0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
  ),
];
