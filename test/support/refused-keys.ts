/** Keys that an import must not let in: what node:crypto takes without a word, and every known way of planting a weak key. */
import crypto from 'node:crypto';
import { KEY_SPECS, type KeySpec } from 'keymill/engine';
import { modInverse, rsaFromPrimes, rsaNumbers, toBigInt } from './arithmetic.ts';
import { concat, flipBit, fromHex, pattern } from './bytes.ts';
import {
  bigEndian,
  bits,
  ecAlgorithm,
  ecPkcs8,
  ecSpki,
  edwardsPkcs8,
  edwardsSpki,
  integer,
  nothing,
  OID,
  octets,
  oid,
  pkcs8,
  type RsaNumbers,
  rsaPkcs8,
  rsaSpki,
  sequence,
  spki,
} from './der.ts';
import { ASYMMETRIC_SPECS, fixedKey, SYMMETRIC_SPECS, secretBytes } from './keys.ts';
import { CURVE_OIDS } from './published.ts';

export type Format = 'raw' | 'pkcs8' | 'spki';
export interface Refusal {
  readonly what: string;
  readonly keySpec: KeySpec;
  readonly format: Format;
  /** Built inside the test: some take a moment to make. */
  readonly data: () => Uint8Array;
}

// RSA.
export const rsa = (): RsaNumbers => rsaNumbers(fixedKey('RSA_2048').pkcs8);
const prime = (bitLength: number): bigint => crypto.generatePrimeSync(bitLength, { bigint: true });
/** A prime whose p - 1 is prime to the exponent. Its two top bits are set, so that a product of two has full length. */
function rsaPrime(e: bigint, bitLength = 1024): bigint {
  for (;;) {
    const candidate = prime(bitLength);
    if ((candidate - 1n) % e !== 0n) return candidate;
  }
}
const generated = (modulusLength: number): Uint8Array =>
  new Uint8Array(
    crypto.generateKeyPairSync('rsa', { modulusLength }).privateKey.export({ format: 'der', type: 'pkcs8' }),
  );

const rsaPrivate = (what: string, change: (key: RsaNumbers) => RsaNumbers): Refusal => ({
  what,
  keySpec: 'RSA_2048',
  format: 'pkcs8',
  data: () => rsaPkcs8(change(rsa())),
});
const rsaBytes = (what: string, data: () => Uint8Array, format: Format = 'pkcs8'): Refusal => ({
  what,
  keySpec: 'RSA_2048',
  format,
  data,
});

/** A consistent key whose first "prime" is a product. */
function compositePrimeKey(): RsaNumbers {
  const q = rsaPrime(65537n);
  for (;;) {
    const p = rsaPrime(65537n, 512) * rsaPrime(65537n, 512);
    if (p >> 1023n === 1n && (p * q) >> 2047n === 1n && (p - 1n) % 65537n !== 0n) return rsaFromPrimes(p, q);
  }
}
/** Primes so close that Fermat's method finds them: |p - q| below 2^(1024 - 100), FIPS 186-5 appendix A.1.3. */
function closePrimesKey(): RsaNumbers {
  const p = rsaPrime(65537n);
  for (let q = p + 2n; ; q += 2n) {
    if ((q - 1n) % 65537n !== 0n && crypto.checkPrimeSync(q)) return rsaFromPrimes(q, p);
  }
}
/** d of 300 bits (Wiener), e made to fit. */
function smallExponentKey(): RsaNumbers {
  const { p, q, n, qi } = rsa();
  const order = (p - 1n) * (q - 1n);
  for (let d = prime(300); ; d += 2n) {
    try {
      return { n, e: modInverse(d, order), d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi };
    } catch {
      // Not invertible: the next one.
    }
  }
}
function threePrimeKey(): Uint8Array {
  const [p, q, r] = [rsaPrime(65537n, 683), rsaPrime(65537n, 683), rsaPrime(65537n, 682)];
  // Three top halves may multiply to one bit too few, which would be refused for its length.
  if ((p * q * r) >> 2047n === 0n) return threePrimeKey();
  const d = modInverse(65537n, (p - 1n) * (q - 1n) * (r - 1n));
  const key = { n: p * q * r, e: 65537n, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: modInverse(q, p) };
  return rsaPkcs8(key, { others: [[r, d % (r - 1n), modInverse(p * q, r)]] });
}
const withExponent = (e: bigint) => (): Uint8Array => rsaPkcs8(rsaFromPrimes(rsaPrime(e), rsaPrime(e), e));

