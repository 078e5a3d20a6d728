/**
 * `keymill/engine` in a browser: headless Chromium loads it from a static server, without a bundler, and uses it there. The import map
 * is all the page adds. Skipped where there is no Chromium.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Browser, chromium, type Page } from 'playwright-core';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const ROOT = path.join(import.meta.dirname, '../..');
const MEDIA_TYPES: Readonly<Record<string, string>> = { '.js': 'text/javascript', '.wasm': 'application/wasm' };
const skip = existsSync(CHROMIUM) ? false : `no Chromium at ${CHROMIUM}: apt-get install chromium`;

/** What the package says a browser gets for `keymill/engine`. */
const entry: string = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')).exports['./engine'].browser;
const imports = { 'keymill/engine': new URL(entry, 'http://package/').pathname };
const PAGE = `<!doctype html><title>keymill</title><link rel="icon" href="data:,">
  <script type="importmap">${JSON.stringify({ imports })}</script>`;

/** Serves the page and what lies in dist/, and nothing else. `onRequest` hears every path. */
function startServer(onRequest: (pathname: string) => void): Promise<Server> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url!, 'http://localhost');
    onRequest(pathname);
    const file = path.join(ROOT, pathname);
    if (pathname === '/') {
      response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE);
    } else if (pathname.startsWith('/dist/') && existsSync(file)) {
      const type = MEDIA_TYPES[path.extname(file)] ?? 'application/octet-stream';
      response.writeHead(200, { 'content-type': type }).end(readFileSync(file));
    } else {
      response.writeHead(404).end();
    }
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

/** The door, as a page's script sees it: functions given to `evaluate` run there and know nothing of this file. */
type Door = typeof import('keymill/engine');

describe('keymill/engine in Chromium', { skip }, () => {
  let server: Server;
  let browser: Browser;
  let page: Page;
  const troubles: string[] = [];
  const requested = new Set<string>();
  before(async () => {
    server = await startServer((pathname) => requested.add(path.basename(pathname)));
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
    page = await browser.newPage();
    page.on('pageerror', (error) => troubles.push(error.message));
    page.on('console', (message) => message.type() === 'error' && troubles.push(message.text()));
    page.on('requestfailed', (request) => troubles.push(`${request.url()} was not loaded`));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  });
  after(async () => {
    await browser?.close();
    server?.close();
  });

  test('runs on WebAssembly, and not on what a browser lacks', async () => {
    const info = await page.evaluate(async () => {
      const { openEngine }: Door = await import('keymill/engine');
      const engine = await openEngine({ threads: 2 });
      const { backend, threads, selfTests } = engine.info;
      await engine.close();
      const native = await openEngine({ backend: 'native' }).catch((error: { code: string }) => error.code);
      return { backend, threads, tested: selfTests.length > 0, native };
    });
    assert.deepEqual(info, { backend: 'wasm', threads: 2, tested: true, native: 'BACKEND_UNAVAILABLE' });
  });

  test('encrypts and decrypts, and refuses what was changed', async () => {
    const result = await page.evaluate(async () => {
      const { openEngine }: Door = await import('keymill/engine');
      const engine = await openEngine();
      const data = Uint8Array.from({ length: 32 }, (_, index) => index);
      const key = await engine.importKey({ keySpec: 'SYMMETRIC_DEFAULT', format: 'raw', data });
      const outcomes = [];
      for (const length of [0, 33, 100_000]) {
        const plaintext = new Uint8Array(length).fill(7);
        const iv = new Uint8Array(12).fill(1);
        const aad = new Uint8Array(5);
        const algorithm = 'SYMMETRIC_DEFAULT';
        const ciphertext = await engine.encrypt({ key, algorithm, plaintext, aad, iv });
        // What the browser's own implementation makes of the same key, to compare.
        const { subtle } = crypto;
        const raw = await subtle.importKey('raw', data, 'AES-GCM', false, ['encrypt']);
        const params = { name: 'AES-GCM', iv, additionalData: aad };
        const expected = new Uint8Array(await subtle.encrypt(params, raw, plaintext));
        const opened = await engine.decrypt({ key, algorithm, ciphertext, aad });
        ciphertext[ciphertext.length - 1]! ^= 1;
        const refused = await engine.decrypt({ key, algorithm, ciphertext, aad }).catch((error) => error.code);
        ciphertext[ciphertext.length - 1]! ^= 1;
        outcomes.push({
          agrees: expected.every((byte, index) => byte === ciphertext[12 + index]),
          opens: opened.length === length && opened.every((byte) => byte === 7),
          refused,
        });
      }
      await engine.close();
      return outcomes;
    });
    const good = { agrees: true, opens: true, refused: 'DECRYPTION_FAILED' };
    assert.deepEqual(result, [good, good, good]);
  });

  for (const [keySpec, algorithm] of [
    ['ECC_NIST_P256', 'ECDSA_SHA_256'],
    ['ECC_NIST_P521', 'ECDSA_SHA_512'],
    ['ECC_NIST_EDWARDS25519', 'ED25519_SHA_512'],
    ['RSA_2048', 'RSASSA_PSS_SHA_256'],
  ] as const) {
    test(`signs and verifies with ${keySpec}, on this thread and on workers`, async () => {
      const result = await page.evaluate(
        async ({ keySpec, algorithm }) => {
          const { openEngine }: Door = await import('keymill/engine');
          const outcomes = [];
          for (const threads of [1, 2]) {
            const engine = await openEngine({ threads });
            const key = await engine.generateKey(keySpec);
            const publicKey = await engine.importKey({ keySpec, format: 'spki', data: key.publicKey() });
            const messages = Array.from({ length: 40 }, (_, index) => new Uint8Array(index).fill(index));
            const signing = messages.map((message) => ({ op: 'sign', key, algorithm, message }) as const);
            const signatures = (await engine.run(signing)).map(({ value }) => value as Uint8Array);
            const verifying = messages.map((message, index) => {
              const signature = signatures[index]!.slice();
              if (index % 2 === 1) signature[signature.length - 1]! ^= 1;
              return { op: 'verify', key: publicKey, algorithm, message, signature } as const;
            });
            const verdicts = (await engine.run(verifying)).map(({ value }) => value);
            outcomes.push(verdicts.every((verdict, index) => verdict === (index % 2 === 0)));
            await engine.close();
          }
          return outcomes;
        },
        { keySpec, algorithm },
      );
      assert.deepEqual(result, [true, true]);
      assert.ok(requested.has('wasm-worker-browser.js'), 'no worker was started');
    });
  }

  test('leaves no errors on the console', () => assert.deepEqual(troubles, []));
});
