/**
 * WRAP_KEY and UNWRAP_KEY, version 1 (backend.ts): XAES-256-GCM of a key's raw material under a root key; the version byte and the spec stand
 * before the additional data. Knows no key spec by name.
 */
import { openXaes, sealXaes, XAES_NONCE_BYTES } from './aead';
import {
  KEY_SPEC_SYMMETRIC_DEFAULT,
  MAX_PRIVATE_KEY_BYTES,
  OPERATION_UNWRAP_KEY,
  OPERATION_WRAP_KEY,
  STATUS_DECRYPTION_FAILED,
  STATUS_INVALID_HANDLE,
  STATUS_INVALID_KEY,
  STATUS_MALFORMED_RECORD,
  STATUS_OK,
  STATUS_OUT_OF_MEMORY,
  STATUS_UNAVAILABLE,
  STATUS_WRONG_KEY,
  WRAP_OVERHEAD_BYTES,
} from './contract';
import { makeKey } from './key_operations';
import { keyType, resolve } from './keys';
import { allocate, release } from './memory';
import { Item, register, specs } from './operation';
import { fillRandom } from './random';

const VERSION: u8 = 1;
const VERSION_BYTES: usize = 1;
/** What is authenticated before the caller's data: the version and the spec, so that a key opens as what it was wrapped as only. */
const HEAD_BYTES: usize = VERSION_BYTES + sizeof<u32>();

/** The head and the item's additional data, in memory of their own; 0 where there is none. */
function authenticatedData(item: Item, spec: u32): usize {
  const data = allocate(HEAD_BYTES + item.extraBytes);
  if (!data) return 0;
  store<u8>(data, VERSION);
  store<u32>(data + VERSION_BYTES, spec);
  memory.copy(data + HEAD_BYTES, item.extra, item.extraBytes);
  return data;
}

function wrapKey(item: Item): u32 {
  const key = resolve(load<u32>(item.input), load<u32>(item.input, 4), item.tick);
  if (!key) return STATUS_INVALID_HANDLE;
  // A public-only key has nothing to wrap.
  if (!key.material) return STATUS_WRONG_KEY;
  if (item.capacityBytes < key.materialBytes + WRAP_OVERHEAD_BYTES) return STATUS_MALFORMED_RECORD;
  const nonce = item.output + VERSION_BYTES;
  const dataBytes = HEAD_BYTES + item.extraBytes;
  const data = authenticatedData(item, key.spec);
  if (!data) return STATUS_OUT_OF_MEMORY;
  store<u8>(item.output, VERSION);
  let status = STATUS_UNAVAILABLE;
  if (fillRandom(nonce, XAES_NONCE_BYTES)) {
    const ciphertext = nonce + XAES_NONCE_BYTES;
    const isSealed = sealXaes(item.key, nonce, data, dataBytes, key.material, key.materialBytes, ciphertext);
    status = isSealed ? STATUS_OK : STATUS_OUT_OF_MEMORY;
  }
  release(data, dataBytes);
  item.outputBytes = key.materialBytes + WRAP_OVERHEAD_BYTES;
  return status;
}

function unwrapKey(item: Item): u32 {
  if (
    item.inputBytes <= WRAP_OVERHEAD_BYTES ||
    item.inputBytes > WRAP_OVERHEAD_BYTES + MAX_PRIVATE_KEY_BYTES ||
    load<u8>(item.input) != VERSION
  ) {
    return STATUS_DECRYPTION_FAILED;
  }
  const bytes = item.inputBytes - WRAP_OVERHEAD_BYTES;
  const nonce = item.input + VERSION_BYTES;
  const dataBytes = HEAD_BYTES + item.extraBytes;
  const data = authenticatedData(item, item.keySpec);
  const material = allocate(bytes);
  let status = STATUS_OUT_OF_MEMORY;
  if (data && material) {
    status = openXaes(item.key, nonce, data, dataBytes, nonce + XAES_NONCE_BYTES, bytes, material);
  }
  if (status == STATUS_OK) {
    status = makeKey(item, false, keyType(item.keySpec).wrappedFormat, material, bytes);
    // What opens but is no key of the spec is a blob that does not open: the caller named another spec than was wrapped.
    if (status == STATUS_INVALID_KEY) status = STATUS_DECRYPTION_FAILED;
  }
  release(data, dataBytes);
  release(material, bytes);
  return status;
}

export function registerWrap(): void {
  register(OPERATION_WRAP_KEY, 0, specs(KEY_SPEC_SYMMETRIC_DEFAULT), wrapKey);
  register(OPERATION_UNWRAP_KEY, 0, specs(KEY_SPEC_SYMMETRIC_DEFAULT), unwrapKey);
}
