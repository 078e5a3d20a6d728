/**
 * The executor: walks a block's records, checks everything they say (backend.ts has the rules), finds the keys and calls the
 * operation's function. Knows the layout of records and nothing of cryptography.
 */
import {
  BLOCK_HEADER_BYTES,
  BLOCK_MAGIC,
  FLAG_DETERMINISTIC,
  FLAG_EXPORTABLE,
  FLAG_EXTERNAL,
  FLAG_FORMAT_PKCS8,
  FLAG_FORMAT_SPKI,
  FLAG_LOW_S,
  FLAG_MESSAGE_IS_DIGEST,
  FLAG_P1363,
  FLAG_RECOVERY_ID,
  HANDLE_BYTES,
  HEADER_WORD_MAGIC,
  HEADER_WORD_RECORD_COUNT,
  HEADER_WORD_USED_BYTES,
  OPERATION_DECRYPT,
  OPERATION_DERIVE_SHARED_SECRET,
  OPERATION_DIGEST,
  OPERATION_ENCRYPT,
  OPERATION_EXPORT_KEY,
  OPERATION_GENERATE_KEY,
  OPERATION_IMPORT_KEY,
  OPERATION_MAC,
  OPERATION_NONE,
  OPERATION_RANDOM,
  OPERATION_SIGN,
  OPERATION_UNWRAP_KEY,
  OPERATION_VERIFY,
  OPERATION_VERIFY_MAC,
  OPERATION_WRAP_KEY,
  RECORD_BYTES,
  STATUS_CANCELLED,
  STATUS_INVALID_HANDLE,
  STATUS_MALFORMED_RECORD,
  STATUS_OK,
  STATUS_UNAVAILABLE,
  STATUS_UNSUPPORTED,
  STATUS_WRONG_KEY,
  WORD_EXTRA_BYTES,
  WORD_EXTRA_OFFSET,
  WORD_FLAGS_AND_STATUS,
  WORD_INPUT_BYTES,
  WORD_INPUT_OFFSET,
  WORD_ITEMS,
  WORD_KEY_GENERATION,
  WORD_KEY_SLOT,
  WORD_KEY_SPEC,
  WORD_KEYS_OFFSET,
  WORD_NONCE_BYTES,
  WORD_NONCE_OFFSET,
  WORD_OPERATION_AND_ALGORITHM,
  WORD_OUTPUT_BYTES,
  WORD_OUTPUT_OFFSET,
  WORD_STATUSES_OFFSET,
} from './contract';
import { hasKeyType, resolve } from './keys';
import { findOperation, Item, OperationRow, specs } from './operation';

/** What of a record an operation reads; backend.ts has the table. Fields that are not its own are not looked at. */
const INPUT: u32 = 1;
const EXTRA: u32 = 2;
/** `extra` is one per item, not shared. */
const EXTRA_PER_ITEM: u32 = 4;
const OUTPUT: u32 = 8;
const NONCE: u32 = 16;
/** The input is the handle of another key. */
const SUBJECT: u32 = 32;
/** The output is a handle, and `keySpec` says of what. */
const MAKES_KEY: u32 = 64;
/** There may be several items, and they may lie outside the block. */
const ITEMS: u32 = 128;

const OPERATIONS: u32 = 16;
const FORMAT_FLAGS = FLAG_FORMAT_PKCS8 | FLAG_FORMAT_SPKI;
const VERIFYING_FLAGS = FLAG_MESSAGE_IS_DIGEST | FLAG_P1363;
const SIGNING_FLAGS = VERIFYING_FLAGS | FLAG_DETERMINISTIC | FLAG_LOW_S | FLAG_RECOVERY_ID;

/** Allowed flags and fields of each operation, two words each; no fields: no such operation. */
const shapes = memory.data(<i32>(OPERATIONS * 8), 16);

function shape(operation: u32, flags: u32, fields: u32): void {
  store<u32>(shapes + operation * 8, flags);
  store<u32>(shapes + operation * 8, fields, 4);
}

@inline
function flagsOf(operation: u32): u32 {
  return operation < OPERATIONS ? load<u32>(shapes + operation * 8) : 0;
}

