/**
 * Other people's vectors (../shared/vectors) as one table: file -> what it is about -> what keymill must answer. Where that differs
 * from what the file says, the row says why; the files themselves are never edited. AWS KMS's choices decide: OAEP without a label,
 * PSS with salt and MGF1 of the hash's length, GCM with 12-byte nonces and 16-byte tags, HMAC tags of full length.
 */
import {
  type DigestAlgorithm,
  type EncryptionAlgorithm,
  type Engine,
  EngineError,
  KEY_SPECS,
  type KeySpec,
  type MacAlgorithm,
  type SigningAlgorithm,
} from 'keymill/engine';
import { toBigInt } from './arithmetic.ts';
import { concat, fromHex, hex, utf8 } from './bytes.ts';
import { ecdsaDer, ecSpki, edwardsSpki, rsaSpki } from './der.ts';
import { sharedVectors } from './vectors.ts';

/** How one vector fared. `unreachable`: the engine has no way to be asked that, for a reason the row documents. */
export type Verdict = 'agrees' | 'unreachable' | { wrong: string };

/** Runs every vector of a file and calls `report` with each verdict. */
type Run = (engine: Engine, file: string, report: (what: string, verdict: Verdict) => void) => Promise<void>;

export interface PublishedSet {
  readonly file: string;
  /** What the backend must have. */
  readonly needs: KeySpec | DigestAlgorithm;
  /** Vectors that must agree, at least: an empty loop fails. */
  readonly minimum: number;
  readonly run: Run;
  /** Why some vectors of the file cannot be asked. */
  readonly excluded?: string;
}

interface WycheproofTest {
  tcId: number;
  comment: string;
  flags: string[];
  result: 'valid' | 'invalid' | 'acceptable';
  [field: string]: unknown;
}
interface WycheproofGroup {
  tests: WycheproofTest[];
  [field: string]: unknown;
}
const wycheproof = (file: string): WycheproofGroup[] =>
  sharedVectors<{ testGroups: WycheproofGroup[] }>(file).testGroups;

const bytesOf = (source: Record<string, unknown>, field: string): Uint8Array => fromHex(String(source[field]));

const equal = (got: unknown, wanted: unknown): Verdict => {
  const show = (value: unknown) => (value instanceof Uint8Array ? hex(value) : String(value));
  return show(got) === show(wanted)
    ? 'agrees'
    : { wrong: `got ${show(got).slice(0, 80)}, wanted ${show(wanted).slice(0, 80)}` };
};

/** A value, or the code of the EngineError; anything else is thrown on. */
async function outcome<Value>(promise: Promise<Value>): Promise<Value | string> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof EngineError) return error.code;
    throw error;
  }
}

/** The key, or undefined where the engine refuses it as INVALID_KEY. */
async function importOrRefuse(engine: Engine, keySpec: KeySpec, format: 'raw' | 'pkcs8' | 'spki', data: Uint8Array) {
  const key = await outcome(engine.importKey({ keySpec, format, data }));
  if (typeof key !== 'string') return key;
  if (key !== 'INVALID_KEY') throw new Error(`import of a ${keySpec}: ${key}`);
  return undefined;
}

interface VerifyOptions {
  encoding?: 'p1363';
  /** No signature of the file verifies, whatever it says. */
  never?: boolean;
  /** Groups whose key must be refused. */
  refusesKey?: (group: WycheproofGroup) => boolean;
  /** A test the file calls invalid for a reason that is not ours. */
  alsoValid?: (each: WycheproofTest) => boolean;
}

/** Signatures: what the file calls valid verifies. `acceptable` ones (a missing NULL parameter and the like) must not. */
const verifies =
  (keySpec: KeySpec, algorithm: SigningAlgorithm, options: VerifyOptions = {}): Run =>
  async (engine, file, report) => {
    for (const group of wycheproof(file)) {
      const key = await importOrRefuse(engine, keySpec, 'spki', bytesOf(group, 'publicKeyDer'));
      if (key === undefined) {
        const verdict: Verdict = options.refusesKey?.(group) ? 'unreachable' : { wrong: 'the key was refused' };
        for (const { tcId } of group.tests) report(`#${tcId}`, verdict);
        continue;
      }
      await Promise.all(
        group.tests.map(async (each) => {
          const [message, signature] = [bytesOf(each, 'msg'), bytesOf(each, 'sig')];
          const got = await outcome(engine.verify({ key, algorithm, message, signature, encoding: options.encoding }));
          const wanted = (each.result === 'valid' && !options.never) || (options.alsoValid?.(each) ?? false);
          report(`#${each.tcId} ${each.comment}`, equal(got, wanted));
        }),
      );
      key.close();
    }
  };

