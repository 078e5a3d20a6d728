// Builds the addon that the package carries for this platform, where node-gyp-build looks for it: without the kernels for tests,
// stripped, and proven to load wherever Node 20 does. On Linux one file serves glibc and musl, and is built with glibc: musl's loader
// puts itself in libc.so.6's place and minds no symbol versions. It is made from a copy, so that the tree's own build stays.
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildAddon } from './gyp.mjs';

const root = path.resolve(import.meta.dirname, '..');

/** The newest symbol versions that the official Linux binary of Node 20 asks of a system itself: Debian 10, RHEL 8. */
const BASELINE = { GLIBC: '2.28', GLIBCXX: '3.4.21', CXXABI: '1.3.9' };
/** What Node itself links to. All else, OpenSSL above all, is to come out of the process. */
const LIBRARIES = /^(?:libc|libm|libdl|libpthread|libstdc\+\+|libgcc_s)\.so\b/;
/** What it takes of glibc. Each is in musl 1.2 too, with the same flags and with structures that are no larger. */
const LIBC = [
  ...['__cxa_atexit', '__cxa_finalize', 'abort', 'free', 'malloc', 'posix_memalign', 'sysconf'],
  ...['memcmp', 'memcpy', 'memmove', 'memset', 'strcmp', 'strlen'],
  ...['getauxval', 'getrlimit', 'madvise', 'mlock', 'mlock2', 'mmap', 'mprotect', 'munmap'],
  ...['pthread_mutex_lock', 'pthread_mutex_unlock'],
];
/** Removes what only debuggers read. Windows has that in a file of its own. */
const STRIP = { linux: [], darwin: ['-Sx'] };

const { platform } = process;
/** As node-gyp reads it. For another processor than this one it takes its compilers and strip (CC, CXX, STRIP) and a glibc. */
const arch = process.env.npm_config_arch ?? process.arch;
const folder = path.join(root, 'prebuilds', `${platform}-${arch}`);
const file = path.join(folder, 'keymill.node');

function run(command, ...args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw error ?? new Error(`${command} ${args.join(' ')}: ${stderr}`);
  return stdout;
}

const newer = (a, b) => a.localeCompare(b, 'en', { numeric: true }) > 0;

/** @throws {Error} for what an older system would not load, or would load and end at the first call. */
function checkPortability() {
  const written = run('readelf', '--version-info', '--dynamic', '--dyn-syms', '--wide', file);
  for (const [, family, version] of written.matchAll(/Name: (GLIBC|GLIBCXX|CXXABI)_([\d.]+)/g)) {
    if (newer(version, BASELINE[family]))
      throw new Error(`${file} needs ${family}_${version}, Node ${BASELINE[family]}`);
  }
  for (const [, library] of written.matchAll(/\(NEEDED\).*\[(.+)\]/g)) {
    if (!LIBRARIES.test(library)) throw new Error(`${file} needs ${library}`);
  }
  for (const [, name] of written.matchAll(/ UND (\w+)@GLIBC_/g)) {
    if (!LIBC.includes(name)) throw new Error(`${file} needs ${name} of glibc; if musl has that too, name it in LIBC`);
  }
  if (!/\(FLAGS_1\).*\bNOW\b/.test(written)) throw new Error(`${file} is not linked with -z now`);
}

const copy = mkdtempSync(path.join(tmpdir(), 'keymill-prebuild-'));
try {
  for (const name of ['binding.gyp', 'package.json', 'native']) {
    cpSync(path.join(root, name), path.join(copy, name), { recursive: true });
  }
  const build = buildAddon(copy, [], { KEYMILL_EMULATED: '0' });
  if (build.status !== 0) throw new Error(`the addon was not built\n${build.stdout}${build.stderr}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  copyFileSync(path.join(copy, 'build/Release/keymill.node'), file);
} finally {
  rmSync(copy, { recursive: true });
}
if (platform in STRIP) run(process.env.STRIP ?? 'strip', ...STRIP[platform], file);
if (platform === 'linux') checkPortability();
console.log(`${path.relative(root, file)}: ${statSync(file).size} bytes`);
