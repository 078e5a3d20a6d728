/** Runs every generator of this directory (`npm run build:wasm`); files without output of their own do nothing when imported. */
import { readdirSync } from 'node:fs';

const directory = new URL('./', import.meta.url);
for (const file of readdirSync(directory).sort()) {
  // Importing itself it would wait for itself.
  if (file.endsWith('.mjs') && file !== 'index.mjs') await import(new URL(file, directory).href);
}
