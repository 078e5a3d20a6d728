/** What operations work with, and the steps every operation goes through. */
import { types } from 'node:util';
import type { Engine } from '../engine/index.ts';
import type { Store } from '../store/index.ts';
import type { Realm } from './address.ts';
import { asKmsError, KmsError } from './errors.ts';
import type { Keyring } from './keyring.ts';
import type { LiveKey } from './livekey.ts';
import type { Caller, KeyRule, Operation } from './operation.ts';
import type { Root } from './root.ts';
import { requireState } from './states.ts';
import { type Checked, validate } from './validate.ts';

/** Counts what is under way, and refuses more once it is told to stop. */
export class Activity {
  #running = 0;
  #stopped = false;
  #idle: (() => void) | undefined;

  /** @throws KmsError after `stop` */
  begin(): void {
    if (this.#stopped) throw new KmsError('KeyUnavailableException', 'This keymill is closed.');
    this.#running++;
  }

  end(): void {
    if (--this.#running === 0) this.#idle?.();
  }

  /** Refuses what begins from now on; resolves when what began before has ended. */
  stop(): Promise<void> {
    this.#stopped = true;
    if (this.#running === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle = resolve;
    });
  }
}

export interface Service {
  readonly engine: Engine;
  readonly store: Store;
  readonly root: Root;
  readonly keyring: Keyring;
  readonly realm: Realm;
  /** Operations under way, which close waits for. */
  readonly activity: Activity;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Random bytes for ids; key material never comes from here. */
  readonly random: (bytes: number) => Promise<Uint8Array>;
}

/**
 * Runs one operation. Checks come in AWS's order: the parameters, the key's existence, its state, its usage, what the operation
 * itself checks, and last DryRun. A warm call reaches the engine before it first waits, so that all calls of one tick share a batch.
 * @throws KmsError, nothing else
 */
export async function perform(
  service: Service,
  rows: Readonly<Record<string, Operation>>,
  operation: string,
  input: unknown,
  caller: Caller,
): Promise<unknown> {
  service.activity.begin();
  try {
    const row = Object.hasOwn(rows, operation) ? rows[operation] : undefined;
    if (row === undefined) throw new KmsError('UnknownOperationException');
    const checked = validate(row.input, input);
    refuseGrantTokens(checked);
    row.check?.(checked);
    const output = await (row.key === undefined
      ? row.run({ service, operation, input: checked, caller })
      : runWithKey(service, row, row.key, operation, checked, caller));
    if (checked.DryRun === true) {
      throw new KmsError('DryRunOperationException', 'The request would have succeeded, but the DryRun option is set.');
    }
    return output;
  } catch (error) {
    throw asKmsError(error);
  } finally {
    service.activity.end();
  }
}

function runWithKey(
  service: Service,
  row: Operation,
  rule: KeyRule,
  operation: string,
  input: Checked,
  caller: Caller,
): Promise<unknown> {
  const name = input[rule.member] as string;
  const key = service.keyring.recall(name);
  const run = (found: LiveKey) => {
    admit(found, rule, operation);
    return row.run({ service, operation, input, caller, key: found });
  };
  if (key !== undefined && (rule.usage === undefined || key.isOpen)) return run(key);
  keepBytes(input);
  return service.keyring.resolve(name).then(async (found) => {
    admit(found, rule, operation);
    if (rule.usage !== undefined) await found.current.open();
    return run(found);
  });
}

/** @throws KmsError where the key's state or usage does not allow the operation */
export function admit(key: LiveKey, rule: Omit<KeyRule, 'member'>, operation: string): void {
  requireState(rule.state, key.keyState, key.arn);
  if (rule.usage !== undefined && key.keyUsage !== rule.usage) {
    throw new KmsError(
      'InvalidKeyUsageException',
      `${key.arn} key usage is ${key.keyUsage} which is not valid for ${operation}.`,
    );
  }
}

/** Before an operation waits for the store, it takes copies: the caller may reuse its buffers as soon as the call returns. */
export function keepBytes(input: Record<string, unknown>): void {
  for (const name in input) {
    const value = input[name];
    if (types.isUint8Array(value)) input[name] = new Uint8Array(value);
  }
}

/** No grant exists yet, so every token is wrong. */
function refuseGrantTokens({ GrantTokens }: Checked): void {
  if (GrantTokens !== undefined && (GrantTokens as readonly string[]).length > 0) {
    throw new KmsError('InvalidGrantTokenException');
  }
}
