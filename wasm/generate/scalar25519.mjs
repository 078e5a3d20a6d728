/**
 * Writes generated/scalar25519.ts: arithmetic modulo L = 2^252 + c, the order of edwards25519's base point (RFC 8032 section
 * 5.1), unrolled. A scalar is digits of 28 bits, because 252 = 9 * 28: the tenth digit and those above it are worth 2^252 = -c
 * (mod L) times what they hold, and c has five digits. Folding them down like that three times leaves one number between -L and
 * 2 L, whatever came in.
 */
import { assertFits, bounds, contains, exactly, minus, plus, shifted, times } from './bounds.mjs';
import { writeGenerated } from './write.mjs';

const DIGITS = 9;
const DIGIT_BITS = 28;
const DIGIT_MASK = (1n << BigInt(DIGIT_BITS)) - 1n;
const MASK_TEXT = `0x${DIGIT_MASK.toString(16)}`;
const C = 27742317777372353535851937790883648493n;
const C_DIGITS = [0, 1, 2, 3, 4].map((index) => (C >> BigInt(DIGIT_BITS * index)) & DIGIT_MASK);
/** Digits of a 256-bit number, and columns of the product of two. */
const SCALAR_DIGITS = 10;
const COLUMNS = 2 * SCALAR_DIGITS - 1;
const DIGIT = bounds(0, DIGIT_MASK);

const lines = [];
const emit = (text) => lines.push(text);
const range = (count) => Array.from({ length: count }, (_, index) => index);

/** The digits of a little-endian number: a digit begins on a byte or in its middle, and an aligned word holds it. */
function emitDigits(name, pointer, bytes, count) {
  return range(count).map((index) => {
    const bit = DIGIT_BITS * index;
    const type = (bit >> 3) + 4 <= bytes ? 'u32' : 'u8';
    const word = `<i64>load<${type}>(${pointer}, ${bit >> 3})`;
    emit(`  const ${name}${index} = ${bit & 7 ? `(${word} >> 4)` : word}${type === 'u32' ? ` & ${MASK_TEXT}` : ''};`);
    return { text: `${name}${index}`, ...bounds(0, type === 'u32' ? DIGIT_MASK : 255n >> BigInt(bit & 7)) };
  });
}

/** Carries a run of sums into digits `name`0 and up; the last one keeps all that is left and may be negative. */
function emitCarries(name, sums) {
  emit(`  let ${name}: i64 = 0;`);
  let carry = exactly(0);
  return sums.map(({ text, ...sum }, index) => {
    const total = plus(sum, carry);
    assertFits(total, `digit ${index} of ${name}`);
    emit(`  ${name} = (${text}) + ${name};`);
    if (index === sums.length - 1) {
      emit(`  const ${name}${index} = ${name};`);
      return { text: `${name}${index}`, ...total };
    }
    emit(`  const ${name}${index} = ${name} & ${MASK_TEXT};`);
    emit(`  ${name} >>= ${DIGIT_BITS};`);
    carry = shifted(total, DIGIT_BITS);
    return { text: `${name}${index}`, ...DIGIT };
  });
}

/** Replaces all digits from 2^252 up by -c times them; ends in one place more than the sums have, for the last carry. */
function emitFold(name, digits) {
  const low = range(Math.max(DIGITS, digits.length - DIGITS + C_DIGITS.length - 1)).map((index) =>
    index < DIGITS ? digits[index] : { text: '0', ...exactly(0) },
  );
  const sums = low.map((digit, index) => {
    let { text, ...sum } = digit;
    for (const [place, c] of C_DIGITS.entries()) {
      const high = digits[DIGITS + index - place];
      if (index < place || high === undefined) continue;
      text += ` - ${high.text} * ${c}`;
      sum = minus(sum, times(high, exactly(c)));
    }
    return { text, ...sum };
  });
  return emitCarries(name, [...sums, { text: '0', ...exactly(0) }]);
}

