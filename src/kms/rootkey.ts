/** Where the root key of a store comes from, and where a new one goes. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { makeFile, syncDirectory } from '../store/index.ts';
import { StartError } from './errors.ts';
import { derive, newSalt, readSalt, SCRYPT } from './passphrase.ts';

const ROOT_KEY_BYTES = 32;
const FILE_VERSION = 'keymill-root-key-v1';
/** What follows the name of a root key file while its key is being put in place. */
const NEXT = '.next';

/**
 * The key that encrypts everything in a store: 32 bytes, or their Base64 or hexadecimal text; an environment variable with that
 * text; a file, made where absent; or a passphrase, from which scrypt derives it. Bytes stay the caller's, who may wipe them once the
 * service is open: of those it keeps no copy outside the engine.
 */
export type RootKeyOption =
  | Uint8Array
  | string
  | { readonly environment: string }
  | { readonly file: string }
  | { readonly passphrase: Uint8Array | string };

type Settings = ReadonlyMap<string, string>;

/** A key that may be a store's. */
interface Candidate {
  /** The caller owns the bytes and wipes them. @throws StartError */
  read(): Uint8Array | Promise<Uint8Array>;
  /** Called once the key has proved to be the store's. */
  settle?(): void;
}

export interface NewRootKey {
  /** The caller owns them and wipes them. */
  readonly bytes: Uint8Array;
  /** What the store must remember so that the key is found again. */
  readonly settings: Settings;
  /** Called once the store is under the key. */
  settle?(): void;
}

export interface RootKeySource {
  /** Keys that may be that of an existing store, the likeliest first. */
  candidates(settings: Settings): readonly Candidate[];
  /** The key for a new store, durable where this source keeps keys. @throws StartError */
  make(): Promise<NewRootKey>;
  /** A key other than the present one, durable beside it. @throws StartError where this source has only one */
  renew(): Promise<NewRootKey>;
  /** Wipes what the source itself has of a key, once the service has that: it gives no key any more. */
  forget(): void;
  /** Why no candidate was the right one. */
  readonly mismatch: string;
}

const NOTHING: Settings = new Map();
/** Settings that belong to one source of a root key. */
export const SOURCE_SETTINGS: ReadonlySet<string> = new Set([SCRYPT]);

/** @throws StartError unless `text` or bytes say a root key */
function rootKeyBytes(given: Uint8Array | string): Uint8Array {
  const bytes =
    typeof given === 'string'
      ? Buffer.from(given, /^[0-9a-fA-F]{64}$/.test(given) ? 'hex' : 'base64')
      : Buffer.from(given);
  if (bytes.length === ROOT_KEY_BYTES) return bytes;
  throw new StartError(
    `the root key must be ${ROOT_KEY_BYTES} bytes (as Base64, hexadecimal or bytes), got ${bytes.length}`,
  );
}

const nothing = (): void => {};
const onlyOne = async (): Promise<never> => {
  throw new StartError('say what the new root key is: only a root key in a file is renewed by itself');
};

/** The bytes are checked, and where they are the caller's copied, at once. */
function givenKey(given: Uint8Array | string): RootKeySource {
  const key = rootKeyBytes(given);
  let isForgotten = false;
  return {
    candidates: () => (isForgotten ? [] : [{ read: () => new Uint8Array(key) }]),
    make: async () => ({ bytes: new Uint8Array(key), settings: NOTHING }),
    renew: onlyOne,
    forget() {
      isForgotten = true;
      key.fill(0);
    },
    mismatch: 'the root key is not the one this store was made with; nothing was changed',
  };
}

function passphraseKey(given: Uint8Array | string): RootKeySource {
  // One text has one key, however the keyboard composes its letters.
  const passphrase = typeof given === 'string' ? Buffer.from(given.normalize('NFC'), 'utf8') : Buffer.from(given);
  if (passphrase.length === 0) throw new StartError('the passphrase of the root key is empty');
  let isForgotten = false;
  return {
    candidates(settings) {
      if (isForgotten) return [];
      const salt = settings.get(SCRYPT);
      if (salt === undefined) {
        throw new StartError('the root key of this store is not derived from a passphrase; nothing was changed');
      }
      return [{ read: () => derive(passphrase, readSalt(salt)) }];
    },
    async make() {
      const salt = newSalt();
      return { bytes: await derive(passphrase, salt), settings: new Map([[SCRYPT, salt.text]]) };
    },
    renew: onlyOne,
    forget() {
      isForgotten = true;
      passphrase.fill(0);
    },
    mismatch: 'the passphrase is not the one of the root key of this store; nothing was changed',
  };
}