const RSA_REFUSALS: readonly Refusal[] = [
  rsaPrivate('n is not p*q', (key) => ({ ...key, n: key.n + 2n })),
  rsaPrivate('p is another number', (key) => ({ ...key, p: key.p + 2n })),
  rsaPrivate('d is another number', (key) => ({ ...key, d: key.d + 2n })),
  rsaPrivate('d = 0', (key) => ({ ...key, d: 0n })),
  rsaPrivate('d = 1', (key) => ({ ...key, d: 1n })),
  rsaPrivate('d > n', (key) => ({ ...key, d: key.d + (key.p - 1n) * (key.q - 1n) * 2n })),
  rsaPrivate('dp is another number', (key) => ({ ...key, dp: key.dp + 2n })),
  rsaPrivate('dp = 0', (key) => ({ ...key, dp: 0n })),
  rsaPrivate('dq is another number', (key) => ({ ...key, dq: key.dq + 2n })),
  rsaPrivate('qi is another number', (key) => ({ ...key, qi: key.qi + 1n })),
  rsaPrivate('qi = 0', (key) => ({ ...key, qi: 0n })),
  rsaPrivate('p = 1 and q = n', (key) => ({ ...key, p: 1n, q: key.n })),
  rsaPrivate('p = q', ({ e, p }) => ({ ...rsaFromPrimes(p, p + 2n, e), n: p * p, q: p, qi: 1n })),
  rsaPrivate('e = 0', (key) => ({ ...key, e: 0n })),
  rsaPrivate('e = 1', (key) => ({ ...key, e: 1n, d: 1n, dp: 1n, dq: 1n })),
  rsaPrivate('e even', (key) => ({ ...key, e: 65538n })),
  rsaPrivate('e as large as n', (key) => ({ ...key, e: key.n - 2n })),
  rsaPrivate('e of another key', (key) => ({ ...key, e: 65539n })),
  rsaPrivate('n = 0', (key) => ({ ...key, n: 0n })),
  rsaBytes('e = 3, a sound key otherwise', withExponent(3n)),
  rsaBytes('e = 3, public', () => rsaSpki(rsa().n, 3n), 'spki'),
  rsaBytes('e = 1, public', () => rsaSpki(rsa().n, 1n), 'spki'),
  rsaBytes('e even, public', () => rsaSpki(rsa().n, 65538n), 'spki'),
  rsaBytes('n even, public', () => rsaSpki(rsa().n - 1n, 65537n), 'spki'),
  rsaBytes('p is composite, all else fits', () => rsaPkcs8(compositePrimeKey())),
  rsaBytes('p and q are neighbours', () => rsaPkcs8(closePrimesKey())),
  rsaBytes('d is small', () => rsaPkcs8(smallExponentKey())),
  rsaBytes('three primes', threePrimeKey),
  rsaBytes('512 bits', () => generated(512)),
  rsaBytes('1024 bits', () => generated(1024)),
  rsaBytes('2040 bits', () => generated(2040)),
  rsaBytes('2056 bits', () => generated(2056)),
  rsaBytes('2047 bits, public', () => rsaSpki((rsa().n >> 1n) | 1n, 65537n), 'spki'),
  rsaBytes('a key of RSA_3072', () => fixedKey('RSA_3072').pkcs8),
  rsaBytes('a public key of RSA_3072', () => fixedKey('RSA_3072').spki, 'spki'),
  rsaBytes('the OID of RSA-PSS', () => rsaPkcs8(rsa(), { algorithm: OID.rsaPss })),
  rsaBytes('the OID of RSA-PSS, public', () => rsaSpki(rsa().n, rsa().e, OID.rsaPss), 'spki'),
  rsaBytes(
    'a negative modulus',
    () => {
      const { n, e } = rsa();
      const negative = integer(n).slice();
      // Without its leading zero byte the number reads as negative.
      const body = sequence(concat(Uint8Array.of(0x02, 0x82, 1, 0), negative.subarray(-256)), integer(e));
      return spki(sequence(oid(OID.rsa), nothing), body);
    },
    'spki',
  ),
];

