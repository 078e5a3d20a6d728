/** The ciphertext blob and the encryption context: nothing but the very same opens. */
import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ciphertextAad, type EncryptionContext } from '../src/kms/ciphertext.ts';
import { openInMemory, rejectsWith, utf8 } from './support/kms-service.ts';

const message = utf8('a message');

const isSame = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

describe('ciphertexts that were changed', () => {
  test('every prefix, every flipped byte and every extension is refused in one way', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: message });
    const refused = async (blob: Uint8Array) => {
      // Naming the key keeps a changed key id in the blob from being an unknown key, which has an error of its own.
      await rejectsWith(kms.decrypt({ CiphertextBlob: blob, KeyId }), /* either way */ await nameOf(blob), undefined);
    };
    const nameOf = async (blob: Uint8Array) =>
      isKeyIdChanged(blob, CiphertextBlob) ? 'IncorrectKeyException' : 'InvalidCiphertextException';
    for (let length = 1; length < CiphertextBlob.length; length++) {
      await rejectsWith(
        kms.decrypt({ CiphertextBlob: CiphertextBlob.subarray(0, length) }),
        'InvalidCiphertextException',
        '',
      );
    }
    for (let at = 0; at < CiphertextBlob.length; at++) {
      for (const bit of [1, 128]) {
        const changed = Uint8Array.from(CiphertextBlob);
        changed[at]! ^= bit;
        await refused(changed);
      }
    }
    await refused(Uint8Array.from([...CiphertextBlob, 0]));
  });

  /** Bytes 3 to 19 hold the key id's form and the key id; form values other than 0 and 1 are no blob at all. */
  function isKeyIdChanged(blob: Uint8Array, original: Uint8Array): boolean {
    if (blob.length < 92 || blob[3]! > 1 || !isSame(blob.subarray(0, 3), original.subarray(0, 3))) return false;
    return Buffer.compare(blob.subarray(3, 20), original.subarray(3, 20)) !== 0;
  }

  const MUTATIONS = process.env.KEYMILL_SLOW === '1' ? 1_000_000 : 10_000;
  test(`${MUTATIONS} random mutations are refused in one way`, async (t) => {
    const kms = await openInMemory(t);
    const [{ KeyId }, other] = [(await kms.createKey()).KeyMetadata, (await kms.createKey()).KeyMetadata];
    const seal = async (id: string) => (await kms.encrypt({ KeyId: id, Plaintext: message })).CiphertextBlob;
    const original = await seal(KeyId);
    const donor = await seal(other.KeyId);
    const MUTATORS: readonly ((blob: Uint8Array) => Uint8Array)[] = [
      (blob) => {
        for (let flips = 1 + randomInt(4); flips > 0; flips--) blob[randomInt(blob.length)]! ^= 1 << randomInt(8);
        return blob;
      },
      (blob) => blob.subarray(0, randomInt(1, blob.length)),
      (blob) => blob.fill(randomInt(256), randomInt(blob.length)),
      (blob) => Uint8Array.from([...blob, ...randomBytes(randomInt(1, 40))]),
      (blob) => {
        const at = randomInt(blob.length);
        blob.set(donor.subarray(at, at + randomInt(1, 60)), at);
        return blob;
      },
      (blob) => {
        const at = randomInt(blob.length - 1);
        blob.copyWithin(at, at + 1 + randomInt(blob.length - at - 1));
        return blob;
      },
    ];
    for (let done = 0; done < MUTATIONS; done += 1000) {
      const blobs = Array.from({ length: 1000 }, (_, i) => MUTATORS[i % MUTATORS.length]!(Uint8Array.from(original)));
      const changed = blobs.filter((blob) => !isSame(blob, original) && !isSame(blob, donor));
      const results = await kms.batch(
        changed.map((CiphertextBlob) => ({ operation: 'Decrypt', input: { CiphertextBlob } }) as const),
      );
      results.forEach(({ error }, i) => {
        const blob = changed[i]!;
        // A blob that names a key there is not: AWS has an error of its own for it.
        const isOrphan = isKeyIdChanged(blob, original) && isKeyIdChanged(blob, donor);
        assert.equal(
          `${error?.name}: ${error?.message.slice(0, 24)}`,
          isOrphan ? 'AccessDeniedException: The ciphertext refers to' : 'InvalidCiphertextException: ',
          Buffer.from(blob).toString('hex'),
        );
      });
    }
  });

  test('arbitrary bytes are an invalid ciphertext', async (t) => {
    const kms = await openInMemory(t);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 6144 }), async (CiphertextBlob) => {
        await rejectsWith(kms.decrypt({ CiphertextBlob }), 'InvalidCiphertextException', '');
      }),
      { numRuns: 300 },
    );
  });

  test('parts of two ciphertexts do not go together', async (t) => {
    const kms = await openInMemory(t);
    const [a, b] = [(await kms.createKey()).KeyMetadata.KeyId, (await kms.createKey()).KeyMetadata.KeyId];
    const header = 52;
    const first = (await kms.encrypt({ KeyId: a, Plaintext: message })).CiphertextBlob;
    const second = (await kms.encrypt({ KeyId: b, Plaintext: message })).CiphertextBlob;
    const mixed = Uint8Array.from([...first.subarray(0, header), ...second.subarray(header)]);
    await rejectsWith(kms.decrypt({ CiphertextBlob: mixed }), 'InvalidCiphertextException', '');
  });
});

