/** Key state x operation: the table of the AWS KMS developer guide, cell by cell. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { KmsError, type OperationName } from 'keymill';
import { OPERATIONS } from '../src/kms/operations/index.ts';
import { KEY_STATES, type KeyState, requireState } from '../src/kms/states.ts';
import { importInto } from './support/kms-import.ts';
import { openInMemory, type TestKey, utf8 } from './support/kms-service.ts';

/** The guide's footnotes. */
const ANSWERS = {
  '1': ['DisabledException', 'is disabled.'],
  '3': ['KMSInvalidStateException', 'is pending deletion.'],
  '3r': ['KMSInvalidStateException', 'is pending replica deletion.'],
  '4': ['KMSInvalidStateException', 'is not pending deletion.'],
  '5': ['KMSInvalidStateException', 'is pending import.'],
  '6': ['UnsupportedOperationException', 'origin is EXTERNAL which is not valid for this operation.'],
  '11': ['KMSInvalidStateException', 'is unavailable.'],
  '14': ['KMSInvalidStateException', 'is creating.'],
  '15': ['KMSInvalidStateException', 'is updating.'],
} as const;
type Cell = keyof typeof ANSWERS | 'Y';

/** In the order of KEY_STATES: Enabled, Disabled, PendingDeletion, PendingReplicaDeletion, PendingImport, Unavailable, Creating, Updating. */
const TABLE: readonly (readonly [operations: readonly OperationName[], cells: readonly Cell[]])[] = [
  [
    [
      'Encrypt',
      'Decrypt',
      'GenerateDataKey',
      'GenerateDataKeyWithoutPlaintext',
      'GenerateDataKeyPair',
      'GenerateDataKeyPairWithoutPlaintext',
      'Sign',
      'Verify',
      'GenerateMac',
      'VerifyMac',
      'DeriveSharedSecret',
      'GetPublicKey',
    ],
    ['Y', '1', '3', '3r', '5', '11', '14', 'Y'],
  ],
  [
    ['EnableKey', 'DisableKey'],
    ['Y', 'Y', '3', '3r', '5', 'Y', '14', '15'],
  ],
  [
    ['EnableKeyRotation', 'DisableKeyRotation'],
    ['Y', '1', '3', '3r', '6', '11', '14', 'Y'],
  ],
  [['RotateKeyOnDemand'], ['Y', '1', '3', '3r', '5', '11', '14', 'Y']],
  [['GetParametersForImport'], ['Y', 'Y', '3', '3r', 'Y', '11', '14', '15']],
  [['ImportKeyMaterial'], ['Y', 'Y', '3', '3r', 'Y', '11', '14', 'Y']],
  [['DeleteImportedKeyMaterial'], ['Y', 'Y', 'Y', 'Y', 'Y', 'Y', '14', '15']],
  [['GetKeyRotationStatus'], ['Y', 'Y', 'Y', 'Y', '6', '11', 'Y', 'Y']],
  [['ScheduleKeyDeletion'], ['Y', 'Y', '3', '3r', 'Y', 'Y', 'Y', '15']],
  [['CancelKeyDeletion'], ['4', '4', 'Y', 'Y', '4', '4', '4', '4']],
  [
    ['CreateAlias', 'UpdateAlias', 'TagResource', 'UntagResource', 'UpdateKeyDescription'],
    ['Y', 'Y', '3', '3r', 'Y', 'Y', 'Y', 'Y'],
  ],
  [
    ['DescribeKey', 'GetKeyPolicy', 'PutKeyPolicy', 'ListKeyPolicies', 'ListResourceTags', 'ListKeyRotations'],
    ['Y', 'Y', 'Y', 'Y', 'Y', 'Y', 'Y', 'Y'],
  ],
];

/** These are about imported keys: a key of AWS's own material is refused before its state is asked. */
const IMPORTING: readonly OperationName[] = [
  'GetParametersForImport',
  'ImportKeyMaterial',
  'DeleteImportedKeyMaterial',
];

/** These find their keys by themselves, or have none. */
const WITHOUT_RULE: readonly OperationName[] = [
  'CreateKey',
  'ListKeys',
  'ListAliases',
  'DeleteAlias',
  'GenerateRandom',
  'ReEncrypt',
];

test('every operation stands in the table once', () => {
  const listed = [...TABLE.flatMap(([operations]) => operations), ...WITHOUT_RULE];
  assert.deepEqual([...listed].sort(), Object.keys(OPERATIONS).sort());
});

function refusalOf(run: () => void): readonly [string, string] | 'Y' {
  try {
    run();
    return 'Y';
  } catch (error) {
    assert.ok(error instanceof KmsError);
    return [error.name, error.message.slice('arn '.length)];
  }
}

for (const [operations, cells] of TABLE) {
  for (const operation of operations) {
    test(`${operation}: the rule in every state`, () => {
      const { state: rule } = OPERATIONS[operation].key!;
      for (const [index, state] of KEY_STATES.entries()) {
        const cell = cells[index]!;
        const refusal = refusalOf(() => requireState(rule, state, 'arn'));
        assert.deepEqual(refusal, cell === 'Y' ? 'Y' : ANSWERS[cell], state);
      }
    });
  }
}

