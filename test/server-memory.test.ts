/** What stays in the memory of a serving process: of the keys it handed out, nothing that is text. */
import assert from 'node:assert/strict';
import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';
import { test } from 'node:test';
import { serve, stop } from './support/cli.ts';
import { temporaryDirectory } from './support/kms-service.ts';
import { call } from './support/server.ts';

/** How many of `needles` are in the writable memory of a process. */
function countInMemory(pid: number, needles: readonly Buffer[]): number {
  const found = new Set<Buffer>();
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n')) {
      const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
      if (from === undefined || to === undefined) continue;
      const start = Number.parseInt(from, 16);
      const bytes = readable(memory, start, Number.parseInt(to, 16) - start);
      for (const needle of needles) if (bytes.includes(needle)) found.add(needle);
    }
  } finally {
    closeSync(memory);
  }
  return found.size;
}

function readable(memory: number, start: number, length: number): Buffer {
  const bytes = Buffer.alloc(Math.min(length, 2 ** 28));
  try {
    return bytes.subarray(0, readSync(memory, bytes, 0, bytes.length, start));
  } catch {
    // A guard page, or a mapping that has gone.
    return Buffer.alloc(0);
  }
}

test('data keys', { skip: existsSync('/proc/self/mem') ? false : 'no /proc here' }, async (t) => {
  const path = temporaryDirectory(t);
  const running = await serve(path, ['--auth', 'none']);
  t.after(() => running.process.exitCode ?? running.process.kill('SIGKILL'));
  const accessKey = { accessKeyId: 'any', secretAccessKey: 'any', principal: '', creationDate: new Date() };
  const server = { port: Number(new URL(running.url).port), accessKey };
  const ask = async (operation: string, input: object) =>
    JSON.parse((await call(server, operation, JSON.stringify(input))).body);
  const { KeyId } = (await ask('CreateKey', {})).KeyMetadata;
  const texts: Buffer[] = [];
  for (let i = 0; i < 50; i++) {
    const { Plaintext, CiphertextBlob } = await ask('GenerateDataKey', { KeyId, KeySpec: 'AES_256' });
    assert.equal((await ask('Decrypt', { CiphertextBlob })).Plaintext, Plaintext);
    texts.push(Buffer.from(Plaintext, 'latin1'));
  }
  assert.equal(
    countInMemory(running.process.pid!, [Buffer.from(KeyId, 'latin1')]),
    1,
    'the search finds what is there',
  );
  assert.equal(countInMemory(running.process.pid!, texts), 0);
  await stop(running);
});
