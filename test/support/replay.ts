/**
 * Blocks at the level of the contract (src/engine/backend.ts): laid out once, then played on any backend, so that what one does can
 * be compared with what another does byte for byte. Keys are named; each backend puts its own handles in.
 */
import {
  type Backend,
  BLOCK_HEADER_BYTES,
  BLOCK_MAGIC,
  HANDLE_BYTES,
  HeaderWord,
  type KeyHandle,
  RECORD_BYTES,
  RecordWord,
  Status,
} from '../../src/engine/backend.ts';

/** A record as a test writes it; lengths are per item. */
export interface RecordFields {
  readonly operation: number;
  readonly algorithm?: number;
  readonly flags?: number;
  /** Names in the key ring. */
  readonly key?: string;
  readonly keys?: readonly string[];
  readonly input?: Uint8Array;
  /** Input that is the handle of a named key (WRAP_KEY). */
  readonly subject?: string;
  readonly extra?: Uint8Array;
  readonly extraBytes?: number;
  readonly nonce?: Uint8Array;
  readonly outputBytes?: number;
  readonly items?: number;
  readonly keySpec?: number;
  /** Words to overwrite after layout: what a hostile or broken facade would write. `spare`: the offset of the spare bytes. */
  readonly words?: Readonly<Partial<Record<keyof typeof RecordWord, number | 'spare'>>> | undefined;
}

export type KeyRing = Readonly<Record<string, KeyHandle>>;

/** A recorded block: bytes with no handles in them, and where which handle belongs. */
export interface Recorded {
  readonly bytes: Uint8Array;
  readonly records: readonly RecordFields[];
  readonly handles: readonly { readonly offset: number; readonly key: string }[];
}

const align8 = (bytes: number): number => (bytes + 7) & ~7;
export const wordOf = (record: number): number => (BLOCK_HEADER_BYTES + record * RECORD_BYTES) / 4;

/** Lays records out one after the other; `spareBytes` more than they need are in use at the end. */
export function layOut(records: readonly RecordFields[], spareBytes = 0): Recorded {
  const handles: { offset: number; key: string }[] = [];
  let cursor = BLOCK_HEADER_BYTES + records.length * RECORD_BYTES;
  const placed = records.map((record) => {
    const items = record.items ?? 1;
    const take = (bytes: number): number => {
      const offset = cursor;
      cursor += align8(bytes);
      return offset;
    };
    const input = take(record.subject === undefined ? (record.input?.length ?? 0) : HANDLE_BYTES);
    const extra = take(record.extra?.length ?? 0);
    const nonce = take(record.nonce?.length ?? 0);
    const keys = record.keys === undefined ? 0 : take(record.keys.length * HANDLE_BYTES);
    const statuses = items > 1 ? take(items) : 0;
    const output = take((record.outputBytes ?? 0) * items);
    return { record, items, input, extra, nonce, keys, statuses, output };
  });
  const spare = cursor;
  const usedBytes = cursor + align8(spareBytes);
  const bytes = new Uint8Array(usedBytes);
  const words = new Uint32Array(bytes.buffer);
  words[HeaderWord.magic] = BLOCK_MAGIC;
  words[HeaderWord.recordCount] = records.length;
  words[HeaderWord.usedBytes] = usedBytes;
  for (const [index, { record, items, input, extra, nonce, keys, statuses, output }] of placed.entries()) {
    const word = wordOf(index);
    const put = (name: keyof typeof RecordWord, value: number): void => {
      words[word + RecordWord[name]] = value;
    };
    put('operationAndAlgorithm', record.operation | ((record.algorithm ?? 0) << 16));
    put('flagsAndStatus', record.flags ?? 0);
    put('inputOffset', input);
    put('inputBytes', record.subject === undefined ? (record.input?.length ?? 0) / items : HANDLE_BYTES);
    put('extraOffset', extra);
    put('extraBytes', record.extraBytes ?? record.extra?.length ?? 0);
    put('nonceOffset', nonce);
    put('nonceBytes', record.nonce?.length ?? 0);
    put('outputOffset', output);
    put('outputBytes', record.outputBytes ?? 0);
    put('items', items);
    put('keysOffset', keys);
    put('statusesOffset', statuses);
    put('keySpec', record.keySpec ?? 0);
    if (record.input !== undefined) bytes.set(record.input, input);
    if (record.extra !== undefined) bytes.set(record.extra, extra);
    if (record.nonce !== undefined) bytes.set(record.nonce, nonce);
    if (record.key !== undefined) handles.push({ offset: (word + RecordWord.keySlot) * 4, key: record.key });
    if (record.subject !== undefined) handles.push({ offset: input, key: record.subject });
    for (const [item, key] of (record.keys ?? []).entries()) handles.push({ offset: keys + item * HANDLE_BYTES, key });
    for (const [name, value] of Object.entries(record.words ?? {}))
      put(name as keyof typeof RecordWord, value === 'spare' ? spare : value >>> 0);
  }
  return { bytes, records, handles };
}

