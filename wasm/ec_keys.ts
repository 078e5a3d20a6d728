/**
 * Keys on Weierstrass curves: generation (FIPS 186-5 section A.2.2), import with full validation, export. A key's material is the scalar d,
 * big-endian at full width; a public key has none. The public point is prepared with every key.
 */
import {
  FLAG_FORMAT_PKCS8,
  FLAG_FORMAT_SPKI,
  STATUS_INVALID_KEY,
  STATUS_MALFORMED_RECORD,
  STATUS_NOT_EXPORTABLE,
  STATUS_OK,
  STATUS_OUT_OF_MEMORY,
  STATUS_UNAVAILABLE,
} from './contract';
import { Curve, curveOf, multiplyGenerator, MAXIMUM_COORDINATE_BYTES, testCurve } from './curves';
import { keyScalar, keyX, keyY, PREPARED_BYTES } from './ec_prepared';
import { isConsistent } from './ecdsa';
import {
  DER_BIT_STRING,
  DER_CONTEXT_0,
  DER_CONTEXT_1,
  DER_OCTET_STRING,
  DER_SEQUENCE,
  DerReader,
  DerWriter,
  Pkcs8,
  prependPkcs8,
  readPkcs8,
  readSpki,
  spkiKeyBytes,
  writeSpki,
} from './key_format';
import { Key, keyType, prepare } from './keys';
import { isBelow, isZero, readBigEndian, unpack, WORDS_BYTES, writeBigEndian } from './limbs';
import { allocate, isEqual, release, wipe } from './memory';
import { SCALAR_BITS, toMontgomery, wipeModulus } from './modulus';
import { wipeMultiples } from './multiples';
import { wipePoints } from './points';
import { fillRandom } from './random';

/** SEC 1 section 2.3.3, the only form read and written here: what RFC 5480 section 2.2 requires of everybody. */
const UNCOMPRESSED: u8 = 4;
/** Bytes of an AlgorithmIdentifier before the curve's OBJECT IDENTIFIER. */
const BEFORE_CURVE: usize = 11;
const VERSION: u8 = 1;

const reader = changetype<DerReader>(memory.data(<i32>offsetof<DerReader>(), 16));
const writer = changetype<DerWriter>(memory.data(<i32>offsetof<DerWriter>(), 16));
const pkcs8 = changetype<Pkcs8>(memory.data(<i32>offsetof<Pkcs8>(), 16));
const scalar = memory.data(<i32>WORDS_BYTES, 16);
const MAXIMUM_POINT_BYTES: usize = 1 + 2 * MAXIMUM_COORDINATE_BYTES;
const encoded = memory.data(<i32>MAXIMUM_POINT_BYTES, 16);

function wipeScratch(): void {
  wipe(scalar, WORDS_BYTES);
  wipeModulus();
  wipePoints();
  wipeMultiples();
}

@inline
function pointBytes(curve: Curve): usize {
  return 1 + 2 * curve.elementBytes;
}

/**
 * Words of the point an encoding holds. SP 800-56A section 5.6.2.3.3: coordinates below p, on the curve, which leaves no room for
 * infinity; with a cofactor of 1 that is all.
 */
function readPoint(curve: Curve, x: usize, y: usize, data: usize, bytes: usize): bool {
  if (bytes != pointBytes(curve) || load<u8>(data) != UNCOMPRESSED) return false;
  readBigEndian(x, data + 1, curve.elementBytes);
  readBigEndian(y, data + 1 + curve.elementBytes, curve.elementBytes);
  return call_indirect<bool>(curve.isOnCurve, curve, x, y);
}

/** Words of the point in an SPKI of this curve. */
export function readPublic(curve: Curve, x: usize, y: usize, der: usize, bytes: usize): bool {
  const point = readSpki(der, bytes, curve.identifier, curve.identifierBytes);
  return point != 0 && readPoint(curve, x, y, point, spkiKeyBytes());
}

