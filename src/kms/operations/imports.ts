/** GetParametersForImport, ImportKeyMaterial, DeleteImportedKeyMaterial. */
import { KEY_SPECS } from '../../engine/index.ts';
import type { MaterialRecord, StoredKey } from '../../store/index.ts';
import { changeKey } from '../change.ts';
import { MS_PER_DAY } from '../days.ts';
import { KmsError } from '../errors.ts';
import { importMaterial, makeImportParameters, requireWrapping } from '../importing.ts';
import type { LiveKey } from '../livekey.ts';
import { wrapMaterial } from '../newkey.ts';
import { keyOperation } from '../operation.ts';
import { handOver } from '../rotate.ts';
import { blob, enumeration, required, string, time } from '../shapes.ts';
import { isNeeded } from '../states.ts';
import { keyId, opaque } from './members.ts';

const MAX_VALIDITY_DAYS = 365;
const keyMaterialId = string({ min: 64, max: 64, pattern: '^[a-f0-9]+$' });

const importedKey = { member: 'KeyId', names: 'key', origin: 'EXTERNAL' } as const;

interface Expiration {
  readonly ExpirationModel?: 'KEY_MATERIAL_EXPIRES' | 'KEY_MATERIAL_DOES_NOT_EXPIRE' | undefined;
  readonly ValidTo?: Date | undefined;
}

/** When the material expires, null for never. @throws KmsError */
function validToOf({ ExpirationModel, ValidTo }: Expiration, now: number): number | null {
  if (ExpirationModel === 'KEY_MATERIAL_DOES_NOT_EXPIRE') {
    if (ValidTo === undefined) return null;
    throw new KmsError(
      'ValidationException',
      'A validTo date must not be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE',
    );
  }
  if (ValidTo === undefined) {
    throw new KmsError(
      'ValidationException',
      'A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES',
    );
  }
  const validTo = ValidTo.getTime();
  if (validTo <= now || validTo > now + MAX_VALIDITY_DAYS * MS_PER_DAY) {
    throw new KmsError(
      'ValidationException',
      `ValidTo must be in the future and at most ${MAX_VALIDITY_DAYS} days ahead.`,
    );
  }
  return validTo;
}

/**
 * The key with the material that was imported. What a key has had comes back to its place only byte for byte, which its id says;
 * something new is the first material, or waits for RotateKeyOnDemand where the key is symmetric.
 * @throws KmsError
 */
function withImported(key: LiveKey, stored: StoredKey, record: MaterialRecord, isNew: boolean): StoredKey {
  const known = stored.materials.find(({ materialId }) => materialId === record.materialId);
  if (known === undefined && stored.materials.length > 0) {
    if (!isNew || KEY_SPECS[key.keySpec].family !== 'symmetric') throw new KmsError('IncorrectKeyMaterialException');
    const pending = stored.materials.find(({ materialState }) => materialState === 'PENDING_ROTATION');
    if (pending !== undefined) {
      throw new KmsError(
        'KMSInvalidStateException',
        `New key material (id: ${record.materialId}) cannot be imported into KMS key ${key.arn}, because another key material (id: ${pending.materialId}) is pending rotation.`,
      );
    }
    const waiting = { ...record, materialState: 'PENDING_ROTATION' };
    return { key: stored.key, materials: [...stored.materials, waiting] };
  }
  const { wrapped, validTo } = record;
  const description = record.description ?? known?.description ?? null;
  const placed = known === undefined ? record : { ...known, wrapped, validTo, description };
  const materials = [...stored.materials.filter((each) => each !== known), placed];
  const isWhole = materials.every((each) => each.wrapped !== null || !isNeeded(each));
  const keyState = stored.key.keyState === 'PendingImport' && isWhole ? 'Enabled' : stored.key.keyState;
  return {
    key: { ...stored.key, keyState, currentMaterialId: stored.key.currentMaterialId ?? record.materialId },
    materials,
  };
}

/** The key without the bytes of a material; it remembers which they were. One that only waited for a rotation is forgotten. */
function withoutMaterial(stored: StoredKey, materialId: string): StoredKey {
  const material = stored.materials.find((each) => each.materialId === materialId);
  if (material?.wrapped == null) return stored;
  const others = stored.materials.filter((each) => each !== material);
  if (!isNeeded(material)) return { key: stored.key, materials: others };
  const keyState = stored.key.deletionDate === null ? 'PendingImport' : stored.key.keyState;
  return { key: { ...stored.key, keyState }, materials: [...others, { ...material, wrapped: null, validTo: null }] };
}

