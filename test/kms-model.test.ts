/** The life of keys against a model of a page: any sequence of calls, passing time and restarts has the outcome the model says. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { Keymill, KmsError } from 'keymill';
import { temporaryDirectory, utf8 } from './support/kms-service.ts';

const message = utf8('a message');
const DAY = 86_400_000;
const MAX_ON_DEMAND = 25;
const CONFLICT_MS = 20 * 60_000;

/** What the model knows of a key. */
interface ModelKey {
  readonly KeyId: string;
  state: 'Enabled' | 'Disabled' | 'PendingDeletion';
  deletionDate: number;
  rotationPeriod: number | undefined;
  nextRotation: number;
  onDemand: number;
  materials: number;
  readonly blobs: Uint8Array[];
}

type Action =
  | { readonly do: 'create' | 'reopen' | 'maintain' }
  | { readonly do: 'pass'; readonly days: number }
  | { readonly do: keyof typeof KEY_ACTIONS; readonly key: number; readonly days: number };

interface World {
  kms: Keymill;
  now: number;
  readonly keys: ModelKey[];
}

/** What each call does to the model; a string is the error it must end with, before the call changes anything. */
const KEY_ACTIONS = {
  enable: {
    model: (key: ModelKey) =>
      key.state === 'PendingDeletion' ? 'KMSInvalidStateException' : () => (key.state = 'Enabled'),
    call: ({ kms }: World, { KeyId }: ModelKey) => kms.enableKey({ KeyId }),
  },
  disable: {
    model: (key: ModelKey) =>
      key.state === 'PendingDeletion' ? 'KMSInvalidStateException' : () => (key.state = 'Disabled'),
    call: ({ kms }: World, { KeyId }: ModelKey) => kms.disableKey({ KeyId }),
  },
  schedule: {
    model: (key: ModelKey, now: number, days: number) =>
      key.state === 'PendingDeletion'
        ? 'KMSInvalidStateException'
        : () => Object.assign(key, { state: 'PendingDeletion', deletionDate: now + days * DAY }),
    call: ({ kms }: World, { KeyId }: ModelKey, days: number) =>
      kms.scheduleKeyDeletion({ KeyId, PendingWindowInDays: days }),
  },
  cancel: {
    model: (key: ModelKey) =>
      key.state === 'PendingDeletion'
        ? () => Object.assign(key, { state: 'Disabled', deletionDate: Number.POSITIVE_INFINITY })
        : 'KMSInvalidStateException',
    call: ({ kms }: World, { KeyId }: ModelKey) => kms.cancelKeyDeletion({ KeyId }),
  },
  encrypt: {
    model: (key: ModelKey) => unlessEnabled(key) ?? (() => {}),
    call: async ({ kms }: World, key: ModelKey) => {
      key.blobs.push((await kms.encrypt({ KeyId: key.KeyId, Plaintext: message })).CiphertextBlob);
    },
  },
  decryptAll: {
    model: (key: ModelKey) => (key.blobs.length === 0 ? () => {} : (unlessEnabled(key) ?? (() => {}))),
    call: async ({ kms }: World, { blobs }: ModelKey) => {
      for (const CiphertextBlob of blobs) {
        assert.deepEqual((await kms.decrypt({ CiphertextBlob })).Plaintext, message);
      }
    },
  },
  rotate: {
    model: (key: ModelKey, now: number) =>
      unlessEnabled(key) ??
      (key.rotationPeriod !== undefined && now >= key.nextRotation - CONFLICT_MS
        ? 'ConflictException'
        : key.onDemand === MAX_ON_DEMAND
          ? 'LimitExceededException'
          : () => {
              key.onDemand++;
              key.materials++;
            }),
    call: ({ kms }: World, { KeyId }: ModelKey) => kms.rotateKeyOnDemand({ KeyId }),
  },
  rotateEvery: {
    model: (key: ModelKey, now: number) =>
      unlessEnabled(key) ?? (() => Object.assign(key, { rotationPeriod: 90, nextRotation: now + 90 * DAY })),
    call: ({ kms }: World, { KeyId }: ModelKey) => kms.enableKeyRotation({ KeyId, RotationPeriodInDays: 90 }),
  },
  rotateNever: {
    model: (key: ModelKey) => unlessEnabled(key) ?? (() => Object.assign(key, { rotationPeriod: undefined })),
    call: ({ kms }: World, { KeyId }: ModelKey) => kms.disableKeyRotation({ KeyId }),
  },
} satisfies Record<
  string,
  {
    model(key: ModelKey, now: number, days: number): string | (() => unknown);
    call(world: World, key: ModelKey, days: number): Promise<unknown>;
  }
