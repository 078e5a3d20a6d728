/** CreateKey, DescribeKey, ListKeys, GetPublicKey. */
import { KEY_SPECS, type KeySpec } from '../../engine/index.ts';
import type { KeyRecord } from '../../store/index.ts';
import { keyArn } from '../address.ts';
import { dashed } from '../ciphertext.ts';
import { KmsError } from '../errors.ts';
import { LiveKey } from '../livekey.ts';
import { keyOperation, operation } from '../operation.ts';
import { page } from '../pages.ts';
import type { Service } from '../service.ts';
import {
  blob,
  boolean,
  enumeration,
  integer,
  list,
  required,
  type StructureOf,
  string,
  structure,
  time,
  unsupported,
} from '../shapes.ts';
import { ALGORITHM_LIST_OF, algorithmsOf, KEY_SPEC_NAMES, KEY_USAGES, type KeyUsage } from '../specs.ts';
import { grantTokens, keyId, marker } from './members.ts';

const algorithmLists = {
  EncryptionAlgorithms: list(string()),
  SigningAlgorithms: list(string()),
  KeyAgreementAlgorithms: list(string()),
};

const keyMetadata = structure({
  AWSAccountId: required(string()),
  KeyId: required(string()),
  Arn: required(string()),
  CreationDate: required(time),
  Enabled: required(boolean),
  Description: required(string()),
  KeyUsage: required(string()),
  KeyState: required(string()),
  Origin: required(string()),
  KeyManager: required(string()),
  CustomerMasterKeySpec: required(string()),
  KeySpec: required(string()),
  ...algorithmLists,
  MacAlgorithms: list(string()),
  MultiRegion: required(boolean),
  CurrentKeyMaterialId: string(),
});

function metadataOf({ realm }: Service, key: LiveKey): StructureOf<(typeof keyMetadata)['members']> {
  const { record, keySpec, keyUsage } = key;
  return {
    AWSAccountId: realm.accountId,
    KeyId: record.keyId,
    Arn: key.arn,
    CreationDate: new Date(record.creationDate),
    Enabled: key.keyState === 'Enabled',
    Description: record.description,
    KeyUsage: keyUsage,
    KeyState: key.keyState,
    Origin: record.origin,
    KeyManager: 'CUSTOMER',
    CustomerMasterKeySpec: keySpec,
    KeySpec: keySpec,
    [ALGORITHM_LIST_OF[keyUsage]]: algorithmsOf(keySpec, keyUsage),
    MultiRegion: false,
    // Only symmetric keys can have several materials, so AWS names the current one only there.
    ...(KEY_SPECS[keySpec].family === 'symmetric' && record.currentMaterialId !== null
      ? { CurrentKeyMaterialId: record.currentMaterialId }
      : {}),
  };
}

interface SpecAndUsage {
  readonly keySpec: KeySpec;
  readonly keyUsage: KeyUsage;
}

/** @throws KmsError ValidationException, with AWS's texts */
function specAndUsage(input: {
  readonly KeySpec?: KeySpec | undefined;
  readonly CustomerMasterKeySpec?: KeySpec | undefined;
  readonly KeyUsage?: KeyUsage | undefined;
}): SpecAndUsage {
  if (input.KeySpec !== undefined && input.CustomerMasterKeySpec !== undefined) {
    throw new KmsError(
      'ValidationException',
      'You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.',
    );
  }
  const keySpec = input.KeySpec ?? input.CustomerMasterKeySpec ?? 'SYMMETRIC_DEFAULT';
  if (input.KeyUsage === undefined && keySpec !== 'SYMMETRIC_DEFAULT') {
    throw new KmsError(
      'ValidationException',
      'You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.',
    );
  }
  const keyUsage = input.KeyUsage ?? 'ENCRYPT_DECRYPT';
  if (algorithmsOf(keySpec, keyUsage).length === 0) {
    throw new KmsError('ValidationException', `KeyUsage ${keyUsage} is not compatible with KeySpec ${keySpec}`);
  }
  return { keySpec, keyUsage };
}

