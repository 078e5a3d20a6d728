/**
 * Writes wasm/generated/montgomery_kernels.ts: Montgomery multiplication and squaring on balanced digits held as f64 (see
 * wasm/montgomery_digits.ts for the representation and its bounds), unrolled into register tiles.
 *
 * Why f64x2: a WebAssembly engine has no wide integer multiply, but a vector of two doubles multiplies and adds 24-bit digits exactly
 * and without shuffles. Why tiles: a tile of 4 rows does 16 vector products on 11 to 14 loads, which keeps the multipliers busy and the
 * accumulators in registers. Why product scanning (column blocks from low to high): accumulators never leave registers, and the
 * quotient's digits come out just when they are needed.
 *
 * "Pair" kernels work on two numbers with two moduli at once, one in each lane: p and q of RSA, or two prime candidates.
 * "Wide" kernels work on one number; lanes are neighbouring columns.
 *
 * In both, limb 0 of the modulus is -1 by construction and never read: it is what makes the quotient's digit the column's own digit.
 */
import { writeGenerated } from './write.mjs';

const TILE = 4;
const lines = [];
const emit = (text) => lines.push(text);
const range = (count) => Array.from({ length: Math.max(count, 0) }, (_, index) => index);
const plus = (base, bytes) => (bytes ? `${base}, ${bytes}` : base);
const add = (left, right) => `f64x2.add(${left}, ${right})`;
const mul = (left, right) => `f64x2.mul(${left}, ${right})`;
const sub = (left, right) => `f64x2.sub(${left}, ${right})`;
/** The nearest multiple of the radix: adding and taking away 1.5 * 2^52 * radix rounds at that bit. */
const rounded = (value) => sub(add(value, 'magic'), 'magic');

/**
 * An accumulator plus a tile's four products. The accumulator comes last: the chain from tile to tile is then one addition long, and the
 * newest digit of the quotient, in the last product, is not waited for any longer than it must be.
 */
const tileSum = (accumulator, product) => add(accumulator, range(TILE).map(product).reduce(add));
const LIMB = { pair: 16, wide: 8 };

// ---- Pair ----

/** c0..c3 += rows x (4 digits) times y: column c gets x[r] * y[c - r]. `x` and `y` point at the digits of column block and row block. */
function pairTile(indent) {
  for (const r of range(TILE)) emit(`${indent}const x${r} = v128.load(${plus('x', r * LIMB.pair)});`);
  for (let d = 1 - TILE; d < TILE; d++) {
    const load = d < 0 ? plus(`y - ${(TILE - 1) * LIMB.pair}`, (d + TILE - 1) * LIMB.pair) : plus('y', d * LIMB.pair);
    emit(`${indent}const y${d + TILE - 1} = v128.load(${load});`);
  }
  for (const c of range(TILE))
    emit(`${indent}c${c} = ${tileSum(`c${c}`, (r) => mul(`x${r}`, `y${c - r + TILE - 1}`))};`);
}

/** Sums the tiles of rows from `x` up to `end`, row blocks upwards, column blocks downwards. */
function pairTiles() {
  emit('    while (x < end) {');
  pairTile('      ');
  emit('      x += 64;\n      y -= 64;\n    }');
}

/** The digits of `a` times `b` in this block of columns. */
function pairProduct() {
  emit(`    let x = a + first;
    let y = b + (column - first);
    let end = a + (column < span ? column + 64 : span);`);
  pairTiles();
}

/** The same of `a` squared: products of different digits once and doubled, then the squares. */
function pairSquare() {
  emit(`    const half = (column >> 7) << 6;
    let x = a + first;
    let y = a + (column - first);
    let end = a + half;`);
  pairTiles();
  emit('    x = a + half;');
  for (const d of range(2 * TILE)) emit(`    const v${d} = v128.load(${plus('x', d * LIMB.pair)});`);
  // The tile on the diagonal: rows i = half + r and columns of digits j = i's partner; `shift` is 0 or 4 digits.
  for (const shift of [TILE, 0]) {
    emit(shift ? '    if (column & 64) {' : '    } else {');
    for (const c of range(TILE)) {
      let sum = `c${c}`;
      for (const r of range(TILE)) if (2 * r < shift + c) sum = add(sum, mul(`v${r}`, `v${shift + c - r}`));
      emit(`      c${c} = ${sum};\n      c${c} = ${add(`c${c}`, `c${c}`)};`);
      const square = (shift + c) / 2;
      if (square % 1 === 0 && square < TILE) emit(`      c${c} = ${add(`c${c}`, mul(`v${square}`, `v${square}`))};`);
    }
  }
  emit('    }');
}

