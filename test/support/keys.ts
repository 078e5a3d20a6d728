/** The fixed keys of test/vectors/keys.json, ready for use, and the same keys in node:crypto. */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import type { Engine, EngineKey, KeySpec } from 'keymill/engine';
import { fromHex, pattern } from './bytes.ts';
import { ownVectors } from './vectors.ts';

export interface FixedKey {
  readonly keySpec: KeySpec;
  readonly pkcs8: Uint8Array;
  readonly spki: Uint8Array;
  /** Scalar or seed; absent for RSA. */
  readonly raw?: Uint8Array;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const FIXED_KEYS: readonly FixedKey[] = ownVectors<{ keySpec: KeySpec; pkcs8: string; spki: string; raw?: string }>(
  'keys',
).map(({ keySpec, pkcs8, spki, raw }) => ({
  keySpec,
  pkcs8: fromHex(pkcs8),
  spki: fromHex(spki),
  ...(raw === undefined ? {} : { raw: fromHex(raw) }),
  privateKey: createPrivateKey({ key: Buffer.from(pkcs8, 'hex'), format: 'der', type: 'pkcs8' }),
  publicKey: createPublicKey({ key: Buffer.from(spki, 'hex'), format: 'der', type: 'spki' }),
}));

/** The `index`th fixed key of an asymmetric spec. */
export function fixedKey(keySpec: KeySpec, index = 0): FixedKey {
  const key = FIXED_KEYS.filter((each) => each.keySpec === keySpec)[index];
  if (key === undefined) throw new Error(`no fixed ${keySpec} key ${index}`);
  return key;
}

export const ASYMMETRIC_SPECS = [...new Set(FIXED_KEYS.map(({ keySpec }) => keySpec))];
export const SYMMETRIC_SPECS: readonly KeySpec[] = [
  'SYMMETRIC_DEFAULT',
  'HMAC_224',
  'HMAC_256',
  'HMAC_384',
  'HMAC_512',
];

/** Raw material of the symmetric and HMAC test keys, by length and number. */
export const secretBytes = (bytes: number, index = 0): Uint8Array => pattern(bytes, 17 + 31 * index);
export const SECRET_BYTES: Readonly<Record<string, number>> = {
  SYMMETRIC_DEFAULT: 32,
  HMAC_224: 28,
  HMAC_256: 32,
  HMAC_384: 48,
  HMAC_512: 64,
};

/** A key of the spec in an engine, the same every time: generation of RSA keys is too slow to repeat. */
export function testKey(engine: Engine, keySpec: KeySpec, index = 0): Promise<EngineKey> {
  const bytes = SECRET_BYTES[keySpec];
  return bytes === undefined
    ? engine.importKey({ keySpec, format: 'pkcs8', data: fixedKey(keySpec, index).pkcs8 })
    : engine.importKey({ keySpec, format: 'raw', data: secretBytes(bytes, index) });
}
