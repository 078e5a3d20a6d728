/** `keymill info`: what the engine found on this machine. */
import { type EngineOptions, openEngine } from '../kms/index.ts';

export async function printInfo({ json, ...options }: EngineOptions & { json?: boolean }): Promise<void> {
  const engine = await openEngine(options);
  try {
    const { info } = engine;
    if (json) {
      console.log(JSON.stringify(info, null, 2));
      return;
    }
    const rows: readonly (readonly [string, string])[] = [
      ['backend', info.backend],
      ...(info.fallbackReason === undefined ? [] : [['not native because', info.fallbackReason] as const]),
      ['OpenSSL', info.openssl ?? 'none'],
      ['Node', process.version],
      ['CPU features', info.cpuFeatures.join(' ') || 'none'],
      ['threads', String(info.threads)],
      ['key memory', `${info.keyMemory.bytes} bytes, ${info.keyMemory.locked ? 'locked' : 'not locked'}`],
      ['self-tests passed', info.selfTests.join(', ') || 'none'],
      ...(info.refusedKernels.length === 0 ? [] : [['KERNELS REFUSED', info.refusedKernels.join(', ')] as const]),
      ...Object.entries(info.kernels).map(([primitive, kernel]) => [`kernel ${primitive}`, kernel] as const),
    ];
    const width = Math.max(...rows.map(([name]) => name.length));
    for (const [name, value] of rows) console.log(`${name.padEnd(width)}  ${value}`);
  } finally {
    await engine.close();
  }
}
