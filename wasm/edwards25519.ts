/**
 * The group edwards25519 (RFC 8032 section 5.1) for edwards.ts: multiples of the base point, the verification equation, and
 * what may be a public key. Knows no hash and no key. Constant time in its inputs but for functions named _vartime, which only
 * ever see public values. Points, encodings and scalars are in linear memory; formulas are of Hisil, Wong, Carter, Dawson,
 * "Twisted Edwards Curves Revisited" (2008), sections 3.1 and 3.3, and complete: right for every pair of points.
 */
import {
  areEqual_vartime,
  decode,
  ELEMENT_BYTES,
  ENCODED_BYTES,
  encode,
  freeze,
  invert,
  multiply,
  ONE,
  PACKED_BYTES,
  pack,
  powerP58,
  signBit,
  square,
  subtract,
  wipeField,
} from './field25519';
import {
  additionFactors,
  BASE_X,
  BASE_Y,
  D,
  doublingFactors,
  FOUR_D,
  HALF,
  MINUS_ONE,
  SQRT_MINUS_ONE,
  spread,
  TWO_D,
  unpack,
  unpackSigned,
} from './generated/field25519';
import { allocate, isEqual, release, wipe } from './memory';

/** A point in extended coordinates, end to end: x = X/Z, y = Y/Z, xy = T/Z. */
const POINT_BYTES: usize = 4 * ELEMENT_BYTES;
const Y: usize = ELEMENT_BYTES;
const Z: usize = 2 * ELEMENT_BYTES;
const T: usize = 3 * ELEMENT_BYTES;

/**
 * What addition needs of its second operand: Y + X, Y - X, 2 d T and 2 Z, all below p. Of a point with Z = 1 in the base table,
 * the half of each, so that the last one is 1 and not kept.
 */
const ADDEND_Z: usize = 3 * ELEMENT_BYTES;
const PACKED_ADDEND_BYTES: usize = 4 * PACKED_BYTES;
/** Three packed elements, up to a whole number of vectors. */
const PACKED_ENTRY_BYTES: usize = 112;

const SCRATCH_BYTES: usize = 15 * ELEMENT_BYTES + 3 * POINT_BYTES;
const scratch = memory.data(<i32>SCRATCH_BYTES, 16);
/** The formulas' A, B, C and D, and E, F, G and H. */
const abcd = scratch;
const efgh = scratch + 4 * ELEMENT_BYTES;
const sums = scratch + 8 * ELEMENT_BYTES;
const addend = scratch + 10 * ELEMENT_BYTES;
const inverse = scratch + 14 * ELEMENT_BYTES;
const sum = scratch + 15 * ELEMENT_BYTES;
const multiple = sum + POINT_BYTES;
const step = multiple + POINT_BYTES;

// ---- Addition ----

/** Ends addition and doubling; T is only needed where an addition follows. */
@inline
function finish(out: usize, withT: bool): void {
  multiply(out, efgh, efgh + ELEMENT_BYTES);
  multiply(out + Y, efgh + 2 * ELEMENT_BYTES, efgh + 3 * ELEMENT_BYTES);
  multiply(out + Z, efgh + ELEMENT_BYTES, efgh + 2 * ELEMENT_BYTES);
  if (withT) multiply(out + T, efgh, efgh + 3 * ELEMENT_BYTES);
}

/** A, B and C, from a point and an addend. */
@inline
function startAddition(point: usize, addend: usize): void {
  spread(sums, point);
  multiply(abcd, sums, addend + Y);
  multiply(abcd + ELEMENT_BYTES, sums + ELEMENT_BYTES, addend);
  multiply(abcd + 2 * ELEMENT_BYTES, point + T, addend + 2 * ELEMENT_BYTES);
}

/** out = point + addend. */
function add(out: usize, point: usize, addend: usize): void {
  startAddition(point, addend);
  multiply(abcd + 3 * ELEMENT_BYTES, point + Z, addend + ADDEND_Z);
  additionFactors(efgh, abcd, abcd + 3 * ELEMENT_BYTES);
  finish(out, true);
}

/** point += addend, for an addend of the base table. */
function addEntry(point: usize, addend: usize): void {
  startAddition(point, addend);
  additionFactors(efgh, abcd, point + Z);
  finish(point, true);
}

@inline
function startDoubling(point: usize): void {
  square(abcd, point);
  square(abcd + ELEMENT_BYTES, point + Y);
  square(abcd + 2 * ELEMENT_BYTES, point + Z);
  subtract(sums, point, point + Y);
  square(abcd + 3 * ELEMENT_BYTES, sums);
  doublingFactors(efgh, abcd);
}

