/** Which of the libraries are installed, and how they become contenders. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Entry, synchronous } from './contender.ts';
import { LIBRARIES, type Library, type Load } from './libraries.ts';

export interface InstalledPeer extends Entry {
  readonly version: string;
}

/** Those that are installed at one of the places, looked for in their order; the names of the others. */
export function findPeers(places: readonly string[]): { installed: InstalledPeer[]; absent: string[] } {
  const installed: InstalledPeer[] = [];
  const absent: string[] = [];
  for (const peer of LIBRARIES) {
    const place = places.find((each) => resolveFrom(each, peer.name) !== undefined);
    if (place === undefined) absent.push(peer.name);
    else installed.push(entryOf(peer, place));
  }
  return { installed, absent };
}

function resolveFrom(place: string, specifier: string): string | undefined {
  try {
    return createRequire(path.join(place, 'from-here.js')).resolve(specifier);
  } catch {
    return undefined;
  }
}

function entryOf({ name, serves, encoding, open }: Library, place: string): InstalledPeer {
  const load: Load = async (specifier) => {
    const file = resolveFrom(place, specifier);
    if (file === undefined) throw new Error(`${name} needs ${specifier}, which is not installed`);
    const module = await import(pathToFileURL(file).href);
    return module.default ?? module;
  };
  return {
    name,
    version: versionOf(name, resolveFrom(place, name)!),
    async open(fixture) {
      const { operation, keySpec, algorithm } = fixture.case;
      const kind = keySpec === undefined || keySpec === 'SYMMETRIC_DEFAULT' ? algorithm : keySpec;
      if (!serves.some((prefix) => kind.startsWith(prefix))) return undefined;
      const once = (await open(fixture, load))[operation];
      return once && { ways: [synchronous(once)], ...(encoding === undefined ? {} : { encoding }) };
    },
  };
}

/** Of the package that a file belongs to: the nearest package.json with its name. */
function versionOf(name: string, file: string): string {
  for (let directory = path.dirname(file); directory !== path.dirname(directory); directory = path.dirname(directory)) {
    const manifest = path.join(directory, 'package.json');
    if (!existsSync(manifest)) continue;
    const { name: found, version } = JSON.parse(readFileSync(manifest, 'utf8'));
    if (found === name) return String(version);
  }
  return 'unknown';
}
