/**
 * Writes generated/field25519.ts: the field of 2^255 - 19 for edwards25519.ts, unrolled. An element is nine signed limbs of 29
 * bits, each in an i64. 2^261 = 64 * 2^255 = 64 * 19 (mod p), so what leaves the ninth limb comes back times 1216. Nine limbs
 * because nine products of 58 bits and the carries fit an i64 with nearly two bits to spare: most sums and differences need no carry
 * before they are multiplied. Which ones do is decided here: every operand carries its bounds, and a product that could
 * overflow stops the build.
 */
import { assertFits, bounds, contains, exactly, minus, plus, shifted, times } from './bounds.mjs';
import { writeGenerated } from './write.mjs';

const LIMBS = 9;
const LIMB_BITS = 29;
const FOLD = 1216n;
const LIMB_MASK = (1n << BigInt(LIMB_BITS)) - 1n;
const MASK_TEXT = `0x${LIMB_MASK.toString(16)}`;

const lines = [];
const emit = (text) => lines.push(text);
const limbs = Array.from({ length: LIMBS }, (_, index) => index);

// ---- Bounds ----

const ZERO = exactly(0);
const DIGIT = bounds(0, LIMB_MASK);
const carryOf = (a) => shifted(a, LIMB_BITS);

/** Limbs of any product: digits, but for what the last fold carries into the second. */
const PRODUCT = limbs.map((index) => (index === 1 ? bounds(-(1n << 16n), LIMB_MASK + (1n << 16n)) : DIGIT));
/** An element below p, and such an element or its negative. */
const FROZEN = limbs.map((index) => (index === LIMBS - 1 ? bounds(0, (1n << 23n) - 1n) : DIGIT));
const SIGNED = FROZEN.map(({ high }) => bounds(-high, high));

/** Shows that `multiply` of elements with these bounds is right, by following its columns. */
function assertMultiplies(left, right, what) {
  const column = (index) =>
    limbs.reduce((sum, i) => (index - i in limbs ? plus(sum, times(left[i], right[index - i])) : sum), ZERO);
  const high = [];
  let carry = ZERO;
  for (let index = LIMBS; index < 2 * LIMBS - 1; index++) {
    const sum = plus(column(index), carry);
    assertFits(sum, what);
    high.push(DIGIT);
    carry = carryOf(sum);
  }
  high.push(carry);
  carry = ZERO;
  for (const index of limbs) {
    const sum = plus(plus(column(index), times(high[index], exactly(FOLD))), carry);
    assertFits(sum, what);
    carry = carryOf(sum);
  }
  const second = plus(DIGIT, carryOf(plus(DIGIT, times(carry, exactly(FOLD)))));
  if (!contains(PRODUCT[1], second)) throw new Error(`${what} leaves too large a limb`);
}

// ---- Multiplication ----

/** Columns of the product, each a list of terms. A square takes every mixed term once, of a doubled limb. */
function termsOfColumn(index, isSquare) {
  const terms = [];
  for (const i of limbs) {
    const j = index - i;
    if (!(j in limbs) || (isSquare && i > j)) continue;
    if (!isSquare) terms.push(`a${i} * b${j}`);
    else terms.push(i === j ? `a${i} * a${i}` : `d${i} * a${j}`);
  }
  return terms;
}

/**
 * Engines do not reassociate: a column is summed first and the carry added last, so that only one addition of each column waits
 * for the column before it. The upper columns come first, as digits that the lower ones then take times 1216.
 */
function emitProduct(isSquare) {
  emit(
    isSquare
      ? '/** out = in^2. */\nexport function square(out: usize, left: usize): void {'
      : '/** out = left * right. */\nexport function multiply(out: usize, left: usize, right: usize): void {',
  );
  for (const i of limbs) emit(`  const a${i} = load<i64>(left, ${8 * i});`);
  if (isSquare) for (const i of limbs.slice(0, -1)) emit(`  const d${i} = a${i} << 1;`);
  else for (const i of limbs) emit(`  const b${i} = load<i64>(right, ${8 * i});`);
  emit('  let t: i64 = 0;');
  for (let index = LIMBS; index < 2 * LIMBS - 1; index++) {
    emit(`  t = (${termsOfColumn(index, isSquare).join(' + ')}) + t;`);
    emit(`  const h${index - LIMBS} = t & ${MASK_TEXT};`);
    emit(`  t >>= ${LIMB_BITS};`);
  }
  emit(`  const h${LIMBS - 1} = t;\n  t = 0;`);
  for (const index of limbs) {
    emit(`  t = (${termsOfColumn(index, isSquare).join(' + ')} + h${index} * ${FOLD}) + t;`);
    emit(`  ${index === 0 ? 'let' : 'const'} r${index} = t & ${MASK_TEXT};`);
    emit(`  t >>= ${LIMB_BITS};`);
  }
  emit(`  r0 += t * ${FOLD};`);
  emit(`  store<i64>(out, r0 & ${MASK_TEXT});`);
  emit(`  store<i64>(out, r1 + (r0 >> ${LIMB_BITS}), 8);`);
  for (const index of limbs.slice(2)) emit(`  store<i64>(out, r${index}, ${8 * index});`);
  emit('}\n');
}

