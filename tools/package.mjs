// Packs what is built, and checks the tarball as those who install it find it: nothing in it that does not belong, small, entry points
// and types that every resolver agrees on. `--release` wants an addon for every platform. Needs no network. What is published is this
// tarball, not the folder: its package.json is without what only the repository needs, and it carries what keymill depends on.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import ts from 'typescript';
import { bundleDependencies } from './bundled.mjs';

const root = path.resolve(import.meta.dirname, '..');
const MAXIMUM_BYTES = 3e6;

/** Platforms with a native backend, Linux's with glibc and with musl; elsewhere keymill runs on WASM. */
const ADDONS = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64', 'win32-x64'].map(
  (platform) => `${platform}/keymill.node`,
);

const problems = [];

function run(command, args, cwd = root) {
  // On Windows npm is a script of the shell's.
  const shell = process.platform === 'win32' && command === 'npm';
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', shell });
  if (error) throw error;
  return { status, stdout, stderr };
}

const filesUnder = (folder) =>
  readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath ?? entry.path, entry.name)).replaceAll('\\', '/'));

/** Types that can be reached from outside, followed from the doors, against `dist`; with no package's but Node's. */
function publicTypes() {
  const doors = Object.values(manifest.exports).flatMap((door) =>
    typeof door === 'string' ? [door] : Object.values(door),
  );
  const reached = new Set(doors.filter((door) => door.endsWith('.js')).map((door) => door.replace(/^\.\/|\.js$/g, '')));
  for (const stem of reached) {
    const file = `${stem}.d.ts`;
    for (const { fileName } of ts.preProcessFile(readFileSync(path.join(root, file), 'utf8')).importedFiles) {
      if (fileName.startsWith('.'))
        reached.add(path.posix.join(path.posix.dirname(stem), fileName.replace(/\.[jt]s$/, '')));
      else if (!fileName.startsWith('node:'))
        problems.push(`${file} needs the types of ${fileName}, which are not carried`);
    }
  }
  return [...reached].map((stem) => `${stem}.d.ts`);
}

/** What belongs: what the sources compile to, the module, addons of the platforms above, and what there is to read. */
function expectedFiles() {
  const programs = filesUnder('src').map((file) => `dist/${file.replace(/\.ts$/, '.js')}`);
  const addons = filesUnder('prebuilds').filter((file) => ADDONS.includes(file.slice('prebuilds/'.length)));
  return [
    ...[...programs, ...types],
    ...['dist/keymill.wasm', ...addons],
    ...[...filesUnder('docs'), ...filesUnder('examples')],
    ...['package.json', 'README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', 'LICENSE'],
  ];
}

const difference = (some, others) => some.filter((each) => !others.includes(each));

/** Scripts would build again; what is packed is what was tested. */
function pack(folder, ...args) {
  const { stdout, stderr } = run('npm', ['pack', '--ignore-scripts', '--json', ...args], folder);
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout)[0];
}

/**
 * The package that is published, with what else belongs into it: `bundled`. Without scripts, because npm takes a tarball's `prepare` for
 * an install script, warns of it, and with --strict-allow-scripts refuses the package.
 */
async function packCopy() {
  const copy = mkdtempSync(path.join(tmpdir(), 'keymill-pack-'));
  try {
    const files = pack(root, '--dry-run').files.map((file) => file.path);
    const isInternal = (file) => file.endsWith('.d.ts') && !types.includes(file);
    for (const file of files) if (!isInternal(file)) cpSync(path.join(root, file), path.join(copy, file));
    const bundled = await bundleDependencies(root, copy);
    const { scripts: _, devDependencies: __, ...published } = { ...manifest, ...bundled.manifest };
    writeFileSync(path.join(copy, 'package.json'), `${JSON.stringify(published, null, 2)}\n`);
    const packed = pack(copy);
    cpSync(path.join(copy, packed.filename), path.join(root, packed.filename));
    return { packed, bundled: bundled.files };
  } finally {
    rmSync(copy, { recursive: true });
  }
}

const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
const types = publicTypes();
const { packed, bundled } = await packCopy();
const [files, expected] = [packed.files.map((file) => file.path), [...expectedFiles(), ...bundled]];
const tarball = path.join(root, packed.filename);

for (const file of difference(files, expected))
  problems.push(`${file} does not belong (left from an earlier build? remove dist)`);
for (const file of difference(expected, files)) problems.push(`${file} is missing (built?)`);
const wanted = process.argv.includes('--release') ? ADDONS : [];
for (const addon of difference(
  wanted.map((file) => `prebuilds/${file}`),
  files,
))
  problems.push(`${addon} is missing`);

const { size } = statSync(tarball);
if (size > MAXIMUM_BYTES) problems.push(`${size} bytes, more than ${MAXIMUM_BYTES}`);

// npm would make an install script up of a binding.gyp.
if (manifest.gypfile !== false) problems.push('gypfile is not false');

const { messages, pkg } = await publint({
  pack: { tarball: new Uint8Array(readFileSync(tarball)).buffer },
  strict: true,
});
for (const message of messages) problems.push(`publint: ${formatMessage(message, pkg, { color: false })}`);

// ESM alone: what require() loads is the same module.
const attw = run(process.execPath, [
  path.join(root, 'node_modules/@arethetypeswrong/cli/dist/index.js'),
  tarball,
  '--profile',
  'esm-only',
  '--no-color',
  '--no-emoji',
]);
if (attw.status !== 0) problems.push(`are-the-types-wrong: ${attw.stdout}${attw.stderr}`);

console.log(`${packed.filename}: ${size} bytes, ${files.length} files, ${packed.unpackedSize} bytes unpacked`);
for (const problem of problems) console.error(problem);
process.exit(problems.length > 0 ? 1 : 0);
