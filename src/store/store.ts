/**
 * What the service keeps, and the promises a store makes about it. A store sees wrapped key material only.
 *
 * A call that changes something returns when the change is durable: it survives the loss of power right after. Each call is
 * one transaction: it happens as a whole or not at all. Times are milliseconds since the epoch.
 */

export interface KeyRecord {
  readonly keyId: string;
  /** Grows with every change of the key or of its materials. */
  readonly version: number;
  readonly keySpec: string;
  readonly keyUsage: string;
  readonly keyState: string;
  readonly origin: string;
  readonly description: string;
  readonly creationDate: number;
  /** Id of the material that encrypts; null while a key waits for its first import. */
  readonly currentMaterialId: string | null;
  /** When a key that is pending deletion ends. */
  readonly deletionDate: number | null;
  /** The period that was last asked for; null where none ever was. */
  readonly rotationPeriodInDays: number | null;
  /** Null where automatic rotation is off. */
  readonly nextRotationDate: number | null;
}

export interface MaterialRecord {
  readonly keyId: string;
  readonly materialId: string;
  /** What the engine's wrapKey gave; null once imported material was deleted or has expired. */
  readonly wrapped: Uint8Array | null;
  /** Which root key wrapped it. */
  readonly rootKeyId: string;
  readonly creationDate: number;
  /** AWS's KeyMaterialState. */
  readonly materialState: string;
  /** When imported material expires; null where it never does. */
  readonly validTo: number | null;
  readonly description: string | null;
  /** When it became current by a rotation, and by which; null for a first material. */
  readonly rotationDate: number | null;
  readonly rotationType: string | null;
}

/** A key with every material it ever had, since old ones still decrypt; the oldest material first. */
export interface StoredKey {
  readonly key: KeyRecord;
  readonly materials: readonly MaterialRecord[];
}

export interface TagRecord {
  readonly tagKey: string;
  readonly tagValue: string;
}

/** What belongs to a new key beside its record. */
export interface NewKey extends StoredKey {
  readonly tags?: readonly TagRecord[];
  readonly policy?: string | undefined;
}

export interface AliasRecord {
  readonly aliasName: string;
  readonly targetKeyId: string;
  readonly creationDate: number;
  readonly lastUpdatedDate: number;
}

export interface CredentialRecord {
  readonly accessKeyId: string;
  /** The secret access key, encrypted under the root key: SigV4 needs it back, so it cannot be hashed. */
  readonly wrappedSecret: Uint8Array;
  /** Which root key encrypted it. */
  readonly rootKeyId: string;
  readonly principal: string;
  readonly creationDate: number;
}

/** What somebody, perhaps another process, changed. */
export interface Change {
  readonly kind: 'key' | 'alias' | 'root';
  /** The key id, the alias name, or the id of the new root key. */
  readonly name: string;
}

/** One page of a listing in ascending order of its key: what comes strictly after `after`, `limit` rows at most. */
export interface Page {
  readonly after?: string | undefined;
  readonly limit: number;
}

/** The setting that says which root key wraps everything in the store. */
export const ROOT_KEY_ID = 'rootKeyId';

/** A write of something that was wrapped under another root key than the store's: nothing was written. */
export class RootKeyReplacedError extends Error {
  override readonly name = 'RootKeyReplacedError';
}

/** Everything in a store that is under its root key, on its way to another one. */
export interface Rewrap {
  /** The settings under the new root key, its id among them. Called before the others. */
  settings(before: ReadonlyMap<string, string>): Promise<ReadonlyMap<string, string>>;
  /** A material, wrapped anew. */
  material(record: MaterialRecord & { readonly wrapped: Uint8Array }, keySpec: string): Promise<Uint8Array>;
  /** An access key's secret, encrypted anew. */
  credential(record: CredentialRecord): Promise<Uint8Array>;
}

/**
 * Where the store has a setting ROOT_KEY_ID, material and credentials are written only if their `rootKeyId` is that one; a call
 * throws RootKeyReplacedError otherwise.
 */
export interface Store {
  /** Name -> value of what is said once for the whole store; empty for a store never started. */
  readSettings(): Promise<ReadonlyMap<string, string>>;
  /** Writes all of `settings`, or nothing where the store has settings already; false then. */
  initialise(settings: ReadonlyMap<string, string>): Promise<boolean>;
  /** Replaces the settings and everything wrapped by what `rewrap` makes of it. Where that throws, nothing is written. */
  rewrap(rewrap: Rewrap): Promise<void>;
  /**
   * Copies the store as of one moment into a new file that opens as a store, readable by its owner only and durable when this
   * returns; a crash leaves no half of it. @throws with code EEXIST where the file exists
   */
  backup(file: string): Promise<void>;

