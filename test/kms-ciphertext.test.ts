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
