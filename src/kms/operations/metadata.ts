/** KeyMetadata: what CreateKey and DescribeKey say of a key. */
import { KEY_SPECS } from '../../engine/index.ts';
import type { LiveKey } from '../livekey.ts';
import type { Service } from '../service.ts';
import { boolean, list, required, type StructureOf, string, structure, time } from '../shapes.ts';
import { ALGORITHM_LIST_OF, algorithmsOf } from '../specs.ts';

/** Present where they fit the key's usage. */
export const algorithmLists = {
  EncryptionAlgorithms: list(string()),
  SigningAlgorithms: list(string()),
  KeyAgreementAlgorithms: list(string()),
};

export const keyMetadata = structure({
  AWSAccountId: required(string()),
  KeyId: required(string()),
  Arn: required(string()),
  CreationDate: required(time),
  Enabled: required(boolean),
  Description: required(string()),
  KeyUsage: required(string()),
  KeyState: required(string()),
  DeletionDate: time,
  ValidTo: time,
  Origin: required(string()),
  ExpirationModel: string(),
  KeyManager: required(string()),
  CustomerMasterKeySpec: required(string()),
  KeySpec: required(string()),
  ...algorithmLists,
  MacAlgorithms: list(string()),
  MultiRegion: required(boolean),
  CurrentKeyMaterialId: string(),
});

export const expirationModelOf = (validTo: number | null): string =>
  validTo === null ? 'KEY_MATERIAL_DOES_NOT_EXPIRE' : 'KEY_MATERIAL_EXPIRES';

export function metadataOf({ realm, now }: Service, key: LiveKey): StructureOf<(typeof keyMetadata)['members']> {
  const { record, keySpec, keyUsage } = key;
  const KeyState = key.state(now) ?? record.keyState;
  const { deletionDate, currentMaterialId } = record;
  const current = key.stored.materials.find(({ materialId }) => materialId === currentMaterialId);
  // Of imported material AWS says these only while it is there.
  const imported = record.origin === 'EXTERNAL' && KeyState !== 'PendingImport' && current?.wrapped != null;
  return {
    AWSAccountId: realm.accountId,
    KeyId: record.keyId,
    Arn: key.arn,
    CreationDate: new Date(record.creationDate),
    Enabled: KeyState === 'Enabled',
    Description: record.description,
    KeyUsage: keyUsage,
    KeyState,
    ...(deletionDate === null ? {} : { DeletionDate: new Date(deletionDate) }),
    ...(imported && current.validTo !== null ? { ValidTo: new Date(current.validTo) } : {}),
    Origin: record.origin,
    ...(imported ? { ExpirationModel: expirationModelOf(current.validTo) } : {}),
    KeyManager: 'CUSTOMER',
    CustomerMasterKeySpec: keySpec,
    KeySpec: keySpec,
    [ALGORITHM_LIST_OF[keyUsage]]: algorithmsOf(keySpec, keyUsage),
    MultiRegion: false,
    // Only symmetric keys can have several materials, so AWS names the current one only there.
    ...(KEY_SPECS[keySpec].family === 'symmetric' && currentMaterialId !== null
      ? { CurrentKeyMaterialId: currentMaterialId }
      : {}),
  };
}
