/**
 * Hundreds of thousands of requests over HTTP, and a signal among them. KEYMILL_SLOW=1 makes it half a million; a shorter run sees
 * large leaks only.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { type Running, serve, stop } from './support/cli.ts';
import { temporaryDirectory } from './support/kms-service.ts';
import { type Answer, call, type Endpoint, open, parseAnswer, signedRequest } from './support/server.ts';

const IS_SLOW = process.env.KEYMILL_SLOW === '1';
const REQUESTS = IS_SLOW ? 500_000 : 12_000;
const CONNECTIONS = 16;
/** Signatures hold for five minutes; requests are signed anew long before that. */
const SLICE_REQUESTS = 2000;
/** Caches, spare blocks and the allocator's arenas have their size by then. */
const WARM_UP_SHARE = 0.3;
/** What a collection that has not happened yet, and the allocator, may hold; a leak of a record per request is more. */
const MAX_GROWTH_BYTES = 48 * 2 ** 20;
const skip = process.platform === 'linux' ? false : 'reads /proc';

function endpointOf({ url, environment }: Running): Endpoint {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = environment;
  return {
    port: Number(new URL(url).port),
    accessKey: { accessKeyId: accessKeyId!, secretAccessKey: secretAccessKey! },
  };
}

async function answerOf(endpoint: Endpoint, operation: string, input: object) {
  const { status, body } = await call(endpoint, operation, JSON.stringify(input));
  assert.equal(status, 200, body);
  return body === '' ? undefined : JSON.parse(body);
}

type Asked = readonly [operation: string, input: object, status: number];

