/** node:crypto: it makes the material of a case, judges what contenders answer, and is the first of them itself. */
import crypto from 'node:crypto';
import type { KeySpec } from '../engine/index.ts';
import { type BenchCase, type BenchOperation, hashName } from './cases.ts';
import { type Entry, synchronous } from './contender.ts';

export type SignatureEncoding = 'der' | 'p1363';

/** The material of one case, the same bytes for every contender. */
export interface Fixture {
  readonly case: BenchCase;
  readonly message: Uint8Array;
  /** What `decrypt` opens or `verify` checks, for contenders of either encoding; empty for other operations. */
  readonly answer: Readonly<Record<SignatureEncoding, Uint8Array>>;
  readonly secret?: crypto.KeyObject;
  readonly public?: crypto.KeyObject;
  /** The other party of a key agreement. */
  readonly peer?: crypto.KeyObject;
}

type Once = () => Uint8Array | boolean;

const pair = (name: string) => () => crypto.generateKeyPairSync('ec', { namedCurve: name });
const rsaPair = (modulusLength: number) => () => crypto.generateKeyPairSync('rsa', { modulusLength });
const PAIRS: Readonly<Record<string, () => crypto.KeyPairKeyObjectResult>> = {
  RSA_2048: rsaPair(2048),
  RSA_3072: rsaPair(3072),
  RSA_4096: rsaPair(4096),
  ECC_NIST_P256: pair('P-256'),
  ECC_NIST_P384: pair('P-384'),
  ECC_NIST_P521: pair('P-521'),
  ECC_SECG_P256K1: pair('secp256k1'),
  ECC_NIST_EDWARDS25519: () => crypto.generateKeyPairSync('ed25519'),
};
const SECRET_BYTES: Readonly<Record<string, number>> = { SYMMETRIC_DEFAULT: 32, HMAC_256: 32, HMAC_512: 64 };

const IV_BYTES = 12;
const TAG_BYTES = 16;
/** c2sp.org/XAES-256-GCM: the first half of its nonce derives a key, the second is the IV under that. */
const DERIVING_BYTES = 12;

/** iv || ciphertext || tag in one buffer, as keymill gives it. */
function seal(key: crypto.CipherKey, plaintext: Uint8Array, nonce: Uint8Array = crypto.randomBytes(IV_BYTES)): Buffer {
  const sealed = Buffer.allocUnsafe(nonce.length + plaintext.length + TAG_BYTES);
  sealed.set(nonce, 0);
  const iv = nonce.subarray(nonce.length - IV_BYTES);
  const cipher = crypto.createCipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES });
  sealed.set(cipher.update(plaintext), nonce.length);
  cipher.final();
  sealed.set(cipher.getAuthTag(), nonce.length + plaintext.length);
  return sealed;
}

function open(key: crypto.CipherKey, sealed: Uint8Array, ivOffset = 0): Buffer {
  const [start, end] = [ivOffset + IV_BYTES, sealed.length - TAG_BYTES];
  const iv = sealed.subarray(ivOffset, start);
  const decipher = crypto.createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(sealed.subarray(end));
  const plaintext = decipher.update(sealed.subarray(start, end));
  decipher.final();
  return plaintext;
}

/** The key that XAES-256-GCM derives for a nonce, by CMAC in counter mode (SP 800-108) of one block each. */
function xaesKeys(key: crypto.KeyObject): (nonce: Uint8Array) => Buffer {
  const ecb = (blocks: Uint8Array): Buffer =>
    crypto.createCipheriv('aes-256-ecb', key, null).setAutoPadding(false).update(blocks);
  const doubled = BigInt(`0x${ecb(new Uint8Array(16)).toString('hex')}`) << 1n;
  const subkey = doubled >> 128n === 0n ? doubled : (doubled ^ 0x87n) & ((1n << 128n) - 1n);
  const mask = Buffer.from(subkey.toString(16).padStart(32, '0'), 'hex');
  return (nonce) => {
    const blocks = Buffer.from([
      0,
      1,
      0x58,
      0,
      ...nonce.subarray(0, DERIVING_BYTES),
      0,
      2,
      0x58,
      0,
      ...nonce.subarray(0, DERIVING_BYTES),
    ]);
    for (let index = 0; index < blocks.length; index++) blocks[index]! ^= mask[index % mask.length]!;
    return ecb(blocks);
  };
}

/** What node:crypto takes beside an RSA key. */
function paddingOf(algorithm: string): object {
  const { RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST, RSA_PKCS1_OAEP_PADDING } = crypto.constants;
  if (algorithm.startsWith('RSASSA_PSS')) return { padding: RSA_PKCS1_PSS_PADDING, saltLength: RSA_PSS_SALTLEN_DIGEST };
  return algorithm.startsWith('RSAES') ? { padding: RSA_PKCS1_OAEP_PADDING } : {};
}

