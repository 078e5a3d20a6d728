/** The operations that make keys and hand them out: GENERATE_KEY, IMPORT_KEY, EXPORT_KEY, by the rows of keys.ts. */
import {
  FLAG_EXPORTABLE,
  FLAG_FORMAT_PKCS8,
  FLAG_FORMAT_SPKI,
  HANDLE_BYTES,
  OPERATION_EXPORT_KEY,
  OPERATION_GENERATE_KEY,
  OPERATION_IMPORT_KEY,
  STATUS_NOT_EXPORTABLE,
  STATUS_OK,
  STATUS_OUT_OF_MEMORY,
} from './contract';
import { adopt, destroy, Key, keyType } from './keys';
import { allocate } from './memory';
import { Item, register } from './operation';

/** Makes a key of the item's spec, which the executor knows to exist, from `bytes` of data (`isNew`: from fresh material) and writes its handle. */
export function makeKey(item: Item, isNew: bool, format: u32, data: usize, bytes: usize): u32 {
  const memory = allocate(offsetof<Key>());
  if (!memory) return STATUS_OUT_OF_MEMORY;
  const key = changetype<Key>(memory);
  key.spec = item.keySpec;
  key.isExportable = item.flags & FLAG_EXPORTABLE;
  const type = keyType(key.spec);
  const status = isNew
    ? call_indirect<u32>(type.generate, key)
    : call_indirect<u32>(type.read, key, format, data, bytes);
  if (status != STATUS_OK) {
    destroy(key);
    return status;
  }
  item.outputBytes = HANDLE_BYTES;
  return adopt(key, item.output);
}

const FORMAT_FLAGS = FLAG_FORMAT_PKCS8 | FLAG_FORMAT_SPKI;

function generateKey(item: Item): u32 {
  return makeKey(item, true, 0, 0, 0);
}

function importKey(item: Item): u32 {
  const format = item.flags & FORMAT_FLAGS;
  return makeKey(item, false, format, item.input, item.inputBytes);
}

function exportKey(item: Item): u32 {
  const format = item.flags & FORMAT_FLAGS;
  if (format != FLAG_FORMAT_SPKI && !item.key.isExportable) return STATUS_NOT_EXPORTABLE;
  const written = call_indirect<i32>(keyType(item.key.spec).write, item.key, format, item.output, item.capacityBytes);
  if (written < 0) return <u32>-written;
  item.outputBytes = <usize>written;
  return STATUS_OK;
}

const ANY_SPEC: u64 = u64.MAX_VALUE;

export function registerKeyOperations(): void {
  register(OPERATION_GENERATE_KEY, 0, 0, generateKey);
  register(OPERATION_IMPORT_KEY, 0, 0, importKey);
  register(OPERATION_EXPORT_KEY, 0, ANY_SPEC, exportKey);
}
