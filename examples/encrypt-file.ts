/**
 * Envelope encryption of a file of any size in little memory: a data key of its own encrypts the file, a key of the service encrypts
 * the data key, which stands in front.
 *
 *   node dist/examples/encrypt-file.js seal report.pdf report.sealed
 *   node dist/examples/encrypt-file.js open report.sealed report.pdf
 *
 * Format: length of the encrypted data key (2 bytes, big-endian), that key, then AES-256-GCM of each MiB (the last may be shorter, or
 * empty) with its number and whether it is the last as additional data: no piece can be cut off, swapped or left out unnoticed.
 */
import { createWriteStream } from 'node:fs';
import { type FileHandle, open as openFile, rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { Keymill, KmsError } from 'keymill';
import { openEngine } from 'keymill/engine';

const ALIAS = 'alias/files';
const EncryptionContext = { purpose: 'encrypt-file' };
const algorithm = 'SYMMETRIC_DEFAULT';
const PIECE_BYTES = 2 ** 20;
const OVERHEAD_BYTES = 12 + 16; // iv and tag
const LENGTH_BYTES = 2;

const [action = '', from = '', to = ''] = process.argv.slice(2);
const kms = await Keymill.open({ path: process.env.KEYMILL_PATH ?? './keymill-data' });
const engine = await openEngine();

/** What is behind `start`, in pieces of so many bytes, the last of them shorter or empty, each with its additional data. */
async function* pieces(file: FileHandle, start: number, bytes: number) {
  let [waiting, number] = [Buffer.alloc(0), 0];
  const aad = (isLast: boolean) => Buffer.from(`${number++} ${isLast ? 'last' : 'more'}`);
  for await (const chunk of file.createReadStream({ start, highWaterMark: bytes })) {
    waiting = Buffer.concat([waiting, chunk]);
    for (; waiting.length > bytes; waiting = waiting.subarray(bytes)) {
      yield [waiting.subarray(0, bytes), aad(false)] as const;
    }
  }
  yield [waiting, aad(true)] as const;
}

/** A data key in the engine; its bytes in JavaScript are wiped. */
async function take(data: Uint8Array) {
  const key = await engine.importKey({ keySpec: 'SYMMETRIC_DEFAULT', format: 'raw', data });
  data.fill(0);
  return key;
}

const ACTIONS: Readonly<Record<string, (file: FileHandle) => AsyncIterable<Uint8Array>>> = {
  async *seal(file) {
    await kms.describeKey({ KeyId: ALIAS }).catch(async (error) => {
      if (!(error instanceof KmsError) || error.name !== 'NotFoundException') throw error;
      const { KeyMetadata } = await kms.createKey({ Description: 'Encrypts the data keys of files' });
      await kms.createAlias({ AliasName: ALIAS, TargetKeyId: KeyMetadata.KeyId });
    });
    const dataKey = await kms.generateDataKey({ KeyId: ALIAS, KeySpec: 'AES_256', EncryptionContext });
    const key = await take(dataKey.Plaintext);
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt16BE(dataKey.CiphertextBlob.length);
    yield* [length, dataKey.CiphertextBlob];
    for await (const [plaintext, aad] of pieces(file, 0, PIECE_BYTES)) {
      yield engine.encrypt({ key, algorithm, plaintext, aad });
    }
  },
  async *open(file) {
    const length = (await file.read(Buffer.alloc(LENGTH_BYTES), 0, LENGTH_BYTES, 0)).buffer.readUInt16BE();
    const { buffer: CiphertextBlob } = await file.read(Buffer.alloc(length), 0, length, LENGTH_BYTES);
    const key = await take((await kms.decrypt({ CiphertextBlob, EncryptionContext })).Plaintext);
    for await (const [ciphertext, aad] of pieces(file, LENGTH_BYTES + length, PIECE_BYTES + OVERHEAD_BYTES)) {
      yield engine.decrypt({ key, algorithm, ciphertext, aad });
    }
  },
};

const act = ACTIONS[action];
if (act === undefined || from === '' || to === '') throw new Error('expected: seal|open <from> <to>');
const partial = `${to}.partial`; // nobody sees a file of which a later piece does not open
try {
  await pipeline(act(await openFile(from)), createWriteStream(partial));
  await rename(partial, to);
} finally {
  await rm(partial, { force: true });
  await Promise.all([kms.close(), engine.close()]);
}