// EC.
interface Curve {
  readonly keySpec: keyof typeof CURVE_OIDS;
  readonly order: bigint;
  readonly field: bigint;
}
export const CURVES: readonly Curve[] = [
  {
    keySpec: 'ECC_NIST_P256',
    order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
    field: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
  },
  {
    keySpec: 'ECC_NIST_P384',
    order: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    field: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
  },
  {
    keySpec: 'ECC_NIST_P521',
    order:
      0x1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
    field: 2n ** 521n - 1n,
  },
  {
    keySpec: 'ECC_SECG_P256K1',
    order: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
    field: 2n ** 256n - 2n ** 32n - 977n,
  },
];

/** The public point inside an SPKI: its last 1 + 2 * width bytes. */
const pointOf = (keySpec: KeySpec, index = 0): Uint8Array =>
  fixedKey(keySpec, index).spki.subarray(-(1 + 2 * KEY_SPECS[keySpec].elementBytes!));

/** Explicit parameters of P-256 (SEC 1 appendix C.2), as CVE-2020-0601 plants them with another generator. */
const explicitP256 = (generator: Uint8Array): Uint8Array =>
  sequence(
    oid(OID.ec),
    sequence(
      integer(1n),
      sequence(oid(OID.primeField), integer(CURVES[0]!.field)),
      sequence(
        octets(bigEndian(CURVES[0]!.field - 3n, 32)),
        octets(fromHex('5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b')),
      ),
      octets(generator),
      integer(CURVES[0]!.order),
      integer(1n),
    ),
  );
const P256_GENERATOR = fromHex(
  '046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5',
);

const EC_REFUSALS: readonly Refusal[] = CURVES.flatMap(({ keySpec, order, field }) => {
  const width = KEY_SPECS[keySpec].elementBytes!;
  const curve = CURVE_OIDS[keySpec];
  const otherCurve = CURVE_OIDS[keySpec === 'ECC_NIST_P256' ? 'ECC_SECG_P256K1' : 'ECC_NIST_P256'];
  const otherSpec = keySpec === 'ECC_NIST_P256' ? 'ECC_SECG_P256K1' : 'ECC_NIST_P256';
  const scalar = fixedKey(keySpec).raw!;
  const point = pointOf(keySpec);
  const [x, y] = [point.subarray(1, 1 + width), point.subarray(1 + width)];
  const refusal = (format: Format, what: string, data: () => Uint8Array): Refusal => ({ what, keySpec, format, data });
  const scalars: [string, bigint][] = [
    ['d = 0', 0n],
    ['d = n', order],
    ['d = n + 1', order + 1n],
    ['d of all ones', 2n ** BigInt(8 * width) - 1n],
  ];
  const points: [string, () => Uint8Array][] = [
    ['off the curve', () => flipBit(point, point.length * 8 - 8)],
    ['(0, 0)', () => concat(Uint8Array.of(4), new Uint8Array(2 * width))],
    ['infinity', () => Uint8Array.of(0)],
    ['no bytes', () => new Uint8Array(0)],
    ['x not reduced', () => concat(Uint8Array.of(4), bigEndian(toBigInt(x) + field, width), y)],
    ['compressed form', () => concat(Uint8Array.of(2 | (y.at(-1)! & 1)), x)],
    ['hybrid form', () => concat(Uint8Array.of(6 | (y.at(-1)! & 1)), x, y)],
    ['an unknown form', () => concat(Uint8Array.of(5), x, y)],
    ['a byte short', () => point.subarray(0, -1)],
    ['a byte long', () => concat(point, Uint8Array.of(0))],
    ['a point of another curve', () => pointOf(otherSpec)],
  ];
  return [
    ...scalars.flatMap(([what, d]) => {
      // A number that does not fit the width cannot be written at that width.
      if (bigEndian(d).length > width) return [];
      return [
        refusal('raw', what, () => bigEndian(d, width)),
        refusal('pkcs8', `${what}, without a public key`, () => ecPkcs8(curve, bigEndian(d, width))),
        refusal('pkcs8', `${what}, with a public key`, () => ecPkcs8(curve, bigEndian(d, width), point)),
      ];
    }),
    refusal('raw', 'a scalar one byte short', () => scalar.subarray(1)),
    refusal('raw', 'a scalar one byte long', () => concat(Uint8Array.of(0), scalar)),
    refusal('raw', 'no bytes', () => new Uint8Array(0)),
    refusal('pkcs8', 'the public key of another private key', () => ecPkcs8(curve, scalar, pointOf(keySpec, 1))),
    refusal('pkcs8', 'the public key negated', () =>
      ecPkcs8(curve, scalar, concat(Uint8Array.of(4), x, bigEndian(field - toBigInt(y), width))),
    ),
    refusal('pkcs8', 'a public key off the curve', () => ecPkcs8(curve, scalar, flipBit(point, 9))),
    refusal('pkcs8', 'the OID of another curve', () => ecPkcs8(otherCurve, scalar.slice(-32))),
    refusal('pkcs8', 'no curve', () => ecPkcs8(curve, scalar, point, sequence(oid(OID.ec)))),
    refusal('pkcs8', 'a NULL for a curve', () => ecPkcs8(curve, scalar, point, sequence(oid(OID.ec), nothing))),
    refusal('pkcs8', 'a public key where a private one belongs', () => fixedKey(keySpec).spki),
    refusal('spki', 'a private key where a public one belongs', () => fixedKey(keySpec).pkcs8),
    refusal('spki', 'the OID of another curve', () => ecSpki(otherCurve, pointOf(otherSpec))),
    ...points.flatMap(([what, data]) =>
      what === 'x not reduced' && bigEndian(toBigInt(x) + field).length > width
        ? []
        : [refusal('spki', `a public key: ${what}`, () => ecSpki(curve, data()))],
    ),
  ];
});
const EXPLICIT_REFUSALS: readonly Refusal[] = [
  ['its own generator', P256_GENERATOR],
  ['the public key for a generator', pointOf('ECC_NIST_P256')],
].flatMap(([what, generator]): Refusal[] => {
  const parameters = explicitP256(generator as Uint8Array);
  const { raw } = fixedKey('ECC_NIST_P256');
  const keySpec = 'ECC_NIST_P256';
  const point = pointOf(keySpec);
  return [
    { what: `explicit parameters with ${what}`, keySpec, format: 'spki', data: () => ecSpki('', point, parameters) },
    {
      what: `explicit parameters with ${what}`,
      keySpec,
      format: 'pkcs8',
      data: () => ecPkcs8('', raw!, point, parameters),
    },
  ];
});