/** point = 2 point. */
function double(point: usize): void {
  startDoubling(point);
  finish(point, true);
}

/** Leaves T behind, for a doubling that another one follows. */
function doubleWithoutT(point: usize): void {
  startDoubling(point);
  finish(point, false);
}

/** point = 2^times point. */
function doubleTimes(point: usize, times: u32): void {
  for (let i: u32 = 1; i < times; i++) doubleWithoutT(point);
  double(point);
}

function setIdentity(point: usize): void {
  memory.fill(point, 0, POINT_BYTES);
  store<i64>(point, 1, Y);
  store<i64>(point, 1, Z);
}

function setBase(point: usize): void {
  memory.copy(point, BASE_X, ELEMENT_BYTES);
  memory.copy(point + Y, BASE_Y, ELEMENT_BYTES);
  memory.copy(point + Z, ONE, ELEMENT_BYTES);
  multiply(point + T, BASE_X, BASE_Y);
}

/** The addend of a point, but for `freezeAddend` or `pack`, which bring it below p. */
function makeAddend(out: usize, point: usize): void {
  spread(sums, point);
  memory.copy(out, sums + ELEMENT_BYTES, ELEMENT_BYTES);
  memory.copy(out + Y, sums, ELEMENT_BYTES);
  multiply(out + 2 * ELEMENT_BYTES, point + T, TWO_D);
  for (let offset: usize = 0; offset < ELEMENT_BYTES; offset += 8) {
    store<i64>(out + ADDEND_Z + offset, load<i64>(point + Z + offset) << 1);
  }
}

function freezeAddend(addend: usize): void {
  for (let element: usize = 0; element < POINT_BYTES; element += ELEMENT_BYTES) freeze(addend + element);
}

// ---- Encoding, RFC 8032 sections 5.1.2 and 5.1.3 ----

/** Writes 32 bytes: y, with the sign of x in the top bit. */
function encodePoint(output: usize, point: usize): void {
  invert(inverse, point + Z);
  multiply(abcd, point, inverse);
  multiply(abcd + Y, point + Y, inverse);
  encodeAffine(output, abcd);
}

/** The same of a point whose Z is 1. */
function encodeAffine(output: usize, point: usize): void {
  encode(output, point + Y);
  store<u8>(output, load<u8>(output, 31) ^ <u8>(signBit(point) << 7), 31);
}

/** As section 5.1.3, but that y may be p or more and a zero x may have its sign bit set, as in OpenSSL. False: no point. */
function decodePoint_vartime(point: usize, input: usize): bool {
  const x = point;
  const y = point + Y;
  const u = abcd;
  const v = abcd + ELEMENT_BYTES;
  const t = abcd + 2 * ELEMENT_BYTES;
  const root = abcd + 3 * ELEMENT_BYTES;
  decode(y, input);
  // u/v = (y^2 - 1) / (d y^2 + 1), both with the other sign.
  square(t, y);
  subtract(u, ONE, t);
  multiply(v, t, D);
  subtract(v, MINUS_ONE, v);
  // x = u v^3 (u v^7)^((p - 5) / 8)
  square(t, v);
  multiply(t, t, v);
  square(x, t);
  multiply(x, x, v);
  multiply(x, x, u);
  powerP58(root, x);
  multiply(t, t, u);
  multiply(x, root, t);
  square(t, x);
  multiply(t, t, v);
  if (!areEqual_vartime(t, u)) {
    negate(u, u);
    if (!areEqual_vartime(t, u)) return false;
    multiply(x, x, SQRT_MINUS_ONE);
  }
  if (signBit(x) != load<u8>(input, 31) >> 7) negate(x, x);
  memory.copy(point + Z, ONE, ELEMENT_BYTES);
  multiply(point + T, x, y);
  return true;
}

/** out = -in, frozen. */
function negate(out: usize, element: usize): void {
  for (let offset: usize = 0; offset < ELEMENT_BYTES; offset += 8) {
    store<i64>(out + offset, -load<i64>(element + offset));
  }
  freeze(out);
}