@inline
function fieldsOf(operation: u32): u32 {
  return operation < OPERATIONS ? load<u32>(shapes + operation * 8, 4) : 0;
}

/** Fills the table of shapes. */
export function openExecutor(): void {
  shape(OPERATION_ENCRYPT, 0, INPUT | EXTRA | OUTPUT | NONCE | ITEMS);
  shape(OPERATION_DECRYPT, 0, INPUT | EXTRA | OUTPUT | ITEMS);
  shape(OPERATION_SIGN, SIGNING_FLAGS, INPUT | OUTPUT | ITEMS);
  shape(OPERATION_VERIFY, VERIFYING_FLAGS, INPUT | EXTRA | EXTRA_PER_ITEM | ITEMS);
  shape(OPERATION_MAC, 0, INPUT | OUTPUT | ITEMS);
  shape(OPERATION_VERIFY_MAC, 0, INPUT | EXTRA | EXTRA_PER_ITEM | ITEMS);
  shape(OPERATION_DIGEST, 0, INPUT | OUTPUT | ITEMS);
  shape(OPERATION_DERIVE_SHARED_SECRET, 0, EXTRA | OUTPUT | ITEMS);
  shape(OPERATION_RANDOM, 0, OUTPUT | ITEMS);
  shape(OPERATION_GENERATE_KEY, FLAG_EXPORTABLE, OUTPUT | MAKES_KEY);
  shape(OPERATION_IMPORT_KEY, FLAG_EXPORTABLE | FORMAT_FLAGS, INPUT | OUTPUT | MAKES_KEY);
  shape(OPERATION_EXPORT_KEY, FORMAT_FLAGS, OUTPUT);
  shape(OPERATION_WRAP_KEY, 0, INPUT | EXTRA | OUTPUT | SUBJECT);
  shape(OPERATION_UNWRAP_KEY, FLAG_EXPORTABLE, INPUT | EXTRA | OUTPUT | MAKES_KEY);
}

const HALF_BITS: u32 = 16;
const LOW_HALF: u32 = 0xffff;

const item = changetype<Item>(memory.data(<i32>offsetof<Item>(), 16));
let isClosed: bool = false;

/** From now on every record is answered UNAVAILABLE. */
export function closeExecutor(): void {
  isClosed = true;
}

@inline
function word(record: usize, index: u32): u32 {
  return load<u32>(record + ((<usize>index) << 2));
}

@inline
function setWord(record: usize, index: u32, value: u32): void {
  store<u32>(record + ((<usize>index) << 2), value);
}

/** Where one record may reach: its block, and the views of its input and output. */
@unmanaged
class Reach {
  block: usize;
  /** Where the block's records end, and where the block does. */
  arenaStart: u64;
  end: u64;
  inputBase: usize;
  inputEnd: u64;
  outputBase: usize;
  outputStart: u64;
  outputEnd: u64;
}
const reach = changetype<Reach>(memory.data(<i32>offsetof<Reach>(), 16));

/** Whether counts, flags and spans of the record are what the contract allows for its operation. */
function isWellFormed(record: usize, isExternal: bool): bool {
  const operation = word(record, WORD_OPERATION_AND_ALGORITHM) & LOW_HALF;
  const fields = fieldsOf(operation);
  const flags = word(record, WORD_FLAGS_AND_STATUS) & LOW_HALF;
  const items = word(record, WORD_ITEMS);
  if (((flags & FLAG_EXTERNAL) != 0) != isExternal || flags & ~(flagsOf(operation) | FLAG_EXTERNAL)) return false;
  if ((flags & FORMAT_FLAGS) == FORMAT_FLAGS) return false;
  if (!items || (!(fields & ITEMS) && (items > 1 || isExternal))) return false;
  if (word(record, WORD_STATUSES_OFFSET) ? !hasStatuses(record) : items > 1) return false;
  if (!hasOutputSpan(record)) return false;
  if (fields & MAKES_KEY && word(record, WORD_OUTPUT_BYTES) < HANDLE_BYTES) return false;
  if (fields & SUBJECT && word(record, WORD_INPUT_BYTES) != HANDLE_BYTES) return false;
  if (fields & INPUT && !isWithin(record, WORD_INPUT_OFFSET, WORD_INPUT_BYTES, items, 0, reach.inputEnd)) return false;
  const extras = fields & EXTRA_PER_ITEM ? items : 1;
  if (fields & EXTRA && !isWithin(record, WORD_EXTRA_OFFSET, WORD_EXTRA_BYTES, extras, 0, reach.end)) return false;
  if (fields & NONCE && !isWithin(record, WORD_NONCE_OFFSET, WORD_NONCE_BYTES, 1, 0, reach.end)) return false;
  // One nonce for several items would encrypt them all with one keystream.
  return !(fields & NONCE && items > 1 && word(record, WORD_NONCE_BYTES));
}

