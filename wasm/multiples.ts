/**
 * Multiples of points, generic over the field.
 *
 * Secret scalars are made odd and written in signed odd digits (Joye and Tunstall 2009), so that every digit adds a point and none adds
 * infinity; table entries are found by reading the whole table. As integers, no partial sum is a digit's own multiple, so the sums
 * have no special cases but one: at the last digit, where the total passes n, the summands may be equal. Then Z is 0, which is of
 * probability 1/n, and the sum is the double of what was added last.
 *
 * Functions in _vartime take public numbers only.
 */
import { beta, firstSign, HALF_BITS, secondSign, split_vartime } from './endomorphism';
import { addWords, copyMasked, isBelow, isSame, subtractWords, WORDS_BYTES } from './limbs';
import { invertWords, Modulus } from './modulus';
import {
  add,
  addAffine,
  double,
  elementSize,
  field,
  fromElement,
  isInfinity,
  MAXIMUM_ELEMENT_SIZE,
  MAXIMUM_POINT_SIZE,
  pointSize,
  setAffine,
  toElement,
  wereSameY,
  yOf,
  zOf,
} from './points';

/** Digits of the base point's table: 32 entries each, one table a digit, no doublings. */
const BASE_WIDTH: usize = 6;
/** Digits of other points: one table of 16 entries. */
const POINT_WIDTH: usize = 5;
/** Width of the non-adjacent forms of verification, whose tables have 8 entries. */
const NAF_WIDTH: usize = 5;
const NAF_ENTRIES: usize = 1 << (NAF_WIDTH - 2);
/** Verification splits a scalar in as many parts, each with a table, to need a quarter of the doublings. */
const PARTS: usize = 4;

const MAXIMUM_ENTRIES: usize = 32;
const VECTOR_BYTES: usize = 16;
/** On P-521: two elements in half their size, and the digits of 131 bits, one more than bits. */
const MAXIMUM_ENTRY_BYTES: usize = MAXIMUM_ELEMENT_SIZE;
const MAXIMUM_PART_BITS: usize = 136;

const ELEMENTS: usize = 6;
/** What holds secrets: the entry selected, the sum, the scalar. It is all that is wiped; the rest are multiples of public points. */
const SECRET_BYTES: usize =
  ELEMENTS * MAXIMUM_ELEMENT_SIZE + 2 * MAXIMUM_POINT_SIZE + MAXIMUM_ENTRY_BYTES + 3 * WORDS_BYTES;
const secrets = memory.data(<i32>SECRET_BYTES, 16);
const entryX = secrets;
const entryY = entryX + MAXIMUM_ELEMENT_SIZE;
const pointX = entryY + MAXIMUM_ELEMENT_SIZE;
const pointY = pointX + MAXIMUM_ELEMENT_SIZE;
const inverse = pointY + MAXIMUM_ELEMENT_SIZE;
const power = inverse + MAXIMUM_ELEMENT_SIZE;
const total = power + MAXIMUM_ELEMENT_SIZE;
const step = total + MAXIMUM_POINT_SIZE;
const narrowEntry = step + MAXIMUM_POINT_SIZE;
const oddScalar = narrowEntry + MAXIMUM_ENTRY_BYTES;
const words = oddScalar + WORDS_BYTES;
const inverseWords = words + WORDS_BYTES;

const PUBLIC_BYTES: usize =
  MAXIMUM_ENTRIES * (MAXIMUM_ELEMENT_SIZE + MAXIMUM_POINT_SIZE) +
  2 * MAXIMUM_POINT_SIZE +
  (MAXIMUM_ENTRIES / 2) * MAXIMUM_ENTRY_BYTES +
  WORDS_BYTES +
  PARTS * MAXIMUM_PART_BITS;
const list = memory.data(<i32>PUBLIC_BYTES, 16);
const prefixes = list + MAXIMUM_ENTRIES * MAXIMUM_POINT_SIZE;
const other = prefixes + MAXIMUM_ENTRIES * MAXIMUM_ELEMENT_SIZE;
const another = other + MAXIMUM_POINT_SIZE;
const pointTable = another + MAXIMUM_POINT_SIZE;
const otherWords = pointTable + (MAXIMUM_ENTRIES / 2) * MAXIMUM_ENTRY_BYTES;
const nafs = otherWords + WORDS_BYTES;

export function wipeMultiples(): void {
  memory.fill(secrets, 0, SECRET_BYTES);
}

// ---- Tables ----

