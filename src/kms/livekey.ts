/** A stored key in use: its record, and its materials as engine keys once something needed them. */
import type { Engine, EngineKey, KeySpec, PreparedAead } from '../engine/index.ts';
import type { KeyRecord, MaterialRecord, StoredKey } from '../store/index.ts';
import { keyArn, type Realm } from './address.ts';
import { blobMemory, ciphertextAad, ciphertextHeader } from './ciphertext.ts';
import { KmsError } from './errors.ts';
import type { Root } from './root.ts';
import type { KeyUsage } from './specs.ts';
import { type KeyState, nextChangeOf, stateAt } from './states.ts';

/** A material whose engine key is there. */
export type OpenMaterial = LiveMaterial & { readonly handle: EngineKey };

/** One material. `handle` is there once it was opened, so that warm operations need not wait. */
export class LiveMaterial {
  readonly materialId: string;
  /** The first part of every ciphertext under this material. */
  readonly header: Uint8Array;
  handle: EngineKey | undefined;
  readonly #record: MaterialRecord;
  readonly #keySpec: KeySpec;
  readonly #root: Root;
  #opening: Promise<EngineKey> | undefined;
  #aead: PreparedAead | undefined;

  constructor(record: MaterialRecord, keySpec: KeySpec, root: Root) {
    this.materialId = record.materialId;
    this.header = ciphertextHeader(record.keyId, record.materialId);
    this.#record = record;
    this.#keySpec = keySpec;
    this.#root = root;
  }

  isOpen(): this is OpenMaterial {
    return this.handle !== undefined;
  }

  /** The engine key, unwrapped at the first call. @throws KmsError KMSInternalException where the stored material does not open */
  open(): Promise<EngineKey> {
    if (this.handle !== undefined) return Promise.resolve(this.handle);
    this.#opening ??= this.#unwrap().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  /** Encryption into blobs that begin with the header, and decryption; for a symmetric key that is open. */
  aead(engine: Engine): PreparedAead {
    this.#aead ??= engine.prepareAead({
      key: this.handle!,
      algorithm: 'XAES_256_GCM',
      prefix: this.header,
      aad: ciphertextAad(this.header, undefined),
      allocate: blobMemory,
    });
    return this.#aead;
  }

  async #unwrap(): Promise<EngineKey> {
    const { keyId, wrapped } = this.#record;
    if (wrapped === null) throw new KmsError('KMSInternalException', `Key ${keyId} has no such material any more.`);
    try {
      this.handle = await this.#root.unwrapKey({ ...this.#record, wrapped }, this.#keySpec);
      return this.handle;
    } catch (error) {
      if ((error as { code?: string }).code !== 'DECRYPTION_FAILED') throw error;
      throw new KmsError('KMSInternalException', `The stored material of key ${keyId} is damaged.`, { cause: error });
    }
  }

  /** Takes over the engine key of the same material. */
  succeed(older: LiveMaterial | undefined): void {
    if (older === undefined || this.#record.wrapped === null || this.handle !== undefined) return;
    this.handle = older.handle;
    this.#aead = older.#aead;
    older.handle = older.#aead = undefined;
  }

  /** Gives the engine key back; operations that hold it already finish, the next one opens it again. */
  close(): void {
    this.handle?.close();
    this.handle = this.#aead = undefined;
  }
}

export class LiveKey {
  readonly stored: StoredKey;
  readonly arn: string;
  readonly keySpec: KeySpec;
  readonly keyUsage: KeyUsage;
  /** A header without a material: how ciphertexts of this key name it. */
  readonly header: Uint8Array;
  readonly #nextChange: number;
  readonly #current: LiveMaterial | undefined;
  readonly #materials = new Map<string, LiveMaterial>();

  constructor(stored: StoredKey, realm: Realm, root: Root) {
    const { key, materials } = stored;
    this.stored = stored;
    this.arn = keyArn(realm, key.keyId);
    this.keySpec = key.keySpec as KeySpec;
    this.keyUsage = key.keyUsage as KeyUsage;
    for (const material of materials) {
      this.#materials.set(material.materialId, new LiveMaterial(material, this.keySpec, root));
    }
    this.#current = key.currentMaterialId === null ? undefined : this.#materials.get(key.currentMaterialId);
    this.header = ciphertextHeader(key.keyId, '');
    this.#nextChange = nextChangeOf(stored);
  }

  get record(): KeyRecord {
    return this.stored.key;
  }

  /** The state at this moment, undefined once the key is gone. `now` is asked only where time matters to this key. */
  state(now: () => number): KeyState | undefined {
    return this.#nextChange === Number.POSITIVE_INFINITY
      ? (this.record.keyState as KeyState)
      : stateAt(this.stored, now());
  }

  /** Takes over what an older self of this key has open. */
  succeed(older: LiveKey): void {
    for (const [materialId, material] of this.#materials) material.succeed(older.material(materialId));
  }

  material(materialId: string): LiveMaterial | undefined {
    return this.#materials.get(materialId);
  }

  /** The material that encrypts and signs; a key whose state allows that has one. */
  get current(): LiveMaterial {
    if (this.#current === undefined) {
      throw new KmsError('KMSInternalException', `${this.arn} has no current material.`);
    }
    return this.#current;
  }

  close(): void {
    for (const material of this.#materials.values()) material.close();
  }
}
