/** Access keys: what signs requests to the endpoint. Secrets are kept encrypted under the root key. */
import type { CredentialRecord } from '../store/index.ts';
import { asKmsError } from './errors.ts';
import type { Root } from './root.ts';
import { type Service, underRoot } from './service.ts';

export interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** ARN of who calls with it. */
  readonly principal: string;
  readonly creationDate: Date;
}

const ID_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const ID_CHARACTERS = 16;
const SECRET_BYTES = 30;

export class AccessKeys {
  readonly #service: Service;

  constructor(service: Service) {
    this.#service = service;
  }

  /** A new access key, durable when this returns. `principal` defaults to the account's root. @throws KmsError */
  async create(principal?: string): Promise<AccessKey> {
    const { random, root, realm, now } = this.#service;
    const letters = await random(ID_CHARACTERS);
    // AWS's form: clients and their validators expect AKIA and 16 letters or digits.
    const accessKeyId = `AKIA${Array.from(letters, (byte) => ID_ALPHABET[byte % ID_ALPHABET.length]).join('')}`;
    const secretAccessKey = Buffer.from(await random(SECRET_BYTES)).toString('base64');
    const owner = principal ?? `arn:aws:iam::${realm.accountId}:root`;
    const creationDate = now();
    const store = async () => {
      const { wrapped, rootKeyId } = await root.sealSecret(secretAccessKey, ...placeOf(accessKeyId, owner));
      const record = { accessKeyId, wrappedSecret: wrapped, rootKeyId, principal: owner, creationDate };
      await this.#service.store.insertCredential(record);
    };
    await underRoot(this.#service, store).catch((error) => {
      throw asKmsError(error);
    });
    return { accessKeyId, secretAccessKey, principal: owner, creationDate: new Date(creationDate) };
  }

  /** The access key with this id, or undefined. */
  async find(accessKeyId: string): Promise<AccessKey | undefined> {
    const record = await this.#service.store.readCredential(accessKeyId);
    return record === undefined ? undefined : this.#open(record);
  }

  /** Every access key, oldest first. */
  async list(): Promise<readonly AccessKey[]> {
    const records = await this.#service.store.listCredentials();
    return Promise.all(records.map((record) => this.#open(record)));
  }

  async #open(record: CredentialRecord): Promise<AccessKey> {
    const { accessKeyId, principal, creationDate } = record;
    const secretAccessKey = await openAccessKey(this.#service.root, record);
    return { accessKeyId, secretAccessKey, principal, creationDate: new Date(creationDate) };
  }
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
