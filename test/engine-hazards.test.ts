/**
 * The hazards of native code (reference: security.md section 5.2), each by its name. What can crash runs in a process of its own
 * (support/hazards.ts), which must end as told, by itself, and not by a signal.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import { writeHeapSnapshot } from 'node:v8';
import { KEY_SPECS, type KeySpec } from 'keymill/engine';
import { nativeSelfTest, openNative } from '../src/engine/native.ts';
import { wasmSelfTest } from '../src/engine/wasm.ts';
import { forEachBackend, needsNative } from './support/backends.ts';
import { pattern } from './support/bytes.ts';
import { rejectsWith } from './support/expect.ts';
import { ASYMMETRIC_SPECS, fixedKey, SYMMETRIC_SPECS } from './support/keys.ts';

interface Ended {
  code: number | null;
  signal: string | null;
  stderr: string;
  /** The last line of its output, read as JSON. */
  result: Record<string, unknown>;
}

const DEADLINE_MS = 120_000;

function run(scenario: string, ...flags: string[]): Promise<Ended> {
  const file = path.join(import.meta.dirname, 'support/hazards.js');
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...flags, file, scenario], { timeout: DEADLINE_MS, killSignal: 'SIGKILL' });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => (stdout += chunk));
    child.stderr.on('data', (chunk) => (stderr += chunk));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const last = stdout.trim().split('\n').at(-1) ?? '';
      resolve({ code, signal, stderr, result: last.startsWith('{') ? JSON.parse(last) : {} });
    });
  });
}

/** Runs a scenario that must end well, and gives what it printed. */
async function holds(scenario: string, ...flags: string[]): Promise<Record<string, unknown>> {
  const { code, signal, stderr, result } = await run(scenario, ...flags);
  assert.deepEqual({ code, signal }, { code: 0, signal: null }, stderr.slice(-2000));
  return result;
}

const SLACK_MB = 20;

describe('native hazards', needsNative, () => {
  test('buffers transferred, under a storm of garbage collections', async (context) => {
    assert.deepEqual(await holds(context.name, '--expose-gc'), { checked: 800 });
  });

  test('resizable buffers shrunk to nothing right after the call', async (context) => {
    assert.deepEqual(await holds(context.name), { checked: 200 });
  });

  test('eight workers, each with its engine, and one here', async (context) => {
    assert.deepEqual(await holds(context.name), { codes: [0], checked: 8 * 50 + 55 });
  });

  test('worker.terminate() with batches in flight', async (context) => {
    assert.deepEqual(await holds(context.name), { terminated: 50, checked: 5 });
  });

  test('a worker that ends with its engine open', async (context) => {
    assert.deepEqual(await holds(context.name), { codes: [0] });
  });

  test('process.exit() with batches in flight', async (context) => {
    const { code, signal, stderr } = await run(context.name);
    assert.deepEqual({ code, signal }, { code: 7, signal: null }, stderr);
  });

  test('an uncaught exception with batches in flight', async (context) => {
    const { code, signal, stderr } = await run(context.name);
    assert.deepEqual({ code, signal }, { code: 1, signal: null }, stderr);
    assert.match(stderr, /uncaught on purpose/);
  });

  test('exceptions thrown in promise reactions', async (context) => {
    assert.deepEqual(await holds(context.name), { caught: 100, checked: 3 });
  });

  test('methods of the addon on objects that are not theirs', async (context) => {
    const { refused } = await holds(context.name);
    assert.ok((refused as number) > 100, `${refused}`);
  });

  test('keys that are dropped and never closed', async (context) => {
    const { grownMb } = await holds(context.name, '--expose-gc');
    assert.ok((grownMb as number) <= SLACK_MB, `${grownMb} MB`);
  });

  test('engines that are dropped and never closed', async (context) => {
    const { grownMb, moreThreads } = await holds(context.name, '--expose-gc');
    assert.ok(
      (grownMb as number) <= SLACK_MB && (moreThreads as number) <= 10,
      `${grownMb} MB, ${moreThreads} threads`,
    );
  });

  test('an open engine keeps nobody waiting', async (context) => {
    assert.deepEqual(await holds(context.name), { left: 'open' });
  });

  test('processes and threads draw different randomness', async (context) => {
    assert.deepEqual(await holds(context.name), { draws: 7000, distinct: 7000 });
  });

  test('memory after many mixed operations', async (context) => {
    const { grownMb } = await holds(context.name, '--expose-gc');
    assert.ok((grownMb as number) <= SLACK_MB, `${grownMb} MB`);
  });
});

