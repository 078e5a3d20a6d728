/**
 * The steps every operation goes through. Checks come in AWS's order: the parameters, the key's existence, its state, its usage,
 * what the operation itself checks, and last DryRun.
 *
 * A warm operation (its key in memory and open) is placed with the engine before the call returns, without waiting for anything,
 * so that all calls of one tick, and all of a `batch`, share the engine's batches. What the engine gives comes back without a promise
 * of its own: a promise more costs about as much as the rest of what the service adds.
 */
import { types } from 'node:util';
import { EngineError, type Sink } from '../engine/index.ts';
import { keyNotFound } from './address.ts';
import { asKmsError, dryRun, KmsError } from './errors.ts';
import type { LiveKey, LiveMaterial } from './livekey.ts';
import type { Admission, Caller, KeyRule, MaterialRule, Operation } from './operation.ts';
import { type Activity, type Service, underRoot } from './service.ts';
import { requireState } from './states.ts';
import type { Checked } from './validate.ts';

type Rows = Readonly<Record<string, Operation>>;

/** Where outcomes go, one call each; `place` tells apart those that share a receiver. Never throws. */
interface Receiver {
  answer(place: number, output: unknown): void;
  refuse(place: number, error: KmsError): void;
}

/** One operation and where it has got to. To the engine it is the sink that turns what comes back into the outcome. */
class Task implements Sink {
  readonly service: Service;
  readonly row: Operation;
  readonly operation: string;
  readonly input: Checked;
  readonly caller: Caller;
  readonly #receiver: Receiver;
  key: LiveKey | undefined;
  material: LiveMaterial | undefined;

  constructor(service: Service, row: Operation, operation: string, input: Checked, caller: Caller, receiver: Receiver) {
    this.service = service;
    this.row = row;
    this.operation = operation;
    this.input = input;
    this.caller = caller;
    this.#receiver = receiver;
  }

  get rule(): Admission | undefined {
    return this.row.key;
  }

  settle(place: number, value: unknown): void {
    let output: unknown;
    try {
      output = this.row.engine!.answer(this, value);
    } catch (error) {
      this.refuse(place, error);
      return;
    }
    this.answer(place, output);
  }

  fail(place: number, error: unknown): void {
    const refusal = error instanceof EngineError ? this.row.engine!.refusals?.[error.code] : undefined;
    this.refuse(place, refusal === undefined ? error : new KmsError(refusal));
  }

  answer(place: number, output: unknown): void {
    if (this.input.DryRun === true) this.#receiver.refuse(place, dryRun());
    else this.#receiver.answer(place, output);
  }

  refuse(place: number, error: unknown): void {
    this.#receiver.refuse(place, asKmsError(error));
  }
}

/** The outcome of one operation as a promise; `activity` learns of its end. */
class Reply implements Receiver {
  readonly #activity: Activity;
  #resolve!: (output: unknown) => void;
  #reject!: (error: KmsError) => void;
  readonly promise = new Promise<unknown>((resolve, reject) => {
    this.#resolve = resolve;
    this.#reject = reject;
  });

  constructor(activity: Activity) {
    this.#activity = activity;
  }

  answer(_place: number, output: unknown): void {
    this.#activity.end();
    this.#resolve(output);
  }

  refuse(_place: number, error: KmsError): void {
    this.#activity.end();
    this.#reject(error);
  }
}

/** An operation that failed or succeeded. */
export type Outcome =
  | { readonly output: unknown; readonly error?: undefined }
  | { readonly error: KmsError; readonly output?: undefined };

/** The outcomes of many operations, in order. */
class Outcomes implements Receiver {
  readonly #outcomes: Outcome[];
  #pending: number;
  #done: ((outcomes: Outcome[]) => void) | undefined;

  constructor(count: number) {
    this.#outcomes = new Array(count);
    this.#pending = count;
  }

  answer(place: number, output: unknown): void {
    this.#put(place, { output });
  }

  refuse(place: number, error: KmsError): void {
    this.#put(place, { error });
  }

