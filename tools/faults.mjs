// Checks that faults in an RSA key's numbers never give a wrong signature: builds and runs test/native/rsa_faults.cc. Needs a C++
// compiler and OpenSSL 3's headers (Debian: libssl-dev).
import { RSA_STEMS, run, withProgram } from './native-program.mjs';

withProgram('rsa_faults', ['bytes', ...RSA_STEMS], [], (program) => {
  if (run(program, []) !== 0) throw new Error('a fault gave a wrong signature, or too few were noticed');
});
