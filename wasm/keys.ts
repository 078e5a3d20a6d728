/**
 * The key table: handles of slot and generation, the memory a key owns, and a row per key spec that says how keys come and go.
 * A closed key stays until the blocks submitted before it was closed have run: closing and submitting take ticks of one clock.
 * Worker threads run instances of their own, whose tables mirror this one: a key goes there, and a new one comes home, as an image.
 */
import {
  STATUS_INVALID_KEY,
  STATUS_MALFORMED_RECORD,
  STATUS_NOT_EXPORTABLE,
  STATUS_OK,
  STATUS_OUT_OF_MEMORY,
  STATUS_UNAVAILABLE,
} from './contract';
import { allocate, release } from './memory';
import { fillRandom } from './random';

@unmanaged
export class Key {
  spec: u32;
  isExportable: u32;
  /** Raw key, seed or scalar. */
  material: usize;
  materialBytes: usize;
  /**
   * What operations keep beside the key (schedules, midstates, a public half); layout is the stem's. It goes into the key's image, where
   * addresses of allocated memory mean nothing.
   */
  prepared: usize;
  preparedBytes: usize;
  /** Larger tables for bulk work, made when first worth it; layout is the stem's. */
  tables: usize;
  tablesBytes: usize;
}

/** How keys of one spec come and go. Functions are indices in the function table. */
@unmanaged
export class KeyType {
  /** (key: Key) => status: makes new material. 0: no such spec. */
  generate: u32;
  /** (key: Key, format, data, bytes) => status: reads and fully validates. */
  read: u32;
  /** (key: Key, format, output, capacityBytes) => bytes written, or minus a status. */
  write: u32;
  minimumBytes: usize;
  maximumBytes: usize;
  generatedBytes: usize;
  /** What `read` is given as the format of material that came wrapped; 0, raw, for all but RSA. */
  wrappedFormat: u32;
}

const KEY_SPECS: u32 = 64;
const TYPE_BYTES: u32 = offsetof<KeyType>();
const types = memory.data(<i32>(KEY_SPECS * TYPE_BYTES), 16);

export function keyType(spec: u32): KeyType {
  return changetype<KeyType>(types + (spec & (KEY_SPECS - 1)) * TYPE_BYTES);
}

/** Whether this backend has keys of that spec. */
export function hasKeyType(spec: u32): bool {
  return spec < KEY_SPECS && keyType(spec).generate != 0;
}

/** A spec whose keys are strings of random bytes, raw in and out: symmetric and HMAC. */
export function registerSecretKeys(spec: u32, minimumBytes: usize, maximumBytes: usize, generatedBytes: usize): void {
  const type = keyType(spec);
  const generate: (key: Key) => u32 = generateSecret;
  const read: (key: Key, format: u32, data: usize, bytes: usize) => u32 = readSecret;
  const write: (key: Key, format: u32, output: usize, capacityBytes: usize) => i32 = writeSecret;
  type.generate = generate.index;
  type.read = read.index;
  type.write = write.index;
  type.minimumBytes = minimumBytes;
  type.maximumBytes = maximumBytes;
  type.generatedBytes = generatedBytes;
}

function takeMaterial(key: Key, bytes: usize): bool {
  key.material = allocate(bytes);
  key.materialBytes = bytes;
  return key.material != 0;
}

function generateSecret(key: Key): u32 {
  const bytes = keyType(key.spec).generatedBytes;
  if (!takeMaterial(key, bytes)) return STATUS_OUT_OF_MEMORY;
  return fillRandom(key.material, bytes) ? STATUS_OK : STATUS_UNAVAILABLE;
}

function readSecret(key: Key, format: u32, data: usize, bytes: usize): u32 {
  const type = keyType(key.spec);
  if (format || bytes < type.minimumBytes || bytes > type.maximumBytes) return STATUS_INVALID_KEY;
  if (!takeMaterial(key, bytes)) return STATUS_OUT_OF_MEMORY;
  memory.copy(key.material, data, bytes);
  return STATUS_OK;
}

function writeSecret(key: Key, format: u32, output: usize, capacityBytes: usize): i32 {
  if (format) return -(<i32>STATUS_NOT_EXPORTABLE);
  if (capacityBytes < key.materialBytes) return -(<i32>STATUS_MALFORMED_RECORD);
  memory.copy(output, key.material, key.materialBytes);
  return <i32>key.materialBytes;
}

