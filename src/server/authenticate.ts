/** Who sent a request: checks its SigV4 signature. What AWS leaves to the client's good will is required here. */
import { type KeyObject, timingSafeEqual } from 'node:crypto';
import { KmsError } from '../kms/index.ts';
import {
  ALGORITHM,
  type CanonicalInput,
  canonicalRequest,
  SCOPE_END,
  type Scope,
  scopeText,
  sha256Hex,
  signature,
  signingKey,
  stringToSign,
} from './sigv4.ts';

export interface Credential {
  readonly secretAccessKey: string;
  /** ARN of who it belongs to. */
  readonly principal: string;
  /** Temporary credentials have one, and requests signed with them must carry it. */
  readonly sessionToken?: string | undefined;
}

export interface AuthenticatorOptions {
  /** The region that signatures must name, or `any`. */
  readonly region: string;
  readonly service: string;
  /** The credential with this access key id, or undefined. Asked again after `CREDENTIAL_SECONDS`, and where a signature does not match. */
  readonly credential: (accessKeyId: string) => Promise<Credential | undefined>;
  readonly clock?: (() => Date) | undefined;
}

export type ReceivedRequest = Omit<CanonicalInput, 'payloadHash'> & { readonly body: Uint8Array };

/** AWS's own window. */
const MAX_SKEW_MS = 5 * 60_000;
/** How long a derived signing key serves before the credential is looked up again: a removed one is accepted no longer than that. */
const CREDENTIAL_SECONDS = 5;
const ANY_REGION = 'any';
const MAX_CACHED_KEYS = 1000;
/** Headers that decide what a request means or who it is from: two of one could be read differently by two readers. */
const SINGLE_HEADERS: ReadonlySet<string> = new Set([
  'authorization',
  'content-type',
  'host',
  'x-amz-content-sha256',
  'x-amz-date',
  'x-amz-security-token',
  'x-amz-target',
]);

interface Known {
  readonly key: KeyObject;
  readonly credential: Credential | undefined;
  readonly until: number;
}

/** @returns a function that gives the principal of a request, or rejects with KmsError and AWS's text */
export function createAuthenticator(options: AuthenticatorOptions): (request: ReceivedRequest) => Promise<string> {
  const clock = options.clock ?? (() => new Date());
  const known = new Map<string, Known>();

  /** The signing key of a credential; for an unknown one a key that nobody has, so that both take the same way. */
  async function lookUp(accessKeyId: string, scope: Scope, now: number): Promise<Known> {
    const credential = await options.credential(accessKeyId);
    const secret = credential?.secretAccessKey ?? crypto.randomUUID();
    return { key: signingKey(secret, scope), credential, until: now + CREDENTIAL_SECONDS * 1000 };
  }

  /** Only what has signed something is kept, so that nobody without a secret can crowd others out. */
  function remember(name: string, found: Known): void {
    known.delete(name);
    if (known.size >= MAX_CACHED_KEYS) known.delete(known.keys().next().value!);
    known.set(name, found);
  }

  const timeOf = lastTime();

  return async (request) => {
    const headers = requireSingleHeaders(request.headers);
    const authorization = parseAuthorization(headers.get('authorization'));
    const timestamp = headers.get('x-amz-date');
    const now = clock().getTime();
    requireScope(authorization, timestamp, options);
    requireFresh(timestamp!, timeOf(timestamp!), now);
    requireSigned(authorization.signedHeaders, request.headers);
    const payloadHash = sha256Hex(request.body);
    const claimedHash = headers.get('x-amz-content-sha256');
    if (claimedHash !== undefined && claimedHash !== payloadHash) throw mismatch();
    const canonical = canonicalRequest({ ...request, payloadHash }, authorization.signedHeaders);
    if (canonical === undefined) throw mismatch();
    const { accessKeyId, scope } = authorization;
    const toSign = stringToSign(timestamp!, scope, canonical);
    const matches = ({ key }: Known) => equalText(signature(key, toSign), authorization.signature);
    const name = `${accessKeyId}/${scopeText(scope)}`;
    let signer = known.get(name);
    if (signer === undefined || signer.until <= now || !matches(signer)) {
      signer = await lookUp(accessKeyId, scope, now);
      if (!matches(signer) || signer.credential === undefined) throw mismatch();
      remember(name, signer);
    }
    const { sessionToken, principal } = signer.credential!;
    if (!equalText(sessionToken ?? '', headers.get('x-amz-security-token') ?? '')) {
      throw new KmsError('UnrecognizedClientException', 'The security token included in the request is invalid.');
    }
    return principal;
  };
}

/** One answer for an unknown access key, a wrong secret and a changed request. */
function mismatch(): KmsError {
  return new KmsError(
    'InvalidSignatureException',
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
  );
}

const incomplete = (message: string): KmsError => new KmsError('IncompleteSignatureException', message);
const invalid = (message: string): KmsError => new KmsError('InvalidSignatureException', message);

