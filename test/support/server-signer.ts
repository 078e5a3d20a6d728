/** Signs requests for tests, well or badly. Written apart from the verifier's parsing, on the canonical form the suite proves. */
import type { ReceivedRequest } from '../../src/server/authenticate.ts';
import { canonicalRequest, scopeText, sha256Hex, signature, signingKey, stringToSign } from '../../src/server/sigv4.ts';

export interface SignableRequest {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly date: Date;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string | Uint8Array;
  readonly region?: string;
  readonly service?: string;
  /** Headers (lower case) to leave out of the signature. */
  readonly unsigned?: readonly string[];
}

/** The request with its date and authorization, header names in lower case. */
export function sign(request: SignableRequest): ReceivedRequest {
  const timestamp = request.date.toISOString().replace(/[-:]|\.\d+/g, '');
  const headers = [...request.headers, ['x-amz-date', timestamp] as const].map(
    ([name, value]) => [name.toLowerCase(), value] as const,
  );
  const signed = headers
    .map(([name]) => name)
    .filter((name) => !request.unsigned?.includes(name))
    .sort();
  const scope = {
    date: timestamp.slice(0, 8),
    region: request.region ?? 'us-east-1',
    service: request.service ?? 'kms',
  };
  const body = Buffer.from(request.body as Uint8Array);
  const input = { method: 'POST', path: '/', query: '', headers };
  const canonical = canonicalRequest({ ...input, payloadHash: sha256Hex(body) }, signed)!;
  const proof = signature(signingKey(request.secretAccessKey, scope), stringToSign(timestamp, scope, canonical));
  const authorization = `AWS4-HMAC-SHA256 Credential=${request.accessKeyId}/${scopeText(scope)}, SignedHeaders=${signed.join(';')}, Signature=${proof}`;
  return { ...input, headers: [...headers, ['authorization', authorization]], body };
}