>;

function unlessEnabled({ state }: ModelKey): string | undefined {
  if (state === 'Enabled') return undefined;
  return state === 'Disabled' ? 'DisabledException' : 'KMSInvalidStateException';
}

/** What maintenance does to the model. */
function sweep({ keys, now }: World): void {
  for (const key of keys) {
    // Gone for good, even where the clock goes back.
    if (now >= key.deletionDate) key.deletionDate = Number.NEGATIVE_INFINITY;
    if (key.state !== 'Enabled' || key.rotationPeriod === undefined || now < key.nextRotation) continue;
    key.materials++;
    key.nextRotation = now + key.rotationPeriod * DAY;
  }
}

async function act(world: World, action: Action, reopen: () => Promise<Keymill>): Promise<void> {
  if (action.do === 'create') {
    const { KeyId } = (await world.kms.createKey()).KeyMetadata;
    const deletionDate = Number.POSITIVE_INFINITY;
    const key = {
      KeyId,
      state: 'Enabled',
      deletionDate,
      rotationPeriod: undefined,
      nextRotation: 0,
      onDemand: 0,
    } as const;
    world.keys.push({ ...key, materials: 1, blobs: [] });
  } else if (action.do === 'pass') {
    world.now += action.days * DAY;
  } else if (action.do === 'reopen' || action.do === 'maintain') {
    if (action.do === 'maintain') await world.kms.maintain();
    else {
      await world.kms.close();
      world.kms = await reopen();
    }
    sweep(world);
  } else if ('key' in action && world.keys.length > 0) {
    const key = world.keys[action.key % world.keys.length]!;
    const { model, call } = KEY_ACTIONS[action.do];
    const isGone = world.now >= key.deletionDate;
    const expected = isGone ? 'NotFoundException' : model(key, world.now, action.days);
    const outcome = await call(world, key, action.days).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (outcome !== undefined && !(outcome instanceof KmsError)) throw outcome;
    const isWithoutBlobs = action.do === 'decryptAll' && key.blobs.length === 0;
    // Until something sweeps a blob's key is there and ended; afterwards the blob refers to nothing.
    if (isGone && action.do === 'decryptAll') {
      if (!isWithoutBlobs) assert.match(outcome!.name, /^(?:NotFound|AccessDenied)Exception$/);
    } else if (typeof expected === 'string') assert.equal(outcome?.name, expected, action.do);
    else {
      assert.equal(outcome, undefined, `${action.do}: ${outcome?.message}`);
      expected();
    }
  }
}

async function compare({ kms, keys, now }: World): Promise<void> {
  for (const key of keys) {
    const { KeyId } = key;
    if (now >= key.deletionDate) {
      await assert.rejects(kms.describeKey({ KeyId }), { name: 'NotFoundException' });
      continue;
    }
    const { KeyMetadata } = await kms.describeKey({ KeyId });
    assert.equal(KeyMetadata.KeyState, key.state);
    const { Rotations } = await kms.listKeyRotations({ KeyId });
    assert.equal(Rotations.length, key.materials - 1);
  }
}

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('create', 'reopen', 'maintain') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pass' as const), days: fc.constantFrom(-3, 1, 7, 8, 30, 90) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom(...(Object.keys(KEY_ACTIONS) as (keyof typeof KEY_ACTIONS)[])),
      key: fc.nat(5),
      days: fc.integer({ min: 7, max: 30 }),
    }),
  },
);

test('any sequence of calls does what the model says', async (t) => {
  const directory = temporaryDirectory(t);
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 10, maxLength: 60, size: 'max' }), async (actions) => {
      const path = join(directory, String(runs++));
      const world: World = { kms: undefined as never, now: Date.UTC(2026, 10, 22), keys: [] };
      const open = () => Keymill.open({ path, clock: () => new Date(world.now) });
      world.kms = await open();
      try {
        for (const each of [{ do: 'create' } as const, ...actions]) await act(world, each, open);
        await compare(world);
      } finally {
        await world.kms.close();
      }
    }),
    { numRuns: Number(process.env.KEYMILL_MODEL_RUNS ?? 40) },
  );
});
