/** Every limit at its edge: what lies just within is taken, what lies just outside is refused in AWS's words. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Keymill, KmsError, type OperationInput } from 'keymill';
import { ALGORITHMS, HASHES, KEY_SPECS } from 'keymill/engine';
import { MAX_BATCH_ITEMS, type Member, type Members, OPERATIONS, type Shape } from '../src/kms/index.ts';
import { fixedKey } from './support/keys.ts';
import { importInto } from './support/kms-import.ts';
import { LIMITS, type Limit, REFUSED, UNBOUNDED } from './support/kms-limits.ts';
import { ACCOUNT, openInMemory, REGION, rejectsWith, utf8 } from './support/kms-service.ts';

const DAY = 86_400_000;

/** What a call fails with, undefined where it does not. */
const failureOf = (call: Promise<unknown>): Promise<KmsError | undefined> =>
  call.then(
    () => undefined,
    (error: unknown) => {
      assert.ok(error instanceof KmsError, String(error));
      return error;
    },
  );

/** A place in an operation's input that has a shape of its own. */
interface Place {
  readonly operation: string;
  readonly path: string;
  readonly shape: Shape;
  /** The input with this value in this place, all else in bounds. */
  readonly inputWith: (value: unknown) => object;
  /** The path as messages print it. */
  readonly printed: string;
}

/** The least that a shape takes. */
function sample(shape: Member): unknown {
  switch (shape.type) {
    case 'string':
      return 'a'.repeat(shape.min ?? 0);
    case 'enum':
      return shape.values[0];
    case 'integer':
      return shape.min ?? 1;
    case 'blob':
      return new Uint8Array(shape.min ?? 0);
    case 'structure':
      return samples(shape.members);
    case 'list':
      return [];
    default:
      throw new Error(`no required member is a ${shape.type}`);
  }
}
const samples = (members: Members): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(members).flatMap(([name, member]) => (member.required ? [[name, sample(member)]] : [])),
  );

const lowerFirst = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1);

function placesOf(here: Place): Place[] {
  const { operation, path, shape, inputWith, printed } = here;
  if (shape.type === 'list') {
    const item = {
      operation,
      path: `${path}[]`,
      shape: shape.item as Shape,
      inputWith: (value: unknown) => inputWith([value]),
      printed: `${printed}.1.member`,
    };
    return [here, ...placesOf(item)];
  }
  if (shape.type !== 'structure') return [here];
  return Object.entries(shape.members as Members).flatMap(([name, member]) =>
    placesOf({
      operation,
      path: `${path}.${name}`,
      shape: member,
      inputWith: (value) => inputWith({ ...samples(shape.members as Members), [name]: value }),
      printed: `${printed}.${lowerFirst(name)}`,
    }),
  );
}

const PLACES: readonly Place[] = Object.entries(OPERATIONS).flatMap(([operation, { input }]) =>
  Object.entries(input)
    .filter(([, member]) => !member.unsupported)
    .flatMap(([path, shape]) => {
      const inputWith = (value: unknown) => ({ ...samples(input), [path]: value });
      return placesOf({ operation, path, shape, inputWith, printed: lowerFirst(path) });
    }),
);
const rowOf = ({ operation, path }: Place): string =>
  `${operation}.${path}` in LIMITS ? `${operation}.${path}` : path;

/** A value, and what is wrong with it. */
interface Trial {
  readonly value: unknown;
  /** Of a violation: what follows the value, and the value as it is printed. */
  readonly violations: readonly { readonly shown: string; readonly text: string }[];
}
const good = (value: unknown): Trial => ({ value, violations: [] });
const bad = (value: unknown, shown: string, ...texts: string[]): Trial => ({
  value,
  violations: texts.map((text) => ({ shown, text })),
});
const atLeast = (what: string, min: number): string => `must have ${what} greater than or equal to ${min}`;
const atMost = (what: string, max: number): string => `must have ${what} less than or equal to ${max}`;

