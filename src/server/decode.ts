/** From JSON to the members that an operation takes, by its shape. Bounds are the service's affair, JSON types are checked here. */
import { KmsError, type Member, type Members, type Shape } from '../kms/index.ts';
import { decodeBase64 } from './base64.ts';

/** A structure's known members that were given, null counting as absent. @throws KmsError SerializationException, with AWS's texts */
export function decodeMembers(members: Members, input: Readonly<Record<string, unknown>>): Record<string, unknown> {
  // Names come from the table, never from the request, so an ordinary object is safe.
  const decoded: Record<string, unknown> = {};
  for (const name in members) {
    const value = input[name];
    if (value !== undefined && value !== null) decoded[name] = decode(members[name]!, value);
  }
  return decoded;
}

type Decoder<S extends Shape> = (value: unknown, shape: S) => unknown;
type Decoders = { readonly [Type in Shape['type']]: Decoder<Extract<Shape, { type: Type }>> };

const decode = (shape: Member, value: unknown): unknown => DECODERS[shape.type](value, shape as never);

const text: Decoder<Shape> = (value) => (typeof value === 'string' ? value : refuse(value, scalarText('a String')));

const DECODERS: Decoders = {
  string: text,
  enum: text,
  integer: (value) => (Number.isSafeInteger(value) ? value : refuse(value, scalarText('an Integer'))),
  boolean: (value) => (typeof value === 'boolean' ? value : refuse(value, scalarText('a Boolean'))),
  blob: (value) =>
    (typeof value === 'string' ? decodeBase64(value) : undefined) ??
    refuse(value, () => 'only base-64-encoded strings are convertible to bytes'),
  time: (value) => (typeof value === 'number' ? new Date(value * 1000) : refuse(value, scalarText('a Timestamp'))),
  list: (value, { item }) =>
    Array.isArray(value)
      ? value.map((each) => (each === null ? each : decode(item, each)))
      : refuse(value, () => 'Expected list or null'),
  map: (value) => (isStructure(value) ? eachText(value) : refuse(value, () => 'Expected map or null')),
  structure: (value, { members }) =>
    isStructure(value) ? decodeMembers(members, value) : refuse(value, () => 'Expected null'),
};

function isStructure(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function eachText(map: Readonly<Record<string, unknown>>): unknown {
  for (const name of Object.keys(map)) text(map[name], { type: 'string' });
  return map;
}

/** What AWS calls the JSON token of a scalar. */
function tokenOf(value: unknown): string {
  if (typeof value === 'number') return Number.isInteger(value) ? 'NUMBER_VALUE' : 'DECIMAL_VALUE';
  return typeof value === 'string' ? 'STRING_VALUE' : `${String(value).toUpperCase()}_VALUE`;
}

/** The text where a scalar came that is of no use for `type`. */
const scalarText = (type: string) => (value: unknown) => `${tokenOf(value)} can not be converted to ${type}`;

/** AWS's texts, which say nothing about where: the value may be as secret as its neighbours. */
function refuse(value: unknown, explain: (value: unknown) => string): never {
  const message = Array.isArray(value)
    ? 'Start of list found where not expected'
    : isStructure(value)
      ? 'Start of structure or map found where not expected.'
      : explain(value);
  throw new KmsError('SerializationException', message);
}
