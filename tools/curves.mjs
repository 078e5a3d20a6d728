// Checks signatures and verifications on every curve and vector type against OpenSSL, in numbers: builds test/native/curves and runs it
// with the arguments given (`--operations 10000000 --curve P-256`; `--help` lists them). It is linked to the addon's own objects, so that
// what is checked is what runs. Needs the addon built here, and OpenSSL 3's headers (Debian: libssl-dev).
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { run, withProgram } from './native-program.mjs';

const root = path.resolve(import.meta.dirname, '..');
const OBJECTS = 'build/Release/obj.target/keymill/native/core';
/** Without random.cc, in whose place the check has a generator that its seed repeats. */
const STEMS = [
  ...['ecdh_emulated', 'ecdh_ifma', 'ecdh_items', 'ecdh_scalar'],
  ...['asymmetric', 'bytes', 'comb', 'cpu', 'ec', 'ecdsa_emulated', 'ecdsa_ifma', 'ecdsa_items', 'ecdsa_scalar'],
  ...['edwards', 'edwards25519', 'edwards_emulated', 'edwards_ifma', 'edwards_items', 'edwards_scalar'],
  ...['endomorphism', 'evp_contexts', 'inversion', 'key_format', 'memory', 'nonce', 'sha2_avx512', 'sha2_kernels'],
];
const SOURCES = ['ecdsa', 'ecdsa_altered', 'edwards', 'equation', 'roots', 'trial'];

const modified = (file) => statSync(path.join(root, file)).mtimeMs;
const addon = 'build/Release/keymill.node';
const core = readdirSync(path.join(root, 'native/core')).map((file) => `native/core/${file}`);
if (!existsSync(path.join(root, addon)) || core.some((file) => modified(file) > modified(addon))) {
  throw new Error('the addon is not built, or older than its sources: npm run build:native');
}

const objects = STEMS.map((stem) => `${OBJECTS}/${stem}.o`);
const sources = SOURCES.map((name) => `test/native/curves/${name}.cc`);
withProgram('curves/main', [], ['-pthread', ...sources, ...objects], (program) => {
  const status = run(program, process.argv.slice(2));
  if (status !== 0) throw new Error(status === 1 ? 'there are differences from OpenSSL' : `not checked (${status})`);
});