function fileKey(path: string): RootKeySource {
  const file = resolve(path);
  return {
    candidates(settings) {
      if (settings.has(SCRYPT) && !existsSync(file)) {
        throw new StartError('the root key of this store is derived from a passphrase: set KEYMILL_ROOT_PASSPHRASE');
      }
      const present = { read: () => readRootKey(file) };
      const next = { read: () => readRootKey(file + NEXT), settle: () => settleRootKey(file) };
      // It is there where a renewal was cut short, and then it is the store's where the store was done with it.
      return existsSync(file + NEXT) ? [present, next] : [present];
    },
    make: async () => ({ bytes: await createRootKey(file), settings: NOTHING }),
    async renew() {
      rmSync(file + NEXT, { force: true });
      return { bytes: await createRootKey(file + NEXT), settings: NOTHING, settle: () => settleRootKey(file) };
    },
    forget: nothing,
    mismatch: 'the root key is not the one this store was made with; nothing was changed',
  };
}

/** For a store that keeps nothing. */
const randomKey: RootKeySource = {
  candidates: () => [],
  make: async () => ({ bytes: randomBytes(ROOT_KEY_BYTES), settings: NOTHING }),
  renew: async () => ({ bytes: randomBytes(ROOT_KEY_BYTES), settings: NOTHING }),
  forget: nothing,
  mismatch: 'the root key is missing: say which one this store was made with',
};

/** @throws StartError where the option says no root key */
export function rootKeySource(option: RootKeyOption): RootKeySource {
  if (typeof option === 'string' || option instanceof Uint8Array) return givenKey(option);
  if ('file' in option) return fileKey(option.file);
  if ('passphrase' in option) return passphraseKey(option.passphrase);
  const text = process.env[option.environment];
  if (!text) throw new StartError(`the root key is missing: the environment has no ${option.environment}`);
  return givenKey(text);
}

/** How the environment says a root key, behind a prefix. */
const ENVIRONMENT: Readonly<Record<string, (value: string) => RootKeyOption>> = {
  ROOT_KEY: (value) => value,
  ROOT_KEY_FILE: (file) => ({ file }),
  ROOT_PASSPHRASE: (passphrase) => ({ passphrase }),
};

/**
 * What KEYMILL_ROOT_KEY, KEYMILL_ROOT_KEY_FILE or KEYMILL_ROOT_PASSPHRASE says, undefined where none is set; behind another
 * `prefix`, the variables of that one. @throws StartError where more than one is set
 */
export function environmentRootKey(prefix = 'KEYMILL_'): RootKeyOption | undefined {
  const set = Object.keys(ENVIRONMENT).filter((name) => process.env[prefix + name]);
  if (set.length > 1) throw new StartError(`set one of ${set.map((name) => prefix + name).join(' and ')}, not both`);
  const [name] = set;
  return name === undefined ? undefined : ENVIRONMENT[name]!(process.env[prefix + name]!);
}

/** The root key that a service on `directory` has where it is not told otherwise; undefined is a store that keeps nothing. */
export function defaultRootKey(directory: string | undefined): RootKeySource {
  const option = environmentRootKey();
  if (option !== undefined) return rootKeySource(option);
  return directory === undefined ? randomKey : fileKey(join(directory, 'root.key'));
}

/** @throws StartError where the file is missing, readable by others or not a root key file */
function readRootKey(file: string): Uint8Array {
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

/** A new key in a file of its own, and in a directory of its own where there is none. @returns its key, or the key of a file that is there already */
async function createRootKey(file: string): Promise<Uint8Array> {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const key = randomBytes(ROOT_KEY_BYTES);
  try {
    await makeFile(file, (draft) => writeFileSync(draft, `${FILE_VERSION}\n${key.toString('base64')}\n`));
    return key;
  } catch (error) {
    key.fill(0);
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return readRootKey(file);
  }
}

/** Gives the file of a renewed key its place, unless another process has. */
function settleRootKey(file: string): void {
  try {
    renameSync(file + NEXT, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  syncDirectory(dirname(file));
}
