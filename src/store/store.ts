/**
 * What the service keeps, and the promises a store makes about it. A store sees wrapped key material only.
 *
 * A call that changes something returns when the change is durable: it survives the loss of power right after. Each call is
 * one transaction: it happens as a whole or not at all. Times are milliseconds since the epoch.
 */

export interface KeyRecord {
  readonly keyId: string;
  readonly keySpec: string;
  readonly keyUsage: string;
  readonly keyState: string;
  readonly origin: string;
  readonly description: string;
  readonly creationDate: number;
  /** Id of the material that encrypts; null while a key waits for its import. */
  readonly currentMaterialId: string | null;
}

export interface MaterialRecord {
  readonly keyId: string;
  readonly materialId: string;
  /** What the engine's wrapKey gave. */
  readonly wrapped: Uint8Array;
  readonly creationDate: number;
}

/** A key with every material it ever had, since old ones still decrypt. */
export interface StoredKey {
  readonly key: KeyRecord;
  readonly materials: readonly MaterialRecord[];
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
  readonly principal: string;
  readonly creationDate: number;
}

/** One page of a listing in ascending order of its key: what comes strictly after `after`, `limit` rows at most. */
export interface Page {
  readonly after?: string | undefined;
  readonly limit: number;
}

export interface Store {
  /** Name -> value of what was written once, at the first start; empty for a store never started. */
  readSettings(): Promise<ReadonlyMap<string, string>>;
  /** Writes all of `settings`, or nothing where the store has settings already; false then. */
  initialise(settings: ReadonlyMap<string, string>): Promise<boolean>;

  /** Writes a key and its first material. @throws where the id is taken */
  insertKey(stored: StoredKey): Promise<void>;
  readKey(keyId: string): Promise<StoredKey | undefined>;
  /** Key ids in ascending order. */
  listKeys(page: Page): Promise<readonly string[]>;

  /** Writes an alias unless its name is taken or its key has `maxPerKey` aliases already; says which. */
  insertAlias(alias: AliasRecord, maxPerKey: number): Promise<'inserted' | 'exists' | 'limit'>;
  readAlias(aliasName: string): Promise<AliasRecord | undefined>;
  /** Aliases by ascending name, of one key or of all. */
  listAliases(page: Page & { readonly targetKeyId?: string | undefined }): Promise<readonly AliasRecord[]>;

  insertCredential(credential: CredentialRecord): Promise<void>;
  readCredential(accessKeyId: string): Promise<CredentialRecord | undefined>;
  /** Oldest first. */
  listCredentials(): Promise<readonly CredentialRecord[]>;

  /** Idempotent; every later call fails. */
  close(): Promise<void>;
}
