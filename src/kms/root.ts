/**
 * The root key: where it comes from, and what it protects. Everything the store holds that must stay secret is encrypted under
 * it, bound by additional data to its place, so that rows swapped or moved do not open.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Engine, EngineKey, KeySpec } from '../engine/index.ts';
import type { Realm } from './address.ts';

export const ROOT_KEY_BYTES = 32;
const FILE_VERSION = 'keymill-root-key-v1';

/** A reason not to start that the operator can act on. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/**
 * Root key bytes from the option or KEYMILL_ROOT_KEY: 32 bytes, or their Base64 or hexadecimal text. Undefined where neither is set.
 * The caller owns the bytes and wipes them.
 */
export function givenRootKey(option: Uint8Array | string | undefined): Uint8Array | undefined {
  const given = option ?? (process.env.KEYMILL_ROOT_KEY || undefined);
  if (given === undefined) return undefined;
  const bytes =
    typeof given === 'string'
      ? Buffer.from(given, /^[0-9a-fA-F]{64}$/.test(given) ? 'hex' : 'base64')
      : Buffer.from(given);
  if (bytes.length !== ROOT_KEY_BYTES) {
    throw new StartError(
      `the root key must be ${ROOT_KEY_BYTES} bytes (as Base64, hexadecimal or bytes), got ${bytes.length}`,
    );
  }
  return bytes;
}

/** Where the root key of a store in `directory` is kept. */
export const rootKeyFile = (directory: string): string => join(directory, 'root.key');

/** @throws StartError where the file is missing, readable by others or not a root key file */
export function readRootKey(file: string): Uint8Array {
  let text: string;
  try {
    const { mode } = statSync(file);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new StartError(`${file} can be read by other users: run chmod 600 ${file}`);
    }
    text = readFileSync(file, 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new StartError(
      `the root key is missing: no file ${file}, no KEYMILL_ROOT_KEY. The store cannot be opened without the key it was made with; restore it from your backup`,
      { cause: error },
    );
  }
  const [version, key, ...rest] = text.split('\n');
  const bytes = Buffer.from(key ?? '', 'base64');
  if (version !== FILE_VERSION || bytes.length !== ROOT_KEY_BYTES || rest.join('').trim() !== '') {
    throw new StartError(`${file} is not a keymill root key file of a version this keymill knows`);
  }
  return bytes;
}

