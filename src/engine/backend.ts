/**
 * The contract between the engine and a backend. This file alone says how to write a third one.
 *
 * A batch is one contiguous **block** of backend-owned memory: a header, `recordCount` records of 64 bytes, then an arena.
 * The facade (queue.ts) fills records and copies inputs into the arena; the backend runs each record and writes its status,
 * its output and the output's length. All integers are little-endian; all offsets are bytes from the start of the block.
 *
 * What a backend promises:
 * - It checks every offset, length, handle, id and flag combination itself; a bad record gets a status and harms nobody.
 * - Several items in a record are for operations with an algorithm (and RANDOM); so is EXTERNAL. Such a record is OK when it was run: what
 *   became of each item is in its status byte, and outputBytes is the largest that was written. A record that fails as a whole has
 *   its status in every status byte too. Where one key serves all items and is not one, either may be: callers read the status bytes.
 *   A nonce given for several items is MALFORMED_RECORD, since it would be used again.
 * - Outputs and statuses lie in the arena, never over the header or the records; flags an operation does not know are malformed.
 * - A block whose header is wrong does not run: the call throws, or every record that fits is MALFORMED_RECORD.
 * - Each record stands alone: a failing one leaves its neighbours untouched, zeroes its own output area and sets outputBytes 0.
 * - Decryption output appears only after the tag is checked. All decryption failures, lengths included, are DECRYPTION_FAILED.
 * - Keys are handles (slot, generation). Generations start at a random 32-bit value per engine and change at every reuse, so that
 *   a stale or foreign handle is INVALID_HANDLE. A key closed while a submitted block uses it lives until that block is done.
 * - Secrets are wiped after use; key bytes appear in a block only where EXPORT_KEY puts them.
 */

/** ASCII "KMB1", little-endian: the first word of every block. */
export const BLOCK_MAGIC = 0x31424d4b;
export const BLOCK_HEADER_BYTES = 64;
export const RECORD_BYTES = 64;
export const HANDLE_BYTES = 8;

/** Word (4-byte) indices inside the header. */
export const HeaderWord = {
  magic: 0,
  recordCount: 1,
  /** Bytes of the block in use, header and records included; nothing beyond is read or written. */
  usedBytes: 2,
} as const;

/**
 * Word (4-byte) indices inside a record. Three words hold two 16-bit halves: `operation` (low) with `algorithm` (high),
 * `flags` (low) with `status` (high).
 */
export const RecordWord = {
  operationAndAlgorithm: 0,
  flagsAndStatus: 1,
  keySlot: 2,
  keyGeneration: 3,
  inputOffset: 4,
  /** Length of the input; of each item's input where items > 1. */
  inputBytes: 5,
  /** Additional data, the signature or MAC to check, or the peer's public key. */
  extraOffset: 6,
  /** Per item for VERIFY and VERIFY_MAC; shared by all items otherwise. */
  extraBytes: 7,
  /** The nonce of ENCRYPT; 0 bytes: the backend draws it. */
  nonceOffset: 8,
  nonceBytes: 9,
  outputOffset: 10,
  /** In: capacity (per item). Out: bytes written (per item). */
  outputBytes: 11,
  /** How many equal-sized items this record holds, end to end in input and output; at least 1. */
  items: 12,
  /** Offset of `items` handles of 8 bytes (slot, generation), one key per item; 0: the record's key serves all. */
  keysOffset: 13,
  /** Offset of `items` status bytes, written by the backend; required where items > 1. */
  statusesOffset: 14,
  /** Key spec id for GENERATE_KEY, IMPORT_KEY and UNWRAP_KEY; 0 elsewhere. */
  keySpec: 15,
} as const;

