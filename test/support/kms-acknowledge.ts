/** A process for a tracer to watch: on a new store in argv[2] it makes every kind of change, writing a line before and after each. */
import { randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { Keymill } from 'keymill';
import { importInto } from './kms-import.ts';

const kms = await Keymill.open({ path: process.argv[2]! });

async function announced<Result>(name: string, perform: () => Promise<Result>): Promise<Result> {
  writeSync(1, `begin ${name}\n`);
  const result = await perform();
  writeSync(1, `end ${name}\n`);
  return result;
}

const { KeyMetadata } = await announced('CreateKey', () => kms.createKey());
const { KeyId } = KeyMetadata;
const external = await announced('CreateKey', () => kms.createKey({ Origin: 'EXTERNAL' }));
await announced('ImportKeyMaterial', () => importInto(kms, external.KeyMetadata.KeyId, randomBytes(32)));
await announced('CreateAlias', () => kms.createAlias({ AliasName: 'alias/x', TargetKeyId: KeyId }));
await announced('RotateKeyOnDemand', () => kms.rotateKeyOnDemand({ KeyId }));
await announced('TagResource', () => kms.tagResource({ KeyId, Tags: [{ TagKey: 'a', TagValue: 'b' }] }));
await announced('DeleteAlias', () => kms.deleteAlias({ AliasName: 'alias/x' }));
await announced('ScheduleKeyDeletion', () => kms.scheduleKeyDeletion({ KeyId }));
await kms.close();