describe('encryption contexts', () => {
  const own = (entries: readonly (readonly [string, string])[]): EncryptionContext => {
    const context: Record<string, string> = Object.create(null);
    for (const [name, value] of entries) context[name] = value;
    return context;
  };
  /** Pairwise distinct; the first three are the collisions of LocalStack, moto and local-kms. */
  const DISTINCT: readonly (EncryptionContext | undefined)[] = [
    undefined,
    { ab: 'c' },
    { a: 'bc' },
    { a: 'b', c: 'd' },
    { a: 'bcd' },
    { tenant: '1admin' },
    { tenant1: 'admin' },
    { '': '' },
    { '': 'a' },
    { a: '' },
    { A: '' },
    { a: ' ' },
    { '\u00e9': 'x' },
    { 'e\u0301': 'x' },
    { a: '\u00e9' },
    { a: 'e\u0301' },
    own([['__proto__', 'x']]),
    { constructor: 'x' },
    { toString: 'x' },
    { '1': 'a', '10': 'b' },
    { '10': 'a', '1': 'b' },
    { '\u{10000}': 'x', '\uffff': 'y' },
    { 'aws-crypto-public-key': 'x' },
  ];

  test('each opens what was sealed under it and nothing else', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    for (const [index, context] of DISTINCT.entries()) {
      const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: message, EncryptionContext: context });
      for (const [other, another] of DISTINCT.entries()) {
        const opening = kms.decrypt({ CiphertextBlob, EncryptionContext: another });
        if (other === index) assert.deepEqual((await opening).Plaintext, message);
        else await rejectsWith(opening, 'InvalidCiphertextException', '');
      }
    }
  });

  test('the order of names is no matter, and {} is no context', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    const pairs = [
      [
        { b: '1', a: '2' },
        { a: '2', b: '1' },
      ],
      [{}, undefined],
      [undefined, {}],
    ] as const;
    for (const [sealed, opened] of pairs) {
      const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: message, EncryptionContext: sealed });
      assert.deepEqual((await kms.decrypt({ CiphertextBlob, EncryptionContext: opened })).Plaintext, message);
    }
  });

  test('the encoding is the one of the AWS Encryption SDK', () => {
    const aad = ciphertextAad(new Uint8Array([9]), { b: 'ü', a: '' });
    assert.equal(Buffer.from(aad).toString('hex'), '090002000161000000016200' + '02c3bc');
  });

  test('no two contexts have one encoding', () => {
    const context = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), { maxKeys: 4 });
    const text = (value: EncryptionContext) => JSON.stringify(Object.entries(value).sort());
    fc.assert(
      fc.property(context, context, (a, b) => {
        const same = Buffer.compare(ciphertextAad(new Uint8Array(0), a), ciphertextAad(new Uint8Array(0), b)) === 0;
        assert.equal(same, text(a) === text(b));
      }),
    );
  });

  test('lone surrogates and too much text are refused', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    const sealed = (EncryptionContext: EncryptionContext) =>
      kms.encrypt({ KeyId, Plaintext: message, EncryptionContext });
    await rejectsWith(sealed({ a: '\ud800' }), 'ValidationException');
    await rejectsWith(sealed({ '\udc00a': '' }), 'ValidationException');
    await sealed({ a: 'x'.repeat(8191) });
    await rejectsWith(sealed({ a: 'x'.repeat(8192) }), 'ValidationException', /8192 characters/);
    await rejectsWith(sealed({ a: 5 } as never), 'SerializationException');
  });
});

