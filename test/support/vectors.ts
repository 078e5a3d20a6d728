/** Test vectors: our own (test/vectors, always there) and other people's (../shared/vectors, which may be absent). */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';

const ROOT = path.resolve(import.meta.dirname, '../../..');
export const SHARED_VECTORS = path.resolve(ROOT, '../shared/vectors');

/** Options of a describe that reads `../shared/vectors`: skipped, saying so, where the folder is absent. */
export const needsSharedVectors: { skip: string | false } = {
  skip: existsSync(SHARED_VECTORS) ? false : `no vectors at ${SHARED_VECTORS}`,
};

/** The JSON document at a path under ../shared/vectors; `.gz` is unpacked. */
export function sharedVectors<Document>(name: string): Document {
  const bytes = readFileSync(path.join(SHARED_VECTORS, name));
  return JSON.parse((name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8'));
}

/** One of our own files: what made it, and its vectors. */
export interface OwnVectors<Vector> {
  readonly origin: readonly string[];
  readonly vectors: readonly Vector[];
}

/** Our own vectors of a primitive (tools/vectors.mjs writes them). An empty file is an error, so that no loop passes by being empty. */
export function ownVectors<Vector>(name: string): readonly Vector[] {
  const { origin, vectors }: OwnVectors<Vector> = JSON.parse(
    readFileSync(path.join(ROOT, 'test/vectors', `${name}.json`), 'utf8'),
  );
  if (origin.length < 2 || vectors.length === 0) throw new Error(`${name}.json: no vectors, or fewer than two origins`);
  return vectors;
}