export const Flag = {
  /** SIGN and VERIFY: the input is the digest (its length must be the hash's); without it the backend hashes the input first. */
  MESSAGE_IS_DIGEST: 1,
  /** ECDSA: signatures are r||s of fixed width (IEEE P1363), not DER. */
  P1363: 2,
  /** The key being made may be exported. */
  EXPORTABLE: 4,
  /** Format of IMPORT_KEY input and EXPORT_KEY output; neither: raw. */
  FORMAT_PKCS8: 8,
  FORMAT_SPKI: 16,
  /** `inputOffset` and `outputOffset` count from the start of the views given to `runInPlace`, not of the block. */
  EXTERNAL: 32,
  /** SIGN with ECDSA: the nonce is RFC 6979's, without added randomness. */
  DETERMINISTIC: 64,
  /** SIGN with ECDSA: s is at most n/2; where it is not, n - s takes its place. */
  LOW_S: 128,
  /**
   * SIGN with ECDSA: one byte follows the signature, by which the public key is found from it (SEC 1 section 4.1.6). Bit 0 is the parity
   * of R's y, of -R's where LOW_S took n - s; bit 1 is set where R's x is n or more.
   */
  RECOVERY_ID: 256,
} as const;

/**
 * Operation ids. `key` is the record's handle.
 *
 * | operation | input | extra | output |
 * | --- | --- | --- | --- |
 * | ENCRYPT | plaintext | additional data (AEAD) | AEAD: nonce, ciphertext, tag (16 bytes); OAEP: the ciphertext |
 * | DECRYPT | what ENCRYPT gave | additional data | plaintext |
 * | SIGN | message or digest | - | signature |
 * | VERIFY | message or digest | signature | - (OK or INVALID_SIGNATURE) |
 * | MAC | message | - | full-length MAC |
 * | VERIFY_MAC | message | MAC | - (OK or INVALID_SIGNATURE; compared in constant time) |
 * | DIGEST | message | - | digest; no key; `algorithm` is a hash id |
 * | DERIVE_SHARED_SECRET | - | peer's SPKI (DER) | x coordinate; a bad peer key is INVALID_KEY |
 * | RANDOM | - | - | random bytes up to the capacity; no key |
 * | GENERATE_KEY | - | - | handle; no key, `keySpec` set |
 * | IMPORT_KEY | raw, PKCS#8 or SPKI bytes, fully validated | - | handle; no key, `keySpec` set |
 * | EXPORT_KEY | - | - | raw or PKCS#8 bytes, or SPKI (always allowed where there is a public key) |
 * | WRAP_KEY | handle of the key to wrap | additional data | version (1), nonce (24), ciphertext, tag; `key` is the root |
 * | UNWRAP_KEY | what WRAP_KEY gave | additional data | handle; `key` is the root, `keySpec` set |
 *
 * WRAP_KEY, version 1: XAES-256-GCM under the root key (a SYMMETRIC_DEFAULT key); additional data is the version byte, the key's
 * spec id (32 bits, little-endian) and the record's; plaintext is the raw key (symmetric, HMAC), the seed (Edwards), the scalar d at full width (EC) or PKCS#8 (RSA).
 * Both backends read what the other wrote. A wrapped blob that does not open, whatever the reason, is DECRYPTION_FAILED.
 * Wrapping ignores EXPORTABLE; a public-only key cannot be wrapped (WRONG_KEY).
 */
export const Operation = {
  ENCRYPT: 1,
  DECRYPT: 2,
  SIGN: 3,
  VERIFY: 4,
  MAC: 5,
  VERIFY_MAC: 6,
  DIGEST: 7,
  DERIVE_SHARED_SECRET: 8,
  RANDOM: 9,
  GENERATE_KEY: 10,
  IMPORT_KEY: 11,
  EXPORT_KEY: 12,
  WRAP_KEY: 13,
  UNWRAP_KEY: 14,
  /** A record the facade cancelled after writing it; status becomes CANCELLED, nothing is read. */
  NONE: 0,
} as const;

