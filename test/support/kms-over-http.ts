/** The service as an AWS client over HTTP sees it, in the shape of the service itself: one test can then ask either. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { KMS } from '@aws-sdk/client-kms';
import { type Keymill, KmsError } from 'keymill';
import { startServer } from './server.ts';

type Call = (input: object) => Promise<{ $metadata: { httpStatusCode?: number } }>;

/** What the SDK calls an error without a message. */
const NO_MESSAGE = 'UnknownError';

/** Every operation goes through `@aws-sdk/client-kms` to an endpoint of its own; answers and errors are as in process. */
export async function openOverHttp(context: Pick<TestContext, 'after'>): Promise<Keymill> {
  const { kms, url, accessKey } = await startServer(context);
  const client = new KMS({ region: kms.region, endpoint: url, credentials: accessKey, maxAttempts: 1 });
  context.after(() => client.destroy());

  async function call(method: string, input: object = {}): Promise<object> {
    const send = Reflect.get(client, method) as Call;
    try {
      const { $metadata, ...answer } = await send.call(client, input);
      assert.equal($metadata.httpStatusCode, 200);
      return answer;
    } catch (error) {
      const { name, message, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
      if ($metadata === undefined) throw error;
      assert.equal($metadata.httpStatusCode, 400, message);
      throw new KmsError(name as KmsError['name'], message === NO_MESSAGE ? '' : message);
    }
  }
  const methodOf = (operation: string) => operation[0]!.toLowerCase() + operation.slice(1);
  return new Proxy(kms, {
    get(target, name) {
      if (name === 'perform') return (operation: string, input: object) => call(methodOf(operation), input);
      if (typeof name === 'string' && name in KMS.prototype) return (input?: object) => call(name, input);
      return Reflect.get(target, name);
    },
  });
}
