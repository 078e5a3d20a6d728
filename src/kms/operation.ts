/** What a row of the operations table is. A new operation is one such row; nothing else in the service names it. */
import type { EngineErrorCode, Sink } from '../engine/index.ts';
import type { KmsErrorName } from './errors.ts';
import type { LiveKey, LiveMaterial, OpenMaterial } from './livekey.ts';
import type { Service } from './service.ts';
import type { Members, StructureOf } from './shapes.ts';
import type { KeyUsage } from './specs.ts';
import type { StateRule } from './states.ts';
import { type Validator, validator } from './validate.ts';

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
  /** What the row asks of the key; an operation that changes the key asks it again where nothing else can change it. */
  readonly rule: Admission;
}

export interface MaterialCall<Input> extends KeyCall<Input> {
  readonly material: OpenMaterial;
}

/** What the key must be. Checked in this order: its origin, its state, its usage. */
export interface Admission {
  readonly origin?: 'EXTERNAL';
  readonly state: StateRule;
  readonly usage?: KeyUsage;
}

/** Which key an operation works on. A row without `find` looks up the key that its `member` names. */
export interface KeyRule<Input> extends Admission {
  readonly member?: string;
  /** The key, at once where memory knows it. @throws KmsError */
  readonly find?: (service: Service, input: Input) => LiveKey | Promise<LiveKey>;
  /** What may name the key: by default its id, its ARN, an alias or an alias ARN; most of management takes no alias. */
  readonly names?: 'key';
}

/** The engine's errors that are an answer about the input: the name AWS gives each. */
export type Refusals = Partial<Record<EngineErrorCode, KmsErrorName>>;

/** A row as perform sees it; the rows themselves are typed by their shapes. */
export interface Operation {
  readonly input: Members;
  /** Absent where AWS answers with an empty body. */
  readonly output?: Members | undefined;
  readonly validate: Validator;
  // biome-ignore-start lint/suspicious/noExplicitAny: `input` has been checked against the row's own shape
  readonly key?: KeyRule<any> | undefined;
  readonly check?: ((input: any) => void) | undefined;
  /** An operation of several steps. */
  readonly run?: ((call: any) => Promise<unknown>) | undefined;
  /** An operation that is one operation of the engine. */
  readonly engine?: EngineStep<any, any, any> | undefined;
  // biome-ignore-end lint/suspicious/noExplicitAny: the rest is typed
}

/** How an operation becomes one of the engine's, so that a thousand of them need neither a promise nor a batch each. */
export interface EngineStep<Call, Output, Value> {
  /** Asks the engine, whose outcome goes to the sink with this tag. @throws KmsError where the parameters do not fit the key */
  readonly submit: (call: Call, sink: Sink, tag: number) => void;
  /** The output, from what the engine gave. @throws KmsError */
  readonly answer: (call: Call, value: Value) => Output;
  readonly refusals?: Refusals;
}

/** The JavaScript value of what a row answers. */
export type OutputOf<O> = O extends Members ? StructureOf<O> : undefined;

/** A row with the types of what it takes and gives. */
export interface Row<I extends Members, O extends Members | undefined> extends Operation {
  readonly input: I;
  readonly output?: O;
}

/** What every row says. */
export interface RowBase<I extends Members, O extends Members | undefined> {
  readonly input: I;
  readonly output?: O;
  /** Checks of the parameters that a shape cannot say; made before a key is looked up. @throws KmsError */
  readonly check?: (input: StructureOf<I>) => void;
}

/** An operation without a key, or one that finds its keys by itself. */
export function operation<I extends Members, O extends Members | undefined = undefined>(
  row: RowBase<I, O> & { readonly run: (call: Call<StructureOf<I>>) => Promise<OutputOf<O>> },
): Row<I, O> {
  return { ...row, validate: validator(row.input) };
}

/** An operation on the key that one of its members names. */
export function keyOperation<I extends Members, O extends Members | undefined = undefined>(
  row: RowBase<I, O> & {
    readonly key: KeyRule<StructureOf<I>>;
    readonly run: (call: KeyCall<StructureOf<I>>) => Promise<OutputOf<O>>;
  },
): Row<I, O> {
  return { ...row, validate: validator(row.input) };
}

/** A key rule that also says which material works, where that is not the current one. */
export interface MaterialRule<Input> extends KeyRule<Input> {
  /** @throws KmsError */
  readonly material?: (key: LiveKey, input: Input) => LiveMaterial;
}

/** A cryptographic operation: one operation of the engine with one material of a key. */
export function engineOperation<Value, I extends Members, O extends Members>(
  row: RowBase<I, O> & {
    readonly key: MaterialRule<StructureOf<I>>;
    readonly engine: EngineStep<MaterialCall<StructureOf<I>>, OutputOf<O>, Value>;
  },
): Row<I, O> {
  return { ...row, validate: validator(row.input) };
}