/** Whether 32 bytes may be a public key: the one canonical encoding of a point on the curve that is not of small order. */
export function isPublicKey_vartime(input: usize): bool {
  if (!decodePoint_vartime(sum, input)) return false;
  encodeAffine(efgh, sum);
  if (!isEqual(efgh, input, ENCODED_BYTES)) return false;
  // The cofactor is 8. Of 8 times a point of small order x is 0.
  doubleTimes(sum, 3);
  memory.fill(abcd, 0, ELEMENT_BYTES);
  return !areEqual_vartime(sum, abcd);
}

// ---- Multiples of the base point B ----

/** Windows of 6 bits, digits from -32 to 31. A scalar has 253 bits. */
const WINDOW_BITS: usize = 6;
const ROWS: usize = 43;
const COLUMNS: usize = 32;
const ROW_BYTES: usize = COLUMNS * PACKED_ENTRY_BYTES;

/** Packed entry (i, j) is [(j + 1) 64^i]B. 0 until it is first needed. */
let baseTable: usize = 0;

/** The packed addend 0: a half and a half, and 0. */
const identityEntry = memory.data(<i32>PACKED_ENTRY_BYTES, 16);
const digits = memory.data(<i32>(ROWS + 1), 16);
const selected = memory.data(<i32>PACKED_ENTRY_BYTES, 16);
/** A scalar, with zeros behind it for loads that reach over its end. */
const PADDED_BYTES: usize = 48;
const padded = memory.data(<i32>PADDED_BYTES, 16);

/** Makes the table where there is none yet. False where memory is short. */
function hasBaseTable(): bool {
  if (baseTable) return true;
  const bytes = ROWS * ROW_BYTES;
  const table = allocate(bytes);
  const points = allocate(2 * COLUMNS * POINT_BYTES);
  if (table && points) {
    memory.copy(inverse, HALF, ELEMENT_BYTES);
    pack(identityEntry, inverse);
    pack(identityEntry + PACKED_BYTES, inverse);
    setBase(points);
    for (let row: usize = 0; row < ROWS; row++) makeRow(table + row * ROW_BYTES, points);
    baseTable = table;
  } else {
    release(table, bytes);
  }
  release(points, 2 * COLUMNS * POINT_BYTES);
  return baseTable != 0;
}

/** Fills a row from its first point, at `points`, and puts the next row's there. */
function makeRow(row: usize, points: usize): void {
  makeAddend(step, points);
  freezeAddend(step);
  const end = points + COLUMNS * POINT_BYTES;
  const last = end - POINT_BYTES;
  for (let point = points; point < last; point += POINT_BYTES) add(point + POINT_BYTES, point, step);
  memory.copy(multiple, last, POINT_BYTES);
  invertAll(points, end);
  for (let source = points; source < end; source += POINT_BYTES) {
    packEntry(row, source);
    row += PACKED_ENTRY_BYTES;
  }
  double(multiple);
  memory.copy(points, multiple, POINT_BYTES);
}

/**
 * Replaces every Z by 1/(2 Z), with one inversion for all (Montgomery's trick): `products` gets the product of the Zs before
 * each, and on the way back the inverse of those up to each is known.
 */
function invertAll(points: usize, products: usize): void {
  const count = products - points;
  memory.copy(products, ONE, ELEMENT_BYTES);
  for (let offset: usize = 0; offset < count - POINT_BYTES; offset += POINT_BYTES) {
    multiply(products + offset + POINT_BYTES, products + offset, points + offset + Z);
  }
  const last = count - POINT_BYTES;
  multiply(abcd, products + last, points + last + Z);
  invert(inverse, abcd);
  multiply(inverse, inverse, HALF);
  for (let offset = count; offset; ) {
    offset -= POINT_BYTES;
    multiply(abcd, inverse, products + offset);
    multiply(inverse, inverse, points + offset + Z);
    memory.copy(points + offset + Z, abcd, ELEMENT_BYTES);
  }
}

/** From a point whose Z was replaced by 1/(2 Z): (y + x)/2, (y - x)/2 and d x y. */
function packEntry(entry: usize, point: usize): void {
  multiply(efgh, point, point + Z);
  multiply(efgh + Y, point + Y, point + Z);
  spread(sums, efgh);
  pack(entry, sums + ELEMENT_BYTES);
  pack(entry + PACKED_BYTES, sums);
  multiply(efgh, efgh, efgh + Y);
  multiply(efgh, efgh, FOUR_D);
  pack(entry + 2 * PACKED_BYTES, efgh);
}

