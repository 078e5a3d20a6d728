/**
 * A process killed at any moment: what was acknowledged is there when the store opens again, and nothing is there by half.
 * KEYMILL_SLOW=1 kills a thousand.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Keymill } from 'keymill';
import { temporaryDirectory } from './support/kms-service.ts';
import type { JournalEntry } from './support/kms-victim.ts';

const KILLS = process.env.KEYMILL_SLOW === '1' ? 1000 : 12;
/** Every so many a kill comes before the victim has opened its store. */
const EARLY_KILL_EVERY = 8;
const MAX_LINES = 60;
/** Between two lines of the journal, of a task and of all of them. */
const MAX_PAUSE_MS = 3;
const VICTIM = join(import.meta.dirname, 'support/kms-victim.js');

/** What a key must be; calls that were under way when the process died may have happened or not. */
interface ExpectedKey {
  rotations: number;
  readonly blobs: string[];
  hasAlias: boolean;
  isScheduled: boolean;
  imported: 'not external' | 'no' | 'yes';
  readonly underway: Set<JournalEntry['call']>;
}

const newKey = (): ExpectedKey => ({
  rotations: 0,
  blobs: [],
  hasAlias: false,
  isScheduled: false,
  imported: 'not external',
  underway: new Set(),
});

const APPLY: Readonly<Record<JournalEntry['call'], (key: ExpectedKey, entry: JournalEntry) => void>> = {
  create: () => {},
  import: (key) => {
    key.imported = 'yes';
  },
  rotate: (key) => {
    key.rotations++;
  },
  encrypt: (key, { CiphertextBlob }) => {
    key.blobs.push(CiphertextBlob!);
  },
  createAlias: (key) => {
    key.hasAlias = true;
  },
  deleteAlias: (key) => {
    key.hasAlias = false;
  },
  schedule: (key) => {
    key.isScheduled = true;
  },
};

/** Runs a victim until the kill; returns its journal. */
async function kill(path: string, isEarly: boolean): Promise<JournalEntry[]> {
  const victim = spawn(process.execPath, [VICTIM, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(victim, 'close');
  const lines = randomInt(MAX_LINES);
  let text = '';
  const isBusy = new Promise<void>((resolve) => {
    victim.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (text.split('\n').length > lines) resolve();
    });
  });
  if (isEarly) await pause(randomInt(200));
  else await Promise.race([isBusy, exited]);
  await pause(randomInt(MAX_PAUSE_MS));
  victim.kill('SIGKILL');
  const [, signal] = await exited;
  assert.equal(signal, 'SIGKILL', 'the victim ended by itself');
  // The last line may have been cut.
  return text
    .split('\n')
    .slice(0, -1)
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

/** Adds a journal to what is expected; returns the keys it names and how many more may have been made. */
function expect(keys: Map<string, ExpectedKey>, journal: readonly JournalEntry[]) {
  const underway = new Map<string, JournalEntry>();
  const touched = new Set<string>();
  for (const entry of journal) {
    if (!entry.acknowledged) {
      underway.set(entry.id, entry);
      continue;
    }
    underway.delete(entry.id);
    const KeyId = entry.KeyId!;
    touched.add(KeyId);
    const key = keys.get(KeyId) ?? newKey();
    keys.set(KeyId, key);
    APPLY[entry.call](key, entry);
  }
  let creations = 0;
  for (const { call, KeyId } of underway.values()) {
    if (KeyId === undefined) creations++;
    else keys.get(KeyId)!.underway.add(call);
  }
  return { touched, creations };
}

/** The key is what was acknowledged of it, or that and what was under way, which from then on counts. */
async function check(kms: Keymill, KeyId: string, key: ExpectedKey, aliases: ReadonlySet<string>): Promise<void> {
  const { KeyMetadata } = await kms.describeKey({ KeyId });
  const { underway } = key;
  if (KeyMetadata.Origin === 'EXTERNAL' && key.imported === 'not external') key.imported = 'no';
  if (underway.has('import') && KeyMetadata.KeyState === 'Enabled') key.imported = 'yes';
  if (underway.has('schedule') && KeyMetadata.KeyState === 'PendingDeletion') key.isScheduled = true;
  const state = key.isScheduled ? 'PendingDeletion' : key.imported === 'no' ? 'PendingImport' : 'Enabled';
  assert.equal(KeyMetadata.KeyState, state, KeyId);

  const rotations = (await kms.listKeyRotations({ KeyId })).Rotations.length;
  if (underway.has('rotate') && rotations === key.rotations + 1) key.rotations++;
  assert.equal(rotations, key.rotations, KeyId);

  const hasAlias = aliases.has(`alias/${KeyId}`);
  if (underway.has('createAlias') || underway.has('deleteAlias')) key.hasAlias = hasAlias;
  assert.equal(hasAlias, key.hasAlias, KeyId);
  underway.clear();

  if (state !== 'Enabled') return;
  const plaintext = Buffer.from(KeyId);
  const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: plaintext });
  for (const blob of [...key.blobs.map((text) => Buffer.from(text, 'base64')), CiphertextBlob]) {
    assert.deepEqual(Buffer.from((await kms.decrypt({ CiphertextBlob: blob })).Plaintext!), plaintext);
  }
}

