/** Going over to another root key: by this process, and where another one did it. */
import type { KeySpec } from '../engine/index.ts';
import { type Rewrap, ROOT_KEY_ID } from '../store/index.ts';
import { rewrapAccessKey } from './accesskeys.ts';
import { rootKeyReplaced, StartError } from './errors.ts';
import { Root } from './root.ts';
import { type NewRootKey, type RootKeyOption, type RootKeySource, rootKeySource, SOURCE_SETTINGS } from './rootkey.ts';
import type { Service } from './service.ts';

type Settings = ReadonlyMap<string, string>;

/** The root key of an existing store. @throws StartError where the source has not got it, or the store is damaged */
export async function findRoot(
  { engine, realm }: Pick<Service, 'engine' | 'realm'>,
  source: RootKeySource,
  settings: Settings,
): Promise<Root> {
  for (const candidate of source.candidates(settings)) {
    const root = await Root.open(engine, await candidate.read(), realm, settings);
    const proof = await root.proves(settings);
    if (proof === 'own') {
      candidate.settle?.();
      return root;
    }
    root.close();
    if (proof === 'damaged') {
      throw new StartError('the root key is right, but the store is damaged: restore it from your backup');
    }
  }
  throw new StartError(source.mismatch);
}

/** The settings of a store under `made`, without those of the source before it. */
const withSource = (settings: Settings, { settings: added }: NewRootKey): Settings =>
  new Map([...[...settings].filter(([name]) => !SOURCE_SETTINGS.has(name)), ...added]);

/**
 * Everything in the store from the present root key to the one that `make` gives, in one transaction: a process that ends in the
 * midst of it leaves the store as it was. Returns when that is durable; the service goes on under the new key.
 * @throws StartError where the new key is the present one
 */
async function replaceRoot({ engine, store, root, realm }: Service, make: () => Promise<NewRootKey>): Promise<void> {
  let made: NewRootKey | undefined;
  let newer: Root | undefined;
  const rewrap: Rewrap = {
    async settings(before) {
      // Under the store's lock, and only where ours is still its root key: whoever makes a key now is the only one.
      if (before.get(ROOT_KEY_ID) !== root.id) throw rootKeyReplaced();
      made = await make();
      newer = await Root.open(engine, made.bytes, realm);
      if (await newer.recognises(before)) throw new StartError('the new root key is the present one');
      return withSource(new Map([...before, ...(await newer.settings(root))]), made);
    },
    async material(record, keySpec) {
      const key = await root.unwrapKey(record, keySpec as KeySpec);
      try {
        return (await newer!.wrapKey(key, record.keyId, record.materialId)).wrapped;
      } finally {
        key.close();
      }
    },
    credential: (record) => rewrapAccessKey(root, newer!, record),
  };
  try {
    await store.rewrap(rewrap);
  } catch (error) {
    newer?.close();
    throw error;
  }
  root.adopt(newer!);
  made!.settle?.();
}

/** The root key of an open service, from its source to the next one. */
export class RootRotation {
  readonly #service: Service;
  #source: RootKeySource;
  #replacing: Promise<void> | undefined;

  constructor(service: Service, source: RootKeySource) {
    this.#service = service;
    this.#source = source;
  }

  /** Puts the store under the key that `to` says, or under a new one of the present source. @throws StartError */
  async rotate(to: RootKeyOption | undefined): Promise<void> {
    const given = to === undefined ? undefined : rootKeySource(to);
    const { activity } = this.#service;
    activity.begin();
    try {
      while (this.#replacing !== undefined) await this.#replacing.catch(() => {});
      const present = this.#source;
      this.#replacing = replaceRoot(this.#service, () => (given === undefined ? present.renew() : given.make()));
      await this.#replacing;
      this.#source = given ?? present;
    } finally {
      given?.forget();
      this.#replacing = undefined;
      activity.end();
    }
  }

  /** Goes over to the root key that another process put in place, where the source has it; otherwise nothing is served any more. */
  async follow(): Promise<void> {
    await this.#replacing?.catch(() => {});
    const { store, root, activity } = this.#service;
    const settings = await store.readSettings();
    if (settings.get(ROOT_KEY_ID) === root.id) return;
    try {
      root.adopt(await findRoot(this.#service, this.#source, settings));
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      activity.refuse(rootKeyReplaced(error));
    }
  }
}
