/** What a row of the operations table is. A new operation is one such row; nothing else in the service names it. */

import type { LiveKey } from './livekey.ts';
import type { Service } from './service.ts';
import type { Members, StructureOf } from './shapes.ts';
import type { KeyUsage } from './specs.ts';
import type { StateRule } from './states.ts';

/** Who calls: an IAM principal's ARN. */
export interface Caller {
  readonly principal: string;
}

export interface Call<Input> {
  readonly service: Service;
  readonly operation: string;
  readonly input: Input;
  readonly caller: Caller;
}

export interface KeyCall<Input> extends Call<Input> {
  /** Resolved, in an allowed state, of the usage the row asks for. */
  readonly key: LiveKey;
}

/** Which key an operation works on and what that key must be. Checked in this order: it exists, its state, its usage. */
export interface KeyRule {
  readonly member: string;
  readonly state: StateRule;
  readonly usage?: KeyUsage;
}

/** A row as perform sees it; the rows themselves are typed by their shapes. */
export interface Operation {
  readonly input: Members;
  /** Absent where AWS answers with an empty body. */
  readonly output?: Members | undefined;
  readonly key?: KeyRule | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: as for run
  readonly check?: ((input: any) => void) | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: `input` has been checked against the row's own shape
  readonly run: (call: any) => Promise<unknown>;
}

type OutputOf<O> = O extends Members ? StructureOf<O> : undefined;

/** An operation without a key, or one that finds its key by itself. */
export function operation<I extends Members, O extends Members | undefined = undefined>(row: {
  readonly input: I;
  readonly output?: O;
  readonly run: (call: Call<StructureOf<I>>) => Promise<OutputOf<O>>;
}) {
  return row;
}

/** An operation on the key that one of its members names. */
export function keyOperation<I extends Members, O extends Members | undefined = undefined>(row: {
  readonly input: I;
  readonly output?: O;
  readonly key: KeyRule;
  /** Checks of the parameters that a shape cannot say; made before the key is looked up. */
  readonly check?: (input: StructureOf<I>) => void;
  readonly run: (call: KeyCall<StructureOf<I>>) => Promise<OutputOf<O>>;
}) {
  return row;
}