/** What a block looked like after it ran. */
export class Played {
  /** The block, handles taken out again. */
  readonly bytes: Uint8Array;
  readonly #words: Uint32Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#words = new Uint32Array(bytes.buffer, 0, bytes.length >>> 2);
  }

  word(record: number, name: keyof typeof RecordWord): number {
    return this.#words[wordOf(record) + RecordWord[name]]!;
  }

  status(record: number): number {
    return this.word(record, 'flagsAndStatus') >>> 16;
  }

  /** The first item's output. */
  output(record: number): Uint8Array {
    const offset = this.word(record, 'outputOffset');
    return this.bytes.slice(offset, offset + this.word(record, 'outputBytes'));
  }

  statuses(record: number): number[] {
    const offset = this.word(record, 'statusesOffset');
    return [...this.bytes.subarray(offset, offset + this.word(record, 'items'))];
  }

  /** The handle a key-making record gave. */
  handle(record: number): KeyHandle {
    const at = this.word(record, 'outputOffset') / 4;
    return { slot: this.#words[at]!, generation: this.#words[at + 1]! };
  }
}

/** Beyond the used bytes of a block lies this many bytes of this value, which nothing may touch. */
const GUARD_BYTES = 256;
const GUARD = 0xa5;

/** Plays a recorded block on a backend. Throws where anything beyond the block's used bytes was touched. */
export function play(backend: Backend, recorded: Recorded, keyRing: KeyRing): Played {
  const { length } = recorded.bytes;
  const block = backend.allocate(length + GUARD_BYTES);
  block.bytes.set(recorded.bytes);
  block.bytes.fill(GUARD, length);
  const view = (): DataView => new DataView(block.bytes.buffer, block.bytes.byteOffset, length);
  const kept = recorded.handles.map(({ offset }) => view().getBigUint64(offset));
  for (const { offset, key } of recorded.handles) {
    const { slot, generation } = keyRing[key]!;
    view().setUint32(offset, slot, true);
    view().setUint32(offset + 4, generation, true);
  }
  backend.run(block);
  for (const [index, { offset }] of recorded.handles.entries()) view().setBigUint64(offset, kept[index]!);
  const beyond = block.bytes.subarray(length);
  if (beyond.some((byte) => byte !== GUARD)) throw new Error('the backend wrote beyond the used bytes of its block');
  const played = new Played(block.bytes.slice(0, length));
  block.bytes.fill(0);
  backend.free(block);
  return played;
}

/** Where two blocks differ first, in words a person can use; undefined where they do not. */
export function firstDifference(one: Uint8Array, other: Uint8Array): string | undefined {
  const at = one.findIndex((byte, index) => byte !== other[index]);
  if (at < 0) return one.length === other.length ? undefined : `${one.length} and ${other.length} bytes`;
  const around = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(at, at + 16)).toString('hex');
  return `byte ${at}: ${around(one)} and ${around(other)}`;
}

/** Runs one record by itself; throws where it does not end OK. */
export function playOne(backend: Backend, record: RecordFields, keyRing: KeyRing = {}): Played {
  const played = play(backend, layOut([record]), keyRing);
  if (played.status(0) !== Status.OK) throw new Error(`operation ${record.operation} gave status ${played.status(0)}`);
  return played;
}

const STATUS_NAMES = Object.fromEntries(Object.entries(Status).map(([name, status]) => [status, name]));
export const statusName = (status: number): string => STATUS_NAMES[status] ?? `unknown status ${status}`;
