/**
 * ECDSA (FIPS 186-5 section 6): signatures with hedged nonces (nonces.ts), verification, and the two encodings of a signature, DER (RFC 3279
 * section 2.2.3) and r || s (IEEE P1363).
 */
import {
  FLAG_DETERMINISTIC,
  FLAG_LOW_S,
  FLAG_MESSAGE_IS_DIGEST,
  FLAG_P1363,
  FLAG_RECOVERY_ID,
  STATUS_INTERNAL,
  STATUS_INVALID_LENGTH,
  STATUS_INVALID_SIGNATURE,
  STATUS_MALFORMED_RECORD,
  STATUS_OK,
  STATUS_OUT_OF_MEMORY,
  STATUS_UNAVAILABLE,
  STATUS_WRONG_KEY,
} from './contract';
import { Curve, curveOf, takeBaseTable, MAXIMUM_COORDINATE_BYTES } from './curves';
import { keyScalar, keyX, keyY } from './ec_prepared';
import { complete, Hash, hashOf, MAXIMUM_DIGEST_BYTES } from './hash';
import { DER_SEQUENCE, DerReader, DerWriter } from './key_format';
import { Key } from './keys';
import {
  canonicalize,
  copyMasked,
  isBelow,
  isZero,
  LIMBS_BYTES,
  pack,
  readBigEndian,
  subtractWords,
  unpack,
  WORDS_BYTES,
  writeBigEndian,
} from './limbs';
import { allocate, wipe } from './memory';
import { addModular, invertWords, Modulus, mulMontgomery, SCALAR_BITS, toMontgomery, wipeModulus } from './modulus';
import { wipeMultiples } from './multiples';
import { nextNonce, skipNonce, startNonces, wipeNonces } from './nonces';
import { Item } from './operation';
import { wipePoints } from './points';
import { fillRandom } from './random';

/** Randomness added to each nonce: as much as the security level of P-521. */
const ADDED_BYTES: usize = 32;

const SCRATCH_BYTES: usize =
  2 * MAXIMUM_DIGEST_BYTES + 7 * WORDS_BYTES + 3 * LIMBS_BYTES + 2 * MAXIMUM_COORDINATE_BYTES + ADDED_BYTES + 1;
const scratch = memory.data(<i32>SCRATCH_BYTES, 16);
const digest = scratch;
const state = digest + MAXIMUM_DIGEST_BYTES;
const r = state + MAXIMUM_DIGEST_BYTES;
const s = r + WORDS_BYTES;
const k = s + WORDS_BYTES;
const x = k + WORDS_BYTES;
const y = x + WORDS_BYTES;
const u1 = y + WORDS_BYTES;
const u2 = u1 + WORDS_BYTES;
const z = u2 + WORDS_BYTES;
const t = z + LIMBS_BYTES;
const inverse = t + LIMBS_BYTES;
const added = inverse + LIMBS_BYTES;
const encoded = added + ADDED_BYTES;
/** A byte: bit 0 is the parity of R's y, bit 1 whether R's x is n or more (SEC 1 section 4.1.6). */
const recoveryId = encoded + 2 * MAXIMUM_COORDINATE_BYTES;

const reader = changetype<DerReader>(memory.data(<i32>offsetof<DerReader>(), 16));
const writer = changetype<DerWriter>(memory.data(<i32>offsetof<DerWriter>(), 16));

function wipeScratch(): void {
  wipe(scratch, SCRATCH_BYTES);
  wipeNonces();
  wipeModulus();
  wipePoints();
  wipeMultiples();
}

/** Fills `digest` from the item: its hash, or with MESSAGE_IS_DIGEST itself, which must then be as long. */
function takeDigest(item: Item, hash: Hash): u32 {
  if (item.flags & FLAG_MESSAGE_IS_DIGEST) {
    if (item.inputBytes != hash.digestBytes) return STATUS_INVALID_LENGTH;
    memory.copy(digest, item.input, item.inputBytes);
    return STATUS_OK;
  }
  memory.copy(state, hash.initialState, hash.stateBytes);
  complete(hash, state, item.input, item.inputBytes, 0, digest);
  return STATUS_OK;
}

