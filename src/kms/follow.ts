/** Seeing what other processes change in the same store. */
import type { Store } from '../store/index.ts';
import type { Keyring } from './keyring.ts';

export class Follower {
  readonly #store: Store;
  readonly #keyring: Keyring;
  readonly #rootChanged: () => Promise<void>;
  #seen: number;

  private constructor(store: Store, keyring: Keyring, rootChanged: () => Promise<void>, seen: number) {
    this.#store = store;
    this.#keyring = keyring;
    this.#rootChanged = rootChanged;
    this.#seen = seen;
  }

  /** Follows what is changed from now on: `keyring` must still be empty. `rootChanged` is called where the root key may have been replaced. */
  static async open(store: Store, keyring: Keyring, rootChanged: () => Promise<void>): Promise<Follower> {
    return new Follower(store, keyring, rootChanged, await store.readChangeNumber());
  }

  /** Brings memory to what the store held when this was called. Changes of our own come by too; they are known already. */
  async look(): Promise<void> {
    const newest = await this.#store.readChangeNumber();
    if (newest === this.#seen) return;
    const changes = await this.#store.readChanges(this.#seen);
    if (changes === undefined) this.#keyring.forgetAll();
    if (changes === undefined || changes.some(({ kind }) => kind === 'root')) await this.#rootChanged();
    const names = (kind: string) => new Set(changes?.filter((each) => each.kind === kind).map(({ name }) => name));
    for (const aliasName of names('alias')) this.#keyring.forgetAlias(aliasName);
    for (const keyId of names('key')) await this.#keyring.refresh(keyId);
    // Not before all are known: where a read fails, the next look begins here again.
    this.#seen = newest;
  }
}
