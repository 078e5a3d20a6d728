/** Seeds: environments that are the same every time, and what stops one. */
import assert from 'node:assert/strict';
import { createHmac, createPrivateKey, createPublicKey, createVerify, type KeyObject } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Keymill, type Seed, type SeedKey } from 'keymill';
import { materialFor } from './support/kms-import.ts';
import {
  contentsOf,
  copyStore,
  openInMemory,
  refusesToStart,
  rejectsWith,
  temporaryDirectory,
  utf8,
} from './support/kms-service.ts';

const message = utf8('a message');
const [A, B, C] = ['a', 'b', 'c'].map((digit) => `00000000-0000-4000-8000-00000000000${digit}`) as [
  string,
  string,
  string,
];
const [OLD, NEW] = ['5c'.repeat(32), '7f'.repeat(32)];

const privateKey = (keySpec: string): KeyObject =>
  createPrivateKey({ key: Buffer.from(materialFor(keySpec)), format: 'der', type: 'pkcs8' });
const pem = (key: KeyObject): string => key.export({ format: 'pem', type: 'pkcs8' }) as string;
const signer = privateKey('ECC_NIST_P256');

const YAML = `
Keys:
  - KeyId: ${A}
    Description: Orders, café
    Tags:
      - { TagKey: team, TagValue: "42" }
    Policy: { Version: 2012-10-17, Statement: [] }
    Aliases: [alias/orders, alias/shop/orders]
    KeyMaterial:
      - ${OLD}                                            # the first; still decrypts
      - ${Buffer.from(NEW, 'hex').toString('base64')}     # the one that encrypts
  - KeyId: ${B}
    KeySpec: HMAC_384
    KeyUsage: GENERATE_VERIFY_MAC
    KeyMaterial: ${'12'.repeat(48)}
  - KeyId: ${C}
    KeySpec: ECC_NIST_P256
    KeyUsage: SIGN_VERIFY
    Aliases: [alias/signer]
    KeyMaterial: |
${pem(signer).replaceAll(/^/gm, '      ')}
`;

/** A file of that text, in a directory of its own. */
function seedFile(t: Parameters<typeof temporaryDirectory>[0], text: string, name = 'seed.yaml'): string {
  const file = join(temporaryDirectory(t), name);
  writeFileSync(file, text);
  return file;
}

