/**
 * AES-256-GCM (SP 800-38D, 96-bit IV, 128-bit tag) and XAES-256-GCM (c2sp.org/XAES-256-GCM): ENCRYPT and DECRYPT. Ciphertexts are
 * nonce, ciphertext, tag. Nothing is decrypted before its tag is known to be right.
 */
import { BATCH_BLOCKS, BATCH_BYTES, BLOCK_BYTES, encryptBlocks, expandKey, KEY_BYTES, SCHEDULE_BYTES } from './aes';
import {
  ALGORITHM_SYMMETRIC_DEFAULT,
  ALGORITHM_XAES_256_GCM,
  KEY_SPEC_SYMMETRIC_DEFAULT,
  OPERATION_DECRYPT,
  OPERATION_ENCRYPT,
  STATUS_DECRYPTION_FAILED,
  STATUS_INVALID_LENGTH,
  STATUS_MALFORMED_RECORD,
  STATUS_OK,
  STATUS_OUT_OF_MEMORY,
  STATUS_UNAVAILABLE,
  TAG_BYTES,
} from './contract';
import { addKeystream, xorBytes } from './counter_mode';
import { ghashBlocks } from './ghash';
import { BULK_BLOCKS, BULK_BYTES, ghashBulk, makeBulk } from './ghash_bulk';
import { Key, prepare, registerSecretKeys } from './keys';
import { allocate, isEqual, wipe } from './memory';
import { Item, register, specs } from './operation';
import { fillRandom } from './random';

export const GCM_NONCE_BYTES: usize = 12;
export const XAES_NONCE_BYTES: usize = 24;
/** The part of an XAES nonce that derives the key; the rest is GCM's. */
const XAES_DERIVING_BYTES: usize = 12;

/** A key ready for GCM. */
@unmanaged
class Cipher {
  /** The tables of ghash_bulk.ts, or 0. */
  bulk: usize;
  reserved: usize;
  /** H: the zero block encrypted (section 6.5 step 1). 16 bytes, as two words to keep their place. */
  h0: u64;
  h1: u64;
}

const CIPHER_BYTES: usize = offsetof<Cipher>();
const HASH_KEY_OFFSET: usize = offsetof<Cipher>('h0');
/** The key schedule follows the fields. */
const PREPARED_BYTES: usize = CIPHER_BYTES + SCHEDULE_BYTES;

const SCRATCH_BYTES: usize = 2 * BATCH_BYTES + 5 * BLOCK_BYTES;
const scratch = memory.data(<i32>SCRATCH_BYTES, 16);
const keystream = scratch;
const partial = scratch + BATCH_BYTES;
const hash = partial + BATCH_BYTES;
const lengths = hash + BLOCK_BYTES;
const counterBlock = lengths + BLOCK_BYTES;
const derivedKey = counterBlock + BLOCK_BYTES;

/** The cipher under an XAES derived key, wiped after each message. */
const derived = changetype<Cipher>(memory.data(<i32>PREPARED_BYTES, 16));
const derivedBulk = memory.data(<i32>BULK_BYTES, 16);
/** From this length on the tables pay for themselves within one message. */
const DERIVED_BULK_BYTES: usize = 1024;

/** J0 = IV || 0^31 || 1 (section 7.1 step 2). */
const FIRST_COUNTER: u32 = 1;
const BATCH_COUNTERS: u32 = <u32>BATCH_BLOCKS;

/** Where the unused part of `keystream` begins. */
let unused: usize = 0;
/** Where `beginOutput` left the plaintext. */
let plaintext: usize = 0;

@inline
function scheduleOf(cipher: Cipher): usize {
  return changetype<usize>(cipher) + CIPHER_BYTES;
}

@inline
function hashKeyOf(cipher: Cipher): usize {
  return changetype<usize>(cipher) + HASH_KEY_OFFSET;
}

/** The schedule and hash key of a key, made at first use; null where memory is short. */
function cipherOf(key: Key): Cipher | null {
  if (key.prepared) return changetype<Cipher>(key.prepared);
  const prepared = prepare(key, PREPARED_BYTES);
  if (!prepared) return null;
  const cipher = changetype<Cipher>(prepared);
  expandKey(key.material, scheduleOf(cipher));
  wipe(keystream, BATCH_BYTES);
  encryptBlocks(scheduleOf(cipher), keystream);
  memory.copy(hashKeyOf(cipher), keystream, BLOCK_BYTES);
  wipe(keystream, BATCH_BYTES);
  return cipher;
}

