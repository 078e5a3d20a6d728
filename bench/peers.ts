/**
 * What else a JavaScript program could use: libraries in JavaScript and WebAssembly, each where it has the operation. A peer that is
 * not installed is left out. Keys are parsed once, outside the timed region, as for every contender.
 */
import crypto from 'node:crypto';
import { type Contender, type Fixture, hashName, isRight } from './contenders.ts';

type Once = () => unknown;

/** One library: which operation it does for a case, or undefined. `check` judges a result where node:crypto would not read its form. */
interface Peer {
  readonly name: string;
  readonly open: (fixture: Fixture) => Promise<{ once: Once; check?: (result: unknown) => boolean } | undefined>;
}

const jwk = (key: crypto.KeyObject): Record<string, string> => key.export({ format: 'jwk' }) as Record<string, string>;
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64url'));
const number = (text: string): bigint => BigInt(`0x${Buffer.from(text, 'base64url').toString('hex')}`);

/** The scalar at full width and the uncompressed point of an EC key pair. */
function ecKey({ secret, public: publicKey }: Fixture): { secretKey: Uint8Array; point: Uint8Array } {
  const { x, y } = jwk(publicKey!);
  return {
    secretKey: bytes(jwk(secret!).d!),
    point: new Uint8Array(Buffer.concat([Uint8Array.of(4), bytes(x!), bytes(y!)])),
  };
}

/** r||s of a DER signature, 32 bytes each: node:crypto's answers for a library that knows no DER. */
function compactOf(der: Uint8Array): Uint8Array {
  const compact = new Uint8Array(64);
  let offset = 2;
  for (const end of [32, 64]) {
    const length = der[offset + 1]!;
    const value = der.subarray(offset + 2, offset + 2 + length);
    const digits = value.subarray(Math.max(0, value.length - 32));
    compact.set(digits, end - digits.length);
    offset += 2 + length;
  }
  return compact;
}

const NOBLE_CURVES: Readonly<Record<string, [module: string, curve: string]>> = {
  ECC_NIST_P256: ['@noble/curves/nist.js', 'p256'],
  ECC_NIST_P384: ['@noble/curves/nist.js', 'p384'],
  ECC_NIST_P521: ['@noble/curves/nist.js', 'p521'],
  ECC_SECG_P256K1: ['@noble/curves/secp256k1.js', 'secp256k1'],
};

interface NobleCurve {
  sign(message: Uint8Array, secretKey: Uint8Array, options?: object): Uint8Array;
  verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array, options?: object): boolean;
}
type NobleHash = (message: Uint8Array) => Uint8Array;

/** A module by a name that TypeScript does not follow: peers may be absent, and some have no types. */
const load = async <Module>(name: string): Promise<Module> => (await import(name)) as Module;

const noble: Peer = {
  name: 'noble',
  async open(fixture) {
    const {
      case: { operation, algorithm, keySpec },
      message,
      answer,
      secret,
    } = fixture;
    const hashes = await load<Record<string, NobleHash>>('@noble/hashes/sha2.js');
    if (operation === 'digest') return { once: () => hashes[hashName(algorithm)]!(message) };
    if (operation === 'mac') {
      const { hmac } = await load<{ hmac: (hash: NobleHash, key: Uint8Array, message: Uint8Array) => Uint8Array }>(
        '@noble/hashes/hmac.js',
      );
      const key = new Uint8Array(secret!.export());
      return { once: () => hmac(hashes[hashName(algorithm)]!, key, message) };
    }
    if (algorithm === 'SYMMETRIC_DEFAULT') {
      interface Cipher {
        encrypt(plaintext: Uint8Array): Uint8Array;
        decrypt(ciphertext: Uint8Array): Uint8Array;
      }
      const { gcm } = await load<{ gcm: (key: Uint8Array, nonce: Uint8Array) => Cipher }>('@noble/ciphers/aes.js');
      const key = new Uint8Array(secret!.export());
      if (operation === 'decrypt') return { once: () => gcm(key, answer.subarray(0, 12)).decrypt(answer.subarray(12)) };
      return {
        once: () => {
          const iv = crypto.getRandomValues(new Uint8Array(12));
          return Buffer.concat([iv, gcm(key, iv).encrypt(message)]);
        },
      };
    }
    if (algorithm === 'ED25519_SHA_512') {
      const { ed25519 } = await load<{ ed25519: NobleCurve }>('@noble/curves/ed25519.js');
      const seed = bytes(jwk(secret!).d!);
      const point = bytes(jwk(fixture.public!).x!);
      return {
        once: operation === 'sign' ? () => ed25519.sign(message, seed) : () => ed25519.verify(answer, message, point),
      };
    }
    const [module, name] = NOBLE_CURVES[keySpec ?? ''] ?? [];
    if (module === undefined || (operation !== 'sign' && operation !== 'verify')) return undefined;
    const curve = (await load<Record<string, NobleCurve>>(module))[name!]!;
    const { secretKey, point } = ecKey(fixture);
    const options = { format: 'der', lowS: false };
    return {
      once:
        operation === 'sign'
          ? () => curve.sign(message, secretKey, options)
          : () => curve.verify(answer, message, point, options),
    };
  },
};

