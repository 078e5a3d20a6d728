/** Which operation is allowed in which key state, as data. Source: AWS KMS developer guide, "Key states of AWS KMS keys". */
import type { MaterialRecord, StoredKey } from '../store/index.ts';
import { KmsError, type KmsErrorName } from './errors.ts';

export type KeyState =
  | 'Enabled'
  | 'Disabled'
  | 'PendingDeletion'
  | 'PendingReplicaDeletion'
  | 'PendingImport'
  | 'Unavailable'
  | 'Creating'
  | 'Updating';

export const KEY_STATES = [
  'Enabled',
  'Disabled',
  'PendingDeletion',
  'PendingReplicaDeletion',
  'PendingImport',
  'Unavailable',
  'Creating',
  'Updating',
] as const satisfies readonly KeyState[];

interface Refusal {
  readonly error: KmsErrorName;
  /** What follows the key's ARN in the message. */
  readonly text: string;
}

const invalidState = (text: string): Refusal => ({ error: 'KMSInvalidStateException', text });
const disabled: Refusal = { error: 'DisabledException', text: 'is disabled.' };
const external: Refusal = {
  error: 'UnsupportedOperationException',
  text: 'origin is EXTERNAL which is not valid for this operation.',
};
const pendingImport = invalidState('is pending import.');
const unavailable = invalidState('is unavailable.');
const creating = invalidState('is creating.');
const updating = invalidState('is updating.');
const notPendingDeletion = invalidState('is not pending deletion.');
const deletion = {
  PendingDeletion: invalidState('is pending deletion.'),
  PendingReplicaDeletion: invalidState('is pending replica deletion.'),
};

/** A row of the guide's table per kind of operation; a state that is not listed allows it. */
export const STATE_RULES = {
  /** Encrypt, Decrypt, ReEncrypt, GenerateDataKey*, Sign, Verify, GenerateMac, VerifyMac, DeriveSharedSecret, GetPublicKey. */
  cryptographic: {
    ...deletion,
    Disabled: disabled,
    PendingImport: pendingImport,
    Unavailable: unavailable,
    Creating: creating,
  },
  /** EnableKey, DisableKey. */
  enabling: { ...deletion, PendingImport: pendingImport, Creating: creating, Updating: updating },
  /** EnableKeyRotation, DisableKeyRotation. */
  schedulingRotation: {
    ...deletion,
    Disabled: disabled,
    PendingImport: external,
    Unavailable: unavailable,
    Creating: creating,
  },
  /** RotateKeyOnDemand: imported keys can do it since 2025, so one without material is pending import (recorded). */
  rotating: {
    ...deletion,
    Disabled: disabled,
    PendingImport: pendingImport,
    Unavailable: unavailable,
    Creating: creating,
  },
  /** GetKeyRotationStatus. */
  readingRotation: { PendingImport: external, Unavailable: unavailable },
  /** ScheduleKeyDeletion. */
  schedulingDeletion: { ...deletion, Updating: updating },
  /** CancelKeyDeletion. */
  cancellingDeletion: {
    Enabled: notPendingDeletion,
    Disabled: notPendingDeletion,
    PendingImport: notPendingDeletion,
    Unavailable: notPendingDeletion,
    Creating: notPendingDeletion,
    Updating: notPendingDeletion,
  },
  /** GetParametersForImport. */
  preparingImport: { ...deletion, Unavailable: unavailable, Creating: creating, Updating: updating },
  /** ImportKeyMaterial. */
  importing: { ...deletion, Unavailable: unavailable, Creating: creating },
  /** DeleteImportedKeyMaterial. */
  deletingMaterial: { Creating: creating, Updating: updating },
  /** CreateAlias, UpdateAlias (the new target), TagResource, UntagResource, UpdateKeyDescription. */
  labelling: deletion,
  /** DescribeKey, DeleteAlias, GetKeyPolicy, PutKeyPolicy, the listings and what else only reads. */
  reading: {},
} satisfies Record<string, Partial<Record<KeyState, Refusal>>>;
export type StateRule = keyof typeof STATE_RULES;

/** @throws KmsError where `rule` forbids the operation in this state */
export function requireState(rule: StateRule, state: KeyState, arn: string): void {
  const refusals: Partial<Record<KeyState, Refusal>> = STATE_RULES[rule];
  const refusal = refusals[state];
  if (refusal !== undefined) throw new KmsError(refusal.error, `${arn} ${refusal.text}`);
}

/** Whether the key cannot do without this material; one that waits for a rotation it can. */
export const isNeeded = ({ materialState }: MaterialRecord): boolean => materialState !== 'PENDING_ROTATION';

/** Whether the bytes are there and past their time. */
export const isExpired = ({ wrapped, validTo }: MaterialRecord, now: number): boolean =>
  wrapped !== null && validTo !== null && now >= validTo;

/** When time alone changes the state of a key; Infinity where it never does. */
export function nextChangeOf({ key, materials }: StoredKey): number {
  let next = key.deletionDate ?? Number.POSITIVE_INFINITY;
  for (const { wrapped, validTo } of materials)
    if (wrapped !== null && validTo !== null) next = Math.min(next, validTo);
  return next;
}

/** The state at a time, whether or not anybody has written it down yet; undefined once the key is gone. */
export function stateAt(stored: StoredKey, now: number): KeyState | undefined {
  const { key, materials } = stored;
  const state = key.keyState as KeyState;
  if (key.deletionDate !== null) return now >= key.deletionDate ? undefined : state;
  return materials.some((each) => isNeeded(each) && isExpired(each, now)) ? 'PendingImport' : state;
}

/** The key as time has left it, whether or not anybody has written it down yet; undefined once it is gone. */
export function asOf(stored: StoredKey, now: number): StoredKey | undefined {
  const keyState = stateAt(stored, now);
  if (keyState === undefined) return undefined;
  const materials = stored.materials
    // Of one that only waited for a rotation nothing is remembered: other bytes may take its place.
    .filter((each) => isNeeded(each) || !isExpired(each, now))
    .map((each) => (isExpired(each, now) ? { ...each, wrapped: null, validTo: null } : each));
  return { key: { ...stored.key, keyState }, materials };
}
