/** Checks of what callers pass, made once and here: backends see lengths and ids only. Every failure is INVALID_ARGUMENT. */
import { argumentError } from './errors.ts';

const typedArrayPrototype = Object.getPrototypeOf(Uint8Array.prototype);
/** The intrinsic getters: an instance's own `length`, a Proxy or another realm's class cannot mislead them. */
const intrinsicGetter = (name: PropertyKey): (() => unknown) =>
  Object.getOwnPropertyDescriptor(typedArrayPrototype, name)!.get as () => unknown;
const kindOf = intrinsicGetter(Symbol.toStringTag);
const lengthOf = intrinsicGetter('byteLength');
const byteOffsetOf = intrinsicGetter('byteOffset');
const bufferOf = intrinsicGetter('buffer');
const hasSharedMemory = typeof SharedArrayBuffer !== 'undefined';

/** The length of what is known to be a Uint8Array. @throws TypeError where it is none */
export const byteLengthOf = (bytes: unknown): number => lengthOf.call(bytes) as number;

function describe(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value !== 'object') return typeof value;
  return value.constructor?.name ?? 'object';
}

function isDetached(buffer: ArrayBuffer): boolean {
  try {
    return new Uint8Array(buffer).length < 0;
  } catch {
    return true;
  }
}

/** The length of a Uint8Array argument (Buffer included). Shared memory (it may change under us) and detached buffers are refused. */
export function bytesLength(name: string, value: unknown): number {
  if (kindOf.call(value) !== 'Uint8Array') throw argumentError(name, 'a Uint8Array', describe(value));
  const buffer = bufferOf.call(value);
  if (hasSharedMemory && buffer instanceof SharedArrayBuffer) {
    throw argumentError(name, 'a Uint8Array of unshared memory', 'one over a SharedArrayBuffer');
  }
  const length = byteLengthOf(value);
  if (length === 0 && isDetached(buffer as ArrayBuffer)) throw argumentError(name, 'a Uint8Array', 'a detached one');
  return length;
}

/** A plain view of what `bytesLength` measured: a caller's subclass may have a `subarray` or `buffer` of its own. */
export function plainView(bytes: Uint8Array, length: number): Uint8Array {
  return new Uint8Array(bufferOf.call(bytes) as ArrayBuffer, byteOffsetOf.call(bytes) as number, length);
}

/** Like `bytesLength`, 0 where the argument is absent. */
export function optionalBytesLength(name: string, value: unknown): number {
  return value === undefined ? 0 : bytesLength(name, value);
}

/** A boolean argument, false where it is absent: what is truthy is not taken for one. */
export function optionalBoolean(name: string, value: unknown): boolean {
  if (value !== undefined && typeof value !== 'boolean') throw argumentError(name, 'a boolean', describe(value));
  return value === true;
}

/** The row of a table by a caller's name for it; what every object inherits (`constructor`) is no row. */
export function rowOf<Row>(name: string, rows: Readonly<Record<string, Row>>, value: unknown): Row {
  const row = typeof value === 'string' && Object.hasOwn(rows, value) ? rows[value] : undefined;
  if (row === undefined) {
    const got = typeof value === 'string' ? JSON.stringify(value.slice(0, 64)) : describe(value);
    throw argumentError(name, `one of ${Object.keys(rows).join(', ')}`, got);
  }
  return row;
}

/** An AbortSignal argument; throws its reason where it is aborted already. */
export function liveSignal(value: unknown): void {
  if (value === undefined) return;
  if (!(value instanceof AbortSignal)) throw argumentError('signal', 'an AbortSignal', describe(value));
  value.throwIfAborted();
}

/** A whole number in a range, both ends included. */
export function integer(name: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw argumentError(
      name,
      `a whole number from ${min} to ${max}`,
      typeof value === 'number' ? `${value}` : describe(value),
    );
  }
  return value;
}

/** The options object of a call. */
export function requestObject(value: unknown): void {
  if (typeof value !== 'object' || value === null) throw argumentError('request', 'an object', describe(value));
}
