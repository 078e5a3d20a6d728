/** A small DER encoder (X.690) for keys and signatures, good and bad. It encodes what it is told to. */
import { concat, fromHex } from './bytes.ts';

export function tlv(tag: number, content: Uint8Array): Uint8Array {
  const { length } = content;
  if (length < 0x80) return concat(Uint8Array.of(tag, length), content);
  const lengthBytes = fromHex(length.toString(16).padStart(length < 0x100 ? 2 : 4, '0'));
  return concat(Uint8Array.of(tag, 0x80 | lengthBytes.length), lengthBytes, content);
}

export const sequence = (...parts: Uint8Array[]): Uint8Array => tlv(0x30, concat(...parts));
export const octets = (content: Uint8Array): Uint8Array => tlv(0x04, content);
/** A bit string of whole bytes. */
export const bits = (content: Uint8Array): Uint8Array => tlv(0x03, concat(Uint8Array.of(0), content));
export const nothing = Uint8Array.of(0x05, 0);
/** Constructed, context-specific. */
export const context = (number: number, ...parts: Uint8Array[]): Uint8Array => tlv(0xa0 | number, concat(...parts));
/** Primitive, context-specific (IMPLICIT). */
export const implicit = (number: number, content: Uint8Array): Uint8Array => tlv(0x80 | number, content);

/** Big-endian, at least one byte. */
export function bigEndian(value: bigint, bytes = 0): Uint8Array {
  const digits = value.toString(16);
  return fromHex(digits.padStart(Math.max(bytes * 2, digits.length + (digits.length & 1)), '0'));
}

/** A non-negative INTEGER. */
export function integer(value: bigint): Uint8Array {
  const magnitude = bigEndian(value);
  return tlv(0x02, magnitude[0]! & 0x80 ? concat(Uint8Array.of(0), magnitude) : magnitude);
}

export function oid(dotted: string): Uint8Array {
  const [first, second, ...rest] = dotted.split('.').map(Number);
  const content = [first! * 40 + second!];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      groups.unshift((left & 0x7f) | 0x80);
    content.push(...groups);
  }
  return tlv(0x06, Uint8Array.from(content));
}

export const OID = {
  rsa: '1.2.840.113549.1.1.1',
  rsaPss: '1.2.840.113549.1.1.10',
  ec: '1.2.840.10045.2.1',
  primeField: '1.2.840.10045.1.1',
  ed25519: '1.3.101.112',
  ed448: '1.3.101.113',
  x25519: '1.3.101.110',
} as const;

export interface RsaNumbers {
  n: bigint;
  e: bigint;
  d: bigint;
  p: bigint;
  q: bigint;
  dp: bigint;
  dq: bigint;
  qi: bigint;
}

const rsaAlgorithm = (algorithm: string): Uint8Array => sequence(oid(algorithm), nothing);
export const pkcs8 = (algorithm: Uint8Array, privateKey: Uint8Array, ...rest: Uint8Array[]): Uint8Array =>
  sequence(integer(0n), algorithm, octets(privateKey), ...rest);
export const spki = (algorithm: Uint8Array, publicKey: Uint8Array): Uint8Array => sequence(algorithm, bits(publicKey));

/** RSAPrivateKey (RFC 8017 appendix A.1.2) in PKCS#8. `others` makes it a multi-prime key. */
export function rsaPkcs8(key: RsaNumbers, options: { algorithm?: string; others?: bigint[][] } = {}): Uint8Array {
  const numbers = [key.n, key.e, key.d, key.p, key.q, key.dp, key.dq, key.qi].map(integer);
  const others = options.others?.map((triple) => sequence(...triple.map(integer)));
  return pkcs8(
    rsaAlgorithm(options.algorithm ?? OID.rsa),
    sequence(integer(others ? 1n : 0n), ...numbers, ...(others ? [sequence(...others)] : [])),
  );
}

export const rsaSpki = (n: bigint, e: bigint, algorithm: string = OID.rsa): Uint8Array =>
  spki(rsaAlgorithm(algorithm), sequence(integer(n), integer(e)));

export const ecAlgorithm = (curve: string): Uint8Array => sequence(oid(OID.ec), oid(curve));

/** ECPrivateKey (RFC 5915) in PKCS#8, with the public point where given. `parameters` replaces the named curve. */
export function ecPkcs8(
  curve: string,
  scalar: Uint8Array,
  point?: Uint8Array,
  parameters: Uint8Array = ecAlgorithm(curve),
): Uint8Array {
  const publicKey = point === undefined ? [] : [context(1, bits(point))];
  return pkcs8(parameters, sequence(integer(1n), octets(scalar), ...publicKey));
}

export const ecSpki = (curve: string, point: Uint8Array, parameters: Uint8Array = ecAlgorithm(curve)): Uint8Array =>
  spki(parameters, point);

/** RFC 8410; a public key makes it version 1 (RFC 5958). */
export function edwardsPkcs8(seed: Uint8Array, publicKey?: Uint8Array, algorithm: string = OID.ed25519): Uint8Array {
  const start = [sequence(oid(algorithm)), octets(octets(seed))];
  return publicKey === undefined
    ? sequence(integer(0n), ...start)
    : sequence(integer(1n), ...start, implicit(1, concat(Uint8Array.of(0), publicKey)));
}

export const edwardsSpki = (publicKey: Uint8Array, algorithm: string = OID.ed25519): Uint8Array =>
  spki(sequence(oid(algorithm)), publicKey);

/** ECDSA-Sig-Value. */
export const ecdsaDer = (r: bigint, s: bigint): Uint8Array => sequence(integer(r), integer(s));
