/** Which operation is allowed in which key state, as data. Source: AWS KMS developer guide, "Key states of AWS KMS keys". */
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

interface Refusal {
  readonly error: KmsErrorName;
  /** What follows the key's ARN in the message. */
  readonly text: string;
}

const disabled: Refusal = { error: 'DisabledException', text: 'is disabled.' };
const pendingDeletion: Refusal = { error: 'KMSInvalidStateException', text: 'is pending deletion.' };
const pendingReplicaDeletion: Refusal = { error: 'KMSInvalidStateException', text: 'is pending replica deletion.' };
const pendingImport: Refusal = { error: 'KMSInvalidStateException', text: 'is pending import.' };
const unavailable: Refusal = { error: 'KMSInvalidStateException', text: 'is unavailable.' };
const creating: Refusal = { error: 'KMSInvalidStateException', text: 'is creating.' };

/** A row of the guide's table per kind of operation; a state that is not listed allows it. */
export const STATE_RULES = {
  cryptographic: {
    Disabled: disabled,
    PendingDeletion: pendingDeletion,
    PendingReplicaDeletion: pendingReplicaDeletion,
    PendingImport: pendingImport,
    Unavailable: unavailable,
    Creating: creating,
  },
  /** CreateAlias, TagResource, UntagResource, UpdateKeyDescription. */
  labelling: { PendingDeletion: pendingDeletion, PendingReplicaDeletion: pendingReplicaDeletion },
  /** DescribeKey, the listings and what else only reads. */
  reading: {},
} satisfies Record<string, Partial<Record<KeyState, Refusal>>>;
export type StateRule = keyof typeof STATE_RULES;

/** @throws KmsError where `rule` forbids the operation in this state */
export function requireState(rule: StateRule, state: KeyState, arn: string): void {
  const refusals: Partial<Record<KeyState, Refusal>> = STATE_RULES[rule];
  const refusal = refusals[state];
  if (refusal !== undefined) throw new KmsError(refusal.error, `${arn} ${refusal.text}`);
}
