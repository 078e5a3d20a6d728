/**
 * The tarball as its users meet it: installed without install scripts into an empty project, with the same addon on every Node that is
 * supported. `npm run test:package` packs it first. Node's binaries come from npm.
 */
import assert from 'node:assert/strict';
import { type SpawnSyncOptionsWithStringEncoding, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { serve } from '../support/cli.ts';

const ROOT = join(import.meta.dirname, '../../..');
const readJson = (file: string) => JSON.parse(readFileSync(file, 'utf8'));
const { name, version, bin, exports: doors } = readJson(join(ROOT, 'package.json'));
const TARBALL = join(ROOT, `${name}-${version}.tgz`);
const MAJORS = ['20', '22', '24', '26'];
/** npm has no Node for musl: there only the Node that runs this is tried. */
const IS_MUSL = existsSync('/etc/alpine-release');
const NODE_PACKAGE = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;

const folder = mkdtempSync(join(tmpdir(), 'keymill-package-'));
const project = join(folder, 'project');
const installed = join(project, 'node_modules', name);
after(() => rmSync(folder, { recursive: true, force: true }));

/** Without what would decide for keymill, or tell npm where it was started from. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([variable]) => !/^(?:keymill|npm)_/i.test(variable)),
);

/** What a command that must end well prints. `node`, where given, is the one that it and npm's commands run on. */
function run(command: string, args: readonly string[], cwd = project, node = process.execPath): string {
  const PATH = [dirname(node), process.env.PATH].join(delimiter);
  // On Windows npm's commands are scripts of the shell's.
  const shell = process.platform === 'win32' && /^np[mx]$/.test(command);
  const options: SpawnSyncOptionsWithStringEncoding = { cwd, encoding: 'utf8', shell, env: { ...environment, PATH } };
  const { status, stdout, stderr, error } = spawnSync(command, args, options);
  assert.equal(status, 0, error?.message ?? `${command} ${args.join(' ')}\n${stdout}${stderr}`);
  return stdout.trim();
}

/** The newest Node of each major, by what to call it. */
function installNodes(): ReadonlyMap<string, string> {
  if (IS_MUSL) return new Map([[process.version, process.execPath]]);
  const nodes = join(folder, 'nodes');
  mkdirSync(nodes);
  const packages = MAJORS.map((major) => `node-${major}@npm:${NODE_PACKAGE}@${major}`);
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', nodes, ...packages], nodes);
  const binary = process.platform === 'win32' ? 'bin/node.exe' : 'bin/node';
  return new Map(MAJORS.map((major) => [`Node ${major}`, join(nodes, 'node_modules', `node-${major}`, binary)]));
}

describe('the package', () => {
  before(() => {
    mkdirSync(project);
    writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }');
    copyFileSync(join(ROOT, 'test/package/doors.ts'), join(project, 'doors.ts'));
    copyFileSync(join(ROOT, 'dist/test/package/doors.js'), join(project, 'doors.js'));
  });

  test('installs where npm allows no script, of its own or of what it depends on', (t) => {
    const start = performance.now();
    run('npm', ['install', '--strict-allow-scripts', '--no-audit', '--no-fund', TARBALL]);
    t.diagnostic(`installed in ${((performance.now() - start) / 1000).toFixed(1)} s`);
    const { packages } = readJson(join(project, 'node_modules/.package-lock.json'));
    const scripted = Object.keys(packages).filter((each) => packages[each].hasInstallScript);
    assert.deepEqual(scripted, []);
  });

  test('carries what it requires, and npm knows each package and the version that was tested', () => {
    run('npm', ['ls', '--all']); // fails where one is missing or does not suit another
    const { packages: tested } = readJson(join(ROOT, 'package-lock.json'));
    const required = Object.keys(tested).filter((each) => each !== '' && !tested[each].dev && !tested[each].optional);
    const { packages } = readJson(join(project, 'node_modules/.package-lock.json'));
    const carried = Object.keys(packages).filter((each) => packages[each].inBundle);
    const inside = `node_modules/${name}/`;
    assert.deepEqual(carried.toSorted(), required.map((each) => inside + each).toSorted());
    for (const each of required) assert.equal(packages[inside + each].version, tested[each].version, each);
    for (const [each, exact] of Object.entries(readJson(join(installed, 'package.json')).dependencies)) {
      assert.equal(exact, tested[`node_modules/${each}`].version, each);
    }
  });

  test('has types for every door, sound by themselves, that know wrong uses', () => {
    for (const entry of Object.values(doors).flatMap((door) =>
      typeof door === 'string' ? [door] : Object.values(door!),
    )) {
      if (entry.endsWith('.js')) assert.ok(existsSync(join(installed, entry.replace(/\.js$/, '.d.ts'))), entry);
    }
    const types = ['--types', 'node', '--typeRoots', join(ROOT, 'node_modules/@types')];
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const strict = ['--strict', '--noEmit', '--skipLibCheck', 'false', '--exactOptionalPropertyTypes'];
    run(process.execPath, [tsc, ...strict, '--module', 'nodenext', '--target', 'es2023', ...types, 'doors.ts']);
  });

  for (const [label, node] of installNodes()) {
    test(`${label}: every door works, on the native backend`, () => {
      assert.equal(run(node, ['doors.js']), 'native');
    });

    test(`${label}: npx keymill info`, () => {
      assert.match(run('npx', ['--no-install', name, 'info'], project, node), /^backend +native$/m);
    });

    test(`${label}: keymill serve reads YAML and writes its log`, async (t) => {
      const KeyId = 'bc436485-5092-42b8-92a3-0aa8b93536dc';
      const [seed, config] = [join(folder, 'keys.yaml'), join(folder, 'keymill.yaml')];
      writeFileSync(seed, `Keys:\n  - KeyId: ${KeyId} # of ours\n`);
      writeFileSync(config, `seed: '${seed}'\nauth: none\nlog-level: debug\n`);
      const store = mkdtempSync(join(folder, 'store-'));
      const running = await serve(store, ['--config', config], {}, [node, join(installed, bin[name])]);
      t.after(() => running.process.kill());
      const headers = { 'x-amz-target': 'TrentService.DescribeKey', 'content-type': 'application/x-amz-json-1.1' };
      const answer = await fetch(running.url, { method: 'POST', headers, body: JSON.stringify({ KeyId }) });
      assert.equal(answer.status, 200, await answer.text());
      const closed = once(running.process, 'close');
      running.process.kill();
      await closed;
      assert.match(running.log.text, /^\{.*"operation":"DescribeKey"/m);
    });

    test(`${label}: keymill bench`, () => {
      const short = ['--rounds', '1', '--round-ms', '1', '--backends', 'node:crypto,native'];
      const command = [join(installed, bin[name]), 'bench', 'HMAC_SHA_256', '32B', ...short];
      assert.match(run(node, command), /^ *native /m);
    });
  }

  test('without its addon every door works on WebAssembly', () => {
    rmSync(join(installed, 'prebuilds'), { recursive: true });
    assert.equal(run(process.execPath, ['doors.js']), 'wasm');
  });
});
