/** What a table of operations does not show: waiting behind dear work, the event loop beside it, and memory after a million operations. */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { Engine } from 'keymill/engine';

export interface ScenarioResult {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

const RSA_SIGNATURES = 1000;
const LOOP_SIGNATURES = 64;
const MILLION = 1_000_000;

/** How long an AES-GCM call takes that is issued behind a thousand queued RSA-4096 signatures. */
async function fairness(engine: Engine): Promise<ScenarioResult> {
  const rsa = await engine.generateKey('RSA_4096');
  const aes = await engine.generateKey('SYMMETRIC_DEFAULT');
  const message = new Uint8Array(32);
  const abort = new AbortController();
  const sign = () => engine.sign({ key: rsa, algorithm: 'RSASSA_PSS_SHA_256', message, signal: abort.signal });
  const encrypt = () => engine.encrypt({ key: aes, algorithm: 'SYMMETRIC_DEFAULT', plaintext: message });
  await Promise.all([sign(), encrypt()]);
  const queued = Promise.allSettled(Array.from({ length: RSA_SIGNATURES }, sign));
  const start = performance.now();
  await encrypt();
  const elapsedMs = performance.now() - start;
  abort.abort();
  await queued;
  return { name: 'AES-GCM call behind 1,000 RSA-4096 signatures', value: elapsedMs, unit: 'ms' };
}

/** Resident memory after a million mixed operations, against after the first hundred thousand. */
async function memory(engine: Engine): Promise<ScenarioResult> {
  const aes = await engine.generateKey('SYMMETRIC_DEFAULT');
  const hmac = await engine.generateKey('HMAC_256');
  const ec = await engine.generateKey('ECC_NIST_P256');
  const message = new Uint8Array(64);
  const ciphertext = await engine.encrypt({ key: aes, algorithm: 'SYMMETRIC_DEFAULT', plaintext: message });
  const mixed = async (operations: number): Promise<void> => {
    for (let done = 0; done < operations; done += 1000) {
      const pending: Promise<unknown>[] = [];
      for (let index = 0; index < 1000; index += 4) {
        pending.push(
          engine.encrypt({ key: aes, algorithm: 'SYMMETRIC_DEFAULT', plaintext: message }),
          engine.decrypt({ key: aes, algorithm: 'SYMMETRIC_DEFAULT', ciphertext }),
          engine.mac({ key: hmac, algorithm: 'HMAC_SHA_256', message }),
          index % 40 === 0
            ? engine.sign({ key: ec, algorithm: 'ECDSA_SHA_256', message })
            : engine.digest({ algorithm: 'SHA_256', message }),
        );
      }
      await Promise.all(pending);
    }
  };
  await mixed(MILLION / 10);
  const before = process.memoryUsage.rss();
  await mixed((MILLION * 9) / 10);
  const grown = process.memoryUsage.rss() - before;
  return { name: 'resident memory from 100,000 to 1,000,000 mixed operations', value: grown / 2 ** 20, unit: 'MiB' };
}

/** Event-loop delay while a batch of RSA-4096 signatures is made; wants an engine with worker threads. */
async function loop(engine: Engine): Promise<ScenarioResult> {
  const key = await engine.generateKey('RSA_4096');
  const request = { op: 'sign', key, algorithm: 'RSASSA_PSS_SHA_256', message: new Uint8Array(32) } as const;
  await engine.run([request, request]);
  const resolutionMs = 1;
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  await engine.run(new Array(LOOP_SIGNATURES).fill(request));
  delay.disable();
  return {
    name: `event-loop delay p99 beside ${LOOP_SIGNATURES} RSA-4096 signatures`,
    value: delay.percentile(99) / 1e6,
    unit: 'ms',
  };
}

export const SCENARIOS: Readonly<Record<string, (engine: Engine) => Promise<ScenarioResult>>> = {
  fairness,
  loop,
  memory,
};
