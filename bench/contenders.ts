/**
 * Who competes: node:crypto as the baseline, and keymill on each backend in each mode. A contender is a function that does `count`
 * operations of a case; `check` proves one of its results with node:crypto before anything is timed.
 */
import crypto from 'node:crypto';
import type { Engine, EngineKey, RunItem } from 'keymill/engine';
import { HASHES } from 'keymill/engine';
import type { BenchCase } from './cases.ts';

export interface Contender {
  readonly name: string;
  /** Does `count` operations; may return a promise. */
  readonly work: (count: number) => unknown;
  /** Resolves to whether a result of this contender is right. */
  readonly check: () => boolean | Promise<boolean>;
}

/** The material of one case, the same bytes for every contender. */
export interface Fixture {
  readonly case: BenchCase;
  readonly message: Uint8Array;
  /** What `decrypt` opens or `verify` checks. */
  readonly answer: Uint8Array;
  readonly secret?: crypto.KeyObject;
  readonly public?: crypto.KeyObject;
  readonly peer?: crypto.KeyObject;
}

export const hashName = (algorithm: string): string => {
  const hash = Object.keys(HASHES).find((name) => algorithm.endsWith(name)) ?? 'SHA_256';
  return hash.replace('SHA_', 'sha');
};

const generators: Readonly<Record<string, () => crypto.KeyPairKeyObjectResult>> = {
  RSA_2048: () => crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }),
  RSA_3072: () => crypto.generateKeyPairSync('rsa', { modulusLength: 3072 }),
  RSA_4096: () => crypto.generateKeyPairSync('rsa', { modulusLength: 4096 }),
  ECC_NIST_P256: () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ECC_NIST_P384: () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  ECC_NIST_P521: () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  ECC_SECG_P256K1: () => crypto.generateKeyPairSync('ec', { namedCurve: 'secp256k1' }),
  ECC_NIST_EDWARDS25519: () => crypto.generateKeyPairSync('ed25519'),
};
const secretBytes: Readonly<Record<string, number>> = { SYMMETRIC_DEFAULT: 32, HMAC_256: 32, HMAC_512: 64 };

/** Options of node:crypto for an RSA or EC algorithm. */
const padding = (algorithm: string): object => {
  if (algorithm.startsWith('RSASSA_PSS')) {
    return { padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: crypto.constants.RSA_PSS_SALTLEN_DIGEST };
  }
  if (algorithm.startsWith('RSAES'))
    return { padding: crypto.constants.RSA_PKCS1_OAEP_PADDING, oaepHash: hashName(algorithm) };
  return {};
};

/** iv || ciphertext || tag in one buffer, as keymill gives it. */
const seal = (key: crypto.KeyObject, plaintext: Uint8Array): Buffer => {
  const sealed = Buffer.allocUnsafe(12 + plaintext.length + 16);
  const iv = crypto.randomBytes(12);
  sealed.set(iv, 0);
  const cipher = crypto.createCipheriv('aes-256-gcm', key, iv, { authTagLength: 16 });
  sealed.set(cipher.update(plaintext), 12);
  cipher.final();
  sealed.set(cipher.getAuthTag(), 12 + plaintext.length);
  return sealed;
};
const open = (key: crypto.KeyObject, sealed: Uint8Array): Buffer => {
  const decipher = crypto.createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12), { authTagLength: 16 });
  decipher.setAuthTag(sealed.subarray(sealed.length - 16));
  const plaintext = decipher.update(sealed.subarray(12, sealed.length - 16));
  decipher.final();
  return plaintext;
};
const signHash = (algorithm: string): string | null => (algorithm.startsWith('ED25519') ? null : hashName(algorithm));

