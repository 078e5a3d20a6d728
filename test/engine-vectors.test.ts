/** Other people's vectors, every backend: support/published.ts says which file is what, and where keymill's answer is another. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { type Engine, openEngine } from 'keymill/engine';
import { forEachBackend, needsNative } from './support/backends.ts';
import { NOT_OURS, PUBLISHED_SETS, type PublishedSet, type Verdict } from './support/published.ts';
import { needsSharedVectors, SHARED_VECTORS } from './support/vectors.ts';

const titleOf = ({ file, excluded }: PublishedSet): string =>
  `${file}${excluded === undefined ? '' : ` (unreachable: ${excluded})`}`;

/** Runs every vector of a file on an engine; none may come to another verdict than the file's or support/published.ts's. */
async function assertAgrees(engine: Engine, name: string, set: PublishedSet, context: TestContext): Promise<void> {
  const { file, minimum, run, excluded } = set;
  const verdicts = new Map<string, Verdict>();
  await run(engine, file, (vector, verdict) => {
    const earlier = verdicts.get(vector) ?? 'unreachable';
    if (typeof earlier !== 'object') verdicts.set(vector, verdict === 'unreachable' ? earlier : verdict);
  });
  const wrong = [...verdicts].filter(([, verdict]) => typeof verdict === 'object');
  const agreeing = [...verdicts.values()].filter((verdict) => verdict === 'agrees').length;
  const unreachable = verdicts.size - wrong.length - agreeing;
  context.diagnostic(`${name} ${file}: ${agreeing} agree, ${unreachable} unreachable, ${wrong.length} wrong`);
  assert.deepEqual(wrong.slice(0, 10), [], `${wrong.length} wrong of ${verdicts.size}`);
  assert.ok(agreeing >= minimum, `${agreeing} vectors agree, fewer than the ${minimum} expected`);
  assert.ok(excluded !== undefined || unreachable === 0, `${unreachable} unreachable, and no reason given`);
}

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
      subject.test(set.needs, titleOf(set), (context) => assertAgrees(subject.engine, subject.name, set, context));
    }
  });

  // What `auto` and OpenSSL have been asked above is asked of the other kernels too.
  for (const [kernels, families] of [
    ['scalar', /^ECC_/],
    ['emulated', /^ECC_|^RSA_/],
  ] as const) {
    describe(`published vectors (native, ${kernels} kernels)`, needsNative, () => {
      let engine: Engine;
      before(async () => {
        engine = await openEngine({ backend: 'native', kernels });
      });
      after(() => engine.close());
      for (const set of PUBLISHED_SETS.filter(({ needs }) => families.test(needs))) {
        test(titleOf(set), (context) => assertAgrees(engine, kernels, set, context));
      }
    });
  }
});
