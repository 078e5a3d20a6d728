/** Recorded tests that are several exchanges with one key: what was done, step by step, each answer under its recorded name. */
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import type { Keymill, OperationInput } from 'keymill';
import { importInto, materialFor, type Wrapping } from './kms-import.ts';

export interface Steps {
  readonly kms: Keymill;
  /** Our answer is like the recorded one. */
  like(exchange: string, ours: unknown): void;
  /** Our error is the recorded one, names in it replaced by `bindings`. */
  error(exchange: string, failing: Promise<unknown>, bindings?: Readonly<Record<string, string>>): Promise<void>;
}
export type Story = (steps: Steps) => Promise<void>;

const message = new TextEncoder().encode('some important message');
const FOREVER = { ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE' } as const;
const NEW = { ...FOREVER, ImportType: 'NEW_KEY_MATERIAL' } as const;
const tag = (key: string, value: string) => ({ TagKey: key, TagValue: value });
const tags = (...numbers: number[]) => numbers.map((n) => tag(`tag${n}`, `value${n}`));

const make = async (kms: Keymill, input: OperationInput<'CreateKey'> = {}) => (await kms.createKey(input)).KeyMetadata;
const external = (kms: Keymill, input: OperationInput<'CreateKey'> = {}) =>
  make(kms, { Description: 'test-key', ...input, Origin: 'EXTERNAL' });

/** Tagging: what is listed before and after. */
function tagging(
  first: { readonly inCreate: boolean; readonly numbers: readonly number[] },
  after: string,
  change: (kms: Keymill, KeyId: string) => Promise<unknown>,
): Story {
  return async ({ kms, like }) => {
    const Tags = tags(...first.numbers);
    const { KeyId } = await make(kms, first.inCreate ? { Tags } : {});
    if (!first.inCreate) await kms.tagResource({ KeyId, Tags });
    like('list-resource-tags', (await kms.listResourceTags({ KeyId })).Tags);
    await change(kms, KeyId);
    like(after, (await kms.listResourceTags({ KeyId })).Tags);
  };
}

const badTags =
  (exchange: string, Tags: readonly ReturnType<typeof tag>[], inCreate = true): Story =>
  async ({ kms, error }) => {
    if (inCreate) return error(exchange, kms.createKey({ Tags }));
    const { KeyId } = await make(kms);
    return error(exchange, kms.tagResource({ KeyId, Tags }));
  };

/** Import, use, delete: the same for every spec. */
function importing(
  KeySpec: NonNullable<OperationInput<'CreateKey'>['KeySpec']>,
  KeyUsage: 'ENCRYPT_DECRYPT' | 'SIGN_VERIFY' | 'GENERATE_VERIFY_MAC',
  names: { readonly before: string; readonly after: string; readonly description: string; readonly created?: string },
  use: (steps: Steps, KeyId: string) => Promise<void> = async () => {},
): Story {
  return async (steps) => {
    const { kms, like } = steps;
    const metadata = await external(kms, { KeySpec, KeyUsage, Description: names.description });
    const { KeyId } = metadata;
    if (names.created !== undefined) like(names.created, metadata);
    like(names.before, await kms.describeKey({ KeyId }));
    await importInto(kms, KeyId, materialFor(KeySpec), FOREVER);
    like(names.after, await kms.describeKey({ KeyId }));
    await use(steps, KeyId);
    await kms.deleteImportedKeyMaterial({ KeyId });
    like('describe-key-after-deleted-import', await kms.describeKey({ KeyId }));
  };
}
const IMPORT_NAMES = { before: 'describe-key-before-import', after: 'describe-key-after-import' };

const signing =
  (SigningAlgorithm: 'ECDSA_SHA_256' | 'ECDSA_SHA_384' | 'ECDSA_SHA_512') =>
  async ({ kms, like }: Steps, KeyId: string) => {
    const signed = await kms.sign({ KeyId, Message: message, SigningAlgorithm });
    like('sign-result', signed);
    const { Signature } = signed;
    like('verify-result', await kms.verify({ KeyId, Message: message, Signature, SigningAlgorithm }));
  };

const authenticating =
  (bits: 224 | 256 | 384 | 512) =>
  async ({ kms, like }: Steps, KeyId: string) => {
    const input = { KeyId, Message: message, MacAlgorithm: `HMAC_SHA_${bits}` } as const;
    const made = await kms.generateMac(input);
    like('generate-mac-response', made);
    like('verify-mac-response', await kms.verifyMac({ ...input, Mac: made.Mac }));
  };

const rotationStatus =
  (RotationPeriodInDays: number): Story =>
  async ({ kms, like }) => {
    const { KeyId } = await make(kms);
    await kms.enableKeyRotation({ KeyId, RotationPeriodInDays });
    like('match_response', await kms.getKeyRotationStatus({ KeyId }));
  };

const rotating =
  (isScheduled: boolean): Story =>
  async ({ kms, like }) => {
    const { KeyId } = await make(kms);
    if (isScheduled) await kms.enableKeyRotation({ KeyId });
    like('rotate-on-demand-response', await kms.rotateKeyOnDemand({ KeyId }));
    like('rotation-status-response-after-rotation', await kms.getKeyRotationStatus({ KeyId }));
  };

const otherContext =
  (generate: (kms: Keymill, KeyId: string, EncryptionContext: Record<string, string>) => Promise<Uint8Array>): Story =>
  async ({ kms, error }) => {
    const { KeyId } = await make(kms);
    const CiphertextBlob = await generate(kms, KeyId, { context: 'a' });
    await error('decrypt-without-encryption-context', kms.decrypt({ CiphertextBlob }));
  };

const dataKey = { KeySpec: 'AES_256' } as const;
const pair = { KeyPairSpec: 'RSA_2048' } as const;
const MAC_KEY = { KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' } as const;

export const STORIES: Readonly<Record<string, Story>> = {
  'TestKMS::test_create_key_with_tag_and_untag': tagging(
    { inCreate: true, numbers: [1, 2] },
    'list-resource-tags-after-all-untagged',
    (kms, KeyId) => kms.untagResource({ KeyId, TagKeys: ['tag1', 'tag2'] }),
  ),
  'TestKMS::test_tag_existing_key_and_untag': tagging(
    { inCreate: false, numbers: [1, 2] },
    'list-resource-tags-after-all-untagged',
    (kms, KeyId) => kms.untagResource({ KeyId, TagKeys: ['tag1', 'tag2'] }),
  ),
  'TestKMS::test_untag_key_partially': tagging(
    { inCreate: true, numbers: [1, 2, 3] },
    'list-resource-tags-after-partially-untagged',
    (kms, KeyId) => kms.untagResource({ KeyId, TagKeys: ['tag2'] }),
  ),
  'TestKMS::test_update_and_add_tags_on_tagged_key': tagging(
    { inCreate: true, numbers: [1, 2, 3] },
    'list-resource-tags-after-tags-updated',
    (kms, KeyId) => kms.tagResource({ KeyId, Tags: [tag('tag2', 'updated_value2'), ...tags(4, 5)] }),
  ),
  'TestKMS::test_tag_key_with_duplicate_tag_keys_raises_error': badTags('duplicate-tag-keys', [
    ...tags(1),
    tag('tag1', 'another'),
  ]),
  'TestKMS::test_create_key_with_too_many_tags_raises_error': badTags(
    'invalid-tag-key',
    tags(...Array.from({ length: 51 }, (_, n) => n)),
  ),
  'TestKMS::test_tag_existing_key_with_invalid_tag_key': badTags('invalid-tag-key', [tag('aws:key1', 'v')], false),
  'TestKMS::test_create_key_with_invalid_tag_key[lowercase_prefix]': badTags('invalid-tag-key', [tag('aws:key1', 'v')]),
  'TestKMS::test_create_key_with_invalid_tag_key[uppercase_prefix]': badTags('invalid-tag-key', [tag('AWS:key1', 'v')]),
  'TestKMS::test_create_key_with_invalid_tag_key[too_long_key]': badTags('invalid-tag-key', [
    tag('a'.repeat(129), 'v'),
  ]),
  'TestKMS::test_key_with_long_tag_value_raises_error': badTags('too-long-tag-value', [tag('tag1', 'v'.repeat(257))]),

  'TestKMS::test_key_enable_rotation_status[90]': rotationStatus(90),
  'TestKMS::test_key_enable_rotation_status[180]': rotationStatus(180),
  'TestKMS::test_rotate_key_on_demand_with_symmetric_key_and_automatic_rotation_disabled': rotating(false),
  'TestKMS::test_rotate_key_on_demand_with_symmetric_key_and_automatic_rotation_enabled': rotating(true),
  'TestKMS::test_rotate_key_on_demand_modifies_key_material': async ({ kms, like }) =>
    like('rotate-on-demand-response', await kms.rotateKeyOnDemand({ KeyId: (await make(kms)).KeyId })),
  'TestKMS::test_rotate_on_demand_returns_arn_for_key_id': async ({ kms, like }) =>
    like('rotate-on-demand-aws-key', await kms.rotateKeyOnDemand({ KeyId: (await make(kms)).KeyId })),
  'TestKMS::test_rotate_key_on_demand_raises_error_given_key_is_disabled': async ({ kms, error }) => {
    const { KeyId, Arn } = await make(kms);
    await kms.disableKey({ KeyId });
    await error('error-response', kms.rotateKeyOnDemand({ KeyId }), { 'key-arn': Arn });
  },
  'TestKMS::test_rotate_key_on_demand_raises_error_given_key_that_does_not_exist': async ({ kms, error }) => {
    const KeyId = `arn:aws:kms:${kms.region}:${kms.accountId}:key/134f2428-cec1-4b25-a1ae-9048164dba47`;
    await error('error-response', kms.rotateKeyOnDemand({ KeyId }), { 'key-arn': KeyId });
  },
  'TestKMS::test_rotate_key_on_demand_raises_error_given_non_symmetric_key': async ({ kms, error }) =>
    error('error-response', kms.rotateKeyOnDemand({ KeyId: (await make(kms, MAC_KEY)).KeyId })),
  'TestKMS::test_key_rotations_limits': async ({ kms, error }) => {
    const { KeyId, Arn } = await make(kms);
    for (let i = 0; i < 25; i++) await kms.rotateKeyOnDemand({ KeyId });
    await error('error-response', kms.rotateKeyOnDemand({ KeyId }), { 'key-arn': Arn });
  },
  'TestKMS::test_key_rotations_encryption_decryption': async ({ kms, error }) => {
    const { KeyId } = await make(kms);
    const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: message });
    await kms.rotateKeyOnDemand({ KeyId });
    await kms.decrypt({ CiphertextBlob });
    await error('bad-ciphertext', kms.decrypt({ KeyId, CiphertextBlob: CiphertextBlob.subarray(1) }));
  },
  'TestKMS::test_key_rotation_updates_current_key_material_id_for_aws_symmetric_keys': async ({ kms, like }) => {
    const { KeyId } = await make(kms, { Description: 'test-key' });
    like('describe-key-before-rotation', await kms.describeKey({ KeyId }));
    await kms.rotateKeyOnDemand({ KeyId });
    like('describe-key-after-rotation', await kms.describeKey({ KeyId }));
  },

  'TestKMS::test_get_parameters_for_import': async ({ kms, error }) => {
    const { KeyId, Arn } = await make(kms);
    const request = { WrappingAlgorithm: 'RSAES_OAEP_SHA_256', WrappingKeySpec: 'RSA_2048' } as const;
    await error('response-error', kms.getParametersForImport({ KeyId, ...request }), { 'key-arn': Arn });
  },
  'TestKMS::test_get_parameters_for_import_raises_for_non_external_kms_keys': async ({ kms, error }) => {
    const { KeyId, Arn } = await make(kms);
    const request = { WrappingAlgorithm: 'RSAES_OAEP_SHA_256', WrappingKeySpec: 'RSA_2048' } as const;
    await error('get-import-parameters-error', kms.getParametersForImport({ KeyId, ...request }), { 'key-arn': Arn });
  },
  'TestKMS::test_import_key_symmetric': async ({ kms, like, error }) => {
    const metadata = await external(kms, { Description: 'test' });
    const { KeyId } = metadata;
    const names = { partition: 'aws', region: kms.region, 'key-id:1': KeyId };
    const encrypt = () => kms.encrypt({ KeyId, Plaintext: message });
    like('created-key', metadata);
    await error('encrypt-before-import-error', encrypt(), names);
    like('describe-key-before-import', await kms.describeKey({ KeyId }));
    await error('import-expiring-key-without-valid-to', importInto(kms, KeyId, randomBytes(32), {}));
    await importInto(kms, KeyId, randomBytes(32), FOREVER);
    like('describe-key-after-import', await kms.describeKey({ KeyId }));
    await kms.deleteImportedKeyMaterial({ KeyId });
    like('describe-key-after-deleted-import', await kms.describeKey({ KeyId }));
    await error('encrypt-after-delete-error', encrypt(), names);
  },
  'TestKMS::test_import_key_asymmetric': importing('ECC_NIST_P256', 'SIGN_VERIFY', {
    ...IMPORT_NAMES,
    description: 'test',
    created: 'created-key',
  }),
  'TestKMS::test_import_key_rsa_aes_wrap_sha256': importing('RSA_4096', 'ENCRYPT_DECRYPT', {
    before: 'describe-before-import',
    after: 'import-key-material-response',
    description: 'test-key',
  }),
  ...Object.fromEntries(
    (
      [
        ['ECC_NIST_P256', 'ECDSA_SHA_256'],
        ['ECC_NIST_P384', 'ECDSA_SHA_384'],
        ['ECC_SECG_P256K1', 'ECDSA_SHA_256'],
        ['ECC_NIST_P521', 'ECDSA_SHA_512'],
      ] as const
    ).map(([spec, algorithm]) => [
      `TestKMS::test_import_key_ecc_keys[${spec}]`,
      importing(spec, 'SIGN_VERIFY', { ...IMPORT_NAMES, description: 'test ecc key import' }, signing(algorithm)),
    ]),
  ),
  ...Object.fromEntries(
    ([224, 256, 384, 512] as const).map((bits) => [
      `TestKMS::test_import_key_hmac_keys[HMAC_${bits}]`,
      importing(
        `HMAC_${bits}`,
        'GENERATE_VERIFY_MAC',
        { ...IMPORT_NAMES, description: 'test import hmac key' },
        authenticating(bits),
      ),
    ]),
  ),
  'TestKMS::test_rotate_key_on_demand_updates_current_key_material_for_external_keys': async ({ kms, like }) => {
    const metadata = await external(kms);
    const { KeyId } = metadata;
    const describeKey = () => kms.describeKey({ KeyId });
    const encrypt = () => kms.encrypt({ KeyId, Plaintext: message });
    const wrapping: Wrapping = 'RSAES_OAEP_SHA_256';
    like('create-kms-external-key', metadata);
    const request = { KeyId, WrappingAlgorithm: wrapping, WrappingKeySpec: 'RSA_2048' } as const;
    like('get-import-parameters-response', await kms.getParametersForImport(request));
    like('describe-empty-key-response', await describeKey());
    like('import-key-material-response', await importInto(kms, KeyId, randomBytes(32), NEW, wrapping));
    like('describe-key-with-material-response', await describeKey());
    like('kms-encrypt-initial-response', await encrypt());
    like('import-new-key-material-response', await importInto(kms, KeyId, randomBytes(32), NEW, wrapping));
    like('describe-key-with-new-material-response', await describeKey());
    like('rotate-key-on-demand-response', await kms.rotateKeyOnDemand({ KeyId }));
    like('describe-key-after-rotation', await describeKey());
    like('kms-encrypt-rotated-key-response', await encrypt());
  },
  'TestKMS::test_rotate_key_on_demand_for_external_keys_decrypts_with_previous_material': async ({ kms, like }) => {
    const metadata = await external(kms);
    const { KeyId } = metadata;
    like('create-kms-external-key', metadata);
    like('import-key-material-response', await importInto(kms, KeyId, randomBytes(32), NEW));
    const sealed = await kms.encrypt({ KeyId, Plaintext: message });
    like('kms-encrypt-initial-response', sealed);
    await importInto(kms, KeyId, randomBytes(32), NEW);
    like('rotate-key-on-demand-response', await kms.rotateKeyOnDemand({ KeyId }));
    await kms.decrypt({ CiphertextBlob: sealed.CiphertextBlob });
  },
  'TestKMS::test_rotate_key_on_demand_raises_for_no_pending_key_material': async ({ kms, error }) => {
    const { KeyId, Arn } = await external(kms);
    await importInto(kms, KeyId, randomBytes(32), NEW);
    const bindings = { 'key-arn': Arn };
    await error('rotate-key-on-demand-invalid-state-error', kms.rotateKeyOnDemand({ KeyId }), bindings);
  },
  ...Object.fromEntries(
    ['SYMMETRIC_DEFAULT', 'RSA_4096'].map((spec) => [
      `TestKMS::test_rotate_key_on_demand_on_external_key_with_no_key_material[${spec}]`,
      // The recording made a symmetric key both times.
      async ({ kms, like, error }: Steps) => {
        const metadata = await external(kms);
        const { KeyId } = metadata;
        like('create-kms-external-key', metadata);
        const names = { partition: 'aws', region: kms.region, 'key-id:1': KeyId };
        await error(`rotate-key-on-demand-error-response-${spec}`, kms.rotateKeyOnDemand({ KeyId }), names);
      },
    ]),
  ),
  'TestKMS::test_import_key_material_raises_if_there_is_already_key_material_pending': async ({ kms, like, error }) => {
    const { KeyId, Arn } = await external(kms);
    like('import-initial-material-response', await importInto(kms, KeyId, randomBytes(32), NEW));
    const pending = await importInto(kms, KeyId, randomBytes(32), NEW);
    like('import-pending-material-response', pending);
    const third = importInto(kms, KeyId, randomBytes(32), NEW);
    const refused = await third.then(
      () => '',
      (failure: Error) => failure.message,
    );
    // The id of what was refused is nowhere but in the message.
    await error('existing-pending-material-error', third, {
      'key-material-id': /\(id: ([0-9a-f]{64})\)/.exec(refused)?.[1] ?? 'none',
      'key-material-id:2': pending.KeyMaterialId!,
      'key-id:1': Arn,
    });
  },

  'TestKMSGenerateKeys::test_generate_data_key_pair': async ({ kms, like }) =>
    like('generate-data-key-pair', await kms.generateDataKeyPair({ KeyId: (await make(kms)).KeyId, ...pair })),
  'TestKMSGenerateKeys::test_generate_data_key_pair_without_plaintext': async ({ kms, like }) =>
    like(
      'generate-data-key-pair-without-plaintext',
      await kms.generateDataKeyPairWithoutPlaintext({ KeyId: (await make(kms)).KeyId, ...pair }),
    ),
  'TestKMSGenerateKeys::test_generate_data_key_without_plaintext': async ({ kms, like }) =>
    like(
      'generate-data-key-without-plaintext',
      await kms.generateDataKeyWithoutPlaintext({ KeyId: (await make(kms)).KeyId, ...dataKey }),
    ),
  'TestKMSGenerateKeys::test_generate_data_key_pair_dry_run': async ({ kms, error }) =>
    error('dryrun_exception', kms.generateDataKeyPair({ KeyId: (await make(kms)).KeyId, ...pair, DryRun: true })),
  'TestKMSGenerateKeys::test_generate_data_key_pair_without_plaintext_dry_run': async ({ kms, error }) => {
    const input = { KeyId: (await make(kms)).KeyId, ...pair, DryRun: true };
    await error('dryrun_exception', kms.generateDataKeyPairWithoutPlaintext(input));
  },
  'TestKMSGenerateKeys::test_encryption_context_generate_data_key': otherContext(
    async (kms, KeyId, EncryptionContext) =>
      (await kms.generateDataKey({ KeyId, EncryptionContext, ...dataKey })).CiphertextBlob,
  ),
  'TestKMSGenerateKeys::test_encryption_context_generate_data_key_without_plaintext': otherContext(
    async (kms, KeyId, EncryptionContext) =>
      (await kms.generateDataKeyWithoutPlaintext({ KeyId, EncryptionContext, ...dataKey })).CiphertextBlob,
  ),
  'TestKMSGenerateKeys::test_encryption_context_generate_data_key_pair': otherContext(
    async (kms, KeyId, EncryptionContext) =>
      (await kms.generateDataKeyPair({ KeyId, EncryptionContext, ...pair })).PrivateKeyCiphertextBlob,
  ),
  'TestKMSGenerateKeys::test_encryption_context_generate_data_key_pair_without_plaintext': otherContext(
    async (kms, KeyId, EncryptionContext) =>
      (await kms.generateDataKeyPairWithoutPlaintext({ KeyId, EncryptionContext, ...pair })).PrivateKeyCiphertextBlob,
  ),

  'TestKMS::test_re_encrypt[SYMMETRIC_DEFAULT-SYMMETRIC_DEFAULT]': async ({ kms, like }) => {
    const [from, to] = [await make(kms), await make(kms)];
    const { CiphertextBlob } = await kms.encrypt({ KeyId: from.KeyId, Plaintext: message });
    like('test_re_encrypt', await kms.reEncrypt({ CiphertextBlob, DestinationKeyId: to.KeyId }));
  },
  'TestKMS::test_re_encrypt[RSA_2048-RSAES_OAEP_SHA_256]': async ({ kms, like }) => {
    const spec = { KeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT' } as const;
    const [from, to] = [await make(kms, spec), await make(kms, spec)];
    const EncryptionAlgorithm = 'RSAES_OAEP_SHA_256';
    const { CiphertextBlob } = await kms.encrypt({ KeyId: from.KeyId, Plaintext: message, EncryptionAlgorithm });
    const answer = await kms.reEncrypt({
      CiphertextBlob,
      SourceKeyId: from.KeyId,
      DestinationKeyId: to.KeyId,
      SourceEncryptionAlgorithm: EncryptionAlgorithm,
      DestinationEncryptionAlgorithm: EncryptionAlgorithm,
    });
    like('test_re_encrypt', answer);
  },
  'TestKMS::test_re_encrypt_incorrect_source_key': async ({ kms, error }) => {
    const [from, to] = [await make(kms), await make(kms)];
    const { CiphertextBlob } = await kms.encrypt({ KeyId: from.KeyId, Plaintext: message });
    const input = { CiphertextBlob, SourceKeyId: to.KeyId, DestinationKeyId: to.KeyId };
    await error('incorrect-source-key', kms.reEncrypt(input));
  },
  'TestKMS::test_derive_shared_secret': async ({ kms, like, error }) => {
    const agreeing = { KeySpec: 'ECC_NIST_P256', KeyUsage: 'KEY_AGREEMENT' } as const;
    const [one, other] = [await make(kms, agreeing), await make(kms, agreeing)];
    const { PublicKey } = await kms.getPublicKey({ KeyId: other.KeyId });
    const derive = (KeyId: string, rest: object = {}) =>
      kms.perform('DeriveSharedSecret', { KeyId, KeyAgreementAlgorithm: 'ECDH', PublicKey, ...rest });
    like('response', await derive(one.KeyId));
    const signer = await make(kms, { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' });
    await error('response-invalid-key-usage', derive(signer.KeyId), { 'key-arn': signer.Arn });
    await error('response-invalid-key-agreement-algo', derive(one.KeyId, { KeyAgreementAlgorithm: 'INVALID' }));
    const symmetric = await make(kms);
    await error('response-invalid-key', derive(symmetric.KeyId), { 'key-arn': symmetric.Arn });
    const notAKey = createHash('sha512').update(message).digest();
    await error('response-invalid-public-key', derive(one.KeyId, { PublicKey: notAKey }));
  },
  'TestKMS::test_derive_shared_secret_matches_openssl': async ({ kms, like }) => {
    const { KeyId } = await make(kms, { KeySpec: 'ECC_NIST_P256', KeyUsage: 'KEY_AGREEMENT' });
    const peer = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const PublicKey = peer.publicKey.export({ format: 'der', type: 'spki' });
    const input = { KeyId, KeyAgreementAlgorithm: 'ECDH', PublicKey } as const;
    like('derived-shared-key-resp', await kms.deriveSharedSecret(input));
  },
  'TestKMS::test_non_multi_region_keys_should_not_have_multi_region_properties': async ({ kms, like }) =>
    like(
      'non_multi_region_keys_should_not_have_multi_region_properties',
      await make(kms, { Description: 'test non multi region key', MultiRegion: false }),
    ),
  'TestKMS::test_hmac_create_key': async ({ kms, like }) => {
    const metadata = await make(kms, { ...MAC_KEY, Description: 'test key' });
    like('create-hmac-key', metadata);
    like('describe-key', (await kms.describeKey({ KeyId: metadata.KeyId })).KeyMetadata);
  },
  'TestKMS::test_describe_with_alias_arn': async ({ kms, like }) => {
    const metadata = await make(kms, { Description: 'test - description' });
    like('created-key', metadata);
    await kms.createAlias({ AliasName: 'alias/x', TargetKeyId: metadata.KeyId });
    const KeyId = `arn:aws:kms:${kms.region}:${kms.accountId}:alias/x`;
    like('describe-key', await kms.describeKey({ KeyId }));
  },
  ...Object.fromEntries(
    [1, 12, 44, 91, 1024].map((NumberOfBytes) => [
      `TestKMS::test_generate_random[${NumberOfBytes}]`,
      async ({ kms, like }: Steps) =>
        like('result_length', (await kms.generateRandom({ NumberOfBytes })).Plaintext.length),
    ]),
  ),
  ...Object.fromEntries(
    [
      'HMAC_SHA_256-some different important message',
      'HMAC_SHA_512-some important message',
      'INVALID-some important message',
    ].map((what) => [
      `TestKMS::test_invalid_verify_mac[HMAC_256-${what}]`,
      async ({ kms, like }: Steps) => {
        const { KeyId } = await make(kms, MAC_KEY);
        like('generate-mac', await kms.generateMac({ KeyId, Message: message, MacAlgorithm: 'HMAC_SHA_256' }));
      },
    ]),
  ),
};