/** Whether `items` spans lie between `start` and `end`; spans of no bytes lie everywhere. */
function isWithin(record: usize, offsetWord: u32, bytesWord: u32, items: u32, start: u64, end: u64): bool {
  return isSpan(word(record, offsetWord), <u64>word(record, bytesWord) * items, start, end);
}

@inline
function isSpan(offset: u64, bytes: u64, start: u64, end: u64): bool {
  return !bytes || (offset >= start && offset <= end && bytes <= end - offset);
}

/** Outputs may not touch header and records. */
function hasOutputSpan(record: usize): bool {
  const fields = fieldsOf(word(record, WORD_OPERATION_AND_ALGORITHM) & LOW_HALF);
  if (!(fields & OUTPUT)) return true;
  const items = word(record, WORD_ITEMS);
  return isWithin(record, WORD_OUTPUT_OFFSET, WORD_OUTPUT_BYTES, items, reach.outputStart, reach.outputEnd);
}

function hasStatuses(record: usize): bool {
  return isSpan(word(record, WORD_STATUSES_OFFSET), word(record, WORD_ITEMS), reach.arenaStart, reach.end);
}

/** OK, or MALFORMED_RECORD where the list of keys is outside the block. */
function keysStatus(record: usize): u32 {
  const keys = word(record, WORD_KEYS_OFFSET);
  const bytes = <u64>word(record, WORD_ITEMS) * HANDLE_BYTES;
  return !keys || isSpan(keys, bytes, 0, reach.end) ? STATUS_OK : STATUS_MALFORMED_RECORD;
}

/** Ends a record that did not run: zeroes its output area, where that lies in its reach, and says so in every status. */
function refuse(record: usize, status: u32): void {
  const items = word(record, WORD_ITEMS);
  const hasOutput = fieldsOf(word(record, WORD_OPERATION_AND_ALGORITHM) & LOW_HALF) & OUTPUT;
  if (hasOutput && !(word(record, WORD_FLAGS_AND_STATUS) & FLAG_EXTERNAL) && hasOutputSpan(record)) {
    const bytes = <usize>items * word(record, WORD_OUTPUT_BYTES);
    if (bytes) memory.fill(reach.outputBase + word(record, WORD_OUTPUT_OFFSET), 0, bytes);
  }
  const statuses = word(record, WORD_STATUSES_OFFSET);
  if (items && statuses && hasStatuses(record)) memory.fill(reach.block + statuses, <u8>status, items);
  finish(record, status, 0);
}

function finish(record: usize, status: u32, outputBytes: usize): void {
  setWord(record, WORD_OUTPUT_BYTES, <u32>outputBytes);
  setWord(record, WORD_FLAGS_AND_STATUS, (word(record, WORD_FLAGS_AND_STATUS) & LOW_HALF) | (status << HALF_BITS));
}

/** Where a span is. One of no bytes may have any offset, and even an empty copy must not leave linear memory. */
@inline
function addressOf(base: usize, record: usize, offsetWord: u32, bytesWord: u32): usize {
  return word(record, bytesWord) ? base + word(record, offsetWord) : reach.block;
}

