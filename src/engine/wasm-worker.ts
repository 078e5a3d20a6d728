/**
 * A worker of the WASM backend: an instance of the module with copies of the keys its blocks name, under the same handles. One file per
 * kind of worker connects this to its messages. Knows of records only which of them made a key.
 */
import {
  BLOCK_HEADER_BYTES,
  HANDLE_BYTES,
  HeaderWord,
  type KeyHandle,
  Operation,
  RECORD_BYTES,
  RecordWord,
  Status,
} from './backend.ts';
import { WasmInstance } from './wasm-instance.ts';
import type { MadeKey, WorkerReply, WorkerRequest } from './wasm-messages.ts';

const MAKES_KEY: ReadonlySet<number> = new Set([Operation.GENERATE_KEY, Operation.IMPORT_KEY, Operation.UNWRAP_KEY]);

/** What to do with each request; the reply, where there is one, is to be sent with its buffers. */
export function startWasmWorker(): (request: WorkerRequest) => WorkerReply | undefined {
  let instance: WasmInstance | undefined;
  const opened = (): WasmInstance => {
    if (instance === undefined) throw new Error('the worker has not been opened');
    return instance;
  };
  return (request) => {
    switch (request.kind) {
      case 'open':
        instance = new WasmInstance(request.module);
        return undefined;
      case 'run':
        return runBlock(opened(), request);
      case 'forget':
        opened().exports.closeKey(request.handle.slot, request.handle.generation);
        return undefined;
      case 'close':
        opened().exports.close();
        return { kind: 'closed' };
    }
  };
}

function runBlock(instance: WasmInstance, request: Extract<WorkerRequest, { kind: 'run' }>): WorkerReply {
  const { block, carried, forgotten } = request;
  const { exports } = instance;
  const address = instance.allocate(block.length);
  const hasKeys = carried.map(({ handle, image }) => mirror(instance, handle, image)).every(Boolean);
  let reply: WorkerReply = { kind: 'declined' };
  if (address !== 0 && hasKeys) {
    instance.view(address, block.length).set(block);
    exports.run(address, block.length, 0);
    const made = takeMadeKeys(instance, address);
    block.set(instance.view(address, block.length));
    // This thread's memory being full does not say that the caller's is.
    reply = made === undefined ? reply : { kind: 'ran', block, made };
  }
  if (reply.kind === 'declined') block.fill(0);
  exports.release(address, block.length);
  for (const { slot, generation } of forgotten) exports.closeKey(slot, generation);
  return reply;
}

/** Takes a key in under the handle it has at home; false where memory is short. */
function mirror(instance: WasmInstance, { slot, generation }: KeyHandle, image: Uint8Array): boolean {
  try {
    return instance.withImage(image, (address) => instance.exports.mirrorImage(address, slot, generation)) !== 0;
  } catch {
    image.fill(0);
    return false;
  }
}

/** Images of the keys the block made, which are forgotten here; undefined where memory was short, for them or for a record. */
function takeMadeKeys(instance: WasmInstance, address: number): MadeKey[] | undefined {
  const made: MadeKey[] = [];
  let isComplete = true;
  const word = (offset: number): number => new Uint32Array(instance.exports.memory.buffer, address + offset, 1)[0]!;
  const records = word(4 * HeaderWord.recordCount);
  for (let record = 0; record < records; record++) {
    const field = (index: number): number => word(BLOCK_HEADER_BYTES + record * RECORD_BYTES + 4 * index);
    const status = field(RecordWord.flagsAndStatus) >>> 16;
    if (status === Status.OUT_OF_MEMORY) isComplete = false;
    if (status !== Status.OK) continue;
    const items = field(RecordWord.items);
    if (items > 1) {
      const statuses = instance.view(address + field(RecordWord.statusesOffset), items);
      if (statuses.includes(Status.OUT_OF_MEMORY)) isComplete = false;
    }
    if (!MAKES_KEY.has(field(RecordWord.operationAndAlgorithm) & 0xffff)) continue;
    const output = new DataView(instance.exports.memory.buffer, address + field(RecordWord.outputOffset), HANDLE_BYTES);
    const handle = { slot: output.getUint32(0, true), generation: output.getUint32(4, true) };
    try {
      made.push({ record, image: instance.copyKey(handle, 0)! });
    } catch {
      isComplete = false;
    }
    instance.exports.closeKey(handle.slot, handle.generation);
  }
  if (isComplete) return made;
  for (const { image } of made) image.fill(0);
  return undefined;
}