/** Writes the digits of the scalar in `padded`, without branches. */
function recode(): void {
  let carry: i32 = 0;
  for (let row: usize = 0; row < ROWS; row++) {
    const bit = row * WINDOW_BITS;
    const window = <i32>((load<u32>(padded + (bit >> 3)) >> <u32>(bit & 7)) & 63) + carry;
    carry = (window + 32) >> <i32>WINDOW_BITS;
    store<i8>(digits + row, <i8>(window - (carry << (<i32>WINDOW_BITS))));
  }
}

/** Copies the row's entry of that magnitude to `selected`, reading every entry whatever it is; that of 0 where it is 0. */
function select(row: usize, magnitude: u32): void {
  const wanted = i32x4.splat(magnitude);
  const one = i32x4.splat(1);
  let index = i32x4.splat(0);
  let mask = i32x4.eq(index, wanted);
  let s0 = v128.and(mask, v128.load(identityEntry));
  let s1 = v128.and(mask, v128.load(identityEntry, 16));
  let s2 = v128.and(mask, v128.load(identityEntry, 32));
  let s3 = v128.and(mask, v128.load(identityEntry, 48));
  let s4 = v128.and(mask, v128.load(identityEntry, 64));
  let s5 = v128.and(mask, v128.load(identityEntry, 80));
  let s6 = v128.and(mask, v128.load(identityEntry, 96));
  for (const end = row + ROW_BYTES; row < end; row += PACKED_ENTRY_BYTES) {
    index = i32x4.add(index, one);
    mask = i32x4.eq(index, wanted);
    s0 = v128.or(s0, v128.and(mask, v128.load(row)));
    s1 = v128.or(s1, v128.and(mask, v128.load(row, 16)));
    s2 = v128.or(s2, v128.and(mask, v128.load(row, 32)));
    s3 = v128.or(s3, v128.and(mask, v128.load(row, 48)));
    s4 = v128.or(s4, v128.and(mask, v128.load(row, 64)));
    s5 = v128.or(s5, v128.and(mask, v128.load(row, 80)));
    s6 = v128.or(s6, v128.and(mask, v128.load(row, 96)));
  }
  v128.store(selected, s0);
  v128.store(selected, s1, 16);
  v128.store(selected, s2, 32);
  v128.store(selected, s3, 48);
  v128.store(selected, s4, 64);
  v128.store(selected, s5, 80);
  v128.store(selected, s6, 96);
}

/** sum += [digit]row. */
function addDigit(row: usize, digit: i32): void {
  const negative = digit >> 31;
  select(row, (digit ^ negative) - negative);
  unpackSigned(addend, selected, <i64>negative);
  addEntry(sum, addend);
}

/** Writes the encoding of [scalar]B, for a scalar below L. False where memory is short. */
export function multiplyBase(output: usize, scalar: usize): bool {
  if (!hasBaseTable()) return false;
  memory.copy(padded, scalar, ENCODED_BYTES);
  recode();
  setIdentity(sum);
  for (let row: usize = 0; row < ROWS; row++) addDigit(baseTable + row * ROW_BYTES, load<i8>(digits + row));
  encodePoint(output, sum);
  wipe(scratch, SCRATCH_BYTES);
  wipeField();
  wipe(digits, ROWS);
  wipe(selected, PACKED_ENTRY_BYTES);
  wipe(padded, ENCODED_BYTES);
  return true;
}

// ---- Two scalars at once, for verification: [s]B - [h]A ----

/**
 * Scalars are cut in four parts of 66 bits, so that 66 doublings serve all eight: for that a key has tables of four points, -A
 * times 2^0, 2^66, 2^132 and 2^198. 66 is eleven windows, and so rows 0, 11, 22 and 33 of the base table are those of B.
 */
const PARTS: usize = 4;
const PART_BITS: usize = 66;
const PART_ROWS: usize = 11;
/** Digits of B's scalar are odd and below 32 in magnitude, at least 6 places apart; of A's below 16, 5 places apart. */
const BASE_NAF_BITS: u32 = 6;
const KEY_NAF_BITS: u32 = 5;
const ODD_MULTIPLES: usize = 1 << (KEY_NAF_BITS - 2);
const PART_BYTES: usize = ODD_MULTIPLES * PACKED_ADDEND_BYTES;

/** Memory for what `makeKeyTables_vartime` makes of a public key. */
export const KEY_TABLES_BYTES: usize = PARTS * PART_BYTES;

/** For every place its digits in the parts, four of s and four of h. */
const NAF_STRIDE: usize = 2 * PARTS;
const NAF_BYTES: usize = PART_BITS * NAF_STRIDE;
const naf = memory.data(<i32>NAF_BYTES, 16);

