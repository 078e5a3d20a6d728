// Formats native/**/*.{h,cc} by .clang-format; `--check` changes nothing and fails, naming the files that would change.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const clangFormat = createRequire(import.meta.url).resolve('clang-format/index.js');
const files = readdirSync(path.join(root, 'native'), { recursive: true })
  .filter((file) => /\.(h|cc)$/.test(file) && path.basename(file) !== 'contract.h')
  .map((file) => path.join('native', file));

const mode = process.argv.includes('--check') ? ['--dry-run', '-Werror'] : ['-i'];
const run = spawnSync(process.execPath, [clangFormat, ...mode, ...files], { cwd: root, stdio: 'inherit' });
process.exit(run.status ?? 1);