/** Memory for what an operation prepares of a key; 0 where there is none. Kept and wiped with the key. */
export function prepare(key: Key, bytes: usize): usize {
  key.prepared = allocate(bytes);
  key.preparedBytes = bytes;
  return key.prepared;
}

/** Wipes and frees a key and all it owns. */
export function destroy(key: Key): void {
  release(key.material, key.materialBytes);
  release(key.prepared, key.preparedBytes);
  release(key.tables, key.tablesBytes);
  release(changetype<usize>(key), offsetof<Key>());
}

@unmanaged
class Slot {
  generation: u32;
  /** 0: the slot is free. */
  key: Key;
  /** When the key was closed; 0: it is open. */
  closedTick: u32;
  /** The next free slot, or the next closed one that is not destroyed yet; plus 1, 0 ends the list. */
  next: u32;
  /** The free slot before this one, likewise: a mirrored key needs its slot out of the middle of the list. */
  previous: u32;
}

const SLOT_BYTES: usize = offsetof<Slot>();
const FIRST_SLOTS: u32 = 64;

let slots: usize = 0;
let capacity: u32 = 0;
let firstFree: u32 = 0;
let firstClosed: u32 = 0;
let firstGeneration: u32 = 0;
let clock: u32 = 0;
let submittedBlocks: u32 = 0;

@inline
function slotAt(index: u32): Slot {
  return changetype<Slot>(slots + <usize>index * SLOT_BYTES);
}

/** Takes the first generation from the host, so that handles of another engine do not fit this one. */
export function openKeys(): bool {
  const memory4 = allocate(sizeof<u32>());
  const isRandom = memory4 != 0 && fillRandom(memory4, sizeof<u32>());
  if (isRandom) firstGeneration = load<u32>(memory4);
  release(memory4, sizeof<u32>());
  return isRandom;
}

/** Doubles the table; false where memory is short. */
function growSlots(): bool {
  const larger = capacity ? capacity * 2 : FIRST_SLOTS;
  const moved = allocate(<usize>larger * SLOT_BYTES);
  if (!moved) return false;
  memory.copy(moved, slots, <usize>capacity * SLOT_BYTES);
  release(slots, <usize>capacity * SLOT_BYTES);
  slots = moved;
  for (let index = larger; index > capacity; index--) {
    slotAt(index - 1).generation = firstGeneration;
    linkFree(index);
  }
  capacity = larger;
  return true;
}

/** Puts a slot (its index plus 1) in front of the free ones. */
function linkFree(index: u32): void {
  const slot = slotAt(index - 1);
  slot.next = firstFree;
  slot.previous = 0;
  if (firstFree) slotAt(firstFree - 1).previous = index;
  firstFree = index;
}

/** Takes a slot (its index plus 1) from among the free ones. */
function unlinkFree(index: u32): void {
  const slot = slotAt(index - 1);
  if (slot.previous) slotAt(slot.previous - 1).next = slot.next;
  else firstFree = slot.next;
  if (slot.next) slotAt(slot.next - 1).previous = slot.previous;
  slot.next = 0;
}

/** Gives a key a slot and writes its handle to `output` (8 bytes); destroys it where there is no slot. */
export function adopt(key: Key, output: usize): u32 {
  if (!firstFree && !growSlots()) {
    destroy(key);
    return STATUS_OUT_OF_MEMORY;
  }
  const index = firstFree - 1;
  const slot = slotAt(index);
  unlinkFree(firstFree);
  slot.key = key;
  slot.closedTick = 0;
  store<u32>(output, index);
  store<u32>(output, slot.generation, 4);
  return STATUS_OK;
}

/** Whether tick `left` came before `right`; ticks may wrap. */
@inline
function isBefore(left: u32, right: u32): bool {
  return <i32>(left - right) < 0;
}

/** The key of a handle, or null. `tick`: when the block that names it was submitted, 0 where it runs at once. */
export function resolve(index: u32, generation: u32, tick: u32): Key | null {
  if (index >= capacity) return null;
  const slot = slotAt(index);
  if (!changetype<usize>(slot.key) || slot.generation != generation) return null;
  if (slot.closedTick && !(tick && isBefore(tick, slot.closedTick))) return null;
  return slot.key;
}

function nextTick(): u32 {
  clock++;
  if (!clock) clock = 1;
  return clock;
}