/** Makes the tables of a public key that `isPublicKey_vartime` accepted, or of a key's own. */
export function makeKeyTables_vartime(tables: usize, publicKey: usize): void {
  decodePoint_vartime(sum, publicKey);
  negate(sum, sum);
  multiply(sum + T, sum, sum + Y);
  for (let part: usize = 0; part < PARTS; part++) {
    if (part) doubleTimes(sum, <u32>PART_BITS);
    makeOddMultiples(tables + part * PART_BYTES);
  }
}

/** Packs the addends of 1, 3, ... 15 times `sum`. */
function makeOddMultiples(table: usize): void {
  memory.copy(multiple, sum, POINT_BYTES);
  double(multiple);
  makeAddend(step, multiple);
  freezeAddend(step);
  memory.copy(multiple, sum, POINT_BYTES);
  for (let entry = table; entry < table + PART_BYTES; entry += PACKED_ADDEND_BYTES) {
    makeAddend(addend, multiple);
    for (let element: usize = 0; element < 4; element++) {
      pack(entry + element * PACKED_BYTES, addend + element * ELEMENT_BYTES);
    }
    add(multiple, multiple, step);
  }
}

/**
 * Writes a scalar below L as digits, each zero or odd and below 2^(bits - 1) in magnitude, any two at least `bits` places
 * apart: 66 places to a part, `NAF_STRIDE` bytes from place to place.
 */
function recode_vartime(output: usize, scalar: usize, bits: u32): void {
  memory.copy(padded, scalar, ENCODED_BYTES);
  let carry: u64 = 0;
  let place: usize = 0;
  let part: usize = 0;
  while (place < PARTS * PART_BITS) {
    // No step is as long as a part.
    if (place >= (part + 1) * PART_BITS) part++;
    const rest = load<u64>(padded + (place >> 3)) >> (place & 7);
    // Where bits equal the carry, they and it stay what they are. A load has at least 57 bits of the scalar.
    const skipped = <usize>ctz<u64>((rest ^ (0 - carry)) | (1 << 48));
    if (skipped) {
      place += skipped;
      continue;
    }
    const window = (rest & ((1 << bits) - 1)) + carry;
    carry = (window >> (bits - 1)) & 1;
    store<i8>(output + (place - part * PART_BITS) * NAF_STRIDE + part, <i8>(window - (carry << bits)));
    place += bits;
  }
}

/** sum = 2 sum + the digits of one place. */
function addPlace_vartime(place: usize, tables: usize): void {
  if (!load<u64>(place)) {
    doubleWithoutT(sum);
    return;
  }
  double(sum);
  for (let part: usize = 0; part < PARTS; part++) {
    const ofBase = <i32>load<i8>(place + part);
    if (ofBase) addBase_vartime(part, ofBase);
    const ofKey = <i32>load<i8>(place + part, PARTS);
    if (ofKey) addKey_vartime(tables + part * PART_BYTES, ofKey);
  }
}

function addBase_vartime(part: usize, digit: i32): void {
  const entry = baseTable + part * PART_ROWS * ROW_BYTES + (<usize>abs(digit) - 1) * PACKED_ENTRY_BYTES;
  unpackSigned(addend, entry, <i64>(digit >> 31));
  addEntry(sum, addend);
}

function addKey_vartime(table: usize, digit: i32): void {
  const entry = table + (<usize>abs(digit) >> 1) * PACKED_ADDEND_BYTES;
  unpackSigned(addend, entry, <i64>(digit >> 31));
  unpack(addend + ADDEND_Z, entry + 3 * PACKED_BYTES);
  add(sum, sum, addend);
}

/**
 * Writes the encoding of [s]B - [h]A, which of a good signature is R: the cofactorless equation of RFC 8032 section 5.1.7 step
 * 3, for scalars below L. False where memory is short.
 */
export function combine_vartime(output: usize, s: usize, h: usize, tables: usize): bool {
  if (!hasBaseTable()) return false;
  memory.fill(naf, 0, NAF_BYTES);
  recode_vartime(naf, s, BASE_NAF_BITS);
  recode_vartime(naf + PARTS, h, KEY_NAF_BITS);
  setIdentity(sum);
  for (let place = naf + NAF_BYTES; place > naf; ) {
    place -= NAF_STRIDE;
    addPlace_vartime(place, tables);
  }
  encodePoint(output, sum);
  return true;
}
