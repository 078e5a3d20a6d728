/**
 * Request bodies as JSON, read more strictly than JSON.parse does: nothing that two readers could understand differently, and
 * nothing that costs out of proportion to its size.
 */
import { isUtf8 } from 'node:buffer';
import { KmsError } from '../kms/index.ts';

export interface JsonLimits {
  /** Structures and lists within each other. */
  readonly maxDepth: number;
  /** Members of structures and items of lists, all together. */
  readonly maxMembers: number;
}

/**
 * The structure that a body holds. Names such as `__proto__` are own members like any other.
 * @throws KmsError SerializationException for what is not one structure in UTF-8, for a member that comes twice in a structure,
 *   for half of a surrogate pair, and beyond the limits
 */
export function parseBody(body: Uint8Array, limits: JsonLimits): Readonly<Record<string, unknown>> {
  // Invalid UTF-8 would be repaired by toString, and two different requests read as one.
  if (!isUtf8(body)) throw malformed();
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();
  requireBounded(text, limits);
  const value = parse(text, MAY_HOLD_SURROGATES.test(text) ? requireWellFormed : undefined);
  if (Array.isArray(value)) throw malformed('Start of list found where not expected');
  if (typeof value !== 'object' || value === null) throw malformed();
  return value as Record<string, unknown>;
}

/** AWS says nothing about a body that it cannot parse. */
function malformed(message?: string): KmsError {
  return new KmsError('SerializationException', message);
}

function parse(text: string, reviver?: (name: string, value: unknown) => unknown): unknown {
  try {
    return JSON.parse(text, reviver);
  } catch (error) {
    throw error instanceof SyntaxError ? malformed() : error;
  }
}

const MAY_HOLD_SURROGATES = /\\u[dD][89a-fA-F]/;
const HALF_OF_A_PAIR = /\p{Surrogate}/u;

/** UTF-8 cannot hold half of a surrogate pair, an escape can; written as UTF-8 again, all of them would become one character. */
function requireWellFormed(name: string, value: unknown): unknown {
  if (HALF_OF_A_PAIR.test(name) || (typeof value === 'string' && HALF_OF_A_PAIR.test(value))) {
    throw malformed('Half of a surrogate pair found where not expected.');
  }
  return value;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_STRUCTURE = 0x7b;
const CLOSE_STRUCTURE = 0x7d;

/** Looks at brackets, commas and names only. What is not JSON may pass: JSON.parse comes after it. @throws KmsError */
function requireBounded(text: string, { maxDepth, maxMembers }: JsonLimits): void {
  /** The names of each structure that is open; undefined stands for a list. */
  const open: (Set<string> | undefined)[] = [];
  let members = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === QUOTE) {
      const end = stringEnd(text, at);
      if (end < 0) return;
      if (isName(text, end)) noteName(open[open.length - 1], text.slice(at + 1, end));
      at = end;
    } else if (character === OPEN_STRUCTURE || character === OPEN_LIST) {
      if (open.length === maxDepth) throw malformed(`The request is nested deeper than ${maxDepth} levels.`);
      open.push(character === OPEN_STRUCTURE ? new Set() : undefined);
      members++;
    } else if (character === CLOSE_STRUCTURE || character === CLOSE_LIST) {
      open.pop();
    } else if (character === COMMA) {
      members++;
    }
    if (members > maxMembers) throw malformed(`The request has more than ${maxMembers} members.`);
  }
}

/** Where the string ends whose first quote is at `start`; -1 where it does not. */
function stringEnd(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end >= 0) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return end;
    end = text.indexOf('"', end + 1);
  }
  return end;
}

/** Of all strings only a name has a colon after it. */
function isName(text: string, end: number): boolean {
  let next = end + 1;
  let character = text.charCodeAt(next);
  while (character === 0x20 || character === 0x0a || character === 0x0d || character === 0x09) {
    character = text.charCodeAt(++next);
  }
  return character === COLON;
}

function noteName(names: Set<string> | undefined, raw: string): void {
  if (names === undefined) return;
  const name = raw.includes('\\') ? (parse(`"${raw}"`) as string) : raw;
  if (names.has(name)) throw malformed('A member of the request comes more than once.');
  names.add(name);
}