describe('self-tests', () => {
  test('native: every one passes, and every one fails when its answer is changed', needsNative, () => {
    assert.deepEqual(nativeSelfTest(false), []);
    assert.ok(nativeSelfTest(true).length >= 30);
  });

  test('wasm: every one passes, and every one fails when its answer is changed', () => {
    assert.deepEqual(wasmSelfTest(false), []);
    assert.ok(wasmSelfTest(true).length >= 5);
  });

  test('native: a kernel that fails is passed over, visibly', needsNative, async () => {
    const options = { threads: 0, kernels: 'scalar' } as const;
    const sound = openNative(options).info;
    assert.deepEqual(sound.refusedKernels, []);
    const primitive = 'ecdsa-p256-sign';
    const faulty = openNative(options, `${primitive} (scalar)`).info;
    assert.deepEqual(faulty.refusedKernels, [`${primitive} (scalar)`]);
    assert.equal(sound.kernels[primitive], 'scalar');
    assert.notEqual(faulty.kernels[primitive], 'scalar');
    assert.equal(faulty.kernels['ecdsa-p256-verify'], 'scalar');
  });

  test('native: OpenSSL failing is the end of it', needsNative, () => {
    assert.throws(() => openNative({ threads: 0, kernels: 'auto' }, 'ecdsa-p256-sign (openssl)'), {
      code: 'NATIVE_BROKEN',
      message: /ecdsa-p256-sign \(openssl\)/,
    });
  });

  forEachBackend('self-tests', (subject) => {
    test('every kernel that runs has passed one', () => {
      const { kernels, selfTests } = subject.engine.info;
      assert.ok(Object.keys(kernels).length > 0);
      assert.ok(selfTests.length > 0);
    });
  });
});

/** Every way key bytes might be written down. */
function writtenForms(key: Uint8Array): string[] {
  const buffer = Buffer.from(key);
  return [
    buffer.toString('hex'),
    buffer.toString('hex').toUpperCase(),
    buffer.toString('base64').replace(/=+$/, ''),
    buffer.toString('base64url'),
    buffer.toString('latin1'),
    [...key].join(','),
    [...key].join(', '),
    (buffer.toString('hex').match(/../g) ?? []).join(' '),
  ];
}

forEachBackend('secrets stay where they are', (subject) => {
  for (const keySpec of ['SYMMETRIC_DEFAULT', 'HMAC_256', 'ECC_NIST_P256', 'ECC_NIST_EDWARDS25519'] as KeySpec[]) {
    subject.test(keySpec, `${keySpec}: a key shows nothing of itself`, async () => {
      const { engine } = subject;
      using key = await engine.generateKey(keySpec);
      const shown = [
        inspect(key, { showHidden: true, depth: 20 }),
        inspect(engine, { showHidden: true, depth: 20 }),
        inspect(engine.info, { depth: 20 }),
        JSON.stringify(key) ?? '',
        String(key),
        JSON.stringify(Object.getOwnPropertyDescriptors(key)),
        JSON.stringify(engine.stats()),
      ].join('\n');
      const file = path.join(tmpdir(), `keymill-${process.pid}.heapsnapshot`);
      writeHeapSnapshot(file);
      const snapshot = readFileSync(file, 'latin1');
      rmSync(file);
      // Asked for only now, so that it was not in the heap when the picture was taken.
      for (const form of writtenForms(key.export('raw'))) {
        assert.ok(!shown.includes(form));
        assert.ok(!snapshot.includes(form));
      }
    });
  }

  test('errors do not repeat keys', async () => {
    const { engine } = subject;
    for (const keySpec of [...SYMMETRIC_SPECS, ...ASYMMETRIC_SPECS]) {
      const secret = pattern(200, 33);
      const format = KEY_SPECS[keySpec].family === 'rsa' ? 'pkcs8' : 'raw';
      const code = subject.has(keySpec) ? 'INVALID_KEY' : 'UNSUPPORTED';
      const error = await rejectsWith(code, engine.importKey({ keySpec, format, data: secret }), keySpec);
      const text = inspect(error, { showHidden: true, depth: 20 }) + String(error.stack) + JSON.stringify(error);
      for (const form of writtenForms(secret.subarray(0, 16))) assert.ok(!text.includes(form), keySpec);
    }
    const spoilt = fixedKey('ECC_NIST_P256').pkcs8.slice();
    spoilt[spoilt.length - 1]! ^= 1;
    const code = subject.has('ECC_NIST_P256') ? 'INVALID_KEY' : 'UNSUPPORTED';
    const error = await rejectsWith(
      code,
      engine.importKey({ keySpec: 'ECC_NIST_P256', format: 'pkcs8', data: spoilt }),
    );
    for (const form of writtenForms(fixedKey('ECC_NIST_P256').raw!))
      assert.ok(!inspect(error, { depth: 20 }).includes(form));
  });
});