export const IMPORT_OPERATIONS = {
  GetParametersForImport: keyOperation({
    input: {
      KeyId: required(keyId),
      WrappingAlgorithm: required(
        enumeration([
          'RSAES_PKCS1_V1_5',
          'RSAES_OAEP_SHA_1',
          'RSAES_OAEP_SHA_256',
          'RSA_AES_KEY_WRAP_SHA_1',
          'RSA_AES_KEY_WRAP_SHA_256',
        ]),
      ),
      WrappingKeySpec: required(enumeration(['RSA_2048', 'RSA_3072', 'RSA_4096'])),
    },
    output: {
      KeyId: required(string()),
      ImportToken: required(blob()),
      PublicKey: required(blob()),
      ParametersValidTo: required(time),
    },
    key: { ...importedKey, state: 'preparingImport' },
    async run({ service, input, key }) {
      const { WrappingAlgorithm: algorithm, WrappingKeySpec: wrappingKeySpec } = input;
      if (algorithm === 'RSAES_PKCS1_V1_5') {
        // AWS has refused it since 2023: it invites Bleichenbacher.
        throw new KmsError('UnsupportedOperationException', `Algorithm ${algorithm} is not supported.`);
      }
      requireWrapping(key, algorithm, wrappingKeySpec);
      const made = await makeImportParameters(service, key.record.keyId, algorithm, wrappingKeySpec);
      return {
        KeyId: key.arn,
        ImportToken: made.token,
        PublicKey: made.publicKey,
        ParametersValidTo: new Date(made.validTo),
      };
    },
  }),

  ImportKeyMaterial: keyOperation({
    input: {
      KeyId: required(keyId),
      ImportToken: required(opaque),
      EncryptedKeyMaterial: required(opaque),
      ValidTo: time,
      ExpirationModel: enumeration(['KEY_MATERIAL_EXPIRES', 'KEY_MATERIAL_DOES_NOT_EXPIRE']),
      ImportType: enumeration(['NEW_KEY_MATERIAL', 'EXISTING_KEY_MATERIAL']),
      KeyMaterialDescription: string({ max: 256, pattern: '^[a-zA-Z0-9:/_\\s.-]+$' }),
      KeyMaterialId: keyMaterialId,
    },
    output: { KeyId: required(string()), KeyMaterialId: string() },
    key: { ...importedKey, state: 'importing' },
    async run(call) {
      const { service, input, key } = call;
      // Copied, since there is waiting ahead.
      const [token, encrypted] = [new Uint8Array(input.ImportToken), new Uint8Array(input.EncryptedKeyMaterial)];
      const validTo = validToOf(input, service.now());
      const { handle, materialId } = await importMaterial(service, key, token, encrypted);
      if (input.KeyMaterialId !== undefined && input.KeyMaterialId !== materialId) {
        handle.close();
        throw new KmsError('IncorrectKeyMaterialException');
      }
      const { record } = await wrapMaterial(service, handle, key.record.keyId, materialId, {
        validTo,
        description: input.KeyMaterialDescription ?? null,
      });
      try {
        const isNew = input.ImportType === 'NEW_KEY_MATERIAL';
        const changed = await changeKey(call, (stored) => withImported(key, stored, record, isNew));
        handOver(changed, materialId, handle);
      } catch (error) {
        handle.close();
        throw error;
      }
      return { KeyId: key.arn, KeyMaterialId: materialId };
    },
  }),

  DeleteImportedKeyMaterial: keyOperation({
    input: { KeyId: required(keyId), KeyMaterialId: keyMaterialId },
    output: { KeyId: required(string()), KeyMaterialId: string() },
    key: { ...importedKey, state: 'deletingMaterial' },
    async run(call) {
      const { input, key } = call;
      let materialId: string | null = null;
      await changeKey(call, (stored) => {
        materialId = input.KeyMaterialId ?? stored.key.currentMaterialId;
        if (materialId === null) return stored;
        if (!stored.materials.some((each) => each.materialId === materialId)) {
          throw new KmsError('NotFoundException', `Key material ${materialId} of key ${key.arn} does not exist`);
        }
        return withoutMaterial(stored, materialId);
      });
      return { KeyId: key.arn, ...(materialId === null ? {} : { KeyMaterialId: materialId }) };
    },
  }),
};
