/**
 * What the root key protects. Everything the store holds that must stay secret is encrypted under it, bound by additional data to
 * its place, so that rows swapped or moved do not open.
 */
import { randomBytes } from 'node:crypto';
import { type Engine, EngineError, type EngineKey, type KeySpec } from '../engine/index.ts';
import { type MaterialRecord, ROOT_KEY_ID } from '../store/index.ts';
import type { Realm } from './address.ts';
import { rootKeyReplaced } from './errors.ts';

/** Strings as bytes that no other list of strings gives: each behind its length. The first names what the bytes are for. */
function bound(...parts: readonly string[]): Uint8Array {
  return Buffer.concat(
    parts.flatMap((part) => {
      const text = Buffer.from(part, 'utf8');
      const length = Buffer.alloc(2);
      length.writeUInt16BE(text.length);
      return [length, text];
    }),
  );
}

/** Settings of a store that only its root key can have made. */
const Setting = { check: 'rootKeyCheck', identifierKey: 'identifierKey' } as const;
const CHECK_TEXT = 'keymill';

type Settings = ReadonlyMap<string, string>;

/** What was wrapped, and under which root key. */
export interface Wrapped {
  readonly wrapped: Uint8Array;
  readonly rootKeyId: string;
}

/**
 * A root key in the engine, and everything the service encrypts with it. Once it was replaced, the ones before stay for what was
 * read before: every record says which root key it is under.
 */
export class Root {
  readonly #engine: Engine;
  readonly #realm: Realm;
  readonly #keys = new Map<string, EngineKey>();
  #id: string;
  #identifierKey: EngineKey | undefined;

  private constructor(engine: Engine, key: EngineKey, realm: Realm, id: string) {
    this.#engine = engine;
    this.#realm = realm;
    this.#id = id;
    this.#keys.set(id, key);
  }

  /** The root key of a store that has these settings, or of one to be made. Takes `bytes` over: they are wiped. */
  static async open(engine: Engine, bytes: Uint8Array, realm: Realm, settings?: Settings): Promise<Root> {
    const id = settings?.get(ROOT_KEY_ID) ?? randomBytes(16).toString('hex');
    try {
      const key = await engine.importKey({
        keySpec: 'SYMMETRIC_DEFAULT',
        format: 'raw',
        data: bytes,
        exportable: false,
      });
      return new Root(engine, key, realm, id);
    } finally {
      bytes.fill(0);
    }
  }

  get id(): string {
    return this.#id;
  }

  /** Whether this is the root key of a store with these settings; where one of them does not open, the store is damaged. */
  async proves(settings: Settings): Promise<'own' | 'foreign' | 'damaged'> {
    const [check, identifierKey] = await Promise.all([this.recognises(settings), this.#readIdentifierKey(settings)]);
    this.#identifierKey ??= identifierKey;
    if (check && identifierKey !== undefined) return 'own';
    return check || identifierKey !== undefined ? 'damaged' : 'foreign';
  }

  /** Whether a store with these settings is under this key, whatever id it has there. */
  async recognises(settings: Settings): Promise<boolean> {
    const wrapped = Buffer.from(settings.get(Setting.check) ?? '', 'base64');
    const place = ['check', settings.get(ROOT_KEY_ID) ?? ''];
    return (await whereItOpens(this.openSecret({ wrapped, rootKeyId: this.#id }, ...place))) === CHECK_TEXT;
  }

  /** Settings of a new store, or of one that comes under this root key from `older`. */
  async settings(older?: Root): Promise<Settings> {
    this.#identifierKey = older === undefined ? await this.#makeIdentifierKey() : undefined;
    const key = this.#identifierKey ?? older!.#identifierKey!;
    const check = await this.sealSecret(CHECK_TEXT, 'check', this.#id);
    const identifierKey = await this.#engine.wrapKey({
      rootKey: this.#key,
      key,
      additionalData: this.#place('keymill identifier key'),
    });
    return new Map([
      [ROOT_KEY_ID, this.#id],
      [Setting.check, Buffer.from(check.wrapped).toString('base64')],
      [Setting.identifierKey, Buffer.from(identifierKey).toString('base64')],
    ]);
  }

  /** Makes the key of `newer` this one's. */
  adopt(newer: Root): void {
    this.#keys.set(newer.#id, newer.#key);
    this.#id = newer.#id;
    newer.#identifierKey?.close();
  }

  async wrapKey(key: EngineKey, keyId: string, materialId: string): Promise<Wrapped> {
    const rootKeyId = this.#id;
    const wrapped = await this.#engine.wrapKey({
      rootKey: this.#key,
      key,
      additionalData: this.#materialPlace(keyId, materialId, key.keySpec),
    });
    return { wrapped, rootKeyId };
  }

  /** @throws KmsError KeyUnavailableException where the record is under a root key that is not here; EngineError */
  async unwrapKey(
    { wrapped, rootKeyId, keyId, materialId }: Wrapped & Pick<MaterialRecord, 'keyId' | 'materialId'>,
    keySpec: KeySpec,
  ): Promise<EngineKey> {
    return this.#engine.unwrapKey({
      rootKey: this.#keyOf(rootKeyId),
      keySpec,
      wrapped,
      additionalData: this.#materialPlace(keyId, materialId, keySpec),
      exportable: false,
    });
  }

  /** Wraps the private half of a wrapping key, for an import token. `header` is what the token says in the clear. */
  wrapImportKey(key: EngineKey, keyId: string, header: Uint8Array): Promise<Uint8Array> {
    return this.#engine.wrapKey({ rootKey: this.#key, key, additionalData: this.#tokenPlace(keyId, header) });
  }

  unwrapImportKey(wrapped: Uint8Array, keyId: string, header: Uint8Array, keySpec: KeySpec): Promise<EngineKey> {
    return this.#engine.unwrapKey({
      rootKey: this.#key,
      keySpec,
      wrapped,
      additionalData: this.#tokenPlace(keyId, header),
      exportable: false,
    });
  }