/** Finds the item's key and runs it; on failure its output is zeroed. */
function runItem(row: OperationRow, slot: u32, generation: u32): u32 {
  let status: u32 = STATUS_OK;
  item.outputBytes = 0;
  if (row.keySpecs) {
    const key = resolve(slot, generation, item.tick);
    if (!key) status = STATUS_INVALID_HANDLE;
    else if (!(row.keySpecs & specs(key.spec))) status = STATUS_WRONG_KEY;
    else item.key = key;
  }
  if (status == STATUS_OK) status = call_indirect<u32>(row.run, item);
  if (status != STATUS_OK) {
    memory.fill(item.output, 0, item.capacityBytes);
    item.outputBytes = 0;
  }
  return status;
}

/** Runs items `first` to `first + count` of a checked record. Returns the last status; output bytes per item in `item.outputBytes`. */
function runItems(record: usize, row: OperationRow, first: u32, count: u32): u32 {
  const block = reach.block;
  const operation = word(record, WORD_OPERATION_AND_ALGORITHM);
  const fields = fieldsOf(operation & LOW_HALF);
  const hasExtras = (fields & EXTRA_PER_ITEM) != 0;
  const keys = fields & ITEMS ? word(record, WORD_KEYS_OFFSET) : 0;
  const statuses = word(record, WORD_STATUSES_OFFSET);
  let slot = word(record, WORD_KEY_SLOT);
  let generation = word(record, WORD_KEY_GENERATION);
  item.algorithm = operation >> HALF_BITS;
  item.flags = word(record, WORD_FLAGS_AND_STATUS) & LOW_HALF;
  item.keySpec = word(record, WORD_KEY_SPEC);
  item.inputBytes = word(record, WORD_INPUT_BYTES);
  item.extraBytes = word(record, WORD_EXTRA_BYTES);
  item.nonce = addressOf(block, record, WORD_NONCE_OFFSET, WORD_NONCE_BYTES);
  item.nonceBytes = word(record, WORD_NONCE_BYTES);
  item.input = addressOf(reach.inputBase, record, WORD_INPUT_OFFSET, WORD_INPUT_BYTES);
  item.output = addressOf(reach.outputBase, record, WORD_OUTPUT_OFFSET, WORD_OUTPUT_BYTES);
  item.extra = addressOf(block, record, WORD_EXTRA_OFFSET, WORD_EXTRA_BYTES);
  item.capacityBytes = word(record, WORD_OUTPUT_BYTES);
  if (!(fields & OUTPUT)) {
    item.capacityBytes = 0;
    item.output = block;
  }
  if (hasExtras) item.extra += <usize>first * item.extraBytes;
  let status: u32 = STATUS_OK;
  let outputBytes: usize = 0;
  for (let index = first; index < first + count; index++) {
    if (keys) {
      const handle = block + keys + <usize>index * HANDLE_BYTES;
      slot = load<u32>(handle);
      generation = load<u32>(handle, 4);
    }
    status = runItem(row, slot, generation);
    if (statuses) store<u8>(block + statuses + index, <u8>status);
    outputBytes = max(outputBytes, item.outputBytes);
    item.input += item.inputBytes;
    item.output += item.capacityBytes;
    if (hasExtras) item.extra += item.extraBytes;
  }
  item.outputBytes = outputBytes;
  return status;
}

/** The status a record has before any of its items runs; OK: they may. */
function recordStatus(record: usize, isExternal: bool): u32 {
  const operation = word(record, WORD_OPERATION_AND_ALGORITHM);
  const fields = fieldsOf(operation & LOW_HALF);
  if (isClosed) return STATUS_UNAVAILABLE;
  if (!fields) return STATUS_UNSUPPORTED;
  if (!isWellFormed(record, isExternal)) return STATUS_MALFORMED_RECORD;
  if (!rowOf(record)) return STATUS_UNSUPPORTED;
  if (fields & MAKES_KEY && !hasKeyType(word(record, WORD_KEY_SPEC))) return STATUS_UNSUPPORTED;
  return fields & ITEMS ? keysStatus(record) : STATUS_OK;
}

/** The operation of a record; operations on keys have no algorithm. */
function rowOf(record: usize): OperationRow | null {
  const operation = word(record, WORD_OPERATION_AND_ALGORITHM);
  const hasAlgorithm = fieldsOf(operation & LOW_HALF) & ITEMS;
  return findOperation(operation & LOW_HALF, hasAlgorithm ? operation >> HALF_BITS : 0);
}

