/** X.509 certificates (RFC 5280) for tests of TLS, made on the spot so that none is kept and none expires. */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { bits, context, integer, octets, oid, sequence, tlv } from './der.ts';

export interface Identity {
  readonly name: string;
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  readonly privateKey: KeyObject;
}

const ECDSA_WITH_SHA_256 = sequence(oid('1.2.840.10045.4.3.2'));
const DAY_MS = 86_400_000;
const text = (content: string): Uint8Array => tlv(0x0c, Buffer.from(content));
const nameOf = (commonName: string): Uint8Array => sequence(tlv(0x31, sequence(oid('2.5.4.3'), text(commonName))));
const time = (date: Date): Uint8Array =>
  tlv(
    0x18,
    Buffer.from(
      `${date
        .toISOString()
        .replace(/[-:T]|\.\d+/g, '')
        .slice(0, 14)}Z`,
    ),
  );
const extension = (id: string, value: Uint8Array): Uint8Array => sequence(oid(id), octets(value));

/** A certificate for 127.0.0.1 that `issuer` signed, or an authority that signed itself. */
export function identity(name: string, issuer?: Identity): Identity {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const extensions =
    issuer === undefined
      ? extension('2.5.29.19', sequence(tlv(0x01, Uint8Array.of(0xff))))
      : extension('2.5.29.17', sequence(tlv(0x87, Uint8Array.of(127, 0, 0, 1))));
  const body = sequence(
    context(0, integer(2n)),
    integer(BigInt(`0x${randomBytes(8).toString('hex')}`)),
    ECDSA_WITH_SHA_256,
    nameOf(issuer?.name ?? name),
    sequence(time(new Date(Date.now() - DAY_MS)), time(new Date(Date.now() + DAY_MS))),
    nameOf(name),
    publicKey.export({ format: 'der', type: 'spki' }),
    context(3, sequence(extensions)),
  );
  const proof = sign('sha256', body, issuer?.privateKey ?? privateKey);
  const certificate = Buffer.from(sequence(body, ECDSA_WITH_SHA_256, bits(proof))).toString('base64');
  return {
    name,
    cert: `-----BEGIN CERTIFICATE-----\n${certificate.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
    privateKey,
  };
}