/** Makes a root key file in an existing directory, readable by its owner only and on disk before this returns. @returns its key, or the key of a file that is there already */
export function createRootKey(file: string): Uint8Array {
  const directory = dirname(file);
  const key = randomBytes(ROOT_KEY_BYTES);
  // Written aside and linked into place: a crash leaves no half-written key, and link refuses to replace one.
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const descriptor = openSync(draft, 'wx', 0o600);
  try {
    writeSync(descriptor, `${FILE_VERSION}\n${key.toString('base64')}\n`);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  try {
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    key.fill(0);
    return readRootKey(file);
  } finally {
    unlinkSync(draft);
  }
  syncDirectory(directory);
  return key;
}

/** A new name is durable once its directory is; Windows neither needs nor allows it. */
export function syncDirectory(directory: string): void {
  if (process.platform === 'win32') return;
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Strings as bytes that no other list of strings gives: each behind its length. The first names what the bytes are for. */
function bound(...parts: readonly string[]): Uint8Array {
  return Buffer.concat(
    parts.flatMap((part) => {
      const text = Buffer.from(part, 'utf8');
      const length = Buffer.alloc(2);
      length.writeUInt16BE(text.length);
      return [length, text];
    }),
  );
}

const CHECK_TEXT = 'keymill';

/** A root key in the engine, and everything the service encrypts with it. */
export class Root {
  readonly #engine: Engine;
  readonly #key: EngineKey;
  readonly #realm: Realm;
  #identifierKey: EngineKey | undefined;

  private constructor(engine: Engine, key: EngineKey, realm: Realm) {
    this.#engine = engine;
    this.#key = key;
    this.#realm = realm;
  }

  /** Takes `bytes` over: they are wiped. */
  static async open(engine: Engine, bytes: Uint8Array, realm: Realm): Promise<Root> {
    try {
      const key = await engine.importKey({
        keySpec: 'SYMMETRIC_DEFAULT',
        format: 'raw',
        data: bytes,
        exportable: false,
      });
      return new Root(engine, key, realm);
    } finally {
      bytes.fill(0);
    }
  }

  wrapKey(key: EngineKey, keyId: string, materialId: string): Promise<Uint8Array> {
    return this.#engine.wrapKey({
      rootKey: this.#key,
      key,
      additionalData: this.#materialPlace(keyId, materialId, key.keySpec),
    });
  }

  unwrapKey(wrapped: Uint8Array, keyId: string, materialId: string, keySpec: KeySpec): Promise<EngineKey> {
    return this.#engine.unwrapKey({
      rootKey: this.#key,
      keySpec,
      wrapped,
      additionalData: this.#materialPlace(keyId, materialId, keySpec),
      exportable: false,
    });
  }

  /** Wraps the private half of a wrapping key, for an import token. `header` is what the token says in the clear. */
  wrapImportKey(key: EngineKey, keyId: string, header: Uint8Array): Promise<Uint8Array> {
    return this.#engine.wrapKey({ rootKey: this.#key, key, additionalData: this.#tokenPlace(keyId, header) });
  }

  unwrapImportKey(wrapped: Uint8Array, keyId: string, header: Uint8Array, keySpec: KeySpec): Promise<EngineKey> {
    return this.#engine.unwrapKey({
      rootKey: this.#key,
      keySpec,
      wrapped,
      additionalData: this.#tokenPlace(keyId, header),
      exportable: false,
    });
  }

  /** A new key for `materialId`, to be kept with the store. */
  async makeIdentifierKey(): Promise<string> {
    const key = await this.#engine.generateKey('HMAC_256', { exportable: false });
    const wrapped = await this.#engine.wrapKey({ rootKey: this.#key, key, additionalData: this.#identifierPlace() });
    key.close();
    return Buffer.from(wrapped).toString('base64');
  }

  /** Opens the store's identifier key. */
  async useIdentifierKey(wrapped: string): Promise<void> {
    this.#identifierKey = await this.#engine.unwrapKey({
      rootKey: this.#key,
      keySpec: 'HMAC_256',
      wrapped: Buffer.from(wrapped, 'base64'),
      additionalData: this.#identifierPlace(),
      exportable: false,
    });
  }

  /**
   * The id of imported material: the same bytes in the same key have the same id, and without this store's key nobody can tell
   * whether a guess of the bytes is right.
   */
  async materialId(keyId: string, material: Uint8Array): Promise<string> {
    const message = Buffer.concat([bound('keymill material id', keyId), material]);
    try {
      const mac = await this.#engine.mac({ key: this.#identifierKey!, algorithm: 'HMAC_SHA_256', message });
      return Buffer.from(mac).toString('hex');
    } finally {
      message.fill(0);
    }
  }

  async sealSecret(secret: string, ...place: readonly string[]): Promise<Uint8Array> {
    return this.#engine.encrypt({
      key: this.#key,
      algorithm: 'XAES_256_GCM',
      plaintext: Buffer.from(secret, 'utf8'),
      aad: this.#secretPlace(place),
    });
  }

  async openSecret(sealed: Uint8Array, ...place: readonly string[]): Promise<string> {
    const plaintext = await this.#engine.decrypt({
      key: this.#key,
      algorithm: 'XAES_256_GCM',
      ciphertext: sealed,
      aad: this.#secretPlace(place),
    });
    const secret = Buffer.from(plaintext.buffer, plaintext.byteOffset, plaintext.byteLength).toString('utf8');
    plaintext.fill(0);
    return secret;
  }

  /** A value that only this root key, account and region recognise. */
  async makeCheck(): Promise<string> {
    return Buffer.from(await this.sealSecret(CHECK_TEXT, 'check')).toString('base64');
  }

  /** Whether `check` was made under this root key, for this account and region. */
  async matchesCheck(check: string): Promise<boolean> {
    try {
      return (await this.openSecret(Buffer.from(check, 'base64'), 'check')) === CHECK_TEXT;
    } catch {
      return false;
    }
  }

  close(): void {
    this.#key.close();
    this.#identifierKey?.close();
  }

  #identifierPlace(): Uint8Array {
    const { accountId, region } = this.#realm;
    return bound('keymill identifier key', accountId, region);
  }

  #tokenPlace(keyId: string, header: Uint8Array): Uint8Array {
    const { accountId, region } = this.#realm;
    return bound('keymill import token', accountId, region, keyId, Buffer.from(header).toString('hex'));
  }

  #materialPlace(keyId: string, materialId: string, keySpec: KeySpec): Uint8Array {
    const { accountId, region } = this.#realm;
    return bound('keymill key material', accountId, region, keyId, materialId, keySpec);
  }

  #secretPlace(place: readonly string[]): Uint8Array {
    const { accountId, region } = this.#realm;
    return bound('keymill secret', accountId, region, ...place);
  }
}
