/** The service's cryptographic operations: what they give, and what they refuse. */
import assert from 'node:assert/strict';
import { createHash, createPublicKey, verify as nodeVerify, publicEncrypt } from 'node:crypto';
import { describe, test } from 'node:test';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { Keymill } from 'keymill';
import { openEngine } from 'keymill/engine';
import { ACCOUNT, newKey, openInMemory, rejectsWith, temporaryDirectory, utf8 } from './support/kms-service.ts';

const message = utf8('a message');

describe('encrypting', () => {
  test('Encrypt and Decrypt round trip at the edges of the plaintext length', async (t) => {
    const kms = await openInMemory(t);
    const { KeyMetadata } = await kms.createKey();
    for (const length of [1, 2, 4095, 4096]) {
      const Plaintext = new Uint8Array(length).fill(7);
      const { CiphertextBlob, ...rest } = await kms.encrypt({ KeyId: KeyMetadata.KeyId, Plaintext });
      assert.deepEqual(rest, { KeyId: KeyMetadata.Arn, EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' });
      assert.ok(CiphertextBlob.length <= 6144);
      assert.deepEqual(await kms.decrypt({ CiphertextBlob }), {
        KeyId: KeyMetadata.Arn,
        Plaintext,
        EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
        KeyMaterialId: KeyMetadata.CurrentKeyMaterialId,
      });
    }
  });

  test('the same input gives another ciphertext every time', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    const seen = new Set<string>();
    for (let i = 0; i < 500; i++) {
      seen.add(Buffer.from((await kms.encrypt({ KeyId, Plaintext: message })).CiphertextBlob).toString('hex'));
    }
    assert.equal(seen.size, 500);
  });

  test('the buffer may be reused as soon as the call returns, on a cold key too', async (t) => {
    const path = temporaryDirectory(t);
    const first = await Keymill.open({ path });
    const { KeyId } = (await first.createKey()).KeyMetadata;
    await first.close();
    const kms = await Keymill.open({ path });
    t.after(() => kms.close());
    for (const state of ['cold', 'warm']) {
      const buffer = Uint8Array.from(message);
      const call = kms.encrypt({ KeyId, Plaintext: buffer });
      buffer.fill(0);
      const { CiphertextBlob } = await call;
      const copy = Uint8Array.from(CiphertextBlob);
      const opening = kms.decrypt({ CiphertextBlob: copy });
      copy.fill(0);
      assert.deepEqual((await opening).Plaintext, message, state);
    }
    const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: message });
    const cold = await Keymill.open({ path });
    t.after(() => cold.close());
    const opening = cold.decrypt({ KeyId, CiphertextBlob });
    CiphertextBlob.fill(0);
    assert.deepEqual((await opening).Plaintext, message, 'cold, the key named');
  });

  test('shared memory is copied, detached memory is empty', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    const shared = new Uint8Array(new SharedArrayBuffer(message.length));
    shared.set(message);
    const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: shared });
    assert.deepEqual((await kms.decrypt({ CiphertextBlob })).Plaintext, message);
    const detached = Uint8Array.from(message);
    structuredClone(detached, { transfer: [detached.buffer] });
    await rejectsWith(kms.encrypt({ KeyId, Plaintext: detached }), 'ValidationException');
  });

  test('GenerateDataKey gives a key and its ciphertext', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    const EncryptionContext = { purpose: 'test' };
    for (const [how, bytes] of [
      [{ KeySpec: 'AES_256' }, 32],
      [{ KeySpec: 'AES_128' }, 16],
      [{ NumberOfBytes: 1024 }, 1024],
    ] as const) {
      const { Plaintext, CiphertextBlob } = await kms.generateDataKey({ KeyId, EncryptionContext, ...how });
      assert.equal(Plaintext.length, bytes);
      assert.deepEqual((await kms.decrypt({ CiphertextBlob, EncryptionContext })).Plaintext, Plaintext);
      await rejectsWith(kms.decrypt({ CiphertextBlob }), 'InvalidCiphertextException', '');
    }
    const text = 'Please specify either number of bytes or key spec.';
    await rejectsWith(kms.generateDataKey({ KeyId }), 'ValidationException', text);
    await rejectsWith(
      kms.generateDataKey({ KeyId, KeySpec: 'AES_256', NumberOfBytes: 5 }),
      'ValidationException',
      text,
    );
  });

  test('RSA: raw ciphertexts of the modulus length, which need the key named', async (t) => {
    const kms = await openInMemory(t);
    const key = await newKey(kms, { KeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT' });
    const KeyId = key.keyId;
    const { PublicKey } = await kms.getPublicKey({ KeyId });
    const spki = createPublicKey({ key: Buffer.from(PublicKey), format: 'der', type: 'spki' });
    for (const [EncryptionAlgorithm, oaepHash, max] of [
      ['RSAES_OAEP_SHA_1', 'sha1', 214],
      ['RSAES_OAEP_SHA_256', 'sha256', 190],
    ] as const) {
      const Plaintext = new Uint8Array(max).fill(9);
      const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext, EncryptionAlgorithm });
      assert.equal(CiphertextBlob.length, 256);
      assert.deepEqual((await kms.decrypt({ KeyId, CiphertextBlob, EncryptionAlgorithm })).Plaintext, Plaintext);
      const elsewhere = publicEncrypt({ key: spki, oaepHash }, message);
      const { Plaintext: opened } = await kms.decrypt({ KeyId, CiphertextBlob: elsewhere, EncryptionAlgorithm });
      assert.deepEqual(opened, message);
      for (const bad of [new Uint8Array(256), new Uint8Array(255), new Uint8Array(1), CiphertextBlob.subarray(1)]) {
        await rejectsWith(
          kms.decrypt({ KeyId, CiphertextBlob: bad, EncryptionAlgorithm }),
          'InvalidCiphertextException',
          '',
        );
      }
      await rejectsWith(kms.decrypt({ CiphertextBlob, EncryptionAlgorithm }), 'ValidationException');
    }
    await rejectsWith(
      kms.encrypt({ KeyId, Plaintext: message }),
      'InvalidKeyUsageException',
      'Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.',
    );
  });

  test('Decrypt with another key named, and of a key that is not here', async (t) => {
    const [kms, other] = [await openInMemory(t), await openInMemory(t)];
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    const another = (await kms.createKey()).KeyMetadata;
    const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: message });
    await rejectsWith(
      kms.decrypt({ CiphertextBlob, KeyId: another.KeyId }),
      'IncorrectKeyException',
      'The key ID in the request does not identify a CMK that can perform this operation.',
    );
    assert.deepEqual((await kms.decrypt({ CiphertextBlob, KeyId })).Plaintext, message);
    await rejectsWith(
      other.decrypt({ CiphertextBlob }),
      'AccessDeniedException',
      'The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.',
    );
  });

  test('GenerateRandom', async (t) => {
    const kms = await openInMemory(t);
    for (const NumberOfBytes of [1, 12, 44, 91, 1024]) {
      assert.equal((await kms.generateRandom({ NumberOfBytes })).Plaintext.length, NumberOfBytes);
    }
  });
});

