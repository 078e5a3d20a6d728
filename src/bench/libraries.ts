/**
 * What else a JavaScript program could use: a row per library, each called as its documentation says. Keys are parsed outside the
 * timed region, as for every contender. Types are of what is called here: some packages have none, and none need be installed.
 */
import crypto from 'node:crypto';
import { type BenchOperation, hashName } from './cases.ts';
import type { Fixture, SignatureEncoding } from './node.ts';

/** Imports a module of the library or one of those beside it: its default export where it has one. */
// biome-ignore lint/suspicious/noExplicitAny: they are not installed with keymill, and some have no types; answers are checked instead
export type Load = (specifier: string) => Promise<any>;
export type Operations = Partial<Readonly<Record<BenchOperation, () => unknown>>>;

export interface Library {
  /** The package. */
  readonly name: string;
  /** What it has, by what key specs begin with; of symmetric keys and digests, algorithms. */
  readonly serves: readonly string[];
  /** How it writes and reads ECDSA signatures; default `der`. */
  readonly encoding?: SignatureEncoding;
  /** Its operations on the material of a case that it serves. */
  readonly open: (fixture: Fixture, load: Load) => Promise<Operations>;
}

type Bytes = Uint8Array;

const sha256 = (message: Bytes): Buffer => crypto.createHash('sha256').update(message).digest();
const rawSecret = (secret: crypto.KeyObject | undefined): Bytes => new Uint8Array(secret!.export());
const jwk = (key: crypto.KeyObject): Record<string, string> => key.export({ format: 'jwk' }) as Record<string, string>;
const fromBase64Url = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64url'));

/** Secret key and point of a pair: the scalar at full width and the uncompressed point, or Ed25519's seed and encoded point. */
function rawPair(fixture: Fixture): { secretKey: Uint8Array; point: Uint8Array } {
  return { secretKey: fromBase64Url(jwk(fixture.secret!).d!), point: rawPoint(fixture.public!) };
}

function rawPoint(key: crypto.KeyObject): Uint8Array {
  const { x, y } = jwk(key);
  if (y === undefined) return fromBase64Url(x!);
  return new Uint8Array([4, ...fromBase64Url(x!), ...fromBase64Url(y)]);
}

const NOBLE_CURVES: Readonly<Record<string, readonly [module: string, curve: string]>> = {
  ECC_NIST_P256: ['@noble/curves/nist.js', 'p256'],
  ECC_NIST_P384: ['@noble/curves/nist.js', 'p384'],
  ECC_NIST_P521: ['@noble/curves/nist.js', 'p521'],
  ECC_SECG_P256K1: ['@noble/curves/secp256k1.js', 'secp256k1'],
  ECC_NIST_EDWARDS25519: ['@noble/curves/ed25519.js', 'ed25519'],
};

const nobleCurves: Library = {
  name: '@noble/curves',
  serves: ['ECC_'],
  encoding: 'p1363',
  async open(fixture, load) {
    const { message, answer, peer } = fixture;
    const [module, name] = NOBLE_CURVES[fixture.case.keySpec!]!;
    const curve = (await load(module))[name]!;
    const { secretKey, point } = rawPair(fixture);
    const options = name === 'ed25519' ? undefined : { lowS: false };
    const theirs = peer && rawPoint(peer);
    return {
      sign: () => curve.sign(message, secretKey, options),
      verify: () => curve.verify(answer.p1363, message, point, options),
      // A compressed point: all but its first byte is x.
      deriveSharedSecret: () => curve.getSharedSecret(secretKey, theirs!).subarray(1),
    };
  },
};

const nobleCiphers: Library = {
  name: '@noble/ciphers',
  serves: ['SYMMETRIC_DEFAULT'],
  async open({ message, answer, secret }, load) {
    const { gcm } = await load('@noble/ciphers/aes.js');
    const key = rawSecret(secret);
    return {
      encrypt: () => {
        const iv = crypto.getRandomValues(new Uint8Array(12));
        return Buffer.concat([iv, gcm(key, iv).encrypt(message)]);
      },
      decrypt: () => gcm(key, answer.der.subarray(0, 12)).decrypt(answer.der.subarray(12)),
    };
  },
};

const nobleHashes: Library = {
  name: '@noble/hashes',
  serves: ['SHA_', 'HMAC_'],
  async open({ case: { algorithm }, message, secret }, load) {
    const hash = (await load('@noble/hashes/sha2.js'))[hashName(algorithm)]!;
    if (secret === undefined) return { digest: () => hash(message) };
    const { hmac } = await load('@noble/hashes/hmac.js');
    const key = rawSecret(secret);
    return { mac: () => hmac(hash, key, message) };
  },
};

