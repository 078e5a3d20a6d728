/**
 * Every code block of the documents and of the docstrings, run as it stands, and every relative link. A document's blocks run in order
 * in one directory, in which `keymill` is installed and, where a block calls an endpoint, one serves ./keymill-data.
 */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, normalize } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { parse } from 'yaml';
import { cleanEnvironment, exported, MAIN, type Running, run as runKeymill, serve, stop } from './support/cli.ts';
import {
  type Block,
  blocksOf,
  compile,
  DOCUMENTS,
  missing,
  ROOT,
  run,
  runProgram,
  SOURCES,
  textOf,
} from './support/documents.ts';
import { temporaryDirectory } from './support/kms-service.ts';

/** Run, and checked closely, by readme-clients.test.ts. */
const isRunElsewhere = ({ file, section }: Block): boolean => file === 'README.md' && section === 'Existing clients';

const BLOCKS = new Map(
  [...DOCUMENTS, ...SOURCES].map((file) => [file, blocksOf(file).filter((block) => !isRunElsewhere(block))] as const),
);

// Beside node_modules, so that packages are found, keymill among them.
const programs = mkdtempSync(join(ROOT, 'dist/documents-'));
after(() => rmSync(programs, { recursive: true, force: true }));

const stemOf = ({ file, line }: Block): string => `${file.replaceAll(/\W+/g, '-')}-${line}`;

/** Compiles every ts block; what the compiler has to say. Blocks with errors run all the same. */
function compileBlocks(): Promise<string> {
  const blocks = [...BLOCKS.values()].flat().filter(({ language }) => language === 'ts');
  for (const block of blocks) {
    // At its own lines, so that messages lead to it.
    writeFileSync(join(programs, `${stemOf(block)}.ts`), '\n'.repeat(block.line - 1) + block.code);
  }
  return compile(
    programs,
    blocks.map((block) => `${stemOf(block)}.ts`),
  );
}
let compiling: Promise<string> | undefined;
const compiled = (): Promise<string> => {
  compiling ??= compileBlocks();
  return compiling;
};

/** What a command needs that not everybody has. Looked at once. */
const NEEDS: readonly (readonly [uses: RegExp, lack: string | false])[] = [
  [/\baws\b.* kms\b/, missing('aws', '--version')],
  [/import boto3/, missing('python3', '-c', 'import boto3')],
  [/curl .*--aws-sigv4/, missing('curl', '--aws-sigv4', 'aws:amz', '--version')],
  [/\bopenssl /, missing('openssl', 'version')],
  [/keymill bench/, !runKeymill(['--help']).stdout.includes(' bench') && 'there is no such command yet'],
];
const lackOf = (code: string): string | false =>
  NEEDS.map(([uses, lack]) => uses.test(code) && lack).find((lack) => lack !== false) ?? false;

const CALLS_AN_ENDPOINT = /\$AWS_|\baws kms\b|boto3|new KMS(?:Client)?\(\)/;

/** A document's directory, with the endpoint on its store once a block wants one. */
class Page {
  readonly directory: string;
  readonly programs: string;
  readonly #commands: string;
  #endpoint: Promise<{ running: Running; pasted: NodeJS.ProcessEnv }> | undefined;

  constructor(context: Pick<TestContext, 'after'>) {
    this.directory = temporaryDirectory(context);
    this.programs = mkdtempSync(join(programs, 'page-'));
    this.#commands = temporaryDirectory(context);
    this.#command('keymill', `exec '${process.execPath}' '${MAIN}' "$@"`);
    this.#command('npx', 'exec "$@"');
    // Installing it from the tarball is what test/package does.
    this.#command('npm', 'test "$*" = "install keymill"');
  }

