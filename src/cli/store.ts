/** Commands on a store, whether or not a server is running on it. */
import { existsSync } from 'node:fs';
import { environmentRootKey, Keymill, StartError } from '../kms/index.ts';

/** Opening would make a store, which is not what somebody who mistyped a path wants. @throws StartError */
export async function openExisting(path: string): Promise<Keymill> {
  if (!existsSync(path))
    throw new StartError(`there is no store in ${path}: make one with keymill init --path ${path}`);
  return Keymill.open({ path });
}

/** `keymill backup FILE` */
export async function backup(file: string, { path }: { path: string }): Promise<void> {
  const kms = await openExisting(path);
  try {
    await kms.backup(file);
  } finally {
    await kms.close();
  }
  console.log(`The store in ${path} was copied to ${file}. The root key is not in it: keep that elsewhere.`);
}

/** `keymill seed FILE` */
export async function seed(
  file: string,
  { path, region, account }: { path: string; region?: string; account?: string },
): Promise<void> {
  const kms = await Keymill.open({ path, region, accountId: account, seed: file });
  await kms.close();
  console.log(`The store in ${path} has the keys of ${file}.`);
}

/** `keymill rotate-root` */
export async function rotateRoot({ path }: { path: string }): Promise<void> {
  const to = environmentRootKey('KEYMILL_NEW_');
  const kms = await openExisting(path);
  try {
    await kms.rotateRootKey(to);
  } finally {
    await kms.close();
  }
  console.log(`The store in ${path} is under a new root key. Backups made before open with the old one only.`);
}
