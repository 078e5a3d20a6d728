/** From a passphrase to a root key: scrypt, RFC 7914. The parameters and the salt stay with the store. */
import { randomBytes, scrypt } from 'node:crypto';
import { StartError } from './errors.ts';

/** The setting that keeps them: `n,r,p,salt`, the salt as Base64. */
export const SCRYPT = 'rootKeyScrypt';

const KEY_BYTES = 32;
const SALT_BYTES = 32;

/** A guess costs 128 n r bytes of memory: 128 MiB. */
const PARAMETERS = { n: 2 ** 17, r: 8, p: 1 };
/** What a store may ask for at most, so that a changed one cannot exhaust the machine. */
const MAX_MEMORY_BYTES = 2 ** 30;

export interface ScryptSalt {
  readonly n: number;
  readonly r: number;
  readonly p: number;
  readonly salt: Buffer;
  /** As the setting. */
  readonly text: string;
}

export function newSalt(): ScryptSalt {
  const salt = randomBytes(SALT_BYTES);
  const { n, r, p } = PARAMETERS;
  return { n, r, p, salt, text: [n, r, p, salt.toString('base64')].join(',') };
}

/** @throws StartError where the setting is not one of ours */
export function readSalt(text: string): ScryptSalt {
  const [, n, r, p, salt] = /^(\d+),(\d+),(\d+),([\w+/=]+)$/.exec(text) ?? [];
  const read = { n: Number(n), r: Number(r), p: Number(p), salt: Buffer.from(salt ?? '', 'base64'), text };
  const isCost = Number.isInteger(Math.log2(read.n)) && read.r > 0 && read.p > 0;
  if (!isCost || 128 * read.n * read.r * read.p > MAX_MEMORY_BYTES || read.salt.length !== SALT_BYTES) {
    throw new StartError('the store is damaged: its parameters of scrypt are not valid');
  }
  return read;
}

/** The caller owns the bytes and wipes them. Takes a good part of a second, on a thread of its own. */
export function derive(passphrase: Uint8Array, { n, r, p, salt }: ScryptSalt): Promise<Uint8Array> {
  const options = { N: n, r, p, maxmem: 2 * MAX_MEMORY_BYTES };
  return new Promise((resolve, reject) => {
    scrypt(passphrase, salt, KEY_BYTES, options, (error, key) => (error === null ? resolve(key) : reject(error)));
  });
}