/** One operation by node:crypto with a reused KeyObject, or undefined where it has no such algorithm. */
function nodeOperation({
  case: { operation, algorithm, keySpec },
  message,
  answer,
  ...keys
}: Fixture): (() => Uint8Array | boolean) | undefined {
  if (algorithm === 'XAES_256_GCM') return undefined;
  const symmetric = keySpec === 'SYMMETRIC_DEFAULT';
  const rsa = padding(algorithm);
  const operations: Readonly<Record<string, () => Uint8Array | boolean>> = {
    encrypt: () =>
      symmetric ? seal(keys.secret!, message) : crypto.publicEncrypt({ key: keys.public!, ...rsa }, message),
    decrypt: () =>
      symmetric ? open(keys.secret!, answer) : crypto.privateDecrypt({ key: keys.secret!, ...rsa }, answer),
    mac: () => crypto.createHmac(hashName(algorithm), keys.secret!).update(message).digest(),
    digest: () => crypto.createHash(hashName(algorithm)).update(message).digest(),
    sign: () =>
      crypto.sign(
        signHash(algorithm),
        message,
        Object.keys(rsa).length > 0 ? { key: keys.secret!, ...rsa } : keys.secret!,
      ),
    verify: () =>
      crypto.verify(
        signHash(algorithm),
        message,
        Object.keys(rsa).length > 0 ? { key: keys.public!, ...rsa } : keys.public!,
        answer,
      ),
    deriveSharedSecret: () => crypto.diffieHellman({ privateKey: keys.secret!, publicKey: keys.peer! }),
  };
  return operations[operation];
}

export function makeFixture(benchCase: BenchCase): Fixture {
  const { operation, keySpec, sizeBytes } = benchCase;
  const message = crypto.randomBytes(sizeBytes);
  const bytes = secretBytes[keySpec ?? ''];
  const keys =
    keySpec === undefined
      ? {}
      : bytes !== undefined
        ? { secret: crypto.createSecretKey(crypto.randomBytes(bytes)) }
        : (({ privateKey, publicKey }) => ({ secret: privateKey, public: publicKey }))(generators[keySpec]!());
  const fixture: Fixture = { case: benchCase, message, answer: new Uint8Array(0), ...keys };
  if (operation === 'deriveSharedSecret') return { ...fixture, peer: generators[keySpec!]!().publicKey };
  const inverse = { decrypt: 'encrypt', verify: 'sign' } as const;
  if (operation === 'decrypt' || operation === 'verify') {
    const make = nodeOperation({ ...fixture, case: { ...benchCase, operation: inverse[operation] } });
    if (make !== undefined) return { ...fixture, answer: make() as Uint8Array };
  }
  return fixture;
}

/** Whether a keymill result is what node:crypto would have made or accepts. */
export function isRight(fixture: Fixture, result: unknown): boolean {
  const {
    case: { operation },
    message,
  } = fixture;
  const judge = (operationName: BenchCase['operation'], answer: Uint8Array): Uint8Array | boolean | undefined =>
    nodeOperation({ ...fixture, case: { ...fixture.case, operation: operationName }, answer })?.();
  const equal = (left: unknown, right: Uint8Array): boolean =>
    left instanceof Uint8Array && Buffer.compare(left, right) === 0;
  if (fixture.case.algorithm === 'XAES_256_GCM')
    return operation === 'decrypt' ? equal(result, message) : result instanceof Uint8Array;
  if (operation === 'verify') return result === true;
  if (operation === 'decrypt') return equal(result, message);
  if (operation === 'encrypt') return equal(judge('decrypt', result as Uint8Array), message);
  if (operation === 'sign') return judge('verify', result as Uint8Array) === true;
  return equal(judge(operation, new Uint8Array(0)), result as Uint8Array);
}

/** node:crypto, synchronously: never slower per core than its asynchronous forms. */
export function nodeContender(fixture: Fixture): Contender | undefined {
  const once = nodeOperation(fixture);
  if (once === undefined) return undefined;
  return {
    name: 'node:crypto',
    work: (count) => {
      for (let index = 0; index < count; index++) once();
    },
    check: () => isRight(fixture, once()),
  };
}

