/** Files that are whole and on disk before they have their name, and can be read by their owner only. */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, openSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes `file`, which must not exist, of what `write` puts into the empty file it is given. A crash leaves no half-written `file`;
 * when this returns it is durable. @throws with code EEXIST, where `file` exists, and what `write` throws; `file` is untouched then
 */
export async function makeFile(file: string, write: (draft: string) => void | Promise<void>): Promise<void> {
  // Written aside and linked into place: link refuses to replace a file.
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  closeSync(openSync(draft, 'wx', 0o600));
  try {
    await write(draft);
    // Windows syncs only what was opened for writing.
    sync(draft, 'r+');
    linkSync(draft, file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code === 'EEXIST' ? Object.assign(new Error(`${file} exists already`), { code }) : error;
  } finally {
    rmSync(draft, { force: true });
  }
  syncDirectory(dirname(file));
}

/** A new name is durable once its directory is; Windows neither needs nor allows it. */
export function syncDirectory(directory: string): void {
  if (process.platform !== 'win32') sync(directory, 'r');
}

function sync(path: string, flags: string): void {
  const descriptor = openSync(path, flags);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