/** An entry: x and y with limbs of 32 bits, in whole vectors. */
@inline
function entryBytes<F>(): usize {
  return (2 * field<F>().limbs() * 4 + VECTOR_BYTES - 1) & ~(VECTOR_BYTES - 1);
}

/** P, 3P, 5P ... of a point to consecutive points. */
function listOddMultiples<F>(points: usize, point: usize, count: usize): void {
  double<F>(step, point);
  memory.copy(points, point, pointSize<F>());
  for (let i: usize = 1; i < count; i++) {
    add<F>(points + i * pointSize<F>(), points + (i - 1) * pointSize<F>(), step);
  }
}

/** element = 1 / element. */
function invert<F>(element: usize, prime: Modulus): void {
  fromElement<F>(words, element);
  invertWords(inverseWords, words, prime);
  toElement<F>(element, inverseWords);
}

/** Entries of a list of points, none at infinity, with one inversion for all (Montgomery's trick). */
function writeEntries<F>(table: usize, points: usize, count: usize, prime: Modulus): void {
  const f = field<F>();
  f.copy(prefixes, zOf<F>(points));
  for (let i: usize = 1; i < count; i++) {
    const prefix = prefixes + i * elementSize<F>();
    f.mul(prefix, prefix - elementSize<F>(), zOf<F>(points + i * pointSize<F>()));
  }
  f.copy(inverse, prefixes + (count - 1) * elementSize<F>());
  invert<F>(inverse, prime);
  for (let i = count; i-- > 0; ) writeEntry<F>(table + i * entryBytes<F>(), points + i * pointSize<F>(), i);
}

/** `inverse` is that of the product of the first i + 1 denominators; afterwards that of the first i. */
function writeEntry<F>(entry: usize, point: usize, i: usize): void {
  const f = field<F>();
  f.copy(power, inverse);
  if (i) f.mul(power, inverse, prefixes + (i - 1) * elementSize<F>());
  f.mul(inverse, inverse, zOf<F>(point));
  f.sqr(entryX, power);
  f.mul(entryY, power, entryX);
  f.mul(entryX, point, entryX);
  f.mul(entryY, yOf<F>(point), entryY);
  f.narrow(entry, entryX);
  f.narrow(entry + 4 * f.limbs(), entryY);
}

/** Reads the entry of a public index. */
@inline
function readEntry<F>(table: usize, index: usize): void {
  const f = field<F>();
  const entry = table + index * entryBytes<F>();
  f.widen(entryX, entry);
  f.widen(entryY, entry + 4 * f.limbs());
}

/** Reads the entry of a secret index by reading them all. */
function selectEntry<F>(table: usize, count: i32, index: i32): void {
  const vectors = entryBytes<F>() / VECTOR_BYTES;
  const wanted = i32x4.splat(index);
  const one = i32x4.splat(1);
  let at = i32x4.splat(0);
  let s0 = i64x2.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  let s4 = s0;
  let s5 = s0;
  let s6 = s0;
  let s7 = s0;
  let s8 = s0;
  for (let i = 0; i < count; i++) {
    const mask = i32x4.eq(at, wanted);
    s0 = v128.or(s0, v128.and(mask, v128.load(table)));
    s1 = v128.or(s1, v128.and(mask, v128.load(table, 16)));
    s2 = v128.or(s2, v128.and(mask, v128.load(table, 32)));
    s3 = v128.or(s3, v128.and(mask, v128.load(table, 48)));
    s4 = v128.or(s4, v128.and(mask, v128.load(table, 64)));
    if (vectors > 5) {
      s5 = v128.or(s5, v128.and(mask, v128.load(table, 80)));
      s6 = v128.or(s6, v128.and(mask, v128.load(table, 96)));
    }
    if (vectors > 7) {
      s7 = v128.or(s7, v128.and(mask, v128.load(table, 112)));
      s8 = v128.or(s8, v128.and(mask, v128.load(table, 128)));
    }
    table += entryBytes<F>();
    at = i32x4.add(at, one);
  }
  v128.store(narrowEntry, s0);
  v128.store(narrowEntry, s1, 16);
  v128.store(narrowEntry, s2, 32);
  v128.store(narrowEntry, s3, 48);
  v128.store(narrowEntry, s4, 64);
  if (vectors > 5) {
    v128.store(narrowEntry, s5, 80);
    v128.store(narrowEntry, s6, 96);
  }
  if (vectors > 7) {
    v128.store(narrowEntry, s7, 112);
    v128.store(narrowEntry, s8, 128);
  }
  readEntry<F>(narrowEntry, 0);
}

// ---- Secret scalars ----