/** One value on each side of every edge. */
function trialsOf(limit: Limit): Trial[] {
  if ('values' in limit) {
    const text = `must satisfy enum value set: [${limit.values.join(', ')}]`;
    const others = [limit.values[0]!.toLowerCase(), `${limit.values[0]} `, ''];
    return [...limit.values.map(good), ...others.map((value) => bad(value, ` '${value}'`, text))];
  }
  if ('value' in limit) {
    const [min, max] = limit.value;
    return [
      good(min),
      good(max),
      bad(min - 1, ` '${min - 1}'`, atLeast('value', min)),
      bad(max + 1, ` '${max + 1}'`, atMost('value', max)),
    ];
  }
  if ('items' in limit) {
    const list = (items: number) => new Array(items).fill('a');
    const [min, max] = limit.items;
    assert.equal(min, 0, 'a list that must have items needs a trial without');
    return [good([]), good(list(max)), bad(list(max + 1), ` '[${list(max + 1).join(', ')}]'`, atMost('length', max))];
  }
  if ('bytes' in limit) {
    const [min, max] = limit.bytes;
    const long = bad(new Uint8Array(max + 1), '', atMost('length', max));
    const short = min === 0 ? [] : [bad(new Uint8Array(min - 1), '', atLeast('length', min))];
    return [good(new Uint8Array(min)), good(new Uint8Array(max)), long, ...short];
  }
  const {
    chars: [min, max],
    pattern,
    bad: misfits = [],
    fill = 'a',
  } = limit;
  const misfit = `must satisfy regular expression pattern: ${pattern}`;
  const [short, long] = [fill.repeat(Math.max(min - 1, 0)), fill.repeat(max + 1)];
  const isMisfit = (text: string): boolean => pattern !== undefined && !new RegExp(pattern, 'u').test(text);
  return [
    isMisfit(fill.repeat(min)) ? bad('', ` ''`, misfit) : good(fill.repeat(min)),
    good(fill.repeat(max)),
    bad(long, ` '${long}'`, atMost('length', max)),
    ...(min === 0 ? [] : [bad(short, ` '${short}'`, atLeast('length', min), ...(isMisfit(short) ? [misfit] : []))]),
    ...misfits.map((text) => bad(text, ` '${text}'`, misfit)),
  ];
}

describe('bounds of the shapes', () => {
  let kms: Keymill;
  before(async () => {
    kms = await Keymill.open({ path: ':memory:' });
  });
  after(() => kms.close());

  test('every member has a row, and every row a member', () => {
    const unused = new Set([...Object.keys(LIMITS), ...Object.keys(UNBOUNDED)]);
    for (const place of PLACES) {
      const row = rowOf(place);
      if (place.shape.type === 'boolean' || place.path === 'Tags[]') continue;
      assert.ok(row in LIMITS || row in UNBOUNDED, `${place.operation}.${place.path} has no row`);
      unused.delete(row);
    }
    assert.deepEqual([...unused], []);
    const refused = Object.values(OPERATIONS).flatMap(({ input }) =>
      Object.entries(input).flatMap(([name, member]) => (member.unsupported ? [name] : [])),
    );
    assert.deepEqual(new Set(refused), REFUSED);
  });

  for (const place of PLACES) {
    const limit = LIMITS[rowOf(place)];
    if (limit === undefined) continue;
    test(`${place.operation}: ${place.path}`, async () => {
      for (const { value, violations } of trialsOf(limit)) {
        const error = await failureOf(kms.perform(place.operation, place.inputWith(value)));
        if (violations.length === 0) {
          assert.doesNotMatch(error?.message ?? '', new RegExp(` at '${place.printed}' failed`));
          assert.notEqual(error?.name, 'SerializationException');
          continue;
        }
        const texts = violations.map(
          ({ shown, text }) => `Value${shown} at '${place.printed}' failed to satisfy constraint: Member ${text}`,
        );
        const plural = texts.length === 1 ? 'error' : 'errors';
        assert.deepEqual(
          [error?.name, error?.message],
          ['ValidationException', `${texts.length} validation ${plural} detected: ${texts.join('; ')}`],
        );
      }
    });
  }
});

/** A call, and the exact error it must end with; without one it must succeed. */
type Call = readonly [call: () => Promise<unknown>, error?: string, message?: string];

async function each(calls: readonly Call[]): Promise<void> {
  for (const [call, error, message] of calls) {
    if (error === undefined) await call();
    else await rejectsWith(call(), error, message);
  }
}

