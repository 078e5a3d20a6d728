/**
 * SHA-224, SHA-256, SHA-384 and SHA-512 (FIPS 180-4 sections 6.2 to 6.5): their sizes and initial states. The compression functions are
 * generated (wasm/generate/sha.mjs); padding is hash.ts's.
 */
import { HASH_SHA_224, HASH_SHA_256, HASH_SHA_384, HASH_SHA_512 } from './contract';
import { compressSha256 } from './generated/sha256';
import { compressSha512 } from './generated/sha512';
import { registerHash } from './hash';

const BLOCK_BYTES_256: usize = 64;
const BLOCK_BYTES_512: usize = 128;
const STATE_BYTES_256: usize = 32;
const STATE_BYTES_512: usize = 64;

// Section 5.3.
// biome-ignore format: tables
const initial224 = memory.data<u32>([
  0xc1059ed8, 0x367cd507, 0x3070dd17, 0xf70e5939, 0xffc00b31, 0x68581511, 0x64f98fa7, 0xbefa4fa4,
], 16);
// biome-ignore format: a table
const initial256 = memory.data<u32>([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
], 16);
// biome-ignore format: a table
const initial384 = memory.data<u64>([
  0xcbbb9d5dc1059ed8, 0x629a292a367cd507, 0x9159015a3070dd17, 0x152fecd8f70e5939,
  0x67332667ffc00b31, 0x8eb44a8768581511, 0xdb0c2e0d64f98fa7, 0x47b5481dbefa4fa4,
], 16);
// biome-ignore format: a table
const initial512 = memory.data<u64>([
  0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
  0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
], 16);

export function registerSha2(): void {
  registerHash(HASH_SHA_224, 28, BLOCK_BYTES_256, 4, STATE_BYTES_256, initial224, compressSha256);
  registerHash(HASH_SHA_256, 32, BLOCK_BYTES_256, 4, STATE_BYTES_256, initial256, compressSha256);
  registerHash(HASH_SHA_384, 48, BLOCK_BYTES_512, 8, STATE_BYTES_512, initial384, compressSha512);
  registerHash(HASH_SHA_512, 64, BLOCK_BYTES_512, 8, STATE_BYTES_512, initial512, compressSha512);
}