/** The key's point, in `encoded`. */
function encodePoint(curve: Curve, key: Key): void {
  store<u8>(encoded, UNCOMPRESSED);
  writeBigEndian(encoded + 1, curve.elementBytes, keyX(key));
  writeBigEndian(encoded + 1 + curve.elementBytes, curve.elementBytes, keyY(key));
}

/** Whether `scalar` lies in [1, n - 1] (FIPS 186-5 section A.2). */
function isScalarValid(curve: Curve): bool {
  return isBelow(scalar, curve.order.words) && !isZero(scalar);
}

/** Fills a key from `scalar`, which is valid. */
function setScalar(curve: Curve, key: Key): u32 {
  key.material = allocate(curve.elementBytes);
  key.materialBytes = curve.elementBytes;
  if (!key.material || !prepare(key, PREPARED_BYTES)) return STATUS_OUT_OF_MEMORY;
  writeBigEndian(key.material, curve.elementBytes, scalar);
  unpack(keyScalar(key), scalar, curve.order.count, SCALAR_BITS);
  toMontgomery(keyScalar(key), keyScalar(key), curve.order);
  multiplyGenerator(curve, keyX(key), keyY(key), scalar);
  return STATUS_OK;
}

function readRaw(curve: Curve, key: Key, data: usize, bytes: usize): u32 {
  if (bytes != curve.elementBytes) return STATUS_INVALID_KEY;
  readBigEndian(scalar, data, bytes);
  return isScalarValid(curve) ? setScalar(curve, key) : STATUS_INVALID_KEY;
}

/** ECPrivateKey, RFC 5915 section 3, inside PKCS#8. */
function readPrivate(curve: Curve, key: Key, der: usize, bytes: usize): u32 {
  if (!readPkcs8(der, bytes, curve.identifier, curve.identifierBytes, pkcs8) || pkcs8.publicKey)
    return STATUS_INVALID_KEY;
  reader.start(pkcs8.privateKey, pkcs8.privateKeyBytes);
  if (!reader.enterLast(DER_SEQUENCE) || !reader.readVersion(VERSION) || !reader.read(DER_OCTET_STRING)) {
    return STATUS_INVALID_KEY;
  }
  const data = reader.content;
  const dataBytes = reader.contentBytes;
  if (reader.nextIs(DER_CONTEXT_0) && !isCurveNamed(curve)) return STATUS_INVALID_KEY;
  let point: usize = 0;
  if (reader.nextIs(DER_CONTEXT_1)) {
    point = wrappedPoint(curve);
    if (!point) return STATUS_INVALID_KEY;
  }
  if (!reader.isAtEnd()) return STATUS_INVALID_KEY;
  const status = readRaw(curve, key, data, dataBytes);
  if (status != STATUS_OK || !point) return status;
  encodePoint(curve, key);
  return isEqual(point, encoded, pointBytes(curve)) ? STATUS_OK : STATUS_INVALID_KEY;
}

/** The curve again: the same OBJECT IDENTIFIER that ends the AlgorithmIdentifier. */
function isCurveNamed(curve: Curve): bool {
  return (
    reader.read(DER_CONTEXT_0) &&
    reader.contentBytes == curve.identifierBytes - BEFORE_CURVE &&
    isEqual(reader.content, curve.identifier + BEFORE_CURVE, reader.contentBytes)
  );
}

const inner = changetype<DerReader>(memory.data(<i32>offsetof<DerReader>(), 16));

/** Address of the point that comes with a private key, which is as long as a point; 0 where there is something else. */
function wrappedPoint(curve: Curve): usize {
  if (!reader.read(DER_CONTEXT_1)) return 0;
  inner.start(reader.content, reader.contentBytes);
  const isPoint = inner.readBitString(DER_BIT_STRING) && inner.isAtEnd() && inner.contentBytes == pointBytes(curve);
  return isPoint ? inner.content : 0;
}

