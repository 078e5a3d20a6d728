/**
 * A process to be killed: works on the store in argv[2] in several tasks at once until then, and writes what it begins and what was
 * acknowledged, a line of JSON each, straight to standard output: what was written survives it.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { writeSync } from 'node:fs';
import { Keymill } from 'keymill';
import { importInto } from './kms-import.ts';

/** One call; `KeyId` is missing from the beginning of those that make a key, whose end has it. */
export interface JournalEntry {
  readonly call: 'create' | 'import' | 'rotate' | 'encrypt' | 'createAlias' | 'deleteAlias' | 'schedule';
  readonly id: string;
  readonly KeyId?: string | undefined;
  readonly AliasName?: string | undefined;
  /** Base64. */
  readonly CiphertextBlob?: string | undefined;
  readonly acknowledged: boolean;
}

const TASKS = 3;

async function work(kms: Keymill, task: number): Promise<never> {
  let calls = 0;
  async function journalled(
    entry: Omit<JournalEntry, 'id' | 'acknowledged'>,
    perform: () => Promise<Partial<JournalEntry>>,
  ): Promise<Partial<JournalEntry>> {
    const id = `${process.pid}/${task}/${calls++}`;
    const write = (line: JournalEntry) => writeSync(1, `${JSON.stringify(line)}\n`);
    write({ ...entry, id, acknowledged: false });
    const result = await perform();
    write({ ...entry, ...result, id, acknowledged: true });
    return result;
  }
  for (;;) {
    const isExternal = randomInt(4) === 0;
    const made = await journalled({ call: 'create' }, async () => {
      const { KeyMetadata } = await kms.createKey(isExternal ? { Origin: 'EXTERNAL' } : {});
      return { KeyId: KeyMetadata.KeyId };
    });
    const KeyId = made.KeyId!;
    const encrypt = async () => {
      const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: Buffer.from(KeyId) });
      return { CiphertextBlob: Buffer.from(CiphertextBlob).toString('base64') };
    };
    if (isExternal) {
      await journalled({ call: 'import', KeyId }, async () => {
        await importInto(kms, KeyId, randomBytes(32));
        return {};
      });
    }
    await journalled({ call: 'encrypt', KeyId }, encrypt);
    const AliasName = `alias/${KeyId}`;
    await journalled({ call: 'createAlias', KeyId, AliasName }, async () => {
      await kms.createAlias({ AliasName, TargetKeyId: KeyId });
      return {};
    });
    for (let turn = randomInt(3); turn > 0 && !isExternal; turn--) {
      await journalled({ call: 'rotate', KeyId }, async () => {
        await kms.rotateKeyOnDemand({ KeyId });
        return {};
      });
      await journalled({ call: 'encrypt', KeyId }, encrypt);
    }
    if (randomInt(2) === 0) {
      await journalled({ call: 'deleteAlias', KeyId, AliasName }, async () => {
        await kms.deleteAlias({ AliasName });
        return {};
      });
    }
    if (randomInt(4) === 0) {
      await journalled({ call: 'schedule', KeyId }, async () => {
        await kms.scheduleKeyDeletion({ KeyId });
        return {};
      });
    }
  }
}

if (process.argv[1] === import.meta.filename) {
  const kms = await Keymill.open({ path: process.argv[2]! });
  writeSync(1, '\n');
  await Promise.all(Array.from({ length: TASKS }, (_, task) => work(kms, task)));
}
