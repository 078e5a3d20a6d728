// Writes test/vectors/*.json: known answers for every algorithm, each made by one implementation and confirmed by at least one
// independent other before it is written. Rerunnable: `node tools/vectors.mjs` gives the same files (the RSA keys in keys.json are
// kept where they exist). Messages are not stored but described: byte i of a message is i mod 251.
//
// Implementations: node:crypto; the `openssl` command; @noble/{hashes,ciphers,curves}; and for RSA, which noble does not have,
// RFC 8017 written out below over BigInt and @noble/hashes.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import crypto from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { cmac, gcm as nobleGcm } from '@noble/ciphers/aes.js';
import { ed25519, ed25519ph } from '@noble/curves/ed25519.js';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha224, sha256, sha384, sha512 } from '@noble/hashes/sha2.js';

const directory = path.resolve(import.meta.dirname, '../test/vectors');
mkdirSync(directory, { recursive: true });
const scratch = mkdtempSync(path.join(tmpdir(), 'keymill-vectors-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

const require = createRequire(import.meta.url);
const nobleVersion = (name) =>
  `@noble/${name} ${JSON.parse(readFileSync(path.resolve(path.dirname(require.resolve(`@noble/${name}/utils.js`)), 'package.json'))).version}`;
const NODE = `node:crypto ${process.version} (OpenSSL ${process.versions.openssl})`;
const OPENSSL = `openssl command (${execFileSync('openssl', ['version']).toString().trim()})`;
const HASHES = nobleVersion('hashes');
const CIPHERS = nobleVersion('ciphers');
const CURVES = nobleVersion('curves');
const BIGINT = `RFC 8017 over BigInt (tools/vectors.mjs) with ${HASHES}`;

const hex = (bytes) => Buffer.from(bytes).toString('hex');
const bytesOf = (text) => new Uint8Array(Buffer.from(text, 'hex'));
const pattern = (length) => Uint8Array.from({ length }, (_, index) => index % 251);
/** Bytes that look random and are the same at every run. */
const derived = (label, length) =>
  new Uint8Array(crypto.createHash('shake256', { outputLength: length }).update(label).digest());
const agree = (what, ...results) => {
  for (const result of results) assert.equal(hex(result), hex(results[0]), what);
  return hex(results[0]);
};
let files = 0;
function write(name, origin, vectors) {
  const rows = vectors.map((vector) => `    ${JSON.stringify(vector)}`).join(',\n');
  writeFileSync(
    path.join(directory, `${name}.json`),
    `{\n  "origin": ${JSON.stringify(origin)},\n  "vectors": [\n${rows}\n  ]\n}\n`,
  );
  console.log(`${name}: ${vectors.length} vectors`);
  files++;
}
function openssl(args, files = {}) {
  const named = Object.fromEntries(
    Object.entries(files).map(([name, bytes]) => {
      const file = path.join(scratch, name);
      writeFileSync(file, bytes);
      return [name, file];
    }),
  );
  return execFileSync(
    'openssl',
    args.map((arg) => arg.replace(/@(\w+)/g, (_, name) => named[name])),
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
}
/** Whether the command succeeds: how `openssl pkeyutl -verify` answers. */
const opensslAccepts = (args, files) => {
  try {
    openssl(args, files);
    return true;
  } catch {
    return false;
  }
};
const HASH = {
  SHA_1: { node: 'sha1', noble: sha1 },
  SHA_224: { node: 'sha224', noble: sha224 },
  SHA_256: { node: 'sha256', noble: sha256 },
  SHA_384: { node: 'sha384', noble: sha384 },
  SHA_512: { node: 'sha512', noble: sha512 },
};
const nodeHash = (name, message) => crypto.createHash(HASH[name].node).update(message).digest();

// Edges of the AES block (16), of SHA's blocks (64, 128, and where padding needs another), of kernels' batches (8 and 16 AES blocks),
// and of lengths from which an engine may work in place (16 and 32 KiB).
const LENGTHS = [
  0, 1, 15, 16, 17, 31, 32, 33, 55, 56, 57, 63, 64, 65, 111, 112, 113, 127, 128, 129, 191, 255, 256, 257, 511, 512, 513,
  1025, 4095, 4097, 16383, 16384, 16385, 32767, 32768, 32769, 65537,
];
const FEW_LENGTHS = [0, 1, 32, 64, 65, 128, 4096];

write(
  'digest',
  [NODE, OPENSSL, HASHES],
  Object.keys(HASH).flatMap((algorithm) =>
    LENGTHS.map((messageBytes) => {
      const message = pattern(messageBytes);
      const command = openssl(['dgst', `-${HASH[algorithm].node}`, '-binary', '@message'], { message });
      return {
        algorithm,
        messageBytes,
        digest: agree(algorithm, nodeHash(algorithm, message), HASH[algorithm].noble(message), command),
      };
    }),
  ),
);

const HMAC_KEY_BYTES = { SHA_224: [28, 29, 64], SHA_256: [32, 33, 64], SHA_384: [48, 49, 128], SHA_512: [64, 65, 128] };
write(
  'hmac',
  [NODE, OPENSSL, HASHES],
  Object.entries(HMAC_KEY_BYTES).flatMap(([hash, keyLengths]) =>
    keyLengths.flatMap((keyBytes, row) =>
      (row === 0 && hash !== 'SHA_224' && hash !== 'SHA_384' ? LENGTHS : FEW_LENGTHS).map((messageBytes) => {
        const key = derived(`hmac ${hash} ${keyBytes}`, keyBytes);
        const message = pattern(messageBytes);
        const mac = agree(
          `hmac ${hash}`,
          crypto.createHmac(HASH[hash].node, key).update(message).digest(),
          hmac(HASH[hash].noble, key, message),
          openssl(
            ['dgst', `-${HASH[hash].node}`, '-mac', 'HMAC', '-macopt', `hexkey:${hex(key)}`, '-binary', '@message'],
            { message },
          ),
        );
        return { keySpec: `HMAC_${hash.slice(4)}`, algorithm: `HMAC_${hash}`, key: hex(key), messageBytes, mac };
      }),
    ),
  ),
);

const nodeGcm = (key, nonce, plaintext, aad) => {
  const cipher = crypto.createCipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 });
  cipher.setAAD(aad);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
};
/** c2sp.org/XAES-256-GCM by AES-256-ECB of node:crypto: CMAC of one block with K1. */
function nodeXaes(key, nonce, plaintext, aad) {
  const block = (input) => crypto.createCipheriv('aes-256-ecb', key, null).setAutoPadding(false).update(input);
  const L = block(Buffer.alloc(16));
  const k1 = Buffer.alloc(16);
  for (let i = 0; i < 16; i++) k1[i] = (L[i] << 1) | ((L[i + 1] ?? 0) >> 7);
  if (L[0] & 0x80) k1[15] ^= 0x87;
  const derive = (counter) => {
    const m = Buffer.concat([Buffer.from([0, counter, 0x58, 0]), nonce.subarray(0, 12)]);
    return block(m.map((byte, i) => byte ^ k1[i]));
  };
  return nodeGcm(Buffer.concat([derive(1), derive(2)]), nonce.subarray(12), plaintext, aad);
}
/** The same by @noble/ciphers: its CMAC, its GCM. */
function nobleXaes(key, nonce, plaintext, aad) {
  const derive = (counter) => cmac(Uint8Array.from([0, counter, 0x58, 0, ...nonce.subarray(0, 12)]), key);
  return nobleGcm(Uint8Array.from([...derive(1), ...derive(2)]), nonce.subarray(12), aad).encrypt(plaintext);
}
// The specification's own answer, so that two equal misreadings do not pass.
assert.equal(
  hex(
    nobleXaes(
      new Uint8Array(32).fill(1),
      Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWX'),
      Buffer.from('XAES-256-GCM'),
      new Uint8Array(0),
    ),
  ),
  'ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271',
);
const AEADS = [
  [
    'aes_gcm',
    'SYMMETRIC_DEFAULT',
    12,
    nodeGcm,
    (key, nonce, plaintext, aad) => nobleGcm(key, nonce, aad).encrypt(plaintext),
  ],
  ['xaes_gcm', 'XAES_256_GCM', 24, nodeXaes, nobleXaes],
];
for (const [name, algorithm, nonceBytes, one, other] of AEADS) {
  const cases = [
    ...LENGTHS.map((messageBytes, row) => [messageBytes, (row * 7) % 40]),
    ...FEW_LENGTHS.map((aadBytes) => [33, aadBytes]),
  ];
  write(
    name,
    [NODE, CIPHERS],
    cases.map(([messageBytes, aadBytes], row) => {
      const key = derived(`${name} key ${row}`, 32);
      const nonce = derived(`${name} nonce ${row}`, nonceBytes);
      const [plaintext, aad] = [pattern(messageBytes), pattern(aadBytes)];
      const sealed = bytesOf(agree(name, one(key, nonce, plaintext, aad), other(key, nonce, plaintext, aad)));
      // Long ciphertexts are kept as their SHA-256; the tag covers them anyway.
      const ciphertext = sealed.subarray(0, -16);
      const body =
        ciphertext.length <= 65
          ? { ciphertext: hex(ciphertext) }
          : { ciphertextSha256: hex(nodeHash('SHA_256', ciphertext)) };
      return {
        algorithm,
        key: hex(key),
        nonce: hex(nonce),
        messageBytes,
        aadBytes,
        ...body,
        tag: hex(sealed.subarray(-16)),
      };
    }),
  );
}

// Keys of the asymmetric algorithms, as PKCS#8 and SPKI.
const CURVE = {
  ECC_NIST_P256: { curve: p256, node: 'P-256', bytes: 32, hash: 'SHA_256' },
  ECC_NIST_P384: { curve: p384, node: 'P-384', bytes: 48, hash: 'SHA_384' },
  ECC_NIST_P521: { curve: p521, node: 'P-521', bytes: 66, hash: 'SHA_512' },
  ECC_SECG_P256K1: { curve: secp256k1, node: 'secp256k1', bytes: 32, hash: 'SHA_256' },
};
const keysFile = path.join(directory, 'keys.json');
const oldKeys = existsSync(keysFile) ? JSON.parse(readFileSync(keysFile, 'utf8')).vectors : [];
const base64url = (bytes) => Buffer.from(bytes).toString('base64url');
const exported = (key) => ({
  pkcs8: hex(key.export({ format: 'der', type: 'pkcs8' })),
  spki: hex(crypto.createPublicKey(key).export({ format: 'der', type: 'spki' })),
});
function ecKey(keySpec, label) {
  const { curve, node, bytes } = CURVE[keySpec];
  // 16 bytes more than the order, so that the remainder is not biased; the form does not matter for a test key.
  const scalar = (BigInt(`0x${hex(derived(label, bytes + 16))}`) % (curve.Point.Fn.ORDER - 1n)) + 1n;
  const raw = bytesOf(scalar.toString(16).padStart(bytes * 2, '0'));
  const point = curve.getPublicKey(raw, false);
  const jwk = {
    kty: 'EC',
    crv: node,
    d: base64url(raw),
    x: base64url(point.subarray(1, 1 + bytes)),
    y: base64url(point.subarray(1 + bytes)),
  };
  return { keySpec, raw: hex(raw), ...exported(crypto.createPrivateKey({ key: jwk, format: 'jwk' })) };
}
function edwardsKey(label) {
  const seed = derived(label, 32);
  const jwk = { kty: 'OKP', crv: 'Ed25519', d: base64url(seed), x: base64url(ed25519.getPublicKey(seed)) };
  return {
    keySpec: 'ECC_NIST_EDWARDS25519',
    raw: hex(seed),
    ...exported(crypto.createPrivateKey({ key: jwk, format: 'jwk' })),
  };
}
const rsaKeys = [2048, 3072, 4096].map((modulusLength) => {
  const keySpec = `RSA_${modulusLength}`;
  const old = oldKeys.find((key) => key.keySpec === keySpec);
  return old ?? { keySpec, ...exported(crypto.generateKeyPairSync('rsa', { modulusLength }).privateKey) };
});
const ecKeys = Object.keys(CURVE).flatMap((keySpec) =>
  ['one', 'two'].map((which) => ecKey(keySpec, `${keySpec} ${which}`)),
);
const edwardsKeys = ['one', 'two'].map((which) => edwardsKey(`edwards ${which}`));
for (const { pkcs8 } of [...rsaKeys, ...ecKeys, ...edwardsKeys]) {
  openssl(['pkey', '-inform', 'DER', '-in', '@key', '-check', '-noout'], { key: bytesOf(pkcs8) });
}
write('keys', [NODE, OPENSSL, CURVES], [...rsaKeys, ...ecKeys, ...edwardsKeys]);

const privateKeyOf = ({ pkcs8 }) =>
  crypto.createPrivateKey({ key: Buffer.from(pkcs8, 'hex'), format: 'der', type: 'pkcs8' });
const publicKeyOf = ({ spki }) =>
  crypto.createPublicKey({ key: Buffer.from(spki, 'hex'), format: 'der', type: 'spki' });
/** Has the openssl command verify a signature over a digest. */
const commandVerifies = (key, digest, signature, ...options) =>
  opensslAccepts(
    [
      'pkeyutl',
      '-verify',
      '-pubin',
      '-keyform',
      'DER',
      '-inkey',
      '@key',
      '-in',
      '@digest',
      '-sigfile',
      '@signature',
      ...options.flatMap((option) => ['-pkeyopt', option]),
    ],
    { key: bytesOf(key.spki), digest, signature },
  );

// RFC 8017, written out.
const toBigInt = (bytes) => BigInt(`0x${hex(bytes) || '0'}`);
const fromBigInt = (value, length) => bytesOf(value.toString(16).padStart(length * 2, '0'));
function modPow(base, exponent, modulus) {
  let result = 1n;
  for (let power = base % modulus, left = exponent; left > 0n; left >>= 1n, power = (power * power) % modulus) {
    if (left & 1n) result = (result * power) % modulus;
  }
  return result;
}
const xor = (a, b) => a.map((byte, index) => byte ^ b[index]);
function mgf1(hash, seed, length) {
  const blocks = [];
  for (let counter = 0; blocks.length * hash.outputLen < length; counter++) {
    blocks.push(hash(Uint8Array.from([...seed, 0, 0, counter >> 8, counter & 0xff])));
  }
  return Uint8Array.from(Buffer.concat(blocks).subarray(0, length));
}
const rsaNumbers = (key) => {
  const jwk = privateKeyOf(key).export({ format: 'jwk' });
  const number = (name) => toBigInt(Buffer.from(jwk[name], 'base64url'));
  return { n: number('n'), e: number('e'), d: number('d'), bytes: Buffer.from(jwk.n, 'base64url').length };
};
const rsaPrivate = ({ n, d, bytes }, input) => fromBigInt(modPow(toBigInt(input), d, n), bytes);
const rsaPublic = ({ n, e, bytes }, input) => fromBigInt(modPow(toBigInt(input), e, n), bytes);
/** Section 7.1.1 with an empty label. */
function oaepEncrypt(numbers, hash, message, seed) {
  const padding = new Uint8Array(numbers.bytes - message.length - 2 * hash.outputLen - 2);
  const block = Uint8Array.from([...hash(new Uint8Array(0)), ...padding, 1, ...message]);
  const maskedBlock = xor(block, mgf1(hash, seed, block.length));
  const maskedSeed = xor(seed, mgf1(hash, maskedBlock, seed.length));
  return rsaPublic(numbers, Uint8Array.from([0, ...maskedSeed, ...maskedBlock]));
}
/** Section 8.1.1 with a salt as long as the hash. */
function pssSign(numbers, hash, digest, salt) {
  const h = hash(Uint8Array.from([...new Uint8Array(8), ...digest, ...salt]));
  const block = Uint8Array.from([...new Uint8Array(numbers.bytes - 2 * hash.outputLen - 2), 1, ...salt]);
  const masked = xor(block, mgf1(hash, h, block.length));
  // The modulus has a whole number of bytes, so one bit of the encoded message is unused (section 9.1.1, step 11).
  masked[0] &= 0x7f;
  return rsaPrivate(numbers, Uint8Array.from([...masked, ...h, 0xbc]));
}
const DIGEST_INFO = {
  SHA_256: '3031300d060960864801650304020105000420',
  SHA_384: '3041300d060960864801650304020205000430',
  SHA_512: '3051300d060960864801650304020305000440',
};
/** Section 8.2.1. */
function pkcs1Sign(numbers, hashName, digest) {
  const info = Uint8Array.from([...bytesOf(DIGEST_INFO[hashName]), ...digest]);
  const padding = new Uint8Array(numbers.bytes - info.length - 3).fill(0xff);
  return rsaPrivate(numbers, Uint8Array.from([0, 1, ...padding, 0, ...info]));
}

const RSA_ORIGIN = [NODE, OPENSSL, BIGINT];
write(
  'rsa_oaep',
  RSA_ORIGIN,
  rsaKeys.flatMap((key) =>
    ['SHA_1', 'SHA_256'].flatMap((hashName) => {
      const numbers = rsaNumbers(key);
      const { noble: hash, node: oaepHash } = HASH[hashName];
      const longest = numbers.bytes - 2 * hash.outputLen - 2;
      return [0, 1, 32, longest - 1, longest].map((messageBytes) => {
        const message = pattern(messageBytes);
        const ciphertext = oaepEncrypt(
          numbers,
          hash,
          message,
          derived(`oaep ${key.keySpec} ${hashName} ${messageBytes}`, hash.outputLen),
        );
        const command = openssl(
          [
            'pkeyutl',
            '-decrypt',
            '-keyform',
            'DER',
            '-inkey',
            '@key',
            '-in',
            '@ciphertext',
            '-pkeyopt',
            'rsa_padding_mode:oaep',
            '-pkeyopt',
            `rsa_oaep_md:${oaepHash}`,
            '-pkeyopt',
            `rsa_mgf1_md:${oaepHash}`,
          ],
          { key: bytesOf(key.pkcs8), ciphertext },
        );
        agree('oaep', message, crypto.privateDecrypt({ key: privateKeyOf(key), oaepHash }, ciphertext), command);
        return { keySpec: key.keySpec, algorithm: `RSAES_OAEP_${hashName}`, messageBytes, ciphertext: hex(ciphertext) };
      });
    }),
  ),
);

const RSA_MESSAGES = [0, 129];
const rsaSignatures = (name, scheme, sign, nodeOptions, commandOptions) =>
  write(
    name,
    RSA_ORIGIN,
    rsaKeys.flatMap((key) =>
      Object.keys(DIGEST_INFO).flatMap((hashName) =>
        RSA_MESSAGES.map((messageBytes) => {
          const message = pattern(messageBytes);
          const { node } = HASH[hashName];
          const signature = sign(key, hashName, HASH[hashName].noble(message), messageBytes);
          assert(
            crypto.verify(node, message, { key: publicKeyOf(key), ...nodeOptions }, signature),
            `${name}: node:crypto`,
          );
          assert(
            commandVerifies(key, nodeHash(hashName, message), signature, `digest:${node}`, ...commandOptions(node)),
            `${name}: openssl`,
          );
          return { keySpec: key.keySpec, algorithm: `${scheme}_${hashName}`, messageBytes, signature: hex(signature) };
        }),
      ),
    ),
  );
rsaSignatures(
  'rsa_pss',
  'RSASSA_PSS',
  (key, hashName, digest, row) =>
    pssSign(
      rsaNumbers(key),
      HASH[hashName].noble,
      digest,
      derived(`pss ${key.keySpec} ${hashName} ${row}`, digest.length),
    ),
  { padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: crypto.constants.RSA_PSS_SALTLEN_DIGEST },
  (node) => ['rsa_padding_mode:pss', 'rsa_pss_saltlen:digest', `rsa_mgf1_md:${node}`],
);
rsaSignatures(
  'rsa_pkcs1',
  'RSASSA_PKCS1_V1_5',
  (key, hashName, digest) => pkcs1Sign(rsaNumbers(key), hashName, digest),
  {},
  () => ['rsa_padding_mode:pkcs1'],
);

// RFC 6979 signatures, both encodings; high-S ones stay as they are.
write(
  'ecdsa',
  [CURVES, NODE, OPENSSL],
  ecKeys.flatMap((key) =>
    FEW_LENGTHS.map((messageBytes) => {
      const { curve, bytes, hash } = CURVE[key.keySpec];
      const message = pattern(messageBytes);
      const digest = nodeHash(hash, message);
      const p1363 = curve.sign(digest, bytesOf(key.raw), { prehash: false, lowS: false });
      const der = curve.Signature.fromBytes(p1363, 'compact').toBytes('der');
      assert.equal(p1363.length, 2 * bytes);
      assert(
        crypto.verify(HASH[hash].node, message, { key: publicKeyOf(key), dsaEncoding: 'ieee-p1363' }, p1363),
        'ecdsa: node:crypto, p1363',
      );
      assert(crypto.verify(HASH[hash].node, message, publicKeyOf(key), der), 'ecdsa: node:crypto, der');
      assert(commandVerifies(key, digest, der), 'ecdsa: openssl');
      return {
        keySpec: key.keySpec,
        algorithm: `ECDSA_${hash}`,
        raw: key.raw,
        messageBytes,
        p1363: hex(p1363),
        der: hex(der),
      };
    }),
  ),
);

write(
  'ed25519',
  [CURVES, NODE],
  edwardsKeys.flatMap((key) =>
    FEW_LENGTHS.map((messageBytes) => {
      const message = pattern(messageBytes);
      const signature = agree(
        'ed25519',
        ed25519.sign(message, bytesOf(key.raw)),
        crypto.sign(null, message, privateKeyOf(key)),
      );
      return { raw: key.raw, messageBytes, signature };
    }),
  ),
);

/** Ed25519ph (RFC 8032 section 5.1) over node:crypto's SHA-512 and BigInt points: nothing shared with @noble/curves. */
function ed25519phByBigInt(seed, message) {
  const p = 2n ** 255n - 19n;
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const mod = (value) => ((value % p) + p) % p;
  const inverse = (value) => modPow(mod(value), p - 2n, p);
  const d = mod(-121665n * inverse(121666n));
  const add = ([x1, y1], [x2, y2]) => {
    const product = mod(d * x1 * x2 * y1 * y2);
    return [mod((x1 * y2 + x2 * y1) * inverse(1n + product)), mod((y1 * y2 + x1 * x2) * inverse(1n - product))];
  };
  const base = [15112221349535400772501151409588531511454012693041857206046113283949847762202n, mod(4n * inverse(5n))];
  const multiply = (scalar) => {
    let [result, power] = [[0n, 1n], base];
    for (let left = scalar; left > 0n; left >>= 1n, power = add(power, power))
      if (left & 1n) result = add(result, power);
    return result;
  };
  const little = (bytes) => toBigInt(Uint8Array.from(bytes).reverse());
  const encode = ([x, y]) => fromBigInt(y | ((x & 1n) << 255n), 32).reverse();
  const hash = (...parts) => crypto.createHash('sha512').update(Buffer.concat(parts)).digest();
  const dom2 = Buffer.concat([Buffer.from('SigEd25519 no Ed25519 collisions'), Buffer.from([1, 0])]);
  const expanded = hash(seed);
  const clamped = expanded.subarray(0, 32);
  clamped[0] &= 248;
  clamped[31] = (clamped[31] & 127) | 64;
  const a = little(clamped);
  const digest = hash(message);
  const r = little(hash(dom2, expanded.subarray(32), digest)) % order;
  const R = encode(multiply(r));
  const k = little(hash(dom2, R, encode(multiply(a)), digest)) % order;
  return Buffer.concat([R, fromBigInt((r + k * a) % order, 32).reverse()]);
}
write(
  'ed25519ph',
  [CURVES, `RFC 8032 over BigInt (tools/vectors.mjs) with ${NODE}`],
  edwardsKeys.flatMap((key) =>
    FEW_LENGTHS.map((messageBytes) => {
      const message = pattern(messageBytes);
      const signature = agree(
        'ed25519ph',
        ed25519ph.sign(message, bytesOf(key.raw)),
        ed25519phByBigInt(bytesOf(key.raw), message),
      );
      return { raw: key.raw, messageBytes, signature };
    }),
  ),
);

write(
  'ecdh',
  [CURVES, NODE, OPENSSL],
  Object.keys(CURVE)
    .filter((keySpec) => keySpec !== 'ECC_SECG_P256K1')
    .flatMap((keySpec) => {
      const { curve, bytes } = CURVE[keySpec];
      return Array.from({ length: 8 }, (_, row) => {
        const [own, peer] = [
          ecKey(keySpec, `${keySpec} ecdh own ${row}`),
          ecKey(keySpec, `${keySpec} ecdh peer ${row}`),
        ];
        const shared = agree(
          'ecdh',
          curve
            .getSharedSecret(bytesOf(own.raw), curve.getPublicKey(bytesOf(peer.raw), false), false)
            .subarray(1, 1 + bytes),
          crypto.diffieHellman({ privateKey: privateKeyOf(own), publicKey: publicKeyOf(peer) }),
          openssl(
            ['pkeyutl', '-derive', '-keyform', 'DER', '-inkey', '@own', '-peerform', 'DER', '-peerkey', '@peer'],
            { own: bytesOf(own.pkcs8), peer: bytesOf(peer.spki) },
          ),
        );
        return { keySpec, raw: own.raw, peerSpki: peer.spki, shared };
      });
    }),
);
execFileSync(process.execPath, [require.resolve('@biomejs/biome/bin/biome'), 'format', '--write', directory], {
  stdio: 'ignore',
});
console.log(`${files} files in ${path.relative(process.cwd(), directory)}`);
