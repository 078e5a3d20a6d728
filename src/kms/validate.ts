/**
 * Checks an operation's input against its shape and says what is wrong in AWS's own words. A wrong type is a
 * SerializationException (AWS fails while reading the message); a value out of bounds is a ValidationException that lists
 * every violation.
 */
import { types } from 'node:util';
import { KmsError } from './errors.ts';
import type { Member, Members, Shape } from './shapes.ts';

/** A fresh object of the known members that were given: what was checked is what is used, whatever `input` says when it is read again. */
export type Checked = Record<string, unknown>;

/** Returns a copy of its input without unknown members, null and undefined counting as absent. @throws KmsError SerializationException, ValidationException, UnsupportedOperationException */
export type Validator = (input: unknown) => Checked;

/** What is worth working out once per shape instead of once per call. */
interface Field {
  readonly name: string;
  readonly member: Member;
  readonly check: Check<never>;
  readonly pathName: string;
}

/** AWS's paths start members in lower case: `tags.1.member.tagKey`. */
const pathNameOf = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1);

export function validator(members: Members): Validator {
  const fields = fieldsOf(members);
  const byName = new Map(fields.map((field) => [field.name, field]));
  const requiredCount = fields.filter(({ member }) => member.required).length;
  return (input) => {
    const accepted = acceptPlain(byName, requiredCount, input);
    if (accepted !== undefined) return accepted;
    const violations: string[] = [];
    const checked = checkStructure(fields, input ?? {}, '', violations);
    if (violations.length > 0) refuseViolations(violations);
    return checked;
  };
}

function refuseViolations(violations: readonly string[]): void {
  if (violations.length === 0) return;
  const plural = violations.length === 1 ? 'error' : 'errors';
  throw new KmsError(
    'ValidationException',
    `${violations.length} validation ${plural} detected: ${violations.join('; ')}`,
  );
}

const knownFields = new WeakMap<Members, readonly Field[]>();
function fieldsOf(members: Members): readonly Field[] {
  let fields = knownFields.get(members);
  if (fields === undefined) {
    fields = Object.entries(members).map(([name, member]) => ({
      name,
      member,
      check: CHECKS[member.type] as Check<never>,
      pathName: pathNameOf(name),
    }));
    knownFields.set(members, fields);
  }
  return fields;
}

/**
 * What checkStructure gives for a plain object in which nothing is wrong, found by the members that it has: of the many there are, most
 * calls give few. Undefined where checkStructure has to look, which alone says what is wrong, in the order of the table.
 */
function acceptPlain(byName: ReadonlyMap<string, Field>, requiredCount: number, input: unknown): Checked | undefined {
  if (typeof input !== 'object' || input === null || Object.getPrototypeOf(input) !== Object.prototype)
    return undefined;
  const checked: Checked = {};
  let missing = requiredCount;
  try {
    for (const name in input) {
      const field = byName.get(name);
      if (field === undefined) continue;
      const { member, check, pathName } = field;
      const value = (input as Record<string, unknown>)[name];
      if (value === undefined || value === null) continue;
      if (member.unsupported) return undefined;
      checked[name] = check(member as never, value, pathName, undefined);
      if (member.required) missing--;
    }
  } catch {
    return undefined;
  }
  return missing === 0 ? checked : undefined;
}

/** `path` is empty or ends with a dot. */
function checkStructure(fields: readonly Field[], input: unknown, path: string, violations: Violations): Checked {
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    throw typeError(path.slice(0, -1), 'an object', input);
  // Names come from the table, never from the caller, so an ordinary object is safe (and an order of magnitude faster).
  const checked: Checked = {};
  for (const { name, member, check, pathName } of fields) {
    const value = (input as Record<string, unknown>)[name];
    if (value === undefined || value === null) {
      if (member.required) report(violations, violation(member, 'null', path + pathName, 'must not be null'));
      continue;
    }
    if (member.unsupported) refuse(name, value);
    checked[name] = check(member as never, value, path + pathName, violations);
  }
  return checked;
}

/** The narrower of two ranges, where an option of the service decides it. @throws KmsError as for a bound of the shape */
export function requireInRange(name: string, value: number, [min, max]: readonly [min: number, max: number]): void {
  const violations: string[] = [];
  checkBounds({ type: 'integer', min, max }, value, value, name, 'value', violations);
  refuseViolations(violations);
}

/** For a member that only some calls need. @throws KmsError as for a member that is required */
export function requireGiven(name: string, member: Member, value: unknown): void {
  if (value === undefined) refuseViolations([violation(member, 'null', pathNameOf(name), 'must not be null')]);
}