const aesGcm: Run = async (engine, file, report) => {
  for (const group of wycheproof(file)) {
    for (const each of group.tests) {
      const what = `#${each.tcId} ${each.comment}`;
      if (group.keySize !== 256) {
        const code = await outcome(
          engine.importKey({ keySpec: 'SYMMETRIC_DEFAULT', format: 'raw', data: bytesOf(each, 'key') }),
        );
        report(what, code === 'INVALID_KEY' ? 'unreachable' : { wrong: `a key of ${group.keySize} bits was taken` });
        continue;
      }
      using key = await engine.importKey({ keySpec: 'SYMMETRIC_DEFAULT', format: 'raw', data: bytesOf(each, 'key') });
      const algorithm = 'SYMMETRIC_DEFAULT';
      const [iv, aad, plaintext] = [bytesOf(each, 'iv'), bytesOf(each, 'aad'), bytesOf(each, 'msg')];
      const sealed = concat(iv, bytesOf(each, 'ct'), bytesOf(each, 'tag'));
      if (group.ivSize !== 96 || group.tagSize !== 128) {
        const decrypted = await outcome(engine.decrypt({ key, algorithm, ciphertext: sealed, aad }));
        const encrypted = await outcome(engine.encrypt({ key, algorithm, plaintext, aad, iv }));
        const reached = decrypted !== 'DECRYPTION_FAILED' || (group.ivSize !== 96 && encrypted !== 'INVALID_LENGTH');
        report(what, reached ? { wrong: 'another nonce or tag length was taken' } : 'unreachable');
        continue;
      }
      const decrypted = await outcome(engine.decrypt({ key, algorithm, ciphertext: sealed, aad }));
      report(what, equal(decrypted, each.result === 'valid' ? plaintext : 'DECRYPTION_FAILED'));
      if (each.result === 'valid')
        report(what, equal(await engine.encrypt({ key, algorithm, plaintext, aad, iv }), sealed));
    }
  }
};

const hmac =
  (keySpec: KeySpec, algorithm: MacAlgorithm): Run =>
  async (engine, file, report) => {
    for (const group of wycheproof(file)) {
      for (const each of group.tests) {
        using key = await importOrRefuse(engine, keySpec, 'raw', bytesOf(each, 'key'));
        const what = `#${each.tcId} ${each.comment}`;
        if (key === undefined) {
          const [shortest, longest] = KEY_SPECS[keySpec].rawBytes!;
          const keyBytes = bytesOf(each, 'key').length;
          report(what, keyBytes < shortest || keyBytes > longest ? 'unreachable' : { wrong: 'the key was refused' });
          continue;
        }
        const [message, mac] = [bytesOf(each, 'msg'), bytesOf(each, 'tag')];
        const isFull = group.tagSize === Number(keySpec.slice(5));
        report(
          what,
          equal(await engine.verifyMac({ key, algorithm, message, mac }), isFull && each.result === 'valid'),
        );
        if (each.result === 'valid') {
          report(what, equal((await engine.mac({ key, algorithm, message })).subarray(0, mac.length), mac));
        }
      }
    }
  };

/** OAEP ciphertexts; with a label they must not decrypt, since the engine knows the empty label only. */
const oaep =
  (keySpec: KeySpec, algorithm: EncryptionAlgorithm, options: { never?: boolean; refusesKey?: boolean } = {}): Run =>
  async (engine, file, report) => {
    for (const group of wycheproof(file)) {
      const key = await importOrRefuse(engine, keySpec, 'pkcs8', bytesOf(group, 'privateKeyPkcs8'));
      for (const each of group.tests) {
        const what = `#${each.tcId} ${each.comment}`;
        if (key === undefined) {
          report(what, options.refusesKey ? 'agrees' : { wrong: 'the key was refused' });
          continue;
        }
        const got = await outcome(engine.decrypt({ key, algorithm, ciphertext: bytesOf(each, 'ct') }));
        const opens = each.result === 'valid' && each.label === '' && !options.never && !options.refusesKey;
        report(what, equal(got, opens ? bytesOf(each, 'msg') : 'DECRYPTION_FAILED'));
      }
      key?.close();
    }
  };

const pkcs1Generates =
  (keySpec: KeySpec): Run =>
  async (engine, file, report) => {
    for (const group of wycheproof(file)) {
      const algorithm = `RSASSA_PKCS1_V1_5_${String(group.sha).replace('-', '_')}` as SigningAlgorithm;
      const data = bytesOf(group, 'privateKeyPkcs8');
      using key = await importOrRefuse(engine, keySpec, 'pkcs8', data);
      for (const each of group.tests) {
        const what = `#${each.tcId} ${each.comment}`;
        if (key === undefined) {
          const { publicExponent } = group.privateKey as Record<string, string>;
          report(what, BigInt(`0x${publicExponent}`) === 3n ? 'unreachable' : { wrong: 'the key was refused' });
          continue;
        }
        const signature = await outcome(engine.sign({ key, algorithm, message: bytesOf(each, 'msg') }));
        // SHA-1, -224 and the truncated SHA-512 are no algorithms of ours.
        if (!KEY_SPECS[keySpec].algorithms.includes(algorithm)) {
          report(what, signature === 'INVALID_ARGUMENT' ? 'unreachable' : { wrong: `${algorithm} was taken` });
        } else {
          report(what, equal(signature, bytesOf(each, 'sig')));
        }
      }
    }
  };

