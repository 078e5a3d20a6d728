/** Services for tests: on a directory of their own or in memory, and how their errors are checked. */
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Keymill, type KeymillOptions, KmsError, type OperationInput, StartError } from 'keymill';

export const ACCOUNT = '111111111111';
export const REGION = 'us-east-1';

/** A test, or a suite by its `after`. */
interface Closers {
  after(close: () => unknown): void;
}

/** A directory that goes away with the test. */
export function temporaryDirectory(context: Closers): string {
  const directory = mkdtempSync(join(tmpdir(), 'keymill-test-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A service that keeps nothing, closed with the test. */
export async function openInMemory(context: Closers, options: KeymillOptions = {}): Promise<Keymill> {
  const kms = await Keymill.open({ path: ':memory:', accountId: ACCOUNT, region: REGION, ...options });
  context.after(() => kms.close());
  return kms;
}

export interface TestKey {
  readonly keyId: string;
  readonly arn: string;
}

/** A new key by its two names. */
export async function newKey(kms: Keymill, input: OperationInput<'CreateKey'>): Promise<TestKey> {
  const { KeyMetadata } = await kms.createKey(input);
  return { keyId: KeyMetadata.KeyId, arn: KeyMetadata.Arn };
}

/** The promise rejects with this AWS error type and, where given, exactly this message. */
export async function rejectsWith(promise: Promise<unknown>, name: string, message?: string | RegExp): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof KmsError, `not a KmsError: ${String(error)}`);
    assert.equal(error.name, name, error.message);
    if (typeof message === 'string') assert.equal(error.message, message);
    else if (message !== undefined) assert.match(error.message, message);
    return true;
  });
}

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/**
 * The files of a store by name, as a value to compare: without SQLite's shared memory, and without its log where that is empty.
 */
export function contentsOf(directory: string): Readonly<Record<string, string>> {
  const files = readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), 'base64')] as const);
  return Object.fromEntries(
    files.filter(([name, text]) => !name.endsWith('-shm') && !(name.endsWith('-wal') && !text)),
  );
}

/** A copy of a store that nothing has open: a library may keep a closed database's files until it collects its garbage. */
export async function copyStore(context: Closers, directory: string): Promise<string> {
  await alterStore(directory, 'pragma wal_checkpoint(truncate)');
  const copy = temporaryDirectory(context);
  for (const name of ['keymill.db', 'root.key']) {
    if (existsSync(join(directory, name))) copyFileSync(join(directory, name), join(copy, name));
  }
  return copy;
}

/** Changes the rows of a store behind the service's back. */
export async function alterStore(directory: string, ...statements: readonly string[]): Promise<void> {
  const { default: Libsql } = await import('libsql');
  const database = new Libsql(join(directory, 'keymill.db'));
  for (const statement of statements) database.exec(statement);
  database.close();
}

/** The start is refused with this message. */
export async function refusesToStart(options: KeymillOptions, message: RegExp): Promise<void> {
  await assert.rejects(Keymill.open(options), (error) => {
    assert.ok(error instanceof StartError, String(error));
    assert.match(error.message, message);
    return true;
  });
}
