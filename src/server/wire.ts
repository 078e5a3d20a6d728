/**
 * AWS JSON 1.1: operations and their members between JSON and JavaScript values, driven by the shapes of the operations table.
 * Knows no operation by name and no transport.
 */
import { isUtf8 } from 'node:buffer';
import {
  type Keymill,
  KmsError,
  type KmsErrorName,
  type Member,
  type Members,
  OPERATIONS,
  type Shape,
} from '../kms/index.ts';

export const CONTENT_TYPE = 'application/x-amz-json-1.1';
const TARGET_PREFIX = 'TrentService.';

export interface WireAnswer {
  readonly status: number;
  /** JSON text, or empty where AWS answers nothing. */
  readonly body: string;
}

/** Runs the operation that `target` names on a request body. Never rejects: errors are answers. */
export async function answer(kms: Keymill, target: string | undefined, body: Uint8Array): Promise<WireAnswer> {
  try {
    const operation = target?.startsWith(TARGET_PREFIX) ? target.slice(TARGET_PREFIX.length) : '';
    const row = Object.hasOwn(OPERATIONS, operation) ? OPERATIONS[operation as keyof typeof OPERATIONS] : undefined;
    if (row === undefined) throw new KmsError('UnknownOperationException');
    const output = await kms.perform(operation, decodeMembers(row.input, parse(body), ''));
    return { status: 200, body: row.output === undefined ? '' : JSON.stringify(encodeMembers(row.output, output)) };
  } catch (error) {
    return errorAnswer(error);
  }
}

/** AWS spells the member with a capital here and nowhere else (local-kms, recorded from AWS). */
const MESSAGE_MEMBERS: Partial<Record<KmsErrorName, string>> = { AccessDeniedException: 'Message' };

/** An error as AWS writes it: no message member where there is no message. Anything but a KmsError is a fault of ours and says nothing. */
export function errorAnswer(error: unknown): WireAnswer {
  const known = error instanceof KmsError ? error : new KmsError('KMSInternalException', 'An internal error occurred.');
  const message = known.message === '' ? {} : { [MESSAGE_MEMBERS[known.name] ?? 'message']: known.message };
  return { status: known.httpStatus, body: JSON.stringify({ __type: known.name, ...message }) };
}

/** @throws KmsError SerializationException */
function parse(body: Uint8Array): unknown {
  if (body.length === 0) return {};
  try {
    // Invalid UTF-8 would be repaired by toString, and two different requests read as one.
    const value = isUtf8(body)
      ? JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString())
      : null;
    if (value !== null) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new KmsError('SerializationException', 'The request body is not a JSON object.');
}

type Converters = { readonly [Type in Shape['type']]?: (value: unknown, shape: never, path: string) => unknown };

/** Values that the service's own validation takes as they are need no row: it says what is wrong with them. */
const DECODERS: Converters = {
  blob: decodeBlob,
  time: (value) => (typeof value === 'number' ? new Date(value * 1000) : value),
  list: (value, shape: { item: Shape }, path) =>
    Array.isArray(value) ? value.map((each, index) => decode(shape.item, each, `${path}.${index + 1}.member`)) : value,
  structure: (value, shape: { members: Members }, path) => decodeMembers(shape.members, value, path),
};

function decode(shape: Member, value: unknown, path: string): unknown {
  const decoder = DECODERS[shape.type];
  return decoder === undefined || value === null ? value : decoder(value, shape as never, path);
}

function decodeMembers(members: Members, value: unknown, path: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const decoded: Record<string, unknown> = {};
  for (const name in members) {
    if (!Object.hasOwn(value, name)) continue;
    decoded[name] = decode(
      members[name]!,
      (value as Record<string, unknown>)[name],
      path === '' ? name : `${path}.${name}`,
    );
  }
  return decoded;
}

/** Base64 in its one canonical form (RFC 4648 section 4): Node's decoder skips what it does not know. */
function decodeBlob(value: unknown, _shape: never, path: string): Uint8Array {
  if (typeof value === 'string') {
    const bytes = Buffer.from(value, 'base64');
    if (bytes.toString('base64') === value) return bytes;
  }
  throw new KmsError('SerializationException', `${path}: expected a Base64 string`);
}

const ENCODERS: Converters = {
  blob: (value) => base64(value as Uint8Array),
  time: (value) => (value as Date).getTime() / 1000,
  list: (value, shape: { item: Shape }) => (value as unknown[]).map((each) => encode(shape.item, each)),
  structure: (value, shape: { members: Members }) => encodeMembers(shape.members, value),
};

function encode(shape: Member, value: unknown): unknown {
  const encoder = ENCODERS[shape.type];
  return encoder === undefined ? value : encoder(value, shape as never, '');
}

function encodeMembers(members: Members, value: unknown): unknown {
  const encoded: Record<string, unknown> = {};
  for (const name in members) {
    const member = (value as Record<string, unknown>)[name];
    if (member !== undefined) encoded[name] = encode(members[name]!, member);
  }
  return encoded;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