describe('what a seed gives', () => {
  test('ids, names, labels and material are as the file says', async (t) => {
    const kms = await openInMemory(t, { seed: seedFile(t, YAML) });
    const { KeyMetadata } = await kms.describeKey({ KeyId: 'alias/shop/orders' });
    assert.deepEqual(
      [KeyMetadata.KeyId, KeyMetadata.Description, KeyMetadata.KeyState, KeyMetadata.Origin, KeyMetadata.KeySpec],
      [A, 'Orders, café', 'Enabled', 'AWS_KMS', 'SYMMETRIC_DEFAULT'],
    );
    assert.deepEqual((await kms.listResourceTags({ KeyId: A })).Tags, [{ TagKey: 'team', TagValue: '42' }]);
    assert.equal((await kms.getKeyPolicy({ KeyId: A })).Policy, '{"Version":"2012-10-17","Statement":[]}');
    const { Rotations } = await kms.listKeyRotations({ KeyId: A, IncludeKeyMaterial: 'ALL_KEY_MATERIAL' });
    assert.deepEqual(
      Rotations.map(({ KeyMaterialState, RotationType }) => [KeyMaterialState, RotationType]),
      [
        ['NON_CURRENT', undefined],
        ['CURRENT', 'ON_DEMAND'],
      ],
    );
    const { Mac } = await kms.generateMac({ KeyId: B, Message: message, MacAlgorithm: 'HMAC_SHA_384' });
    assert.deepEqual(Buffer.from(Mac), createHmac('sha384', Buffer.alloc(48, 0x12)).update(message).digest());
    const signing = { KeyId: 'alias/signer', Message: message, SigningAlgorithm: 'ECDSA_SHA_256' } as const;
    const { Signature } = await kms.sign(signing);
    assert.ok(createVerify('sha256').update(message).verify(createPublicKey(signer), Signature));
  });

  for (const KeySpec of ['RSA_2048', 'ECC_SECG_P256K1', 'ECC_NIST_EDWARDS25519'] as const) {
    test(`a ${KeySpec} key from PEM, from Base64 and from bytes`, async (t) => {
      const key = privateKey(KeySpec);
      const der = key.export({ format: 'der', type: 'pkcs8' });
      const KeyMaterial = [pem(key), der.toString('base64'), new Uint8Array(der)];
      const Keys = [A, B, C].map((KeyId, i) => ({
        KeyId,
        KeySpec,
        KeyUsage: 'SIGN_VERIFY',
        KeyMaterial: KeyMaterial[i],
      }));
      const kms = await openInMemory(t, { seed: { Keys: Keys as SeedKey[] } });
      const expected = createPublicKey(key).export({ format: 'der', type: 'spki' });
      for (const KeyId of [A, B, C]) {
        assert.deepEqual(Buffer.from((await kms.getPublicKey({ KeyId })).PublicKey), expected);
      }
    });
  }

  test('a ciphertext of one environment opens in another of the same seed, after a rotation too', async (t) => {
    const before: Seed = { Keys: [{ KeyId: A, KeyMaterial: OLD }] };
    const { CiphertextBlob } = await (await openInMemory(t, { seed: before })).encrypt({
      KeyId: A,
      Plaintext: message,
    });
    for (const seed of [before, seedFile(t, YAML)]) {
      const kms = await openInMemory(t, { seed, accountId: '222222222222' });
      assert.deepEqual((await kms.decrypt({ CiphertextBlob })).Plaintext, message);
    }
    const other = await openInMemory(t, { seed: { Keys: [{ KeyId: A, KeyMaterial: NEW }] } });
    await rejectsWith(other.decrypt({ CiphertextBlob }), 'InvalidCiphertextException');
  });

  test('JSON is YAML', async (t) => {
    const text = JSON.stringify({ Keys: [{ KeyId: A, Aliases: ['alias/x'] }] }, null, 2);
    const kms = await openInMemory(t, { seed: seedFile(t, text, 'seed.json') });
    assert.equal((await kms.encrypt({ KeyId: 'alias/x', Plaintext: message })).KeyId.split('/')[1], A);
  });
});

