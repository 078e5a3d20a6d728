#!/usr/bin/env node
/** The `keymill` command: its commands and how they end; what they do is in the files beside this one. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { StartError } from '../kms/index.ts';
import { changeCredentials } from './credentials.ts';
import { printInfo } from './info.ts';
import { init } from './init.ts';
import { addBenchOptions, addOptions, type OptionName } from './options.ts';
import { serve } from './serve.ts';
import { backup, rotateRoot, seed } from './store.ts';

/** How a command ends. */
const ExitCode = { done: 0, failed: 1, misused: 2 } as const;

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));

const STORE: readonly OptionName[] = ['config', 'path'];
const ENGINE: readonly OptionName[] = ['backend', 'threads'];
const LISTENING: readonly OptionName[] = [
  'host',
  'port',
  'auth',
  'auth-none-reach',
  'tls-cert',
  'tls-key',
  'tls-client-ca',
];

const BENCH_HELP = `
Contenders are keymill on each backend (native, native-scalar, native-openssl, wasm), node:crypto, WebCrypto, and the libraries it
knows of that are installed here or beside it, such as @noble/curves, bcrypto or sodium-native: a wrong name to --backends lists them.
Each must give right results before it is timed. They take turns; ratios are against the first that has an operation: node:crypto.

  keymill bench --quick                       one operation of each kind
  keymill bench sign P256                     signatures on P-256
  keymill bench RSA --backends node:crypto,native,bcrypto
  taskset -c 1 keymill bench AES              on one processor, for figures per core
  keymill bench --compare old.json new.json   what changed, and whether it is more than the rounds differed

Exit codes: ${ExitCode.done} done, ${ExitCode.failed} failed, or keymill itself was wrong, ${ExitCode.misused} wrong option, value or word.`;

const program = new Command('keymill')
  .description('An embeddable key management service')
  .version(version)
  .exitOverride()
  .showHelpAfterError('Run it with --help to see what it takes.')
  .addHelpText(
    'after',
    `
What a flag does not say, the environment does (KEYMILL_PORT for --port), then the --config file, then the default.
Exit codes: ${ExitCode.done} done, ${ExitCode.failed} failed (the message says what to do), ${ExitCode.misused} wrong command, option or value.`,
  );

addOptions(
  program
    .command('serve')
    .description('serve the AWS KMS API; makes a store, a root key and an access key at the first start'),
  [...STORE, 'region', 'account', 'seed', ...LISTENING, ...ENGINE, 'log-level'],
).action((options) => serve({ ...options, version }));

addOptions(
  program.command('init').description('make a store, its root key and a first access key, and print that key: once'),
  [...STORE, 'region', 'account', 'principal'],
).action((options) => init(options));

addOptions(
  program
    .command('credentials')
    .description('print the access keys of a store, secrets included; a running endpoint knows a new one at once'),
  [...STORE, 'create', 'principal', 'duration', 'remove'],
).action((options) => changeCredentials(options));

addOptions(
  program
    .command('seed')
    .description(
      'put the keys of a YAML or JSON file into a store, made where there is none; those it has stay as they are',
    ),
  [...STORE, 'region', 'account'],
)
  .argument('<file>', 'the seed')
  .action((file, options) => seed(file, options));

addOptions(
  program
    .command('backup')
    .description('copy a store to a new file, while it is in use or not; the root key is not in it'),
  STORE,
)
  .argument('<file>', 'the file to make')
  .action((file, options) => backup(file, options));

addOptions(
  program
    .command('rotate-root')
    .description(
      'put a store under the root key that KEYMILL_NEW_ROOT_KEY, _ROOT_KEY_FILE or _ROOT_PASSPHRASE says, or under a new one in its file',
    ),
  STORE,
).action((options) => rotateRoot(options));

addOptions(
  program.command('info').description('print what runs on this machine: backend, CPU features, OpenSSL, self-tests'),
  [...ENGINE, 'json'],
).action((options) => printInfo(options));

addBenchOptions(
  program
    .command('bench')
    .description('time crypto backends against each other on this machine: a table, a JSON file and a page with charts')
    .argument('[words...]', 'run what has them all in its name, such as: sign P256, RSA_2048, AES 32B')
    .addHelpText('after', BENCH_HELP),
).action(async (words, options, command) => (await import('./bench.ts')).bench(words, options, command));

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}

function exitCodeOf(error: unknown): number {
  // Commander has said already what is wrong.
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.done : ExitCode.misused;
  // Errors with a code (of the system, the engine, SQLite) are about the world and need no stack.
  const expected = error instanceof StartError || typeof (error as { code?: unknown }).code === 'string';
  console.error(`keymill: ${expected ? (error as Error).message : ((error as Error).stack ?? String(error))}`);
  return ExitCode.failed;
}
