/** What AWS KMS really answered (oracle/aws-kms-recorded.json), and how an answer of ours is compared with it. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const FILE = join(import.meta.dirname, '../../../../shared/oracle/aws-kms-recorded.json');

export const oracleAbsence: string | false = existsSync(FILE) ? false : `no recorded exchanges: ${FILE} is absent`;

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };
type Recording = Readonly<Record<string, { readonly 'recorded-content': Readonly<Record<string, Json>> }>>;

const recording: Recording = oracleAbsence ? {} : JSON.parse(readFileSync(FILE, 'utf8'));

/** One recorded answer. `testName` is what follows the last `::`. */
export function recorded(testName: string, exchange: string): Json {
  const entry = Object.entries(recording).find(([name]) => name.endsWith(`::${testName}`));
  const answer = entry?.[1]['recorded-content'][exchange];
  assert.ok(answer !== undefined, `nothing recorded as ${testName} ${exchange}`);
  return answer;
}

/** The recorder put names in place of what differs from run to run. */
const PLACEHOLDERS: ReadonlySet<string> = new Set(['datetime', 'plaintext', 'ciphertext-blob', 'public-key']);

/** Asserts that `ours` has the members of the recorded answer, and its values where they were not replaced by a name. */
export function assertLikeRecorded(ours: unknown, expected: Json, ignored: readonly string[] = []): void {
  if (typeof expected === 'string' && (PLACEHOLDERS.has(expected) || expected.includes('<'))) return;
  if (typeof expected !== 'object' || expected === null || Array.isArray(expected)) {
    assert.deepEqual(ours, expected);
    return;
  }
  const names = (value: object) =>
    Object.keys(value)
      .filter((name) => name !== 'ResponseMetadata' && !ignored.includes(name))
      .sort();
  assert.deepEqual(names(ours as object), names(expected));
  for (const name of names(expected)) {
    assertLikeRecorded((ours as Record<string, unknown>)[name], (expected as Record<string, Json>)[name]!, ignored);
  }
}

interface RecordedError {
  readonly Error: { readonly Code: string; readonly Message: string };
}

/** Name and message of a recorded error, the names in it replaced by `bindings`. */
export function recordedError(testName: string, exchange: string, bindings: Readonly<Record<string, string>>) {
  const { Code, Message } = (recorded(testName, exchange) as unknown as RecordedError).Error;
  const message = Object.entries(bindings).reduce(
    (text, [name, value]) => text.replaceAll(`<${name}>`, value),
    Message,
  );
  return { name: Code, message };
}
