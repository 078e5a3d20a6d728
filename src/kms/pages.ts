/** Listings in pages: Limit, Marker, NextMarker, Truncated. */
import type { Page } from '../store/index.ts';
import { KmsError } from './errors.ts';

/** Markers are opaque to callers; the prefix tells one of ours from anything else. */
const MARKER_PREFIX = 'after:';

function encodeMarker(after: string): string {
  return Buffer.from(MARKER_PREFIX + after, 'utf8').toString('base64url');
}

/** @throws KmsError InvalidMarkerException */
function decodeMarker(marker: string): string {
  const text = Buffer.from(marker, 'base64url').toString('utf8');
  const after = text.slice(MARKER_PREFIX.length);
  if (encodeMarker(after) !== marker) throw new KmsError('InvalidMarkerException', 'Could not parse marker.');
  return after;
}

interface PageOutput<Item> {
  readonly items: readonly Item[];
  readonly Truncated: boolean;
  readonly NextMarker?: string;
}

/** One page of what `read` lists; `nameOf` gives an item's place in the order. Reads one item more, to know whether there is one. */
export async function page<Item>(
  { Limit, Marker }: { readonly Limit?: number | undefined; readonly Marker?: string | undefined },
  defaultLimit: number,
  read: (page: Page) => Promise<readonly Item[]>,
  nameOf: (item: Item) => string,
): Promise<PageOutput<Item>> {
  const limit = Limit ?? defaultLimit;
  const after = Marker === undefined ? undefined : decodeMarker(Marker);
  const found = await read({ after, limit: limit + 1 });
  if (found.length <= limit) return { items: found, Truncated: false };
  const items = found.slice(0, limit);
  return { items, Truncated: true, NextMarker: encodeMarker(nameOf(items[limit - 1]!)) };
}
