/**
 * Random bytes. The host's generator (Web Crypto's getRandomValues) is the only source; small requests are served from a pool
 * filled in bulk, since a call to the host costs more than a nonce. Bytes handed out are erased from the pool.
 */
import { wipe } from './memory';

/** Fills memory with random bytes; 0 where the host has none to give. */
@external('env', 'random')
declare function hostRandom(pointer: usize, bytes: usize): u32;

const POOL_BYTES: usize = 4096;
/** Requests above this go to the host at once. */
const LARGEST_POOLED_BYTES: usize = 256;

const pool = memory.data(<i32>POOL_BYTES, 16);
let unused: usize = 0;

/** False where randomness is unavailable; the memory then holds zeros. */
export function fillRandom(pointer: usize, bytes: usize): bool {
  if (bytes > LARGEST_POOLED_BYTES) {
    if (hostRandom(pointer, bytes)) return true;
    wipe(pointer, bytes);
    return false;
  }
  if (bytes > unused) {
    unused = 0;
    if (!hostRandom(pool, POOL_BYTES)) {
      wipe(pool, POOL_BYTES);
      wipe(pointer, bytes);
      return false;
    }
    unused = POOL_BYTES;
  }
  unused -= bytes;
  memory.copy(pointer, pool + unused, bytes);
  wipe(pool + unused, bytes);
  return true;
}

/** Forgets what is left in the pool. */
export function wipeRandom(): void {
  wipe(pool, POOL_BYTES);
  unused = 0;
}
