// Checks that signing, agreeing and decrypting branch on no secret and address memory by none: builds test/native/constant_time.cc and runs it
// under valgrind's memcheck. Needs a C++ compiler, valgrind with its headers and OpenSSL 3's (Debian: valgrind libssl-dev).
import { RSA_STEMS, run, withProgram } from './native-program.mjs';

const REPORTED = 99;
const stems = [
  ...['bytes', 'comb', 'ecdh_emulated', 'ecdh_scalar', 'ecdsa_emulated', 'ecdsa_scalar', 'edwards25519'],
  ...['edwards_emulated', 'edwards_scalar', 'endomorphism', 'inversion', 'nonce', 'sha2_kernels'],
  ...RSA_STEMS,
];

withProgram('constant_time', stems, ['-DKEYMILL_CONSTANT_TIME_CHECK'], (program) => {
  const memcheck = (...args) => run('valgrind', ['-q', `--error-exitcode=${REPORTED}`, program, ...args]);
  if (memcheck('control') !== REPORTED) throw new Error('memcheck does not notice a leak');
  const status = memcheck();
  if (status !== 0) throw new Error(status === REPORTED ? 'a secret is leaked' : `the check failed (${status})`);
  console.log('constant time: no reports');
});
