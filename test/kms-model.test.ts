/** The life of keys against a simple model: any sequence of calls, passing time and restarts has the outcome the model says. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after as afterAll, before, test } from 'node:test';
import fc from 'fast-check';
import { Keymill, KmsError } from 'keymill';
import { type Engine, openEngine } from 'keymill/engine';
import { importInto, materialFor } from './support/kms-import.ts';
import {
  after,
  asOf,
  type Choice,
  chosen,
  DAY,
  KINDS,
  type Kind,
  type MODEL,
  type ModelKey,
  newModelKey,
  swept,
} from './support/kms-model.ts';
import { temporaryDirectory, utf8 } from './support/kms-service.ts';

const Message = utf8('a message');
const MAC = { MacAlgorithm: 'HMAC_SHA_256' } as const;
const SIGNING = { SigningAlgorithm: 'ECDSA_SHA_256' } as const;

interface World {
  kms: Keymill;
  now: number;
  readonly keys: ModelKey[];
  /** Names of aliases without their prefix, and the places of their keys. */
  readonly aliases: Map<string, number>;
}

interface AliasChoice {
  readonly do: keyof typeof ALIAS_ACTIONS;
  readonly key: number;
  readonly name: string;
}
type Action =
  | { readonly do: 'reopen' | 'maintain' }
  | { readonly do: 'pass'; readonly days: number }
  | { readonly do: 'create'; readonly kind: Kind; readonly isExternal: boolean }
  | AliasChoice
  | ({ readonly do: keyof typeof CALLS; readonly key: number } & Choice);

/** Three materials of each kind to import. */
const MATERIALS = Object.fromEntries(
  Object.entries(KINDS).map(([kind, { KeySpec }]) => [kind, [0, 1, 2].map(() => materialFor(KeySpec))]),
) as Record<Kind, Uint8Array[]>;

const USE: Readonly<Record<Kind, (kms: Keymill, KeyId: string) => Promise<Uint8Array>>> = {
  symmetric: async (kms, KeyId) => (await kms.encrypt({ KeyId, Plaintext: Message })).CiphertextBlob,
  mac: async (kms, KeyId) => (await kms.generateMac({ KeyId, Message, ...MAC })).Mac,
  signing: async (kms, KeyId) => (await kms.sign({ KeyId, Message, ...SIGNING })).Signature,
};
const PROVE: Readonly<Record<Kind, (kms: Keymill, KeyId: string, proof: Uint8Array) => Promise<unknown>>> = {
  symmetric: async (kms, KeyId, CiphertextBlob) =>
    assert.deepEqual((await kms.decrypt({ KeyId, CiphertextBlob })).Plaintext, Message),
  mac: (kms, KeyId, Mac) => kms.verifyMac({ KeyId, Message, Mac, ...MAC }),
  signing: (kms, KeyId, Signature) => kms.verify({ KeyId, Message, Signature, ...SIGNING }),
};