const newKeyId = async (kms: Keymill, input: OperationInput<'CreateKey'> = {}): Promise<string> =>
  (await kms.createKey(input)).KeyMetadata.KeyId;

/** A key with the fixed material of its spec: to generate the larger ones takes long. */
async function importedKeyId(kms: Keymill, input: OperationInput<'CreateKey'>): Promise<string> {
  const KeyId = await newKeyId(kms, { ...input, Origin: 'EXTERNAL' });
  await importInto(kms, KeyId, fixedKey(input.KeySpec!).pkcs8);
  return KeyId;
}

describe('limits that depend on the key', () => {
  // RFC 8017 section 7.1.1, and the developer guide's table of asymmetric key specs.
  const OAEP_ROOM = { RSA_2048: [214, 190], RSA_3072: [342, 318], RSA_4096: [470, 446] } as const;
  for (const [KeySpec, rooms] of Object.entries(OAEP_ROOM) as ['RSA_2048', readonly [number, number]][]) {
    test(`Encrypt and ReEncrypt to ${KeySpec}: what OAEP has room for`, async (t) => {
      const kms = await openInMemory(t);
      const KeyId = await importedKeyId(kms, { KeySpec, KeyUsage: 'ENCRYPT_DECRYPT' });
      const symmetric = await newKeyId(kms);
      for (const [index, room] of rooms.entries()) {
        const algorithm = (['RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256'] as const)[index]!;
        const message = `Algorithm ${algorithm} and key spec ${KeySpec} cannot encrypt data larger than ${room} bytes.`;
        const encrypt = (bytes: number) => () =>
          kms.encrypt({ KeyId, Plaintext: new Uint8Array(bytes), EncryptionAlgorithm: algorithm });
        const reEncrypt = (bytes: number) => async () => {
          const { CiphertextBlob } = await kms.encrypt({ KeyId: symmetric, Plaintext: new Uint8Array(bytes) });
          const DestinationEncryptionAlgorithm = algorithm;
          return kms.reEncrypt({ CiphertextBlob, DestinationKeyId: KeyId, DestinationEncryptionAlgorithm });
        };
        await each([
          [encrypt(room)],
          [encrypt(room + 1), 'ValidationException', message],
          [reEncrypt(room)],
          [reEncrypt(room + 1), 'ValidationException', message],
        ]);
      }
    });
  }

  test('the largest plaintext comes back from the largest ciphertext', async (t) => {
    const kms = await openInMemory(t);
    const KeyId = await newKeyId(kms);
    const Plaintext = new Uint8Array(4096).fill(7);
    const EncryptionContext = { k: 'v'.repeat(8191) };
    const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext, EncryptionContext });
    assert.ok(CiphertextBlob.length <= 6144);
    assert.deepEqual((await kms.decrypt({ CiphertextBlob, EncryptionContext })).Plaintext, Plaintext);
  });

  const SIGNING_SPECS = ['ECC_NIST_P256', 'ECC_NIST_P384', 'ECC_NIST_P521', 'ECC_SECG_P256K1', 'RSA_2048'] as const;
  for (const KeySpec of [...SIGNING_SPECS, 'ECC_NIST_EDWARDS25519'] as const) {
    test(`Sign and Verify with ${KeySpec}: lengths of digests and signatures`, async (t) => {
      const kms = await openInMemory(t);
      const input = { KeySpec, KeyUsage: 'SIGN_VERIFY' } as const;
      const KeyId = await (KeySpec === 'RSA_2048' ? importedKeyId(kms, input) : newKeyId(kms, input));
      const { SigningAlgorithms } = (await kms.describeKey({ KeyId })).KeyMetadata;
      for (const each of SigningAlgorithms!.filter((name) => name !== 'ED25519_SHA_512')) {
        const SigningAlgorithm = each as OperationInput<'Sign'>['SigningAlgorithm'];
        const { hashBytes } = HASHES[ALGORITHMS[SigningAlgorithm].hash!];
        const digest = (bytes: number) => ({ Message: new Uint8Array(bytes), MessageType: 'DIGEST' }) as const;
        const { Signature } = await kms.sign({ KeyId, SigningAlgorithm, ...digest(hashBytes) });
        await kms.verify({ KeyId, SigningAlgorithm, Signature, ...digest(hashBytes) });
        const message = `Digest is invalid length for algorithm ${SigningAlgorithm}.`;
        for (const bytes of [hashBytes - 1, hashBytes + 1]) {
          const wrong = { KeyId, SigningAlgorithm, ...digest(bytes) };
          await rejectsWith(kms.sign(wrong), 'ValidationException', message);
          await rejectsWith(kms.verify({ ...wrong, Signature }), 'ValidationException', message);
        }
        for (const wrong of [
          Signature.subarray(1),
          Signature.subarray(0, -1),
          new Uint8Array([...Signature, 0]),
          new Uint8Array(6144),
        ]) {
          const verified = kms.verify({ KeyId, SigningAlgorithm, Signature: wrong, ...digest(hashBytes) });
          await rejectsWith(verified, 'KMSInvalidSignatureException', '');
        }
      }
    });
  }

  for (const [bits, bytes] of [
    [224, 28],
    [256, 32],
    [384, 48],
    [512, 64],
  ] as const) {
    test(`VerifyMac with HMAC_${bits}: ${bytes} bytes, not one less and not one more`, async (t) => {
      const kms = await openInMemory(t);
      const KeyId = await newKeyId(kms, { KeySpec: `HMAC_${bits}`, KeyUsage: 'GENERATE_VERIFY_MAC' });
      const input = { KeyId, Message: utf8('a message'), MacAlgorithm: `HMAC_SHA_${bits}` } as const;
      const { Mac } = await kms.generateMac(input);
      assert.equal(Mac.length, bytes);
      await kms.verifyMac({ ...input, Mac });
      for (const wrong of [
        Mac.subarray(0, 1),
        Mac.subarray(0, -1),
        new Uint8Array([...Mac, 0]),
        new Uint8Array(6144),
      ]) {
        await rejectsWith(kms.verifyMac({ ...input, Mac: wrong }), 'KMSInvalidMacException', '');
      }
    });
  }

  // Bytes of imported secrets: 32 for AES-256; for HMAC from the length of the hash to that of its block (FIPS 198-1 section 3).
  const SECRET_BYTES = {
    SYMMETRIC_DEFAULT: [32, 32],
    HMAC_224: [28, 64],
    HMAC_256: [32, 64],
    HMAC_384: [48, 128],
    HMAC_512: [64, 128],
  } as const;
  test('ImportKeyMaterial: lengths of secrets', async (t) => {
    const kms = await openInMemory(t);
    for (const [name, [shortest, longest]] of Object.entries(SECRET_BYTES)) {
      const KeySpec = name as keyof typeof SECRET_BYTES;
      const KeyUsage = KEY_SPECS[KeySpec].family === 'hmac' ? 'GENERATE_VERIFY_MAC' : 'ENCRYPT_DECRYPT';
      const importing = (bytes: number) => async () =>
        importInto(kms, await newKeyId(kms, { KeySpec, KeyUsage, Origin: 'EXTERNAL' }), new Uint8Array(bytes).fill(1));
      await each([
        [importing(shortest)],
        [importing(longest)],
        [importing(shortest - 1), 'IncorrectKeyMaterialException', ''],
        [importing(longest + 1), 'IncorrectKeyMaterialException', ''],
      ]);
    }
  });
});

