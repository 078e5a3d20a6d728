/** Access keys: what signs requests to the endpoint. Secrets are kept encrypted under the root key. */
import type { CredentialRecord } from '../store/index.ts';
import type { Service } from './service.ts';

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

  /** A new access key, durable when this returns. `principal` defaults to the account's root. */
  async create(principal?: string): Promise<AccessKey> {
    const { random, root, store, realm, now } = this.#service;
    const letters = await random(ID_CHARACTERS);
    // AWS's form: clients and their validators expect AKIA and 16 letters or digits.
    const accessKeyId = `AKIA${Array.from(letters, (byte) => ID_ALPHABET[byte % ID_ALPHABET.length]).join('')}`;
    const secretAccessKey = Buffer.from(await random(SECRET_BYTES)).toString('base64');
    const owner = principal ?? `arn:aws:iam::${realm.accountId}:root`;
    const creationDate = now();
    const wrappedSecret = await root.sealSecret(secretAccessKey, 'access key', accessKeyId, owner);
    await store.insertCredential({ accessKeyId, wrappedSecret, principal: owner, creationDate });
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

  async #open({ accessKeyId, wrappedSecret, principal, creationDate }: CredentialRecord): Promise<AccessKey> {
    const secretAccessKey = await this.#service.root.openSecret(wrappedSecret, 'access key', accessKeyId, principal);
    return { accessKeyId, secretAccessKey, principal, creationDate: new Date(creationDate) };
  }
}