/** Limbs mod n of words below 2n: the digest (no hash here is longer than n) and the x of a point are. */
function reduce(limbs: usize, words: usize, order: Modulus): void {
  unpack(limbs, words, order.count, SCALAR_BITS);
  canonicalize(limbs, order.limbs, order.count, SCALAR_BITS);
}

@inline
function toWords(words: usize, limbs: usize, order: Modulus): void {
  pack(words, limbs, order.count, SCALAR_BITS);
}

/** z of FIPS 186-5 sections 6.4.1 and 6.4.2, from `digest`. */
function setZ(curve: Curve): void {
  readBigEndian(x, digest, hashOf(curve.hash).digestBytes);
  reduce(z, x, curve.order);
}

/** r, s and, where the flags ask for it, the recovery id of `digest`. */
function signDigest(curve: Curve, key: Key, flags: u32): u32 {
  const hash = hashOf(curve.hash);
  const addedBytes: usize = flags & FLAG_DETERMINISTIC ? 0 : ADDED_BYTES;
  if (!fillRandom(added, addedBytes)) return STATUS_UNAVAILABLE;
  const ready = takeBaseTable(curve);
  if (ready != STATUS_OK) return ready;
  setZ(curve);
  toWords(x, z, curve.order);
  writeBigEndian(encoded, curve.elementBytes, x);
  startNonces(hash, key.material, encoded, curve.elementBytes, added, addedBytes);
  nextNonce(hash, k, curve.order, curve.elementBytes, curve.bits);
  while (!signWithNonce(curve, key, flags)) {
    skipNonce(hash);
    nextNonce(hash, k, curve.order, curve.elementBytes, curve.bits);
  }
  if (flags & FLAG_LOW_S) takeLowS(curve.order);
  return STATUS_OK;
}

/** Section 6.4.1 steps 5 to 11, with the nonce in `k`. False where r or s is 0. */
function signWithNonce(curve: Curve, key: Key, flags: u32): bool {
  const order = curve.order;
  const isRecoverable = (flags & FLAG_RECOVERY_ID) != 0;
  call_indirect<void>(curve.multiplyBase, curve, x, isRecoverable ? y : 0, k);
  if (isRecoverable) store<u8>(recoveryId, (load<u8>(y) & 1) | ((1 - <u8>isBelow(x, order.words)) << 1));
  reduce(t, x, order);
  toWords(r, t, order);
  mulMontgomery(t, t, keyScalar(key), order);
  addModular(t, t, z, order);
  toMontgomery(t, t, order);
  invertWords(x, k, order);
  unpack(inverse, x, order.count, SCALAR_BITS);
  mulMontgomery(t, t, inverse, order);
  toWords(s, t, order);
  return !isZero(r) && !isZero(s);
}

/** s = n - s where that is less, which makes -R of R. */
function takeLowS(order: Modulus): void {
  subtractWords(u1, order.words, s);
  const isLess = isBelow(u1, s);
  copyMasked(s, u1, 0 - <u64>isLess, WORDS_BYTES);
  store<u8>(recoveryId, load<u8>(recoveryId) ^ <u8>isLess);
}

/** Section 6.4.2 of `digest`, `r` and `s`. */
function verifyDigest_vartime(curve: Curve, key: Key): u32 {
  const order = curve.order;
  if (isZero(r) || isZero(s) || !isBelow(r, order.words) || !isBelow(s, order.words)) return STATUS_INVALID_SIGNATURE;
  const ready = takeBaseTable(curve);
  if (ready != STATUS_OK) return ready;
  if (!hasKeyTable(curve, key)) return STATUS_OUT_OF_MEMORY;
  setZ(curve);
  invertWords(x, s, order);
  unpack(inverse, x, order.count, SCALAR_BITS);
  toMontgomery(inverse, inverse, order);
  mulMontgomery(t, z, inverse, order);
  toWords(u1, t, order);
  unpack(t, r, order.count, SCALAR_BITS);
  mulMontgomery(t, t, inverse, order);
  toWords(u2, t, order);
  return call_indirect<bool>(curve.isSumAt, curve, r, u1, u2, key.tables) ? STATUS_OK : STATUS_INVALID_SIGNATURE;
}

