/**
 * Checks an operation's input against its shape and says what is wrong in AWS's own words. A wrong type is a
 * SerializationException (AWS fails while reading the message); a value out of bounds is a ValidationException that lists
 * every violation.
 */
import { types } from 'node:util';
import { KmsError } from './errors.ts';
import type { Member, Members, Shape } from './shapes.ts';

/** A fresh object of the known members that were given; reads each member of `input` once. */
export type Checked = Record<string, unknown>;

/**
 * @returns a copy of `input` without unknown members, null and undefined counting as absent
 * @throws KmsError SerializationException, ValidationException, UnsupportedOperationException
 */
export function validate(members: Members, input: unknown): Checked {
  const violations: string[] = [];
  const checked = checkStructure(members, input ?? {}, '', violations);
  if (violations.length > 0) {
    const plural = violations.length === 1 ? 'error' : 'errors';
    throw new KmsError(
      'ValidationException',
      `${violations.length} validation ${plural} detected: ${violations.join('; ')}`,
    );
  }
  return checked;
}

function checkStructure(members: Members, input: unknown, path: string, violations: string[]): Checked {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) throw typeError(path, 'an object', input);
  // Names come from the table, never from the caller, so an ordinary object is safe (and an order of magnitude faster).
  const checked: Checked = {};
  for (const name in members) {
    const member = members[name]!;
    const value = (input as Record<string, unknown>)[name];
    if (value === undefined || value === null) {
      if (member.required) violations.push(violation(member, 'null', memberPath(path, name), 'must not be null'));
      continue;
    }
    if (member.unsupported) refuse(name, value);
    checked[name] = CHECKS[member.type](member as never, value, memberPath(path, name), violations);
  }
  return checked;
}

/** Empty lists, false and 0 ask for nothing, so they are no reason to refuse. */
function refuse(name: string, value: unknown): void {
  if (value === false || (Array.isArray(value) && value.length === 0)) return;
  throw new KmsError('UnsupportedOperationException', `${name} is not supported by this release of keymill.`);
}

type Check<S extends Shape> = (shape: S, value: unknown, path: string, violations: string[]) => unknown;
type Checks = { readonly [Type in Shape['type']]: Check<Extract<Shape, { type: Type }>> };

const CHECKS: Checks = {
  string(shape, value, path, violations) {
    if (typeof value !== 'string') throw typeError(path, 'a string', value);
    checkBounds(shape, value.length, `'${value}'`, path, 'length', violations);
    if (shape.pattern !== undefined && !regularExpression(shape.pattern).test(value)) {
      violations.push(
        violation(shape, `'${value}'`, path, `must satisfy regular expression pattern: ${shape.pattern}`),
      );
    }
    return value;
  },
  enum(shape, value, path, violations) {
    if (typeof value !== 'string') throw typeError(path, 'a string', value);
    if (!shape.values.includes(value)) {
      violations.push(
        violation(shape, `'${value}'`, path, `must satisfy enum value set: [${shape.values.join(', ')}]`),
      );
    }
    return value;
  },
  integer(shape, value, path, violations) {
    if (!Number.isSafeInteger(value)) throw typeError(path, 'an integer', value);
    checkBounds(shape, value as number, `'${value}'`, path, 'value', violations);
    return value;
  },
  boolean(_shape, value, path) {
    if (typeof value !== 'boolean') throw typeError(path, 'a boolean', value);
    return value;
  },
  blob(shape, value, path, violations) {
    if (!types.isUint8Array(value)) throw typeError(path, 'a Uint8Array', value);
    // Shared memory can change between this check and the use: take what is there now.
    const bytes = types.isSharedArrayBuffer(value.buffer) ? new Uint8Array(value) : value;
    checkBounds(shape, bytes.length, '', path, 'length', violations);
    return bytes;
  },
  time(_shape, value, path) {
    if (!types.isDate(value) || Number.isNaN(value.getTime())) throw typeError(path, 'a Date', value);
    return value;
  },
  list(shape, value, path, violations) {
    if (!Array.isArray(value)) throw typeError(path, 'a list', value);
    checkBounds(shape, value.length, `'[${value.join(', ')}]'`, path, 'length', violations);
    const item: Shape = shape.item;
    return value.map((each, index) => {
      if (each === undefined || each === null) throw typeError(path, 'a list without null', value);
      return CHECKS[item.type](item as never, each, `${path}.${index + 1}.member`, violations);
    });
  },
  map(_shape, value, path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw typeError(path, 'a map', value);
    const entries = Object.entries(value);
    for (const [, each] of entries) if (typeof each !== 'string') throw typeError(path, 'strings in the map', each);
    // Without a prototype, so that `__proto__` is a name like any other.
    const copy: Record<string, string> = Object.create(null);
    for (const [name, each] of entries) copy[name] = each as string;
    return copy;
  },
  structure: (shape, value, path, violations) => checkStructure(shape.members as Members, value, path, violations),
};

function checkBounds(
  shape: Shape & { readonly min?: number; readonly max?: number },
  measured: number,
  shown: string,
  path: string,
  what: 'length' | 'value',
  violations: string[],
): void {
  if (shape.min !== undefined && measured < shape.min) {
    violations.push(violation(shape, shown, path, `must have ${what} greater than or equal to ${shape.min}`));
  }
  if (shape.max !== undefined && measured > shape.max) {
    violations.push(violation(shape, shown, path, `must have ${what} less than or equal to ${shape.max}`));
  }
}

/** AWS never repeats the value of a blob, a missing one included. */
function violation(shape: Member, shown: string, path: string, constraint: string): string {
  const value = shape.type === 'blob' || shown === '' ? 'Value' : `Value ${shown}`;
  return `${value} at '${path}' failed to satisfy constraint: Member ${constraint}`;
}

/** AWS's paths start members in lower case: `tags.1.member.tagKey`. */
function memberPath(path: string, name: string): string {
  const lower = name.charAt(0).toLowerCase() + name.slice(1);
  return path === '' ? lower : `${path}.${lower}`;
}

const expressions = new Map<string, RegExp>();
function regularExpression(pattern: string): RegExp {
  let expression = expressions.get(pattern);
  if (expression === undefined) {
    expression = new RegExp(pattern, 'u');
    expressions.set(pattern, expression);
  }
  return expression;
}

function typeError(path: string, expected: string, value: unknown): KmsError {
  const got = value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value;
  return new KmsError('SerializationException', `${path === '' ? 'input' : path}: expected ${expected}, got ${got}`);
}
