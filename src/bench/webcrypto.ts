/** WebCrypto as Node has it, where it has the algorithm. Its operations run on libuv's threads, four unless UV_THREADPOOL_SIZE says otherwise. */
import crypto, { type webcrypto } from 'node:crypto';
import { hashName } from './cases.ts';
import { asynchronous, type Entry } from './contender.ts';

interface Row {
  /** What `importKey` takes as its algorithm, and what operations take beside that. */
  readonly key: { readonly name: string; readonly hash?: string; readonly namedCurve?: string | undefined };
  readonly use: object;
  readonly usages: readonly [ofSecret: webcrypto.KeyUsage[], ofPublic: webcrypto.KeyUsage[]];
}

const CURVES: Readonly<Record<string, string>> = {
  ECC_NIST_P256: 'P-256',
  ECC_NIST_P384: 'P-384',
  ECC_NIST_P521: 'P-521',
};
const SIGNING: Row['usages'] = [['sign'], ['verify']];

/** By what an algorithm's name begins with. */
const ROWS: readonly (readonly [prefix: string, row: (hash: string, namedCurve: string | undefined) => Row])[] = [
  ['SYMMETRIC_DEFAULT', () => ({ key: { name: 'AES-GCM' }, use: {}, usages: [['encrypt', 'decrypt'], []] })],
  ['HMAC', (hash) => ({ key: { name: 'HMAC', hash }, use: {}, usages: [['sign'], []] })],
  ['RSASSA_PSS', (hash) => ({ key: { name: 'RSA-PSS', hash }, use: { saltLength: 32 }, usages: SIGNING })],
  ['RSASSA_PKCS1', (hash) => ({ key: { name: 'RSASSA-PKCS1-v1_5', hash }, use: {}, usages: SIGNING })],
  ['RSAES', (hash) => ({ key: { name: 'RSA-OAEP', hash }, use: {}, usages: [['decrypt'], ['encrypt']] })],
  ['ECDSA', (hash, namedCurve) => ({ key: { name: 'ECDSA', namedCurve }, use: { hash }, usages: SIGNING })],
  ['ED25519_SHA', () => ({ key: { name: 'Ed25519' }, use: {}, usages: SIGNING })],
  ['ECDH', (_, namedCurve) => ({ key: { name: 'ECDH', namedCurve }, use: {}, usages: [['deriveBits'], []] })],
];

export const webCryptoEntry: Entry = {
  name: 'WebCrypto',
  async open({ case: { operation, algorithm, keySpec, sizeBytes }, message, answer, secret, public: publicKey, peer }) {
    const { subtle } = crypto.webcrypto;
    const hash = hashName(algorithm).replace('sha', 'SHA-');
    if (operation === 'digest') return { ways: asynchronous(() => subtle.digest(hash, message)) };
    const row = ROWS.find(([prefix]) => algorithm.startsWith(prefix))?.[1](hash, CURVES[keySpec!]);
    if (row === undefined || ('namedCurve' in row.key && row.key.namedCurve === undefined)) return undefined;
    const [secretUsages, publicUsages] = row.usages;
    const importPublic = (key: crypto.KeyObject) =>
      subtle.importKey('spki', key.export({ type: 'spki', format: 'der' }), row.key, false, publicUsages);
    const importSecret = () =>
      secret!.type === 'secret'
        ? subtle.importKey('raw', secret!.export(), row.key, false, secretUsages)
        : subtle.importKey('pkcs8', secret!.export({ type: 'pkcs8', format: 'der' }), row.key, false, secretUsages);
    const isPublic = publicUsages.includes(operation as webcrypto.KeyUsage);
    const key = isPublic ? await importPublic(publicKey!) : await importSecret();
    const use = { ...row.key, ...row.use, ...(peer === undefined ? {} : { public: await importPublic(peer) }) };
    const seal = async () => {
      const iv = crypto.getRandomValues(new Uint8Array(12));
      const sealed = new Uint8Array(12 + sizeBytes + 16);
      sealed.set(iv, 0);
      sealed.set(new Uint8Array(await subtle.encrypt({ name: 'AES-GCM', iv }, key, message)), 12);
      return sealed;
    };
    const bytes = answer.p1363;
    const open = () => subtle.decrypt({ name: 'AES-GCM', iv: bytes.subarray(0, 12) }, key, bytes.subarray(12));
    const isAead = row.key.name === 'AES-GCM';
    const calls: Readonly<Record<string, () => Promise<unknown>>> = {
      encrypt: isAead ? seal : () => subtle.encrypt(use, key, message),
      decrypt: isAead ? open : () => subtle.decrypt(use, key, bytes),
      mac: () => subtle.sign(use, key, message),
      sign: () => subtle.sign(use, key, message),
      verify: () => subtle.verify(use, key, bytes, message),
      deriveSharedSecret: () => subtle.deriveBits(use as never, key, null as never),
    };
    return { ways: asynchronous(calls[operation]!), encoding: 'p1363' };
  },
};
