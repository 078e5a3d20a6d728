/**
 * The door `keymill/aws`: `@aws-sdk/client-kms` on a service in this process, without a socket.
 *
 * @module keymill/aws
 */
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
  /** Which protocol the answers are in. */
  readonly metadata: { readonly handlerProtocol: string };
  /** Answers a request. Rejects where `abortSignal` is aborted already; every other failure is an answer, as from AWS. */
  handle(request: SdkRequest, options?: { readonly abortSignal?: unknown }): Promise<{ response: SdkResponse }>;
  /** Does nothing: the service stays open. */
  destroy(): void;
  /** Does nothing: there is no connection to configure. */
  updateHttpClientConfig(): void;
  /** An empty object. */
  httpHandlerConfigs(): Record<string, never>;
}

/**
 * Lets an SDK client call `kms` in this process:
 *
 * ```ts
 * import { CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
 * import { Keymill } from 'keymill';
 * import { awsRequestHandler } from 'keymill/aws';
 *
 * const kms = await Keymill.open({ path: ':memory:' });
 * const credentials = { accessKeyId: 'any', secretAccessKey: 'any' };
 * const client = new KMSClient({ region: kms.region, credentials, requestHandler: awsRequestHandler(kms) });
 * const { KeyMetadata } = await client.send(new CreateKeyCommand({}));
 * console.log(KeyMetadata?.KeyState); // -> Enabled
 * await kms.close();
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