/** A number's bounds from those of its digits. */
const numberOf = (digits) =>
  digits.reduce((sum, digit, index) => plus(sum, times(digit, exactly(1n << BigInt(DIGIT_BITS * index)))), exactly(0));

function emitReduce(columnBounds) {
  emit(
    `/** out = the number of ${COLUMNS} columns, worth 2^${DIGIT_BITS} each to the one before, modulo L: 32 bytes. */`,
  );
  emit('export function reduceColumns(out: usize, columns: usize): void {');
  const columns = columnBounds.map((limb, index) => {
    emit(`  const c${index} = load<i64>(columns, ${8 * index});`);
    return { text: `c${index}`, ...limb };
  });
  const carried = emitCarries('x', columns);
  const once = emitFold('y', carried);
  const twice = emitFold('z', once);
  const nearly = emitFold('v', twice);
  // What is left above 2^252 is -1, 0 or 1 times 2^252. Taking it times L away leaves a number from -c to below L, and L is
  // added to that where it is negative.
  const order = 2n ** 252n + C;
  if (!contains(bounds(-order + 1n, 2n ** 252n + order - 1n), numberOf(nearly)))
    throw new Error('the folds leave too much');
  const last = emitFold('w', nearly);
  const top = last[DIGITS];
  emit(`  const isNegative = ${top.text} >> 63;`);
  const sums = last.slice(0, DIGITS).map((digit, index) => ({
    text: C_DIGITS[index] === undefined ? digit.text : `${digit.text} + (${C_DIGITS[index]} & isNegative)`,
    ...plus(digit, bounds(0, C_DIGITS[index] ?? 0n)),
  }));
  const digits = emitCarries('r', [...sums, { text: `${top.text} - isNegative`, ...plus(top, bounds(0, 1)) }]);
  for (const word of range(4)) {
    const parts = digits.flatMap(({ text }, index) => {
      const shift = DIGIT_BITS * index - 64 * word;
      if (shift <= -DIGIT_BITS || shift >= 64) return [];
      return shift === 0 ? [text] : [shift > 0 ? `(${text} << ${shift})` : `(${text} >> ${-shift})`];
    });
    emit(`  store<i64>(out, ${parts.join(' | ')}, ${8 * word});`);
  }
  emit('}\n');
}

function emitSplit() {
  emit('/** The columns of a number of 64 bytes. */');
  emit('export function splitWide(columns: usize, wide: usize): void {');
  const digits = emitDigits('x', 'wide', 64, COLUMNS);
  for (const [index, { text }] of digits.entries()) emit(`  store<i64>(columns, ${text}, ${8 * index});`);
  emit('}\n');
  return digits;
}

function emitMultiplyAdd() {
  emit('/** The columns of a * b + c, of 32 bytes each. */');
  emit('export function multiplyAddColumns(columns: usize, left: usize, right: usize, addend: usize): void {');
  const left = emitDigits('a', 'left', 32, SCALAR_DIGITS);
  const right = emitDigits('b', 'right', 32, SCALAR_DIGITS);
  const addend = emitDigits('c', 'addend', 32, SCALAR_DIGITS);
  const columns = range(COLUMNS).map((column) => {
    const terms = [];
    let sum = exactly(0);
    for (const i of range(SCALAR_DIGITS)) {
      if (right[column - i] === undefined) continue;
      terms.push(`a${i} * b${column - i}`);
      sum = plus(sum, times(left[i], right[column - i]));
    }
    if (column < SCALAR_DIGITS) {
      terms.push(`c${column}`);
      sum = plus(sum, addend[column]);
    }
    emit(`  store<i64>(columns, ${terms.join(' + ')}, ${8 * column});`);
    return sum;
  });
  emit('}\n');
  return columns;
}

emitSplit();
emitReduce(emitMultiplyAdd());
writeGenerated('scalar25519', import.meta.url, lines.join('\n'));