describe('signing', () => {
  const SPECS = [
    ['RSA_2048', 'RSASSA_PSS_SHA_256', 'sha256'],
    ['RSA_2048', 'RSASSA_PSS_SHA_512', 'sha512'],
    ['RSA_2048', 'RSASSA_PKCS1_V1_5_SHA_384', 'sha384'],
    ['ECC_NIST_P256', 'ECDSA_SHA_256', 'sha256'],
    ['ECC_NIST_P384', 'ECDSA_SHA_384', 'sha384'],
    ['ECC_NIST_P521', 'ECDSA_SHA_512', 'sha512'],
    ['ECC_SECG_P256K1', 'ECDSA_SHA_256', 'sha256'],
  ] as const;

  for (const [KeySpec, SigningAlgorithm, hash] of SPECS) {
    test(`${KeySpec} ${SigningAlgorithm}: RAW and DIGEST agree, node:crypto verifies`, async (t) => {
      const kms = await openInMemory(t);
      const key = await newKey(kms, { KeySpec, KeyUsage: 'SIGN_VERIFY' });
      const KeyId = key.arn;
      const digest = new Uint8Array(createHash(hash).update(message).digest());
      const raw = await kms.sign({ KeyId, Message: message, SigningAlgorithm });
      assert.deepEqual({ ...raw, Signature: undefined }, { KeyId, SigningAlgorithm, Signature: undefined });
      const digested = await kms.sign({ KeyId, Message: digest, MessageType: 'DIGEST', SigningAlgorithm });
      for (const { Signature } of [raw, digested]) {
        for (const how of [{ Message: message }, { Message: digest, MessageType: 'DIGEST' }] as const) {
          const answer = await kms.verify({ KeyId, SigningAlgorithm, Signature, ...how });
          assert.deepEqual(answer, { KeyId, SignatureValid: true, SigningAlgorithm });
        }
        const { PublicKey } = await kms.getPublicKey({ KeyId });
        const publicKey = createPublicKey({ key: Buffer.from(PublicKey), format: 'der', type: 'spki' });
        const padding = SigningAlgorithm.includes('PSS') ? { padding: 6, saltLength: -1 } : {};
        assert.ok(nodeVerify(hash, message, { key: publicKey, ...padding }, Signature));
        const changed = Uint8Array.from(Signature);
        changed[changed.length - 1]! ^= 1;
        for (const bad of [changed, Signature.subarray(1), new Uint8Array(1), new Uint8Array(64)]) {
          const check = kms.verify({ KeyId, Message: message, SigningAlgorithm, Signature: bad });
          await rejectsWith(check, 'KMSInvalidSignatureException', '');
        }
      }
      for (const bad of [digest.subarray(1), Uint8Array.from([...digest, 0])]) {
        await rejectsWith(
          kms.sign({ KeyId, Message: bad, MessageType: 'DIGEST', SigningAlgorithm }),
          'ValidationException',
          `Digest is invalid length for algorithm ${SigningAlgorithm}.`,
        );
      }
    });
  }

  test('ECDSA options of ours: the same signature again, low S, and the key found from signature and recovery id', async (t) => {
    const kms = await openInMemory(t);
    const { keyId: KeyId } = await newKey(kms, { KeySpec: 'ECC_SECG_P256K1', KeyUsage: 'SIGN_VERIFY' });
    const { PublicKey } = await kms.getPublicKey({ KeyId });
    const ids = new Set<number>();
    for (let index = 0; index < 16; index++) {
      const digest = new Uint8Array(createHash('sha256').update(`${index}`).digest());
      const asked = { KeyId, Message: digest, MessageType: 'DIGEST', SigningAlgorithm: 'ECDSA_SHA_256' } as const;
      const options = { Deterministic: true, LowS: true, RecoveryId: true };
      const answer = await kms.sign({ ...asked, ...options });
      assert.deepEqual(await kms.sign({ ...asked, ...options }), answer);
      const [{ output } = {}] = await kms.batch([{ operation: 'Sign', input: { ...asked, ...options } }]);
      assert.deepEqual(output, answer);
      assert.ok((await kms.verify({ ...asked, Signature: answer.Signature })).SignatureValid);
      const signature = secp256k1.Signature.fromBytes(answer.Signature, 'der');
      assert.ok(!signature.hasHighS());
      ids.add(answer.RecoveryId!);
      const found = signature.addRecoveryBit(answer.RecoveryId!).recoverPublicKey(digest);
      assert.deepEqual(found.toBytes(false), PublicKey.slice(-65));
    }
    assert.deepEqual([...ids].sort(), [0, 1]);
    const plain = { KeyId, Message: message, SigningAlgorithm: 'ECDSA_SHA_256' } as const;
    assert.ok(!('RecoveryId' in (await kms.sign({ ...plain, Deterministic: true, LowS: true }))));
    const drawn = [await kms.sign({ ...plain, RecoveryId: true }), await kms.sign({ ...plain, Deterministic: false })];
    assert.notDeepEqual(drawn[0]!.Signature, drawn[1]!.Signature);
  });

  for (const [KeySpec, SigningAlgorithm] of [
    ['RSA_2048', 'RSASSA_PKCS1_V1_5_SHA_256'],
    ['ECC_NIST_EDWARDS25519', 'ED25519_SHA_512'],
  ] as const) {
    test(`${SigningAlgorithm}: options of ECDSA are refused, and false asks for nothing`, async (t) => {
      const kms = await openInMemory(t);
      const { keyId: KeyId } = await newKey(kms, { KeySpec, KeyUsage: 'SIGN_VERIFY' });
      const asked = { KeyId, Message: message, SigningAlgorithm };
      for (const name of ['Deterministic', 'LowS', 'RecoveryId'] as const) {
        const expected = `${name} is incompatible with algorithm ${SigningAlgorithm}.`;
        await rejectsWith(kms.sign({ ...asked, [name]: true }), 'ValidationException', expected);
        await rejectsWith(kms.sign({ ...asked, [name]: true, DryRun: true }), 'ValidationException', expected);
        await rejectsWith(kms.sign({ ...asked, [name]: 'true' as never }), 'SerializationException');
        assert.deepEqual(await kms.sign({ ...asked, [name]: false }), await kms.sign(asked));
      }
    });
  }

  test('Ed25519: RAW only, and DIGEST only for the prehashed form', async (t) => {
    const kms = await openInMemory(t);
    const key = await newKey(kms, { KeySpec: 'ECC_NIST_EDWARDS25519', KeyUsage: 'SIGN_VERIFY' });
    const KeyId = key.keyId;
    const { PublicKey } = await kms.getPublicKey({ KeyId });
    const { Signature } = await kms.sign({ KeyId, Message: message, SigningAlgorithm: 'ED25519_SHA_512' });
    const publicKey = createPublicKey({ key: Buffer.from(PublicKey), format: 'der', type: 'spki' });
    assert.ok(nodeVerify(null, message, publicKey, Signature));

    const digest = new Uint8Array(createHash('sha512').update(message).digest());
    const prehashed = {
      KeyId,
      Message: digest,
      MessageType: 'DIGEST',
      SigningAlgorithm: 'ED25519_PH_SHA_512',
    } as const;
    const ph = await kms.sign(prehashed);
    assert.equal(ph.Signature.length, 64);
    assert.equal((await kms.verify({ ...prehashed, Signature: ph.Signature })).SignatureValid, true);
    await rejectsWith(kms.verify({ ...prehashed, Signature }), 'KMSInvalidSignatureException', '');
    // KMS hashes the digest once more, so an engine that is given the digest as the message agrees.
    const engine = await openEngine();
    t.after(() => engine.close());
    const verifier = await engine.importKey({ keySpec: 'ECC_NIST_EDWARDS25519', format: 'spki', data: PublicKey });
    const check = { key: verifier, algorithm: 'ED25519_PH_SHA_512', signature: ph.Signature } as const;
    assert.equal(await engine.verify({ ...check, message: digest }), true);
    assert.equal(await engine.verify({ ...check, message }), false);

    await rejectsWith(
      kms.sign({ KeyId, Message: digest, MessageType: 'DIGEST', SigningAlgorithm: 'ED25519_SHA_512' }),
      'ValidationException',
    );
    await rejectsWith(kms.sign({ ...prehashed, MessageType: 'RAW' }), 'ValidationException');
  });
});

