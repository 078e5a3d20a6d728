/** The service answers what AWS KMS answered in the recorded exchanges: in process, and over HTTP to an AWS client. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, type TestContext, test } from 'node:test';
import { type Keymill, KmsError, type OperationInput, type OperationName } from 'keymill';
import {
  assertLikeRecorded,
  EXCHANGES,
  oracleAbsence,
  recorded,
  recordedError,
  replayed,
} from './support/kms-oracle.ts';
import { openOverHttp } from './support/kms-over-http.ts';
import { ACCOUNT, newKey, openInMemory, REGION, type TestKey, utf8 } from './support/kms-service.ts';
import { STORIES, type Steps } from './support/kms-stories.ts';

interface ErrorRow {
  /** Test and exchange of the recording. */
  readonly from: readonly [test: string, exchange: string];
  /** The key to make first. */
  readonly key?: OperationInput<'CreateKey'>;
  readonly operation: OperationName;
  readonly input: (key: TestKey) => object;
  /** AWS has added values to this enum since. */
  readonly hasGrown?: true;
}

const message = utf8('some important message');
const HMAC = (bits: 224 | 256) => ({ KeySpec: `HMAC_${bits}`, KeyUsage: 'GENERATE_VERIFY_MAC' }) as const;
const RSA = (bits: 2048 | 3072 | 4096) => ({ KeySpec: `RSA_${bits}`, KeyUsage: 'ENCRYPT_DECRYPT' }) as const;
const SIGNING = { KeySpec: 'RSA_2048', KeyUsage: 'SIGN_VERIFY' } as const;
const UNKNOWN_ID = '134f2428-cec1-4b25-a1ae-9048164dba47';
const arnOf = (keyId: string) => `arn:aws:kms:${REGION}:${ACCOUNT}:key/${keyId}`;
const OTHER_REGION = 'us-west-2';

const random = (value: string, NumberOfBytes?: number): ErrorRow => ({
  from: [`TestKMS::test_generate_random_invalid_number_of_bytes[${value}]`, 'generate-random-exc'],
  operation: 'GenerateRandom',
  input: () => ({ NumberOfBytes }),
});
const tooLong = (bits: 2048 | 3072 | 4096, EncryptionAlgorithm: string, maxBytes: number): ErrorRow => ({
  from: [
    `TestKMS::test_encrypt_validate_plaintext_size_per_key_type[RSA_${bits}-${EncryptionAlgorithm}]`,
    'generate-random-exc',
  ],
  key: RSA(bits),
  operation: 'Encrypt',
  input: ({ keyId }) => ({ KeyId: keyId, Plaintext: new Uint8Array(maxBytes + 1), EncryptionAlgorithm }),
});
const describeKey = (testName: string, exchange: string, KeyId: string): ErrorRow => ({
  from: [`TestKMS::${testName}`, exchange],
  operation: 'DescribeKey',
  input: () => ({ KeyId }),
});
const unknownMacKey = (spec: string, operation: 'GenerateMac' | 'VerifyMac', exchange: string): ErrorRow => ({
  from: [`TestKMS::test_generate_and_verify_mac[HMAC_${spec}-HMAC_SHA_${spec}]`, exchange],
  operation,
  input: () => ({ KeyId: 'key_id', Message: message, MacAlgorithm: `HMAC_SHA_${spec}`, Mac: message }),
});
const createKey = (exchange: string, input: object, hasGrown = false): ErrorRow => ({
  from: ['TestKMS::test_hmac_create_key_invalid_operations', exchange],
  operation: 'CreateKey',
  input: () => input,
  ...(hasGrown ? { hasGrown: true } : {}),
});
const wrongUsage = (
  exchange: string,
  key: OperationInput<'CreateKey'>,
  operation: OperationName,
  rest: object,
): ErrorRow => ({
  from: ['TestKMS::test_error_messaging_for_invalid_keys', exchange],
  key,
  operation,
  input: ({ keyId }) => ({ KeyId: keyId, ...rest }),
});

