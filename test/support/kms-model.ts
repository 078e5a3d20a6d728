/** The life of keys as a model of a page: what every call does to a key, and the error it ends with. */

export const DAY = 86_400_000;
const MAX_ON_DEMAND = 25;
const CONFLICT_MS = 20 * 60_000;

export const KINDS = {
  symmetric: { KeySpec: 'SYMMETRIC_DEFAULT', KeyUsage: 'ENCRYPT_DECRYPT' },
  mac: { KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' },
  signing: { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' },
} as const;
export type Kind = keyof typeof KINDS;

/** One of the materials that tests import, by its number. */
interface ModelMaterial {
  readonly bytes: number;
  isHeld: boolean;
  validTo: number;
  isPending: boolean;
}

export interface ModelKey {
  readonly KeyId: string;
  readonly kind: Kind;
  readonly isExternal: boolean;
  state: 'Enabled' | 'Disabled' | 'PendingDeletion' | 'PendingImport';
  /** -Infinity once the key was destroyed: gone for good, even where the clock goes back. */
  deletionDate: number;
  rotationPeriod: number | undefined;
  nextRotation: number;
  onDemand: number;
  rotations: number;
  /** Of a key whose material comes from outside. */
  readonly materials: ModelMaterial[];
  current: number | undefined;
  description: string;
  readonly tags: Map<string, string>;
  /** The ids that imports answered, by the number of the material. One for all copies of the key, as are the proofs. */
  readonly materialIds: Map<number, string>;
  /** What the key has made: ciphertexts, MACs or signatures of one message. */
  readonly proofs: Uint8Array[];
}

export const newModelKey = (KeyId: string, kind: Kind, isExternal: boolean): ModelKey => ({
  KeyId,
  kind,
  isExternal,
  state: isExternal ? 'PendingImport' : 'Enabled',
  deletionDate: Number.POSITIVE_INFINITY,
  rotationPeriod: undefined,
  nextRotation: 0,
  onDemand: 0,
  rotations: 0,
  materials: [],
  current: undefined,
  description: '',
  tags: new Map(),
  materialIds: new Map(),
  proofs: [],
});

/** What an action may depend on; each takes what it needs. */
export interface Choice {
  readonly days: number;
  /** Which of the materials to import. */
  readonly bytes: number;
  readonly expires: boolean;
  readonly isNew: boolean;
  readonly name: string;
}

/** A copy of the key on which time has done its work. */
export function asOf(key: ModelKey, now: number): ModelKey {
  const isExpired = (each: ModelMaterial): boolean => each.isHeld && now >= each.validTo;
  const lacks = key.materials.some((each) => isExpired(each) && !each.isPending);
  const materials = key.materials
    .filter((each) => !(isExpired(each) && each.isPending))
    .map((each) => (isExpired(each) ? { ...each, isHeld: false, validTo: Number.POSITIVE_INFINITY } : { ...each }));
  const state = lacks && key.state !== 'PendingDeletion' ? 'PendingImport' : key.state;
  return { ...key, materials, state, tags: new Map(key.tags) };
}

const isWhole = ({ isExternal, materials }: ModelKey): boolean =>
  !isExternal || (materials.length > 0 && materials.every((each) => each.isHeld || each.isPending));

const INVALID_STATE = 'KMSInvalidStateException';
const UNSUPPORTED = 'UnsupportedOperationException';

const unlessEnabled = ({ state }: ModelKey): string | undefined =>
  state === 'Enabled' ? undefined : state === 'Disabled' ? 'DisabledException' : INVALID_STATE;
const unlessDeleted = ({ state }: ModelKey): string | undefined =>
  state === 'PendingDeletion' ? INVALID_STATE : undefined;
const unlessUsable = ({ state }: ModelKey): string | undefined =>
  state === 'PendingDeletion' || state === 'PendingImport' ? INVALID_STATE : undefined;
/** Only keys that rotate by themselves have a schedule. */
const unlessScheduled = (key: ModelKey): string | undefined => {
  if (key.state === 'PendingImport') return UNSUPPORTED;
  return unlessEnabled(key) ?? (key.isExternal || key.kind !== 'symmetric' ? UNSUPPORTED : undefined);
};

function rotate(key: ModelKey, now: number): string | undefined {
  const refusal = unlessEnabled(key) ?? (key.kind === 'symmetric' ? undefined : UNSUPPORTED);
  if (refusal !== undefined) return refusal;
  const pending = key.materials.find(({ isPending }) => isPending);
  if (key.isExternal && pending === undefined) return INVALID_STATE;
  if (key.rotationPeriod !== undefined && now >= key.nextRotation - CONFLICT_MS) return 'ConflictException';
  if (key.onDemand === MAX_ON_DEMAND) return 'LimitExceededException';
  key.onDemand++;
  key.rotations++;
  if (pending !== undefined) {
    pending.isPending = false;
    key.current = pending.bytes;
  }
  return undefined;
}

function importMaterial(key: ModelKey, now: number, { bytes, expires, days, isNew }: Choice): string | undefined {
  if (!key.isExternal) return UNSUPPORTED;
  if (key.state === 'PendingDeletion') return INVALID_STATE;
  const validTo = expires ? now + days * DAY : Number.POSITIVE_INFINITY;
  const known = key.materials.find((each) => each.bytes === bytes);
  if (known !== undefined) Object.assign(known, { isHeld: true, validTo });
  else if (key.materials.length === 0) {
    key.materials.push({ bytes, isHeld: true, validTo, isPending: false });
    key.current = bytes;
  } else {
    if (!isNew || key.kind !== 'symmetric') return 'IncorrectKeyMaterialException';
    if (key.materials.some(({ isPending }) => isPending)) return INVALID_STATE;
    key.materials.push({ bytes, isHeld: true, validTo, isPending: true });
  }
  if (key.state === 'PendingImport' && isWhole(key)) key.state = 'Enabled';
  return undefined;
}

function deleteMaterial(key: ModelKey, _now: number, { bytes }: Choice): string | undefined {
  if (!key.isExternal) return UNSUPPORTED;
  const material = key.materials.find((each) => each.bytes === (chosen(key, bytes) ?? key.current));
  if (material?.isPending) key.materials.splice(key.materials.indexOf(material), 1);
  else if (material?.isHeld) {
    Object.assign(material, { isHeld: false, validTo: Number.POSITIVE_INFINITY });
    if (key.state !== 'PendingDeletion') key.state = 'PendingImport';
  }
  return undefined;
}
/** The material that a call names; one that the key does not have cannot be named. */
export const chosen = (key: ModelKey, bytes: number): number | undefined =>
  key.materials.find((each) => each.bytes === bytes)?.bytes;

interface ModelRow {
  /** Changes the key, which is a copy that is thrown away where there is an error. */
  readonly model: (key: ModelKey, now: number, choice: Choice) => string | undefined;
  /** The call writes nothing to the key, so what time did to it stays unwritten too. */
  readonly leavesKey?: true;
}

const set =
  (refusal: (key: ModelKey) => string | undefined, change: (key: ModelKey, now: number, choice: Choice) => unknown) =>
  (key: ModelKey, now: number, choice: Choice): string | undefined => {
    const error = refusal(key);
    if (error === undefined) change(key, now, choice);
    return error;
  };

/** What each call does; the test has a call for each. */
export const MODEL = {
  enable: { model: set(unlessUsable, (key) => Object.assign(key, { state: 'Enabled' })) },
  disable: { model: set(unlessUsable, (key) => Object.assign(key, { state: 'Disabled' })) },
  describe: { model: set(unlessDeleted, (key, _now, { name }) => Object.assign(key, { description: name })) },
  tag: { model: set(unlessDeleted, (key, _now, { name, days }) => key.tags.set(name, String(days))), leavesKey: true },
  untag: { model: set(unlessDeleted, (key, _now, { name }) => key.tags.delete(name)), leavesKey: true },
  schedule: {
    model: set(unlessDeleted, (key, now, { days }) =>
      Object.assign(key, { state: 'PendingDeletion', deletionDate: now + days * DAY }),
    ),
  },
  cancel: {
    model: set(
      ({ state }) => (state === 'PendingDeletion' ? undefined : INVALID_STATE),
      (key) =>
        Object.assign(key, {
          state: isWhole(key) ? 'Disabled' : 'PendingImport',
          deletionDate: Number.POSITIVE_INFINITY,
        }),
    ),
  },
  use: { model: unlessEnabled, leavesKey: true },
  prove: { model: (key) => (key.proofs.length === 0 ? undefined : unlessEnabled(key)), leavesKey: true },
  rotate: { model: rotate },
  rotateEvery: {
    model: set(unlessScheduled, (key, now) => Object.assign(key, { rotationPeriod: 90, nextRotation: now + 90 * DAY })),
  },
  rotateNever: { model: set(unlessScheduled, (key) => Object.assign(key, { rotationPeriod: undefined })) },
  importMaterial: { model: importMaterial },
  deleteMaterial: { model: deleteMaterial },
} satisfies Record<string, ModelRow>;

/** What a call does to a key: the error it ends with, or the key afterwards. */
export function after(name: keyof typeof MODEL, key: ModelKey, now: number, choice: Choice): string | ModelKey {
  if (now >= key.deletionDate) return 'NotFoundException';
  const row: ModelRow = MODEL[name];
  const changed = asOf(key, now);
  const error = row.model(changed, now, choice);
  if (error !== undefined) return error;
  return row.leavesKey ? { ...key, tags: changed.tags } : changed;
}

/** What maintenance does to a key. */
export function swept(key: ModelKey, now: number): ModelKey {
  if (now >= key.deletionDate) return { ...key, deletionDate: Number.NEGATIVE_INFINITY };
  const changed = asOf(key, now);
  if (changed.state === 'Enabled' && changed.rotationPeriod !== undefined && now >= changed.nextRotation) {
    changed.rotations++;
    changed.nextRotation = now + changed.rotationPeriod * DAY;
  }
  return changed;
}