async function all<Item>(list: (Marker?: string) => Promise<{ items: Item[]; NextMarker?: string | undefined }>) {
  const found: Item[] = [];
  let marker: string | undefined;
  do {
    const { items, NextMarker } = await list(marker);
    found.push(...items);
    marker = NextMarker;
  } while (marker !== undefined);
  return found;
}

test(`${KILLS} kills lose nothing acknowledged and leave nothing half done`, async (t) => {
  const path = temporaryDirectory(t);
  await (await Keymill.open({ path })).close();
  const keys = new Map<string, ExpectedKey>();
  let acknowledged = 0;
  for (let round = 0; round < KILLS; round++) {
    const journal = await kill(path, round % EARLY_KILL_EVERY === EARLY_KILL_EVERY - 1);
    acknowledged += journal.filter((entry) => entry.acknowledged).length;
    const { touched, creations } = expect(keys, journal);
    const kms = await Keymill.open({ path });
    try {
      const listed = await all(async (Marker) => {
        const { Keys, NextMarker } = await kms.listKeys({ Limit: 1000, Marker });
        return { items: Keys.map(({ KeyId }) => KeyId), NextMarker };
      });
      const aliases = await all(async (Marker) => {
        const { Aliases, NextMarker } = await kms.listAliases({ Limit: 100, Marker });
        return { items: Aliases.map(({ AliasName }) => AliasName), NextMarker };
      });
      const unheardOf = listed.filter((KeyId) => !keys.has(KeyId));
      assert.ok(unheardOf.length <= creations, `${unheardOf.length} keys that nobody was making`);
      assert.equal(listed.length, keys.size + unheardOf.length, 'keys are gone');
      for (const KeyId of unheardOf) keys.set(KeyId, newKey());
      const isLast = round === KILLS - 1;
      const names = new Set(aliases);
      for (const KeyId of isLast ? keys.keys() : [...touched, ...unheardOf]) {
        await check(kms, KeyId, keys.get(KeyId)!, names);
      }
    } finally {
      await kms.close();
    }
  }
  assert.ok(acknowledged > KILLS, `${acknowledged} calls were acknowledged: the victims did nothing`);
});

const hasStrace = spawnSync('strace', ['-V']).status === 0;

test('the change is on disk before it is acknowledged', { skip: !hasStrace && 'there is no strace here' }, (t) => {
  const directory = temporaryDirectory(t);
  const trace = join(directory, 'trace');
  const script = join(import.meta.dirname, 'support/kms-acknowledge.js');
  const calls = 'trace=write,fsync,fdatasync';
  const { status, stderr } = spawnSync('strace', [
    ...['-f', '-qq', '-y', '-e', calls, '-e', 'signal=none', '-o', trace],
    ...[process.execPath, script, join(directory, 'store')],
  ]);
  assert.equal(status, 0, String(stderr));
  // What one call leaves: from the line the process writes before it to the one after it.
  const inside = readFileSync(trace, 'latin1').split('"begin ').slice(1);
  const written = inside.map((text) => text.split('"end ')[0]!);
  assert.ok(written.length >= 5, 'the trace shows no calls');
  for (const text of written) {
    assert.match(
      text,
      /f(?:data)?sync\(\d+<[^>]*keymill\.db-wal>\) += 0/,
      `not synchronised after ${text.slice(0, 40)}`,
    );
  }
});
