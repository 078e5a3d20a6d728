/**
 * Writes wasm/generated/fields.ts: arithmetic in the prime fields of the Weierstrass curves (SP 800-186 section 3.2.1, SEC 2 section
 * 2.4.1), a class of functions per field, every limb a local variable.
 *
 * An element is `limbs` signed 64-bit numbers of about `limbBits` bits each, in memory. Why it is done this way:
 * - WebAssembly has no 64x64 -> 128 product and no carry flag. Products of 28 or 29-bit limbs leave room to add up a whole column
 *   of them in 64 bits before one carry, and signed limbs need no bias in subtractions.
 * - Compilers do not reassociate integer sums. Each column is written as (products) + carry, so that the chain through all columns
 *   is one addition and one shift a column, and the products of the next columns run ahead of it.
 * - Where p = -1 modulo a large power of two (P-256, P-384) Montgomery reduction needs no multiplications: m is the low limb, and
 *   m * p is a few shifts of m. Where p is 2^k minus a little (secp256k1, P-521) the high half is folded back.
 *
 * Bounds. Call an element's size the a for which all its limbs but the last lie in [-a, a] * 2^limbBits. A product is exact while
 * limbs * a * b * 2^(2 * limbBits) stays below 2^63: a * b < 3.5 for P-256 and secp256k1, 8 for P-384 and 1.7 for P-521. Carried
 * results have a = 1 and a little (below 9/8) and are congruent to what they stand for, below 2^bits * 1.2 in magnitude; differences
 * that are not carried have a = 1 and a little as well, since carried limbs are hardly ever negative. P-384 keeps 8 spare bits in its
 * Montgomery radix, which a factor of 10 in magnitude per step does not use up: its carries need not fold.
 */
import { assertFits, bounds } from './bounds.mjs';
import { writeGenerated } from './write.mjs';

/** `terms`: 2^bits is congruent to the sum of factor * 2^exponent. */
const FIELDS = [
  {
    name: 'FieldP256',
    curve: 'P-256',
    bits: 256,
    limbs: 9,
    limbBits: 29,
    reduction: 'montgomery',
    terms: [[224, 1], [192, -1], [96, -1], [0, 1]], // biome-ignore format: a polynomial
    foldsCarries: true,
    hasZeroA: false,
  },
  {
    name: 'FieldP384',
    curve: 'P-384',
    bits: 384,
    limbs: 14,
    limbBits: 28,
    reduction: 'montgomery',
    terms: [[128, 1], [96, 1], [32, -1], [0, 1]], // biome-ignore format: a polynomial
    foldsCarries: false,
    hasZeroA: false,
  },
  {
    name: 'FieldP521',
    curve: 'P-521',
    bits: 521,
    limbs: 18,
    limbBits: 29,
    reduction: 'fold',
    terms: [[0, 1]],
    foldsCarries: true,
    hasZeroA: false,
    // From some 18 limbs on, three half products cost less than four.
    isKaratsuba: true,
  },
  {
    name: 'FieldP256K1',
    curve: 'secp256k1',
    bits: 256,
    limbs: 9,
    limbBits: 29,
    reduction: 'fold',
    terms: [[32, 1], [0, 977]], // biome-ignore format: a polynomial
    foldsCarries: true,
    hasZeroA: true,
  },
];

const LIMB_BYTES = 8;
/** Size in eighths that the factors of a product may have: carried, or the difference of two carried elements. */
const CARRIED_EIGHTHS = 9n;

const range = (count) => [...Array(count).keys()];
const sum = (terms) => (terms.length > 0 ? terms.join(' + ') : '0');
/** +-(name * factor * 2^shift), as text with its sign. */
function scaled(name, factor, shift) {
  const magnitude = Math.abs(factor);
  const product = magnitude === 1 ? name : `${name} * ${magnitude}`;
  return ` ${factor < 0 ? '-' : '+'} (${shift === 0 ? product : magnitude === 1 ? `${name} << ${shift}` : `${name} * ${magnitude * 2 ** shift}`})`;
}

class FieldWriter {
  constructor(field) {
    this.field = field;
    this.lines = [];
    this.mask = `0x${(2 ** field.limbBits - 1).toString(16)}`;
    /** Bits of the last limb where the element is below 2^bits. */
    this.topBits = field.bits - field.limbBits * (field.limbs - 1);
    this.topMask = `0x${(2 ** this.topBits - 1).toString(16)}`;
  }

  line(text) {
    this.lines.push(`    ${text}`);
  }

  load(pointer, limb) {
    return `load<i64>(${pointer}, ${limb * LIMB_BYTES})`;
  }

