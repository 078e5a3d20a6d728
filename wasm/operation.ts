/**
 * What an operation is to the executor: an item of work with its spans checked, and the table of functions that do it. A stem
 * registers its rows here; nobody else knows which operations exist. Unmanaged classes are layouts over linear memory, not objects.
 */
import { Key } from './keys';

/** One item of work. Spans are absolute addresses inside the block or the staging area. */
@unmanaged
export class Item {
  /** 0 for operations without a key. */
  key: Key;
  algorithm: u32;
  flags: u32;
  keySpec: u32;
  input: usize;
  inputBytes: usize;
  extra: usize;
  extraBytes: usize;
  /** 0 bytes: drawn by the operation. */
  nonce: usize;
  nonceBytes: usize;
  output: usize;
  capacityBytes: usize;
  /** Set by the operation. */
  outputBytes: usize;
  /** Which closed keys this item may still name: see keys.ts. */
  tick: u32;
}

@unmanaged
export class OperationRow {
  /** Index in the function table of `(item: Item) => u32` (a status); 0: no such operation. */
  run: u32;
  /** Key specs the record's key may have; 0: the operation takes no key. */
  keySpecs: u64;
}

const OPERATIONS: u32 = 16;
const ALGORITHMS: u32 = 128;
const ROW_BYTES: u32 = offsetof<OperationRow>();
const rows = memory.data(<i32>(OPERATIONS * ALGORITHMS * ROW_BYTES), 16);

/** A set of key specs as a bit mask; ids are below 64. */
@inline
export function specs(spec: u32): u64 {
  return (<u64>1) << spec;
}

export function register(operation: u32, algorithm: u32, keySpecs: u64, run: (item: Item) => u32): void {
  const row = changetype<OperationRow>(rows + (operation * ALGORITHMS + algorithm) * ROW_BYTES);
  row.run = run.index;
  row.keySpecs = keySpecs;
}

/** The row of an operation with an algorithm (0 where it has none), or null. */
export function findOperation(operation: u32, algorithm: u32): OperationRow | null {
  if (operation >= OPERATIONS || algorithm >= ALGORITHMS) return null;
  const row = changetype<OperationRow>(rows + (operation * ALGORITHMS + algorithm) * ROW_BYTES);
  return row.run ? row : null;
}