  /**
   * The id of imported material: the same bytes in the same key have the same id, and without this store's key nobody can tell
   * whether a guess of the bytes is right.
   */
  async materialId(keyId: string, material: Uint8Array): Promise<string> {
    const message = Buffer.concat([bound('keymill material id', keyId), material]);
    try {
      const mac = await this.#engine.mac({ key: this.#identifierKey!, algorithm: 'HMAC_SHA_256', message });
      return Buffer.from(mac).toString('hex');
    } finally {
      message.fill(0);
    }
  }

  async sealSecret(secret: string, ...place: readonly string[]): Promise<Wrapped> {
    const rootKeyId = this.#id;
    const wrapped = await this.#engine.encrypt({
      key: this.#key,
      algorithm: 'XAES_256_GCM',
      plaintext: Buffer.from(secret, 'utf8'),
      aad: this.#place('keymill secret', ...place),
    });
    return { wrapped, rootKeyId };
  }

  /** @throws EngineError as unwrapKey */
  async openSecret({ wrapped, rootKeyId }: Wrapped, ...place: readonly string[]): Promise<string> {
    const plaintext = await this.#engine.decrypt({
      key: this.#keyOf(rootKeyId),
      algorithm: 'XAES_256_GCM',
      ciphertext: wrapped,
      aad: this.#place('keymill secret', ...place),
    });
    const secret = Buffer.from(plaintext.buffer, plaintext.byteOffset, plaintext.byteLength).toString('utf8');
    plaintext.fill(0);
    return secret;
  }

  close(): void {
    for (const key of this.#keys.values()) key.close();
    this.#identifierKey?.close();
  }

  get #key(): EngineKey {
    return this.#keys.get(this.#id)!;
  }

  #keyOf(rootKeyId: string): EngineKey {
    const key = this.#keys.get(rootKeyId);
    if (key === undefined) throw rootKeyReplaced();
    return key;
  }

  #makeIdentifierKey(): Promise<EngineKey> {
    return this.#engine.generateKey('HMAC_256', { exportable: false });
  }

  #readIdentifierKey(settings: Settings): Promise<EngineKey | undefined> {
    return whereItOpens(
      this.#engine.unwrapKey({
        rootKey: this.#key,
        keySpec: 'HMAC_256',
        wrapped: Buffer.from(settings.get(Setting.identifierKey) ?? '', 'base64'),
        additionalData: this.#place('keymill identifier key'),
        exportable: false,
      }),
    );
  }

  #materialPlace(keyId: string, materialId: string, keySpec: KeySpec): Uint8Array {
    return this.#place('keymill key material', keyId, materialId, keySpec);
  }

  #tokenPlace(keyId: string, header: Uint8Array): Uint8Array {
    return this.#place('keymill import token', keyId, Buffer.from(header).toString('hex'));
  }

  #place(what: string, ...rest: readonly string[]): Uint8Array {
    const { accountId, region } = this.#realm;
    return bound(what, accountId, region, ...rest);
  }
}

const OPENING: ReadonlySet<string> = new Set(['DECRYPTION_FAILED', 'INVALID_LENGTH']);

/** Undefined for what is not under this key; another failure says nothing about that. */
async function whereItOpens<Value>(opening: Promise<Value>): Promise<Value | undefined> {
  try {
    return await opening;
  } catch (error) {
    if (error instanceof EngineError && OPENING.has(error.code)) return undefined;
    throw error;
  }
}
