/** Other people's vectors, every backend: support/published.ts says which file is what, and where keymill's answer is another. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { forEachBackend } from './support/backends.ts';
import { NOT_OURS, PUBLISHED_SETS, type Verdict } from './support/published.ts';
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
    for (const { file, needs, minimum, run, excluded } of PUBLISHED_SETS) {
      subject.test(needs, `${file}${excluded === undefined ? '' : ` (unreachable: ${excluded})`}`, async (context) => {
        const verdicts = new Map<string, Verdict>();
        await run(subject.engine, file, (vector, verdict) => {
          const earlier = verdicts.get(vector) ?? 'unreachable';
          if (typeof earlier !== 'object') verdicts.set(vector, verdict === 'unreachable' ? earlier : verdict);
        });
        const wrong = [...verdicts].filter(([, verdict]) => typeof verdict === 'object');
        const agreeing = [...verdicts.values()].filter((verdict) => verdict === 'agrees').length;
        const unreachable = verdicts.size - wrong.length - agreeing;
        context.diagnostic(
          `${subject.name} ${file}: ${agreeing} agree, ${unreachable} unreachable, ${wrong.length} wrong`,
        );
        assert.deepEqual(wrong.slice(0, 10), [], `${wrong.length} wrong of ${verdicts.size}`);
        assert.ok(agreeing >= minimum, `${agreeing} vectors agree, fewer than the ${minimum} expected`);
        assert.ok(excluded !== undefined || unreachable === 0, `${unreachable} unreachable, and no reason given`);
      });
    }
  });
});
