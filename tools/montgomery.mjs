// Checks Montgomery multiplication, which RSA is made of, against OpenSSL's numbers at the ends of their ranges, on every vector type:
// builds and runs test/native/montgomery. Arguments: rounds a size (300), seed. Needs a C++ compiler and OpenSSL 3's headers (Debian:
// libssl-dev).
import { run, withProgram } from './native-program.mjs';

const sources = ['emulated', 'ifma'].map((name) => `test/native/montgomery/${name}.cc`);
withProgram('montgomery/main', ['cpu'], sources, (program) => {
  if (run(program, process.argv.slice(2)) !== 0) throw new Error('there are differences from OpenSSL');
});