const message = utf8('a message');
const MAC = { Message: message, MacAlgorithm: 'HMAC_SHA_256' } as const;
const SIGNING = { Message: message, SigningAlgorithm: 'ECDSA_SHA_256' } as const;

/** What each operation needs beside the key to get past its parameters. */
const INPUTS: Partial<Record<OperationName, object>> = {
  Encrypt: { Plaintext: message },
  Decrypt: {},
  GenerateDataKey: { KeySpec: 'AES_256' },
  GenerateDataKeyWithoutPlaintext: { KeySpec: 'AES_256' },
  GenerateDataKeyPair: { KeyPairSpec: 'ECC_NIST_P256' },
  GenerateDataKeyPairWithoutPlaintext: { KeyPairSpec: 'ECC_NIST_P256' },
  Sign: SIGNING,
  Verify: { ...SIGNING, Signature: message },
  GenerateMac: MAC,
  VerifyMac: { ...MAC, Mac: message },
  DeriveSharedSecret: { KeyAgreementAlgorithm: 'ECDH', PublicKey: message },
  CreateAlias: { AliasName: 'alias/new' },
  UpdateAlias: { AliasName: 'alias/old' },
  TagResource: { Tags: [{ TagKey: 'a', TagValue: 'b' }] },
  UntagResource: { TagKeys: ['a'] },
  UpdateKeyDescription: { Description: 'x' },
  PutKeyPolicy: { Policy: '{}' },
  GetParametersForImport: { WrappingAlgorithm: 'RSAES_OAEP_SHA_256', WrappingKeySpec: 'RSA_2048' },
  ImportKeyMaterial: { ImportToken: message, EncryptedKeyMaterial: message },
};

/** The states a key of one region can be brought into, and how. */
const REACHABLE: Partial<Record<KeyState, (kms: Awaited<ReturnType<typeof openInMemory>>, KeyId: string) => unknown>> =
  {
    Enabled: () => {},
    Disabled: (kms, KeyId) => kms.disableKey({ KeyId }),
    PendingDeletion: (kms, KeyId) => kms.scheduleKeyDeletion({ KeyId, PendingWindowInDays: 7 }),
    PendingImport: () => {},
  };

describe('a real key', () => {
  for (const [state, bring] of Object.entries(REACHABLE) as [KeyState, NonNullable<(typeof REACHABLE)[KeyState]>][]) {
    for (const [operations, cells] of TABLE) {
      for (const operation of operations) {
        test(`${operation} of a key that is ${state}`, async (t) => {
          const kms = await openInMemory(t);
          const isImporting = IMPORTING.includes(operation);
          const Origin = state === 'PendingImport' || isImporting ? 'EXTERNAL' : 'AWS_KMS';
          const { KeyMetadata } = await kms.createKey({ Origin });
          if (isImporting && state !== 'PendingImport') await importInto(kms, KeyMetadata.KeyId, new Uint8Array(32));
          const key: TestKey = { keyId: KeyMetadata.KeyId, arn: KeyMetadata.Arn };
          const other = (await kms.createKey()).KeyMetadata.KeyId;
          await kms.createAlias({ AliasName: 'alias/old', TargetKeyId: other });
          const input: Record<string, unknown> = { ...INPUTS[operation] };
          input[OPERATIONS[operation].key!.member ?? 'KeyId'] = key.keyId;
          if (operation === 'Decrypt') {
            const sealed = state === 'PendingImport' ? other : key.keyId;
            input.CiphertextBlob = (await kms.encrypt({ KeyId: sealed, Plaintext: message })).CiphertextBlob;
            // A blob of a key that never had material does not exist: another key's stands for it where the state is asked first.
            if (state === 'PendingImport') return;
          }
          await bring(kms, key.keyId);
          const cell = cells[KEY_STATES.indexOf(state)]!;
          const outcome = await kms.perform(operation, input).then(
            () => undefined,
            (error: KmsError) => error,
          );
          if (cell === 'Y') {
            // Usage and spec may still refuse; the state does not.
            const texts: readonly string[] = Object.values(ANSWERS).map(([, text]) => `${key.arn} ${text}`);
            assert.ok(outcome === undefined || !texts.includes(outcome.message), outcome?.message);
          } else {
            const [name, text] = ANSWERS[cell];
            assert.deepEqual([outcome?.name, outcome?.message], [name, `${key.arn} ${text}`]);
          }
        });
      }
    }
  }

  test('ReEncrypt asks both keys', async (t) => {
    const kms = await openInMemory(t);
    const [a, b] = [(await kms.createKey()).KeyMetadata, (await kms.createKey()).KeyMetadata];
    const { CiphertextBlob } = await kms.encrypt({ KeyId: a.KeyId, Plaintext: message });
    for (const { KeyId, Arn } of [a, b]) {
      await kms.disableKey({ KeyId });
      await assert.rejects(kms.reEncrypt({ CiphertextBlob, DestinationKeyId: b.KeyId }), {
        name: 'DisabledException',
        message: `${Arn} is disabled.`,
      });
      await kms.enableKey({ KeyId });
    }
  });
});