  store(limb, value) {
    this.line(`store<i64>(o, ${value}, ${limb * LIMB_BYTES});`);
  }

  method(name, parameters, comment, body, last) {
    if (comment) this.lines.push(`  /** ${comment} */`);
    const pointers = parameters.map((each) => `${each}: usize`);
    this.lines.push(`  ${name}(${[...pointers, ...(last ? [last] : [])].join(', ')}): void {`);
    body();
    this.lines.push('  }', '');
  }

  /** What 2^(bits + surplus) times `carry` adds to each limb: limb -> text. `surplus` bits lie above the modulus. */
  folds(carry, surplus) {
    const added = new Map();
    for (const [exponent, factor] of this.field.terms) {
      const position = exponent + surplus;
      const limb = Math.floor(position / this.field.limbBits);
      const text = scaled(carry, factor, position % this.field.limbBits);
      added.set(limb, (added.get(limb) ?? '') + text);
    }
    return added;
  }

  /** Columns of a product or a square, as lists of terms; emits what the terms need. */
  columns(isSquare) {
    const { limbs, isKaratsuba } = this.field;
    for (const i of range(limbs)) {
      this.line(`const a${i} = ${this.load('a', i)};`);
      if (!isSquare) this.line(`const b${i} = ${this.load('b', i)};`);
    }
    if (isSquare) {
      for (const i of range(limbs - 1)) this.line(`const d${i} = a${i} << 1;`);
      return range(2 * limbs - 1).map((column) =>
        range(limbs)
          .filter((i) => column - i >= i && column - i < limbs)
          .map((i) => (i === column - i ? `a${i} * a${i}` : `d${i} * a${column - i}`)),
      );
    }
    return isKaratsuba ? this.karatsubaColumns() : productColumns('a', 'b', 0, limbs);
  }

  /** (a' + a" x)(b' + b" x) = a'b' + ((a' - a")(b" - b') + a'b' + a"b") x + a"b" x^2. Wraps are harmless: the sums fit. */
  karatsubaColumns() {
    const { limbs } = this.field;
    const half = limbs / 2;
    for (const i of range(half)) {
      this.line(`const e${i} = a${i} - a${i + half}, f${i} = b${i + half} - b${i};`);
    }
    const low = productColumns('a', 'b', 0, half);
    const high = productColumns('a', 'b', half, half);
    const cross = productColumns('e', 'f', 0, half);
    for (const k of range(2 * half - 1)) {
      this.line(`const low${k} = ${sum(low[k])};`);
      this.line(`const high${k} = ${sum(high[k])};`);
      this.line(`const cross${k} = ${sum(cross[k])} + (low${k} + high${k});`);
    }
    const partial = (name, column, from) =>
      range(2 * half - 1).includes(column - from) ? [`${name}${column - from}`] : [];
    return range(2 * limbs - 1).map((column) => [
      ...partial('low', column, 0),
      ...partial('cross', column, half),
      ...partial('high', column, limbs),
    ]);
  }

  reduce(columns) {
    this.assertColumnsFit();
    if (this.field.reduction === 'montgomery') this.reduceMontgomery(columns);
    else this.reduceFold(columns);
  }

  /** Stops the build where a column, with what reduction and the column before add to it, can leave an i64. */
  assertColumnsFit() {
    const { name, bits, limbs, limbBits, terms } = this.field;
    const largest = (CARRIED_EIGHTHS << BigInt(limbBits)) / 8n;
    const products = BigInt(limbs) * largest * largest;
    // What is shifted out of a column, which is also the largest multiplier of a term.
    const carry = 1n << BigInt(63 - limbBits);
    const surplus = limbs * limbBits - bits;
    const reduction = [[bits, 1], ...terms]
      .map(([exponent, factor]) => BigInt(Math.abs(factor)) << BigInt((exponent + surplus) % limbBits))
      .reduce((total, multiplier) => total + multiplier * carry, 0n);
    const column = products + reduction + carry;
    assertFits(bounds(-column, column), `a column of a product in ${name}`);
  }

  /** Adds m * p, m the low limb, once for every limb; what is left above is the product divided by 2^(limbs * limbBits). */
  reduceMontgomery(columns) {
    const { limbs, limbBits, bits, terms } = this.field;
    // p = 2^bits - (the terms); its -1 clears the limb m was taken from.
    const multiples = [
      [bits, 1],
      ...terms.filter(([exponent]) => exponent > 0).map(([exponent, factor]) => [exponent, -factor]),
    ];
    this.line('let t: i64 = 0;');
    for (const column of range(2 * limbs)) {
      let reduction = '';
      for (const [exponent, factor] of multiples.sort((x, y) => y[0] - x[0])) {
        const limb = column - Math.floor(exponent / limbBits);
        if (limb >= 0 && limb < limbs) reduction += scaled(`m${limb}`, factor, exponent % limbBits);
      }
      this.line(`t = (${sum(columns[column] ?? [])}${reduction}) + t;`);
      if (column < limbs) this.line(`const m${column} = t & ${this.mask};`);
      else if (column < 2 * limbs - 1) this.store(column - limbs, `t & ${this.mask}`);
      else this.store(limbs - 1, 't');
      if (column < 2 * limbs - 1) this.line(`t >>= ${limbBits};`);
    }
  }

