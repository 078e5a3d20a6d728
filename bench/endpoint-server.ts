/**
 * One contender of endpoint.ts in a process of its own, started with its name and the options of the engine as JSON: keymill's
 * endpoint, or a bare node:http server that does what no such endpoint can leave out. Tells its parent what the load must know.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type AccessKey, Keymill, type KeymillOptions } from 'keymill';
import { createServer } from 'keymill/server';
import { createAuthenticator } from '../src/server/authenticate.ts';
import type { Target } from './endpoint-load.ts';

/** As long as what keymill answers to Encrypt 32 B. */
const ANSWER = JSON.stringify({ CiphertextBlob: randomBytes(184).toString('base64'), KeyId: `arn:${'x'.repeat(72)}` });

/** The body parsed, its signature verified by the verifier of keymill, a constant answered. */
function bareServer(kms: Keymill): Server {
  const authenticate = createAuthenticator({
    region: kms.region,
    service: 'kms',
    credential: (accessKeyId) => kms.accessKeys.find(accessKeyId),
  });
  return createHttpServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', async () => {
      const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
      const headers: [string, string][] = [];
      for (let i = 0; i < request.rawHeaders.length; i += 2) {
        headers.push([request.rawHeaders[i]!.toLowerCase(), request.rawHeaders[i + 1]!]);
      }
      await authenticate({ method: 'POST', path: '/', query: '', headers, body });
      JSON.parse(body.toString());
      response.writeHead(200, {
        'Content-Type': 'application/x-amz-json-1.1',
        'Content-Length': Buffer.byteLength(ANSWER),
      });
      response.end(ANSWER);
    });
  });
}

const CONTENDERS: Readonly<Record<string, (kms: Keymill) => Server>> = { keymill: createServer, bare: bareServer };

/** The requests that are timed, by their name in the results. */
async function targetsOf(kms: Keymill): Promise<Readonly<Record<string, Target>>> {
  const keyOf = async (KeySpec: 'ECC_NIST_P256' | 'SYMMETRIC_DEFAULT', KeyUsage: 'SIGN_VERIFY' | 'ENCRYPT_DECRYPT') =>
    (await kms.createKey({ KeySpec, KeyUsage })).KeyMetadata.KeyId;
  const bytes = randomBytes(32).toString('base64');
  const signing = {
    KeyId: await keyOf('ECC_NIST_P256', 'SIGN_VERIFY'),
    Message: bytes,
    MessageType: 'DIGEST',
    SigningAlgorithm: 'ECDSA_SHA_256',
  };
  const sealing = { KeyId: await keyOf('SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT'), Plaintext: bytes };
  return {
    'Sign ECC_NIST_P256': { operation: 'Sign', body: JSON.stringify(signing) },
    'Encrypt 32 B': { operation: 'Encrypt', body: JSON.stringify(sealing) },
  };
}

/** What a server tells when it listens. */
export interface Listening {
  readonly port: number;
  readonly accessKey: AccessKey;
  readonly targets: Readonly<Record<string, Target>>;
}

const [, , name = '', options = '{}'] = process.argv;
const kms = await Keymill.open({ path: ':memory:', ...(JSON.parse(options) as KeymillOptions) });
const accessKey = await kms.accessKeys.create();
const targets = await targetsOf(kms);
const server = CONTENDERS[name]!(kms).listen(0, '127.0.0.1');
await once(server, 'listening');
process.send!({ port: (server.address() as AddressInfo).port, accessKey, targets } satisfies Listening);
process.once('disconnect', async () => {
  server.close();
  server.closeAllConnections();
  await kms.close();
});