/** oddScalar = the scalar, or n minus it where it is even; returns all ones in that case, else 0. */
function makeOdd(scalar: usize, order: Modulus): u64 {
  const isEven = (load<u64>(scalar) & 1) - 1;
  subtractWords(oddScalar, order.words, scalar);
  copyMasked(oddScalar, scalar, ~isEven, WORDS_BYTES);
  return isEven;
}

/** Constant, as is all that follows from a field. */
@inline
function digitsOf<F>(width: usize): usize {
  return (field<F>().bits() + width - 1) / width;
}

/**
 * Digit `index` of the odd scalar, odd and between -2^width and 2^width: taking the bits above a digit as odd adds 2^width too much, which
 * the digit takes back. The last digit is what remains.
 */
@inline
function digit(index: usize, count: usize, width: usize): i32 {
  const position = index * width;
  const mask: u32 = (2 << (<u32>width)) - 1;
  const bits = <i32>(<u32>(load<u64>(oddScalar + (position >> 3)) >> (position & 7)) & mask) | 1;
  return index + 1 < count ? bits - (1 << (<i32>width)) : bits & <i32>(mask >> 1);
}

/** entry = a digit's multiple, from a table of odd multiples. */
function selectDigit<F>(table: usize, width: usize, value: i32): void {
  const sign = value >> 31;
  selectEntry<F>(table, 1 << (<i32>width - 1), ((value ^ sign) - sign) >> 1);
  field<F>().negateMasked(entryY, <i64>sign);
}

/** The sum just completed, where its last summands were equal. */
function mendTotal<F>(): void {
  if (!isInfinity<F>(total)) return;
  setAffine<F>(step, entryX, entryY);
  double<F>(total, step);
}

/** Words of x of the total, and of its y, negated where the mask is all ones; no y where its address is 0. */
function writeTotal<F>(x: usize, y: usize, mask: u64, prime: Modulus): void {
  const f = field<F>();
  f.copy(inverse, zOf<F>(total));
  invert<F>(inverse, prime);
  f.sqr(power, inverse);
  f.mul(entryX, total, power);
  fromElement<F>(x, entryX);
  if (!y) return;
  f.negateMasked(yOf<F>(total), <i64>mask);
  f.mul(power, power, inverse);
  f.mul(entryY, yOf<F>(total), power);
  fromElement<F>(y, entryY);
}

/** Memory of the base point's table. */
export function baseTableBytes<F>(): usize {
  return digitsOf<F>(BASE_WIDTH) * (1 << (BASE_WIDTH - 1)) * entryBytes<F>();
}

/** Fills a table with the odd multiples of 2^(6 i) times the point of these words, for every digit i. */
export function fillBaseTable<F>(table: usize, x: usize, y: usize, prime: Modulus): void {
  const entries: usize = 1 << (BASE_WIDTH - 1);
  toElement<F>(pointX, x);
  toElement<F>(pointY, y);
  setAffine<F>(total, pointX, pointY);
  for (let i = digitsOf<F>(BASE_WIDTH); i > 0; i--) {
    listOddMultiples<F>(list, total, entries);
    writeEntries<F>(table, list, entries, prime);
    table += entries * entryBytes<F>();
    for (let j: usize = 0; j < BASE_WIDTH; j++) double<F>(total, total);
  }
}

/** Words of x and, where its address is not 0, of y of scalar * G; the scalar lies in [1, n - 1]. */
export function multiplyBase<F>(x: usize, y: usize, scalar: usize, table: usize, order: Modulus, prime: Modulus): void {
  const isNegated = makeOdd(scalar, order);
  const count = digitsOf<F>(BASE_WIDTH);
  selectDigit<F>(table, BASE_WIDTH, digit(0, count, BASE_WIDTH));
  setAffine<F>(total, entryX, entryY);
  for (let i: usize = 1; i < count; i++) {
    table += (1 << (BASE_WIDTH - 1)) * entryBytes<F>();
    selectDigit<F>(table, BASE_WIDTH, digit(i, count, BASE_WIDTH));
    addAffine<F>(total, total, entryX, entryY);
  }
  mendTotal<F>();
  writeTotal<F>(x, y, isNegated, prime);
}