  /** Carries the high columns by themselves, folds them into the low ones, and what remains above `bits` once more. */
  reduceFold(columns) {
    const { limbs, limbBits, bits } = this.field;
    this.line('let t: i64 = 0;');
    for (let column = limbs; column < 2 * limbs; column++) {
      this.line(`t = ${columns[column] ? `(${sum(columns[column])}) + ` : ''}t;`);
      if (column < 2 * limbs - 1) this.line(`const h${column - limbs} = t & ${this.mask}; t >>= ${limbBits};`);
      else this.line(`const h${limbs - 1} = t;`);
    }
    this.line('t = 0;');
    const surplus = limbs * limbBits - bits;
    for (const k of range(limbs)) {
      let folded = '';
      for (const j of range(k + 1)) folded += this.folds(`h${j}`, surplus).get(k - j) ?? '';
      this.line(`t = (${sum(columns[k])}${folded}) + t;`);
      this.line(`let r${k} = t & ${this.mask}; t >>= ${limbBits};`);
    }
    // The last high limbs reach above the top: a second, small fold.
    for (const j of range(limbs)) {
      for (const [limb, text] of this.folds(`h${j}`, surplus)) {
        if (j + limb < limbs) continue;
        if (j + limb > limbs) throw new Error('a term reaches two limbs too far');
        this.line(`t = t${text};`);
      }
    }
    this.line(`const over = (t << ${surplus}) + (r${limbs - 1} >> ${this.topBits});`);
    this.line(`r${limbs - 1} &= ${this.topMask};`);
    let last = 0;
    for (const [limb, text] of this.folds('over', 0)) {
      this.line(`r${limb} = r${limb}${text};`);
      last = Math.max(last, limb);
    }
    for (const k of range(last + 1)) {
      this.line(`r${k + 1} += r${k} >> ${limbBits}; r${k} &= ${this.mask};`);
    }
    for (const k of range(limbs)) this.store(k, `r${k}`);
  }

  /** o = `expression` of the limbs of the parameters; carried: every limb passes its excess on once, the last one folds. */
  linear(name, parameters, isCarried, expression, comment) {
    const { limbs, limbBits, foldsCarries } = this.field;
    this.method(name, ['o', ...parameters], comment, () => {
      for (const i of range(limbs)) this.line(`const r${i} = ${expression((parameter) => this.load(parameter, i))};`);
      if (!isCarried) {
        for (const i of range(limbs)) this.store(i, `r${i}`);
        return;
      }
      this.line(`const top = r${limbs - 1} + (r${limbs - 2} >> ${limbBits});`);
      if (foldsCarries) this.line(`const over = top >> ${this.topBits};`);
      const folded = foldsCarries ? this.folds('over', 0) : new Map();
      for (const i of range(limbs)) {
        const carried = i === 0 ? `(r0 & ${this.mask})` : `(r${i} & ${this.mask}) + (r${i - 1} >> ${limbBits})`;
        const own = i < limbs - 1 ? carried : foldsCarries ? `(top & ${this.topMask})` : 'top';
        this.store(i, own + (folded.get(i) ?? ''));
      }
    });
  }

  constant(name, type, value, comment) {
    this.lines.push(`  /** ${comment} */`, '  @inline', `  ${name}(): ${type} {`, `    return ${value};`, '  }', '');
  }