const ERRORS: readonly ErrorRow[] = [
  random('None'),
  random('0', 0),
  random('1025', 1025),
  tooLong(2048, 'RSAES_OAEP_SHA_1', 214),
  tooLong(2048, 'RSAES_OAEP_SHA_256', 190),
  tooLong(3072, 'RSAES_OAEP_SHA_1', 342),
  tooLong(3072, 'RSAES_OAEP_SHA_256', 318),
  tooLong(4096, 'RSAES_OAEP_SHA_1', 470),
  tooLong(4096, 'RSAES_OAEP_SHA_256', 446),
  {
    from: ['TestKMS::test_plaintext_size_for_encrypt', 'invalid-plaintext-size-encrypt'],
    key: {},
    operation: 'Encrypt',
    input: ({ keyId }) => ({ KeyId: keyId, Plaintext: new Uint8Array(4097) }),
  },
  describeKey('test_get_key_in_different_region', 'describe-key-diff-region-with-id', UNKNOWN_ID),
  describeKey(
    'test_get_key_in_different_region',
    'describe-key-diff-region-with-arn',
    `arn:aws:kms:${OTHER_REGION}:${ACCOUNT}:key/${UNKNOWN_ID}`,
  ),
  describeKey('test_get_key_does_not_exist', 'describe-nonexistent-key-with-id', UNKNOWN_ID),
  describeKey('test_get_key_does_not_exist', 'describe-nonexistent-with-arn', arnOf(UNKNOWN_ID)),
  describeKey('test_get_key_does_not_exist', 'describe-key-with-valid-id-mrk', 'mrk-134f2428cec14b25a1ae9048164dba47'),
  describeKey('test_get_key_invalid_uuid', 'describe-key-with-invalid-uuid', 'fake-key-id'),
  describeKey('test_get_key_invalid_uuid', 'describe-key-with-invalid-uuid-2', '134f2428cec14b25a1ae9048164dba47'),
  describeKey('test_get_key_invalid_uuid', 'describe-key-with-invalid-uuid-mrk', 'mrk-fake-key-id'),
  {
    from: ['TestKMS::test_create_alias', 'create_alias'],
    key: {},
    operation: 'CreateAlias',
    input: ({ keyId }) => ({ AliasName: 'no-prefix', TargetKeyId: keyId }),
  },
  createKey('create-hmac-key-without-key-usage', { KeySpec: 'HMAC_256' }),
  createKey('create-hmac-key-invalid-spec', { KeySpec: 'HMAC_random', KeyUsage: 'GENERATE_VERIFY_MAC' }, true),
  createKey('create-hmac-key-invalid-key-usage', { KeySpec: 'HMAC_256', KeyUsage: 'RANDOM' }, true),
  {
    from: ['TestKMS::test_derive_shared_secret', 'response-invalid-key-spec'],
    operation: 'CreateKey',
    input: () => ({ KeySpec: 'RSA_2048', KeyUsage: 'KEY_AGREEMENT' }),
  },
  ...['224', '256', '384', '512'].flatMap((spec) => [
    unknownMacKey(spec, 'GenerateMac', 'generate-mac-invalid-key-id'),
    unknownMacKey(spec, 'VerifyMac', 'verify-mac-invalid-key-id'),
  ]),
  {
    from: ['TestKMS::test_invalid_generate_mac[HMAC_224-HMAC_SHA_256]', 'generate-mac'],
    key: HMAC(224),
    operation: 'GenerateMac',
    input: ({ keyId }) => ({ KeyId: keyId, Message: message, MacAlgorithm: 'HMAC_SHA_256' }),
  },
  {
    from: ['TestKMS::test_invalid_generate_mac[HMAC_256-INVALID]', 'generate-mac'],
    key: HMAC(256),
    operation: 'GenerateMac',
    input: ({ keyId }) => ({ KeyId: keyId, Message: message, MacAlgorithm: 'INVALID' }),
  },
  ...(
    [
      ['HMAC_SHA_256', 'some different important message'],
      ['HMAC_SHA_512', 'some important message'],
      ['INVALID', 'some important message'],
    ] as const
  ).map(
    ([MacAlgorithm, text]): ErrorRow => ({
      from: [`TestKMS::test_invalid_verify_mac[HMAC_256-${MacAlgorithm}-${text}]`, 'verify-mac'],
      key: HMAC(256),
      operation: 'VerifyMac',
      input: ({ keyId }) => ({ KeyId: keyId, Message: utf8(text), MacAlgorithm, Mac: new Uint8Array(32) }),
    }),
  ),
  wrongUsage('generate-mac-invalid-key-id', {}, 'GenerateMac', { Message: message, MacAlgorithm: 'HMAC_SHA_256' }),
  wrongUsage('sign-invalid-key-id', HMAC(256), 'Sign', { Message: message, SigningAlgorithm: 'RSASSA_PSS_SHA_256' }),
  wrongUsage('verify-invalid-key-id', {}, 'Verify', {
    Message: message,
    SigningAlgorithm: 'RSASSA_PSS_SHA_256',
    Signature: message,
  }),
  wrongUsage('encrypt-invalid-key-id', SIGNING, 'Encrypt', {
    Plaintext: message,
    EncryptionAlgorithm: 'RSAES_OAEP_SHA_256',
  }),
  {
    from: ['TestKMS::test_encrypt_decrypt_encryption_context', 'decrypt_response_with_invalid_ciphertext'],
    key: {},
    operation: 'Decrypt',
    input: () => ({ CiphertextBlob: new Uint8Array(200) }),
  },
];

