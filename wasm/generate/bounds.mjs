/** Bounds of integers, for generators that show of every sum they write that it fits an i64. */

/** All integers from `low` to `high`, both included. */
export const bounds = (low, high) => ({ low: BigInt(low), high: BigInt(high) });
export const exactly = (value) => bounds(value, value);
export const plus = (a, b) => ({ low: a.low + b.low, high: a.high + b.high });
export const minus = (a, b) => ({ low: a.low - b.high, high: a.high - b.low });
/** What an arithmetic shift to the right leaves. */
export const shifted = (a, bits) => ({ low: a.low >> BigInt(bits), high: a.high >> BigInt(bits) });

export function times(a, b) {
  const corners = [a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high];
  return {
    low: corners.reduce((x, y) => (y < x ? y : x)),
    high: corners.reduce((x, y) => (y > x ? y : x)),
  };
}

export const contains = (outer, inner) => outer.low <= inner.low && inner.high <= outer.high;

const I64 = bounds(-(1n << 63n), (1n << 63n) - 1n);

/** Stops the build where a sum can leave an i64. */
export function assertFits(sum, what) {
  if (!contains(I64, sum)) throw new Error(`${what} can overflow an i64`);
}
