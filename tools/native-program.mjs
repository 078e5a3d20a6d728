/** Builds a program of test/native against native/core and the system's OpenSSL 3, for checks that need no Node. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const FLAGS = ['-std=c++17', '-O2', '-g', '-fno-exceptions', '-Inative'];

/** Stems of native/core that using an RSA key takes. */
export const RSA_STEMS = [
  'asymmetric',
  'cpu',
  'evp_contexts',
  'key_format',
  'memory',
  'random',
  'rsa',
  'rsa_check',
  'rsa_emulated',
  'rsa_encoding',
  'rsa_ifma',
  'rsa_items',
  'rsa_key',
  'rsa_prepared',
];

/** Runs a command in the project's folder and returns its exit status; throws where it cannot be run. */
export function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (error) throw error;
  return status;
}

/**
 * Compiles `test/native/<name>.cc` with the stems, passes the program's path to `use`, and removes it. `flags` may name more sources
 * and objects.
 */
export function withProgram(name, stems, flags, use) {
  const folder = mkdtempSync(path.join(tmpdir(), 'keymill-native-'));
  const program = path.join(folder, path.basename(name));
  const sources = stems.map((stem) => `native/core/${stem}.cc`);
  try {
    const compiler = process.env.CXX ?? 'g++';
    if (run(compiler, [...FLAGS, ...flags, `test/native/${name}.cc`, ...sources, '-lcrypto', '-o', program]) !== 0) {
      throw new Error(`test/native/${name}.cc does not compile`);
    }
    use(program);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