/** The values of the headers above by name. @throws KmsError where one comes twice */
export function requireSingleHeaders(headers: CanonicalInput['headers']): ReadonlyMap<string, string> {
  const single = new Map<string, string>();
  for (const [name, value] of headers) {
    if (!SINGLE_HEADERS.has(name)) continue;
    if (single.has(name)) throw incomplete(`The request has more than one '${name}' header.`);
    single.set(name, value);
  }
  return single;
}

interface Authorization {
  readonly accessKeyId: string;
  readonly scope: Scope;
  readonly end: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

const PARAMETERS = ['Credential', 'SignedHeaders', 'Signature'] as const;

function parseAuthorization(header: string | undefined): Authorization {
  if (header === undefined || header === '') {
    throw new KmsError('MissingAuthenticationTokenException', 'Missing Authentication Token');
  }
  const [algorithm, rest = ''] = splitOnce(header, ' ');
  if (algorithm !== ALGORITHM) throw incomplete(`Unsupported AWS 'algorithm': '${algorithm}'.`);
  const parameters = new Map<string, string>();
  for (const part of rest.split(',')) {
    const [name, value] = splitOnce(part.trim(), '=');
    if (value === undefined) {
      throw incomplete(`'${name}' not a valid key=value pair (missing equal-sign) in Authorization header.`);
    }
    if (parameters.has(name)) throw incomplete(`Authorization header has more than one '${name}' parameter.`);
    parameters.set(name, value);
  }
  const missing = PARAMETERS.filter((name) => !parameters.get(name));
  if (missing.length > 0) {
    throw incomplete(missing.map((name) => `Authorization header requires '${name}' parameter.`).join(' '));
  }
  const [accessKeyId = '', date = '', region = '', service = '', end = '', ...more] = parameters
    .get('Credential')!
    .split('/');
  if (more.length > 0 || end === '') {
    throw incomplete(`Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.`);
  }
  return {
    accessKeyId,
    scope: { date, region, service },
    end,
    signedHeaders: parameters.get('SignedHeaders')!.split(';'),
    signature: parameters.get('Signature')!,
  };
}

function splitOnce(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

const TIMESTAMP = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;

function requireScope(
  { scope, end }: Authorization,
  timestamp: string | undefined,
  options: AuthenticatorOptions,
): void {
  if (timestamp === undefined) throw incomplete(`Authorization header requires existence of a 'X-Amz-Date' header.`);
  if (!TIMESTAMP.test(timestamp)) throw incomplete(`Date must be in ISO-8601 'basic format'.`);
  if (scope.date !== timestamp.slice(0, 8)) {
    throw invalid('Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.');
  }
  if (scope.region !== options.region && options.region !== ANY_REGION) {
    throw invalid(`Credential should be scoped to a valid region, not '${scope.region}'.`);
  }
  if (scope.service !== options.service) {
    throw invalid(`Credential should be scoped to correct service: '${options.service}'.`);
  }
  if (end !== SCOPE_END) throw invalid(`Credential should be scoped with a valid terminator: '${SCOPE_END}'.`);
}

/** The time that a timestamp tells, NaN where it is none (month 13). Requests of one second share theirs, so the last one is kept. */
function lastTime(): (timestamp: string) => number {
  let last = '';
  let milliseconds = Number.NaN;
  return (timestamp) => {
    if (timestamp !== last) {
      last = timestamp;
      milliseconds = Date.parse(timestamp.replace(TIMESTAMP, '$1-$2-$3T$4:$5:$6Z'));
    }
    return milliseconds;
  };
}

function requireFresh(timestamp: string, signed: number, now: number): void {
  // NaN compares as false both ways, hence the negation.
  if (!(signed >= now - MAX_SKEW_MS)) {
    throw invalid(
      `Signature expired: ${timestamp} is now earlier than ${basic(now - MAX_SKEW_MS)} (${basic(now)} - 5 min.)`,
    );
  }
  if (signed > now + MAX_SKEW_MS) {
    throw invalid(
      `Signature not yet current: ${timestamp} is still later than ${basic(now + MAX_SKEW_MS)} (${basic(now)} + 5 min.)`,
    );
  }
}

/** ISO 8601 basic format, as in X-Amz-Date. */
function basic(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/[-:]|\.\d+/g, '');
}

/**
 * X-Amz-Target is the operation: an x-amz header that is not signed could be swapped on a captured request. So the host and
 * every x-amz header present must be signed, and the list must be in its one canonical form.
 */
function requireSigned(signedHeaders: readonly string[], headers: CanonicalInput['headers']): void {
  for (let i = 1; i < signedHeaders.length; i++) if (!(signedHeaders[i - 1]! < signedHeaders[i]!)) throw mismatch();
  const signed = new Set(signedHeaders);
  if (!signed.has('host')) throw invalid(`'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.`);
  for (const [name] of headers) {
    if (name.startsWith('x-amz-') && !signed.has(name)) {
      throw invalid(`'${name}' must be a 'SignedHeader' in the AWS Authorization.`);
    }
  }
}

/** Takes the same time wherever two texts of one length differ. */
function equalText(a: string, b: string): boolean {
  const left = Buffer.from(a, 'utf8');
  const right = Buffer.from(b, 'utf8');
  return left.length === right.length && timingSafeEqual(left, right);
}