/** The request of one operation. */
async function requestOf(engine: Engine, fixture: Fixture): Promise<RunItem> {
  const {
    case: { operation, algorithm, keySpec },
    message,
    answer,
    secret,
    public: publicKey,
    peer,
  } = fixture;
  if (operation === 'digest') return { op: 'digest', algorithm, message } as RunItem;
  const key: EngineKey =
    publicKey === undefined
      ? await engine.importKey({ keySpec: keySpec!, format: 'raw', data: secret!.export() })
      : await engine.importKey({
          keySpec: keySpec!,
          format: 'pkcs8',
          data: secret!.export({ type: 'pkcs8', format: 'der' }) as Buffer,
        });
  const requests: Readonly<Record<string, object>> = {
    encrypt: { key, algorithm, plaintext: message },
    decrypt: { key, algorithm, ciphertext: answer },
    mac: { key, algorithm, message },
    sign: { key, algorithm, message },
    verify: { key, algorithm, message, signature: answer },
    deriveSharedSecret: { key, publicKey: peer?.export({ type: 'spki', format: 'der' }) },
  };
  if (algorithm === 'XAES_256_GCM' && operation === 'decrypt') {
    const ciphertext = await engine.encrypt({ key, algorithm, plaintext: message });
    return { op: operation, key, algorithm, ciphertext } as RunItem;
  }
  return { op: operation, ...requests[operation] } as RunItem;
}

/** n copies of a buffer, end to end. */
const repeat = (bytes: Uint8Array, count: number): Uint8Array => {
  const all = new Uint8Array(bytes.length * count);
  for (let index = 0; index < count; index++) all.set(bytes, index * bytes.length);
  return all;
};

/** The packed form of a case, where it has one: inputs are laid end to end once, outside the timed region. */
function packedWork(engine: Engine, request: RunItem): ((count: number) => Promise<unknown>) | undefined {
  let packedCount = 0;
  let packed: Uint8Array;
  const inputs = (bytes: Uint8Array, count: number): Uint8Array => {
    if (count !== packedCount) {
      packed = repeat(bytes, count);
      packedCount = count;
    }
    return packed;
  };
  if (request.op === 'encrypt' && request.key.keySpec === 'SYMMETRIC_DEFAULT') {
    const { key, plaintext, algorithm } = request;
    return (count) =>
      engine.sealPacked({
        key,
        algorithm: algorithm as 'SYMMETRIC_DEFAULT',
        messages: inputs(plaintext, count),
        messageBytes: plaintext.length,
      });
  }
  if (request.op === 'decrypt' && request.key.keySpec === 'SYMMETRIC_DEFAULT') {
    const { key, ciphertext, algorithm } = request;
    return (count) =>
      engine.openPacked({
        key,
        algorithm: algorithm as 'SYMMETRIC_DEFAULT',
        messages: inputs(ciphertext, count),
        messageBytes: ciphertext.length,
      });
  }
  if (request.op === 'mac') {
    const { key, message, algorithm } = request;
    return (count) =>
      engine.macPacked({ key, algorithm, messages: inputs(message, count), messageBytes: message.length });
  }
  if (request.op === 'sign') {
    const { key, message, algorithm } = request;
    return (count) =>
      engine.signPacked({ key, algorithm, messages: inputs(message, count), messageBytes: message.length });
  }
  return undefined;
}

/** keymill on one engine: one call at a time, promises in flight, `run`, and packed. */
export async function engineContenders(engine: Engine, fixture: Fixture, label: string): Promise<Contender[]> {
  let request: RunItem;
  try {
    request = await requestOf(engine, fixture);
  } catch (error) {
    if ((error as { code?: string }).code === 'UNSUPPORTED') return [];
    throw error;
  }
  const { op, ...arguments_ } = request;
  const call = (engine[op as 'digest'] as (request: unknown) => Promise<unknown>).bind(engine);
  const check = async (): Promise<boolean> => {
    const [outcome] = await engine.run([request]);
    return outcome!.error === undefined && isRight(fixture, outcome!.value);
  };
  const packed = packedWork(engine, request);
  let items: RunItem[] = [];
  return [
    {
      name: `${label} one`,
      work: async (count) => {
        for (let index = 0; index < count; index++) await call(arguments_);
      },
      check: async () => isRight(fixture, await call(arguments_)),
    },
    {
      name: `${label} promises`,
      work: (count) => {
        const pending = new Array<Promise<unknown>>(count);
        for (let index = 0; index < count; index++) pending[index] = call(arguments_);
        return Promise.all(pending);
      },
      check,
    },
    {
      name: `${label} run`,
      work: (count) => {
        if (items.length !== count) items = new Array(count).fill(request);
        return engine.run(items);
      },
      check,
    },
    ...(packed === undefined ? [] : [{ name: `${label} packed`, work: packed, check }]),
  ];
}
