/** What operators see of the endpoint: probes, metrics, logs, TLS, and how it stops. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { Writable } from 'node:stream';
import { describe, test } from 'node:test';
import { pino } from 'pino';
import { type Identity, identity } from './support/certificate.ts';
import { call, errorOf, open, parseAnswer, readToEnd, signedRequest, startServer } from './support/server.ts';

describe('probes', () => {
  test('/health and /ready answer without a signature', async (t) => {
    const { url } = await startServer(t);
    for (const [path, status] of [
      ['/health', 'alive'],
      ['/ready', 'ready'],
    ]) {
      const answer = await fetch(url + path);
      assert.deepEqual([answer.status, await answer.json()], [200, { status }]);
    }
  });

  test('/ready says no where the store does not answer, /health still yes', async (t) => {
    const { url, kms } = await startServer(t);
    await kms.close();
    assert.deepEqual([(await fetch(`${url}/ready`)).status, (await fetch(`${url}/health`)).status], [503, 200]);
  });

  test('everything else that is asked with GET is unknown', async (t) => {
    const { url } = await startServer(t);
    for (const path of ['/', '/healthz', '/metrics/', '/metrics?x']) {
      assert.equal((await fetch(url + path)).status, 404, path);
    }
  });
});

test('metrics: requests by operation and error, latency, queue, batches, keys', async (t) => {
  const server = await startServer(t);
  const { kms, url } = server;
  const { KeyId } = (await kms.createKey()).KeyMetadata;
  await kms.disableKey({ KeyId: (await kms.createKey()).KeyMetadata.KeyId });
  for (let i = 0; i < 3; i++) await call(server, 'Encrypt', JSON.stringify({ KeyId, Plaintext: 'aGk=' }));
  await call(server, 'Encrypt', JSON.stringify({ KeyId: 'x', Plaintext: 'aGk=' }));
  await call(server, 'Nonsense"\n', '{}');
  const response = await fetch(`${url}/metrics`);
  assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  const text = await response.text();
  const samples = new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
  assert.ok(
    [...samples.values()].every((value) => Number.isFinite(value)),
    text,
  );
  const expected: Readonly<Record<string, number>> = {
    'keymill_requests_total{operation="Encrypt",error="none"}': 3,
    'keymill_requests_total{operation="Encrypt",error="NotFoundException"}': 1,
    'keymill_request_duration_seconds_bucket{operation="Encrypt",le="+Inf"}': 4,
    'keymill_request_duration_seconds_count{operation="Encrypt"}': 4,
    keymill_requests_in_flight: 0,
    'keymill_keys{state="Enabled"}': 1,
    'keymill_keys{state="Disabled"}': 1,
    'keymill_engine_queue_operations{state="queued"}': 0,
    'keymill_engine_queue_operations{state="running"}': 0,
    'keymill_engine_operations_total{outcome="refused"}': 0,
  };
  for (const [name, value] of Object.entries(expected)) assert.equal(samples.get(name), value, `${name}\n${text}`);
  assert.ok(samples.get('keymill_engine_operations_total{outcome="succeeded"}')! >= 3);
  assert.ok(samples.get('keymill_engine_batch_operations_count')! >= 1);
  assert.ok(samples.get('keymill_connections')! >= 1);
});

test('a target cannot write lines into the metrics', async (t) => {
  const server = await startServer(t, { auth: 'none' });
  for (const target of ['x"} 1', 'TrentService.__proto__']) await call(server, '', '{}', { target });
  const text = await (await fetch(`${server.url}/metrics`)).text();
  assert.match(text, /keymill_requests_total\{operation="Unknown",error="UnknownOperationException"\} 2\n/);
});

test('logs have no plaintext, no key, no ciphertext, no signature and no secret, whatever goes wrong', async (t) => {
  let logged = '';
  const sink = new Writable({
    write(chunk, _encoding, done) {
      logged += chunk;
      done();
    },
  });
  const server = await startServer(t, { log: pino({ level: 'debug' }, sink) });
  const { kms, accessKey } = server;
  const { KeyId } = (await kms.createKey()).KeyMetadata;
  const canary = Buffer.from('canary plaintext').toString('base64');
  const answers = [
    await call(
      server,
      'Encrypt',
      JSON.stringify({ KeyId, Plaintext: canary, EncryptionContext: { canary: 'context' } }),
    ),
    await call(server, 'GenerateDataKey', JSON.stringify({ KeyId, KeySpec: 'AES_256' })),
    await call(server, 'Decrypt', JSON.stringify({ CiphertextBlob: canary })),
    await call(server, 'Encrypt', `{"Plaintext":"${canary}`),
    await call(server, 'Encrypt', `{"Plaintext":"${canary}*"}`),
    await call(server, 'Encrypt', '{}', { body: `{"Plaintext":"${canary}"}` }),
  ];
  kms.perform = () => Promise.reject(new Error('a fault of ours'));
  kms.as = () => kms;
  const faulty = await call(server, 'Encrypt', JSON.stringify({ KeyId, Plaintext: canary }));
  assert.deepEqual(errorOf(faulty), [500, 'KMSInternalException']);
  assert.ok(!faulty.body.includes('a fault of ours'));
  const lines = logged
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map(({ msg, operation, status, error }) => [msg, operation, status, error]),
    [
      ['request', 'Encrypt', 200, undefined],
      ['request', 'GenerateDataKey', 200, undefined],
      ['request', 'Decrypt', 400, 'InvalidCiphertextException'],
      ['request', 'Encrypt', 400, 'SerializationException'],
      ['request', 'Encrypt', 400, 'SerializationException'],
      ['request', 'Encrypt', 400, 'InvalidSignatureException'],
      ['request failed', 'Encrypt', 500, 'KMSInternalException'],
    ],
  );
  assert.match(lines.at(-1).cause, /a fault of ours/);
  assert.equal(lines[0].requestId, answers[0]!.headers.get('x-amzn-requestid'));
  const { Plaintext, CiphertextBlob } = JSON.parse(answers[1]!.body);
  for (const secret of [canary, 'canary', Plaintext, CiphertextBlob, accessKey.secretAccessKey, 'Signature=']) {
    assert.ok(!logged.includes(secret), logged);
  }
});

describe('TLS', () => {
  const authority = identity('an authority');
  const ofServer = identity('the server', authority);
  const stranger = identity('a stranger', identity('another authority'));

  /** The status of /health, or the code of what went wrong. */
  async function health(port: number, options: RequestOptions): Promise<number | string> {
    const sent = httpsRequest({ host: '127.0.0.1', port, path: '/health', agent: false, ...options }).end();
    try {
      const [response] = await once(sent, 'response');
      response.resume();
      return response.statusCode;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? String(error);
    }
  }
  const as = ({ cert, key }: Identity) => ({ ca: authority.cert, cert, key });

  test('serves HTTPS with the certificate given', async (t) => {
    const { port } = await startServer(t, { tls: ofServer });
    assert.equal(await health(port, { ca: authority.cert }), 200);
    assert.notEqual(await health(port, {}), 200);
  });

  test('mutual: takes clients of the authority, and no others', async (t) => {
    const { port } = await startServer(t, { tls: { ...ofServer, clientCa: authority.cert } });
    assert.equal(await health(port, as(identity('a client', authority))), 200);
    assert.notEqual(await health(port, as(stranger)), 200);
    assert.notEqual(await health(port, { ca: authority.cert }), 200);
  });
});

