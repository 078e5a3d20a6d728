/**
 * The steps every operation goes through. Checks come in AWS's order: the parameters, the key's existence, its state, its usage,
 * what the operation itself checks, and last DryRun.
 *
 * A warm operation (its key in memory and open) is placed with the engine before the call returns, without waiting for anything,
 * so that all calls of one tick share a batch of the engine and a `batch` of the service is one `run` of the engine.
 */
import { types } from 'node:util';
import { type Engine, EngineError, type RunItem } from '../engine/index.ts';
import { keyNotFound } from './address.ts';
import { asKmsError, dryRun, KmsError } from './errors.ts';
import type { LiveKey, LiveMaterial } from './livekey.ts';
import type { Admission, Caller, KeyRule, MaterialRule, Operation } from './operation.ts';
import { type Service, underRoot } from './service.ts';
import { requireState } from './states.ts';
import type { Checked } from './validate.ts';

type Rows = Readonly<Record<string, Operation>>;

/** One operation and where it has got to. */
class Task {
  readonly service: Service;
  readonly operation: string;
  readonly input: Checked;
  readonly caller: Caller;
  readonly row: Operation;
  key: LiveKey | undefined;
  material: LiveMaterial | undefined;
  /** What the engine is asked, once that is known. */
  item: RunItem | undefined;

  constructor(service: Service, row: Operation, operation: string, input: Checked, caller: Caller) {
    this.service = service;
    this.row = row;
    this.operation = operation;
    this.input = input;
    this.caller = caller;
  }

  get rule(): Admission | undefined {
    return this.row.key;
  }

  /** The output, from what the engine gave. @throws KmsError */
  answer(value: unknown): unknown {
    return this.unlessDry(this.row.engine!.answer(this, value));
  }

  /** @throws KmsError in place of the output where DryRun is set */
  unlessDry(output: unknown): unknown {
    if (this.input.DryRun === true) throw dryRun();
    return output;
  }

  /** The error for one of the engine's. */
  failure(error: unknown): KmsError {
    const refusal = error instanceof EngineError ? this.row.engine!.refusals?.[error.code] : undefined;
    return refusal === undefined ? asKmsError(error) : new KmsError(refusal);
  }
}

/** An operation that failed or succeeded. */
export type Outcome =
  | { readonly output: unknown; readonly error?: undefined }
  | { readonly error: KmsError; readonly output?: undefined };

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
    return Promise.reject(asKmsError(error));
  }
  try {
    const begun = begin(service, rows, operation, input, caller);
    if (begun instanceof Task) {
      return askEngine(begun).then(
        (value) => {
          activity.end();
          return begun.answer(value);
        },
        (error) => {
          activity.end();
          throw begun.failure(error);
        },
      );
    }
    return begun.then(
      (output) => {
        activity.end();
        return output;
      },
      (error) => {
        activity.end();
        throw asKmsError(error);
      },
    );
  } catch (error) {
    activity.end();
    return Promise.reject(asKmsError(error));
  }
}

/** Runs many operations at once; the warm ones are one `run` of the engine. Outcomes in order; a failing one hurts only itself. */
export async function performAll(
  service: Service,
  rows: Rows,
  operations: readonly { readonly operation: string; readonly input?: unknown }[],
  caller: Caller,
): Promise<Outcome[]> {
  service.activity.begin();
  try {
    const outcomes: Outcome[] = new Array(operations.length);
    const tasks: Task[] = [];
    const items: RunItem[] = [];
    const places: number[] = [];
    const others: Promise<void>[] = [];
    for (let place = 0; place < operations.length; place++) {
      try {
        const { operation, input } = operations[place]!;
        const begun = begin(service, rows, operation, input, caller);
        if (begun instanceof Task) {
          tasks.push(begun);
          items.push(begun.item!);
          places.push(place);
        } else {
          others.push(settle(begun, outcomes, place));
        }
      } catch (error) {
        outcomes[place] = { error: asKmsError(error) };
      }
    }
    if (items.length > 0) {
      const results = await service.engine.run(items);
      for (let i = 0; i < results.length; i++) outcomes[places[i]!] = outcomeOf(tasks[i]!, results[i]!);
    }
    if (others.length > 0) await Promise.all(others);
    return outcomes;
  } finally {
    service.activity.end();
  }
}

function outcomeOf(task: Task, result: { readonly value?: unknown; readonly error?: unknown }): Outcome {
  try {
    return result.error === undefined ? { output: task.answer(result.value) } : { error: task.failure(result.error) };
  } catch (error) {
    return { error: asKmsError(error) };
  }
}

async function settle(begun: Promise<unknown>, outcomes: Outcome[], place: number): Promise<void> {
  try {
    outcomes[place] = { output: await begun };
  } catch (error) {
    outcomes[place] = { error: asKmsError(error) };
  }
}

/** Takes an operation as far as it goes without waiting: to a task that the engine can run, or to the promise of the output. @throws */
function begin(
  service: Service,
  rows: Rows,
  operation: string,
  input: unknown,
  caller: Caller,
): Task | Promise<unknown> {
  const row = rows[operation];
  if (row === undefined) throw new KmsError('UnknownOperationException');
  const checked = row.validate(input);
  refuseGrantTokens(checked);
  row.check?.(checked);
  const task = new Task(service, row, operation, checked, caller);
  if (row.key === undefined) return finish(task);
  const found = locate(service, row.key, checked);
  if (found instanceof Promise) {
    return later(
      task,
      found.then((key) => withKey(task, key)),
    );
  }
  const opening = withKey(task, found);
  return opening === undefined ? finish(task) : later(task, opening);
}

/** Goes on after a wait. Before it, takes copies: the caller may reuse its buffers as soon as the call returns. */
async function later(task: Task, waiting: Promise<unknown>): Promise<unknown> {
  keepBytes(task.input);
  await waiting;
  // Where more keys are in use than stay open, another call may have closed this one's in the meantime.
  while (task.material !== undefined && !task.material.isOpen()) await task.material.open();
  const finished = finish(task);
  if (!(finished instanceof Task)) return finished;
  return askEngine(finished).then(
    (value) => finished.answer(value),
    (error) => {
      throw finished.failure(error);
    },
  );
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

function finish(task: Task): Task | Promise<unknown> {
  const { row } = task;
  if (row.run !== undefined) {
    return underRoot(task.service, () => row.run!(task)).then((output) => task.unlessDry(output));
  }
  task.item = row.engine!.request(task);
  return task;
}

/** Places the task with the engine before it returns. */
function askEngine(task: Task): Promise<unknown> {
  const { engine } = task.service;
  const item = task.item!;
  return (engine[item.op] as (this: Engine, request: RunItem) => Promise<unknown>).call(engine, item);
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