  all(): Promise<Outcome[]> {
    if (this.#pending === 0) return Promise.resolve(this.#outcomes);
    return new Promise((resolve) => {
      this.#done = resolve;
    });
  }

  #put(place: number, outcome: Outcome): void {
    this.#outcomes[place] = outcome;
    if (--this.#pending === 0) this.#done?.(this.#outcomes);
  }
}

/**
 * Runs one operation.
 * @throws KmsError, nothing else
 */
export function perform(
  service: Service,
  rows: Rows,
  operation: string,
  input: unknown,
  caller: Caller,
): Promise<unknown> {
  const { activity } = service;
  try {
    activity.begin();
  } catch (error) {
    return Promise.reject(error);
  }
  const reply = new Reply(activity);
  begin(service, rows, operation, input, caller, reply, 0);
  return reply.promise;
}

/** In the place of what is missing in a list. */
const NO_OPERATION = { operation: '', input: undefined };

/** Runs many operations at once, without a promise each. Outcomes in order; a failing one hurts only itself. */
export async function performAll(
  service: Service,
  rows: Rows,
  operations: readonly { readonly operation: string; readonly input?: unknown }[],
  caller: Caller,
): Promise<Outcome[]> {
  const { activity } = service;
  activity.begin();
  try {
    const outcomes = new Outcomes(operations.length);
    for (let place = 0; place < operations.length; place++) {
      const { operation, input } = operations[place] ?? NO_OPERATION;
      begin(service, rows, operation, input, caller, outcomes, place);
    }
    return await outcomes.all();
  } finally {
    activity.end();
  }
}

/** Takes an operation as far as it goes without waiting; a warm one is with the engine when this returns. Never throws. */
function begin(
  service: Service,
  rows: Rows,
  operation: string,
  input: unknown,
  caller: Caller,
  receiver: Receiver,
  place: number,
): void {
  try {
    const row = rows[operation];
    if (row === undefined) throw new KmsError('UnknownOperationException');
    const checked = row.validate(input);
    refuseGrantTokens(checked);
    row.check?.(checked);
    const task = new Task(service, row, operation, checked, caller, receiver);
    const waiting = row.key === undefined ? undefined : findKey(task, row.key);
    if (waiting === undefined) finish(task, place);
    else later(task, waiting, place);
  } catch (error) {
    receiver.refuse(place, asKmsError(error));
  }
}

/** Goes on after a wait. Before it, takes copies: the caller may reuse its buffers as soon as the call returns. */
async function later(task: Task, waiting: Promise<unknown>, place: number): Promise<void> {
  keepBytes(task.input);
  try {
    await waiting;
    // Where more keys are in use than stay open, another call may have closed this one's in the meantime.
    while (task.material !== undefined && !task.material.isOpen()) await task.material.open();
    finish(task, place);
  } catch (error) {
    task.refuse(place, error);
  }
}

/** The last step, whose outcome goes to the receiver. @throws where the engine need not be asked */
function finish(task: Task, place: number): void {
  const { row, service } = task;
  if (row.engine !== undefined) {
    row.engine.submit(task, task, place);
    return;
  }
  underRoot(service, () => row.run!(task)).then(
    (output) => task.answer(place, output),
    (error) => task.refuse(place, error),
  );
}

/** Takes the operation's key into the task; a promise where it must be read, or its material opened, first. @throws KmsError */
function findKey(task: Task, rule: MaterialRule<unknown>): Promise<unknown> | undefined {
  const found = locate(task.service, rule, task.input);
  return found instanceof Promise ? found.then((key) => withKey(task, key)) : withKey(task, found);
}

/** Checks the key and takes it into the task; a promise where its material must be opened first. @throws KmsError */
function withKey(task: Task, key: LiveKey): Promise<unknown> | undefined {
  const rule: MaterialRule<unknown> = task.row.key!;
  admit(task.service, key, rule, task.operation);
  task.key = key;
  if (task.row.engine === undefined) return undefined;
  const material = rule.material === undefined ? key.current : rule.material(key, task.input);
  task.material = material;
  return material.isOpen() ? undefined : material.open();
}

function locate(service: Service, rule: KeyRule<unknown>, input: Checked): LiveKey | Promise<LiveKey> {
  if (rule.find !== undefined) return rule.find(service, input);
  const name = input[rule.member!] as string;
  return service.keyring.named(name, rule.names);
}

/** @throws KmsError where the key is gone, or its origin, state or usage does not allow the operation */
export function admit(service: Service, key: LiveKey, rule: Admission, operation: string): void {
  const state = key.state(service.now);
  if (state === undefined) throw keyNotFound(key.arn);
  if (rule.origin !== undefined && key.record.origin !== rule.origin) {
    throw new KmsError(
      'UnsupportedOperationException',
      `${key.arn} origin is ${key.record.origin} which is not valid for this operation.`,
    );
  }
  requireState(rule.state, state, key.arn);
  if (rule.usage !== undefined && key.keyUsage !== rule.usage) {
    throw new KmsError(
      'InvalidKeyUsageException',
      `${key.arn} key usage is ${key.keyUsage} which is not valid for ${operation}.`,
    );
  }
}

function keepBytes(input: Checked): void {
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