describe('limits of the service', () => {
  test('characters of an encryption context, all keys and values together', async (t) => {
    const kms = await openInMemory(t);
    const KeyId = await newKeyId(kms);
    const Plaintext = utf8('a message');
    const CONTEXTS = [
      (characters: number) => ({ k: 'v'.repeat(characters - 1) }),
      (characters: number) => ({ a: 'b', ['k'.repeat(characters - 2)]: '' }),
      (characters: number) => ({ k: '\u20ac'.repeat(characters - 1) }),
      (characters: number) =>
        Object.fromEntries(Array.from({ length: characters / 4 }, (_, i) => [String(1000 + i), ''])),
    ];
    for (const contextOf of CONTEXTS) {
      const within = contextOf(8192);
      const outside = { ...within, x: '' };
      const message = 'EncryptionContext must have at most 8192 characters in all, got 8193.';
      const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext, EncryptionContext: within });
      await each([
        [() => kms.decrypt({ CiphertextBlob, EncryptionContext: within })],
        [() => kms.generateDataKey({ KeyId, KeySpec: 'AES_256', EncryptionContext: within })],
        [() => kms.encrypt({ KeyId, Plaintext, EncryptionContext: outside }), 'ValidationException', message],
        [() => kms.decrypt({ CiphertextBlob, EncryptionContext: outside }), 'ValidationException', message],
        [
          () => kms.generateDataKey({ KeyId, KeySpec: 'AES_256', EncryptionContext: outside }),
          'ValidationException',
          message,
        ],
      ]);
    }
  });

  test('bytes of a data key: one way to say them', async (t) => {
    const kms = await openInMemory(t);
    const KeyId = await newKeyId(kms);
    const text = 'Please specify either number of bytes or key spec.';
    await each([
      [() => kms.generateDataKey({ KeyId, NumberOfBytes: 1 })],
      [() => kms.generateDataKey({ KeyId, NumberOfBytes: 1024 })],
      [() => kms.generateDataKey({ KeyId }), 'ValidationException', text],
      [() => kms.generateDataKey({ KeyId, NumberOfBytes: 32, KeySpec: 'AES_256' }), 'ValidationException', text],
      [() => kms.generateRandom(), 'ValidationException', 'NumberOfBytes is required.'],
    ]);
  });

  test('tags of a key', async (t) => {
    const kms = await openInMemory(t);
    const tags = (count: number) => Array.from({ length: count }, (_, i) => ({ TagKey: `k${i}`, TagValue: '' }));
    const KeyId = await newKeyId(kms, { Tags: tags(50) });
    const tag = (TagKey: string) => () => kms.tagResource({ KeyId, Tags: [{ TagKey, TagValue: 'v' }] });
    const reserved = 'Tags beginning with aws: are reserved';
    await each([
      [() => kms.createKey({ Tags: tags(51) }), 'TagException', 'Too many tags'],
      [tag('k49')],
      [tag('k50'), 'TagException', 'Too many tags'],
      [() => kms.untagResource({ KeyId, TagKeys: ['k0'] })],
      [tag('aws')],
      [tag('aws:'), 'TagException', reserved],
      [tag('AWS:x'), 'TagException', reserved],
      [() => kms.createKey({ Tags: [{ TagKey: 'aws:x', TagValue: '' }] }), 'TagException', reserved],
      [() => kms.untagResource({ KeyId, TagKeys: ['aws:x'] }), 'TagException', reserved],
      [() => kms.tagResource({ KeyId, Tags: [...tags(2), ...tags(1)] }), 'TagException', 'Duplicate tag keys'],
      [() => kms.createKey({ Tags: [...tags(2), ...tags(1)] }), 'TagException', 'Duplicate tag keys'],
    ]);
  });

  test('names and number of aliases', async (t) => {
    const kms = await openInMemory(t);
    const TargetKeyId = await newKeyId(kms);
    const arn = (await kms.describeKey({ KeyId: TargetKeyId })).KeyMetadata.Arn;
    const create = (AliasName: string) => () => kms.createAlias({ AliasName, TargetKeyId });
    const prefix =
      'Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html';
    await each([
      [create(`alias/${'x'.repeat(250)}`)],
      [create('alias/aws')],
      [create('alias/awsx/s3')],
      [create('x'), 'ValidationException', prefix],
      [create('Alias/x'), 'ValidationException', prefix],
      [create('alias'), 'ValidationException', prefix],
      [create('alias/aws/'), 'NotAuthorizedException', ''],
      [create('alias/'), 'InvalidAliasNameException', 'alias/ is not a valid alias name.'],
      [create('alias/a:b'), 'InvalidAliasNameException', 'alias/a:b is not a valid alias name.'],
    ]);
    for (let i = 3; i < 50; i++) await create(`alias/${i}`)();
    const other = await newKeyId(kms);
    await kms.createAlias({ AliasName: 'alias/other', TargetKeyId: other });
    const full = `${arn} already has 50 aliases.`;
    await each([
      [create('alias/50'), 'LimitExceededException', full],
      [() => kms.updateAlias({ AliasName: 'alias/other', TargetKeyId }), 'LimitExceededException', full],
      [() => kms.updateAlias({ AliasName: 'alias/3', TargetKeyId })],
      [() => kms.deleteAlias({ AliasName: 'alias/3' })],
      [() => kms.updateAlias({ AliasName: 'alias/other', TargetKeyId })],
    ]);
  });

  test('bytes of a policy', async (t) => {
    const kms = await openInMemory(t);
    const KeyId = await newKeyId(kms);
    const frame = '{"Id":""}'.length;
    const policy = (bytes: number) => `{"Id":"${'x'.repeat(bytes - frame)}"}`;
    // Characters of two bytes in UTF-8.
    const wide = (bytes: number) => `{"Id":"${'\u00e4'.repeat((bytes - frame - 1) / 2)}x"}`;
    const text = 'A key policy has at most 32768 bytes.';
    for (const make of [policy, wide]) {
      await each([
        [() => kms.putKeyPolicy({ KeyId, Policy: make(32_768) })],
        [() => kms.createKey({ Policy: make(32_768) })],
        [() => kms.putKeyPolicy({ KeyId, Policy: `${make(32_768)} ` }), 'LimitExceededException', text],
        [() => kms.createKey({ Policy: `${make(32_768)} ` }), 'LimitExceededException', text],
      ]);
    }
  });

  test('days of windows, rotation periods and validity', async (t) => {
    const now = Date.UTC(2026, 10, 22);
    const kms = await openInMemory(t, { clock: () => new Date(now) });
    const outOfRange = (value: number, path: string, bound: string) =>
      `1 validation error detected: Value '${value}' at '${path}' failed to satisfy constraint: Member must have value ${bound}`;
    const schedule = (PendingWindowInDays: number) => async () =>
      kms.scheduleKeyDeletion({ KeyId: await newKeyId(kms), PendingWindowInDays });
    const rotate = (RotationPeriodInDays: number) => async () =>
      kms.enableKeyRotation({ KeyId: await newKeyId(kms), RotationPeriodInDays });
    const validFor = (ms: number) => async () => {
      const KeyId = await newKeyId(kms, { Origin: 'EXTERNAL' });
      return importInto(kms, KeyId, new Uint8Array(32), { ValidTo: new Date(now + ms) });
    };
    const window = (value: number, bound: string) => outOfRange(value, 'pendingWindowInDays', bound);
    const period = (value: number, bound: string) => outOfRange(value, 'rotationPeriodInDays', bound);
    const validity = 'ValidTo must be in the future and at most 365 days ahead.';
    await each([
      [schedule(7)],
      [schedule(30)],
      [schedule(6), 'ValidationException', window(6, 'greater than or equal to 7')],
      [schedule(31), 'ValidationException', window(31, 'less than or equal to 30')],
      [rotate(90)],
      [rotate(2560)],
      [rotate(89), 'ValidationException', period(89, 'greater than or equal to 90')],
      [rotate(2561), 'ValidationException', period(2561, 'less than or equal to 2560')],
      [validFor(1)],
      [validFor(365 * DAY)],
      [validFor(0), 'ValidationException', validity],
      [validFor(365 * DAY + 1), 'ValidationException', validity],
    ]);
  });

  test('operations of a batch', async (t) => {
    const kms = await openInMemory(t);
    const items = (count: number) =>
      new Array(count).fill({ operation: 'GenerateRandom', input: { NumberOfBytes: 1 } } as const);
    assert.equal(MAX_BATCH_ITEMS, 1000);
    assert.equal((await kms.batch(items(1000))).length, 1000);
    assert.deepEqual(await kms.batch([]), []);
    const text = 'A batch is a list of at most 1000 operations.';
    await rejectsWith(kms.batch(items(1001)), 'ValidationException', text);
    await rejectsWith(kms.batch({ length: 1 } as never), 'ValidationException', text);
  });

  test('names of keys that are as long as they may be', async (t) => {
    const kms = await openInMemory(t);
    const long = 'x'.repeat(2048);
    const alias = `arn:aws:kms:${REGION}:${ACCOUNT}:alias/${'x'.repeat(1024)}`;
    await each([
      [() => kms.describeKey({ KeyId: long }), 'NotFoundException', `Invalid keyId '${long}'`],
      [() => kms.describeKey({ KeyId: alias }), 'NotFoundException', `Alias ${alias} is not found.`],
    ]);
  });
});
