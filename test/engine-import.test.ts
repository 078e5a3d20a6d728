/**
 * Import lets in sound keys only: everything that node:crypto takes without a word (reference: security.md, section 0 item 6) and
 * every known way of planting a weak key is INVALID_KEY.
 */
import assert from 'node:assert/strict';
import { KEY_SPECS, type KeySpec } from 'keymill/engine';
import { rsaFromPrimes } from './support/arithmetic.ts';
import { forEachBackend } from './support/backends.ts';
import { bigEndian, ecPkcs8, edwardsPkcs8, type RsaNumbers, rsaPkcs8 } from './support/der.ts';
import { rejectsWith } from './support/expect.ts';
import { ASYMMETRIC_SPECS, fixedKey, SYMMETRIC_SPECS, secretBytes } from './support/keys.ts';
import { CURVE_OIDS } from './support/published.ts';
import { CURVES, edwardsPoint, type Format, REFUSALS, rsa, seed } from './support/refused-keys.ts';
import { needsSharedVectors, sharedVectors } from './support/vectors.ts';

forEachBackend('import refuses', (subject) => {
  for (const { what, keySpec, format, data } of REFUSALS) {
    subject.test(keySpec, `${keySpec} ${format}: ${what}`, () =>
      rejectsWith('INVALID_KEY', subject.engine.importKey({ keySpec, format, data: data() }), what),
    );
  }

  if (needsSharedVectors.skip === false) {
    subject.test('RSA_2048', "composites of Wycheproof's primality set as RSA primes", async () => {
      type Test = { value: string; result: string };
      const file = sharedVectors<{ testGroups: { tests: Test[] }[] }>('wycheproof/primality_test.json');
      const { q } = rsa();
      let tried = 0;
      for (const { value, result } of file.testGroups.flatMap(({ tests }) => tests)) {
        const p = BigInt(`0x${value}`);
        if (result !== 'invalid' || (p * q).toString(2).length !== 2048) continue;
        let key: RsaNumbers;
        try {
          key = rsaFromPrimes(p, q);
        } catch {
          // p - 1 shares a factor with e, or p with q: no such key.
          continue;
        }
        const data = rsaPkcs8(key);
        await rejectsWith(
          'INVALID_KEY',
          subject.engine.importKey({ keySpec: 'RSA_2048', format: 'pkcs8', data }),
          value,
        );
        tried++;
      }
      assert.ok(tried >= 5, `only ${tried} composites of a length that fits`);
    });
  }
});

forEachBackend('import takes', (subject) => {
  const nodeKeys: { name: string; keySpec: KeySpec; format: Format; data: Uint8Array }[] = [];
  for (const keySpec of ASYMMETRIC_SPECS) {
    for (const format of ['pkcs8', 'spki'] as const)
      nodeKeys.push({ name: 'as node:crypto writes it', keySpec, format, data: fixedKey(keySpec)[format] });
  }
  for (const { keySpec, order } of CURVES) {
    const width = KEY_SPECS[keySpec].elementBytes!;
    const curve = CURVE_OIDS[keySpec];
    nodeKeys.push(
      { name: 'd = 1', keySpec, format: 'raw', data: bigEndian(1n, width) },
      { name: 'd = n - 1', keySpec, format: 'raw', data: bigEndian(order - 1n, width) },
      { name: 'without a public key', keySpec, format: 'pkcs8', data: ecPkcs8(curve, fixedKey(keySpec).raw!) },
    );
  }
  nodeKeys.push({
    name: 'with its public key (RFC 5958)',
    keySpec: 'ECC_NIST_EDWARDS25519',
    format: 'pkcs8',
    data: edwardsPkcs8(seed(), edwardsPoint()),
  });
  for (const { name, keySpec, format, data } of nodeKeys) {
    subject.test(keySpec, `${keySpec} ${format}: ${name}`, async () => {
      using key = await subject.engine.importKey({ keySpec, format, data });
      assert.equal(key.keySpec, keySpec);
      // The public key comes out in the one form there is: uncompressed, named curve.
      if (name !== 'd = 1' && name !== 'd = n - 1') assert.deepEqual(key.publicKey(), fixedKey(keySpec).spki);
    });
  }

  for (const keySpec of SYMMETRIC_SPECS) {
    subject.test(keySpec, `${keySpec} raw: its shortest and longest`, async () => {
      for (const length of KEY_SPECS[keySpec].rawBytes!) {
        using key = await subject.engine.importKey({ keySpec, format: 'raw', data: secretBytes(length) });
        assert.deepEqual(key.export('raw'), secretBytes(length));
      }
    });
  }
});

forEachBackend('ECDH refuses', (subject) => {
  for (const keySpec of CURVES.map((curve) => curve.keySpec).filter((each) => each !== 'ECC_SECG_P256K1')) {
    const publicRefusals = REFUSALS.filter((refusal) => refusal.keySpec === keySpec && refusal.format === 'spki');
    for (const { what, data } of publicRefusals) {
      subject.test(keySpec, `${keySpec} with a peer key: ${what}`, async () => {
        const fixed = fixedKey(keySpec);
        using key = await subject.engine.importKey({ keySpec, format: 'pkcs8', data: fixed.pkcs8 });
        await rejectsWith('INVALID_KEY', subject.engine.deriveSharedSecret({ key, publicKey: data() }), what);
      });
    }
  }
});
