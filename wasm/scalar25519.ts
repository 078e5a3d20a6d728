/**
 * Scalars modulo L, the order of edwards25519's base point (RFC 8032 section 5.1): 32 bytes, little-endian, in linear memory.
 * The arithmetic is in generate/scalar25519.mjs. Constant time but for what is named _vartime.
 */
import { multiplyAddColumns, reduceColumns, splitWide } from './generated/scalar25519';
import { wipe } from './memory';

export const SCALAR_BYTES: usize = 32;

const COLUMNS_BYTES: usize = 19 * 8;
const columns = memory.data(<i32>COLUMNS_BYTES, 16);

/** L, RFC 8032 section 5.1. */
const ORDER = memory.data<u64>([0x5812631a5cf5d3ed, 0x14def9dea2f79cd6, 0, 0x1000000000000000], 16);

/** out = wide mod L, for 64 bytes. */
export function reduceScalar(out: usize, wide: usize): void {
  splitWide(columns, wide);
  reduceColumns(out, columns);
  wipe(columns, COLUMNS_BYTES);
}

/** out = (left * right + addend) mod L, for numbers below 2^256. */
export function multiplyAddScalars(out: usize, left: usize, right: usize, addend: usize): void {
  multiplyAddColumns(columns, left, right, addend);
  reduceColumns(out, columns);
  wipe(columns, COLUMNS_BYTES);
}

/** Whether a scalar is below L. */
export function isCanonicalScalar_vartime(scalar: usize): bool {
  for (let offset: usize = SCALAR_BYTES; offset; ) {
    offset -= 8;
    const word = load<u64>(scalar + offset);
    const limit = load<u64>(ORDER + offset);
    if (word != limit) return word < limit;
  }
  return false;
}
