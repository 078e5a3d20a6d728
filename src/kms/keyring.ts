/**
 * The way from a name to a key in use. What was found stays in memory, so that a warm operation reads no store; what was not
 * found is looked for again. An operation that changes a key calls `put` with its new self before it answers.
 */
import type { Store, StoredKey } from '../store/index.ts';
import { aliasArn, aliasNotFound, invalidKeyId, keyArn, keyNotFound, parseKeyAddress, type Realm } from './address.ts';
import { RecentlyUsed } from './cache.ts';
import { haveSameKeyId, keyIdBits } from './ciphertext.ts';
import { LiveKey } from './livekey.ts';
import type { Root } from './root.ts';

export class Keyring {
  readonly #store: Store;
  readonly #root: Root;
  readonly #realm: Realm;
  readonly #arnPrefix: string;
  readonly #keys: RecentlyUsed<LiveKey>;
  /** By keyIdBits; of keys that share them, the last put. */
  readonly #byBits = new Map<number, LiveKey>();
  readonly #aliases: RecentlyUsed<string>;
  /** Reads under way, so that a thousand calls with one cold key read it once. */
  readonly #loading = new Map<string, Promise<LiveKey | undefined>>();
  /** Grows whenever something is to be forgotten, so that a read that began before does not bring it back. */
  #forgotten = 0;

  /** Keeps at most `capacity` keys (and as many aliases) open. */
  constructor(store: Store, root: Root, realm: Realm, capacity: number) {
    this.#store = store;
    this.#root = root;
    this.#realm = realm;
    this.#arnPrefix = keyArn(realm, '');
    this.#keys = new RecentlyUsed(capacity, (key) => {
      const bits = keyIdBits(key.header);
      if (this.#byBits.get(bits) === key) this.#byBits.delete(bits);
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
    const known =
      this.#keys.get(name) ??
      (name.startsWith(this.#arnPrefix) ? this.#keys.get(name.slice(this.#arnPrefix.length)) : undefined);
    if (known !== undefined) return known;
    const address = parseKeyAddress(name, this.#realm);
    if ('keyId' in address) return this.#existing(address.keyId);
    if (names === 'key') throw invalidKeyId(name);
    const target = this.#aliases.get(address.aliasName);
    if (target === undefined) return this.#target(address.aliasName).then((id) => this.#existing(id));
    return this.#keys.get(target) ?? this.#existing(target);
  }

  /** The key that a blob of ours names, where memory knows it at once; `find` knows all that are in memory. */
  recallByBlob(blob: Uint8Array): LiveKey | undefined {
    const key = this.#byBits.get(keyIdBits(blob));
    return key === undefined || !haveSameKeyId(blob, key.header) ? undefined : this.#keys.get(key.record.keyId);
  }

  /** The key with this id, or undefined. */
  async find(keyId: string): Promise<LiveKey | undefined> {
    const known = this.#keys.get(keyId) ?? this.#loading.get(keyId);
    if (known !== undefined) return known;
    const loading = this.#load(keyId).finally(() => {
      if (this.#loading.get(keyId) === loading) this.#loading.delete(keyId);
    });
    this.#loading.set(keyId, loading);
    return loading;
  }

  /** Puts a key that was just read or stored into memory, in place of an older self. Gives back the newest self known. */
  put(stored: StoredKey): LiveKey {
    const { keyId, version } = stored.key;
    const known = this.#keys.get(keyId);
    if (known !== undefined && known.record.version >= version) return known;
    const key = new LiveKey(stored, this.#realm, this.#root);
    if (known !== undefined) key.succeed(known);
    this.#keys.set(keyId, key);
    this.#byBits.set(keyIdBits(key.header), key);
    return key;
  }

  /** Reads a key again, where memory has it: somebody, perhaps another process, changed it. */
  async refresh(keyId: string): Promise<void> {
    if (this.#keys.get(keyId) === undefined) {
      // A read that is under way may have begun before the change.
      this.#forgotten++;
      this.#loading.delete(keyId);
      return;
    }
    const stored = await this.#store.readKey(keyId);
    if (stored === undefined) this.forget(keyId);
    else this.put(stored);
  }

  /** Forgets a key that somebody else changed, or that is gone. */
  forget(keyId: string): void {
    this.#forgotten++;
    this.#loading.delete(keyId);
    this.#keys.delete(keyId);
  }

  /** Forgets an alias that was changed or deleted. */
  forgetAlias(aliasName: string): void {
    this.#forgotten++;
    this.#aliases.delete(aliasName);
  }

  /** Forgets everything: what changed is not known. */
  forgetAll(): void {
    this.#forgotten++;
    this.#loading.clear();
    this.#keys.clear();
    this.#aliases.clear();
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
    const before = this.#forgotten;
    const alias = await this.#store.readAlias(aliasName);
    if (alias === undefined) throw aliasNotFound(aliasArn(this.#realm, aliasName));
    if (this.#forgotten === before) this.#aliases.set(aliasName, alias.targetKeyId);
    return alias.targetKeyId;
  }

  async #load(keyId: string): Promise<LiveKey | undefined> {
    const before = this.#forgotten;
    const stored = await this.#store.readKey(keyId);
    if (stored === undefined) return undefined;
    // What was read may be what somebody asked to forget in the meantime: good for this call, not for the next.
    return this.#forgotten === before ? this.put(stored) : new LiveKey(stored, this.#realm, this.#root);
  }
}