/**
 * Makes the tables for long messages with the key; without memory for them messages go the slower way. The cipher learns their address
 * at every message: one that came with a key's image (keys.ts) is that of another memory.
 */
function wantBulk(key: Key, cipher: Cipher, bytes: usize): void {
  if (!key.tables && bytes >= BULK_BLOCKS * BLOCK_BYTES) {
    key.tables = allocate(BULK_BYTES);
    key.tablesBytes = BULK_BYTES;
    if (key.tables) makeBulk(key.tables, hashKeyOf(cipher));
  }
  cipher.bulk = key.tables;
}

/** Takes bytes, padded with zeros to whole blocks, into the hash (section 6.4). */
function ghash(cipher: Cipher, data: usize, bytes: usize): void {
  let blocks = bytes / BLOCK_BYTES;
  if (cipher.bulk && blocks >= BULK_BLOCKS) {
    const groups = blocks / 16;
    ghashBulk(hash, cipher.bulk, data, groups);
    data += groups * 16 * BLOCK_BYTES;
    blocks -= groups * 16;
  }
  const rest = bytes & (BLOCK_BYTES - 1);
  if (blocks) ghashBlocks(hash, hashKeyOf(cipher), data, blocks);
  if (!rest) return;
  v128.store(partial, i64x2.splat(0));
  memory.copy(partial, data + blocks * BLOCK_BYTES, rest);
  ghashBlocks(hash, hashKeyOf(cipher), partial, 1);
}

/** Section 7.1 steps 4 to 6 before encryption: leaves GHASH(A || C || lengths) in `hash`. */
function authenticate(cipher: Cipher, aad: usize, aadBytes: usize, ciphertext: usize, bytes: usize): void {
  v128.store(hash, i64x2.splat(0));
  ghash(cipher, aad, aadBytes);
  ghash(cipher, ciphertext, bytes);
  store<u64>(lengths, bswap<u64>((<u64>aadBytes) << 3));
  store<u64>(lengths, bswap<u64>((<u64>bytes) << 3), 8);
  ghashBlocks(hash, hashKeyOf(cipher), lengths, 1);
}

/** Eight counter blocks from `counter` on, at `keystream`. */
@inline
function counterBlocks(template: v128, counter: u32): void {
  for (let i: u32 = 0; i < BATCH_COUNTERS; i++) {
    v128.store(keystream + (i << 4), i32x4.replace_lane(template, 3, <i32>bswap<u32>(counter + i)));
  }
}

@inline
function nextKeystream(cipher: Cipher, template: v128, counter: u32): void {
  counterBlocks(template, counter);
  encryptBlocks(scheduleOf(cipher), keystream);
}

/** IV || 0^32 (section 7.1 step 2). */
@inline
function counterTemplate(nonce12: usize): v128 {
  const template = i64x2.replace_lane(i64x2.splat(0), 0, load<i64>(nonce12));
  return i32x4.replace_lane(template, 2, load<i32>(nonce12, 8));
}

/**
 * The first batch of a message: from counter 0, so that all others begin with a multiple of eight (counter_mode.ts), or from 1 where that
 * makes it the only one. Returns E(J0); what follows it is the keystream of the text.
 */
function beginMessage(cipher: Cipher, template: v128, bytes: usize): v128 {
  const skipped: usize = bytes > BATCH_BYTES - BLOCK_BYTES ? 1 : 0;
  nextKeystream(cipher, template, FIRST_COUNTER - <u32>skipped);
  const mask = keystream + skipped * BLOCK_BYTES;
  unused = mask + BLOCK_BYTES;
  return v128.load(mask);
}

/** The same where H is not known yet: it is got in the place of the last block. */
function beginDerivedMessage(template: v128, bytes: usize): v128 {
  counterBlocks(template, FIRST_COUNTER - 1);
  v128.store(keystream, i64x2.splat(0));
  encryptBlocks(scheduleOf(derived), keystream);
  v128.store(hashKeyOf(derived), v128.load(keystream));
  if (bytes >= DERIVED_BULK_BYTES) {
    makeBulk(derivedBulk, hashKeyOf(derived));
    derived.bulk = derivedBulk;
  }
  unused = keystream + 2 * BLOCK_BYTES;
  return v128.load(keystream, 16);
}

function endDerivedMessage(): void {
  if (derived.bulk) wipe(derivedBulk, BULK_BYTES);
  wipe(changetype<usize>(derived), PREPARED_BYTES);
  wipe(scratch, SCRATCH_BYTES);
}