/** A random UUID, RFC 9562 version 4. */
async function newKeyId({ random }: Service): Promise<string> {
  const bytes = Buffer.from(await random(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return dashed(bytes.toString('hex'));
}

/** Drawn, not derived: a public hash of the material would let anyone test guesses of an imported one. */
async function newMaterialId({ random }: Service): Promise<string> {
  return Buffer.from(await random(32)).toString('hex');
}

/** Makes, wraps and stores a key; it is durable when this returns. */
async function createKey(service: Service, { keySpec, keyUsage }: SpecAndUsage, description: string): Promise<LiveKey> {
  const { engine, root, store, realm, keyring, now } = service;
  const [id, materialId, handle] = await Promise.all([
    newKeyId(service),
    newMaterialId(service),
    engine.generateKey(keySpec, { exportable: false }),
  ]);
  try {
    const creationDate = now();
    const record: KeyRecord = {
      keyId: id,
      keySpec,
      keyUsage,
      keyState: 'Enabled',
      origin: 'AWS_KMS',
      description,
      creationDate,
      currentMaterialId: materialId,
    };
    const wrapped = await root.wrapKey(handle, id, materialId);
    const stored = { key: record, materials: [{ keyId: id, materialId, wrapped, creationDate }] };
    await store.insertKey(stored);
    const key = new LiveKey(stored, realm, root);
    key.current.handle = handle;
    keyring.add(key);
    return key;
  } catch (error) {
    handle.close();
    throw error;
  }
}

const keyEntry = structure({ KeyId: required(string()), KeyArn: required(string()) });

export const KEY_OPERATIONS = {
  CreateKey: operation({
    input: {
      Policy: unsupported(string({ min: 1, max: 131072 })),
      Description: string({ max: 8192 }),
      KeyUsage: enumeration(KEY_USAGES),
      CustomerMasterKeySpec: enumeration(KEY_SPEC_NAMES),
      KeySpec: enumeration(KEY_SPEC_NAMES),
      Origin: enumeration(['AWS_KMS', 'EXTERNAL', 'AWS_CLOUDHSM', 'EXTERNAL_KEY_STORE']),
      CustomKeyStoreId: unsupported(string({ min: 1, max: 64 })),
      /** There is no policy yet that could lock anyone out. */
      BypassPolicyLockoutSafetyCheck: boolean,
      Tags: unsupported(list(structure({}))),
      MultiRegion: unsupported(boolean),
      XksKeyId: unsupported(string({ min: 1, max: 128 })),
    },
    output: { KeyMetadata: required(keyMetadata) },
    async run({ service, input }) {
      if (input.Origin !== undefined && input.Origin !== 'AWS_KMS') {
        throw new KmsError(
          'UnsupportedOperationException',
          `Origin ${input.Origin} is not supported by this release of keymill.`,
        );
      }
      const key = await createKey(service, specAndUsage(input), input.Description ?? '');
      return { KeyMetadata: metadataOf(service, key) };
    },
  }),

  DescribeKey: keyOperation({
    input: { KeyId: required(keyId), GrantTokens: grantTokens },
    output: { KeyMetadata: required(keyMetadata) },
    key: { member: 'KeyId', state: 'reading' },
    run: async ({ service, key }) => ({ KeyMetadata: metadataOf(service, key) }),
  }),

  ListKeys: operation({
    input: { Limit: integer({ min: 1, max: 1000 }), Marker: marker },
    output: { Keys: required(list(keyEntry)), NextMarker: string(), Truncated: required(boolean) },
    async run({ service: { store, realm }, input }) {
      const { items, ...rest } = await page(
        input,
        100,
        (wanted) => store.listKeys(wanted),
        (id) => id,
      );
      return { Keys: items.map((id) => ({ KeyId: id, KeyArn: keyArn(realm, id) })), ...rest };
    },
  }),

  GetPublicKey: keyOperation({
    input: { KeyId: required(keyId), GrantTokens: grantTokens },
    output: {
      KeyId: required(string()),
      PublicKey: required(blob()),
      CustomerMasterKeySpec: required(string()),
      KeySpec: required(string()),
      KeyUsage: required(string()),
      ...algorithmLists,
    },
    key: { member: 'KeyId', state: 'cryptographic' },
    async run({ key }) {
      const { keySpec, keyUsage } = key;
      if (!HAS_PUBLIC_KEY.has(KEY_SPECS[keySpec].family)) {
        throw new KmsError(
          'UnsupportedOperationException',
          `${key.arn} key spec is ${keySpec} which is not valid for this operation.`,
        );
      }
      const handle = key.current.handle ?? (await key.current.open());
      return {
        KeyId: key.arn,
        PublicKey: handle.publicKey(),
        CustomerMasterKeySpec: keySpec,
        KeySpec: keySpec,
        KeyUsage: keyUsage,
        [ALGORITHM_LIST_OF[keyUsage]]: algorithmsOf(keySpec, keyUsage),
      };
    },
  }),
};

const HAS_PUBLIC_KEY: ReadonlySet<string> = new Set(['rsa', 'ec', 'edwards']);