/** Makes a key's tables on its first verification; false where memory is short. */
function hasKeyTable(curve: Curve, key: Key): bool {
  if (key.tables) return true;
  key.tables = allocate(curve.keyTableBytes);
  if (!key.tables) return false;
  key.tablesBytes = curve.keyTableBytes;
  call_indirect<void>(curve.fillKeyTable, curve, key.tables, keyX(key), keyY(key));
  return true;
}

/** Writes `r` and `s` to the item's output, and behind them the recovery id where it is asked for. */
function writeSignature(item: Item, curve: Curve): u32 {
  const idBytes: usize = item.flags & FLAG_RECOVERY_ID ? 1 : 0;
  if (item.capacityBytes < idBytes) return STATUS_MALFORMED_RECORD;
  const status = writeNumbers(item, curve, item.capacityBytes - idBytes);
  if (status == STATUS_OK && idBytes) {
    store<u8>(item.output + item.outputBytes, load<u8>(recoveryId));
    item.outputBytes += idBytes;
  }
  return status;
}

/** Writes `r` and `s` in the item's encoding. */
function writeNumbers(item: Item, curve: Curve, capacityBytes: usize): u32 {
  const bytes = curve.elementBytes;
  writeBigEndian(encoded, bytes, r);
  writeBigEndian(encoded + bytes, bytes, s);
  if (item.flags & FLAG_P1363) {
    if (capacityBytes < 2 * bytes) return STATUS_MALFORMED_RECORD;
    memory.copy(item.output, encoded, 2 * bytes);
    item.outputBytes = 2 * bytes;
    return STATUS_OK;
  }
  writer.start(item.output, capacityBytes);
  writer.prependUnsigned(encoded + bytes, bytes);
  writer.prependUnsigned(encoded, bytes);
  writer.prependHeader(DER_SEQUENCE, 0);
  const written = writer.finish();
  if (written < 0) return <u32>-written;
  item.outputBytes = <usize>written;
  return STATUS_OK;
}

/** Reads `r` and `s` from a signature; false where it is not one in the item's encoding, to the byte. */
function readSignature(item: Item, curve: Curve): bool {
  const bytes = curve.elementBytes;
  if (item.flags & FLAG_P1363) {
    if (item.extraBytes != 2 * bytes) return false;
    readBigEndian(r, item.extra, bytes);
    readBigEndian(s, item.extra + bytes, bytes);
    return true;
  }
  reader.start(item.extra, item.extraBytes);
  return reader.enterLast(DER_SEQUENCE) && readNumber(r, bytes) && readNumber(s, bytes) && reader.isAtEnd();
}

function readNumber(words: usize, largestBytes: usize): bool {
  if (!reader.readUnsigned() || reader.contentBytes > largestBytes) return false;
  readBigEndian(words, reader.content, reader.contentBytes);
  return true;
}

export function sign(item: Item): u32 {
  const curve = curveOf(item.key.spec);
  if (!item.key.material) return STATUS_WRONG_KEY;
  let status = takeDigest(item, hashOf(curve.hash));
  if (status == STATUS_OK) status = signDigest(curve, item.key, item.flags);
  if (status == STATUS_OK) status = writeSignature(item, curve);
  wipeScratch();
  return status;
}

export function verify(item: Item): u32 {
  const curve = curveOf(item.key.spec);
  const status = takeDigest(item, hashOf(curve.hash));
  if (status != STATUS_OK) return status;
  return readSignature(item, curve) ? verifyDigest_vartime(curve, item.key) : STATUS_INVALID_SIGNATURE;
}

/** Whether a new pair signs and its public half accepts: OK, or why it cannot be said. */
export function isConsistent(curve: Curve, key: Key): u32 {
  memory.fill(digest, 0, MAXIMUM_DIGEST_BYTES);
  store<u8>(digest, 1);
  let status = signDigest(curve, key, 0);
  if (status == STATUS_OK) status = verifyDigest_vartime(curve, key);
  wipeScratch();
  return status == STATUS_INVALID_SIGNATURE ? STATUS_INTERNAL : status;
}