/** x and y = scalar * (x, y), all words; the point is on the curve, the scalar in [1, n - 1]. */
export function multiplyPoint<F>(x: usize, y: usize, scalar: usize, order: Modulus, prime: Modulus): void {
  const entries: usize = 1 << (POINT_WIDTH - 1);
  toElement<F>(pointX, x);
  toElement<F>(pointY, y);
  setAffine<F>(total, pointX, pointY);
  listOddMultiples<F>(list, total, entries);
  writeEntries<F>(pointTable, list, entries, prime);
  const isNegated = makeOdd(scalar, order);
  const count = digitsOf<F>(POINT_WIDTH);
  selectDigit<F>(pointTable, POINT_WIDTH, digit(count - 1, count, POINT_WIDTH));
  setAffine<F>(total, entryX, entryY);
  for (let i = count - 1; i-- > 0; ) {
    for (let j: usize = 0; j < POINT_WIDTH; j++) double<F>(total, total);
    selectDigit<F>(pointTable, POINT_WIDTH, digit(i, count, POINT_WIDTH));
    addAffine<F>(total, total, entryX, entryY);
  }
  mendTotal<F>();
  writeTotal<F>(x, y, isNegated, prime);
}

// ---- Public scalars ----

/** Bits of a part; where the scalar is halved first, of a part of a half. */
@inline
function partBits<F>(): usize {
  const f = field<F>();
  return f.hasEndomorphism() ? HALF_BITS / (PARTS / 2) + 1 : (f.bits() + PARTS - 1) / PARTS;
}

/** Memory of a public key's tables for verification. */
export function keyTableBytes<F>(): usize {
  return PARTS * NAF_ENTRIES * entryBytes<F>();
}

/**
 * Fills the tables of a point of these words: its odd multiples times 2^(part * partBits), or with the endomorphism those of the first
 * two parts, and then of their images.
 */
export function fillKeyTable<F>(table: usize, x: usize, y: usize, prime: Modulus): void {
  const parts = field<F>().hasEndomorphism() ? PARTS / 2 : PARTS;
  toElement<F>(pointX, x);
  toElement<F>(pointY, y);
  setAffine<F>(total, pointX, pointY);
  for (let part: usize = 0; part < parts; part++) {
    if (part) repeatedlyDouble<F>(partBits<F>());
    listOddMultiples<F>(list + part * NAF_ENTRIES * pointSize<F>(), total, NAF_ENTRIES);
  }
  writeEntries<F>(table, list, parts * NAF_ENTRIES, prime);
  if (field<F>().hasEndomorphism()) mapEntries<F>(table, parts * NAF_ENTRIES);
}

function repeatedlyDouble<F>(count: usize): void {
  for (let i: usize = 0; i < count; i++) double<F>(total, total);
}

/** Writes the images of entries behind them: x times beta, y as it is. */
function mapEntries<F>(table: usize, count: usize): void {
  const f = field<F>();
  toElement<F>(power, beta);
  for (let i: usize = 0; i < count; i++) {
    readEntry<F>(table, i);
    f.mul(entryX, entryX, power);
    const image = table + (count + i) * entryBytes<F>();
    f.narrow(image, entryX);
    f.narrow(image + 4 * f.limbs(), entryY);
  }
}

@inline
function bitsAt(scalar: usize, position: usize, count: usize): i32 {
  return <i32>(load<u64>(scalar + (position >> 3)) >> (position & 7)) & ((1 << (<i32>count)) - 1);
}

/** Digits of a non-adjacent form of bits `from` to `end` of a scalar times the sign, one byte each. */
function writeNaf_vartime(digits: usize, scalar: usize, from: usize, end: usize, sign: i32): void {
  memory.fill(digits, 0, MAXIMUM_PART_BITS);
  let carry = 0;
  let position = from;
  while (position < end) {
    if (bitsAt(scalar, position, 1) == carry) {
      position++;
      continue;
    }
    const taken = min(NAF_WIDTH, end - position);
    let value = bitsAt(scalar, position, taken) + carry;
    carry = (value >> (<i32>NAF_WIDTH - 1)) & 1;
    value -= carry << (<i32>NAF_WIDTH);
    store<i8>(digits + position - from, <i8>(value * sign));
    position += taken;
  }
  if (carry) store<i8>(digits + end - from, <i8>sign);
}

/** entry = a nonzero digit's multiple. */
@inline
function readDigit_vartime<F>(table: usize, value: i32): void {
  const sign = value >> 31;
  readEntry<F>(table, <usize>(((value ^ sign) - sign) >> 1));
  field<F>().negateMasked(entryY, <i64>sign);
}

/** total = u2 * Q from the tables of Q. */
function multiplyKey_vartime<F>(u2: usize, keyTable: usize, order: Modulus): void {
  if (field<F>().hasEndomorphism()) {
    split_vartime(words, otherWords, u2, order);
    writeParts_vartime<F>(0, PARTS / 2, words, firstSign);
    writeParts_vartime<F>(PARTS / 2, PARTS, otherWords, secondSign);
  } else {
    writeParts_vartime<F>(0, PARTS, u2, 1);
  }
  sumNafs_vartime<F>(keyTable, partBits<F>() + 1);
}