/** GCTR (section 7.1 step 3) with what is left of the first batch and on. The spans may be the same. */
function crypt(cipher: Cipher, template: v128, input: usize, bytes: usize, output: usize): void {
  const first = min(bytes, keystream + BATCH_BYTES - unused);
  xorBytes(output, input, unused, first);
  if (bytes == first) return;
  v128.store(counterBlock, template);
  addKeystream(scheduleOf(cipher), counterBlock, BATCH_COUNTERS, input + first, bytes - first, output + first);
}

/** Encrypts `text` and writes the tag behind the ciphertext. `mask` is E(J0). The spans may begin at the same place. */
function seal(
  cipher: Cipher,
  template: v128,
  mask: v128,
  aad: usize,
  aadBytes: usize,
  text: usize,
  bytes: usize,
  output: usize,
): void {
  crypt(cipher, template, text, bytes, output);
  authenticate(cipher, aad, aadBytes, output, bytes);
  v128.store(output + bytes, v128.xor(v128.load(hash), mask));
}

/** Checks the tag behind `bytes` bytes of ciphertext and decrypts them if it is right; otherwise `output` is untouched. */
function open(
  cipher: Cipher,
  template: v128,
  mask: v128,
  aad: usize,
  aadBytes: usize,
  ciphertext: usize,
  bytes: usize,
  output: usize,
): bool {
  authenticate(cipher, aad, aadBytes, ciphertext, bytes);
  v128.store(hash, v128.xor(v128.load(hash), mask));
  const isGood = isEqual(hash, ciphertext + bytes, TAG_BYTES);
  if (isGood) crypt(cipher, template, ciphertext, bytes, output);
  return isGood;
}

/**
 * XAES-256-GCM, "Algorithm": the derived key is two one-block CMACs (SP 800-38B) of counter, 'X', 0 and the first half of the nonce.
 * Leaves its schedule in `derived`.
 */
function deriveCipher(base: Cipher, nonce24: usize): void {
  // K1 is E(0), which is H, doubled in CMAC's order of bits.
  const high = bswap<u64>(load<u64>(hashKeyOf(base)));
  const low = bswap<u64>(load<u64>(hashKeyOf(base), 8));
  const carry = 0 - (high >> 63);
  const k1High = bswap<u64>((high << 1) | (low >> 63));
  const k1Low = bswap<u64>((low << 1) ^ (carry & 0x87));
  wipe(keystream, BATCH_BYTES);
  for (let half: u32 = 0; half < 2; half++) {
    const message = keystream + (half << 4);
    store<u8>(message, <u8>(half + 1), 1);
    store<u8>(message, 0x58, 2); // 'X'
    memory.copy(message + 4, nonce24, XAES_DERIVING_BYTES);
    store<u64>(message, load<u64>(message) ^ k1High);
    store<u64>(message, load<u64>(message, 8) ^ k1Low, 8);
  }
  encryptBlocks(scheduleOf(base), keystream);
  memory.copy(derivedKey, keystream, KEY_BYTES);
  expandKey(derivedKey, scheduleOf(derived));
}

/** Seals `text` under a SYMMETRIC_DEFAULT key as `seal` does; false where memory is short. Also what wrap.ts wraps with. */
export function sealXaes(
  key: Key,
  nonce24: usize,
  aad: usize,
  aadBytes: usize,
  text: usize,
  bytes: usize,
  output: usize,
): bool {
  const base = cipherOf(key);
  if (!base) return false;
  deriveCipher(base, nonce24);
  const template = counterTemplate(nonce24 + XAES_DERIVING_BYTES);
  const mask = beginDerivedMessage(template, max(bytes, aadBytes));
  seal(derived, template, mask, aad, aadBytes, text, bytes, output);
  endDerivedMessage();
  return true;
}

/** A status: OK, DECRYPTION_FAILED or OUT_OF_MEMORY. */
export function openXaes(
  key: Key,
  nonce24: usize,
  aad: usize,
  aadBytes: usize,
  ciphertext: usize,
  bytes: usize,
  output: usize,
): u32 {
  const base = cipherOf(key);
  if (!base) return STATUS_OUT_OF_MEMORY;
  deriveCipher(base, nonce24);
  const template = counterTemplate(nonce24 + XAES_DERIVING_BYTES);
  const mask = beginDerivedMessage(template, max(bytes, aadBytes));
  const isGood = open(derived, template, mask, aad, aadBytes, ciphertext, bytes, output);
  endDerivedMessage();
  return isGood ? STATUS_OK : STATUS_DECRYPTION_FAILED;
}

