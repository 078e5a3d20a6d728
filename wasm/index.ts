/**
 * The module's exports, which are all the host (src/engine/wasm.ts) knows, and the list of stems. No managed object is ever made:
 * memory is addressed by pointers, so the module carries no runtime and imports nothing but randomness.
 */
import { registerAead } from './aead';
import { closeExecutor, openExecutor } from './batch';
import { OPERATION_RANDOM, STATUS_OK, STATUS_UNAVAILABLE } from './contract';
import { registerEc } from './ec';
import { registerEdwards } from './edwards';
import { registerHmac } from './hmac';
import { registerKeyOperations } from './key_operations';
import { openKeys, wipeKeys } from './keys';
import { Item, register } from './operation';
import { fillRandom, wipeRandom } from './random';
import { registerRsa } from './rsa';
import { registerSha1 } from './sha1';
import { registerSha2 } from './sha2';
import { registerWrap } from './wrap';

export { closeExternal, openExternal, outputBytesRun, run, runExternalItems } from './batch';
export { adoptImage, closeKey, finished, imageBytes, mirrorImage, submitted, writeImage } from './keys';
export { allocate, release } from './memory';

function random(item: Item): u32 {
  if (!fillRandom(item.output, item.capacityBytes)) return STATUS_UNAVAILABLE;
  item.outputBytes = item.capacityBytes;
  return STATUS_OK;
}

/** Registers the stems. Called once, before anything else; false where the host has no randomness. */
export function open(): bool {
  openExecutor();
  register(OPERATION_RANDOM, 0, 0, random);
  registerKeyOperations();
  registerSha1();
  registerSha2();
  registerHmac();
  registerAead();
  registerRsa();
  registerWrap();
  registerEc();
  registerEdwards();
  return openKeys();
}

/** Wipes all keys; every later record is UNAVAILABLE. */
export function close(): void {
  closeExecutor();
  wipeKeys();
  wipeRandom();
}