describe('MACs', () => {
  for (const bits of [224, 256, 384, 512] as const) {
    test(`HMAC_${bits}`, async (t) => {
      const kms = await openInMemory(t);
      const { KeyId, Arn } = (await kms.createKey({ KeySpec: `HMAC_${bits}`, KeyUsage: 'GENERATE_VERIFY_MAC' }))
        .KeyMetadata;
      const MacAlgorithm = `HMAC_SHA_${bits}` as const;
      const { Mac, ...rest } = await kms.generateMac({ KeyId, Message: message, MacAlgorithm });
      assert.equal(Mac.length, bits / 8);
      assert.deepEqual(rest, { KeyId: Arn, MacAlgorithm });
      const verified = await kms.verifyMac({ KeyId, Message: message, MacAlgorithm, Mac });
      assert.deepEqual(verified, { KeyId: Arn, MacValid: true, MacAlgorithm });
      const changed = Uint8Array.from(Mac);
      changed[0]! ^= 1;
      for (const bad of [changed, Mac.subarray(0, Mac.length - 1), Mac.subarray(0, 1), Uint8Array.from([...Mac, 0])]) {
        await rejectsWith(
          kms.verifyMac({ KeyId, Message: message, MacAlgorithm, Mac: bad }),
          'KMSInvalidMacException',
          '',
        );
      }
    });
  }
});