/** Puts the nonce, the caller's or a fresh one, at the head of the output, and the plaintext, where that is in the way, behind it. */
function beginOutput(item: Item, nonceBytes: usize): u32 {
  if (item.nonceBytes && item.nonceBytes != nonceBytes) return STATUS_INVALID_LENGTH;
  if (item.capacityBytes < nonceBytes + item.inputBytes + TAG_BYTES) return STATUS_MALFORMED_RECORD;
  // Records may encrypt onto themselves.
  const text = item.output + nonceBytes;
  plaintext = item.input;
  if (plaintext < text + item.inputBytes && item.output < plaintext + item.inputBytes) {
    memory.copy(text, plaintext, item.inputBytes);
    plaintext = text;
  }
  if (item.nonceBytes) memory.copy(item.output, item.nonce, nonceBytes);
  else if (!fillRandom(item.output, nonceBytes)) return STATUS_UNAVAILABLE;
  item.outputBytes = nonceBytes + item.inputBytes + TAG_BYTES;
  return STATUS_OK;
}

function encryptGcm(item: Item): u32 {
  const status = beginOutput(item, GCM_NONCE_BYTES);
  if (status != STATUS_OK) return status;
  const cipher = cipherOf(item.key);
  if (!cipher) return STATUS_OUT_OF_MEMORY;
  wantBulk(item.key, cipher, max(item.inputBytes, item.extraBytes));
  const template = counterTemplate(item.output);
  const mask = beginMessage(cipher, template, item.inputBytes);
  const ciphertext = item.output + GCM_NONCE_BYTES;
  seal(cipher, template, mask, item.extra, item.extraBytes, plaintext, item.inputBytes, ciphertext);
  wipe(scratch, SCRATCH_BYTES);
  return STATUS_OK;
}

function encryptXaes(item: Item): u32 {
  const status = beginOutput(item, XAES_NONCE_BYTES);
  if (status != STATUS_OK) return status;
  const ciphertext = item.output + XAES_NONCE_BYTES;
  const nonce = item.output;
  const isSealed = sealXaes(item.key, nonce, item.extra, item.extraBytes, plaintext, item.inputBytes, ciphertext);
  return isSealed ? STATUS_OK : STATUS_OUT_OF_MEMORY;
}

function decryptGcm(item: Item): u32 {
  if (item.inputBytes < GCM_NONCE_BYTES + TAG_BYTES) return STATUS_DECRYPTION_FAILED;
  const bytes = item.inputBytes - GCM_NONCE_BYTES - TAG_BYTES;
  if (item.capacityBytes < bytes) return STATUS_MALFORMED_RECORD;
  const cipher = cipherOf(item.key);
  if (!cipher) return STATUS_OUT_OF_MEMORY;
  wantBulk(item.key, cipher, max(bytes, item.extraBytes));
  const template = counterTemplate(item.input);
  const mask = beginMessage(cipher, template, bytes);
  const text = item.input + GCM_NONCE_BYTES;
  const isGood = open(cipher, template, mask, item.extra, item.extraBytes, text, bytes, item.output);
  wipe(scratch, SCRATCH_BYTES);
  if (!isGood) return STATUS_DECRYPTION_FAILED;
  item.outputBytes = bytes;
  return STATUS_OK;
}

function decryptXaes(item: Item): u32 {
  if (item.inputBytes < XAES_NONCE_BYTES + TAG_BYTES) return STATUS_DECRYPTION_FAILED;
  const bytes = item.inputBytes - XAES_NONCE_BYTES - TAG_BYTES;
  if (item.capacityBytes < bytes) return STATUS_MALFORMED_RECORD;
  item.outputBytes = bytes;
  const text = item.input + XAES_NONCE_BYTES;
  return openXaes(item.key, item.input, item.extra, item.extraBytes, text, bytes, item.output);
}

export function registerAead(): void {
  const spec = KEY_SPEC_SYMMETRIC_DEFAULT;
  registerSecretKeys(spec, KEY_BYTES, KEY_BYTES, KEY_BYTES);
  register(OPERATION_ENCRYPT, ALGORITHM_SYMMETRIC_DEFAULT, specs(spec), encryptGcm);
  register(OPERATION_DECRYPT, ALGORITHM_SYMMETRIC_DEFAULT, specs(spec), decryptGcm);
  register(OPERATION_ENCRYPT, ALGORITHM_XAES_256_GCM, specs(spec), encryptXaes);
  register(OPERATION_DECRYPT, ALGORITHM_XAES_256_GCM, specs(spec), decryptXaes);
}