describe('seeding again', () => {
  test('changes nothing, and what became of the keys stays', async (t) => {
    const made = temporaryDirectory(t);
    const seed = seedFile(t, YAML);
    const first = await Keymill.open({ path: made, seed });
    await first.rotateKeyOnDemand({ KeyId: A });
    await first.updateKeyDescription({ KeyId: A, Description: 'mine' });
    await first.disableKey({ KeyId: B });
    await first.close();
    const path = await copyStore(t, made);
    const before = contentsOf(path);
    const second = await Keymill.open({ path, seed });
    t.after(() => second.close());
    assert.deepEqual(contentsOf(path), before);
    assert.equal((await second.describeKey({ KeyId: A })).KeyMetadata.Description, 'mine');
    assert.equal((await second.describeKey({ KeyId: B })).KeyMetadata.KeyState, 'Disabled');
  });

  test('adds what is new: keys, and aliases of keys that are there', async (t) => {
    const path = temporaryDirectory(t);
    await (await Keymill.open({ path, seed: { Keys: [{ KeyId: A }] } })).close();
    const kms = await Keymill.open({ path, seed: { Keys: [{ KeyId: A, Aliases: ['alias/x'] }, { KeyId: B }] } });
    t.after(() => kms.close());
    assert.equal((await kms.describeKey({ KeyId: 'alias/x' })).KeyMetadata.KeyId, A);
    await kms.encrypt({ KeyId: B, Plaintext: message });
  });

  test('two services that start at once with one seed both have it', async (t) => {
    const path = temporaryDirectory(t);
    const seed = seedFile(t, YAML);
    const [here, there] = await Promise.all([Keymill.open({ path, seed }), Keymill.open({ path, seed })]);
    t.after(() => Promise.all([here.close(), there.close()]));
    const { CiphertextBlob } = await here.encrypt({ KeyId: 'alias/orders', Plaintext: message });
    assert.deepEqual((await there.decrypt({ CiphertextBlob })).Plaintext, message);
    assert.equal((await here.listKeys()).Keys.length, 3);
  });

  test('a conflict names the key, and nothing is written', async (t) => {
    const made = temporaryDirectory(t);
    const hmac = { KeyId: B, KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' } as const;
    const p256 = { KeyId: C, KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' } as const;
    const first = await Keymill.open({
      path: made,
      seed: {
        Keys: [
          { KeyId: A, KeyMaterial: OLD, Aliases: ['alias/x'] },
          { ...hmac, KeyMaterial: OLD },
          { ...p256, KeyMaterial: pem(signer) },
        ],
      },
    });
    const drawn = (await first.createKey()).KeyMetadata.KeyId;
    await first.close();
    const path = await copyStore(t, made);
    const before = contentsOf(path);
    const other = `${A.slice(0, -1)}d`;
    const CONFLICTS: readonly (readonly [key: SeedKey, expected: RegExp])[] = [
      [{ KeyId: A, KeyMaterial: NEW }, /Keys\[1\] \(\S*a\): the store has this key with other material/],
      [{ KeyId: A, KeyMaterial: [OLD, NEW] }, /Keys\[1\] \(\S*a\): the store has this key with other material/],
      [{ ...hmac, KeyMaterial: NEW }, /Keys\[1\] \(\S*b\): the store has this key with other material/],
      [
        { ...p256, KeyMaterial: pem(privateKey('ECC_NIST_P256')) },
        /\S*c\): the store has this key with other material/,
      ],
      [{ KeyId: drawn, KeyMaterial: OLD }, /the store has this key with other material/],
      [{ ...hmac, KeyId: A }, /the store has this key with keySpec SYMMETRIC_DEFAULT, not HMAC_256/],
      [{ ...p256, KeyUsage: 'KEY_AGREEMENT' }, /the store has this key with keyUsage SIGN_VERIFY, not KEY_AGREEMENT/],
      [{ KeyId: `${A.slice(0, -1)}e`, Aliases: ['alias/x'] }, /alias\/x is an alias of key \S*a in the store/],
      [{ KeyId: A, Aliases: Array.from({ length: 51 }, (_, i) => `alias/${i}`) }, /a key has at most 50 aliases/],
    ];
    for (const [key, expected] of CONFLICTS) {
      await refusesToStart({ path, seed: { Keys: [{ KeyId: other }, key] } }, expected);
    }
    assert.deepEqual(contentsOf(path), before);
  });
});

describe('what is wrong with a seed is said, and its material is not', () => {
  const key = (lines: string): string => `# a seed\nKeys:\n  - KeyId: ${B}\n  - KeyId: ${A}\n    ${lines}\n`;
  const SECRET = 'c0ffee'.repeat(8);
  const FAULTS: Readonly<Record<string, readonly [text: string, expected: RegExp]>> = {
    'aliases without end': [
      `Keys:\n  - &a [x,x,x,x,x,x,x,x,x]\n${'bcdefgh'.replaceAll(/./g, (name, i) => `  - &${name} [${`*${'abcdefgh'[i]},`.repeat(9)}]\n`)}`,
      /seed\.yaml: not valid YAML or JSON/,
    ],
    syntax: [`Keys:\n  - KeyMaterial: ${SECRET}\n  KeyId: "`, /seed\.yaml:\d+: not valid YAML or JSON \(\w+\)$/],
    'a member twice': [key(`KeyMaterial: ${SECRET}\n    KeyMaterial: ${SECRET}`), /seed\.yaml:6: not valid YAML/],
    'no keys': ['Key: []', /seed\.yaml: there is no member Key/],
    'an empty file': ['', /seed\.yaml: expected the members Keys/],
    'a key that is text': [`Keys:\n  - ${SECRET}`, /seed\.yaml:2: Keys\[0\]: expected the members KeyId, /],
    'a misspelt member': [key('Keyspec: RSA_2048'), /seed\.yaml:4: Keys\[1\]: there is no member Keyspec/],
    'a wrong id': [key('').replace(A, 'my-key'), /seed\.yaml:4: Keys\[1\]: KeyId: expected a UUID .*'my-key'/],
    'no id': ['Keys:\n  - Description: x', /seed\.yaml:2: Keys\[0\]: .*'keyId' .* must not be null/],
    'an unknown spec': [key('KeySpec: RSA_1024'), /Keys\[1\]: .*'RSA_1024' at 'keySpec'/],
    'no usage': [key('KeySpec: RSA_2048'), /Keys\[1\]: You must specify a KeyUsage/],
    'a usage that does not fit': [key('KeyUsage: SIGN_VERIFY'), /KeyUsage SIGN_VERIFY is not compatible/],
    'a reserved alias': [key('Aliases: [alias/aws/x]'), /Keys\[1\]: NotAuthorizedException/],
    'a policy that is no JSON': [key("Policy: '{'"), /Keys\[1\]: The policy is not valid JSON/],
    'a tag twice': [key('Tags: [{TagKey: a, TagValue: b}, {TagKey: a, TagValue: c}]'), /Duplicate tag keys/],
    'an id twice': [
      key('').replace(A, B),
      /Keys\[1\] \(\S+b\): \S+b is in \S+seed\.yaml:3: Keys\[0\] \(\S+b\) already/,
    ],
    'a material of the wrong length': [
      key(`KeyMaterial: ${SECRET}`),
      /Keys\[1\] \(\S+a\): KeyMaterial: not a sound key/,
    ],
    'a material of other text': [key(`KeyMaterial: "${SECRET}!"`), /KeyMaterial: expected hexadecimal, Base64 or PEM/],
    'a history of a key that has none': [
      key(`KeySpec: HMAC_256\n    KeyUsage: GENERATE_VERIFY_MAC\n    KeyMaterial: [${SECRET}, ${SECRET}]`),
      /a key of spec HMAC_256 has one material, got 2/,
    ],
    'a material that is a map': [
      key(`KeyMaterial: { hex: ${SECRET} }`),
      /KeyMaterial: expected text or bytes, got object/,
    ],
    'a form of PEM that is not taken': [
      key(
        `KeySpec: ECC_NIST_P256\n    KeyUsage: SIGN_VERIFY\n    KeyMaterial: |\n      -----BEGIN EC PRIVATE KEY-----\n      ${SECRET}\n      -----END EC PRIVATE KEY-----`,
      ),
      /expected PKCS#8, BEGIN PRIVATE KEY, got BEGIN EC PRIVATE KEY/,
    ],
  };
  for (const [name, [text, expected]] of Object.entries(FAULTS)) {
    test(name, async (t) => {
      const seed = seedFile(t, text);
      await refusesToStart({ path: ':memory:', seed }, expected);
      await refusesToStart({ path: ':memory:', seed }, new RegExp(`^(?!.*${SECRET})`, 's'));
    });
  }

  test('a faulty file leaves no store behind', async (t) => {
    const path = join(temporaryDirectory(t), 'store');
    await refusesToStart({ path, seed: seedFile(t, 'Keys: 3') }, /expected a list Keys/);
    await refusesToStart({ path, seed: join(path, 'no such file') }, /the seed cannot be read: ENOENT/);
    assert.equal(existsSync(path), false);
  });
});
