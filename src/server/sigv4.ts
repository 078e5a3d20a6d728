/**
 * AWS Signature Version 4: the canonical form of a request and its signature.
 * Source: AWS General Reference, "Create a signed AWS API request". Knows no credentials and decides nothing.
 */
import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto';

export const ALGORITHM = 'AWS4-HMAC-SHA256';
export const SCOPE_END = 'aws4_request';

export type Headers = readonly (readonly [name: string, value: string])[];

export interface CanonicalInput {
  readonly method: string;
  /** As on the request line, without the query. */
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  /** In the order received; names in lower case, several of one name allowed. */
  readonly headers: Headers;
  /** Hexadecimal SHA-256 of the body as received. */
  readonly payloadHash: string;
}

export interface Scope {
  /** YYYYMMDD */
  readonly date: string;
  readonly region: string;
  readonly service: string;
}

export const scopeText = ({ date, region, service }: Scope): string => `${date}/${region}/${service}/${SCOPE_END}`;

/** Header text is bytes to SigV4; node:http hands bytes out as Latin-1. */
const HEADER_ENCODING = 'latin1';

export function sha256Hex(data: Uint8Array | string): string {
  return hash('sha256', typeof data === 'string' ? Buffer.from(data, HEADER_ENCODING) : data, 'hex');
}

/**
 * The canonical request over exactly `signedHeaders` (lower case, sorted).
 * @returns undefined where one of them is missing from the request
 */
export function canonicalRequest(
  input: CanonicalInput,
  signedHeaders: readonly string[],
  options: { readonly normalizePath: boolean } = { normalizePath: true },
): string | undefined {
  const values = new Map<string, string>();
  for (const [name, value] of input.headers) {
    if (!signedHeaders.includes(name)) continue;
    const before = values.get(name);
    const canonical = canonicalValue(value);
    values.set(name, before === undefined ? canonical : `${before},${canonical}`);
  }
  let headerLines = '';
  for (const name of signedHeaders) {
    const value = values.get(name);
    if (value === undefined) return undefined;
    headerLines += `${name}:${value}\n`;
  }
  const path = canonicalPath(input.path, options.normalizePath);
  const start = `${input.method}\n${path}\n${canonicalQuery(input.query)}`;
  return `${start}\n${headerLines}\n${signedHeaders.join(';')}\n${input.payloadHash}`;
}

const MAY_HAVE_TO_CHANGE = /^\s|\s$|\s\s|[^\S ]/;

function canonicalValue(value: string): string {
  return MAY_HAVE_TO_CHANGE.test(value) ? value.trim().replace(/\s+/g, ' ') : value;
}

export function stringToSign(timestamp: string, scope: Scope, canonical: string): string {
  return [ALGORITHM, timestamp, scopeText(scope), sha256Hex(canonical)].join('\n');
}

/** The key that signs everything of one day, region and service. A KeyObject: Node 24 takes several times longer with raw bytes. */
export function signingKey(secretAccessKey: string, { date, region, service }: Scope): KeyObject {
  let key: Buffer = Buffer.from(`AWS4${secretAccessKey}`, 'utf8');
  for (const part of [date, region, service, SCOPE_END]) {
    const next = createHmac('sha256', key).update(part, 'utf8').digest();
    key.fill(0);
    key = next;
  }
  const result = createSecretKey(key);
  key.fill(0);
  return result;
}

export function signature(key: KeyObject, toSign: string): string {
  return createHmac('sha256', key).update(toSign, 'utf8').digest('hex');
}

/** RFC 3986 section 2.3: everything but the unreserved characters, as UTF-8, in upper-case hexadecimal. */
function encodeUri(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function canonicalPath(path: string, normalize: boolean): string {
  if (path === '/') return path;
  let segments = path.split('/');
  if (normalize) {
    // RFC 3986 section 5.2.4, and empty segments vanish; a trailing slash stays.
    const kept: string[] = [];
    for (const segment of segments) {
      if (segment === '..') kept.pop();
      else if (segment !== '' && segment !== '.') kept.push(segment);
    }
    const endsInSlash = kept.length > 0 && /(?:\/|\/\.|\/\.\.)$/.test(path);
    segments = ['', ...kept, ...(endsInSlash || kept.length === 0 ? [''] : [])];
  }
  return segments.map(encodeUri).join('/') || '/';
}

function canonicalQuery(query: string): string {
  if (query === '') return '';
  return query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const [name = '', ...value] = pair.split('=');
      return [encodeUri(decodeUri(name)), encodeUri(decodeUri(value.join('=')))] as const;
    })
    .sort(([a, x], [b, y]) => compare(a, b) || compare(x, y))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

function decodeUri(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