describe('batches and callers', () => {
  test('outcomes come in order, and a bad item hurts only itself', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    const results = await kms.batch([
      { operation: 'GenerateRandom', input: { NumberOfBytes: 8 } },
      { operation: 'Encrypt', input: { KeyId, Plaintext: new Uint8Array(5000) } },
      { operation: 'Nonsense' as 'ListKeys' },
      { operation: 'ListKeys' },
    ]);
    assert.deepEqual(
      results.map(({ output, error }) => error?.name ?? Object.keys(output as object)),
      [['Plaintext'], 'ValidationException', 'UnknownOperationException', ['Keys', 'Truncated']],
    );
    const tooMany = Array.from({ length: 1001 }, () => ({ operation: 'ListKeys' }) as const);
    await rejectsWith(kms.batch(tooMany), 'ValidationException');
  });

  test('a thousand operations at once', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = (await kms.createKey({ KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' })).KeyMetadata;
    const input = { KeyId, Message: message, MacAlgorithm: 'HMAC_SHA_256' } as const;
    const { Mac } = await kms.generateMac(input);
    const results = await kms.batch(
      Array.from({ length: 1000 }, () => ({ operation: 'VerifyMac', input: { ...input, Mac } })),
    );
    assert.ok(results.every(({ error }) => error === undefined));
  });

  test('another caller sees the same keys', async (t) => {
    const kms = await openInMemory(t);
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    const other = kms.as({ principal: `arn:aws:iam::${ACCOUNT}:role/app` });
    assert.equal((await other.describeKey({ KeyId })).KeyMetadata.KeyId, KeyId);
  });

  test('more keys than stay open', async (t) => {
    const kms = await openInMemory(t, { openKeys: 2 });
    const blobs: Uint8Array[] = [];
    for (let i = 0; i < 5; i++) {
      const { KeyId } = (await kms.createKey()).KeyMetadata;
      blobs.push((await kms.encrypt({ KeyId, Plaintext: message })).CiphertextBlob);
    }
    for (let round = 0; round < 3; round++) {
      const opened = await Promise.all(blobs.map((CiphertextBlob) => kms.decrypt({ CiphertextBlob })));
      for (const { Plaintext } of opened) assert.deepEqual(Plaintext, message);
    }
  });

  test('close finishes what is under way and refuses the rest', async () => {
    const kms = await Keymill.open({ path: ':memory:' });
    const { KeyId } = (await kms.createKey()).KeyMetadata;
    const underWay = Array.from({ length: 20 }, () => kms.encrypt({ KeyId, Plaintext: message }));
    const creating = kms.createKey();
    const closing = kms.close();
    await rejectsWith(kms.encrypt({ KeyId, Plaintext: message }), 'KeyUnavailableException');
    await Promise.all([...underWay, creating, closing, kms.close()]);
  });
});
