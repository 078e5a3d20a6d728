/** From options to a running service: store, realm, root key, engine, in an order that writes nothing before the root key fits. */
import { mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type BackendChoice, type Engine, openEngine } from '../engine/index.ts';
import { openSqliteStore, type Store, syncDirectory } from '../store/index.ts';
import { AccessKeys } from './accesskeys.ts';
import type { Realm } from './address.ts';
import { Background } from './background.ts';
import { StartError } from './errors.ts';
import { Follower } from './follow.ts';
import { Keyring } from './keyring.ts';
import { Root } from './root.ts';
import { defaultRootKey, type RootKeyOption, type RootKeySource, rootKeySource } from './rootkey.ts';
import { findRoot, RootRotation } from './rootrotation.ts';
import { sow } from './seed.ts';
import { readSeed, type Seed } from './seedfile.ts';
import { Activity, AWS_RANGES, type Ranges, type Service } from './service.ts';
import { sweep } from './sweep.ts';

/** Options of `Keymill.open`. Each may be left out. */
export interface KeymillOptions {
  /** Directory of the store and the root key file, made at the first start; ':memory:' keeps nothing. Default `./keymill-data`. */
  readonly path?: string | undefined;
  /** Region in ARNs; fixed at the first start. Default `us-east-1`. */
  readonly region?: string | undefined;
  /** Account in ARNs, 12 digits; fixed at the first start. Default `000000000000`. */
  readonly accountId?: string | undefined;
  /**
   * The key that encrypts everything in the store. Default: what the environment says in KEYMILL_ROOT_KEY, KEYMILL_ROOT_KEY_FILE or
   * KEYMILL_ROOT_PASSPHRASE, else the file `root.key` in `path`, made at the first start.
   */
  readonly rootKey?: RootKeyOption | undefined;
  /**
   * Keys that the store is to have, as an object or in the YAML or JSON file of this name; those it has already stay as they are. For
   * environments of tests: their material is in JavaScript's memory on its way.
   */
  readonly seed?: Seed | string | undefined;
  /** Default `auto`: native where it loads, else WASM. */
  readonly backend?: BackendChoice | undefined;
  /** Worker threads of the engine. Default: one per processor. */
  readonly threads?: number | undefined;
  /** A store of your own in place of the SQLite file. You close it. */
  readonly store?: Store | undefined;
  /** An engine of your own; `backend` and `threads` are then its affair. You close it. */
  readonly engine?: Engine | undefined;
  /** How many keys stay open in memory; a key beyond them costs a read of the store. Default 10,000. */
  readonly openKeys?: number | undefined;
  /** Ranges of days other than AWS's: Nebius has deletion windows from 1 day and rotation periods from 1 to 3,650. */
  readonly ranges?: Partial<Ranges> | undefined;
  /** For tests. Default: the system's clock. */
  readonly clock?: (() => Date) | undefined;
  /** For tests: the bytes of ids. Key material never comes from it. Default: the engine's generator. */
  readonly random?: ((bytes: number) => Promise<Uint8Array>) | undefined;
}

const MEMORY = ':memory:';
const DEFAULT_REALM: Realm = { region: 'us-east-1', accountId: '000000000000' };
const DEFAULT_OPEN_KEYS = 10_000;
const SWEEP_INTERVAL_MS = 30_000;
/** The bound within which a process sees what another one changed in the same store, but for the time of one read. */
const FOLLOW_INTERVAL_MS = 250;

/** Settings of a store that never change; the root key has its own. */
const Setting = {
  region: 'region',
  accountId: 'accountId',
} as const;

export interface Started {
  readonly service: Service;
  readonly accessKeys: AccessKeys;
  readonly rotation: RootRotation;
  /** Does now what is otherwise done in the background. */
  maintain(): Promise<void>;
  /** Ends what `start` began, newest first. Idempotent. */
  close(): Promise<void>;
}

