/** Services for tests: on a directory of their own or in memory, and how their errors are checked. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Keymill, type KeymillOptions, KmsError, type OperationInput } from 'keymill';

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
