/** Calls between rooms go one way and through front doors: design.md's table, enforced on what the sources import. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';

interface Room {
  /** Rooms it may import, each through its index.ts. */
  readonly rooms: readonly string[];
  /** Packages it may import. */
  readonly packages: readonly string[];
}

const ROOMS: Readonly<Record<string, Room>> = {
  'index.ts': { rooms: ['kms'], packages: [] },
  cli: { rooms: ['server', 'kms', 'bench'], packages: ['commander', 'pino', 'yaml'] },
  server: { rooms: ['kms'], packages: [] },
  kms: { rooms: ['engine', 'store'], packages: ['yaml'] },
  store: { rooms: [], packages: ['kysely', 'libsql'] },
  bench: { rooms: ['engine'], packages: ['tinybench'] },
  engine: { rooms: [], packages: ['node-gyp-build'] },
};

const SOURCES = join(import.meta.dirname, '../../src');
const WASM = join(import.meta.dirname, '../../wasm');
/** Static imports and re-exports, side-effect imports, and dynamic imports of a literal. */
const IMPORTS = /(?:\bfrom\s+|\bimport\s+|\bimport\s*\(\s*)'([^'\n]+)'/g;

const files = readdirSync(SOURCES, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => relative(SOURCES, join(entry.parentPath ?? entry.path, entry.name)));

for (const file of files) {
  test(`src/${file} imports only what its room may`, () => {
    const roomName = file.split('/')[0]!;
    const room = ROOMS[roomName];
    assert.ok(room !== undefined, `src/${roomName} is not in the table of rooms`);
    const text = readFileSync(join(SOURCES, file), 'utf8').replace(/^\s*(?:\*|\/\/|\/\*).*$/gm, '');
    for (const [, specifier] of text.matchAll(IMPORTS)) {
      if (specifier!.startsWith('node:')) continue;
      if (!specifier!.startsWith('.')) {
        assert.ok(room.packages.includes(specifier!), `${specifier} is not a package of room ${roomName}`);
        continue;
      }
      const target = join(file, '..', specifier!);
      const targetRoom = target.split('/')[0]!;
      if (targetRoom === roomName) continue;
      assert.ok(room.rooms.includes(targetRoom), `room ${roomName} may not import room ${targetRoom}`);
      assert.equal(target, `${targetRoom}/index.ts`, `room ${targetRoom} is entered through its front file`);
    }
  });
}

test('the files of wasm/ import one another in one direction', () => {
  const path: string[] = [];
  const finished = new Set<string>();
  function visit(file: string): void {
    assert.ok(!path.includes(file), `${[...path.slice(path.indexOf(file)), file].join(' -> ')} goes round`);
    if (finished.has(file)) return;
    path.push(file);
    for (const [, specifier] of readFileSync(join(WASM, file), 'utf8').matchAll(IMPORTS)) {
      visit(`${join(file, '..', specifier!)}.ts`);
    }
    path.pop();
    finished.add(file);
  }
  visit('index.ts');
  assert.ok(finished.size > 1, 'and there are files that do');
});
