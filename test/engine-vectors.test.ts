/** Other people's vectors, every backend: support/published.ts says which file is what, and where keymill's answer is another. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { forEachBackend } from './support/backends.ts';
import { checkPublished, NOT_OURS, PUBLISHED_SETS } from './support/published.ts';
import { needsSharedVectors, SHARED_VECTORS } from './support/vectors.ts';

describe('published vectors', needsSharedVectors, () => {
  test('every file is in the table, or named as not ours with a reason', () => {
    const files = ['acvp', 'rfc', 'wycheproof'].flatMap((folder) =>
      readdirSync(path.join(SHARED_VECTORS, folder))
        .filter((name) => name.includes('.json'))
        .map((name) => `${folder}/${name}`),
    );
    const named = [...PUBLISHED_SETS.map(({ file }) => file), ...Object.keys(NOT_OURS)];
    assert.deepEqual(
      files.filter((file) => !named.includes(file)),
      [],
    );
  });

  forEachBackend('published vectors', (subject) => {
    for (const set of PUBLISHED_SETS) {
      const { file, needs, excluded } = set;
      subject.test(needs, `${file}${excluded === undefined ? '' : ` (unreachable: ${excluded})`}`, async (context) => {
        await checkPublished(subject.engine, set, (text) => context.diagnostic(`${subject.name} ${text}`));
      });
    }
  });
});
