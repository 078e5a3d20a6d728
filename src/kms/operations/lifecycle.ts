/** UpdateKeyDescription, EnableKey, DisableKey, ScheduleKeyDeletion, CancelKeyDeletion. */
import type { StoredKey } from '../../store/index.ts';
import { changeKey, changeRecord } from '../change.ts';
import { MS_PER_DAY } from '../days.ts';
import { keyOperation } from '../operation.ts';
import { integer, required, string, time } from '../shapes.ts';
import { isNeeded } from '../states.ts';
import { requireInRange } from '../validate.ts';
import { description, keyId } from './members.ts';

const DEFAULT_PENDING_WINDOW_DAYS = 30;

const enabling = { member: 'KeyId', state: 'enabling', names: 'key' } as const;

/** What a key is once nothing keeps it from being used but that nobody has enabled it. */
const restingState = ({ materials, key }: StoredKey): string =>
  key.currentMaterialId === null || materials.some((each) => each.wrapped === null && isNeeded(each))
    ? 'PendingImport'
    : 'Disabled';

export const LIFECYCLE_OPERATIONS = {
  UpdateKeyDescription: keyOperation({
    input: { KeyId: required(keyId), Description: required(description) },
    key: { member: 'KeyId', state: 'labelling', names: 'key' },
    async run(call) {
      await changeRecord(call, () => ({ description: call.input.Description }));
      return undefined;
    },
  }),

  EnableKey: keyOperation({
    input: { KeyId: required(keyId) },
    key: enabling,
    async run(call) {
      await changeRecord(call, () => ({ keyState: 'Enabled' }));
      return undefined;
    },
  }),

  DisableKey: keyOperation({
    input: { KeyId: required(keyId) },
    key: enabling,
    async run(call) {
      await changeRecord(call, () => ({ keyState: 'Disabled' }));
      return undefined;
    },
  }),

  ScheduleKeyDeletion: keyOperation({
    input: { KeyId: required(keyId), PendingWindowInDays: integer({ min: 1, max: 365 }) },
    output: {
      KeyId: required(string()),
      DeletionDate: required(time),
      KeyState: required(string()),
      PendingWindowInDays: required(integer()),
    },
    key: { member: 'KeyId', state: 'schedulingDeletion', names: 'key' },
    async run(call) {
      const { service, input } = call;
      const PendingWindowInDays = input.PendingWindowInDays ?? DEFAULT_PENDING_WINDOW_DAYS;
      requireInRange('pendingWindowInDays', PendingWindowInDays, service.ranges.pendingWindowInDays);
      const deletionDate = service.now() + PendingWindowInDays * MS_PER_DAY;
      const key = await changeRecord(call, () => ({ keyState: 'PendingDeletion', deletionDate }));
      return {
        KeyId: key.arn,
        DeletionDate: new Date(deletionDate),
        KeyState: 'PendingDeletion',
        PendingWindowInDays,
      };
    },
  }),

  CancelKeyDeletion: keyOperation({
    input: { KeyId: required(keyId) },
    output: { KeyId: required(string()) },
    key: { member: 'KeyId', state: 'cancellingDeletion', names: 'key' },
    async run(call) {
      const key = await changeKey(call, (stored) => ({
        key: { ...stored.key, keyState: restingState(stored), deletionDate: null },
        materials: stored.materials,
      }));
      return { KeyId: key.arn };
    },
  }),
};