describe('additional data in place of an encryption context', () => {
  const bytes = (...values: number[]) => Uint8Array.from(values);

  test('opens with the same bytes only, and never for a context', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    const AdditionalData = bytes(0, 1);
    const Plaintext = message;
    const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext, AdditionalData });
    assert.deepEqual((await kms.decrypt({ CiphertextBlob, AdditionalData: bytes(0, 1) })).Plaintext, message);
    const OTHERS = [
      {},
      { AdditionalData: bytes() },
      { AdditionalData: bytes(0) },
      { AdditionalData: bytes(0, 1, 0) },
      { EncryptionContext: { '': '' } },
    ];
    for (const other of OTHERS) {
      await rejectsWith(kms.decrypt({ CiphertextBlob, ...other }), 'InvalidCiphertextException', '');
    }
    const without = await kms.encrypt({ KeyId, Plaintext, AdditionalData: bytes() });
    assert.deepEqual((await kms.decrypt({ CiphertextBlob: without.CiphertextBlob })).Plaintext, message);
    for (const context of [undefined, { '': '' }, { a: 'b' }]) {
      const sealed = await kms.encrypt({ KeyId, Plaintext, EncryptionContext: context });
      const encoded = ciphertextAad(new Uint8Array(0), context);
      const attempt = kms.decrypt({ CiphertextBlob: sealed.CiphertextBlob, AdditionalData: encoded });
      await rejectsWith(attempt, 'InvalidCiphertextException', '');
    }
  });

  test('everywhere that takes a context, and not beside one', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    const [AdditionalData, EncryptionContext] = [bytes(7), { a: 'b' }];
    const dataKey = await kms.generateDataKey({ KeyId, KeySpec: 'AES_256', AdditionalData });
    const pair = await kms.generateDataKeyPair({ KeyId, KeyPairSpec: 'ECC_NIST_P256', AdditionalData });
    const moved = await kms.reEncrypt({
      CiphertextBlob: dataKey.CiphertextBlob,
      SourceAdditionalData: AdditionalData,
      DestinationKeyId: KeyId,
      DestinationAdditionalData: bytes(8),
    });
    const open = async (CiphertextBlob: Uint8Array, context: Uint8Array) =>
      (await kms.decrypt({ CiphertextBlob, AdditionalData: context })).Plaintext;
    assert.deepEqual(await open(dataKey.CiphertextBlob, bytes(7)), dataKey.Plaintext);
    assert.deepEqual(await open(pair.PrivateKeyCiphertextBlob, bytes(7)), pair.PrivateKeyPlaintext);
    assert.deepEqual(await open(moved.CiphertextBlob, bytes(8)), dataKey.Plaintext);
    const both = { AdditionalData, EncryptionContext };
    const { CiphertextBlob } = moved;
    for (const call of [
      kms.encrypt({ KeyId, Plaintext: message, ...both }),
      kms.decrypt({ CiphertextBlob, ...both }),
      kms.generateDataKey({ KeyId, KeySpec: 'AES_256', ...both }),
      kms.generateDataKeyWithoutPlaintext({ KeyId, KeySpec: 'AES_256', ...both }),
      kms.generateDataKeyPair({ KeyId, KeyPairSpec: 'ECC_NIST_P256', ...both }),
      kms.generateDataKeyPairWithoutPlaintext({ KeyId, KeyPairSpec: 'ECC_NIST_P256', ...both }),
      kms.reEncrypt({
        CiphertextBlob,
        DestinationKeyId: KeyId,
        DestinationAdditionalData: AdditionalData,
        DestinationEncryptionContext: EncryptionContext,
      }),
    ]) {
      await rejectsWith(call, 'ValidationException', 'Please specify either an encryption context or additional data.');
    }
  });

  test('a buffer may be used again as soon as the call returns', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    const calls = [
      (AdditionalData: Uint8Array) => kms.encrypt({ KeyId, Plaintext: message, AdditionalData }),
      (AdditionalData: Uint8Array) => kms.generateDataKey({ KeyId, KeySpec: 'AES_256', AdditionalData }),
    ];
    for (const call of calls) {
      const buffer = bytes(1, 2, 3);
      const sealing = call(buffer);
      buffer.fill(9);
      await kms.decrypt({ CiphertextBlob: (await sealing).CiphertextBlob, AdditionalData: bytes(1, 2, 3) });
    }
  });
});

