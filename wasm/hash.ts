/**
 * What the hash functions share: rows of sizes and a compression function each, Merkle-Damgard padding (FIPS 180-4 section 5.1)
 * and the DIGEST operation. Knows no particular hash; sha1.ts and sha2.ts register theirs.
 */
import { OPERATION_DIGEST, STATUS_MALFORMED_RECORD, STATUS_OK } from './contract';
import { wipe } from './memory';
import { Item, register } from './operation';

@unmanaged
export class Hash {
  digestBytes: usize;
  blockBytes: usize;
  /** 4 or 8: the state's words, big-endian in the digest. */
  wordBytes: usize;
  stateBytes: usize;
  initialState: usize;
  /** Index in the function table of `(state, data, blocks) => void`. */
  compress: u32;
}

export const MAXIMUM_DIGEST_BYTES: usize = 64;
export const MAXIMUM_BLOCK_BYTES: usize = 128;

const FIRST_ID: u32 = 80;
const HASHES: u32 = 5;
const rows = memory.data(<i32>(HASHES * offsetof<Hash>()), 16);
const state = memory.data(<i32>MAXIMUM_DIGEST_BYTES, 16);
/** The message's last bytes with their padding: at most two blocks. */
const TAIL_BYTES: usize = 2 * MAXIMUM_BLOCK_BYTES;
const tail = memory.data(<i32>TAIL_BYTES, 16);

export function hashOf(id: u32): Hash {
  return changetype<Hash>(rows + (id - FIRST_ID) * offsetof<Hash>());
}

export function registerHash(
  id: u32,
  digestBytes: usize,
  blockBytes: usize,
  wordBytes: usize,
  stateBytes: usize,
  initialState: usize,
  compress: (state: usize, data: usize, blocks: usize) => void,
): void {
  const hash = hashOf(id);
  hash.digestBytes = digestBytes;
  hash.blockBytes = blockBytes;
  hash.wordBytes = wordBytes;
  hash.stateBytes = stateBytes;
  hash.initialState = initialState;
  hash.compress = compress.index;
  register(OPERATION_DIGEST, id, 0, digest);
}

/** Takes whole blocks into a state. */
@inline
export function absorb(hash: Hash, state: usize, data: usize, blocks: usize): void {
  call_indirect<void>(hash.compress, state, data, blocks);
}

/**
 * Takes the message's last `bytes` bytes and the padding into a state that has taken `absorbedBytes` (whole blocks) already, and
 * writes the digest. The padding buffer is wiped; the state is the caller's.
 */
export function complete(
  hash: Hash,
  state: usize,
  data: usize,
  bytes: usize,
  absorbedBytes: usize,
  output: usize,
): void {
  const whole = bytes & ~(hash.blockBytes - 1);
  if (whole) absorb(hash, state, data, whole / hash.blockBytes);
  const rest = bytes - whole;
  // The length field is two words; it goes into one more block where it does not fit behind the 1 bit.
  const padded = rest + 1 + 2 * hash.wordBytes <= hash.blockBytes ? hash.blockBytes : 2 * hash.blockBytes;
  memory.copy(tail, data + whole, rest);
  memory.fill(tail + rest, 0, padded - rest);
  store<u8>(tail + rest, 0x80);
  store<u64>(tail + padded - 8, bswap<u64>((<u64>absorbedBytes + <u64>bytes) << 3));
  absorb(hash, state, tail, padded / hash.blockBytes);
  wipe(tail, padded);
  writeDigest(hash, state, output);
}

function writeDigest(hash: Hash, state: usize, output: usize): void {
  // SHA-224 ends after seven words, SHA-1 after five; every digest here is a whole number of 32-bit words.
  if (hash.wordBytes == 4) {
    for (let i: usize = 0; i < hash.digestBytes; i += 4) store<u32>(output + i, bswap<u32>(load<u32>(state + i)));
  } else {
    for (let i: usize = 0; i < hash.digestBytes; i += 8) store<u64>(output + i, bswap<u64>(load<u64>(state + i)));
  }
}

function digest(item: Item): u32 {
  const hash = hashOf(item.algorithm);
  if (item.capacityBytes < hash.digestBytes) return STATUS_MALFORMED_RECORD;
  memory.copy(state, hash.initialState, hash.stateBytes);
  complete(hash, state, item.input, item.inputBytes, 0, item.output);
  wipe(state, hash.stateBytes);
  item.outputBytes = hash.digestBytes;
  return STATUS_OK;
}