const secp256k1: Library = {
  name: 'secp256k1',
  serves: ['ECC_SECG_P256K1'],
  encoding: 'p1363',
  async open(fixture, load) {
    const { ecdsaSign, ecdsaVerify } = await load('secp256k1');
    const { secretKey, point } = rawPair(fixture);
    return {
      sign: () => ecdsaSign(sha256(fixture.message), secretKey).signature,
      verify: () => ecdsaVerify(fixture.answer.p1363, sha256(fixture.message), point),
    };
  },
};

const tinySecp256k1: Library = {
  name: 'tiny-secp256k1',
  serves: ['ECC_SECG_P256K1'],
  encoding: 'p1363',
  async open(fixture, load) {
    const { sign, verify } = await load('tiny-secp256k1');
    const { secretKey, point } = rawPair(fixture);
    return {
      sign: () => sign(sha256(fixture.message), secretKey),
      verify: () => verify(sha256(fixture.message), point, fixture.answer.p1363),
    };
  },
};

const BCRYPTO_CURVES: Readonly<Record<string, string>> = {
  ECC_NIST_P256: 'p256',
  ECC_NIST_P384: 'p384',
  ECC_NIST_P521: 'p521',
  ECC_SECG_P256K1: 'secp256k1',
  ECC_NIST_EDWARDS25519: 'ed25519',
};

/** It takes nothing but Buffers. */
const bcrypto: Library = {
  name: 'bcrypto',
  serves: ['SYMMETRIC_DEFAULT', 'HMAC_', 'SHA_', 'ECC_', 'RSA_'],
  encoding: 'p1363',
  async open(fixture, load) {
    const { algorithm, keySpec } = fixture.case;
    const [message, answer] = [Buffer.from(fixture.message), Buffer.from(fixture.answer.p1363)];
    if (algorithm === 'SYMMETRIC_DEFAULT') {
      const { Cipher, Decipher } = await load('bcrypto/lib/cipher');
      const key = fixture.secret!.export();
      return {
        encrypt: () => {
          const iv = crypto.randomBytes(12);
          const cipher = new Cipher('AES-256-GCM').init(key, iv);
          return Buffer.concat([iv, cipher.update(message), cipher.final(), cipher.getAuthTag()]);
        },
        decrypt: () => {
          const decipher = new Decipher('AES-256-GCM')
            .init(key, answer.subarray(0, 12))
            .setAuthTag(answer.subarray(-16));
          return Buffer.concat([decipher.update(answer.subarray(12, -16)), decipher.final()]);
        },
      };
    }
    const isDigestSigned = algorithm !== 'ED25519_SHA_512';
    const hash = await load(`bcrypto/lib/${algorithm === 'ECDH' ? 'sha256' : hashName(algorithm)}`);
    if (keySpec === undefined) return { digest: () => hash.digest(message) };
    const signed = () => (isDigestSigned ? hash.digest(message) : message);
    if (keySpec.startsWith('ECC_')) {
      const curve = await load(`bcrypto/lib/${BCRYPTO_CURVES[keySpec]}`);
      const { secretKey, point } = rawPair(fixture);
      const [ours, theirs] = [Buffer.from(secretKey), Buffer.from(point)];
      const peer = fixture.peer && Buffer.from(rawPoint(fixture.peer));
      return {
        sign: () => curve.sign(signed(), ours),
        verify: () => curve.verify(signed(), answer, theirs),
        deriveSharedSecret: () => curve.derive(peer!, ours).subarray(1),
      };
    }
    if (keySpec.startsWith('HMAC_')) {
      const key = fixture.secret!.export();
      return { mac: () => hash.mac(message, key) };
    }
    const rsa = await load('bcrypto/lib/rsa');
    const numbers = Object.entries(jwk(fixture.secret!)).map(([name, text]) => [name, Buffer.from(text, 'base64url')]);
    const key = rsa.privateKeyImport(Object.fromEntries(numbers));
    const publicKey = rsa.publicKeyImport(Object.fromEntries(numbers));
    const isPss = algorithm === 'RSASSA_PSS_SHA_256';
    return {
      sign: isPss ? () => rsa.signPSS(hash, signed(), key, 32) : () => rsa.sign(hash, signed(), key),
      verify: isPss
        ? () => rsa.verifyPSS(hash, signed(), answer, publicKey, 32)
        : () => rsa.verify(hash, signed(), answer, publicKey),
      encrypt: () => rsa.encryptOAEP(hash, message, publicKey),
      decrypt: () => rsa.decryptOAEP(hash, answer, key),
    };
  },
};

/** Both bindings of libsodium want Ed25519's seed with the point behind it. */
const sodiumSecret = ({ secretKey, point }: { secretKey: Bytes; point: Bytes }): Buffer =>
  Buffer.concat([secretKey, point]);

