/** The tables of the documents that say what the code says: made from the code, and compared. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Keymill } from 'keymill';
import { ALGORITHMS, HASHES, KEY_SPECS, type KeySpec, type KeySpecRow } from 'keymill/engine';
import { OPERATIONS } from '../src/kms/index.ts';
import { algorithmsOf, KEY_USAGES, maxOaepPlaintextBytes } from '../src/kms/specs.ts';
import { ROOT, textOf } from './support/documents.ts';
import { temporaryDirectory } from './support/kms-service.ts';

type Cells = readonly (string | number)[];

const table = (...rows: readonly Cells[]): string => {
  const [head, ...body] = rows.map((cells) => `| ${cells.join(' | ')} |`);
  return [head, `|${' --- |'.repeat(rows[0]!.length)}`, ...body].join('\n');
};
const code = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ');

/** The table that stands behind a mark. */
function assertTable(file: string, mark: string, expected: string): void {
  const [, ...behind] = readFileSync(join(ROOT, file), 'utf8').split(`<!-- ${mark} -->\n`);
  assert.equal(behind.length, 1, `${file}: expected one mark "${mark}"`);
  const found = /^\n*((?:\|.*\n)*)/.exec(behind[0]!)![1]!.trim();
  assert.ok(found === expected, `${file}, behind "${mark}", ought to be\n${expected}`);
}

const SPECS = Object.keys(KEY_SPECS) as KeySpec[];

test('specs, usages and algorithms', () => {
  const rows = SPECS.flatMap((spec) =>
    KEY_USAGES.map((usage) => [code([spec]), code([usage]), code(algorithmsOf(spec, usage))]).filter(
      ([, , names]) => names,
    ),
  );
  assertTable('docs/key-types.md', 'key types', table(['key spec', 'key usage', 'algorithms'], ...rows));
});

test('every algorithm is explained', () => {
  for (const name of [...Object.keys(ALGORITHMS), ...Object.keys(HASHES)]) {
    assert.ok(textOf('docs/key-types.md').includes(`\`${name}\``), name);
  }
});

/** The longest ECDSA-Sig-Value: two INTEGERs, each with a bit for its sign, in a SEQUENCE. A curve's name has its order's bits. */
function longestDer(spec: KeySpec): number {
  const integerBytes = Math.floor(Number(/P(\d+)/.exec(spec)![1]) / 8) + 1;
  const content = 2 * (2 + integerBytes);
  return content + (content < 128 ? 2 : 3);
}

/** What keys of each family take and give, in bytes. */
const SIZES: Readonly<Record<KeySpecRow['family'], (row: KeySpecRow, spec: KeySpec) => string>> = {
  symmetric: () => '28 longer than the plaintext with AES-256-GCM, 40 with XAES-256-GCM, 92 in the service',
  rsa: ({ elementBytes }) => {
    const room = (['SHA_1', 'SHA_256'] as const).map((hash) =>
      maxOaepPlaintextBytes(elementBytes!, HASHES[hash].hashBytes),
    );
    return `signature and ciphertext ${elementBytes}; plaintext at most ${room.join(' (OAEP with SHA-1) or ')} (SHA-256)`;
  },
  ec: ({ elementBytes, algorithms }, spec) => {
    const secret = algorithms.includes('ECDH') ? `; shared secret ${elementBytes}` : '';
    return `signature r \\|\\| s ${2 * elementBytes!}, DER at most ${longestDer(spec)}${secret}`;
  },
  edwards: ({ elementBytes }) => `signature ${2 * elementBytes!}`,
  hmac: ({ generatedBytes }) => `MAC ${generatedBytes}`,
};

function rawSizes({ rawBytes, generatedBytes, family }: KeySpecRow): string {
  if (rawBytes === undefined) return '-';
  const [min, max] = rawBytes;
  if (min === max) return `${min}`;
  return family === 'hmac' ? `${min} to ${max}; ${generatedBytes} where drawn` : `${min} to ${max}`;
}

test('sizes', () => {
  const rows = SPECS.map((spec) => {
    const row = KEY_SPECS[spec];
    return [code([spec]), rawSizes(row), SIZES[row.family](row, spec)];
  });
  assertTable('docs/key-types.md', 'sizes', table(['key spec', 'raw key, bytes', 'results, bytes'], ...rows));
});

test('key spec ids', () => {
  const rows = SPECS.map((spec) => [code([spec]), KEY_SPECS[spec].id]);
  assertTable('docs/formats.md', 'key spec ids', table(['key spec', 'id'], ...rows));
});

test('tables of the store', async (t) => {
  const directory = temporaryDirectory(t);
  await (await Keymill.open({ path: directory })).close();
  const { default: Libsql } = await import('libsql');
  const database = new Libsql(join(directory, 'keymill.db'));
  const all = (text: string) => database.prepare(text).all() as { name: string; version: number }[];
  const version = all('select max(version) as version from migrations')[0]!.version;
  const names = all("select name from sqlite_schema where type = 'table' and name not like 'sqlite_%' order by name");
  const rows = names.map(({ name }) => [
    code([name]),
    code(all(`pragma table_info(${name})`).map((column) => column.name)),
  ]);
  database.close();
  assert.match(textOf('docs/formats.md'), new RegExp(`Schema version ${version}:`));
  assertTable('docs/formats.md', 'store tables', table(['table', 'columns'], ...rows));
});

test('every operation of the service is listed, and no other', () => {
  const [, section] = textOf('docs/aws-clients.md').split('\n## What there is\n');
  const lists = [...section!.split('\n## ')[0]!.matchAll(/^\| .* \| (.*) \|$/gm)].map(([, list]) => list!);
  const listed = lists.slice(2).flatMap((list) => list.split(', '));
  assert.deepEqual(listed.toSorted(), Object.keys(OPERATIONS).toSorted());
});

test('every metric is explained', () => {
  const metrics = readFileSync(join(ROOT, 'src/server/metrics.ts'), 'utf8');
  for (const [, name] of metrics.matchAll(/name: '(\w+)'/g))
    assert.ok(textOf('docs/running.md').includes(`\`${name}\``), name);
});
