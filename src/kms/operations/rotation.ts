/** EnableKeyRotation, DisableKeyRotation, GetKeyRotationStatus, RotateKeyOnDemand, ListKeyRotations. */
import { KEY_SPECS } from '../../engine/index.ts';
import type { MaterialRecord, Page, StoredKey } from '../../store/index.ts';
import { changeKey, changeRecord } from '../change.ts';
import { MS_PER_DAY } from '../days.ts';
import { KmsError } from '../errors.ts';
import type { LiveKey } from '../livekey.ts';
import { generateMaterial } from '../newkey.ts';
import { type KeyCall, keyOperation } from '../operation.ts';
import { page } from '../pages.ts';
import { handOver, withCurrent } from '../rotate.ts';
import { boolean, enumeration, integer, list, required, string, structure, time } from '../shapes.ts';
import { asOf } from '../states.ts';
import { requireInRange } from '../validate.ts';
import { keyId, marker } from './members.ts';
import { expirationModelOf } from './metadata.ts';

const DEFAULT_PERIOD_DAYS = 365;
const MAX_ON_DEMAND_ROTATIONS = 25;
/** AWS's API reference, RotateKeyOnDemand: not where an automatic rotation is in progress or due within 20 minutes. */
const CONFLICT_MS = 20 * 60_000;

/** Only symmetric keys rotate, and by themselves only those whose material is AWS's own to make. @throws KmsError */
function requireRotatable({ keySpec, record, arn }: LiveKey, isAutomatic: boolean): void {
  if (KEY_SPECS[keySpec].family !== 'symmetric') throw new KmsError('UnsupportedOperationException');
  if (isAutomatic && record.origin === 'EXTERNAL') {
    throw new KmsError(
      'UnsupportedOperationException',
      `${arn} origin is EXTERNAL which is not valid for this operation.`,
    );
  }
}

const scheduling = { member: 'KeyId', state: 'schedulingRotation', names: 'key' } as const;

const rotationEntry = structure({
  KeyId: string(),
  KeyMaterialId: string(),
  KeyMaterialDescription: string(),
  ImportState: string(),
  KeyMaterialState: string(),
  ExpirationModel: string(),
  ValidTo: time,
  RotationDate: time,
  RotationType: string(),
});

function entryOf({ record }: LiveKey, material: MaterialRecord) {
  const { description, rotationDate, rotationType, validTo } = material;
  return {
    KeyId: record.keyId,
    KeyMaterialId: material.materialId,
    ...(description === null ? {} : { KeyMaterialDescription: description }),
    ...(record.origin === 'EXTERNAL'
      ? {
          ImportState: material.wrapped === null ? 'PENDING_IMPORT' : 'IMPORTED',
          ...(material.wrapped === null ? {} : { ExpirationModel: expirationModelOf(validTo) }),
        }
      : {}),
    KeyMaterialState: material.materialState,
    ...(validTo === null ? {} : { ValidTo: new Date(validTo) }),
    ...(rotationDate === null ? {} : { RotationDate: new Date(rotationDate), RotationType: rotationType! }),
  };
}

/** A page of what is in memory already; a marker that names none of it is as bad as any other. */
async function pageOf(materials: readonly MaterialRecord[], { after, limit }: Page) {
  const start = after === undefined ? 0 : materials.findIndex(({ materialId }) => materialId === after) + 1;
  if (after !== undefined && start === 0) throw new KmsError('InvalidMarkerException', 'Could not parse marker.');
  return materials.slice(start, start + limit);
}

/** @throws KmsError LimitExceededException */
function requireRotationsLeft({ materials }: StoredKey, { arn }: LiveKey): void {
  const done = materials.filter(({ rotationType }) => rotationType === 'ON_DEMAND').length;
  if (done < MAX_ON_DEMAND_ROTATIONS) return;
  throw new KmsError(
    'LimitExceededException',
    `The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be performed for this key: ${arn}`,
  );
}

/** Draws a material and makes it current. */
async function rotateDrawn(call: KeyCall<unknown>): Promise<LiveKey> {
  const { service, key } = call;
  const rotationDate = service.now();
  const { record, handle } = await generateMaterial(service, key.record.keyId, key.keySpec, {
    rotationDate,
    rotationType: 'ON_DEMAND',
  });
  try {
    const rotated = await changeKey(call, (stored) => {
      const { nextRotationDate } = stored.key;
      if (nextRotationDate !== null && rotationDate >= nextRotationDate - CONFLICT_MS) {
        throw new KmsError('ConflictException', `${key.arn} is about to be rotated automatically.`);
      }
      requireRotationsLeft(stored, key);
      return withCurrent(stored, record);
    });
    handOver(rotated, record.materialId, handle);
    return rotated;
  } catch (error) {
    handle.close();
    throw error;
  }
}

