// Builds the addon. An install without a compiler must succeed on the WASM backend, so a failed build is one line of warning;
// in CI it is an error. `--debug` builds with assertions, and with AddressSanitizer where KEYMILL_ASAN=1.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
const args = [nodeGyp, 'rebuild', ...process.argv.slice(2)];
// Node's own headers, where the installation has them, save a download.
const prefix = path.resolve(process.execPath, '../..');
if (existsSync(path.join(prefix, 'include/node/node_api.h'))) args.push(`--nodedir=${prefix}`);

const build = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
if (build.status !== 0) {
  if (process.env.CI === 'true' || process.env.KEYMILL_BUILD_VERBOSE) process.stderr.write(build.stdout + build.stderr);
  console.error(
    'keymill: the native backend was not built (no Python 3, make or C++ compiler?); keymill runs on WASM.',
  );
  if (process.env.CI === 'true') process.exit(1);
}
