/**
 * Linear memory: a segregated free list over a bump pointer for blocks and keys, and the two things secrets need of memory,
 * wiping and comparison without early exit. Knows nothing of keys or records.
 */

export const ALIGNMENT_BYTES: usize = 64;
const PAGE_BYTES: usize = 65536;
/** Memory is grown by at least this many pages, since every growth makes the host take new views. */
const GROWTH_PAGES: i32 = 16;
/** log2 of the largest size served in steps of one alignment unit; above it each doubling has four sizes. */
const LINEAR_BITS: u32 = 8;
const LARGEST_BYTES: usize = 0x7fff0000;
const CLASSES: usize = 4 + (31 - <usize>LINEAR_BITS) * 4;

const freeLists = memory.data(<i32>(CLASSES * sizeof<usize>()), 16);
let top: usize = (__heap_base + ALIGNMENT_BYTES - 1) & ~(ALIGNMENT_BYTES - 1);

/** log2 of the step between sizes around `bytes`. */
@inline
function stepBits(bytes: usize): u32 {
  const bits: u32 = 31 - clz<u32>(<u32>(bytes - 1) | (1 << (LINEAR_BITS - 1)));
  return bits < LINEAR_BITS ? LINEAR_BITS - 2 : bits - 2;
}

/** The size a request is rounded up to: at most a quarter is lost, and freed memory fits the next request of its kind. */
export function roundedBytes(bytes: usize): usize {
  const step = stepBits(max<usize>(bytes, 1));
  return (((max<usize>(bytes, 1) - 1) >> step) + 1) << step;
}

function listOf(rounded: usize): usize {
  const step = stepBits(rounded);
  const quarter = (rounded - 1) >> step;
  const index = <usize>(step - (LINEAR_BITS - 2)) * 4 + quarter;
  return freeLists + index * sizeof<usize>();
}

/** Zeroed memory of at least `bytes`, aligned to 64, or 0 where there is none left. */
export function allocate(bytes: usize): usize {
  if (bytes > LARGEST_BYTES) return 0;
  const rounded = roundedBytes(bytes);
  const list = listOf(rounded);
  const reused = load<usize>(list);
  if (reused) {
    store<usize>(list, load<usize>(reused));
    store<usize>(reused, 0);
    return reused;
  }
  const pointer = top;
  const available = <usize>memory.size() * PAGE_BYTES;
  if (rounded > available - pointer) {
    const missingPages = <i32>((rounded - (available - pointer) + PAGE_BYTES - 1) / PAGE_BYTES);
    if (memory.grow(max(missingPages, GROWTH_PAGES)) < 0 && memory.grow(missingPages) < 0) return 0;
  }
  top = pointer + rounded;
  return pointer;
}

/** Wipes memory got by `allocate(bytes)` and gives it back. Pointer 0 is ignored. */
export function release(pointer: usize, bytes: usize): void {
  if (!pointer) return;
  const rounded = roundedBytes(bytes);
  memory.fill(pointer, 0, rounded);
  const list = listOf(rounded);
  store<usize>(pointer, load<usize>(list));
  store<usize>(list, pointer);
}

/** Overwrites with zeros. Linear memory is observable by the host, so engines keep the stores. */
@inline
export function wipe(pointer: usize, bytes: usize): void {
  memory.fill(pointer, 0, bytes);
}

/** Whether two strings of bytes agree, in time that depends on their length only. */
export function isEqual(left: usize, right: usize, bytes: usize): bool {
  let difference: u32 = 0;
  for (let i: usize = 0; i < bytes; i++) difference |= load<u8>(left + i) ^ load<u8>(right + i);
  return difference == 0;
}
