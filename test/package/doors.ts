/**
 * Every door of the installed package, used once. test/package/matrix.test.ts runs it in a project that has nothing but the package, and
 * compiles it there; it prints the backend it ran on.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Keymill } from 'keymill';
import { awsRequestHandler } from 'keymill/aws';
import { openEngine } from 'keymill/engine';
import { createServer } from 'keymill/server';

const text = new TextEncoder().encode('keymill');

const engine = await openEngine();
const key = await engine.generateKey('SYMMETRIC_DEFAULT');
const ciphertext = await engine.encrypt({ key, algorithm: 'SYMMETRIC_DEFAULT', plaintext: text });
assert.deepEqual(await engine.decrypt({ key, algorithm: 'SYMMETRIC_DEFAULT', ciphertext }), text);
const pair = await engine.generateKey('ECC_NIST_P256');
const signature = await engine.sign({ key: pair, algorithm: 'ECDSA_SHA_256', message: text });
assert.equal(await engine.verify({ key: pair, algorithm: 'ECDSA_SHA_256', message: text, signature }), true);
// @ts-expect-error A string is not bytes.
await assert.rejects(engine.sign({ key: pair, algorithm: 'ECDSA_SHA_256', message: 'keymill' }), /Uint8Array/);
// @ts-expect-error No signing algorithm.
await assert.rejects(engine.sign({ key: pair, algorithm: 'SYMMETRIC_DEFAULT', message: text }), /algorithm/);

const folder = mkdtempSync(join(tmpdir(), 'keymill-doors-'));
const kms = await Keymill.open({ path: folder });
const { KeyMetadata } = await kms.createKey({ Description: 'through the doors' });
const { KeyId } = KeyMetadata;
const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: text });
assert.deepEqual((await kms.decrypt({ CiphertextBlob })).Plaintext, text);
// @ts-expect-error A string is not bytes.
await assert.rejects(kms.encrypt({ KeyId, Plaintext: 'keymill' }), { name: 'SerializationException' });
// @ts-expect-error No signing algorithm.
await assert.rejects(kms.sign({ KeyId, Message: text, SigningAlgorithm: 'SYMMETRIC_DEFAULT' }), {
  name: 'ValidationException',
});

const { response } = await awsRequestHandler(kms).handle({
  headers: { 'x-amz-target': 'TrentService.DescribeKey' },
  body: JSON.stringify({ KeyId }),
});
assert.equal(response.statusCode, 200);
assert.equal(JSON.parse(new TextDecoder().decode(response.body)).KeyMetadata.Description, 'through the doors');

const server = createServer(kms);
await once(server.listen(0, '127.0.0.1'), 'listening');
const { port } = server.address() as AddressInfo;
const health = await fetch(`http://127.0.0.1:${port}/health`);
assert.equal(health.status, 200);
await health.text();

await server.drain();
await kms.close();
console.log(engine.info.backend);
await engine.close();
rmSync(folder, { recursive: true });