/** Both ways to ask. */
const WAYS: Readonly<Record<string, (t: TestContext) => Promise<Keymill>>> = {
  'in process': openInMemory,
  'over HTTP': openOverHttp,
};

function describeEachWay(what: string, suite: (open: (t: TestContext) => Promise<Keymill>) => void): void {
  for (const [way, open] of Object.entries(WAYS))
    describe(`${what}, ${way}`, { skip: oracleAbsence }, () => suite(open));
}

describeEachWay('recorded errors', (open) => {
  for (const { from, key, operation, input, hasGrown } of ERRORS) {
    test(`${from.join(' ')}`, async (t) => {
      const kms = await open(t);
      const made = key === undefined ? { keyId: UNKNOWN_ID, arn: arnOf(UNKNOWN_ID) } : await newKey(kms, key);
      const given = (input(made) as { KeyId?: string }).KeyId ?? '';
      const named = given.startsWith('arn:') ? given : key === undefined ? arnOf(given) : made.arn;
      const expected = recordedError(...from, {
        'key-arn': named,
        'mrk-key-arn': named,
        'key-id:1': UNKNOWN_ID,
        partition: 'aws',
        region: REGION,
        'secondary-region': OTHER_REGION,
      });
      await assert.rejects(kms.perform(operation, input(made)), (error) => {
        assert.ok(error instanceof KmsError, String(error));
        assert.equal(error.name, expected.name);
        if (hasGrown) assert.ok(error.message.startsWith(expected.message.slice(0, -1)), error.message);
        else assert.equal(error.message, expected.message);
        return true;
      });
    });
  }

  test('Decrypt with a key that cannot, and with another context', async (t) => {
    const kms = await open(t);
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    const other = (await kms.createKey(HMAC(256))).KeyMetadata;
    const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: message, EncryptionContext: { a: 'b' } });
    const usage = recordedError('TestKMS::test_error_messaging_for_invalid_keys', 'decrypt-invalid-key-id', {});
    await assert.rejects(kms.decrypt({ CiphertextBlob, KeyId: other.KeyId }), usage);
    const context = recordedError(
      'TestKMS::test_encrypt_decrypt_encryption_context',
      'decrypt_response_without_encryption_context',
      {},
    );
    await assert.rejects(kms.decrypt({ CiphertextBlob }), context);
  });
});

/** Answers that carry a key: the recording (or one exchange's KeyMetadata), and the answer of ours to compare. */
const ANSWERS: readonly (readonly [
  from: readonly [test: string, exchange: string],
  ours: (kms: Keymill) => Promise<unknown>,
])[] = [
  [
    ['TestKMS::test_create_key', 'describe-key'],
    async (kms) => {
      const { KeyId } = (await kms.createKey({ Description: 'test key 123', KeyUsage: 'ENCRYPT_DECRYPT' })).KeyMetadata;
      return (await kms.describeKey({ KeyId })).KeyMetadata;
    },
  ],
  [
    ['TestKMS::test_hmac_create_key', 'create-hmac-key'],
    async (kms) => (await kms.createKey({ ...HMAC(256), Description: 'test key' })).KeyMetadata,
  ],
  [
    ['TestKMS::test_describe_with_alias_arn', 'describe-key'],
    async (kms) => {
      const { KeyId } = (await kms.createKey({ Description: 'test - description' })).KeyMetadata;
      await kms.createAlias({ AliasName: 'alias/x', TargetKeyId: KeyId });
      return kms.describeKey({ KeyId: `arn:aws:kms:${REGION}:${ACCOUNT}:alias/x` });
    },
  ],
  [
    ['TestKMSGenerateKeys::test_generate_data_key', 'generate-data-key-result'],
    async (kms) => kms.generateDataKey({ KeyId: (await kms.createKey()).KeyMetadata.KeyId, KeySpec: 'AES_256' }),
  ],
  [
    ['TestKMS::test_encrypt_decrypt_encryption_context', 'encrypt_response'],
    async (kms) => kms.encrypt({ KeyId: (await kms.createKey()).KeyMetadata.KeyId, Plaintext: message }),
  ],
  [
    ['TestKMS::test_encrypt_decrypt_encryption_context', 'decrypt_response_with_encryption_context'],
    async (kms) => {
      const { KeyId } = (await kms.createKey()).KeyMetadata;
      const EncryptionContext = { a: 'b' };
      const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: message, EncryptionContext });
      return kms.decrypt({ CiphertextBlob, EncryptionContext });
    },
  ],
];

/** AWS has answered with this member since the recording was made. */
const ADDED_SINCE: Readonly<Record<string, readonly string[]>> = { 'generate-data-key-result': ['KeyMaterialId'] };