/** The call that each row of the model is about. */
const CALLS: Readonly<Record<keyof typeof MODEL, (world: World, key: ModelKey, choice: Choice) => Promise<unknown>>> = {
  enable: ({ kms }, { KeyId }) => kms.enableKey({ KeyId }),
  disable: ({ kms }, { KeyId }) => kms.disableKey({ KeyId }),
  describe: ({ kms }, { KeyId }, { name }) => kms.updateKeyDescription({ KeyId, Description: name }),
  tag: ({ kms }, { KeyId }, { name, days }) =>
    kms.tagResource({ KeyId, Tags: [{ TagKey: name, TagValue: String(days) }] }),
  untag: ({ kms }, { KeyId }, { name }) => kms.untagResource({ KeyId, TagKeys: [name] }),
  schedule: ({ kms }, { KeyId }, { days }) => kms.scheduleKeyDeletion({ KeyId, PendingWindowInDays: days }),
  cancel: ({ kms }, { KeyId }) => kms.cancelKeyDeletion({ KeyId }),
  use: async ({ kms }, { KeyId, kind, proofs }) => {
    proofs.push(await USE[kind](kms, KeyId));
  },
  async prove({ kms }, { KeyId, kind, proofs }) {
    if (proofs.length === 0) await kms.describeKey({ KeyId });
    for (const proof of proofs) await PROVE[kind](kms, KeyId, proof);
  },
  rotate: ({ kms }, { KeyId }) => kms.rotateKeyOnDemand({ KeyId }),
  rotateEvery: ({ kms }, { KeyId }) => kms.enableKeyRotation({ KeyId, RotationPeriodInDays: 90 }),
  rotateNever: ({ kms }, { KeyId }) => kms.disableKeyRotation({ KeyId }),
  async importMaterial({ kms, now }, { KeyId, kind, materialIds }, { bytes, expires, days, isNew }) {
    const { KeyMaterialId } = await importInto(kms, KeyId, MATERIALS[kind][bytes]!, {
      ImportType: isNew ? 'NEW_KEY_MATERIAL' : 'EXISTING_KEY_MATERIAL',
      ...(expires
        ? { ExpirationModel: 'KEY_MATERIAL_EXPIRES', ValidTo: new Date(now + days * DAY) }
        : { ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE' }),
    });
    assert.equal(KeyMaterialId, materialIds.get(bytes) ?? KeyMaterialId, 'the same bytes have the same id');
    materialIds.set(bytes, KeyMaterialId!);
  },
  async deleteMaterial({ kms, now }, key, { bytes }) {
    const { KeyId } = key;
    if (chosen(asOf(key, now), bytes) === undefined) return kms.deleteImportedKeyMaterial({ KeyId });
    return kms.deleteImportedKeyMaterial({ KeyId, KeyMaterialId: key.materialIds.get(bytes)! });
  },
};

interface AliasAction {
  readonly model: (world: World, key: number, name: string) => string | undefined;
  readonly call: (world: World, key: ModelKey, name: string) => Promise<unknown>;
}
const isGone = ({ now }: World, key: ModelKey): boolean => now >= key.deletionDate;
const unlessTarget = (world: World, key: ModelKey): string | undefined => {
  if (isGone(world, key)) return 'NotFoundException';
  return key.state === 'PendingDeletion' ? 'KMSInvalidStateException' : undefined;
};

const ALIAS_ACTIONS = {
  createAlias: {
    model(world, key, name) {
      const refusal = unlessTarget(world, world.keys[key]!);
      if (refusal !== undefined) return refusal;
      if (world.aliases.has(name)) return 'AlreadyExistsException';
      world.aliases.set(name, key);
      return undefined;
    },
    call: ({ kms }, { KeyId }, name) => kms.createAlias({ AliasName: `alias/${name}`, TargetKeyId: KeyId }),
  },
  updateAlias: {
    model(world, key, name) {
      const refusal = unlessTarget(world, world.keys[key]!);
      if (refusal !== undefined) return refusal;
      const present = world.aliases.get(name);
      if (present === undefined) return 'NotFoundException';
      if (world.keys[present]!.kind !== world.keys[key]!.kind) return 'ValidationException';
      world.aliases.set(name, key);
      return undefined;
    },
    call: ({ kms }, { KeyId }, name) => kms.updateAlias({ AliasName: `alias/${name}`, TargetKeyId: KeyId }),
  },
  deleteAlias: {
    model: ({ aliases }, _key, name) => (aliases.delete(name) ? undefined : 'NotFoundException'),
    call: ({ kms }, _key, name) => kms.deleteAlias({ AliasName: `alias/${name}` }),
  },
  useAlias: {
    model(world, _key, name) {
      const target = world.aliases.get(name);
      return target === undefined || isGone(world, world.keys[target]!) ? 'NotFoundException' : undefined;
    },
    async call({ kms, keys, aliases }, _key, name) {
      const { KeyMetadata } = await kms.describeKey({ KeyId: `alias/${name}` });
      assert.equal(KeyMetadata.KeyId, keys[aliases.get(name)!]!.KeyId);
    },
  },
} satisfies Record<string, AliasAction>;

const isAliasAction = (action: Action): action is AliasChoice => action.do in ALIAS_ACTIONS;

function sweep(world: World): void {
  for (const [index, key] of world.keys.entries()) world.keys[index] = swept(key, world.now);
  for (const [name, key] of world.aliases) if (isGone(world, world.keys[key]!)) world.aliases.delete(name);
}

/** The name of the error a call ends with, undefined where it succeeds. @throws what is no KmsError */
const errorOf = (call: Promise<unknown>): Promise<string | undefined> =>
  call.then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof KmsError) return error.name;
      throw error;
    },
  );

async function act(world: World, action: Action, reopen: () => Promise<Keymill>): Promise<void> {
  if (action.do === 'create') {
    const { kind, isExternal } = action;
    const Origin = isExternal ? 'EXTERNAL' : 'AWS_KMS';
    const { KeyId } = (await world.kms.createKey({ ...KINDS[kind], Origin })).KeyMetadata;
    world.keys.push(newModelKey(KeyId, kind, isExternal));
  } else if (action.do === 'pass') {
    world.now += action.days * DAY;
  } else if (action.do === 'reopen' || action.do === 'maintain') {
    if (action.do === 'maintain') await world.kms.maintain();
    else {
      await world.kms.close();
      world.kms = await reopen();
    }
    sweep(world);
  } else if ('key' in action) {
    const index = action.key % world.keys.length;
    const key = world.keys[index]!;
    if (isAliasAction(action)) {
      const { model, call } = ALIAS_ACTIONS[action.do];
      const outcome = await errorOf((call as AliasAction['call'])(world, key, action.name));
      assert.equal(outcome, model(world, index, action.name), action.do);
      return;
    }
    const expected = after(action.do, key, world.now, action);
    const outcome = await errorOf(CALLS[action.do](world, key, action));
    assert.equal(outcome, typeof expected === 'string' ? expected : undefined, action.do);
    if (typeof expected !== 'string') world.keys[index] = expected;
    await compareKey(world, world.keys[index]!);
  }
}

