/** What AWS KMS really answered (oracle/aws-kms-recorded.json), and how an answer of ours is compared with it. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const FILE = join(import.meta.dirname, '../../../../shared/oracle/aws-kms-recorded.json');

export const oracleAbsence: string | false = existsSync(FILE) ? false : `no recorded exchanges: ${FILE} is absent`;

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };
type Recording = Readonly<Record<string, { readonly 'recorded-content': Readonly<Record<string, Json>> }>>;

const recording: Recording = oracleAbsence ? {} : JSON.parse(readFileSync(FILE, 'utf8'));

/** Every exchange that was recorded, as `test exchange`. */
export const EXCHANGES: readonly string[] = Object.entries(recording).flatMap(([name, entry]) =>
  Object.keys(entry['recorded-content']).map((exchange) => `${name.slice(name.indexOf('::') + 2)} ${exchange}`),
);

/** Those that some test of this process has compared with an answer of ours. */
export const replayed = new Set<string>();

/** One recorded answer. `testName` is what follows the last `::`. */
export function recorded(testName: string, exchange: string): Json {
  const entry = Object.entries(recording).find(([name]) => name.endsWith(`::${testName}`));
  const answer = entry?.[1]['recorded-content'][exchange];
  assert.ok(answer !== undefined, `nothing recorded as ${testName} ${exchange}`);
  replayed.add(`${testName} ${exchange}`);
  return answer;
}

/** The recorder put names in place of what differs from run to run. */
const PLACEHOLDERS: ReadonlySet<string> = new Set([
  'datetime',
  'plaintext',
  'ciphertext-blob',
  'public-key',
  'private-key-plaintext',
  'private-key-ciphertext-blob',
  'import-token',
  'shared-secret',
]);

/** What each numbered name of a recording stands for here: the same name for the same value, another for another. */
export type Names = Map<string, unknown>;

function assertNamed(ours: unknown, name: string, names: Names): void {
  if (!names.has(name)) {
    assert.ok(![...names.values()].includes(ours), `${name} is what another name stands for: ${ours}`);
    names.set(name, ours);
  }
  assert.equal(ours, names.get(name), name);
}

/** Asserts that `ours` has the members of the recorded answer, and its values where they were not replaced by a name. */
export function assertLikeRecorded(
  ours: unknown,
  expected: Json,
  ignored: readonly string[] = [],
  numbered?: Names,
): void {
  if (numbered !== undefined && typeof expected === 'string' && /^<[^<>]+:\d+>$/.test(expected)) {
    assertNamed(ours, expected, numbered);
    return;
  }
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
    assertLikeRecorded(
      (ours as Record<string, unknown>)[name],
      (expected as Record<string, Json>)[name]!,
      ignored,
      numbered,
    );
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