/**
 * Adds the multiples of the modulus that make the low half vanish; writes quotient digits or the result's. What has to wait for the
 * block before comes last: its carry, and the tile of its four digits of the quotient, which are still in registers. (The first block has
 * none before it: zeros, and an end before the start.)
 */
function pairReduction() {
  emit(`    x = quotient + first;
    y = modulus + (column - first);
    end = quotient + (column < span ? column - 64 : span);`);
  pairTiles();
  emit(`    c0 = ${add('c0', 'carry')};
    if (column < span) {
      const digits = quotient + column;`);
  for (const d of range(2 * TILE - 1))
    emit(`      const n${d + 1} = v128.load(${plus('modulus', (d + 1) * LIMB.pair)});`);
  for (const c of range(TILE)) {
    emit(`      c${c} = ${tileSum(`c${c}`, (r) => mul(`q${r}`, `n${TILE + c - r}`))};`);
  }
  for (const c of range(TILE)) {
    let sum = `c${c}`;
    for (const k of range(c - 1)) sum = add(sum, mul(`q${k}`, `n${c - k}`));
    if (c) emit(`      c${c} = ${add(add(sum, mul(`r${c - 1}`, 'inverse')), mul(`q${c - 1}`, 'n1'))};`);
    emit(`      const r${c} = ${rounded(`c${c}`)};
      q${c} = ${sub(`c${c}`, `r${c}`)};
      v128.store(digits, q${c}${c ? `, ${c * LIMB.pair}` : ''});`);
  }
  emit(`      carry = ${mul('r3', 'inverse')};\n    } else {\n      const digits = output + (column - span);`);
  for (const c of range(TILE)) {
    if (c) emit(`      c${c} = ${add(`c${c}`, mul(`r${c - 1}`, 'inverse'))};`);
    emit(`      const r${c} = ${rounded(`c${c}`)};
      v128.store(digits, ${sub(`c${c}`, `r${c}`)}${c ? `, ${c * LIMB.pair}` : ''});`);
  }
  emit(`      carry = ${mul('r3', 'inverse')};\n    }`);
}

function pairKernel(name, parameters, doc, product) {
  emit(`
/** ${doc} */
export function ${name}(output: usize, ${parameters}, modulus: usize, limbs: usize): void {
  const magic = v128.load(modulus - HEADER_BYTES);
  const inverse = v128.load(modulus - HEADER_BYTES, 16);
  const zero = f64x2.splat(0);
  const span = limbs << 4;
  let carry = zero;
  let q0 = zero;
  let q1 = zero;
  let q2 = zero;
  let q3 = zero;
  for (let column: usize = 0; column < span << 1; column += 64) {
    const first: usize = column > span ? column - span : 0;
    let c0 = zero;
    let c1 = zero;
    let c2 = zero;
    let c3 = zero;`);
  product();
  pairReduction();
  emit('  }\n}');
}

// ---- Wide ----

const WIDE = 2 * TILE;

/** v0..v3, each two columns, += 4 rows of `x` times y. */
function wideTile(indent) {
  for (const r of range(TILE)) emit(`${indent}const x${r} = v128.load64_splat(${plus('x', r * LIMB.wide)});`);
  for (let d = 1 - TILE; d < WIDE - 1; d++) {
    const load = plus(`y - ${(TILE - 1) * LIMB.wide}`, (d + TILE - 1) * LIMB.wide);
    emit(`${indent}const y${d + TILE - 1} = v128.load(${load});`);
  }
  for (const t of range(TILE))
    emit(`${indent}v${t} = ${tileSum(`v${t}`, (r) => mul(`x${r}`, `y${2 * t - r + TILE - 1}`))};`);
}

