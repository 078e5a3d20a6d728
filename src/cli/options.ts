/** Every option of every command, once: its flag, its environment variable, its place in the configuration file, its default. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { readConfiguration } from './configuration.ts';

interface OptionRow {
  /** What follows the flag, as help shows it; absent for a switch, which neither environment nor file sets. */
  readonly value?: string;
  readonly description: string;
  readonly default?: string | number;
  readonly choices?: readonly string[];
  /** @throws InvalidArgumentError */
  readonly parse?: (text: string) => unknown;
}

/** By flag. Environment: KEYMILL_ and the flag in upper case, `-` as `_`. File: the flag. */
const OPTIONS = {
  config: {
    value: '<file>',
    description: 'configuration file, JSON or YAML: flags without their dashes, and their values',
  },
  host: { value: '<address>', description: 'address to listen on', default: '127.0.0.1' },
  port: {
    value: '<number>',
    description: 'port to listen on, 0 for any free one',
    default: 4599,
    parse: wholeNumber(0, 65_535),
  },
  path: { value: '<directory>', description: 'where the store and the root key are', default: './keymill-data' },
  region: {
    value: '<name>',
    description: 'region, fixed at the first start (default: us-east-1); "any" takes the one a signature names',
  },
  account: { value: '<digits>', description: 'account id, fixed at the first start (default: 000000000000)' },
  auth: {
    value: '<kind>',
    description: 'sigv4: requests must be signed; none: anybody may do anything',
    default: 'sigv4',
    choices: ['sigv4', 'none'],
  },
  'auth-none-reach': {
    value: '<reach>',
    description: 'where --auth none may listen; network: anybody who reaches this machine may do anything',
    default: 'loopback',
    choices: ['loopback', 'network'],
  },
  seed: { value: '<file>', description: 'keys to put into the store, YAML or JSON; those it has stay as they are' },
  'tls-cert': { value: '<file>', description: 'certificate chain, PEM; serves HTTPS together with --tls-key' },
  'tls-key': { value: '<file>', description: 'private key of the certificate, PEM' },
  'tls-client-ca': {
    value: '<file>',
    description: 'authorities, PEM, one of which must have signed every client’s certificate',
  },
  backend: { value: '<name>', description: 'crypto backend', choices: ['auto', 'native', 'wasm'] },
  threads: { value: '<count>', description: 'worker threads (default: one per processor)', parse: wholeNumber(1, 256) },
  'log-level': {
    value: '<level>',
    description: 'what is logged on standard error, as JSON; debug has a line per request',
    default: 'info',
    choices: ['debug', 'info', 'warn', 'error', 'silent'],
  },
  principal: { value: '<arn>', description: 'who calls with the new access key (default: the account’s root)' },
  create: { description: 'make a new access key and print it' },
  duration: {
    value: '<seconds>',
    description: 'make the new access key temporary, with a session token',
    parse: wholeNumber(1, 31_536_000),
  },
  remove: { value: '<id>', description: 'remove an access key' },
  json: { description: 'print JSON' },
} satisfies Record<string, OptionRow>;
export type OptionName = keyof typeof OPTIONS;

/** Of `keymill bench`, on the command line alone: what was measured is to be read off the command. */
const BENCH_OPTIONS: Readonly<Record<string, OptionRow>> = {
  quick: { description: 'about a minute: one operation of each kind unless words say which, short rounds' },
  threads: { value: '<count>', description: 'worker threads of each engine', default: 1, parse: wholeNumber(1, 256) },
  backends: { value: '<names>', description: 'contenders, with commas between them (default: all)' },
  batch: { value: '<count>', description: 'operations in flight', default: 1024, parse: wholeNumber(1, 8192) },
  rounds: { value: '<count>', description: 'rounds (default: 7, quick: 3)', parse: wholeNumber(1, 1000) },
  'round-ms': {
    value: '<milliseconds>',
    description: 'how long a contender runs in a round (default: 60, quick: 15)',
    parse: wholeNumber(1, 60_000),
  },
  json: { value: '<file>', description: 'where the results go, for --compare', default: 'keymill-bench.json' },
  html: { value: '<file>', description: 'where the page with the charts goes', default: 'keymill-bench.html' },
  compare: { value: '<files...>', description: 'run nothing: print what changed from one JSON file to another' },
};

/** Options that say what to do now, and so belong to the command line alone. */
const ONLY_FLAGS: ReadonlySet<OptionName> = new Set(['create', 'remove', 'duration', 'principal', 'json']);

export const environmentName = (name: string): string => `KEYMILL_${name.toUpperCase().replaceAll('-', '_')}`;

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isInteger(value) || value < min || value > max) {
      throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

/** Gives a command its options. What a flag does not say, the environment does, then the file, then the default. */
export function addOptions(command: Command, names: readonly OptionName[]): Command {
  for (const name of names) command.addOption(optionOf(name));
  return command.hook('preAction', (_, acting) => applyConfiguration(acting, names));
}

/** Gives `keymill bench` its options. */
export function addBenchOptions(command: Command): Command {
  for (const [name, row] of Object.entries(BENCH_OPTIONS)) command.addOption(rowOption(name, row));
  return command;
}

function optionOf(name: OptionName): Option {
  const option = rowOption(name, OPTIONS[name]);
  return ONLY_FLAGS.has(name) ? option : option.env(environmentName(name));
}

function rowOption(name: string, row: OptionRow): Option {
  const option = new Option(row.value === undefined ? `--${name}` : `--${name} ${row.value}`, row.description);
  if (row.default !== undefined) option.default(row.default);
  if (row.choices !== undefined) option.choices(row.choices);
  if (row.parse !== undefined) option.argParser(row.parse);
  return option;
}

/** @throws CommanderError for a value that its flag would not take either */
function applyConfiguration(command: Command, names: readonly OptionName[]): void {
  const file = command.getOptionValue('config') as string | undefined;
  if (file === undefined) return;
  const known = names.filter((name) => name !== 'config' && !ONLY_FLAGS.has(name));
  for (const [name, text] of readConfiguration(file, known)) {
    const option = command.options.find(({ long }) => long === `--${name}`)!;
    const source = command.getOptionValueSource(option.attributeName());
    if (source !== undefined && source !== 'default') continue;
    command.setOptionValueWithSource(option.attributeName(), parsed(command, option, text, file), 'config');
  }
}

function parsed(command: Command, option: Option, text: string, file: string): unknown {
  if (option.parseArg === undefined) return text;
  try {
    return option.parseArg(text, undefined);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    return command.error(`error: ${option.long?.slice(2)} in ${file} is invalid: ${text}. ${error.message}`, {
      exitCode: error.exitCode,
      code: error.code,
    });
  }
}
