// node-gyp on binding.gyp, for the addon of the tree (native.mjs) and the one that is published (prebuild.mjs).
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

/** Builds the addon into `folder`/build, from nothing. `args` and `environment` are added to those it needs anyway. */
export function buildAddon(folder, args = [], environment = {}) {
  const nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
  // Node's own headers, where the installation has them, save a download.
  const prefix = path.resolve(process.execPath, '../..');
  const headers = existsSync(path.join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : [];
  return spawnSync(process.execPath, [nodeGyp, 'rebuild', '--jobs=max', ...headers, ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  });
}