/** Makes the material current that was imported for this. */
function rotateImported(call: KeyCall<unknown>): Promise<LiveKey> {
  return changeKey(call, (stored) => {
    const pending = stored.materials.find(({ materialState }) => materialState === 'PENDING_ROTATION');
    if (pending?.wrapped == null) {
      throw new KmsError(
        'KMSInvalidStateException',
        `No available key material pending rotation for the key: ${call.key.arn}.`,
      );
    }
    requireRotationsLeft(stored, call.key);
    return withCurrent(stored, { ...pending, rotationDate: call.service.now(), rotationType: 'ON_DEMAND' });
  });
}

export const ROTATION_OPERATIONS = {
  EnableKeyRotation: keyOperation({
    input: { KeyId: required(keyId), RotationPeriodInDays: integer() },
    key: scheduling,
    async run(call) {
      requireRotatable(call.key, true);
      const { input, service } = call;
      const rotationPeriodInDays = input.RotationPeriodInDays ?? DEFAULT_PERIOD_DAYS;
      requireInRange('rotationPeriodInDays', rotationPeriodInDays, service.ranges.rotationPeriodInDays);
      const nextRotationDate = service.now() + rotationPeriodInDays * MS_PER_DAY;
      await changeRecord(call, () => ({ rotationPeriodInDays, nextRotationDate }));
      return undefined;
    },
  }),

  DisableKeyRotation: keyOperation({
    input: { KeyId: required(keyId) },
    key: scheduling,
    async run(call) {
      requireRotatable(call.key, true);
      await changeRecord(call, () => ({ nextRotationDate: null }));
      return undefined;
    },
  }),

  GetKeyRotationStatus: keyOperation({
    input: { KeyId: required(keyId) },
    output: {
      KeyRotationEnabled: required(boolean),
      KeyId: required(string()),
      RotationPeriodInDays: integer(),
      NextRotationDate: time,
      OnDemandRotationStartDate: time,
    },
    key: { member: 'KeyId', state: 'readingRotation', names: 'key' },
    async run({ key }) {
      requireRotatable(key, true);
      const { nextRotationDate, rotationPeriodInDays, deletionDate } = key.record;
      // A key pending deletion does not rotate; what was asked for comes back when the deletion is cancelled.
      if (nextRotationDate === null || rotationPeriodInDays === null || deletionDate !== null) {
        return { KeyRotationEnabled: false, KeyId: key.arn };
      }
      return {
        KeyRotationEnabled: true,
        KeyId: key.arn,
        RotationPeriodInDays: rotationPeriodInDays,
        NextRotationDate: new Date(nextRotationDate),
      };
    },
  }),

  RotateKeyOnDemand: keyOperation({
    input: { KeyId: required(keyId) },
    output: { KeyId: required(string()) },
    key: { member: 'KeyId', state: 'rotating', names: 'key' },
    async run(call) {
      requireRotatable(call.key, false);
      const rotated = await (call.key.record.origin === 'EXTERNAL' ? rotateImported(call) : rotateDrawn(call));
      return { KeyId: rotated.arn };
    },
  }),

  ListKeyRotations: keyOperation({
    input: {
      KeyId: required(keyId),
      IncludeKeyMaterial: enumeration(['ALL_KEY_MATERIAL', 'ROTATIONS_ONLY']),
      Limit: integer({ min: 1, max: 1000 }),
      Marker: marker,
    },
    output: { Rotations: required(list(rotationEntry)), NextMarker: string(), Truncated: required(boolean) },
    key: { member: 'KeyId', state: 'reading', names: 'key' },
    async run({ service, input, key }) {
      requireRotatable(key, false);
      const isWanted = ({ rotationDate }: MaterialRecord) =>
        input.IncludeKeyMaterial === 'ALL_KEY_MATERIAL' || rotationDate !== null;
      const { materials } = asOf(key.stored, service.now()) ?? key.stored;
      const wanted = materials.filter(isWanted);
      const { items, ...rest } = await page(
        input,
        100,
        (part) => pageOf(wanted, part),
        ({ materialId }) => materialId,
      );
      return { Rotations: items.map((material) => entryOf(key, material)), ...rest };
    },
  }),
};