function runRecord(record: usize): void {
  const operation = word(record, WORD_OPERATION_AND_ALGORITHM);
  if ((operation & LOW_HALF) == OPERATION_NONE) {
    finish(record, STATUS_CANCELLED, 0);
    return;
  }
  const status = recordStatus(record, false);
  if (status != STATUS_OK) {
    refuse(record, status);
    return;
  }
  const row = changetype<OperationRow>(rowOf(record));
  const items = word(record, WORD_ITEMS);
  const last = runItems(record, row, 0, items);
  finish(record, items == 1 ? last : STATUS_OK, item.outputBytes);
}

/** Sets the reach of records whose spans all lie in the block; false where the header does not describe a block of that size. */
function enterBlock(block: usize, blockBytes: u32): bool {
  const records = word(block, HEADER_WORD_RECORD_COUNT);
  const used = word(block, HEADER_WORD_USED_BYTES);
  const arenaStart = <u64>BLOCK_HEADER_BYTES + <u64>records * RECORD_BYTES;
  reach.block = reach.inputBase = reach.outputBase = block;
  reach.arenaStart = reach.outputStart = arenaStart;
  reach.end = reach.inputEnd = reach.outputEnd = used;
  return word(block, HEADER_WORD_MAGIC) == BLOCK_MAGIC && used <= blockBytes && arenaStart <= <u64>used;
}

/** Runs every record of a block. `tick`: what `submitted` gave, or 0. A header that is wrong makes all records malformed. */
export function run(block: usize, blockBytes: u32, tick: u32): void {
  item.tick = tick;
  if (!enterBlock(block, blockBytes)) {
    const fitting = (blockBytes - BLOCK_HEADER_BYTES) / RECORD_BYTES;
    const records = min(word(block, HEADER_WORD_RECORD_COUNT), fitting);
    for (let index: u32 = 0; index < records; index++) {
      finish(block + BLOCK_HEADER_BYTES + <usize>index * RECORD_BYTES, STATUS_MALFORMED_RECORD, 0);
    }
    return;
  }
  const end = block + <usize>reach.arenaStart;
  for (let record = block + BLOCK_HEADER_BYTES; record < end; record += RECORD_BYTES) runRecord(record);
}

/**
 * Checks the one record of a block whose input and output lie outside linear memory, in views of these sizes. Returns whether the
 * items are to be run by `runExternalItems`; otherwise the record has its status and the output is to be zeroed.
 */
export function openExternal(block: usize, blockBytes: u32, inputBytes: u32, outputBytes: u32): bool {
  const record = block + BLOCK_HEADER_BYTES;
  let status: u32 = STATUS_MALFORMED_RECORD;
  item.tick = 0;
  if (enterBlock(block, blockBytes) && word(block, HEADER_WORD_RECORD_COUNT) == 1) {
    reach.outputStart = 0;
    reach.inputEnd = inputBytes;
    reach.outputEnd = outputBytes;
    status = recordStatus(record, true);
    if (status == STATUS_OK) return true;
    refuse(record, status);
    return false;
  }
  finish(record, status, 0);
  return false;
}

/**
 * Runs some items of the record `openExternal` accepted, their inputs copied to `input` and their outputs to be taken from
 * `output`. The record keeps its capacity until `closeExternal`. Returns the last status.
 */
export function runExternalItems(block: usize, first: u32, count: u32, input: usize, output: usize): u32 {
  const record = block + BLOCK_HEADER_BYTES;
  const row = changetype<OperationRow>(rowOf(record));
  reach.block = block;
  reach.inputBase = input - word(record, WORD_INPUT_OFFSET);
  reach.outputBase = output - word(record, WORD_OUTPUT_OFFSET);
  return runItems(record, row, first, count);
}

/** What each of the items just run wrote. */
export function outputBytesRun(): usize {
  return item.outputBytes;
}

export function closeExternal(block: usize, status: u32, outputBytes: u32): void {
  finish(block + BLOCK_HEADER_BYTES, status, outputBytes);
}
