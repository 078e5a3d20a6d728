/** The door `keymill/aws`: @aws-sdk/client-kms on a service in this process, without a socket. */
import { randomUUID } from 'node:crypto';
import type { Keymill } from '../kms/index.ts';
import { CONTENT_TYPE, callOf } from './wire.ts';

/** What the SDK hands a request handler, as far as it matters here. */
interface SdkRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

interface SdkResponse {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}

/** A `requestHandler` for AWS SDK clients. */
export interface AwsRequestHandler {
  readonly metadata: { readonly handlerProtocol: string };
  handle(request: SdkRequest, options?: { readonly abortSignal?: unknown }): Promise<{ response: SdkResponse }>;
  destroy(): void;
  updateHttpClientConfig(): void;
  httpHandlerConfigs(): Record<string, never>;
}

/**
 * Lets an SDK client call `kms` in this process:
 *
 * ```ts
 * const client = new KMSClient({ region: kms.region, credentials, requestHandler: awsRequestHandler(kms) });
 * ```
 *
 * The caller is that of `kms` (see `kms.as`): signatures are not looked at, so any credentials will do.
 * Destroying the client leaves the service open.
 */
export function awsRequestHandler(kms: Keymill): AwsRequestHandler {
  return {
    metadata: { handlerProtocol: 'http/1.1' },
    async handle({ headers, body }, options) {
      (options?.abortSignal as AbortSignal | undefined)?.throwIfAborted?.();
      const { status, body: answered } = await callOf(header(headers, 'x-amz-target')).answer(kms, bytesOf(body));
      return {
        response: {
          statusCode: status,
          headers: { 'x-amzn-requestid': randomUUID(), 'content-type': CONTENT_TYPE },
          body: typeof answered === 'string' ? Buffer.from(answered, 'utf8') : answered,
        },
      };
    },
    destroy() {},
    updateHttpClientConfig() {},
    httpHandlerConfigs: () => ({}),
  };
}

function header(headers: SdkRequest['headers'], name: string): string | undefined {
  for (const key in headers) if (key.toLowerCase() === name) return headers[key];
  return undefined;
}

/** The SDK sends JSON as text, as bytes, or as a Uint8Array that mimics a string. */
function bytesOf(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return Buffer.from(typeof body === 'string' ? body : '', 'utf8');
}
