// Formats wasm/ as biome formats the rest. AssemblyScript's decorators on functions are not TypeScript, so they pass biome as
// comments. `--check` fails where a file is not formatted.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const biome = path.join(root, 'node_modules/.bin/biome');
const hidden = '//hidden ';
const files = readdirSync(path.join(root, 'wasm'), { recursive: true })
  .filter((name) => name.endsWith('.ts') && name !== 'contract.ts' && !name.startsWith('generated'))
  .map((name) => path.join(root, 'wasm', name));

let unformatted = 0;
for (const file of files) {
  const source = readFileSync(file, 'utf8');
  const { status, stdout, stderr } = spawnSync(biome, ['format', `--stdin-file-path=${path.basename(file)}`], {
    cwd: root,
    input: source.replace(/^@/gm, `${hidden}@`),
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${file}: ${stderr}`);
  const formatted = stdout.replaceAll(`${hidden}@`, '@');
  if (formatted === source) continue;
  if (process.argv.includes('--check')) {
    console.error(`${path.relative(root, file)} is not formatted`);
    unformatted++;
  } else {
    writeFileSync(file, formatted);
  }
}
process.exit(unformatted > 0 ? 1 : 0);
