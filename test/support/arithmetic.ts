/** Whole numbers for making keys, sound ones and broken ones. Variable time: test keys only. */
import { createPrivateKey } from 'node:crypto';
import type { RsaNumbers } from './der.ts';

export const toBigInt = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex') || '0'}`);

export function modInverse(value: bigint, modulus: bigint): bigint {
  let [previous, current, previousFactor, factor] = [modulus, ((value % modulus) + modulus) % modulus, 0n, 1n];
  while (current !== 0n) {
    const quotient = previous / current;
    [previous, current] = [current, previous - quotient * current];
    [previousFactor, factor] = [factor, previousFactor - quotient * factor];
  }
  if (previous !== 1n) throw new Error('not invertible');
  return ((previousFactor % modulus) + modulus) % modulus;
}

/** The inverse of each value, by one inversion (Montgomery 1987, section 10.3.1). */
export function modInverseAll(values: readonly bigint[], modulus: bigint): bigint[] {
  const products: bigint[] = [];
  let product = 1n;
  for (const value of values) {
    products.push(product);
    product = (product * value) % modulus;
  }
  let inverse = modInverse(product, modulus);
  const inverses: bigint[] = [];
  for (let i = values.length - 1; i >= 0; i--) {
    inverses[i] = (inverse * products[i]!) % modulus;
    inverse = (inverse * values[i]!) % modulus;
  }
  return inverses;
}

/** The numbers of an RSA key that node:crypto reads. */
export function rsaNumbers(pkcs8: Uint8Array): RsaNumbers {
  const jwk = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' }).export({ format: 'jwk' });
  const number = (name: 'n' | 'e' | 'd' | 'p' | 'q' | 'dp' | 'dq' | 'qi'): bigint =>
    toBigInt(Buffer.from(jwk[name]!, 'base64url'));
  return {
    n: number('n'),
    e: number('e'),
    d: number('d'),
    p: number('p'),
    q: number('q'),
    dp: number('dp'),
    dq: number('dq'),
    qi: number('qi'),
  };
}

/** An RSA key from its primes (or from numbers that are not), consistent in all its other parts. */
export function rsaFromPrimes(p: bigint, q: bigint, e = 65537n): RsaNumbers {
  const d = modInverse(e, (p - 1n) * (q - 1n));
  return { n: p * q, e, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: modInverse(q, p) };
}
