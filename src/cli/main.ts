#!/usr/bin/env node
/** The `keymill` command: argument parsing; what the commands do is in the files beside this one. */
import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { StartError } from '../kms/index.ts';
import { printCredentials } from './credentials.ts';
import { printInfo } from './info.ts';
import { serve } from './serve.ts';
import { backup, rotateRoot } from './store.ts';

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isInteger(value) || value < min || value > max) {
      throw new InvalidArgumentError(`expected a whole number from ${min} to ${max}`);
    }
    return value;
  };
}

const path = () =>
  new Option('--path <directory>', 'where the store and the root key are')
    .env('KEYMILL_PATH')
    .default('./keymill-data');
const backend = () =>
  new Option('--backend <name>', 'crypto backend').env('KEYMILL_BACKEND').choices(['auto', 'native', 'wasm']);
const threads = () =>
  new Option('--threads <count>', 'worker threads (default: one per processor)')
    .env('KEYMILL_THREADS')
    .argParser(wholeNumber(1, 256));

const program = new Command('keymill').description('An embeddable key management service').version(version);

program
  .command('serve')
  .description('serve the AWS KMS API; makes a store, a root key and an access key at the first start')
  .addOption(new Option('--host <address>', 'address to listen on').env('KEYMILL_HOST').default('127.0.0.1'))
  .addOption(
    new Option('--port <number>', 'port to listen on, 0 for any free one')
      .env('KEYMILL_PORT')
      .default(4599)
      .argParser(wholeNumber(0, 65_535)),
  )
  .addOption(path())
  .addOption(
    new Option('--region <name>', 'region, fixed at the first start (default: us-east-1)').env('KEYMILL_REGION'),
  )
  .addOption(
    new Option('--account <digits>', 'account id, fixed at the first start (default: 000000000000)').env(
      'KEYMILL_ACCOUNT',
    ),
  )
  .addOption(backend())
  .addOption(threads())
  .action((options) => serve({ ...options, version }));

program
  .command('credentials')
  .description('print the access keys of a store, secrets included')
  .addOption(path())
  .option('--create', 'make a new access key first')
  .action((options) => printCredentials(options));

program
  .command('backup')
  .description('copy a store to a new file, while it is in use or not; the root key is not in it')
  .argument('<file>', 'the file to make')
  .addOption(path())
  .action((file, options) => backup(file, options));

program
  .command('rotate-root')
  .description(
    'put a store under the root key that KEYMILL_NEW_ROOT_KEY, _ROOT_KEY_FILE or _ROOT_PASSPHRASE says, or under a new one in its file',
  )
  .addOption(path())
  .action((options) => rotateRoot(options));

program
  .command('info')
  .description('print what runs on this machine: backend, CPU features, OpenSSL, self-tests')
  .addOption(backend())
  .addOption(threads())
  .option('--json', 'as JSON')
  .action((options) => printInfo(options));

try {
  await program.parseAsync();
} catch (error) {
  const expected = error instanceof StartError || typeof (error as { code?: unknown }).code === 'string';
  console.error(`keymill: ${expected ? (error as Error).message : ((error as Error).stack ?? String(error))}`);
  process.exitCode = 1;
}