/** One of everything that a service is asked all day; management and refusals are rarer, as they are in life. */
async function mixOf(endpoint: Endpoint): Promise<readonly Asked[]> {
  const made = async (input: object): Promise<string> =>
    (await answerOf(endpoint, 'CreateKey', input)).KeyMetadata.KeyId;
  const text = Buffer.from('thirty-two bytes of some message').toString('base64');
  const aes = await made({});
  const mac = await made({ KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' });
  const signer = await made({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' });
  const signing = { KeyId: signer, Message: text, SigningAlgorithm: 'ECDSA_SHA_256' };
  const { Signature } = await answerOf(endpoint, 'Sign', signing);
  const { CiphertextBlob } = await answerOf(endpoint, 'Encrypt', { KeyId: aes, Plaintext: text });
  const EncryptionContext = { purpose: 'soak' };
  return [
    ['Encrypt', { KeyId: aes, Plaintext: text }, 200],
    ['Encrypt', { KeyId: aes, Plaintext: text, EncryptionContext }, 200],
    ['Decrypt', { CiphertextBlob }, 200],
    ['GenerateDataKey', { KeyId: aes, KeySpec: 'AES_256' }, 200],
    ['GenerateRandom', { NumberOfBytes: 32 }, 200],
    ['GenerateMac', { KeyId: mac, Message: text, MacAlgorithm: 'HMAC_SHA_256' }, 200],
    ['Sign', signing, 200],
    ['Verify', { ...signing, Signature }, 200],
    ['DescribeKey', { KeyId: aes }, 200],
    ['TagResource', { KeyId: aes, Tags: [{ TagKey: 'a', TagValue: 'b' }] }, 200],
    ['Decrypt', { CiphertextBlob, EncryptionContext }, 400],
    ['DescribeKey', { KeyId: 'alias/none' }, 400],
  ];
}

/** A connection that asks one request after another. */
class Client {
  readonly socket: Socket;
  #text = '';
  #waiting: ((answer: Answer | undefined) => void) | undefined;

  constructor(port: number) {
    this.socket = open(port);
    this.socket.setEncoding('latin1').on('data', (chunk: string) => this.#take(chunk));
    this.socket.on('close', () => this.#waiting?.(undefined));
  }

  /** The answer, undefined where the connection was closed instead. */
  ask(request: Uint8Array): Promise<Answer | undefined> {
    this.socket.write(request);
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  #take(chunk: string): void {
    this.#text += chunk;
    const headChars = this.#text.indexOf('\r\n\r\n') + 4;
    const answer = parseAnswer(this.#text);
    if (headChars < 4 || this.#text.length < headChars + Number(answer.headers.get('content-length'))) return;
    this.#text = '';
    this.#waiting?.(answer);
  }
}

/** So many requests of a mix, shared out over connections that are opened for them and closed again. */
async function ask(endpoint: Endpoint, mix: readonly Asked[], requests: number): Promise<void> {
  const signed = mix.map(([operation, input, status]) => ({
    bytes: signedRequest(endpoint, operation, JSON.stringify(input), { connection: 'keep-alive' }),
    operation,
    status,
  }));
  let asked = 0;
  const askAll = async () => {
    const client = new Client(endpoint.port);
    while (asked < requests) {
      const { bytes, operation, status } = signed[asked++ % signed.length]!;
      assert.equal((await client.ask(bytes))?.status, status, operation);
    }
    client.socket.end();
    await once(client.socket, 'close');
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, askAll));
}

/** The fewest of several looks: the server sees a connection close a little later than its client does. */
async function descriptorsOf(pid: number): Promise<number> {
  let fewest = Number.POSITIVE_INFINITY;
  for (let looks = 0; looks < 25; looks++) {
    fewest = Math.min(fewest, readdirSync(`/proc/${pid}/fd`).length);
    await setTimeout(10);
  }
  return fewest;
}

const residentBytesOf = (pid: number): number =>
  1024 * Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]);

describe('keymill serve over a long time', { skip }, () => {
  test(`${REQUESTS} mixed requests leave no memory and no descriptor behind`, async (t) => {
    const running = await serve(temporaryDirectory(t));
    t.after(() => running.process.kill('SIGKILL'));
    const endpoint = endpointOf(running);
    const pid = running.process.pid!;
    const mix = await mixOf(endpoint);
    await ask(endpoint, mix, SLICE_REQUESTS);
    const descriptors = await descriptorsOf(pid);
    let warmBytes = 0;
    const peaks: number[] = [];
    for (let done = 0; done < REQUESTS; done += SLICE_REQUESTS) {
      await ask(endpoint, mix, SLICE_REQUESTS);
      if (done < REQUESTS * WARM_UP_SHARE) warmBytes = Math.max(warmBytes, residentBytesOf(pid));
      else peaks.push(residentBytesOf(pid));
    }
    const median = peaks.sort((a, b) => a - b)[peaks.length >> 1]!;
    t.diagnostic(`resident: ${warmBytes >> 20} MiB while warming up, ${median >> 20} MiB afterwards`);
    assert.ok(median - warmBytes < MAX_GROWTH_BYTES, `${warmBytes} bytes grew to ${median}`);
    const left = await descriptorsOf(pid);
    assert.ok(left <= descriptors, `${descriptors} descriptors became ${left}`);
    await stop(running);
  });

  test('SIGTERM under load: every request that was taken is answered, and the process ends well', async (t) => {
    const running = await serve(temporaryDirectory(t));
    t.after(() => running.process.kill('SIGKILL'));
    const endpoint = endpointOf(running);
    const { KeyMetadata } = await answerOf(endpoint, 'CreateKey', { KeySpec: 'RSA_2048', KeyUsage: 'SIGN_VERIFY' });
    const input = { KeyId: KeyMetadata.KeyId, Message: 'aGk=', SigningAlgorithm: 'RSASSA_PSS_SHA_256' };
    const request = signedRequest(endpoint, 'Sign', JSON.stringify(input), { connection: 'keep-alive' });
    const statuses = new Map<number, number>();
    const clients = Array.from({ length: CONNECTIONS }, async () => {
      const client = new Client(endpoint.port);
      for (let isLast = false; !isLast; ) {
        const answer = await client.ask(request);
        assert.ok(answer !== undefined, 'a request was dropped');
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        isLast = answer.headers.get('connection') === 'close';
      }
    });
    while ((statuses.get(200) ?? 0) < 5 * CONNECTIONS) await setTimeout(5);
    await stop(running, 'SIGTERM');
    await Promise.all(clients);
    t.diagnostic(`answers: ${JSON.stringify([...statuses])}`);
    for (const status of statuses.keys()) assert.ok(status === 200 || status === 503, `status ${status}`);
  });
});