  write() {
    const { name, curve, bits, limbs, limbBits, terms, reduction, hasZeroA } = this.field;
    const isMontgomery = reduction === 'montgomery';
    const p =
      (1n << BigInt(bits)) -
      terms.reduce((total, [exponent, factor]) => total + (BigInt(factor) << BigInt(exponent)), 0n);
    const radix = isMontgomery ? 1n << BigInt(limbs * limbBits) : 1n;
    const literal = (value) => `memory.data<i64>([${limbsOf(value, limbs, limbBits).join(', ')}], 16)`;
    const head = [
      `// ${curve}`,
      `const ${name}_PRIME = ${literal(p)};`,
      `const ${name}_ONE = ${literal(radix % p)};`,
      `const ${name}_ENTRY = ${literal((radix * radix) % p)};`,
      '',
      `/** The field of ${curve}: ${limbs} limbs of ${limbBits} bits, ${isMontgomery ? 'Montgomery form' : 'folded'}. Outputs may be inputs. */`,
      '@unmanaged',
      `export class ${name} {`,
    ];
    this.constant('limbs', 'usize', limbs, 'Limbs of an element, 8 bytes each.');
    this.constant('bits', 'usize', bits, 'Bits of p, and of n.');
    this.constant('limbBits', 'usize', limbBits, 'Bits of a limb.');
    this.constant('elementBytes', 'usize', Math.ceil(bits / 8), 'Bytes of an encoded element.');
    this.constant('hasZeroA', 'bool', hasZeroA, 'Whether the curve has a = 0; the others have a = -3.');
    this.constant('hasEndomorphism', 'bool', name === 'FieldP256K1', 'Whether endomorphism.ts is about it.');
    this.constant('prime', 'usize', `${name}_PRIME`, 'Limbs of p.');
    this.constant('one', 'usize', `${name}_ONE`, 'The element 1.');
    this.constant(
      'entry',
      'usize',
      `${name}_ENTRY`,
      'An element whose product with the limbs of an integer is that integer as an element.',
    );
    this.method('mul', ['o', 'a', 'b'], 'o = a * b, carried.', () => this.reduce(this.columns(false)));
    this.method('sqr', ['o', 'a'], 'o = a * a, carried.', () => this.reduce(this.columns(true)));
    this.linear('sub', ['a', 'b'], false, (l) => `${l('a')} - ${l('b')}`, 'o = a - b, not carried.');
    this.linear('neg', ['a'], false, (l) => `0 - ${l('a')}`, 'o = -a, not carried.');
    this.linear('copy', ['a'], false, (l) => l('a'), 'o = a.');
    this.linear('subc', ['a', 'b'], true, (l) => `${l('a')} - ${l('b')}`, 'o = a - b, carried; so are all below.');
    this.linear('addc', ['a', 'b'], true, (l) => `${l('a')} + ${l('b')}`, 'o = a + b.');
    this.linear('sub2c', ['a', 'b'], true, (l) => `${l('a')} - (${l('b')} << 1)`, 'o = a - 2b.');
    this.linear('sub8c', ['a', 'b'], true, (l) => `${l('a')} - (${l('b')} << 3)`, 'o = a - 8b.');
    this.linear(
      'subsub2c',
      ['a', 'b', 'c'],
      true,
      (l) => `${l('a')} - ${l('b')} - (${l('c')} << 1)`,
      'o = a - b - 2c.',
    );
    this.linear('twice', ['a'], true, (l) => `${l('a')} << 1`, 'o = 2a.');
    this.linear('thrice', ['a'], true, (l) => `${l('a')} * 3`, 'o = 3a.');
    this.linear('fourfold', ['a'], true, (l) => `${l('a')} << 2`, 'o = 4a.');
    if (!hasZeroA) this.linear('addThrice', ['a', 'b'], true, (l) => `(${l('a')} + ${l('b')}) * 3`, 'o = 3(a + b).');
    // Table entries hold limbs in 32 bits each; carried limbs fit.
    this.method('narrow', ['o', 'a'], 'Limbs as 32-bit numbers.', () => {
      for (const i of range(limbs)) this.line(`store<i32>(o, <i32>${this.load('a', i)}, ${4 * i});`);
    });
    this.method('widen', ['o', 'a'], 'The inverse of narrow.', () => {
      for (const i of range(limbs)) this.store(i, `<i64>load<i32>(a, ${4 * i})`);
    });
    this.method(
      'negateMasked',
      ['o'],
      'o = -o, not carried, where the mask is all ones; it is 0 otherwise.',
      () => {
        for (const i of range(limbs)) this.store(i, `(${this.load('o', i)} ^ mask) - mask`);
      },
      'mask: i64',
    );
    this.lines.pop();
    return [...head, ...this.lines, '}', ''].join('\n');
  }
}

function productColumns(left, right, from, limbs) {
  return range(2 * limbs - 1).map((column) =>
    range(limbs)
      .filter((i) => column - i >= 0 && column - i < limbs)
      .map((i) => `${left}${i + from} * ${right}${column - i + from}`),
  );
}

function limbsOf(value, limbs, limbBits) {
  return range(limbs).map(
    (i) => `0x${((value >> BigInt(i * limbBits)) & ((1n << BigInt(limbBits)) - 1n)).toString(16)}`,
  );
}

writeGenerated('fields', import.meta.url, FIELDS.map((field) => new FieldWriter(field).write()).join('\n'));
