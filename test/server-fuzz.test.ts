/**
 * Malformed requests by the thousand: mutated bodies, headers and signatures, members of any type, bytes that are no HTTP. All of
 * them are the client's fault, and no answer says otherwise. The seed is printed; KEYMILL_SEED repeats a run, KEYMILL_SLOW=1 makes
 * it a million.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createAuthenticator } from '../src/server/authenticate.ts';
import { callOf } from '../src/server/wire.ts';
import { generator } from './support/random.ts';
import { call, open, readToEnd, signedRequest, startServer, type TestServer } from './support/server.ts';
import { Malformer } from './support/server-malformed.ts';
import { sign } from './support/server-signer.ts';

const REQUESTS = process.env.KEYMILL_SLOW === '1' ? 1_000_000 : 20_000;
/** How the requests are shared out: a socket costs more than what it carries. */
const SHARES = { bodies: 0.5, signatures: 0.3, connections: 0.15, garbage: 0.05 } as const;
const countOf = (share: keyof typeof SHARES): number => REQUESTS * SHARES[share];
const seed = Number(process.env.KEYMILL_SEED ?? Math.floor(Math.random() * 2 ** 31));
/** In flight at once, in process and as connections. */
const AT_ONCE = 50;
const PER_CONNECTION = 10;

const isClientError = (status: number): boolean => status >= 400 && status < 500;

describe(`${REQUESTS} malformed requests (seed ${seed})`, () => {
  const closers: (() => unknown)[] = [];
  let server: TestServer;
  let malformer: Malformer;
  let goodAnswers = 0;
  let isOver = false;
  let goodClient: Promise<void>;

  /** Somebody who means no harm, all the while. */
  async function askWell(): Promise<void> {
    while (!isOver) {
      assert.equal((await call(server, 'ListKeys', '{}')).status, 200);
      goodAnswers++;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  before(async () => {
    server = await startServer({ after: (closer) => closers.push(closer as () => unknown) });
    malformer = new Malformer(generator(seed), (await server.kms.createKey()).KeyMetadata.KeyId);
    goodClient = askWell();
  });
  after(async () => {
    isOver = true;
    await goodClient;
    for (const closer of closers) await closer();
  });

  test('bodies and operations', async () => {
    for (let done = 0; done < countOf('bodies'); done += AT_ONCE) {
      const one = async () => {
        const { kind, target, body, mayPass } = malformer.request();
        const { status, cause } = await callOf(target).answer(server.kms, body);
        const isRight = isClientError(status) || (mayPass && status === 200);
        assert.ok(isRight, `${kind}: ${status} for ${target} ${body} ${cause ?? ''}`);
      };
      await Promise.all(Array.from({ length: AT_ONCE }, one));
    }
  });

  test('signatures and headers', async () => {
    const authenticate = createAuthenticator({
      region: server.kms.region,
      service: 'kms',
      credential: (accessKeyId) => server.kms.accessKeys.find(accessKeyId),
    });
    for (let done = 0; done < countOf('signatures'); done += AT_ONCE) {
      const headers = [
        ['Host', '127.0.0.1'],
        ['X-Amz-Target', 'TrentService.ListKeys'],
      ] as const;
      const request = sign({ ...server.accessKey, date: new Date(), headers, body: '{}' });
      assert.equal(await authenticate(request), server.accessKey.principal);
      const one = async () => {
        const forged = malformer.forged(request);
        const what = JSON.stringify(forged);
        const isKmsError = (error: unknown) => (error as { httpStatus?: number }).httpStatus === 400;
        await assert.rejects(authenticate(forged), isKmsError, what);
      };
      await Promise.all(Array.from({ length: AT_ONCE }, one));
    }
  });

  test('many on one connection', async () => {
    const oneConnection = async () => {
      const asked = Array.from({ length: PER_CONNECTION }, () => malformer.request());
      const requests = asked.map(({ target, body }, index) =>
        signedRequest(server, '', body, {
          target,
          // Every third body is not what was signed.
          ...(index % 3 === 0 ? { body: Buffer.concat([body, Buffer.of(32)]) } : {}),
          connection: index === PER_CONNECTION - 1 ? 'close' : 'keep-alive',
        }),
      );
      const socket = open(server.port);
      socket.write(Buffer.concat(requests));
      const statuses = statusesOf(await readToEnd(socket));
      assert.equal(statuses.length, PER_CONNECTION);
      for (const [index, { kind, mayPass }] of asked.entries()) {
        const status = statuses[index]!;
        const isRight = isClientError(status) || (mayPass && index % 3 !== 0 && status === 200);
        assert.ok(isRight, `${kind}: ${status} for ${requests[index]}`);
      }
    };
    for (let done = 0; done < countOf('connections'); done += PER_CONNECTION * AT_ONCE) {
      await Promise.all(Array.from({ length: AT_ONCE }, oneConnection));
    }
  });

  test('bytes that may be no HTTP', async () => {
    const request = signedRequest(server, 'ListKeys', '{}');
    const oneConnection = async () => {
      const bytes = malformer.below(3) === 0 ? malformer.bytes(500) : malformer.mutate(request);
      const socket = open(server.port);
      socket.end(bytes);
      const text = await readToEnd(socket);
      // A change of what nobody signs, such as how a name is written, does no harm.
      for (const status of statusesOf(text))
        assert.ok(isClientError(status) || status === 200, `${status} for ${bytes}`);
    };
    for (let done = 0; done < countOf('garbage'); done += AT_ONCE) {
      await Promise.all(Array.from({ length: AT_ONCE }, oneConnection));
    }
  });

  test('beside all of them a good client is answered', () => {
    assert.ok(goodAnswers > 0);
  });
});

const statusesOf = (text: string): readonly number[] =>
  [...text.matchAll(/^HTTP\/1\.1 (\d{3}) |\}HTTP\/1\.1 (\d{3}) /gm)].map(([, first, later]) => Number(first ?? later));