/** @throws StartError with what to do about it; nothing is written to an existing store before the root key has proved right */
export async function start(options: KeymillOptions): Promise<Started> {
  const closers: (() => Promise<void> | void)[] = [];
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= (async () => {
      for (const closer of closers.toReversed()) await closer();
    })();
    return closing;
  };
  try {
    const path = options.path ?? './keymill-data';
    requireRealm(options);
    const seed = options.seed === undefined ? [] : await readSeed(options.seed);
    const source = options.rootKey === undefined ? defaultRootKey(placeOf(path)) : rootKeySource(options.rootKey);
    const store = options.store ?? (await openStore(path));
    if (options.store === undefined) closers.push(() => store.close());
    const settings = await store.readSettings();
    const isNew = settings.size === 0;
    const realm = isNew ? { ...DEFAULT_REALM, ...givenRealm(options) } : storedRealm(settings, options);
    const engine = options.engine ?? (await openEngine({ backend: options.backend, threads: options.threads }));
    if (options.engine === undefined) closers.push(() => engine.close());
    const root = isNew
      ? await firstRoot({ engine, store, realm }, source)
      : await findRoot({ engine, realm }, source, settings);
    closers.push(() => root.close());
    source.forget();
    const keyring = new Keyring(store, root, realm, options.openKeys ?? DEFAULT_OPEN_KEYS);
    closers.push(() => keyring.close());
    const activity = new Activity();
    const clock = options.clock ?? (() => new Date());
    const random = options.random ?? ((bytes) => engine.random(bytes));
    const now = () => clock().getTime();
    const ranges = { ...AWS_RANGES, ...options.ranges };
    const service: Service = {
      ...{ engine, store, root, keyring, realm, ranges, activity, now, random },
      catchUp: () => following.now(),
    };
    const rotation = new RootRotation(service, source);
    const follower = await Follower.open(store, keyring, () => rotation.follow());
    // It may have been replaced since it was found, before the follower began to look.
    await rotation.follow();
    const following = new Background('looking for changes', FOLLOW_INTERVAL_MS, () => follower.look());
    await sweep(service);
    await sow(service, seed);
    const sweeping = new Background('sweeping', SWEEP_INTERVAL_MS, async () => {
      if (!activity.isRefused) await sweep(service);
    });
    for (const background of [sweeping, following]) {
      closers.push(() => background.stop());
      background.start();
    }
    closers.push(() => activity.stop());
    const maintain = async () => {
      await following.now();
      await sweeping.now();
    };
    return { service, accessKeys: new AccessKeys(service), rotation, maintain, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openStore(path: string): Promise<Store> {
  if (path === MEMORY) return openSqliteStore(MEMORY);
  // The first directory that had to be made, undefined where all were there.
  const firstMade = mkdirSync(resolve(path), { recursive: true, mode: 0o700 });
  const store = await openSqliteStore(join(path, 'keymill.db'));
  // A file is only as durable as the names that lead to it.
  if (firstMade !== undefined) {
    for (let at = resolve(path); at !== dirname(firstMade); at = dirname(at)) syncDirectory(at);
    syncDirectory(dirname(firstMade));
  }
  return store;
}

const placeOf = (path: string): string | undefined => (path === MEMORY ? undefined : path);

function requireRealm({ region, accountId }: KeymillOptions): void {
  if (region !== undefined && !/^[a-z]+(-[a-z]+)+-\d+$/.test(region)) {
    throw new StartError(`region: expected a name like us-east-1, got ${JSON.stringify(region)}`);
  }
  if (accountId !== undefined && (typeof accountId !== 'string' || !/^\d{12}$/.test(accountId))) {
    throw new StartError(`accountId: expected 12 digits, got ${JSON.stringify(accountId)}`);
  }
}

function givenRealm({ region, accountId }: KeymillOptions): Partial<Realm> {
  return { ...(region === undefined ? {} : { region }), ...(accountId === undefined ? {} : { accountId }) };
}

/** Keys are bound to their account and region, so a store cannot be opened as another's. */
function storedRealm(settings: ReadonlyMap<string, string>, options: KeymillOptions): Realm {
  const realm = { region: settings.get(Setting.region)!, accountId: settings.get(Setting.accountId)! };
  for (const name of ['region', 'accountId'] as const) {
    if (options[name] !== undefined && options[name] !== realm[name]) {
      throw new StartError(
        `the store belongs to ${name} ${realm[name]}, not ${options[name]}: leave the option out or choose another path`,
      );
    }
  }
  return realm;
}

/** The root key of a store that had none: ours, or that of the process that was first to start it. */
async function firstRoot(
  { engine, store, realm }: Pick<Service, 'engine' | 'store' | 'realm'>,
  source: RootKeySource,
): Promise<Root> {
  const made = await source.make();
  const root = await Root.open(engine, made.bytes, realm);
  const settings = [...Object.values(Setting).map((name) => [name, realm[name]] as const), ...(await root.settings())];
  if (await store.initialise(new Map([...settings, ...made.settings]))) return root;
  root.close();
  return findRoot({ engine, realm }, source, await store.readSettings());
}