function readPublicKey(curve: Curve, key: Key, der: usize, bytes: usize): u32 {
  if (!prepare(key, PREPARED_BYTES)) return STATUS_OUT_OF_MEMORY;
  return readPublic(curve, keyX(key), keyY(key), der, bytes) ? STATUS_OK : STATUS_INVALID_KEY;
}

function read(key: Key, format: u32, data: usize, bytes: usize): u32 {
  const curve = curveOf(key.spec);
  let status = testCurve(curve);
  if (status != STATUS_OK) return status;
  if (format == FLAG_FORMAT_PKCS8) status = readPrivate(curve, key, data, bytes);
  else if (format == FLAG_FORMAT_SPKI) status = readPublicKey(curve, key, data, bytes);
  else status = readRaw(curve, key, data, bytes);
  wipeScratch();
  return status;
}

/** Candidates are drawn until one is in range (section A.2.2), then the pair is tried (SP 800-56A section 5.6.2.1.4). */
function generate(key: Key): u32 {
  const curve = curveOf(key.spec);
  const ready = testCurve(curve);
  if (ready != STATUS_OK) return ready;
  const mask: u8 = 0xff >> <u8>(8 * curve.elementBytes - curve.bits);
  do {
    wipe(scalar, WORDS_BYTES);
    if (!fillRandom(scalar, curve.elementBytes)) return STATUS_UNAVAILABLE;
    const top = scalar + curve.elementBytes - 1;
    store<u8>(top, load<u8>(top) & mask);
  } while (!isScalarValid(curve));
  let status = setScalar(curve, key);
  if (status == STATUS_OK) status = isConsistent(curve, key);
  wipeScratch();
  // What the trial made is not kept: most keys never verify here.
  release(key.tables, key.tablesBytes);
  key.tables = 0;
  key.tablesBytes = 0;
  return status;
}

/** ECPrivateKey with the public key and without the curve, which PKCS#8 already names: what OpenSSL and node:crypto write. */
function writePrivate(curve: Curve, key: Key, output: usize, capacityBytes: usize): i32 {
  writer.start(output, capacityBytes);
  writer.prependBitString(DER_BIT_STRING, encoded, pointBytes(curve));
  writer.prependHeader(DER_CONTEXT_1, 0);
  const mark = writer.written();
  writer.prepend(key.material, key.materialBytes);
  writer.prependHeader(DER_OCTET_STRING, mark);
  writer.prependVersion(VERSION);
  writer.prependHeader(DER_SEQUENCE, 0);
  prependPkcs8(writer, curve.identifier, curve.identifierBytes, 0);
  return writer.finish();
}

function write(key: Key, format: u32, output: usize, capacityBytes: usize): i32 {
  const curve = curveOf(key.spec);
  if (format != FLAG_FORMAT_SPKI && !key.material) return -(<i32>STATUS_NOT_EXPORTABLE);
  encodePoint(curve, key);
  if (format == FLAG_FORMAT_PKCS8) return writePrivate(curve, key, output, capacityBytes);
  if (format == FLAG_FORMAT_SPKI) {
    return writeSpki(curve.identifier, curve.identifierBytes, encoded, pointBytes(curve), output, capacityBytes);
  }
  if (capacityBytes < key.materialBytes) return -(<i32>STATUS_MALFORMED_RECORD);
  memory.copy(output, key.material, key.materialBytes);
  return <i32>key.materialBytes;
}

export function registerEcKeys(spec: u32): void {
  const type = keyType(spec);
  const generating: (key: Key) => u32 = generate;
  const reading: (key: Key, format: u32, data: usize, bytes: usize) => u32 = read;
  const writing: (key: Key, format: u32, output: usize, capacityBytes: usize) => i32 = write;
  type.generate = generating.index;
  type.read = reading.index;
  type.write = writing.index;
}
