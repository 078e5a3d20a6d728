// Checks that signing branches on no secret and addresses memory by none: builds test/native/constant_time.cc and runs it under
// valgrind's memcheck. Needs a C++ compiler, valgrind with its headers and OpenSSL 3's (Debian: valgrind libssl-dev).
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const folder = mkdtempSync(path.join(tmpdir(), 'keymill-constant-time-'));
const program = path.join(folder, 'constant_time');
const REPORTED = 99;

const sources = ['bytes', 'comb', 'ecdsa_emulated', 'ecdsa_scalar', 'endomorphism', 'inversion', 'nonce'].map(
  (stem) => `native/core/${stem}.cc`,
);
const flags = ['-std=c++17', '-O2', '-g', '-fno-exceptions', '-DKEYMILL_CONSTANT_TIME_CHECK', '-Inative'];

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (error) throw error;
  return status;
}
const memcheck = (...args) => run('valgrind', ['-q', `--error-exitcode=${REPORTED}`, program, ...args]);

try {
  const compiler = process.env.CXX ?? 'g++';
  if (run(compiler, [...flags, 'test/native/constant_time.cc', ...sources, '-lcrypto', '-o', program]) !== 0) {
    throw new Error('the check does not compile');
  }
  if (memcheck('control') !== REPORTED) throw new Error('memcheck does not notice a leak');
  const status = memcheck();
  if (status !== 0) throw new Error(status === REPORTED ? 'a secret is leaked' : `the check failed (${status})`);
  console.log('constant time: no reports');
} finally {
  rmSync(folder, { recursive: true });
}