// Edwards.
const edwards = (what: string, format: Format, data: () => Uint8Array): Refusal => ({
  what,
  keySpec: 'ECC_NIST_EDWARDS25519',
  format,
  data,
});
export const seed = (): Uint8Array => fixedKey('ECC_NIST_EDWARDS25519').raw!;
export const edwardsPoint = (index = 0): Uint8Array => fixedKey('ECC_NIST_EDWARDS25519', index).spki.subarray(-32);
/** Encodings that no sound public key has: points of order 1, 2, 4 and 8, and y not reduced. */
const SMALL_ORDER_POINTS = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
];
const EDWARDS_REFUSALS: readonly Refusal[] = [
  edwards('a seed one byte short', 'raw', () => seed().subarray(1)),
  edwards('a seed one byte long', 'raw', () => concat(seed(), pattern(1))),
  edwards('the public key of another private key', 'pkcs8', () => edwardsPkcs8(seed(), edwardsPoint(1))),
  edwards('the OID of Ed448', 'pkcs8', () => edwardsPkcs8(seed(), undefined, OID.ed448)),
  edwards('the OID of X25519', 'pkcs8', () => edwardsPkcs8(seed(), undefined, OID.x25519)),
  edwards('a seed of 31 bytes', 'pkcs8', () => edwardsPkcs8(seed().subarray(1))),
  edwards('parameters, which RFC 8410 forbids', 'pkcs8', () =>
    pkcs8(sequence(oid(OID.ed25519), nothing), octets(seed())),
  ),
  edwards('the OID of X25519, public', 'spki', () => edwardsSpki(edwardsPoint(), OID.x25519)),
  edwards('31 bytes', 'spki', () => edwardsSpki(edwardsPoint().subarray(1))),
  edwards('33 bytes', 'spki', () => edwardsSpki(concat(edwardsPoint(), pattern(1)))),
  edwards('no point: y without an x', 'spki', () => edwardsSpki(fromHex(`02${'00'.repeat(31)}`))),
  ...SMALL_ORDER_POINTS.map((point) =>
    edwards(`small order ${point.slice(0, 8)}`, 'spki', () => edwardsSpki(fromHex(point))),
  ),
];

