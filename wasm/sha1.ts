/**
 * SHA-1 (FIPS 180-4 section 6.1), for OAEP and legacy digests only: its sizes and initial state. The compression function is generated
 * (wasm/generate/sha.mjs); padding is hash.ts's.
 */
import { HASH_SHA_1 } from './contract';
import { compressSha1 } from './generated/sha1';
import { registerHash } from './hash';

const DIGEST_BYTES: usize = 20;
const BLOCK_BYTES: usize = 64;

// Section 5.3.1.
const initialState = memory.data<u32>([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0], 16);

export function registerSha1(): void {
  registerHash(HASH_SHA_1, DIGEST_BYTES, BLOCK_BYTES, 4, DIGEST_BYTES, initialState, compressSha1);
}