  get #store(): string {
    return join(this.directory, 'keymill-data');
  }

  /** An endpoint on this page's store, and what somebody pasted who calls it. */
  async #serve(): Promise<{ running: Running; pasted: NodeJS.ProcessEnv }> {
    const running = await serve(this.#store);
    const { stdout } = runKeymill(['credentials', '--path', this.#store]);
    return { running, pasted: { ...exported(stdout.split('\n')), AWS_ENDPOINT_URL_KMS: running.url } };
  }

  async close(): Promise<void> {
    if (this.#endpoint !== undefined) await stop((await this.#endpoint).running);
  }

  #command(name: string, script: string): void {
    const file = join(this.#commands, name);
    writeFileSync(file, `#!/bin/sh\n${script}\n`);
    chmodSync(file, 0o755);
  }

  /** Where a block with this code runs. */
  async place(code: string) {
    if (CALLS_AN_ENDPOINT.test(code)) this.#endpoint ??= this.#serve();
    const PATH = [this.#commands, process.env.PATH].join(delimiter);
    const environment = cleanEnvironment({ PATH, KEYMILL_PORT: '0', AWS_PAGER: '', ...(await this.#endpoint)?.pasted });
    return { programs: this.programs, directory: this.directory, environment };
  }
}

/** A line that prints, with what it must print behind an arrow. */
const PRINTING = /^\s*console\.log\(.*?\);(?: \/\/ -> (.*))?$/;

/** What lines behind arrows promise is what was printed. */
function assertPrinted(code: string, printed: readonly string[]): void {
  const promised = code.split('\n').flatMap((line) => (PRINTING.test(line) ? [PRINTING.exec(line)![1]] : []));
  if (promised.every((each) => each === undefined)) return;
  assert.deepEqual(
    printed.map((line, index) => (promised[index] === undefined ? undefined : line)),
    promised,
  );
}

/** What the text of a file for another program starts keymill with, as a shell would. */
const COMMAND_LINES: Readonly<Record<string, (code: string) => string>> = {
  ini: (unit) => /^ExecStart=(.+)$/m.exec(unit)![1]!.replace(/^\S*\//, ''),
  dockerfile: (text) =>
    [...text.matchAll(/^(?:ENTRYPOINT|CMD) (.+)$/gm)].flatMap(([, words]) => JSON.parse(words!)).join(' '),
};
/** Where such files keep the store. */
const STATE_DIRECTORY = '/var/lib/keymill';

type Runner = (block: Block, page: Page) => Promise<unknown>;

const runText =
  (language: 'js' | 'sh' | 'py'): Runner =>
  async ({ code }, page) =>
    assertPrinted(code, await run(language, code, await page.place(code)));

const runCommandLine: Runner = async ({ code, language }, page) => {
  const command = COMMAND_LINES[language]!(code).replaceAll(STATE_DIRECTORY, join(page.directory, 'state'));
  await run('sh', command, await page.place(''));
};

const save =
  (parsed: (text: string) => unknown): Runner =>
  async ({ code, savedAs }, page) => {
    assert.ok(savedAs, 'expected the name of a file behind the language, for other blocks to use');
    assert.ok(parsed(code));
    writeFileSync(join(page.directory, savedAs), code);
  };

/** Every language there is; a fence in another one fails. */
const RUNNERS: Readonly<Record<string, Runner>> = {
  ts: async (block, page) => {
    await compiled();
    const program = join(programs, `${stemOf(block)}.js`);
    assertPrinted(block.code, await runProgram(process.execPath, [program], await page.place(block.code)));
  },
  js: runText('js'),
  sh: runText('sh'),
  py: runText('py'),
  yaml: save(parse),
  json: save(JSON.parse),
  ini: runCommandLine,
  dockerfile: runCommandLine,
};

describe('code blocks', { concurrency: 2 }, () => {
  test('those in TypeScript compile', async () => assert.equal(await compiled(), ''));

  for (const [file, blocks] of BLOCKS) {
    if (blocks.length === 0) continue;
    describe(file, { concurrency: 1 }, () => {
      let page: Page;
      const closers: (() => unknown)[] = [];
      before(() => {
        page = new Page({ after: (closer) => closers.push(closer as () => unknown) });
      });
      after(async () => {
        await page.close();
        for (const closer of closers) await closer();
      });
      for (const block of blocks) {
        test(`line ${block.line}, ${block.language}`, { skip: lackOf(block.code) }, async () => {
          const runner = RUNNERS[block.language];
          assert.ok(runner, `no block is written in ${block.language}`);
          await runner(block, page);
        });
      }
    });
  }
});

/** GitHub's name for a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

const proseOf = (file: string): string => textOf(file).replaceAll(/^ *```[\s\S]*?^ *```$/gm, '');
const anchorsOf = (file: string): ReadonlySet<string> =>
  new Set([...proseOf(file).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading!)));

describe('links', () => {
  const { files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

  for (const file of DOCUMENTS) {
    const links = [...proseOf(file).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
    for (const target of new Set(links.filter((each) => !/^https?:/.test(each)))) {
      test(`${file}: ${target}`, () => {
        const [path = '', anchor] = target.split('#');
        const linked = path === '' ? file : normalize(join(dirname(file), path));
        assert.ok(existsSync(join(ROOT, linked)), `there is no ${linked}`);
        if (anchor !== undefined) assert.ok(anchorsOf(linked).has(anchor), `${linked} has no heading for #${anchor}`);
        // So that it leads somewhere from node_modules as well.
        const isPacked = linked === 'package.json' || files.some((each: string) => `${linked}/`.startsWith(`${each}/`));
        assert.ok(isPacked, `${linked} is not in the package`);
      });
    }
  }

  test('the README leads to every page, directly or over others', () => {
    const reached = new Set<string>();
    const follow = (file: string) => {
      if (reached.has(file) || !file.endsWith('.md')) return;
      reached.add(file);
      for (const [, path] of proseOf(file).matchAll(/\]\(([^)\s#:]+)(?:#[^)]*)?\)/g))
        follow(normalize(join(dirname(file), path!)));
    };
    follow('README.md');
    assert.deepEqual(
      DOCUMENTS.filter((file) => !reached.has(file)),
      [],
    );
  });
});