// Symmetric and HMAC: lengths.
const LENGTH_REFUSALS: readonly Refusal[] = SYMMETRIC_SPECS.flatMap((keySpec) => {
  const [shortest, longest] = KEY_SPECS[keySpec].rawBytes!;
  const lengths = new Set(
    [0, 1, 16, 24, shortest - 1, longest + 1, 1000].filter((length) => length < shortest || length > longest),
  );
  return [...lengths].map(
    (length): Refusal => ({
      what: `${length} bytes`,
      keySpec,
      format: 'raw',
      data: () => secretBytes(length),
    }),
  );
});

/** Ways to spoil the DER of any sound key. */
const DER_REFUSALS: readonly Refusal[] = ASYMMETRIC_SPECS.flatMap((keySpec) =>
  (['pkcs8', 'spki'] as const).flatMap((format): Refusal[] => {
    const sound = fixedKey(keySpec)[format];
    const refusal = (what: string, data: () => Uint8Array): Refusal => ({ what, keySpec, format, data });
    return [
      refusal('trailing bytes', () => concat(sound, Uint8Array.of(0))),
      refusal('a trailing NULL', () => concat(sound, nothing)),
      refusal('the last byte missing', () => sound.subarray(0, -1)),
      refusal('the first byte missing', () => sound.subarray(1)),
      refusal('no bytes', () => new Uint8Array(0)),
      refusal('an empty sequence', () => sequence()),
      refusal('PEM', () =>
        new TextEncoder().encode(`-----BEGIN KEY-----\n${Buffer.from(sound).toString('base64')}\n-----END KEY-----\n`),
      ),
      refusal('indefinite length (BER)', () => {
        const headerBytes = sound[1]! < 0x80 ? 2 : 2 + (sound[1]! & 0x7f);
        return concat(Uint8Array.of(0x30, 0x80), sound.subarray(headerBytes), Uint8Array.of(0, 0));
      }),
      refusal('a length in more bytes than needed (BER)', () => {
        const headerBytes = sound[1]! < 0x80 ? 2 : 2 + (sound[1]! & 0x7f);
        const content = sound.subarray(headerBytes);
        return concat(Uint8Array.of(0x30, 0x84, 0, 0, content.length >> 8, content.length & 0xff), content);
      }),
      refusal('random bytes', () => new Uint8Array(crypto.randomBytes(100))),
    ];
  }),
);
const BIT_STRING_REFUSALS: readonly Refusal[] = CURVES.map(({ keySpec }) => ({
  what: 'unused bits in the bit string of the public key',
  keySpec,
  format: 'spki' as const,
  data: () => {
    const string = bits(pointOf(keySpec)).slice();
    string[string.length - pointOf(keySpec).length - 1] = 1;
    return sequence(ecAlgorithm(CURVE_OIDS[keySpec]), string);
  },
}));

/** Every spec refuses a sound key of every other spec. */
const FOREIGN_REFUSALS: readonly Refusal[] = ASYMMETRIC_SPECS.flatMap((keySpec) =>
  ASYMMETRIC_SPECS.filter((other) => other !== keySpec).flatMap((other) =>
    (['pkcs8', 'spki'] as const).map(
      (format): Refusal => ({ what: `a ${other} key`, keySpec, format, data: () => fixedKey(other)[format] }),
    ),
  ),
);
/** Formats that a family does not have. */
const FORMAT_REFUSALS: readonly Refusal[] = [
  { what: 'RSA has no raw form', keySpec: 'RSA_2048', format: 'raw', data: () => bigEndian(rsa().n) },
  ...SYMMETRIC_SPECS.flatMap((keySpec) =>
    (['pkcs8', 'spki'] as const).map(
      (format): Refusal => ({ what: 'no such form of a secret key', keySpec, format, data: () => secretBytes(32) }),
    ),
  ),
];

export const REFUSALS = [
  ...RSA_REFUSALS,
  ...EC_REFUSALS,
  ...EXPLICIT_REFUSALS,
  ...EDWARDS_REFUSALS,
  ...LENGTH_REFUSALS,
  ...DER_REFUSALS,
  ...BIT_STRING_REFUSALS,
  ...FOREIGN_REFUSALS,
  ...FORMAT_REFUSALS,
];
