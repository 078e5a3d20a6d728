// Builds the addon. An install without a compiler must succeed on the WASM backend, so a failed build is one line of warning;
// in CI it is an error. `--debug` builds with assertions, and with AddressSanitizer where KEYMILL_ASAN=1.
import path from 'node:path';
import { buildAddon } from './gyp.mjs';

const build = buildAddon(path.resolve(import.meta.dirname, '..'), process.argv.slice(2));
if (build.status !== 0) {
  if (process.env.CI === 'true' || process.env.KEYMILL_BUILD_VERBOSE) process.stderr.write(build.stdout + build.stderr);
  console.error(
    'keymill: the native backend was not built (no Python 3, make or C++ compiler?); keymill runs on WASM.',
  );
  if (process.env.CI === 'true') process.exit(1);
}
