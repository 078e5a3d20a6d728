/** Access keys: what signs requests to the endpoint. Secrets are kept encrypted under the root key. */
import type { CredentialRecord } from '../store/index.ts';
import { asKmsError } from './errors.ts';
import type { Root } from './root.ts';
import { type Service, underRoot } from './service.ts';

/** An access key with its secret. */
export interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary access keys only: every request must carry it. */
  readonly sessionToken?: string;
  /** Of temporary access keys only. */
  readonly expiration?: Date;
  /** ARN of who calls with it. */
  readonly principal: string;
  readonly creationDate: Date;
}

/** Options of `accessKeys.create`. */
export interface AccessKeyOptions {
  /** ARN of who calls with it. Default: the account's root. */
  readonly principal?: string | undefined;
  /** Makes a temporary access key, which has a session token. Default: it lasts until it is removed. */
  readonly durationSeconds?: number | undefined;
}

const ID_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const ID_CHARACTERS = 16;
const SECRET_BYTES = 30;
const TOKEN_BYTES = 96;

/** The access keys of a store. Each method reads or writes it, and so sees what other processes changed. */
export class AccessKeys {
  readonly #service: Service;

  /** @internal Use `kms.accessKeys`. */
  constructor(service: Service) {
    this.#service = service;
  }

  /** A new access key, durable when this returns. @throws KmsError */
  async create({ principal, durationSeconds }: AccessKeyOptions = {}): Promise<AccessKey> {
    const { random, root, realm, now } = this.#service;
    const isTemporary = durationSeconds !== undefined;
    const letters = await random(ID_CHARACTERS);
    // AWS's form: clients and their validators expect AKIA, or ASIA where it is temporary, and 16 letters or digits.
    const accessKeyId = `${isTemporary ? 'ASIA' : 'AKIA'}${Array.from(letters, (byte) => ID_ALPHABET[byte % ID_ALPHABET.length]).join('')}`;
    const secretAccessKey = Buffer.from(await random(SECRET_BYTES)).toString('base64');
    const sessionToken = isTemporary ? Buffer.from(await random(TOKEN_BYTES)).toString('base64') : undefined;
    const owner = principal ?? `arn:aws:iam::${realm.accountId}:root`;
    const creationDate = now();
    const expiration = isTemporary ? creationDate + durationSeconds * 1000 : undefined;
    const secret = isTemporary ? `${secretAccessKey}\n${sessionToken}\n${expiration}` : secretAccessKey;
    const store = async () => {
      const { wrapped, rootKeyId } = await root.sealSecret(secret, ...placeOf(accessKeyId, owner));
      const record = { accessKeyId, wrappedSecret: wrapped, rootKeyId, principal: owner, creationDate };
      await this.#service.store.insertCredential(record);
      return accessKey(record, secret);
    };
    return underRoot(this.#service, store).catch((error) => {
      throw asKmsError(error);
    });
  }

  /** The access key with this id, or undefined where there is none or it has expired. */
  async find(accessKeyId: string): Promise<AccessKey | undefined> {
    const record = await this.#service.store.readCredential(accessKeyId);
    if (record === undefined) return undefined;
    const found = await this.#open(record);
    return this.#hasExpired(found) ? undefined : found;
  }

  /** Every access key that has not expired, oldest first. */
  async list(): Promise<readonly AccessKey[]> {
    const records = await this.#service.store.listCredentials();
    const found = await Promise.all(records.map((record) => this.#open(record)));
    return found.filter((each) => !this.#hasExpired(each));
  }

  /** Removes an access key for good; whether there was one. A running endpoint accepts it for 5 seconds more at most. */
  async remove(accessKeyId: string): Promise<boolean> {
    return this.#service.store.deleteCredential(accessKeyId);
  }

  #hasExpired({ expiration }: AccessKey): boolean {
    return expiration !== undefined && expiration.getTime() <= this.#service.now();
  }

  async #open(record: CredentialRecord): Promise<AccessKey> {
    return accessKey(record, await openAccessKey(this.#service.root, record));
  }
}

/** `secret` is what was encrypted: the secret access key, and for a temporary one a line each of token and expiry. */
function accessKey({ accessKeyId, principal, creationDate }: CredentialRecord, secret: string): AccessKey {
  const [secretAccessKey = '', sessionToken, expiration] = secret.split('\n');
  const lasting = { accessKeyId, secretAccessKey, principal, creationDate: new Date(creationDate) };
  return sessionToken === undefined ? lasting : { ...lasting, sessionToken, expiration: new Date(Number(expiration)) };
}

/** What a secret is bound to. */
const placeOf = (accessKeyId: string, principal: string) => ['access key', accessKeyId, principal] as const;

const openAccessKey = (
  root: Root,
  { wrappedSecret, rootKeyId, accessKeyId, principal }: CredentialRecord,
): Promise<string> => root.openSecret({ wrapped: wrappedSecret, rootKeyId }, ...placeOf(accessKeyId, principal));

/** The secret of an access key, under another root key. */
export async function rewrapAccessKey(from: Root, to: Root, record: CredentialRecord): Promise<Uint8Array> {
  const secret = await openAccessKey(from, record);
  return (await to.sealSecret(secret, ...placeOf(record.accessKeyId, record.principal))).wrapped;
}