function wideTiles() {
  emit('    while (x < end) {');
  wideTile('      ');
  emit('      x += 32;\n      y -= 32;\n    }');
}

function wideProduct() {
  emit(`    let x = a + first;
    let y = b + (column - first);
    let end = a + (column < span ? column + 64 : span);`);
  wideTiles();
}

function wideSquare() {
  emit(`    const half = column >> 1;
    let x = a + first;
    let y = a + (column - first);
    let end = a + half;`);
  wideTiles();
  emit('    x = a + half;');
  for (const r of range(TILE)) emit(`    const x${r} = v128.load64_splat(${plus('x', r * LIMB.wide)});`);
  for (const t of range(TILE)) {
    let sum = `v${t}`;
    for (const r of range(t)) sum = add(sum, mul(`x${r}`, `v128.load(${plus('x', (2 * t - r) * LIMB.wide)})`));
    emit(`    v${t} = ${sum};\n    v${t} = ${add(`v${t}`, `v${t}`)};`);
    // The square in the even column counts once, the product of neighbours in the odd column twice.
    emit(`    v${t} = ${add(`v${t}`, mul(mul(`x${t}`, 'onceTwice'), `v128.load(${plus('x', t * LIMB.wide)})`))};`);
  }
}

function wideReduction() {
  emit(`    x = quotient + first;
    y = modulus + (column - first);
    end = quotient + (column < span ? column : span);`);
  wideTiles();
  emit('    let c: f64;\n    let r: f64;\n    if (column < span) {\n      const digits = quotient + column;');
  const column = (k) => {
    emit(`      c = f64x2.extract_lane(v${k >> 1}, ${k & 1}) + carry;
      r = c + magic - magic;
      carry = r * inverse;`);
  };
  for (const k of range(WIDE)) {
    column(k);
    emit(
      `      const q${k} = f64x2.splat(c - r);\n      v128.store64_lane(digits, q${k}, 0${k ? `, ${k * LIMB.wide}` : ''});`,
    );
    // Digits of the modulus below limb 1 are held as zeros, so that a vector may reach over its start.
    for (let t = (k + 1) >> 1; t < TILE; t++) {
      const offset = (2 * t - k) * LIMB.wide;
      const load = offset < 0 ? `modulus - ${-offset}` : plus('modulus', offset);
      emit(`      v${t} = ${add(`v${t}`, mul(`q${k}`, `v128.load(${load})`))};`);
    }
  }
  emit('    } else {\n      const digits = output + (column - span);');
  for (const k of range(WIDE)) {
    column(k);
    emit(`      store<f64>(digits, c - r${k ? `, ${k * LIMB.wide}` : ''});`);
  }
  emit('    }');
}

function wideKernel(name, parameters, doc, product, constants = '') {
  emit(`
/** ${doc} */
export function ${name}(output: usize, ${parameters}, modulus: usize, limbs: usize): void {
  const magic = load<f64>(modulus - HEADER_BYTES);
  const inverse = load<f64>(modulus - HEADER_BYTES, 16);
  const zero = f64x2.splat(0);${constants}
  const span = limbs << 3;
  let carry: f64 = 0;
  for (let column: usize = 0; column < span << 1; column += 64) {
    const first: usize = column > span ? column - span : 0;
    let v0 = zero;
    let v1 = zero;
    let v2 = zero;
    let v3 = zero;`);
  product();
  wideReduction();
  emit('  }\n}');
}

emit(`import { HEADER_BYTES, quotient } from '../montgomery_digits';`);
pairKernel('multiplyPair', 'a: usize, b: usize', 'a * b / R in both lanes. `output` may be `a` or `b`.', pairProduct);
pairKernel('squarePair', 'a: usize', 'a * a / R in both lanes. `output` may be `a`.', pairSquare);
wideKernel('multiplyWide', 'a: usize, b: usize', 'a * b / R. `output` may be `a` or `b`.', wideProduct);
wideKernel(
  'squareWide',
  'a: usize',
  'a * a / R. `output` may be `a`.',
  wideSquare,
  `
  const onceTwice = f64x2.replace_lane(f64x2.splat(1), 1, 2);`,
);

writeGenerated('montgomery_kernels', import.meta.url, `${lines.join('\n')}\n`);
