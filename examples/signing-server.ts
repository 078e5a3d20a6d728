/**
 * A signing server with durable keys. Requests that arrive together share batches of the engine, whichever keys they name.
 *
 *   TOKEN=secret PORT=8080 node dist/examples/signing-server.js ./signing-keys
 *   curl -X PUT -H 'Authorization: Bearer secret' http://127.0.0.1:8080/payments           makes a key, answers its public key (SPKI, DER)
 *   curl --data-binary @message -H 'Authorization: Bearer secret' http://127.0.0.1:8080/payments      answers a signature (DER)
 *
 * SIGTERM and SIGINT answer what is in flight and then end.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Keymill, KmsError } from 'keymill';

const [path = './signing-keys'] = process.argv.slice(2);
const { TOKEN, PORT = '8080' } = process.env;
if (!TOKEN) throw new Error('TOKEN: expected what clients send as "Authorization: Bearer TOKEN"');

const hash = (text: string) => createHash('sha256').update(text).digest();
const expected = hash(`Bearer ${TOKEN}`);
const MAXIMUM_MESSAGE_BYTES = 4096; // as AWS has it; sign the digest of longer ones

const kms = await Keymill.open({ path });

/** What each method does with a key's alias. */
const METHODS: Readonly<Record<string, (KeyId: string, body: Uint8Array) => Promise<Uint8Array>>> = {
  async PUT(alias) {
    const { KeyMetadata } = await kms.createKey({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' });
    const { KeyId } = KeyMetadata;
    await kms.createAlias({ AliasName: alias, TargetKeyId: KeyId });
    return (await kms.getPublicKey({ KeyId })).PublicKey;
  },
  async POST(KeyId, Message) {
    return (await kms.sign({ KeyId, Message, SigningAlgorithm: 'ECDSA_SHA_256' })).Signature;
  },
};

async function bodyOf(request: IncomingMessage): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > MAXIMUM_MESSAGE_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function answer(request: IncomingMessage): Promise<[status: number, body: Uint8Array | string]> {
  if (!timingSafeEqual(hash(request.headers.authorization ?? ''), expected))
    return [401, 'expected the bearer token\n'];
  const perform = METHODS[request.method ?? ''];
  if (perform === undefined) return [405, 'expected PUT or POST\n'];
  const body = await bodyOf(request);
  if (body === undefined) return [413, `expected at most ${MAXIMUM_MESSAGE_BYTES} bytes\n`];
  try {
    return [200, await perform(`alias${request.url}`, body)];
  } catch (error) {
    if (error instanceof KmsError) return [error.httpStatus, `${error.name}: ${error.message}\n`];
    throw error;
  }
}

const server = createServer((request, response) => {
  answer(request).then(
    ([status, body]) => {
      response.shouldKeepAlive &&= server.listening;
      response.writeHead(status).end(body);
    },
    () => response.writeHead(500).end(),
  );
});
server.listen(Number(PORT), '127.0.0.1');
await once(server, 'listening');
console.log(`ready on http://127.0.0.1:${(server.address() as AddressInfo).port}`);

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => server.close());
await once(server, 'close');
await kms.close();