function freeSlot(index: u32): void {
  const slot = slotAt(index);
  destroy(slot.key);
  slot.key = changetype<Key>(0);
  slot.closedTick = 0;
  slot.generation++;
  linkFree(index + 1);
}

export function closeKey(index: u32, generation: u32): void {
  if (!resolve(index, generation, 0)) return;
  if (!submittedBlocks) {
    freeSlot(index);
    return;
  }
  const slot = slotAt(index);
  slot.closedTick = nextTick();
  slot.next = firstClosed;
  firstClosed = index + 1;
}

/** Notes that a block waits to be run; the tick it is to be run with. */
export function submitted(): u32 {
  submittedBlocks++;
  return nextTick();
}

/** Notes that a block has run, and destroys the closed keys that none of the others can name: `oldest` is the first tick among them, or 0. */
export function finished(oldest: u32): void {
  submittedBlocks--;
  let index = firstClosed;
  firstClosed = 0;
  while (index) {
    const slot = slotAt(index - 1);
    const next = slot.next;
    if (!oldest || isBefore(slot.closedTick, oldest)) {
      freeSlot(index - 1);
    } else {
      slot.next = firstClosed;
      firstClosed = index;
    }
    index = next;
  }
}

/** Destroys every key. */
export function wipeKeys(): void {
  firstClosed = 0;
  for (let index: u32 = 0; index < capacity; index++) {
    if (changetype<usize>(slotAt(index).key)) freeSlot(index);
  }
}

/** What an image begins with; the material and what is prepared follow. Tables are left out, since they are made again when worth it. */
@unmanaged
class ImageHead {
  spec: u32;
  isExportable: u32;
  materialBytes: u32;
  preparedBytes: u32;
}

const IMAGE_HEAD_BYTES: usize = offsetof<ImageHead>();

/** Bytes of the image of a key, closed ones included that the tick may still name; 0 where there is no such key. */
export function imageBytes(index: u32, generation: u32, tick: u32): usize {
  const key = resolve(index, generation, tick);
  return key ? IMAGE_HEAD_BYTES + key.materialBytes + key.preparedBytes : 0;
}

/** Writes the image that `imageBytes` measured. It is key material: whoever holds it wipes it. */
export function writeImage(index: u32, generation: u32, tick: u32, image: usize): void {
  const key = resolve(index, generation, tick);
  if (!key) return;
  const head = changetype<ImageHead>(image);
  head.spec = key.spec;
  head.isExportable = key.isExportable;
  head.materialBytes = <u32>key.materialBytes;
  head.preparedBytes = <u32>key.preparedBytes;
  memory.copy(image + IMAGE_HEAD_BYTES, key.material, key.materialBytes);
  memory.copy(image + IMAGE_HEAD_BYTES + key.materialBytes, key.prepared, key.preparedBytes);
}

/** The key an image shows, or null where memory is short. */
function readImage(image: usize): Key | null {
  const address = allocate(offsetof<Key>());
  if (!address) return null;
  const key = changetype<Key>(address);
  const head = changetype<ImageHead>(image);
  key.spec = head.spec;
  key.isExportable = head.isExportable;
  if (
    (head.materialBytes && !takeMaterial(key, head.materialBytes)) ||
    (head.preparedBytes && !prepare(key, head.preparedBytes))
  ) {
    destroy(key);
    return null;
  }
  memory.copy(key.material, image + IMAGE_HEAD_BYTES, key.materialBytes);
  memory.copy(key.prepared, image + IMAGE_HEAD_BYTES + key.materialBytes, key.preparedBytes);
  return key;
}

/** Makes a key of an image and writes its handle to `output`. Returns a status. */
export function adoptImage(image: usize, output: usize): u32 {
  const key = readImage(image);
  return key ? adopt(key, output) : STATUS_OUT_OF_MEMORY;
}

/** Makes a key of an image under the handle it has in the table that is mirrored. False where memory is short. */
export function mirrorImage(image: usize, index: u32, generation: u32): bool {
  while (index >= capacity) if (!growSlots()) return false;
  const key = readImage(image);
  if (!key) return false;
  const slot = slotAt(index);
  if (changetype<usize>(slot.key)) freeSlot(index);
  unlinkFree(index + 1);
  slot.generation = generation;
  slot.key = key;
  slot.closedTick = 0;
  return true;
}