describeEachWay('recorded answers', (open) => {
  for (const [from, ours] of ANSWERS) {
    test(from.join(' '), async (t) => {
      assertLikeRecorded(await ours(await open(t)), recorded(...from), ADDED_SINCE[from[1]]);
    });
  }

  for (const bits of [224, 256, 384, 512] as const) {
    test(`GenerateMac and VerifyMac, HMAC_${bits}`, async (t) => {
      const kms = await open(t);
      const key = { KeySpec: `HMAC_${bits}`, KeyUsage: 'GENERATE_VERIFY_MAC' } as const;
      const { KeyId } = (await kms.createKey(key)).KeyMetadata;
      const input = { KeyId, Message: message, MacAlgorithm: `HMAC_SHA_${bits}` } as const;
      const testName = `TestKMS::test_generate_and_verify_mac[HMAC_${bits}-HMAC_SHA_${bits}]`;
      const generated = await kms.generateMac(input);
      assertLikeRecorded(generated, recorded(testName, 'generate-mac'));
      assertLikeRecorded(await kms.verifyMac({ ...input, Mac: generated.Mac }), recorded(testName, 'verify-mac'));
    });
  }

  for (const [KeySpec, SigningAlgorithm, hash] of [
    ['RSA_2048', 'RSASSA_PSS_SHA_256', 'sha256'],
    ['RSA_2048', 'RSASSA_PSS_SHA_384', 'sha384'],
    ['RSA_2048', 'RSASSA_PSS_SHA_512', 'sha512'],
    ['RSA_4096', 'RSASSA_PKCS1_V1_5_SHA_256', 'sha256'],
    ['RSA_4096', 'RSASSA_PKCS1_V1_5_SHA_512', 'sha512'],
    ['ECC_NIST_P256', 'ECDSA_SHA_256', 'sha256'],
    ['ECC_NIST_P384', 'ECDSA_SHA_384', 'sha384'],
    ['ECC_SECG_P256K1', 'ECDSA_SHA_256', 'sha256'],
  ] as const) {
    test(`Sign and Verify, ${KeySpec} ${SigningAlgorithm}`, async (t) => {
      const kms = await open(t);
      const key = await newKey(kms, { KeySpec, KeyUsage: 'SIGN_VERIFY' });
      const testName = `TestKMS::test_sign_verify[${KeySpec}-${SigningAlgorithm}]`;
      const digest = new Uint8Array(createHash(hash).update(message).digest());
      const input = { KeyId: key.keyId, MessageType: 'DIGEST', SigningAlgorithm } as const;
      const signed = await kms.sign({ ...input, Message: digest });
      assertLikeRecorded(signed, recorded(testName, 'signature'));
      const { Signature } = signed;
      assertLikeRecorded(
        await kms.verify({ ...input, Message: digest, Signature }),
        recorded(testName, 'verification'),
      );
      const badDigest = recordedError(testName, 'bad-digest', {});
      await assert.rejects(kms.verify({ ...input, Message: message, Signature }), badDigest);
      const badSignature = recordedError(testName, 'bad-signature', {});
      await assert.rejects(kms.verify({ ...input, Message: digest, Signature: message }), badSignature);
    });
  }
});

/** AWS has answered with these members since the recordings were made. */
const GROWN: Readonly<Record<string, readonly string[]>> = {
  'generate-data-key-pair': ['KeyMaterialId'],
  'generate-data-key-pair-without-plaintext': ['KeyMaterialId'],
  'generate-data-key-without-plaintext': ['KeyMaterialId'],
  test_re_encrypt: ['SourceKeyMaterialId', 'DestinationKeyMaterialId'],
};

describeEachWay('recorded stories', (open) => {
  for (const [testName, story] of Object.entries(STORIES)) {
    test(testName, async (t) => {
      const kms = await open(t);
      const names = new Map();
      const steps: Steps = {
        kms,
        like: (exchange, ours) => assertLikeRecorded(ours, recorded(testName, exchange), GROWN[exchange], names),
        error: (exchange, failing, bindings = {}) =>
          assert.rejects(failing, recordedError(testName, exchange, bindings)),
      };
      await story(steps);
    });
  }
});

/** Recorded exchanges that are not replayed, and why. */
const LEFT: readonly (readonly [exchanges: RegExp, reason: string])[] = [
  [/test_replicate|test_create_multi_region_key /, 'several Regions'],
  [/test_get_key_in_different_region describe-key-same-specific-region/, 'several Regions'],
  [
    /given_key_with_imported_key_material error-response/,
    'recorded before AWS let imported keys rotate; contradicts test_rotate_key_on_demand_raises_for_no_pending_key_material',
  ],
];

test('every recorded exchange is replayed, or left for a reason', { skip: oracleAbsence }, (t) => {
  const missing = EXCHANGES.filter(
    (exchange) => !replayed.has(exchange) && !LEFT.some(([exchanges]) => exchanges.test(exchange)),
  );
  if (missing.length > 0) t.diagnostic(missing.join(', '));
  assert.deepEqual(missing, []);
});