const sodiumNative: Library = {
  name: 'sodium-native',
  serves: ['ECC_NIST_EDWARDS25519', 'SHA_256', 'SHA_512'],
  async open(fixture, load) {
    const sodium = await load('sodium-native');
    const { message, answer } = fixture;
    if (fixture.secret === undefined) {
      const [hash, bytes] =
        fixture.case.algorithm === 'SHA_256' ? (['sha256', 32] as const) : (['sha512', 64] as const);
      const digest = sodium[`crypto_hash_${hash}`];
      return {
        digest: () => {
          const output = Buffer.allocUnsafe(bytes);
          digest(output, message);
          return output;
        },
      };
    }
    const pair = rawPair(fixture);
    const secretKey = sodiumSecret(pair);
    return {
      sign: () => {
        const signature = Buffer.allocUnsafe(64);
        sodium.crypto_sign_detached(signature, message, secretKey);
        return signature;
      },
      verify: () => sodium.crypto_sign_verify_detached(answer.der, message, pair.point),
    };
  },
};

const libsodiumWrappers: Library = {
  name: 'libsodium-wrappers',
  serves: ['ECC_NIST_EDWARDS25519'],
  async open(fixture, load) {
    const sodium = await load('libsodium-wrappers');
    await sodium.ready;
    const pair = rawPair(fixture);
    const secretKey = new Uint8Array(sodiumSecret(pair));
    return {
      sign: () => sodium.crypto_sign_detached(fixture.message, secretKey),
      verify: () => sodium.crypto_sign_verify_detached(fixture.answer.der, fixture.message, pair.point),
    };
  },
};

const hashWasm: Library = {
  name: 'hash-wasm',
  serves: ['SHA_', 'HMAC_'],
  async open({ case: { algorithm }, message, secret }, load) {
    const module = await load('hash-wasm');
    const create = module[`create${hashName(algorithm).toUpperCase()}`]!;
    const hasher = secret === undefined ? await create() : await module.createHMAC(create(), rawSecret(secret));
    const once = () => hasher.init().update(message).digest('binary');
    return { digest: once, mac: once };
  },
};

const nodeForge: Library = {
  name: 'node-forge',
  serves: ['RSA_'],
  async open({ case: { algorithm }, message, answer, secret, public: publicKey }, load) {
    const forge = await load('node-forge');
    const ours = forge.pki.privateKeyFromPem(secret!.export({ type: 'pkcs1', format: 'pem' }) as string);
    const theirs = forge.pki.publicKeyFromPem(publicKey!.export({ type: 'spki', format: 'pem' }) as string);
    const hash = () => forge.md.sha256.create();
    const text = (data: Bytes): string => Buffer.from(data).toString('latin1');
    const bytes = (data: string): Bytes => Buffer.from(data, 'latin1');
    const scheme = () =>
      algorithm === 'RSASSA_PSS_SHA_256'
        ? forge.pss.create({ md: hash(), mgf: forge.mgf.mgf1.create(hash()), saltLength: 32 })
        : undefined;
    const oaep = () => ({ md: hash(), mgf1: { md: hash() } });
    const digest = () => hash().update(text(message));
    return {
      sign: () => bytes(ours.sign(digest(), scheme())),
      verify: () => theirs.verify(digest().digest().bytes(), text(answer.der), scheme()),
      encrypt: () => bytes(theirs.encrypt(text(message), 'RSA-OAEP', oaep())),
      decrypt: () => bytes(ours.decrypt(text(answer.der), 'RSA-OAEP', oaep())),
    };
  },
};

const microRsa: Library = {
  name: 'micro-rsa-dsa-dh',
  serves: ['RSA_'],
  async open({ case: { algorithm }, message, answer, secret }, load) {
    const rsa = await load('micro-rsa-dsa-dh/rsa.js');
    const { sha256: hash } = await load('@noble/hashes/sha2.js');
    const number = (text: string | undefined): bigint => BigInt(`0x${Buffer.from(text!, 'base64url').toString('hex')}`);
    const { n, e, d } = jwk(secret!);
    const key = { n: number(n), e: number(e), d: number(d) };
    const schemes = {
      RSASSA_PSS_SHA_256: () => rsa.PSS(hash, rsa.mgf1(hash), 32),
      RSASSA_PKCS1_V1_5_SHA_256: () => rsa.PKCS1_SHA256,
      RSAES_OAEP_SHA_256: () => rsa.OAEP(hash, rsa.mgf1(hash)),
    };
    const scheme = schemes[algorithm as keyof typeof schemes]();
    return {
      sign: () => scheme.sign(key, message),
      verify: () => scheme.verify(key, message, answer.der),
      encrypt: () => scheme.encrypt(key, message),
      decrypt: () => scheme.decrypt(key, answer.der),
    };
  },
};

export const LIBRARIES: readonly Library[] = [
  nobleCurves,
  nobleCiphers,
  nobleHashes,
  secp256k1,
  tinySecp256k1,
  bcrypto,
  sodiumNative,
  libsodiumWrappers,
  hashWasm,
  nodeForge,
  microRsa,
];