const hashWasm: Peer = {
  name: 'hash-wasm',
  async open({ case: { operation, algorithm }, message, secret }) {
    interface Hasher {
      init(): Hasher;
      update(data: Uint8Array): Hasher;
      digest(form: 'binary'): Uint8Array;
    }
    type Module = Record<string, () => Promise<Hasher>> & {
      createHMAC(hash: Promise<Hasher>, key: Uint8Array): Promise<Hasher>;
    };
    if (operation !== 'digest' && operation !== 'mac') return undefined;
    const module = await load<Module>('hash-wasm');
    const create = module[`create${hashName(algorithm).toUpperCase()}`]!;
    const hasher =
      operation === 'digest' ? await create() : await module.createHMAC(create(), new Uint8Array(secret!.export()));
    return { once: () => hasher.init().update(message).digest('binary') };
  },
};

const tinySecp256k1: Peer = {
  name: 'tiny-secp256k1',
  async open(fixture) {
    const {
      case: { operation, keySpec },
      message,
      answer,
    } = fixture;
    if (keySpec !== 'ECC_SECG_P256K1' || (operation !== 'sign' && operation !== 'verify')) return undefined;
    interface Module {
      sign(hash: Uint8Array, secretKey: Uint8Array): Uint8Array;
      verify(hash: Uint8Array, point: Uint8Array, signature: Uint8Array, strict?: boolean): boolean;
    }
    const module = await load<Module>('tiny-secp256k1');
    const { secretKey, point } = ecKey(fixture);
    const digest = (): Uint8Array => crypto.createHash('sha256').update(message).digest();
    if (operation === 'verify') {
      const signature = compactOf(answer);
      return { once: () => module.verify(digest(), point, signature) };
    }
    const key = { key: fixture.public!, dsaEncoding: 'ieee-p1363' } as const;
    return {
      once: () => module.sign(digest(), secretKey),
      check: (signature) => crypto.verify('sha256', message, key, signature as Uint8Array),
    };
  },
};

const libsodium: Peer = {
  name: 'libsodium',
  async open({ case: { operation, algorithm }, message, answer, secret, public: publicKey }) {
    if (algorithm !== 'ED25519_SHA_512') return undefined;
    interface Sodium {
      ready: Promise<void>;
      crypto_sign_detached(message: Uint8Array, secretKey: Uint8Array): Uint8Array;
      crypto_sign_verify_detached(signature: Uint8Array, message: Uint8Array, point: Uint8Array): boolean;
    }
    const { default: sodium } = await load<{ default: Sodium }>('libsodium-wrappers');
    await sodium.ready;
    const point = bytes(jwk(publicKey!).x!);
    const secretKey = new Uint8Array(Buffer.concat([bytes(jwk(secret!).d!), point]));
    return {
      once:
        operation === 'sign'
          ? () => sodium.crypto_sign_detached(message, secretKey)
          : () => sodium.crypto_sign_verify_detached(answer, message, point),
    };
  },
};

