/**
 * `keymill/engine` in Bun and Deno, which lack Node's OpenSSL: it runs on WebAssembly there. Each is skipped where it is neither among the
 * project's binaries nor on the PATH.
 */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const ROOT = path.join(import.meta.dirname, '../..');
const DIRECTORIES = [path.join(ROOT, 'node_modules/.bin'), ...(process.env.PATH ?? '').split(path.delimiter)];

/** How each runs a program given to it as an argument. */
const RUNTIMES: Readonly<Record<string, readonly string[]>> = {
  bun: ['--eval'],
  deno: ['eval', '--quiet'],
};

/** Imports the package by its name: the runtime resolves it as in any project. */
const PROGRAM = `
  import { openEngine } from 'keymill/engine';
  const text = new TextEncoder().encode('keymill');
  const outcomes = {};
  for (const threads of [1, 2]) {
    const engine = await openEngine({ threads });
    const key = await engine.generateKey('SYMMETRIC_DEFAULT');
    const algorithm = 'SYMMETRIC_DEFAULT';
    const ciphertext = await engine.encrypt({ key, algorithm, plaintext: text });
    const plaintext = await engine.decrypt({ key, algorithm, ciphertext });
    const pair = await engine.generateKey('ECC_NIST_P384');
    const publicKey = await engine.importKey({ keySpec: 'ECC_NIST_P384', format: 'spki', data: pair.publicKey() });
    const signing = Array(20).fill({ op: 'sign', key: pair, algorithm: 'ECDSA_SHA_384', message: text });
    const signatures = (await engine.run(signing)).map(({ value }) => value);
    const verify = (message) => engine.run(signatures.map((signature) => (
      { op: 'verify', key: publicKey, algorithm: 'ECDSA_SHA_384', message, signature }
    )));
    const good = await verify(text);
    const bad = await verify(ciphertext);
    outcomes[threads] = {
      backend: engine.info.backend,
      opened: new TextDecoder().decode(plaintext),
      verified: good.every(({ value }) => value === true) && bad.every(({ value }) => value === false),
    };
    await engine.close();
  }
  console.log(JSON.stringify(outcomes));
`;

/** A file of that name that runs: an npm that does not run install scripts leaves one that does not. */
const find = (name: string): string | undefined =>
  DIRECTORIES.map((directory) => path.join(directory, name)).find(
    (file) => existsSync(file) && spawnSync(file, ['--version']).status === 0,
  );

for (const [name, evaluate] of Object.entries(RUNTIMES)) {
  const file = find(name);
  test(`keymill/engine in ${name}`, { skip: file === undefined ? `${name} is not installed` : false }, async () => {
    const options = { cwd: ROOT, timeout: 60_000, env: { ...process.env, KEYMILL_BACKEND: '' } };
    const { stdout } = await promisify(execFile)(file!, [...evaluate, PROGRAM], options);
    const works = { backend: 'wasm', opened: 'keymill', verified: true };
    assert.deepEqual(JSON.parse(stdout), { 1: works, 2: works });
  });
}
