/** The `keymill` command as a process. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export const MAIN = join(import.meta.dirname, '../../src/cli/main.js');

/** Without the variables that would decide instead of the test. */
export function cleanEnvironment(environment: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(?:KEYMILL|AWS)_/.test(name));
  return { ...Object.fromEntries(inherited), ...environment };
}

/** A command that ends by itself; `directory` is where it runs. */
export function run(args: readonly string[], environment?: NodeJS.ProcessEnv, directory?: string) {
  const options = { encoding: 'utf8', env: cleanEnvironment(environment), cwd: directory } as const;
  return spawnSync(process.execPath, [MAIN, ...args], options);
}

export interface Running {
  readonly process: ChildProcess;
  /** What was printed up to the line that says that it is ready. */
  readonly lines: readonly string[];
  /** What has been logged, as it grows. */
  readonly log: { text: string };
  readonly url: string;
  /** The variables of the lines to paste. */
  readonly environment: Readonly<Record<string, string>>;
}

/** `keymill serve` on any free port, once it says that it is ready; of another Node or another keymill with `command`. */
export async function serve(
  path: string,
  args: readonly string[] = [],
  environment?: NodeJS.ProcessEnv,
  [node, main]: readonly [string, string] = [process.execPath, MAIN],
): Promise<Running> {
  const child = spawn(node, [main, 'serve', '--path', path, '--port', '0', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: cleanEnvironment(environment),
  });
  const log = { text: '' };
  child.stderr.setEncoding('utf8').on('data', (chunk) => {
    log.text += chunk;
  });
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    const [, url] = /^keymill is ready on (https?:\S+)$/.exec(line) ?? [];
    if (url === undefined) continue;
    child.stdout.resume();
    return { process: child, lines, log, url, environment: exported(lines) };
  }
  throw new Error(`keymill serve ended: ${lines.join('\n')}${log.text}`);
}

/** The variables that lines to paste set. */
export function exported(lines: readonly string[]): Readonly<Record<string, string>> {
  const pairs = lines.flatMap((line) => (/^ *export (.*)$/.exec(line)?.[1] ?? '').split(' ').filter(Boolean));
  return Object.fromEntries(pairs.map((pair) => [pair.split('=')[0]!, pair.slice(pair.indexOf('=') + 1)]));
}

/** Ends it with a signal; it must end well, and its log is complete then. */
export async function stop({ process: child }: Running, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  const ended = once(child, 'close');
  child.kill(signal);
  assert.deepEqual(await ended, [0, null]);
}
