/** Assertions on the engine's one error type. */
import assert from 'node:assert/strict';
import { EngineError, type EngineErrorCode, type RunResult } from 'keymill/engine';

/** The error is an EngineError of that code, with a message. */
export function assertCode(error: unknown, code: EngineErrorCode, what = ''): void {
  assert.ok(error instanceof EngineError, `${what}: expected an EngineError ${code}, got ${describe(error)}`);
  assert.equal(error.code, code, `${what}: ${error.message}`);
  assert.ok(error.message.length > 0);
}

/** The promise rejects with an EngineError of that code. */
export async function rejectsWith(code: EngineErrorCode, promise: Promise<unknown>, what = ''): Promise<EngineError> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (!('error' in outcome)) assert.fail(`${what}: expected ${code}, got ${describe(outcome.value)}`);
  assertCode(outcome.error, code, what);
  return outcome.error as EngineError;
}

/** The call throws an EngineError of that code. */
export function throwsWith(code: EngineErrorCode, call: () => unknown, what = ''): void {
  assert.throws(call, (error) => {
    assertCode(error, code, what);
    return true;
  });
}

/** What an item of `run` came to: its value, or the code of its error. */
export const outcomeOf = (result: RunResult): unknown =>
  result.error === undefined ? result.value : result.error instanceof EngineError ? result.error.code : result.error;

/** The values of a run in which every item succeeded. */
export function valuesOf<Value>(results: readonly RunResult[]): Value[] {
  return results.map((result, index) => {
    if (result.error !== undefined) throw new Error(`item ${index} failed`, { cause: result.error });
    return result.value as Value;
  });
}

function describe(value: unknown): string {
  if (value instanceof Error) return `${value.name} ${(value as { code?: unknown }).code ?? ''} ${value.message}`;
  return value instanceof Uint8Array ? `${value.length} bytes` : String(value);
}
