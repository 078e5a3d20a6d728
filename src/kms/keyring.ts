/**
 * The way from a name to a key in use. What was found stays in memory, so that a warm operation reads no store; what was not
 * found is looked for again. An operation that changes a key calls `add` with its new self before it answers.
 */
import type { Store } from '../store/index.ts';
import { aliasArn, aliasNotFound, invalidKeyId, keyArn, keyNotFound, parseKeyAddress, type Realm } from './address.ts';
import { RecentlyUsed } from './cache.ts';
import { blobName } from './ciphertext.ts';
import { LiveKey } from './livekey.ts';
import type { Root } from './root.ts';

export class Keyring {
  readonly #store: Store;
  readonly #root: Root;
  readonly #realm: Realm;
  readonly #arnPrefix: string;
  readonly #keys: RecentlyUsed<LiveKey>;
  readonly #byBlobName = new Map<string, LiveKey>();
  readonly #aliases: RecentlyUsed<string>;
  /** Reads under way, so that a thousand calls with one cold key read it once. */
  readonly #loading = new Map<string, Promise<LiveKey | undefined>>();

  /** Keeps at most `capacity` keys (and as many aliases) open. */
  constructor(store: Store, root: Root, realm: Realm, capacity: number) {
    this.#store = store;
    this.#root = root;
    this.#realm = realm;
    this.#arnPrefix = keyArn(realm, '');
    this.#keys = new RecentlyUsed(capacity, (key) => {
      this.#byBlobName.delete(key.blobName);
      key.close();
    });
    this.#aliases = new RecentlyUsed(capacity);
  }

  /**
   * The key of a name: any of the four, or only id and ARN. At once where memory knows it.
   * @throws KmsError NotFoundException, with AWS's texts
   */
  named(name: string, names?: 'key'): LiveKey | Promise<LiveKey> {
    // What memory knows by exactly this text needs no parsing.
    const keyId = name.startsWith(this.#arnPrefix) ? name.slice(this.#arnPrefix.length) : name;
    const known = this.#keys.get(keyId);
    if (known !== undefined) return known;
    const address = parseKeyAddress(name, this.#realm);
    if ('keyId' in address) return this.#existing(address.keyId);
    if (names === 'key') throw invalidKeyId(name);
    const target = this.#aliases.get(address.aliasName);
    if (target === undefined) return this.#target(address.aliasName).then((id) => this.#existing(id));
    return this.#keys.get(target) ?? this.#existing(target);
  }

  /** The key that a blob of ours names, where memory knows it. */
  recallByBlob(blob: Uint8Array): LiveKey | undefined {
    const key = this.#byBlobName.get(blobName(blob));
    return key === undefined ? undefined : this.#keys.get(key.record.keyId);
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
    this.#byBlobName.set(key.blobName, key);
  }

  close(): void {
    this.#keys.clear();
    this.#aliases.clear();
  }

  async #existing(keyId: string): Promise<LiveKey> {
    const key = await this.find(keyId);
    if (key === undefined) throw keyNotFound(keyArn(this.#realm, keyId));
    return key;
  }

  async #target(aliasName: string): Promise<string> {
    const alias = await this.#store.readAlias(aliasName);
    if (alias === undefined) throw aliasNotFound(aliasArn(this.#realm, aliasName));
    this.#aliases.set(aliasName, alias.targetKeyId);
    return alias.targetKeyId;
  }

  async #load(keyId: string): Promise<LiveKey | undefined> {
    const stored = await this.#store.readKey(keyId);
    if (stored === undefined) return undefined;
    const key = new LiveKey(stored, this.#realm, this.#root);
    this.add(key);
    return key;
  }
}
