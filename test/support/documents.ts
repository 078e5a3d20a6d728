/** The code blocks of the documents and of docstrings: how they are found, and how each language runs. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../../..');

/** Every document for people who use or change keymill, by its path in the repository. */
export const DOCUMENTS: readonly string[] = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`),
];

/** Sources whose docstrings may have blocks. */
export const SOURCES: readonly string[] = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => `src/${name}`);

export interface Block {
  readonly file: string;
  /** The line of its first line, from 1. */
  readonly line: number;
  readonly language: string;
  /** What stands behind the language: the name under which the page's other blocks find it. */
  readonly savedAs: string | undefined;
  readonly code: string;
  /** The heading of level 2 that it stands under. */
  readonly section: string;
  /** The bold text before it, where that is all its paragraph has. */
  readonly title: string | undefined;
}

/** What a document says; of a source its docstrings, at their lines. */
export function textOf(file: string): string {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return file.endsWith('.ts')
    ? text.replaceAll(/^(?: *\* ?(.*)|.*)$/gm, (_, said: string | undefined) => said ?? '')
    : text;
}

/** The fenced blocks of a document, in order. A fence that is not closed, or names no language, fails. */
export function blocksOf(file: string): readonly Block[] {
  const blocks: Block[] = [];
  let [section, title]: [string, string | undefined] = ['', undefined];
  let open:
    | { indent: string; language: string; savedAs: string | undefined; line: number; lines: string[] }
    | undefined;
  for (const [index, text] of textOf(file).split('\n').entries()) {
    const [, indent = '', info] = /^( *)```(.*)$/.exec(text) ?? [];
    if (open === undefined && info !== undefined) {
      const [language = '', savedAs] = info.split(' ');
      assert.notEqual(language, '', `${file}:${index + 1}: a fence without a language`);
      open = { indent, language, savedAs, line: index + 2, lines: [] };
    } else if (open !== undefined && info === '') {
      const { language, savedAs, line, lines } = open;
      blocks.push({ file, line, language, savedAs, code: `${lines.join('\n')}\n`, section, title });
      [open, title] = [undefined, undefined];
    } else if (open !== undefined) {
      open.lines.push(text.startsWith(open.indent) ? text.slice(open.indent.length) : text);
    } else if (text.startsWith('## ')) {
      section = text.slice(3);
    } else if (text !== '') {
      title = /^\*\*(.+?)\*\*$/.exec(text)?.[1];
    }
  }
  assert.equal(open, undefined, `${file}: a fence is not closed`);
  return blocks;
}

/** How a language runs: the extension of its files, the command for them, and what goes before a block. */
const LANGUAGES = {
  js: { extension: 'mjs', command: process.execPath, prefix: '' },
  sh: { extension: 'sh', command: 'bash', prefix: 'set -e\nshopt -s expand_aliases\n' },
  py: { extension: 'py', command: 'python3', prefix: '' },
} as const;
export type Language = keyof typeof LANGUAGES;

/** Where a block is put, and where and with what it runs. */
export interface Place {
  /** Beside node_modules, so that its imports are found. */
  readonly programs: string;
  readonly directory: string;
  readonly environment: NodeJS.ProcessEnv;
}

/** Runs a block that must end well, and gives the lines that it prints. One that serves is ended once it said that it is ready. */
export function run(language: Language, code: string, place: Place): Promise<readonly string[]> {
  const { extension, command, prefix } = LANGUAGES[language];
  const file = join(place.programs, `block.${extension}`);
  writeFileSync(file, prefix + code);
  return runProgram(command, [file], place);
}

const READY = /^keymill is ready on (http\S+)$/m;
const TIME_LIMIT_MS = 60_000;

/** As `run`, of a program that is there. */
export async function runProgram(
  command: string,
  args: readonly string[],
  { directory, environment }: Omit<Place, 'programs'>,
): Promise<readonly string[]> {
  // In a group of its own, so that what a shell started ends as well.
  const child = spawn(command, args, {
    cwd: directory,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...environment, NODE_NO_WARNINGS: '1' },
  });
  const end = (signal: NodeJS.Signals) => process.kill(-child.pid!, signal);
  const timer = setTimeout(() => end('SIGKILL'), TIME_LIMIT_MS);
  const written = { stdout: '', stderr: '' };
  let served: string | undefined;
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      written[name] += chunk;
      if (served !== undefined || !READY.test(written.stdout)) return;
      served = READY.exec(written.stdout)![1]!;
      end('SIGTERM');
    });
  }
  const [code] = await once(child, 'close');
  clearTimeout(timer);
  if (served === undefined) assert.equal(code, 0, written.stderr);
  else assert.match(written.stderr, /"msg":"stopped"/);
  return written.stdout.trim().split('\n');
}

/** Compiles files of a directory within the project as strictly as the project itself; what the compiler has to say. */
export async function compile(directory: string, files: readonly string[], options: object = {}): Promise<string> {
  const compilerOptions = { rootDir: '.', outDir: '.', declaration: false, ...options };
  const configuration = { extends: join(ROOT, 'tsconfig.json'), compilerOptions, include: [], files };
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(configuration));
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  const tsc = spawn(process.execPath, [compiler, '-p', directory, '--pretty', 'false'], { cwd: directory });
  return Buffer.concat(await tsc.stdout.toArray()).toString();
}

/** False, or why tests that need a command skip. */
export const missing = (command: string, ...args: string[]): string | false =>
  spawnSync(command, args, { stdio: 'ignore' }).status === 0 ? false : `${command} ${args.join(' ')} does not run here`;
