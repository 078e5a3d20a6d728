import { type Algorithm, KEY_SPECS } from '../../engine/index.ts';
import { KmsError } from '../errors.ts';
import type { LiveKey } from '../livekey.ts';

/** @throws KmsError InvalidKeyUsageException where keys of this spec do not know the algorithm */
export function requireAlgorithm({ keySpec }: LiveKey, algorithm: Algorithm): void {
  if (!KEY_SPECS[keySpec].algorithms.includes(algorithm)) {
    throw new KmsError('InvalidKeyUsageException', `Algorithm ${algorithm} is incompatible with key spec ${keySpec}.`);
  }
}