/** What became of a record. Shared by all backends; errors.ts maps it to errors. Checks are made in this order where several fail. */
export const Status = {
  OK: 0,
  CANCELLED: 1,
  /** An offset, length, count or flag that the facade must never send. */
  MALFORMED_RECORD: 2,
  /** This backend has no such operation, algorithm or key spec. */
  UNSUPPORTED: 3,
  INVALID_HANDLE: 4,
  /** The handle's key has another spec or family than the algorithm needs, or only a public half. */
  WRONG_KEY: 5,
  /** Plaintext too long for OAEP, digest of another length, nonce not of the algorithm's length. */
  INVALID_LENGTH: 6,
  INVALID_KEY: 7,
  NOT_EXPORTABLE: 8,
  DECRYPTION_FAILED: 9,
  INVALID_SIGNATURE: 10,
  OUT_OF_MEMORY: 11,
  /** The backend is closed, out of randomness, or failed a self-test. */
  UNAVAILABLE: 12,
  INTERNAL: 13,
} as const;

/** Upper bounds for outputs whose exact size the facade does not compute: SPKI, and PKCS#8 or wrapped keys. */
export const MAX_PUBLIC_KEY_BYTES = 640;
export const MAX_PRIVATE_KEY_BYTES = 2560;
/** WRAP_KEY adds the version byte, the nonce and the tag. */
export const WRAP_OVERHEAD_BYTES = 1 + 24 + 16;

/** A key inside a backend. Opaque to everyone but the backend that made it. */
export interface KeyHandle {
  readonly slot: number;
  readonly generation: number;
}

/**
 * A block's memory. The backend may replace both views whenever it allocates or runs (WASM memory moves when it grows), so
 * read them afresh after every call. `words` covers the same bytes. Length is a multiple of 64.
 */
export interface Block {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
}

/** Caller's memory for one in-place record; used only during the call. `output` must be fresh memory nobody else sees. */
export interface External {
  readonly input: Uint8Array;
  readonly output: Uint8Array;
}

/** What a backend says of itself; shown by `engine.info`. */
export interface BackendInfo {
  readonly backend: string;
  /** OpenSSL's version string, or undefined where there is none. */
  readonly openssl?: string;
  readonly cpuFeatures: readonly string[];
  /** Worker threads for dear operations; 0: everything runs on the calling thread. */
  readonly threads: number;
  /** Primitive -> name of the implementation that runs. */
  readonly kernels: Readonly<Record<string, string>>;
  /** Names of the known-answer tests that passed at load. */
  readonly selfTests: readonly string[];
  /** Names of those that failed: kernels that were passed over, and should not be. Empty in a sound build. */
  readonly refusedKernels: readonly string[];
  /** Where key material lives: whether that memory is locked, and its size. */
  readonly keyMemory: { readonly locked: boolean; readonly bytes: number };
}

/** What openEngine hands a backend. */
export interface BackendOptions {
  readonly threads: number;
  readonly kernels: 'auto' | 'scalar' | 'emulated' | 'openssl';
}

export interface Backend {
  readonly info: BackendInfo;
  /** A zeroed block of at least `bytes`. It stays the caller's until `free`. */
  allocate(bytes: number): Block;
  /** Gives the block back; the caller has zeroed what it used. Never called while the block is submitted. */
  free(block: Block): void;
  /** Runs every record on the calling thread before returning. Never throws for what a record contains. */
  run(block: Block): void;
  /** Runs a block of exactly one record with EXTERNAL set. */
  runInPlace(block: Block, external: External): void;
  /**
   * Runs the block on a worker thread (or later on this one) and then calls `done` on this thread, outside this call.
   * Blocks start in the order submitted. Handles are resolved here, so a key closed afterwards is still used.
   */
  submit(block: Block, done: () => void): void;
  /** Forgets a key: later uses of the handle are INVALID_HANDLE; its material is wiped once nothing running uses it. No effect on a stale handle. */
  closeKey(handle: KeyHandle): void;
  /** Waits for submitted blocks, wipes all keys. Every later run gives UNAVAILABLE. Idempotent. */
  close(): Promise<void>;
}
