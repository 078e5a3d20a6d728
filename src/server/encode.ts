/**
 * From what an operation answers to the body of a response, by its shape. Secret members (key bytes, plaintexts) go from bytes to
 * bytes: a string of them would stay in memory for as long as the garbage collector likes.
 */
import type { Members, Shape } from '../kms/index.ts';
import { base64Bytes, writeBase64 } from './base64.ts';

/** A piece of a body: text, or secret bytes that become Base64 in place. */
export type Part = string | Uint8Array;

/** A body ready to be sent. Where it is bytes, they are the only copy of its secrets, and whoever sends them wipes them. */
export type Body = string | Buffer;

/** The JSON of a structure. */
export function encodeOutput(members: Members, output: unknown): readonly Part[] {
  const values = output as Readonly<Record<string, unknown>>;
  const encoded: Record<string, unknown> = {};
  const secrets: Part[] = [];
  for (const name in members) {
    const member = members[name]!;
    const value = values[name];
    if (value === undefined) continue;
    if (member.secret) secrets.push(`"${name}":"`, value as Uint8Array, '",');
    else encoded[name] = encode(member, value);
  }
  const text = JSON.stringify(encoded);
  if (secrets.length === 0) return [text];
  const isEmpty = text === '{}';
  secrets.pop();
  return isEmpty ? ['{', ...secrets, '"}'] : [`${text.slice(0, -1)},`, ...secrets, '"}'];
}

/** The parts in one piece. Secret parts are wiped. */
export function assemble(parts: readonly Part[]): Body {
  if (parts.every((part) => typeof part === 'string')) return parts.length === 1 ? parts[0]! : parts.join('');
  const bytes = parts.reduce(
    (sum, part) => sum + (typeof part === 'string' ? Buffer.byteLength(part) : base64Bytes(part.length)),
    0,
  );
  // Not out of Node's pool, whose other users could read what is left there.
  const body = Buffer.allocUnsafeSlow(bytes);
  let at = 0;
  for (const part of parts) {
    if (typeof part === 'string') {
      at += body.write(part, at);
    } else {
      at = writeBase64(part, body, at);
      part.fill(0);
    }
  }
  return body;
}

/** Wipes the secrets of a body that has been sent, or that nobody wants any more. */
export function wipe(body: Body): void {
  if (typeof body !== 'string') body.fill(0);
}

type Encoders = { readonly [Type in Shape['type']]?: (value: never, shape: never) => unknown };

/** What is not here is JSON already. */
const ENCODERS: Encoders = {
  blob: (value: Uint8Array) => Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64'),
  time: (value: Date) => value.getTime() / 1000,
  list: (value: readonly unknown[], { item }: { item: Shape }) => value.map((each) => encode(item, each)),
  structure: (value: Readonly<Record<string, unknown>>, { members }: { members: Members }) => {
    const encoded: Record<string, unknown> = {};
    for (const name in members) {
      if (value[name] !== undefined) encoded[name] = encode(members[name]!, value[name]);
    }
    return encoded;
  },
};

function encode(shape: Shape, value: unknown): unknown {
  const encoder = ENCODERS[shape.type];
  return encoder === undefined ? value : encoder(value as never, shape as never);
}