async function compareKey({ kms, now, aliases, keys }: World, key: ModelKey): Promise<void> {
  const { KeyId, kind, isExternal } = key;
  if (now >= key.deletionDate) {
    for (const call of [kms.describeKey({ KeyId }), kms.listAliases({ KeyId }), kms.listResourceTags({ KeyId })]) {
      await assert.rejects(call, { name: 'NotFoundException' });
    }
    return;
  }
  const { state, description, tags, rotations, rotationPeriod, nextRotation, materials } = asOf(key, now);
  const { KeyMetadata } = await kms.describeKey({ KeyId });
  assert.deepEqual([KeyMetadata.KeyState, KeyMetadata.Description], [state, description]);
  const { Tags } = await kms.listResourceTags({ KeyId });
  assert.deepEqual(new Map(Tags.map(({ TagKey, TagValue }) => [TagKey, TagValue])), tags);
  const { Aliases } = await kms.listAliases({ KeyId });
  const own = [...aliases].filter(([, target]) => keys[target]!.KeyId === KeyId).map(([name]) => `alias/${name}`);
  assert.deepEqual(
    Aliases.map(({ AliasName }) => AliasName),
    own.toSorted(),
  );
  if (kind !== 'symmetric') return;
  assert.equal((await kms.listKeyRotations({ KeyId })).Rotations.length, rotations);
  if (isExternal) {
    const { Rotations } = await kms.listKeyRotations({ KeyId, IncludeKeyMaterial: 'ALL_KEY_MATERIAL' });
    const seen = Rotations.map((each) => [each.KeyMaterialId, each.ImportState, each.KeyMaterialState]);
    const modelled = materials.map(({ bytes, isHeld, isPending }) => [
      key.materialIds.get(bytes),
      isHeld ? 'IMPORTED' : 'PENDING_IMPORT',
      isPending ? 'PENDING_ROTATION' : bytes === key.current ? 'CURRENT' : 'NON_CURRENT',
    ]);
    assert.deepEqual(new Set(seen.map(String)), new Set(modelled.map(String)));
  } else {
    const status = await kms.getKeyRotationStatus({ KeyId });
    const isRotated = rotationPeriod !== undefined && state !== 'PendingDeletion';
    assert.equal(status.KeyRotationEnabled, isRotated);
    if (isRotated) assert.deepEqual(status.NextRotationDate, new Date(nextRotation));
  }
}

const named = fc.constantFrom('a', 'b', 'c');
const key = fc.nat(5);
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('reopen', 'maintain') }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('create' as const),
      kind: fc.constantFrom(...(Object.keys(KINDS) as Kind[])),
      isExternal: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pass' as const), days: fc.constantFrom(-3, 1, 7, 8, 30, 90) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom(...(Object.keys(ALIAS_ACTIONS) as (keyof typeof ALIAS_ACTIONS)[])),
      key,
      name: named,
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom(...(Object.keys(CALLS) as (keyof typeof CALLS)[])),
      key,
      days: fc.integer({ min: 7, max: 30 }),
      bytes: fc.nat(2),
      expires: fc.boolean(),
      isNew: fc.boolean(),
      name: named,
    }),
  },
);
/** Enough to begin with: one key that rotates by itself, one whose material comes from outside. */
const START: readonly Action[] = [
  { do: 'create', kind: 'symmetric', isExternal: false },
  { do: 'create', kind: 'symmetric', isExternal: true },
];

let engine: Engine;
before(async () => {
  engine = await openEngine();
});
afterAll(() => engine.close());

test('any sequence of calls does what the model says', async (t) => {
  const directory = temporaryDirectory(t);
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 10, maxLength: 60, size: 'max' }), async (actions) => {
      const path = join(directory, String(runs++));
      const world: World = { kms: undefined as never, now: Date.UTC(2026, 10, 22), keys: [], aliases: new Map() };
      const open = () => Keymill.open({ path, engine, clock: () => new Date(world.now) });
      world.kms = await open();
      try {
        for (const each of [...START, ...actions]) await act(world, each, open);
        for (const each of world.keys) await compareKey(world, each);
      } finally {
        await world.kms.close();
      }
    }),
    { numRuns: Number(process.env.KEYMILL_MODEL_RUNS ?? 30) },
  );
});
