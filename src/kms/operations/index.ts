/**
 * Every operation of the service, by AWS's name. The methods of Keymill, `batch`, the endpoint and the in-process handler all
 * read this table; an operation is served everywhere as soon as its row is here.
 */
import type { Operation, OutputOf, Row } from '../operation.ts';
import type { StructureOf } from '../shapes.ts';
import { AGREEMENT_OPERATIONS } from './agreement.ts';
import { ALIAS_OPERATIONS } from './aliases.ts';
import { DATA_KEY_OPERATIONS } from './datakeys.ts';
import { ENCRYPTION_OPERATIONS } from './encryption.ts';
import { IMPORT_OPERATIONS } from './imports.ts';
import { KEY_OPERATIONS } from './keys.ts';
import { LIFECYCLE_OPERATIONS } from './lifecycle.ts';
import { MAC_OPERATIONS } from './macs.ts';
import { POLICY_OPERATIONS } from './policies.ts';
import { ROTATION_OPERATIONS } from './rotation.ts';
import { SIGNING_OPERATIONS } from './signing.ts';
import { TAG_OPERATIONS } from './tags.ts';

const ROWS = {
  ...KEY_OPERATIONS,
  ...LIFECYCLE_OPERATIONS,
  ...ALIAS_OPERATIONS,
  ...ROTATION_OPERATIONS,
  ...IMPORT_OPERATIONS,
  ...TAG_OPERATIONS,
  ...POLICY_OPERATIONS,
  ...ENCRYPTION_OPERATIONS,
  ...DATA_KEY_OPERATIONS,
  ...AGREEMENT_OPERATIONS,
  ...SIGNING_OPERATIONS,
  ...MAC_OPERATIONS,
};
type Rows = typeof ROWS;

/** Without a prototype, so that `constructor` is no operation. */
export const OPERATIONS: Readonly<Record<OperationName, Operation>> = Object.freeze(
  Object.assign(Object.create(null), ROWS),
);

export type OperationName = keyof Rows;
export type OperationInput<Name extends OperationName> = StructureOf<Rows[Name]['input']>;
export type OperationOutput<Name extends OperationName> =
  Rows[Name] extends Row<infer _Input, infer Output> ? OutputOf<Output> : never;

/** An operation whose members are all optional may be called without any. */
type Arguments<Input> = Record<never, never> extends Input ? [input?: Input] : [input: Input];

/** One method per operation: `CreateKey` is `createKey`. They reject with KmsError only. */
export type OperationMethods = {
  [Name in OperationName as Uncapitalize<Name>]: (
    ...args: Arguments<OperationInput<Name>>
  ) => Promise<OperationOutput<Name>>;
};
