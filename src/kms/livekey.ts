/** A stored key in use: its record, and its materials as engine keys once something needed them. */
import type { EngineKey, KeySpec } from '../engine/index.ts';
import type { KeyRecord, MaterialRecord, StoredKey } from '../store/index.ts';
import { keyArn, type Realm } from './address.ts';
import { blobNameOf, ciphertextAad, ciphertextHeader } from './ciphertext.ts';
import { KmsError } from './errors.ts';
import type { Root } from './root.ts';
import type { KeyUsage } from './specs.ts';
import type { KeyState } from './states.ts';

/** A material whose engine key is there. */
export type OpenMaterial = LiveMaterial & { readonly handle: EngineKey };

/** One material. `handle` is there once it was opened, so that warm operations need not wait. */
export class LiveMaterial {
  readonly materialId: string;
  /** The first part of every ciphertext under this material. */
  readonly header: Uint8Array;
  /** The additional data of ciphertexts without an encryption context. */
  readonly aad: Uint8Array;
  handle: EngineKey | undefined;
  readonly #record: MaterialRecord;
  readonly #keySpec: KeySpec;
  readonly #root: Root;
  #opening: Promise<EngineKey> | undefined;

  constructor(record: MaterialRecord, keySpec: KeySpec, root: Root) {
    this.materialId = record.materialId;
    this.header = ciphertextHeader(record.keyId, record.materialId);
    this.aad = ciphertextAad(this.header, undefined);
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

  async #unwrap(): Promise<EngineKey> {
    const { keyId, materialId, wrapped } = this.#record;
    try {
      this.handle = await this.#root.unwrapKey(wrapped, keyId, materialId, this.#keySpec);
      return this.handle;
    } catch (error) {
      if ((error as { code?: string }).code !== 'DECRYPTION_FAILED') throw error;
      throw new KmsError('KMSInternalException', `The stored material of key ${keyId} is damaged.`, { cause: error });
    }
  }

  /** Gives the engine key back; operations that hold it already finish, the next one opens it again. */
  close(): void {
    this.handle?.close();
    this.handle = undefined;
  }
}

export class LiveKey {
  readonly record: KeyRecord;
  readonly arn: string;
  readonly keySpec: KeySpec;
  readonly keyUsage: KeyUsage;
  readonly keyState: KeyState;
  /** How ciphertexts of this key name it. */
  readonly blobName: string;
  readonly #current: LiveMaterial | undefined;
  readonly #materials: ReadonlyMap<string, LiveMaterial>;

  constructor({ key, materials }: StoredKey, realm: Realm, root: Root) {
    this.record = key;
    this.arn = keyArn(realm, key.keyId);
    this.keySpec = key.keySpec as KeySpec;
    this.keyUsage = key.keyUsage as KeyUsage;
    this.keyState = key.keyState as KeyState;
    this.#materials = new Map(
      materials.map((material) => [material.materialId, new LiveMaterial(material, this.keySpec, root)]),
    );
    this.#current = key.currentMaterialId === null ? undefined : this.#materials.get(key.currentMaterialId);
    this.blobName = blobNameOf(key.keyId);
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