  /** Writes a key and what belongs to it. @throws where the id is taken */
  insertKey(stored: NewKey): Promise<void>;
  /** Writes keys with what belongs to them, and aliases, unless an id or a name is taken or a key would have more than `maxPerKey` aliases; says which. */
  insertKeys(
    keys: readonly NewKey[],
    aliases: readonly AliasRecord[],
    maxPerKey: number,
  ): Promise<'inserted' | 'exists' | 'limit'>;
  /** The key, undefined where there is none. */
  readKey(keyId: string): Promise<StoredKey | undefined>;
  /**
   * Reads a key, replaces it by what `change` makes of it, and gives that back with its version grown; undefined where there is
   * no such key. Nothing else changes the key in between. Where `change` throws, nothing is written and the error is the caller's.
   */
  updateKey(keyId: string, change: (stored: StoredKey) => StoredKey): Promise<StoredKey | undefined>;
  /**
   * Deletes a key with everything that belongs to it, where it is still pending a deletion due by `deadline`. Gives the names of
   * the aliases that went with it; undefined where nothing was deleted.
   */
  destroyKey(keyId: string, deadline: number): Promise<readonly string[] | undefined>;
  /** Ids of keys with a deletion, a rotation or an expiry of material due by `deadline`. */
  listDueKeys(deadline: number): Promise<readonly string[]>;
  /** Key ids in ascending order. */
  listKeys(page: Page): Promise<readonly string[]>;
  /** How many keys there are in each state that has any. */
  countKeys(): Promise<ReadonlyMap<string, number>>;

  /** Writes an alias unless its name is taken or its key has `maxPerKey` aliases already; says which. */
  insertAlias(alias: AliasRecord, maxPerKey: number): Promise<'inserted' | 'exists' | 'limit'>;
  /** Points an existing alias elsewhere, under the same limit; `check` sees its present target and may throw. */
  updateAlias(
    alias: Omit<AliasRecord, 'creationDate'>,
    maxPerKey: number,
    check: (presentTarget: KeyRecord) => void,
  ): Promise<'updated' | 'missing' | 'limit'>;
  /** Whether there was such an alias. */
  deleteAlias(aliasName: string): Promise<boolean>;
  /** The alias, undefined where there is none. */
  readAlias(aliasName: string): Promise<AliasRecord | undefined>;
  /** Aliases by ascending name, of one key or of all. */
  listAliases(page: Page & { readonly targetKeyId?: string | undefined }): Promise<readonly AliasRecord[]>;

  /** Adds tags or replaces their values, or does nothing where the key would have more than `maxPerKey`; whether it did. */
  putTags(keyId: string, tags: readonly TagRecord[], maxPerKey: number): Promise<boolean>;
  /** Removes the tags with these keys, where the key has them. */
  deleteTags(keyId: string, tagKeys: readonly string[]): Promise<void>;
  /** Tags by ascending key. */
  listTags(keyId: string, page: Page): Promise<readonly TagRecord[]>;

  /** The key's policy, undefined where none was ever put. */
  readPolicy(keyId: string): Promise<string | undefined>;
  /** Replaces the key's policy. */
  writePolicy(keyId: string, policy: string): Promise<void>;

  /** The number of the latest change; grows with every change of a key or an alias, by whichever process. */
  readChangeNumber(): Promise<number>;
  /** What changed after `changeNumber`, in order; undefined where that is too long ago to tell. */
  readChanges(changeNumber: number): Promise<readonly Change[] | undefined>;

  /** Writes an access key. @throws where the id is taken */
  insertCredential(credential: CredentialRecord): Promise<void>;
  /** The access key with this id, undefined where there is none. */
  readCredential(accessKeyId: string): Promise<CredentialRecord | undefined>;
  /** Whether there was such a credential. */
  deleteCredential(accessKeyId: string): Promise<boolean>;
  /** Oldest first. */
  listCredentials(): Promise<readonly CredentialRecord[]>;

  /** Idempotent; every later call fails. */
  close(): Promise<void>;
}
