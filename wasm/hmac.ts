/**
 * HMAC (RFC 2104, FIPS 198-1) with SHA-2: MAC and VERIFY_MAC. The hash states after the padded key (the midstates) are kept with
 * the key, which saves two compressions a message. Tags are of full length only.
 */
import {
  ALGORITHM_HMAC_SHA_224,
  ALGORITHM_HMAC_SHA_256,
  ALGORITHM_HMAC_SHA_384,
  ALGORITHM_HMAC_SHA_512,
  HASH_SHA_224,
  HASH_SHA_256,
  HASH_SHA_384,
  HASH_SHA_512,
  KEY_SPEC_HMAC_224,
  KEY_SPEC_HMAC_256,
  KEY_SPEC_HMAC_384,
  KEY_SPEC_HMAC_512,
  OPERATION_MAC,
  OPERATION_VERIFY_MAC,
  STATUS_INVALID_SIGNATURE,
  STATUS_MALFORMED_RECORD,
  STATUS_OK,
  STATUS_OUT_OF_MEMORY,
} from './contract';
import { absorb, complete, Hash, hashOf, MAXIMUM_BLOCK_BYTES, MAXIMUM_DIGEST_BYTES } from './hash';
import { Key, prepare, registerSecretKeys } from './keys';
import { isEqual, wipe } from './memory';
import { Item, register, specs } from './operation';

const INNER_PAD: u8 = 0x36;
const OUTER_PAD: u8 = 0x5c;

// The algorithms and the hashes they use stand in the same order.
const FIRST_ALGORITHM = ALGORITHM_HMAC_SHA_224;
const FIRST_HASH = HASH_SHA_224;

const SCRATCH_BYTES: usize = 2 * MAXIMUM_DIGEST_BYTES + MAXIMUM_BLOCK_BYTES;
const scratch = memory.data(<i32>SCRATCH_BYTES, 16);
const state = scratch;
const tag = scratch + MAXIMUM_DIGEST_BYTES;
const keyBlock = scratch + 2 * MAXIMUM_DIGEST_BYTES;

/** The state after one block of key xor pad. Keys are never longer than a block: their specs see to it. */
function startMidstate(hash: Hash, key: Key, pad: u8, midstate: usize): void {
  memory.fill(keyBlock, pad, hash.blockBytes);
  for (let i: usize = 0; i < key.materialBytes; i++) {
    store<u8>(keyBlock + i, load<u8>(keyBlock + i) ^ load<u8>(key.material + i));
  }
  memory.copy(midstate, hash.initialState, hash.stateBytes);
  absorb(hash, midstate, keyBlock, 1);
}

/** The inner midstate, followed by the outer; 0 where memory is short. */
function midstatesOf(hash: Hash, key: Key): usize {
  if (key.prepared) return key.prepared;
  const midstates = prepare(key, 2 * hash.stateBytes);
  if (!midstates) return 0;
  startMidstate(hash, key, INNER_PAD, midstates);
  startMidstate(hash, key, OUTER_PAD, midstates + hash.stateBytes);
  wipe(keyBlock, hash.blockBytes);
  return midstates;
}

/** H((K xor opad) || H((K xor ipad) || message)), RFC 2104 section 2, at `output`. False where memory is short. */
function authenticate(hash: Hash, item: Item, output: usize): bool {
  const midstates = midstatesOf(hash, item.key);
  if (!midstates) return false;
  memory.copy(state, midstates, hash.stateBytes);
  complete(hash, state, item.input, item.inputBytes, hash.blockBytes, tag);
  memory.copy(state, midstates + hash.stateBytes, hash.stateBytes);
  complete(hash, state, tag, hash.digestBytes, hash.blockBytes, output);
  return true;
}

@inline
function hashOfItem(item: Item): Hash {
  return hashOf(item.algorithm - FIRST_ALGORITHM + FIRST_HASH);
}

function mac(item: Item): u32 {
  const hash = hashOfItem(item);
  if (item.capacityBytes < hash.digestBytes) return STATUS_MALFORMED_RECORD;
  const isDone = authenticate(hash, item, item.output);
  wipe(scratch, SCRATCH_BYTES);
  if (!isDone) return STATUS_OUT_OF_MEMORY;
  item.outputBytes = hash.digestBytes;
  return STATUS_OK;
}

function verifyMac(item: Item): u32 {
  const hash = hashOfItem(item);
  if (item.extraBytes != hash.digestBytes) return STATUS_INVALID_SIGNATURE;
  const isDone = authenticate(hash, item, tag);
  const isGood = isEqual(tag, item.extra, hash.digestBytes);
  wipe(scratch, SCRATCH_BYTES);
  if (!isDone) return STATUS_OUT_OF_MEMORY;
  return isGood ? STATUS_OK : STATUS_INVALID_SIGNATURE;
}

function registerOne(algorithm: u32, hashId: u32, keySpec: u32): void {
  const hash = hashOf(hashId);
  // AWS KMS ImportKeyMaterial: from the hash's length to its block's.
  registerSecretKeys(keySpec, hash.digestBytes, hash.blockBytes, hash.digestBytes);
  register(OPERATION_MAC, algorithm, specs(keySpec), mac);
  register(OPERATION_VERIFY_MAC, algorithm, specs(keySpec), verifyMac);
}

/** After sha2.ts, whose sizes it reads. */
export function registerHmac(): void {
  registerOne(ALGORITHM_HMAC_SHA_224, HASH_SHA_224, KEY_SPEC_HMAC_224);
  registerOne(ALGORITHM_HMAC_SHA_256, HASH_SHA_256, KEY_SPEC_HMAC_256);
  registerOne(ALGORITHM_HMAC_SHA_384, HASH_SHA_384, KEY_SPEC_HMAC_384);
  registerOne(ALGORITHM_HMAC_SHA_512, HASH_SHA_512, KEY_SPEC_HMAC_512);
}