const microRsa: Peer = {
  name: 'micro-rsa-dsa-dh',
  async open({ case: { operation, algorithm, keySpec }, message, answer, secret, public: publicKey }) {
    if (!keySpec?.startsWith('RSA_')) return undefined;
    type Hash = NobleHash;
    interface Key {
      n: bigint;
      e?: bigint;
      d?: bigint;
    }
    interface Scheme {
      sign(key: Key, message: Uint8Array): Uint8Array;
      verify(key: Key, message: Uint8Array, signature: Uint8Array): boolean;
      encrypt(key: Key, plaintext: Uint8Array): Uint8Array;
      decrypt(key: Key, ciphertext: Uint8Array): Uint8Array;
    }
    interface Module {
      mgf1(hash: Hash): unknown;
      PSS(hash: Hash, mgf: unknown, saltBytes: number): Scheme;
      OAEP(hash: Hash, mgf: unknown): Scheme;
      PKCS1_SHA256: Scheme;
    }
    const rsa = await load<Module>('micro-rsa-dsa-dh/rsa.js');
    const { sha256 } = await load<{ sha256: Hash }>('@noble/hashes/sha2.js');
    const { n, e } = jwk(publicKey!);
    const key = { public: { n: number(n!), e: number(e!) }, secret: { n: number(n!), d: number(jwk(secret!).d!) } };
    const schemes: Readonly<Record<string, () => Scheme>> = {
      RSASSA_PSS_SHA_256: () => rsa.PSS(sha256, rsa.mgf1(sha256), 32),
      RSASSA_PKCS1_V1_5_SHA_256: () => rsa.PKCS1_SHA256,
      RSAES_OAEP_SHA_256: () => rsa.OAEP(sha256, rsa.mgf1(sha256)),
    };
    const scheme = schemes[algorithm]?.();
    if (scheme === undefined) return undefined;
    const operations: Readonly<Record<string, Once>> = {
      sign: () => scheme.sign(key.secret, message),
      verify: () => scheme.verify(key.public, message, answer),
      encrypt: () => scheme.encrypt(key.public, message),
      decrypt: () => scheme.decrypt(key.secret, answer),
    };
    return { once: operations[operation]! };
  },
};

const forge: Peer = {
  name: 'node-forge',
  async open({ case: { operation, algorithm, keySpec }, message, answer, secret, public: publicKey }) {
    if (!keySpec?.startsWith('RSA_')) return undefined;
    interface Digest {
      update(text: string): Digest;
    }
    interface Forge {
      pki: {
        privateKeyFromPem(pem: string): {
          sign(digest: Digest, scheme?: unknown): string;
          decrypt(text: string, scheme: string, options: object): string;
        };
        publicKeyFromPem(pem: string): {
          verify(digest: string, signature: string, scheme?: unknown): boolean;
          encrypt(text: string, scheme: string, options: object): string;
        };
      };
      md: { sha256: { create(): Digest & { digest(): { bytes(): string } } } };
      mgf: { mgf1: { create(hash: Digest): unknown } };
      pss: { create(options: object): unknown };
    }
    const { default: lib } = await load<{ default: Forge }>('node-forge');
    const privateKey = lib.pki.privateKeyFromPem(secret!.export({ type: 'pkcs1', format: 'pem' }) as string);
    const verifyKey = lib.pki.publicKeyFromPem(publicKey!.export({ type: 'spki', format: 'pem' }) as string);
    const hash = () => lib.md.sha256.create();
    const binary = (data: Uint8Array): string => Buffer.from(data).toString('latin1');
    const fromBinary = (text: string): Uint8Array => Buffer.from(text, 'latin1');
    const isPss = algorithm === 'RSASSA_PSS_SHA_256';
    const scheme = (): unknown =>
      isPss ? lib.pss.create({ md: hash(), mgf: lib.mgf.mgf1.create(hash()), saltLength: 32 }) : undefined;
    const oaep = () => ({ md: hash(), mgf1: { md: hash() } });
    const digest = () => hash().update(binary(message)) as ReturnType<typeof hash>;
    const operations: Readonly<Record<string, Once>> = {
      sign: () => fromBinary(privateKey.sign(digest(), scheme())),
      verify: () => verifyKey.verify(digest().digest().bytes(), binary(answer), scheme()),
      encrypt: () => fromBinary(verifyKey.encrypt(binary(message), 'RSA-OAEP', oaep())),
      decrypt: () => fromBinary(privateKey.decrypt(binary(answer), 'RSA-OAEP', oaep())),
    };
    return { once: operations[operation]! };
  },
};

const PEERS: readonly Peer[] = [noble, hashWasm, tinySecp256k1, libsodium, microRsa, forge];

/** The peers that are installed and have the operation of a case. */
export async function peerContenders(fixture: Fixture): Promise<Contender[]> {
  const contenders: Contender[] = [];
  for (const { name, open } of PEERS) {
    let peer: Awaited<ReturnType<Peer['open']>>;
    try {
      peer = await open(fixture);
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    }
    if (peer === undefined) continue;
    const { once, check } = peer;
    contenders.push({
      name,
      work: (count) => {
        for (let index = 0; index < count; index++) once();
      },
      check: () => (check ?? ((result) => isRight(fixture, result)))(once()),
    });
  }
  return contenders;
}