/** What node:crypto does with the material of a case; nothing is prepared inside a call that could be prepared before. */
function operationsOf(fixture: Fixture, encoding: SignatureEncoding): Partial<Readonly<Record<BenchOperation, Once>>> {
  const { case: benchCase, message, secret, public: publicKey, peer } = fixture;
  const { algorithm } = benchCase;
  const answer = fixture.answer[encoding];
  if (algorithm === 'SYMMETRIC_DEFAULT') {
    return { encrypt: () => seal(secret!, message), decrypt: () => open(secret!, answer) };
  }
  if (algorithm === 'XAES_256_GCM') {
    const keyOf = xaesKeys(secret!);
    return {
      encrypt: () => {
        const nonce = crypto.randomBytes(DERIVING_BYTES + IV_BYTES);
        return seal(keyOf(nonce), message, nonce);
      },
      decrypt: () => open(keyOf(answer), answer, DERIVING_BYTES),
    };
  }
  const hash = hashName(algorithm);
  const signedHash = algorithm === 'ED25519_SHA_512' ? null : hash;
  const options = {
    ...paddingOf(algorithm),
    ...(algorithm.startsWith('RSAES') ? { oaepHash: hash } : {}),
    ...(encoding === 'p1363' ? ({ dsaEncoding: 'ieee-p1363' } as const) : {}),
  };
  const [ours, theirs] = [secret!, publicKey!].map((key) =>
    Object.keys(options).length === 0 ? key : { key, ...options },
  ) as [crypto.KeyObject, crypto.KeyObject];
  return {
    encrypt: () => crypto.publicEncrypt(theirs, message),
    decrypt: () => crypto.privateDecrypt(ours, answer),
    mac: () => crypto.createHmac(hash, secret!).update(message).digest(),
    digest: () => crypto.createHash(hash).update(message).digest(),
    sign: () => crypto.sign(signedHash, message, ours),
    verify: () => crypto.verify(signedHash, message, theirs, answer),
    deriveSharedSecret: () => crypto.diffieHellman({ privateKey: secret!, publicKey: peer! }),
  };
}

/** node:crypto, synchronously and with reused KeyObjects: never slower per core than its asynchronous forms. */
export const nodeEntry: Entry = {
  name: 'node:crypto',
  async open(fixture) {
    const once = operationsOf(fixture, 'der')[fixture.case.operation];
    return once && { ways: [synchronous(once)] };
  },
};

const keysBySpec = new Map<KeySpec, Pick<Fixture, 'secret' | 'public'>>();

/** The keys of a spec, made once: RSA ones take their time. */
function keysOf(keySpec: KeySpec | undefined): Pick<Fixture, 'secret' | 'public'> {
  if (keySpec === undefined) return {};
  let keys = keysBySpec.get(keySpec);
  if (keys === undefined) {
    const bytes = SECRET_BYTES[keySpec];
    if (bytes !== undefined) keys = { secret: crypto.createSecretKey(crypto.randomBytes(bytes)) };
    else {
      const { privateKey, publicKey } = PAIRS[keySpec]!();
      keys = { secret: privateKey, public: publicKey };
    }
    keysBySpec.set(keySpec, keys);
  }
  return keys;
}

const INVERSES: Partial<Readonly<Record<BenchOperation, BenchOperation>>> = { decrypt: 'encrypt', verify: 'sign' };

export function makeFixture(benchCase: BenchCase): Fixture {
  const { operation, keySpec, sizeBytes } = benchCase;
  const none = new Uint8Array(0);
  const fixture: Fixture = {
    case: benchCase,
    message: crypto.randomBytes(sizeBytes),
    answer: { der: none, p1363: none },
    ...keysOf(keySpec),
    ...(operation === 'deriveSharedSecret' ? { peer: PAIRS[keySpec!]!().publicKey } : {}),
  };
  const inverse = INVERSES[operation];
  if (inverse === undefined) return fixture;
  const make = (encoding: SignatureEncoding) => operationsOf(fixture, encoding)[inverse]!() as Uint8Array;
  let p1363 = make('p1363');
  // libsecp256k1 takes s up to n/2 only (BIP 146).
  while (keySpec === 'ECC_SECG_P256K1' && p1363[32]! >= 0x7f) p1363 = make('p1363');
  return { ...fixture, answer: { der: make('der'), p1363 } };
}

/** The same with a bit of what is opened or checked turned over; undefined where nothing is. */
export function damaged(fixture: Fixture): Fixture | undefined {
  if (INVERSES[fixture.case.operation] === undefined) return undefined;
  const turned = (bytes: Uint8Array): Uint8Array => bytes.with(-1, bytes.at(-1)! ^ 1);
  return { ...fixture, answer: { der: turned(fixture.answer.der), p1363: turned(fixture.answer.p1363) } };
}

/** Whether a result is what node:crypto would have made, or takes. */
export function isRight(fixture: Fixture, result: unknown, encoding: SignatureEncoding): boolean {
  const { operation } = fixture.case;
  if (operation === 'verify') return result === true;
  if (!(result instanceof Uint8Array || result instanceof ArrayBuffer)) return false;
  const bytes = Buffer.from(result as Uint8Array);
  const judge = (name: BenchOperation) =>
    operationsOf({ ...fixture, answer: { der: bytes, p1363: bytes } }, encoding)[name]!();
  const isMessage = (plaintext: Uint8Array): boolean => Buffer.compare(plaintext, fixture.message) === 0;
  if (operation === 'sign') return judge('verify') === true;
  if (operation === 'encrypt') return isMessage(judge('decrypt') as Uint8Array);
  if (operation === 'decrypt') return isMessage(bytes);
  return bytes.equals(judge(operation) as Uint8Array);
}
