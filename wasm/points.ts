/**
 * Points of y^2 = x^3 + ax + b in Jacobian coordinates: (X, Y, Z) stands for (X / Z^2, Y / Z^3), Z = 0 for the point at infinity.
 * Formulas are those of the Explicit-Formulas Database (Bernstein, Lange), generic over the field. An addition of equal or opposite
 * points, or of infinity, gives Z = 0, which later steps keep: callers compute first and look at Z once, at the end.
 */
import { canonicalize, isZero, LIMB_BYTES, pack, unpack, WORDS_BYTES } from './limbs';

/** The functions of a field of generated/fields.ts. They use no object, so none is needed to call them. */
@inline
export function field<F>(): F {
  return changetype<F>(0);
}

/** Memory of an element, and of the largest one. */
@inline
export function elementSize<F>(): usize {
  return field<F>().limbs() * LIMB_BYTES;
}
export const MAXIMUM_ELEMENT_SIZE: usize = 18 * LIMB_BYTES;
export const MAXIMUM_POINT_SIZE: usize = 3 * MAXIMUM_ELEMENT_SIZE;

@inline
export function pointSize<F>(): usize {
  return 3 * elementSize<F>();
}

@inline
export function yOf<F>(point: usize): usize {
  return point + elementSize<F>();
}

@inline
export function zOf<F>(point: usize): usize {
  return point + 2 * elementSize<F>();
}

const TEMPORARIES: usize = 10;
const temporaries = memory.data(<i32>(TEMPORARIES * MAXIMUM_ELEMENT_SIZE), 16);
/** Words of the element last compared with 0. */
const zeroTest = memory.data(<i32>WORDS_BYTES, 16);
/** The integer 1 as limbs; unlike the element 1 it takes an element out of Montgomery form. */
const unit = memory.data<i64>([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 16);

@inline
function temporary(index: usize): usize {
  return temporaries + index * MAXIMUM_ELEMENT_SIZE;
}

/** Forgets intermediate values. The denominator of a secret multiple is one, and as telling as the scalar (Naccache et al. 2004). */
export function wipePoints(): void {
  memory.fill(temporaries, 0, TEMPORARIES * MAXIMUM_ELEMENT_SIZE);
  memory.fill(zeroTest, 0, WORDS_BYTES);
}

/** The element of words below p. */
export function toElement<F>(element: usize, words: usize): void {
  const f = field<F>();
  unpack(element, words, f.limbs(), f.limbBits());
  f.mul(element, element, f.entry());
}

/** The words, below p, of an element. */
export function fromElement<F>(words: usize, element: usize): void {
  const f = field<F>();
  const limbs = temporary(0);
  f.mul(limbs, element, unit);
  canonicalize(limbs, f.prime(), f.limbs(), f.limbBits());
  pack(words, limbs, f.limbs(), f.limbBits());
}

/** Whether an element is 0. */
export function isZeroElement<F>(element: usize): bool {
  fromElement<F>(zeroTest, element);
  return isZero(zeroTest);
}

@inline
export function isInfinity<F>(point: usize): bool {
  return isZeroElement<F>(zOf<F>(point));
}

/** The point (x, y) of the elements there. */
export function setAffine<F>(point: usize, x: usize, y: usize): void {
  const f = field<F>();
  f.copy(point, x);
  f.copy(yOf<F>(point), y);
  f.copy(zOf<F>(point), f.one());
}

/** o = 2a (dbl-2001-b with a = -3, dbl-2009-l with a = 0). o may be a. */
export function double<F>(o: usize, a: usize): void {
  const f = field<F>();
  const y = yOf<F>(a);
  const z = zOf<F>(a);
  const gamma = temporary(0);
  const beta = temporary(1);
  const alpha = temporary(2);
  const t = temporary(3);
  const u = temporary(4);
  f.sqr(gamma, y);
  f.mul(beta, a, gamma);
  // alpha = 3X^2 + aZ^4
  if (f.hasZeroA()) {
    f.sqr(t, a);
    f.thrice(alpha, t);
  } else {
    const delta = alpha;
    f.sqr(delta, z);
    f.sub(t, a, delta);
    f.addThrice(u, a, delta);
    f.mul(alpha, t, u);
  }
  f.mul(t, y, z);
  f.twice(zOf<F>(o), t);
  f.sqr(t, alpha);
  f.fourfold(beta, beta);
  f.sub2c(o, t, beta);
  f.sub(t, beta, o);
  f.mul(t, alpha, t);
  f.sqr(gamma, gamma);
  f.sub8c(yOf<F>(o), t, gamma);
}

/** o = a + (x, y), 8M + 3S. o may be a. */
export function addAffine<F>(o: usize, a: usize, x: usize, y: usize): void {
  const f = field<F>();
  const z = zOf<F>(a);
  const zz = temporary(0);
  const h = temporary(1);
  const r = temporary(2);
  f.sqr(zz, z);
  f.mul(h, x, zz);
  f.sub(h, h, a);
  f.mul(zz, z, zz);
  f.mul(r, y, zz);
  f.sub(r, r, yOf<F>(a));
  f.mul(zOf<F>(o), z, h);
  finishSum<F>(o, a, yOf<F>(a), h, r);
}

/** o = a + b, 12M + 4S. o may be either. */
export function add<F>(o: usize, a: usize, b: usize): void {
  const f = field<F>();
  const h = temporary(1);
  const r = temporary(2);
  const u = temporary(6);
  const s = temporary(7);
  const zz = temporary(8);
  const t = temporary(9);
  f.sqr(zz, zOf<F>(b));
  f.mul(u, a, zz);
  f.mul(t, zOf<F>(b), zz);
  f.mul(s, yOf<F>(a), t);
  f.sqr(zz, zOf<F>(a));
  f.mul(h, b, zz);
  f.sub(h, h, u);
  f.mul(t, zOf<F>(a), zz);
  f.mul(r, yOf<F>(b), t);
  f.sub(r, r, s);
  f.mul(t, zOf<F>(a), zOf<F>(b));
  f.mul(zOf<F>(o), t, h);
  finishSum<F>(o, u, s, h, r);
}

/** X and Y of a sum from x and y of one summand over the common denominator, and the differences h and r. */
function finishSum<F>(o: usize, x: usize, y: usize, h: usize, r: usize): void {
  const f = field<F>();
  const hh = temporary(3);
  const v = temporary(4);
  const t = temporary(5);
  f.sqr(hh, h);
  f.mul(v, x, hh);
  f.mul(hh, h, hh);
  f.mul(t, y, hh);
  f.sqr(h, r);
  f.subsub2c(o, h, hh, v);
  f.sub(v, v, o);
  f.mul(v, r, v);
  f.subc(yOf<F>(o), v, t);
}

/** Whether the points of the last `add` had the same y over the common denominator: what tells equal points from opposite ones. */
export function wereSameY<F>(): bool {
  return isZeroElement<F>(temporary(2));
}

/** y^2 - (x^3 + ax + b) is 0. */
export function isOnCurve<F>(x: usize, y: usize, b: usize): bool {
  const f = field<F>();
  const t = temporary(1);
  const u = temporary(2);
  f.sqr(t, x);
  if (!f.hasZeroA()) {
    f.twice(u, f.one());
    f.addc(u, u, f.one());
    f.subc(t, t, u);
  }
  f.mul(t, t, x);
  f.addc(t, t, b);
  f.sqr(u, y);
  f.subc(t, t, u);
  return isZeroElement<F>(t);
}