// ---- Sums and differences between products, several in one function ----

/** Nine limbs as expressions with their bounds. */
const combine = (operator, join) => (a, b) =>
  a.map(({ text, ...limb }, i) => ({ text: `${text} ${operator} ${b[i].text}`, ...join(limb, b[i]) }));
const sum = combine('+', plus);
const difference = combine('-', minus);

function loadElement(name, pointer, limbBounds) {
  for (const i of limbs) emit(`  const ${name}${i} = load<i64>(${pointer}, ${8 * i});`);
  return limbs.map((i) => ({ text: `${name}${i}`, ...limbBounds[i] }));
}

function bind(name, element) {
  for (const i of limbs) emit(`  const ${name}${i} = ${element[i].text};`);
  return limbs.map((i) => ({ text: `${name}${i}`, low: element[i].low, high: element[i].high }));
}

/** One step of carrying in all limbs at once; the top limb keeps what it has. */
function carried(name, element) {
  const from = bind(`${name}w`, element);
  return bind(
    name,
    from.map(({ text, ...limb }, i) => {
      const own = i < LIMBS - 1 ? { text: `(${text} & ${MASK_TEXT})`, ...DIGIT } : { text, ...limb };
      if (i === 0) return own;
      return { text: `${own.text} + (${from[i - 1].text} >> ${LIMB_BITS})`, ...plus(own, carryOf(from[i - 1])) };
    }),
  );
}

function storeElement(pointer, slot, element) {
  for (const i of limbs) emit(`  store<i64>(${pointer}, ${element[i].text}, ${8 * (LIMBS * slot + i)});`);
}

function emitSubtract() {
  emit(
    '/** out = left - right, of products or elements below p. May be multiplied by a product or squared, not added to. */',
  );
  emit('export function subtract(out: usize, left: usize, right: usize): void {');
  const result = difference(loadElement('a', 'left', PRODUCT), loadElement('b', 'right', PRODUCT));
  storeElement('out', 0, result);
  emit('}\n');
  assertMultiplies(result, result, '(a - b)^2');
}

function emitSpread() {
  emit('/** y - x and y + x of a point, end to end, each for a product with an element below p. */');
  emit('export function spread(out: usize, point: usize): void {');
  const x = loadElement('x', 'point', PRODUCT);
  const y = loadElement('y', `point + ${8 * LIMBS}`, PRODUCT);
  const minusX = difference(y, x);
  const plusX = sum(y, x);
  storeElement('out', 0, minusX);
  storeElement('out', 1, plusX);
  emit('}\n');
  for (const operand of [minusX, plusX, PRODUCT]) assertMultiplies(operand, SIGNED, 'a coordinate times a table entry');
}

/** Both formulas end in E F, G H, F G and E H. */
function storeFactors(e, f, g, h) {
  for (const [slot, element] of [e, f, g, h].entries()) storeElement('out', slot, element);
  emit('}\n');
  for (const [left, right] of [
    [e, f],
    [g, h],
    [f, g],
    [e, h],
  ]) {
    assertMultiplies(left, right, 'a product of E, F, G and H');
  }
}

/** Steps of "Twisted Edwards Curves Revisited", section 3.1. */
function emitAdditionFactors() {
  emit('/** E = B - A, F = D - C, G = D + C and H = B + A, end to end, from products A, B, C (end to end) and D. */');
  emit('export function additionFactors(out: usize, abc: usize, d: usize): void {');
  const [a, b, c] = ['a', 'b', 'c'].map((name, slot) => loadElement(name, `abc + ${8 * LIMBS * slot}`, PRODUCT));
  const d = loadElement('d', 'd', PRODUCT);
  const e = bind('e', difference(b, a));
  const f = bind('f', difference(d, c));
  const g = carried('g', sum(d, c));
  storeFactors(e, f, g, bind('h', sum(b, a)));
}