/** Empty lists, false and 0 ask for nothing, so they are no reason to refuse. */
function refuse(name: string, value: unknown): void {
  if (value === false || (Array.isArray(value) && value.length === 0)) return;
  throw new KmsError('UnsupportedOperationException', `${name} is not supported by this release of keymill.`);
}

/** What checks found, in AWS's words; undefined where it only matters whether there is any. */
type Violations = string[] | undefined;
/** Ends a check that only matters by its outcome. */
const ANY_VIOLATION = new Error('a violation');

function report(violations: Violations, text: string): void {
  if (violations === undefined) throw ANY_VIOLATION;
  violations.push(text);
}

type Check<S extends Shape> = (shape: S, value: unknown, path: string, violations: Violations) => unknown;
type Checks = { readonly [Type in Shape['type']]: Check<Extract<Shape, { type: Type }>> };

const CHECKS: Checks = {
  string(shape, value, path, violations) {
    if (typeof value !== 'string') throw typeError(path, 'a string', value);
    checkBounds(shape, value.length, value, path, 'length', violations);
    if (shape.pattern !== undefined && !regularExpression(shape.pattern).test(value)) {
      report(
        violations,
        violation(shape, `'${value}'`, path, `must satisfy regular expression pattern: ${shape.pattern}`),
      );
    }
    return value;
  },
  enum(shape, value, path, violations) {
    if (typeof value !== 'string') throw typeError(path, 'a string', value);
    if (!shape.values.includes(value)) {
      report(
        violations,
        violation(shape, `'${value}'`, path, `must satisfy enum value set: [${shape.values.join(', ')}]`),
      );
    }
    return value;
  },
  integer(shape, value, path, violations) {
    if (!Number.isSafeInteger(value)) throw typeError(path, 'an integer', value);
    checkBounds(shape, value as number, value, path, 'value', violations);
    return value;
  },
  boolean(_shape, value, path) {
    if (typeof value !== 'boolean') throw typeError(path, 'a boolean', value);
    return value;
  },
  blob(shape, value, path, violations) {
    if (!types.isUint8Array(value)) throw typeError(path, 'a Uint8Array', value);
    // Shared memory can change between this check and the use: take what is there now.
    const bytes = value.buffer instanceof SharedArrayBuffer ? new Uint8Array(value) : value;
    checkBounds(shape, bytes.length, undefined, path, 'length', violations);
    return bytes;
  },
  time(_shape, value, path) {
    if (!types.isDate(value) || Number.isNaN(value.getTime())) throw typeError(path, 'a Date', value);
    return value;
  },
  list(shape, value, path, violations) {
    if (!Array.isArray(value)) throw typeError(path, 'a list', value);
    checkBounds(shape, value.length, value, path, 'length', violations);
    const item: Shape = shape.item;
    return value.map((each, index) => {
      if (each === undefined || each === null) throw typeError(path, 'a list without null', value);
      return CHECKS[item.type](item as never, each, `${path}.${index + 1}.member`, violations);
    });
  },
  map(_shape, value, path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw typeError(path, 'a map', value);
    // Without a prototype, so that `__proto__` is a name like any other.
    const copy: Record<string, string> = Object.create(null);
    for (const name of Object.keys(value)) {
      const each = (value as Record<string, unknown>)[name];
      if (typeof each !== 'string') throw typeError(path, 'strings in the map', each);
      copy[name] = each;
    }
    return copy;
  },
  structure: (shape, value, path, violations) =>
    checkStructure(fieldsOf(shape.members as Members), value, `${path}.`, violations),
};

/** `value` is shown where the bounds are broken, except that AWS never repeats a blob. */
function checkBounds(
  shape: Shape & { readonly min?: number; readonly max?: number },
  measured: number,
  value: unknown,
  path: string,
  what: 'length' | 'value',
  violations: Violations,
): void {
  const { min, max } = shape;
  if (min !== undefined && measured < min) {
    report(violations, violation(shape, shown(value), path, `must have ${what} greater than or equal to ${min}`));
  }
  if (max !== undefined && measured > max) {
    report(violations, violation(shape, shown(value), path, `must have ${what} less than or equal to ${max}`));
  }
}

const shown = (value: unknown): string => (Array.isArray(value) ? `'[${value.join(', ')}]'` : `'${String(value)}'`);

/** AWS never repeats the value of a blob, a missing one included. */
function violation(shape: Member, shownValue: string, path: string, constraint: string): string {
  const value = shape.type === 'blob' ? 'Value' : `Value ${shownValue}`;
  return `${value} at '${path}' failed to satisfy constraint: Member ${constraint}`;
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
