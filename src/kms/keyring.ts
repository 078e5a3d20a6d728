/**
 * The way from a name to a key in use. What was found stays in memory, so that a warm operation reads no store; what was not
 * found is looked for again. An operation that changes a key calls `add` with its new self before it answers.
 */
import type { Store } from '../store/index.ts';
import {
  aliasArn,
  aliasNotFound,
  type KeyAddress,
  keyArn,
  keyNotFound,
  parseKeyAddress,
  type Realm,
} from './address.ts';
import { RecentlyUsed } from './cache.ts';
import { LiveKey } from './livekey.ts';
import type { Root } from './root.ts';

export class Keyring {
  readonly #store: Store;
  readonly #root: Root;
  readonly #realm: Realm;
  readonly #keys: RecentlyUsed<LiveKey>;
  readonly #aliases: RecentlyUsed<string>;
  /** Reads under way, so that a thousand calls with one cold key read it once. */
  readonly #loading = new Map<string, Promise<LiveKey | undefined>>();

  /** Keeps at most `capacity` keys (and as many aliases) open. */
  constructor(store: Store, root: Root, realm: Realm, capacity: number) {
    this.#store = store;
    this.#root = root;
    this.#realm = realm;
    this.#keys = new RecentlyUsed(capacity, (key) => key.close());
    this.#aliases = new RecentlyUsed(capacity);
  }

  /** The key of any of the four names, where memory knows it; undefined says nothing. @throws KmsError NotFoundException */
  recall(name: string): LiveKey | undefined {
    const address = parseKeyAddress(name, this.#realm);
    const keyId = 'keyId' in address ? address.keyId : this.#aliases.get(address.aliasName);
    return keyId === undefined ? undefined : this.#keys.get(keyId);
  }

  /** The key of any of the four names. @throws KmsError NotFoundException, with AWS's texts */
  async resolve(name: string): Promise<LiveKey> {
    const keyId = await this.#keyIdOf(parseKeyAddress(name, this.#realm));
    const key = await this.find(keyId);
    if (key === undefined) throw keyNotFound(keyArn(this.#realm, keyId));
    return key;
  }

  /** The key with this id, or undefined. */
  async find(keyId: string): Promise<LiveKey | undefined> {
    const known = this.#keys.get(keyId) ?? this.#loading.get(keyId);
    if (known !== undefined) return known;
    const loading = this.#load(keyId).finally(() => this.#loading.delete(keyId));
    this.#loading.set(keyId, loading);
    return loading;
  }

  /** Puts a key that was just stored into memory, in place of what was known of it. */
  add(key: LiveKey): void {
    this.#keys.set(key.record.keyId, key);
  }

  close(): void {
    this.#keys.clear();
    this.#aliases.clear();
  }

  async #keyIdOf(address: KeyAddress): Promise<string> {
    if ('keyId' in address) return address.keyId;
    const { aliasName } = address;
    const known = this.#aliases.get(aliasName);
    if (known !== undefined) return known;
    const alias = await this.#store.readAlias(aliasName);
    if (alias === undefined) throw aliasNotFound(aliasArn(this.#realm, aliasName));
    this.#aliases.set(aliasName, alias.targetKeyId);
    return alias.targetKeyId;
  }

  async #load(keyId: string): Promise<LiveKey | undefined> {
    const stored = await this.#store.readKey(keyId);
    if (stored === undefined) return undefined;
    const key = new LiveKey(stored, this.#realm, this.#root);
    this.#keys.set(keyId, key);
    return key;
  }
}