/** Section 3.3 with all signs changed, so that E comes from (X - Y)^2: X - Y is no larger than a product, which X + Y would be. */
function emitDoublingFactors() {
  emit(
    '/** H = A + B, G = B - A, E = H - D and F = 2 C - G, stored as E, F, G, H, from A = X^2, B = Y^2, C = Z^2, D = (X - Y)^2. */',
  );
  emit('export function doublingFactors(out: usize, abcd: usize): void {');
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name, slot) =>
    loadElement(name, `abcd + ${8 * LIMBS * slot}`, PRODUCT),
  );
  const h = carried('h', sum(a, b));
  const g = bind('g', difference(b, a));
  const e = bind('e', difference(h, d));
  storeFactors(e, bind('f', difference(sum(c, c), g)), g, h);
}

// ---- Table entries: limbs of elements below p, as u32 ----

function emitUnpack() {
  emit('/** An element from packed limbs. */');
  emit('export function unpack(out: usize, packed: usize): void {');
  for (const i of limbs) emit(`  store<i64>(out, <i64>load<u32>(packed, ${4 * i}), ${8 * i});`);
  emit('}\n');
  emit(
    '/** The three packed elements y + x, y - x and t, end to end. Where `negative` is -1, not 0, those of the negative point: the first two',
  );
  emit(' * change places and t its sign. */');
  emit('export function unpackSigned(out: usize, packed: usize, negative: i64): void {');
  for (const i of limbs) {
    emit(`  const p${i} = <i64>load<u32>(packed, ${4 * i});`);
    emit(`  const m${i} = <i64>load<u32>(packed, ${4 * (LIMBS + i)});`);
    emit(`  const s${i} = (p${i} ^ m${i}) & negative;`);
    emit(`  const t${i} = <i64>load<u32>(packed, ${4 * (2 * LIMBS + i)});`);
    emit(`  store<i64>(out, p${i} ^ s${i}, ${8 * i});`);
    emit(`  store<i64>(out, m${i} ^ s${i}, ${8 * (LIMBS + i)});`);
    emit(`  store<i64>(out, (t${i} ^ negative) - negative, ${8 * (2 * LIMBS + i)});`);
  }
  emit('}\n');
}

// ---- Constants, from what defines them ----

const P = 2n ** 255n - 19n;
const modulo = (value) => ((value % P) + P) % P;

function power(base, exponent) {
  let result = 1n;
  for (let square = modulo(base), rest = exponent; rest > 0n; rest >>= 1n, square = modulo(square * square)) {
    if (rest & 1n) result = modulo(result * square);
  }
  return result;
}
const inverse = (value) => power(value, P - 2n);

function emitConstant(name, description, value) {
  const digits = limbs.map((i) => `0x${((modulo(value) >> BigInt(LIMB_BITS * i)) & LIMB_MASK).toString(16)}`);
  emit(`/** ${description} */\nexport const ${name} = memory.data<i64>([${digits.join(', ')}], 16);\n`);
}

function emitConstants() {
  const d = -121665n * inverse(121666n);
  const root = power(2n, (P - 1n) / 4n);
  const y = 4n * inverse(5n);
  const xx = (y * y - 1n) * inverse(d * y * y + 1n);
  const candidate = power(xx, (P + 3n) / 8n);
  const x = modulo(candidate * candidate - xx) === 0n ? candidate : modulo(candidate * root);
  emitConstant('ONE', 'One.', 1n);
  emitConstant('MINUS_ONE', 'Minus one.', -1n);
  emitConstant('HALF', 'One half.', inverse(2n));
  emitConstant('D', 'd = -121665/121666, RFC 8032 section 5.1.', d);
  emitConstant('TWO_D', '2 d.', 2n * d);
  emitConstant('FOUR_D', '4 d.', 4n * d);
  emitConstant('SQRT_MINUS_ONE', '2^((p - 1) / 4), a square root of -1.', root);
  emitConstant('BASE_X', 'The base point: the x that is not negative,', x & 1n ? P - x : x);
  emitConstant('BASE_Y', 'and y = 4/5.', y);
}

emitConstants();
emitProduct(false);
emitProduct(true);
emitSubtract();
emitSpread();
emitAdditionFactors();
emitDoublingFactors();
emitUnpack();
writeGenerated('field25519', import.meta.url, lines.join('\n'));
