/** Configuration files: one flat map from options to values, in YAML, of which JSON is a part. */
import { readFileSync } from 'node:fs';
import { parse, YAMLError } from 'yaml';
import { StartError } from '../kms/index.ts';

/** The values of the options in `known`, as text. @throws StartError where the file cannot be read, is no map, or names another option */
export function readConfiguration(file: string, known: readonly string[]): ReadonlyMap<string, string> {
  const value = parseFile(file);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new StartError(`${file}: expected a map of options, such as "port: 4599"`);
  }
  const settings = new Map<string, string>();
  for (const [name, setting] of Object.entries(value)) {
    if (!known.includes(name)) {
      throw new StartError(`${file}: there is no option "${name}" here; there are ${known.join(', ')}`);
    }
    if (typeof setting !== 'string' && typeof setting !== 'number') {
      throw new StartError(`${file}: ${name} must be a text or a number; put it in quotes`);
    }
    settings.set(name, String(setting));
  }
  return settings;
}

function parseFile(file: string): unknown {
  try {
    return parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof YAMLError) throw new StartError(`${file}: ${error.message}`, { cause: error });
    throw new StartError(`the configuration file cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
