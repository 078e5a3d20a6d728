/** CreateKey, DescribeKey, ListKeys, GetPublicKey. */
import { KEY_SPECS, type KeySpec } from '../../engine/index.ts';
import { keyArn } from '../address.ts';
import { KmsError } from '../errors.ts';
import { createKey } from '../newkey.ts';
import { keyOperation, operation } from '../operation.ts';
import { page } from '../pages.ts';
import { blob, boolean, enumeration, integer, list, required, string, structure, unsupported } from '../shapes.ts';
import { ALGORITHM_LIST_OF, algorithmsOf, KEY_SPEC_NAMES, KEY_USAGES, type KeyUsage } from '../specs.ts';
import { description, grantTokens, keyId, marker } from './members.ts';
import { algorithmLists, keyMetadata, metadataOf } from './metadata.ts';
import { policy, requirePolicy } from './policies.ts';
import { requireTags, tag, tagRecord } from './tags.ts';

interface SpecAndUsage {
  readonly keySpec: KeySpec;
  readonly keyUsage: KeyUsage;
}

/** @throws KmsError ValidationException, with AWS's texts */
export function specAndUsage(input: {
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

const keyEntry = structure({ KeyId: required(string()), KeyArn: required(string()) });

export const KEY_OPERATIONS = {
  CreateKey: operation({
    input: {
      Policy: policy,
      Description: description,
      KeyUsage: enumeration(KEY_USAGES),
      CustomerMasterKeySpec: enumeration(KEY_SPEC_NAMES),
      KeySpec: enumeration(KEY_SPEC_NAMES),
      Origin: enumeration(['AWS_KMS', 'EXTERNAL', 'AWS_CLOUDHSM', 'EXTERNAL_KEY_STORE']),
      CustomKeyStoreId: unsupported(string({ min: 1, max: 64 })),
      /** Policies are kept and not evaluated yet, so none can lock anyone out. */
      BypassPolicyLockoutSafetyCheck: boolean,
      Tags: list(tag),
      MultiRegion: unsupported(boolean),
      XksKeyId: unsupported(string({ min: 1, max: 128 })),
    },
    output: { KeyMetadata: required(keyMetadata) },
    check(input) {
      if (input.Tags !== undefined) requireTags(input.Tags);
      if (input.Policy !== undefined) requirePolicy(input.Policy);
    },
    async run({ service, input }) {
      const origin = input.Origin ?? 'AWS_KMS';
      if (origin !== 'AWS_KMS' && origin !== 'EXTERNAL') {
        throw new KmsError('UnsupportedOperationException', `Origin ${origin} is not supported by keymill.`);
      }
      const key = await createKey(service, {
        ...specAndUsage(input),
        origin,
        description: input.Description ?? '',
        tags: (input.Tags ?? []).map(tagRecord),
        policy: input.Policy,
      });
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