function writeParts_vartime<F>(first: usize, end: usize, scalar: usize, sign: i32): void {
  const bits = partBits<F>();
  const last = field<F>().hasEndomorphism() ? (end - first) * bits : field<F>().bits();
  for (let part = first; part < end; part++) {
    const from = (part - first) * bits;
    writeNaf_vartime(nafs + part * MAXIMUM_PART_BITS, scalar, from, min(from + bits, last), sign);
  }
}

/** total = the sum of all parts' digits times their tables' points; starts at the first digit that is not zero. */
function sumNafs_vartime<F>(keyTable: usize, length: usize): void {
  let isEmpty = true;
  for (let i = length; i-- > 0; ) {
    if (!isEmpty) double<F>(total, total);
    for (let part: usize = 0; part < PARTS; part++) {
      const value = <i32>load<i8>(nafs + part * MAXIMUM_PART_BITS + i);
      if (!value) continue;
      readDigit_vartime<F>(keyTable + part * NAF_ENTRIES * entryBytes<F>(), value);
      if (isEmpty) setAffine<F>(total, entryX, entryY);
      else addAffine<F>(total, total, entryX, entryY);
      isEmpty = false;
    }
  }
}

/** total += u1 * G. */
function addBase_vartime<F>(u1: usize, table: usize, order: Modulus): void {
  const isNegated = <i32>makeOdd(u1, order);
  const count = digitsOf<F>(BASE_WIDTH);
  for (let i: usize = 0; i < count; i++) {
    readDigit_vartime<F>(table, (digit(i, count, BASE_WIDTH) ^ isNegated) - isNegated);
    addAffine<F>(total, total, entryX, entryY);
    table += (1 << (BASE_WIDTH - 1)) * entryBytes<F>();
  }
}

/** o = a + b, whatever they are. o may be a. */
function addAny_vartime<F>(o: usize, a: usize, b: usize): void {
  if (isInfinity<F>(a)) {
    memory.copy(o, b, pointSize<F>());
  } else if (!isInfinity<F>(b)) {
    add<F>(step, a, b);
    if (isInfinity<F>(step) && wereSameY<F>()) double<F>(step, a);
    memory.copy(o, step, pointSize<F>());
  }
}

/** total = u1 * G + u2 * Q where the fast way met a special case: bit by bit, with complete additions. */
function sumSlowly_vartime<F>(u1: usize, u2: usize, table: usize, keyTable: usize): void {
  // A digit of 1 at the bottom of each table is the point itself.
  readEntry<F>(table, 0);
  setAffine<F>(other, entryX, entryY);
  readEntry<F>(keyTable, 0);
  setAffine<F>(another, entryX, entryY);
  memory.fill(total, 0, pointSize<F>());
  for (let i = field<F>().bits(); i-- > 0; ) {
    if (!isInfinity<F>(total)) double<F>(total, total);
    if (bitsAt(u1, i, 1)) addAny_vartime<F>(total, total, other);
    if (bitsAt(u2, i, 1)) addAny_vartime<F>(total, total, another);
  }
}

/** Whether u1 * G + u2 * Q is a point whose x is r or, below p, r + n: what a verifier asks (SEC 1 section 4.1.4). u2 is not 0. */
export function isSumAt_vartime<F>(
  r: usize,
  u1: usize,
  u2: usize,
  table: usize,
  keyTable: usize,
  order: Modulus,
  prime: Modulus,
): bool {
  multiplyKey_vartime<F>(u2, keyTable, order);
  addBase_vartime<F>(u1, table, order);
  if (isInfinity<F>(total)) {
    sumSlowly_vartime<F>(u1, u2, table, keyTable);
    if (isInfinity<F>(total)) return false;
  }
  if (hasX<F>(r)) return true;
  // r may have been reduced from x >= n.
  addWords(otherWords, r, order.words);
  return isBelow(otherWords, prime.words) && hasX<F>(otherWords);
}

/** X = x * Z^2 spares an inversion. */
function hasX<F>(x: usize): bool {
  const f = field<F>();
  toElement<F>(entryX, x);
  f.sqr(power, zOf<F>(total));
  f.mul(entryX, entryX, power);
  fromElement<F>(words, entryX);
  fromElement<F>(inverseWords, total);
  return isSame(words, inverseWords);
}