const JWK_CURVES: Readonly<Record<string, string>> = {
  'P-256': '1.2.840.10045.3.1.7',
  'P-384': '1.3.132.0.34',
  'P-521': '1.3.132.0.35',
  'P-256K': '1.3.132.0.10',
};
const base64url = (value: unknown): Uint8Array => new Uint8Array(Buffer.from(String(value), 'base64url'));
const fromPem = (pem: string): Uint8Array =>
  new Uint8Array(Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64'));

/** A private scalar at the curve's full width; Wycheproof writes BigIntegers, with leading zeros or without. */
const fullWidth = (scalar: bigint, keySpec: KeySpec): Uint8Array =>
  fromHex(scalar.toString(16).padStart(2 * KEY_SPECS[keySpec].elementBytes!, '0'));

/**
 * ECDH. The peer key arrives as SPKI; `ecpoint` and `webcrypto` files hold points, which are put into an SPKI of the named curve.
 * `acceptable` keys (other encodings, explicit parameters) may be refused; where they are taken the secret must be right.
 */
const ecdh =
  (keySpec: KeySpec, curve: string, form: 'asn' | 'pem' | 'ecpoint' | 'webcrypto'): Run =>
  async (engine, file, report) => {
    for (const group of wycheproof(file)) {
      const check = async (each: WycheproofTest): Promise<void> => {
        const what = `#${each.tcId} ${each.comment}`;
        let [data, publicKey]: [Uint8Array, Uint8Array] = [new Uint8Array(0), new Uint8Array(0)];
        let format: 'raw' | 'pkcs8' = 'raw';
        if (form === 'webcrypto') {
          const [own, peer] = [each.private, each.public] as Record<string, unknown>[];
          data = base64url(own!.d);
          const peerCurve = JWK_CURVES[String(peer!.crv)]!;
          publicKey = ecSpki(peerCurve, concat(Uint8Array.of(4), base64url(peer!.x), base64url(peer!.y)));
        } else if (form === 'pem') {
          [data, publicKey, format] = [fromPem(String(each.private)), fromPem(String(each.public)), 'pkcs8'];
        } else {
          data = fullWidth(toBigInt(bytesOf(each, 'private')), keySpec);
          publicKey = form === 'asn' ? bytesOf(each, 'public') : ecSpki(curve, bytesOf(each, 'public'));
        }
        using key = await importOrRefuse(engine, keySpec, format, data);
        if (key === undefined) {
          report(what, each.result === 'valid' ? { wrong: 'the private key was refused' } : 'agrees');
          return;
        }
        const got = await outcome(engine.deriveSharedSecret({ key, publicKey }));
        const shared = bytesOf(each, 'shared');
        if (each.result === 'valid') report(what, equal(got, shared));
        else if (each.result === 'invalid') report(what, equal(got, 'INVALID_KEY'));
        else report(what, got === 'INVALID_KEY' ? 'agrees' : equal(got, shared));
      };
      await Promise.all(group.tests.map(check));
    }
  };

// ACVP and the RFCs.
type AcvpTest = Record<string, string & boolean & number>;
interface AcvpGroup {
  tests: AcvpTest[];
  [field: string]: unknown;
}
const acvp = (file: string): AcvpGroup[] => sharedVectors<{ testGroups: AcvpGroup[] }>(file).testGroups;

const CURVES: Readonly<Record<string, { keySpec: KeySpec; curve: string; algorithm: SigningAlgorithm; hash: string }>> =
  {
    'P-256': { keySpec: 'ECC_NIST_P256', curve: '1.2.840.10045.3.1.7', algorithm: 'ECDSA_SHA_256', hash: 'SHA2-256' },
    'P-384': { keySpec: 'ECC_NIST_P384', curve: '1.3.132.0.34', algorithm: 'ECDSA_SHA_384', hash: 'SHA2-384' },
    'P-521': { keySpec: 'ECC_NIST_P521', curve: '1.3.132.0.35', algorithm: 'ECDSA_SHA_512', hash: 'SHA2-512' },
  };
export const CURVE_OIDS = {
  ECC_NIST_P256: '1.2.840.10045.3.1.7',
  ECC_NIST_P384: '1.3.132.0.34',
  ECC_NIST_P521: '1.3.132.0.35',
  ECC_SECG_P256K1: '1.3.132.0.10',
} as const;

const uncompressed = (keySpec: KeySpec, x: unknown, y: unknown): Uint8Array => {
  const width = 2 * KEY_SPECS[keySpec].elementBytes!;
  return fromHex(`04${String(x).padStart(width, '0')}${String(y).padStart(width, '0')}`);
};

const ecdsaKeyVer: Run = async (engine, file, report) => {
  for (const group of acvp(file)) {
    const row = CURVES[String(group.curve)];
    if (row === undefined) continue;
    for (const each of group.tests) {
      // Coordinates that do not fit (the reason "qx out of range") make a point of another length.
      const point = uncompressed(row.keySpec, each.qx, each.qy);
      using key = await importOrRefuse(engine, row.keySpec, 'spki', ecSpki(row.curve, point));
      report(`${group.curve} #${each.tcId} ${each.reason}`, equal(key !== undefined, each.testPassed));
    }
  }
};

const ecdsaSigVer: Run = async (engine, file, report) => {
  for (const group of acvp(file)) {
    const row = CURVES[String(group.curve)];
    if (row === undefined || row.hash !== group.hashAlg) continue;
    const width = 2 * KEY_SPECS[row.keySpec].elementBytes!;
    for (const each of group.tests) {
      const what = `${group.curve} #${each.tcId} ${each.reason}`;
      const data = ecSpki(row.curve, uncompressed(row.keySpec, each.qx, each.qy));
      using key = await importOrRefuse(engine, row.keySpec, 'spki', data);
      if (key === undefined) {
        report(what, equal(false, each.testPassed));
        continue;
      }
      const [message, r, s] = [bytesOf(each, 'message'), String(each.r), String(each.s)];
      const { algorithm } = row;
      const signature = fromHex(r.padStart(width, '0') + s.padStart(width, '0'));
      report(
        what,
        equal(await engine.verify({ key, algorithm, message, signature, encoding: 'p1363' }), each.testPassed),
      );
      const der = ecdsaDer(BigInt(`0x${r}`), BigInt(`0x${s}`));
      report(what, equal(await engine.verify({ key, algorithm, message, signature: der }), each.testPassed));
    }
  }
};

const acvpHmac =
  (keySpec: KeySpec, algorithm: MacAlgorithm): Run =>
  async (engine, file, report) => {
    for (const group of acvp(file)) {
      for (const each of group.tests) {
        using key = await importOrRefuse(engine, keySpec, 'raw', bytesOf(each, 'key'));
        const [shortest, longest] = KEY_SPECS[keySpec].rawBytes!;
        const fits = each.keyLen! >= shortest * 8 && each.keyLen! <= longest * 8;
        if (key === undefined || !fits) {
          report(
            `#${each.tcId}`,
            fits === (key !== undefined) ? 'unreachable' : { wrong: `a key of ${each.keyLen} bits` },
          );
          continue;
        }
        const [message, mac] = [bytesOf(each, 'msg'), bytesOf(each, 'mac')];
        report(`#${each.tcId}`, equal((await engine.mac({ key, algorithm, message })).subarray(0, mac.length), mac));
        const isFull = mac.length === Number(keySpec.slice(5)) / 8;
        report(`#${each.tcId}`, equal(await engine.verifyMac({ key, algorithm, message, mac }), isFull));
      }
    }
  };

const acvpSha256: Run = async (engine, file, report) => {
  const sha256 = (message: Uint8Array) => engine.digest({ algorithm: 'SHA_256', message });
  for (const group of acvp(file)) {
    for (const each of group.tests) {
      if (group.testType !== 'AFT' || (each.len as unknown as number) % 8 !== 0) {
        // Monte Carlo chains and messages of gigabytes are for a hash's own test bench; bit lengths cannot be asked for.
        report(`#${each.tcId}`, 'unreachable');
        continue;
      }
      const message = (each.len as unknown as number) === 0 ? new Uint8Array(0) : bytesOf(each, 'msg');
      report(`#${each.tcId}`, equal(hex(await sha256(message)).toUpperCase(), each.md));
    }
  }
};

const RSA_HASHES: Readonly<Record<string, string>> = {
  'SHA2-256': 'SHA_256',
  'SHA2-384': 'SHA_384',
  'SHA2-512': 'SHA_512',
};

const rsaSigVer: Run = async (engine, file, report) => {
  for (const group of acvp(file)) {
    const hash = RSA_HASHES[String(group.hashAlg)];
    const isPss = group.sigType === 'pss';
    const reachable =
      hash !== undefined && (!isPss || (group.maskFunction === 'mgf1' && group.saltLen === Number(hash.slice(4)) / 8));
    if (!reachable) continue;
    const keySpec = `RSA_${group.modulo}` as KeySpec;
    const algorithm = `${isPss ? 'RSASSA_PSS' : 'RSASSA_PKCS1_V1_5'}_${hash}` as SigningAlgorithm;
    const data = rsaSpki(BigInt(`0x${group.n}`), BigInt(`0x${group.e}`));
    using key = await importOrRefuse(engine, keySpec, 'spki', data);
    for (const each of group.tests) {
      const what = `${keySpec} ${algorithm} #${each.tcId} ${each.reason}`;
      if (key === undefined) {
        // Longer exponents only make verifying slow at the wish of whoever sends the key (native/core/rsa_check.cc).
        report(what, BigInt(`0x${group.e}`) >= 2n ** 32n ? 'unreachable' : { wrong: 'the key was refused' });
        continue;
      }
      const [message, signature] = [bytesOf(each, 'message'), bytesOf(each, 'signature')];
      report(what, equal(await engine.verify({ key, algorithm, message, signature }), each.testPassed));
    }
  }
};

const edwardsKeyVer: Run = async (engine, file, report) => {
  for (const group of acvp(file)) {
    if (group.curve !== 'ED-25519') continue;
    for (const each of group.tests) {
      using key = await importOrRefuse(engine, 'ECC_NIST_EDWARDS25519', 'spki', edwardsSpki(bytesOf(each, 'q')));
      report(`#${each.tcId} ${each.reason}`, equal(key !== undefined, each.testPassed));
    }
  }
};

const edwardsAlgorithm = (preHash: unknown): SigningAlgorithm => (preHash ? 'ED25519_PH_SHA_512' : 'ED25519_SHA_512');

const edwardsSigVer: Run = async (engine, file, report) => {
  for (const group of acvp(file)) {
    if (group.curve !== 'ED-25519') continue;
    const algorithm = edwardsAlgorithm(group.preHash);
    for (const each of group.tests) {
      const what = `#${each.tcId} ${each.reason}`;
      // Ed25519ph vectors may carry a context, which the engine does not have: those signatures must not verify.
      const hasContext = String(each.context ?? '') !== '';
      using key = await importOrRefuse(engine, 'ECC_NIST_EDWARDS25519', 'spki', edwardsSpki(bytesOf(each, 'q')));
      if (key === undefined) {
        report(what, equal(false, each.testPassed));
        continue;
      }
      const [message, signature] = [bytesOf(each, 'message'), bytesOf(each, 'signature')];
      report(
        what,
        equal(await engine.verify({ key, algorithm, message, signature }), each.testPassed === true && !hasContext),
      );
    }
  }
};

const edwardsSigGen: Run = async (engine, file, report) => {
  for (const group of acvp(file)) {
    if (group.curve !== 'ED-25519') continue;
    const algorithm = edwardsAlgorithm(group.preHash);
    using key = await engine.importKey({ keySpec: 'ECC_NIST_EDWARDS25519', format: 'raw', data: bytesOf(group, 'd') });
    for (const each of group.tests) {
      const message = bytesOf(each, 'message');
      if (String(each.context ?? '') !== '') {
        const [signature, publicKey] = [bytesOf(each, 'signature'), key];
        const got = await engine.verify({ key: publicKey, algorithm, message, signature });
        report(`#${each.tcId} with a context`, got ? { wrong: 'a signature with a context was taken' } : 'unreachable');
        continue;
      }
      report(`#${each.tcId}`, equal(hex(await engine.sign({ key, algorithm, message })).toUpperCase(), each.signature));
    }
  }
};

const rfc8032 =
  (algorithm: SigningAlgorithm): Run =>
  async (engine, file, report) => {
    const cases = sharedVectors<Record<string, string>[]>(file);
    for (const each of cases) {
      const keySpec = 'ECC_NIST_EDWARDS25519';
      using key = await engine.importKey({ keySpec, format: 'raw', data: bytesOf(each, 'secretKey') });
      const [message, signature] = [bytesOf(each, 'message'), bytesOf(each, 'signature')];
      const hasContext = each.context !== undefined && each.context !== '';
      report(`${each.name} key`, equal(hex(key.publicKey().subarray(-32)), each.publicKey));
      report(`${each.name} verify`, equal(await engine.verify({ key, algorithm, message, signature }), !hasContext));
      if (!hasContext) report(`${each.name} sign`, equal(await engine.sign({ key, algorithm, message }), signature));
    }
  };

interface Rfc6979Curve {
  curve: string;
  private: string;
  Ux: string;
  Uy: string;
  cases: { hash: string; message: string; r: string; s: string }[];
}
/** The private keys give these public keys; the signatures verify and, asked for, are made, with the hash of the curve's algorithm. */
const rfc6979: Run = async (engine, file, report) => {
  for (const each of sharedVectors<Rfc6979Curve[]>(file)) {
    const row = CURVES[each.curve.replace('NIST ', '')];
    if (row === undefined) continue;
    const { keySpec, algorithm } = row;
    using key = await engine.importKey({
      keySpec,
      format: 'raw',
      data: fullWidth(BigInt(`0x${each.private}`), keySpec),
    });
    report(`${each.curve} key`, equal(key.publicKey(), ecSpki(row.curve, uncompressed(keySpec, each.Ux, each.Uy))));
    for (const { hash, message, r, s } of each.cases) {
      const signature = ecdsaDer(BigInt(`0x${r}`), BigInt(`0x${s}`));
      const got = await engine.verify({ key, algorithm, message: utf8(message), signature });
      const isOurs = hash === row.hash.replace('2', '');
      report(`${each.curve} ${hash} ${message}`, equal(got, isOurs));
      if (!isOurs) continue;
      const made = await engine.sign({ key, algorithm, message: utf8(message), deterministic: true });
      report(`${each.curve} ${hash} ${message}, made`, equal(made, signature));
    }
  }
};

const isExponent3 = (group: WycheproofGroup): boolean =>
  toBigInt(bytesOf(group.publicKey as Record<string, unknown>, 'publicExponent')) === 3n;
const pkcs1 = (keySpec: KeySpec, hash: string): Run =>
  verifies(keySpec, `RSASSA_PKCS1_V1_5_${hash}` as SigningAlgorithm, { refusesKey: isExponent3 });
const pss = (keySpec: KeySpec, hash: string, options: VerifyOptions = {}): Run =>
  verifies(keySpec, `RSASSA_PSS_${hash}` as SigningAlgorithm, options);
const never = { never: true };

const HMAC_KEYS = 'keys shorter than the hash or longer than its block (AWS KMS takes none)';
const EXPONENT_3 = 'keys with public exponent 3';
const P256 = CURVE_OIDS.ECC_NIST_P256;
const P384 = CURVE_OIDS.ECC_NIST_P384;
const P521 = CURVE_OIDS.ECC_NIST_P521;
const EDWARDS: KeySpec = 'ECC_NIST_EDWARDS25519';

/** `minimum` counts vectors that agree; those excluded must be unreachable, which the runs check one by one. */
export const PUBLISHED_SETS: readonly PublishedSet[] = [
  {
    file: 'wycheproof/aes_gcm_test.json',
    needs: 'SYMMETRIC_DEFAULT',
    minimum: 38,
    run: aesGcm,
    excluded: 'other key, nonce and tag lengths',
  },
  {
    file: 'wycheproof/hmac_sha224_test.json',
    needs: 'HMAC_224',
    minimum: 99,
    run: hmac('HMAC_224', 'HMAC_SHA_224'),
    excluded: HMAC_KEYS,
  },
  {
    file: 'wycheproof/hmac_sha256_test.json',
    needs: 'HMAC_256',
    minimum: 97,
    run: hmac('HMAC_256', 'HMAC_SHA_256'),
    excluded: HMAC_KEYS,
  },
  {
    file: 'wycheproof/hmac_sha512_test.json',
    needs: 'HMAC_512',
    minimum: 102,
    run: hmac('HMAC_512', 'HMAC_SHA_512'),
    excluded: HMAC_KEYS,
  },

  {
    file: 'wycheproof/rsa_oaep_2048_sha1_mgf1sha1_test.json',
    needs: 'RSA_2048',
    minimum: 24,
    run: oaep('RSA_2048', 'RSAES_OAEP_SHA_1'),
  },
  {
    file: 'wycheproof/rsa_oaep_2048_sha256_mgf1sha256_test.json',
    needs: 'RSA_2048',
    minimum: 24,
    run: oaep('RSA_2048', 'RSAES_OAEP_SHA_256'),
  },
  // MGF1 with another hash than OAEP's does not decrypt.
  {
    file: 'wycheproof/rsa_oaep_2048_sha256_mgf1sha1_test.json',
    needs: 'RSA_2048',
    minimum: 20,
    run: oaep('RSA_2048', 'RSAES_OAEP_SHA_256', never),
  },
  {
    file: 'wycheproof/rsa_oaep_4096_sha256_mgf1sha256_test.json',
    needs: 'RSA_4096',
    minimum: 24,
    run: oaep('RSA_4096', 'RSAES_OAEP_SHA_256'),
  },
  // Keys of three primes are refused.
  {
    file: 'wycheproof/rsa_three_primes_oaep_4096_sha256_mgf1sha256_test.json',
    needs: 'RSA_4096',
    minimum: 23,
    run: oaep('RSA_4096', 'RSAES_OAEP_SHA_256', { refusesKey: true }),
  },
  // RSAES-PKCS1-v1_5 does not exist here: none of its ciphertexts decrypts under either OAEP.
  {
    file: 'wycheproof/rsa_pkcs1_2048_test.json',
    needs: 'RSA_2048',
    minimum: 42,
    run: oaep('RSA_2048', 'RSAES_OAEP_SHA_1', never),
  },

  {
    file: 'wycheproof/rsa_pkcs1_2048_sig_gen_test.json',
    needs: 'RSA_2048',
    minimum: 15,
    run: pkcs1Generates('RSA_2048'),
    excluded: 'SHA-1, -224, -512/224 and -512/256',
  },
  {
    file: 'wycheproof/rsa_pkcs1_4096_sig_gen_test.json',
    needs: 'RSA_4096',
    minimum: 15,
    run: pkcs1Generates('RSA_4096'),
  },
  {
    file: 'wycheproof/rsa_signature_2048_sha256_test.json',
    needs: 'RSA_2048',
    minimum: 158,
    run: pkcs1('RSA_2048', 'SHA_256'),
    excluded: EXPONENT_3,
  },
  {
    file: 'wycheproof/rsa_signature_2048_sha384_test.json',
    needs: 'RSA_2048',
    minimum: 160,
    run: pkcs1('RSA_2048', 'SHA_384'),
  },
  {
    file: 'wycheproof/rsa_signature_3072_sha256_test.json',
    needs: 'RSA_3072',
    minimum: 160,
    run: pkcs1('RSA_3072', 'SHA_256'),
    excluded: EXPONENT_3,
  },
  {
    file: 'wycheproof/rsa_signature_3072_sha512_test.json',
    needs: 'RSA_3072',
    minimum: 158,
    run: pkcs1('RSA_3072', 'SHA_512'),
    excluded: EXPONENT_3,
  },
  {
    file: 'wycheproof/rsa_signature_4096_sha256_test.json',
    needs: 'RSA_4096',
    minimum: 158,
    run: pkcs1('RSA_4096', 'SHA_256'),
  },
  {
    file: 'wycheproof/rsa_signature_4096_sha384_test.json',
    needs: 'RSA_4096',
    minimum: 159,
    run: pkcs1('RSA_4096', 'SHA_384'),
  },

  {
    file: 'wycheproof/rsa_pss_2048_sha256_mgf1_32_test.json',
    needs: 'RSA_2048',
    minimum: 67,
    run: pss('RSA_2048', 'SHA_256'),
  },
  {
    file: 'wycheproof/rsa_pss_2048_sha384_mgf1_48_test.json',
    needs: 'RSA_2048',
    minimum: 88,
    run: pss('RSA_2048', 'SHA_384'),
  },
  {
    file: 'wycheproof/rsa_pss_3072_sha256_mgf1_32_test.json',
    needs: 'RSA_3072',
    minimum: 68,
    run: pss('RSA_3072', 'SHA_256'),
  },
  {
    file: 'wycheproof/rsa_pss_4096_sha256_mgf1_32_test.json',
    needs: 'RSA_4096',
    minimum: 68,
    run: pss('RSA_4096', 'SHA_256'),
  },
  {
    file: 'wycheproof/rsa_pss_4096_sha512_mgf1_64_test.json',
    needs: 'RSA_4096',
    minimum: 110,
    run: pss('RSA_4096', 'SHA_512'),
  },
  // A salt of another length than the hash does not verify.
  {
    file: 'wycheproof/rsa_pss_2048_sha256_mgf1_0_test.json',
    needs: 'RSA_2048',
    minimum: 63,
    run: pss('RSA_2048', 'SHA_256', { never: true, alsoValid: ({ comment }) => comment === 's_len changed to 32' }),
  },
  {
    file: 'wycheproof/rsa_pss_4096_sha512_mgf1_32_test.json',
    needs: 'RSA_4096',
    minimum: 109,
    run: pss('RSA_4096', 'SHA_512', never),
  },

  {
    file: 'wycheproof/ecdsa_secp256r1_sha256_test.json',
    needs: 'ECC_NIST_P256',
    minimum: 297,
    run: verifies('ECC_NIST_P256', 'ECDSA_SHA_256'),
  },
  {
    file: 'wycheproof/ecdsa_secp521r1_sha512_test.json',
    needs: 'ECC_NIST_P521',
    minimum: 329,
    run: verifies('ECC_NIST_P521', 'ECDSA_SHA_512'),
  },
  {
    file: 'wycheproof/ecdsa_secp256k1_sha256_test.json',
    needs: 'ECC_SECG_P256K1',
    minimum: 289,
    run: verifies('ECC_SECG_P256K1', 'ECDSA_SHA_256'),
  },
  // Bitcoin's rule that s is low is not AWS KMS's: a high s verifies.
  {
    file: 'wycheproof/ecdsa_secp256k1_sha256_bitcoin_test.json',
    needs: 'ECC_SECG_P256K1',
    minimum: 282,
    run: verifies('ECC_SECG_P256K1', 'ECDSA_SHA_256', {
      alsoValid: ({ flags, comment }) =>
        flags.includes('SignatureMalleabilityBitcoin') || comment === 'edge case for signature malleability',
    }),
  },
  {
    file: 'wycheproof/ecdsa_secp256r1_sha256_p1363_test.json',
    needs: 'ECC_NIST_P256',
    minimum: 163,
    run: verifies('ECC_NIST_P256', 'ECDSA_SHA_256', { encoding: 'p1363' }),
  },
  {
    file: 'wycheproof/ecdsa_secp384r1_sha384_p1363_test.json',
    needs: 'ECC_NIST_P384',
    minimum: 173,
    run: verifies('ECC_NIST_P384', 'ECDSA_SHA_384', { encoding: 'p1363' }),
  },
  { file: 'wycheproof/ed25519_test.json', needs: EDWARDS, minimum: 94, run: verifies(EDWARDS, 'ED25519_SHA_512') },

  {
    file: 'wycheproof/ecdh_secp256r1_test.json',
    needs: 'ECC_NIST_P256',
    minimum: 373,
    run: ecdh('ECC_NIST_P256', P256, 'asn'),
  },
  {
    file: 'wycheproof/ecdh_secp256r1_ecpoint_test.json',
    needs: 'ECC_NIST_P256',
    minimum: 215,
    run: ecdh('ECC_NIST_P256', P256, 'ecpoint'),
  },
  {
    file: 'wycheproof/ecdh_secp256r1_webcrypto_test.json',
    needs: 'ECC_NIST_P256',
    minimum: 216,
    run: ecdh('ECC_NIST_P256', P256, 'webcrypto'),
  },
  {
    file: 'wycheproof/ecdh_secp384r1_pem_test.json',
    needs: 'ECC_NIST_P384',
    minimum: 634,
    run: ecdh('ECC_NIST_P384', P384, 'pem'),
  },
  {
    file: 'wycheproof/ecdh_secp384r1_webcrypto_test.json',
    needs: 'ECC_NIST_P384',
    minimum: 480,
    run: ecdh('ECC_NIST_P384', P384, 'webcrypto'),
  },
  {
    file: 'wycheproof/ecdh_secp521r1_test.json',
    needs: 'ECC_NIST_P521',
    minimum: 555,
    run: ecdh('ECC_NIST_P521', P521, 'asn'),
  },
  {
    file: 'wycheproof/ecdh_secp521r1_ecpoint_test.json',
    needs: 'ECC_NIST_P521',
    minimum: 396,
    run: ecdh('ECC_NIST_P521', P521, 'ecpoint'),
  },

  {
    file: 'acvp/ECDSA-KeyVer-FIPS186-5.internalProjection.json.gz',
    needs: 'ECC_NIST_P521',
    minimum: 9,
    run: ecdsaKeyVer,
  },
  {
    file: 'acvp/ECDSA-SigVer-FIPS186-5.internalProjection.json.gz',
    needs: 'ECC_NIST_P521',
    minimum: 14,
    run: ecdsaSigVer,
  },
  { file: 'acvp/EDDSA-KeyVer-1.0.internalProjection.json.gz', needs: EDWARDS, minimum: 4, run: edwardsKeyVer },
  { file: 'acvp/EDDSA-SigVer-1.0.internalProjection.json.gz', needs: EDWARDS, minimum: 10, run: edwardsSigVer },
  {
    file: 'acvp/EDDSA-SigGen-1.0.internalProjection.json.gz',
    needs: EDWARDS,
    minimum: 42,
    run: edwardsSigGen,
    excluded: 'contexts',
  },
  {
    file: 'acvp/HMAC-SHA2-224-2.0.internalProjection.json.gz',
    needs: 'HMAC_224',
    minimum: 38,
    run: acvpHmac('HMAC_224', 'HMAC_SHA_224'),
    excluded: HMAC_KEYS,
  },
  {
    file: 'acvp/HMAC-SHA2-256-2.0.internalProjection.json.gz',
    needs: 'HMAC_256',
    minimum: 34,
    run: acvpHmac('HMAC_256', 'HMAC_SHA_256'),
    excluded: HMAC_KEYS,
  },
  {
    file: 'acvp/HMAC-SHA2-384-2.0.internalProjection.json.gz',
    needs: 'HMAC_384',
    minimum: 45,
    run: acvpHmac('HMAC_384', 'HMAC_SHA_384'),
    excluded: HMAC_KEYS,
  },
  {
    file: 'acvp/HMAC-SHA2-512-2.0.internalProjection.json.gz',
    needs: 'HMAC_512',
    minimum: 42,
    run: acvpHmac('HMAC_512', 'HMAC_SHA_512'),
    excluded: HMAC_KEYS,
  },
  {
    file: 'acvp/RSA-SigVer-FIPS186-5.internalProjection.json.gz',
    needs: 'RSA_4096',
    minimum: 12,
    run: rsaSigVer,
    excluded: 'public exponents beyond 32 bits',
  },
  {
    file: 'acvp/SHA2-256-1.0.internalProjection.json.gz',
    needs: 'SHA_256',
    minimum: 512,
    run: acvpSha256,
    excluded: 'bit lengths, Monte Carlo and gigabyte messages',
  },

  { file: 'rfc/rfc6979-ecdsa.json.gz', needs: 'ECC_NIST_P521', minimum: 39, run: rfc6979 },
  { file: 'rfc/ed25519.json.gz', needs: EDWARDS, minimum: 15, run: rfc8032('ED25519_SHA_512') },
  { file: 'rfc/ed25519ph.json.gz', needs: EDWARDS, minimum: 3, run: rfc8032('ED25519_PH_SHA_512') },
  // Signatures with a context do not verify as plain ones.
  { file: 'rfc/ed25519ctx.json.gz', needs: EDWARDS, minimum: 8, run: rfc8032('ED25519_SHA_512') },
];

/** Files of the folder that test something the engine does not do, and why. */
export const NOT_OURS: Readonly<Record<string, string>> = {
  'acvp/ACVP-AES-GCM-1.0.internalProjection.json.gz': 'AES-128 only',
  'wycheproof/aes_kwp_test.json': 'no key wrap of RFC 5649 yet (import of wrapped key material)',
  'wycheproof/aes_wrap_test.json': 'no key wrap of RFC 3394 yet',
  'wycheproof/ec_prime_order_curves_test.json': 'curve constants, which are not an input here',
  'wycheproof/ecdh_secp256k1_test.json': 'AWS KMS agrees on keys over NIST curves only',
  'wycheproof/hkdf_sha256_test.json': 'no HKDF',
  'wycheproof/hkdf_sha512_test.json': 'no HKDF',
  'wycheproof/hmac_sm3_test.json': 'no SM3 yet',
  'wycheproof/json_web_key_test.json': 'no JWK',
  'wycheproof/json_web_signature_test.json': 'no JWS',
  'wycheproof/mldsa_44_sign_noseed_test.json': 'no ML-DSA yet',
  'wycheproof/mldsa_44_sign_seed_test.json': 'no ML-DSA yet',
  'wycheproof/mldsa_44_verify_test.json': 'no ML-DSA yet',
  'wycheproof/mldsa_87_sign_noseed_test.json': 'no ML-DSA yet',
  'wycheproof/mldsa_87_sign_seed_test.json': 'no ML-DSA yet',
  'wycheproof/mldsa_87_verify_test.json': 'no ML-DSA yet',
  'wycheproof/pbkdf2_hmacsha256_test.json': 'no PBKDF2',
  'wycheproof/pbkdf2_hmacsha512_test.json': 'no PBKDF2',
  'wycheproof/primality_test.json': 'in engine-import.test.ts, as RSA primes',
  'wycheproof/rsa_pkcs1_4096_test.json': 'RSAES-PKCS1-v1_5 does not exist here, which rsa_pkcs1_2048 shows',
  'wycheproof/sm4_gcm_test.json': 'no SM4 yet',
};