describe('draining', () => {
  test('answers what is in flight, refuses what comes, and closes', async (t) => {
    const server = await startServer(t);
    const [slow, kept] = [open(server.port), open(server.port)];
    const all = [readToEnd(slow), readToEnd(kept)];
    const request = signedRequest(server, 'ListKeys', '{"Limit":5}', { connection: 'keep-alive' });
    slow.write(request.subarray(0, -1));
    kept.write(signedRequest(server, 'ListKeys', '{}', { connection: 'keep-alive' }));
    await once(kept, 'data');
    const drained = server.server.drain();
    assert.deepEqual(await (await fetch(`${server.url}/ready`)).json(), { status: 'draining' });
    kept.write(signedRequest(server, 'CreateKey', '{}', { connection: 'keep-alive' }));
    slow.write(request.subarray(-1));
    await drained;
    const [answered, refused] = await Promise.all(all);
    assert.equal(parseAnswer(answered!).status, 200);
    assert.equal(parseAnswer(answered!).headers.get('connection'), 'close');
    assert.deepEqual(refused!.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 503']);
    assert.match(refused!, /"__type":"ServiceUnavailableException"/);
    assert.equal((await server.kms.listKeys()).Keys.length, 0);
    await assert.rejects(fetch(`${server.url}/health`));
  });
});
