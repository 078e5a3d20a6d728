/** The engine in Node, and in runtimes that resemble it: both backends, the environment, the machine's processors. */
import { availableParallelism } from 'node:os';
import { type Engine, type EngineOptions, openEngineOn } from './engine.ts';
import { openNative } from './native.ts';
import { openWasm } from './wasm.ts';

/**
 * Opens an engine: keys and operations on the fastest backend that loads.
 * @throws {EngineError} INVALID_ARGUMENT for an option out of range, BACKEND_UNAVAILABLE where the backend asked for does not load,
 *   UNSUPPORTED where the build has no such kernels.
 *
 * ```ts
 * import { openEngine } from 'keymill/engine';
 *
 * const engine = await openEngine({ threads: 2 });
 * const key = await engine.generateKey('ECC_NIST_EDWARDS25519');
 * const message = new TextEncoder().encode('pay 10 to alice');
 * const signature = await engine.sign({ key, algorithm: 'ED25519_SHA_512', message });
 * console.log(await engine.verify({ key, algorithm: 'ED25519_SHA_512', message, signature })); // -> true
 * await engine.close();
 * ```
 */
export async function openEngine(options: EngineOptions = {}): Promise<Engine> {
  const platform = {
    openers: { native: openNative, wasm: openWasm },
    environmentChoice: process.env.KEYMILL_BACKEND,
    processors: availableParallelism(),
  };
  return openEngineOn(platform, options);
}