describe('a dry run that ignores the ciphertext', () => {
  const ignoring = { DryRun: true, DryRunModifiers: ['IGNORE_CIPHERTEXT'] } as const;

  test('asks for the key in its place, and checks that only', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    const hmac = (await kms.createKey({ KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' })).KeyMetadata.KeyId;
    const disabled = (await kms.createKey()).KeyMetadata.KeyId;
    await kms.disableKey({ KeyId: disabled });
    const decrypt = (input: object) => kms.decrypt({ ...ignoring, ...input });
    const reEncrypt = (input: object) => kms.reEncrypt({ DestinationKeyId: KeyId, ...ignoring, ...input });
    for (const call of [
      decrypt({ KeyId }),
      decrypt({ KeyId, CiphertextBlob: message }),
      reEncrypt({ SourceKeyId: KeyId }),
      reEncrypt({ SourceKeyId: KeyId, CiphertextBlob: message }),
    ]) {
      await rejectsWith(call, 'DryRunOperationException');
    }
    await rejectsWith(decrypt({}), 'ValidationException', /^KeyId is required/);
    await rejectsWith(reEncrypt({}), 'ValidationException', /^SourceKeyId is required/);
    await rejectsWith(decrypt({ KeyId: hmac }), 'InvalidKeyUsageException');
    await rejectsWith(decrypt({ KeyId: disabled }), 'DisabledException');
    await rejectsWith(decrypt({ KeyId, EncryptionAlgorithm: 'RSAES_OAEP_SHA_256' }), 'InvalidKeyUsageException');
    await rejectsWith(reEncrypt({ SourceKeyId: disabled }), 'DisabledException');
    await rejectsWith(reEncrypt({ SourceKeyId: KeyId, DestinationKeyId: disabled }), 'DisabledException');
    const [outcome] = await kms.batch([{ operation: 'Decrypt', input: { KeyId, ...ignoring } }]);
    assert.equal(outcome!.error?.name, 'DryRunOperationException');
  });

  test('otherwise the ciphertext is needed', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    const missing =
      "1 validation error detected: Value at 'ciphertextBlob' failed to satisfy constraint: Member must not be null";
    const { DryRunModifiers } = ignoring;
    await rejectsWith(kms.decrypt({ KeyId, DryRunModifiers }), 'ValidationException', missing);
    await rejectsWith(kms.decrypt({ KeyId, DryRun: true, DryRunModifiers: [] }), 'ValidationException', missing);
    await rejectsWith(kms.reEncrypt({ SourceKeyId: KeyId, DestinationKeyId: KeyId }), 'ValidationException', missing);
    await rejectsWith(kms.decrypt({ KeyId, CiphertextBlob: message, DryRun: true }), 'InvalidCiphertextException');
  });
});
