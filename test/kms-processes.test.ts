/** Several processes on one store: each sees the others' changes within the stated bound, and none undoes another's. */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Keymill } from 'keymill';
import { rejectsWith, temporaryDirectory, utf8 } from './support/kms-service.ts';

const message = utf8('a message');
/** Keymill looks every 250 ms; the rest is room for a busy machine. */
const BOUND_MS = 2000;

async function eventually(check: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + BOUND_MS;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await pause(20);
    }
  }
}

test('what one service changes, another on the same store sees', async (t) => {
  const path = temporaryDirectory(t);
  const [here, there] = [await Keymill.open({ path }), await Keymill.open({ path })];
  t.after(() => Promise.all([here.close(), there.close()]));
  const [a, b] = [(await here.createKey()).KeyMetadata, (await here.createKey()).KeyMetadata];
  await here.createAlias({ AliasName: 'alias/x', TargetKeyId: a.KeyId });
  const encrypt = () => there.encrypt({ KeyId: 'alias/x', Plaintext: message });
  assert.equal((await encrypt()).KeyId, a.Arn);

  await here.updateAlias({ AliasName: 'alias/x', TargetKeyId: b.KeyId });
  await eventually(async () => assert.equal((await encrypt()).KeyId, b.Arn));
  await here.disableKey({ KeyId: b.KeyId });
  await eventually(() => rejectsWith(encrypt(), 'DisabledException'));
  // What it has not seen yet it cannot undo either: the state is read again under the store's lock.
  await here.enableKey({ KeyId: b.KeyId });
  await here.scheduleKeyDeletion({ KeyId: b.KeyId });
  await rejectsWith(there.enableKey({ KeyId: b.KeyId }), 'KMSInvalidStateException', `${b.Arn} is pending deletion.`);
  await here.rotateKeyOnDemand({ KeyId: a.KeyId });
  const { CiphertextBlob } = await here.encrypt({ KeyId: a.KeyId, Plaintext: message });
  await eventually(async () => assert.deepEqual((await there.decrypt({ CiphertextBlob })).Plaintext, message));
  await here.deleteAlias({ AliasName: 'alias/x' });
  await eventually(() => rejectsWith(encrypt(), 'NotFoundException'));
});

test('maintain sees everything acknowledged before it', async (t) => {
  const path = temporaryDirectory(t);
  const [here, there] = [await Keymill.open({ path }), await Keymill.open({ path })];
  t.after(() => Promise.all([here.close(), there.close()]));
  const { KeyId } = (await here.createKey()).KeyMetadata;
  for (let round = 0; round < 20; round++) {
    await there.encrypt({ KeyId, Plaintext: message });
    await here.disableKey({ KeyId });
    await there.maintain();
    await rejectsWith(there.encrypt({ KeyId, Plaintext: message }), 'DisabledException');
    await here.enableKey({ KeyId });
    await there.maintain();
  }
});

test('rotations of two processes are all there', async (t) => {
  const path = temporaryDirectory(t);
  const kms = await Keymill.open({ path });
  t.after(() => kms.close());
  const { KeyId } = (await kms.createKey()).KeyMetadata;
  const other = fork(join(import.meta.dirname, 'support/kms-rotate.js'), [path, KeyId, '10']);
  const exited = once(other, 'exit');
  const blobs: Uint8Array[] = [];
  for (let i = 0; i < 10; i++) {
    await kms.rotateKeyOnDemand({ KeyId });
    blobs.push((await kms.encrypt({ KeyId, Plaintext: message })).CiphertextBlob);
  }
  assert.deepEqual(await exited, [0, null]);
  await kms.maintain();
  assert.equal((await kms.listKeyRotations({ KeyId })).Rotations.length, 20);
  for (const CiphertextBlob of blobs) assert.deepEqual((await kms.decrypt({ CiphertextBlob })).Plaintext, message);
});
