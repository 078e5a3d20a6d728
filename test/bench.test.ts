/** `keymill bench`: nothing is timed that is wrong, contenders take turns, and what is found can be read again, compared and looked at. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import {
  type Contender,
  measure,
  pageOf,
  type Report,
  readReport,
  selectCases,
  type Timing,
} from '../src/bench/index.ts';
import { run } from './support/cli.ts';
import { temporaryDirectory } from './support/kms-service.ts';

/** As short as a run can be. */
const BRIEF = ['--rounds', '2', '--round-ms', '1', '--batch', '4'];

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly report: Report;
  readonly page: string;
}

/** A brief run in a directory of its own. */
function bench(t: TestContext, args: readonly string[], packages: Readonly<Record<string, string>> = {}): Ran {
  const directory = temporaryDirectory(t);
  for (const [name, source] of Object.entries(packages)) {
    const place = join(directory, 'node_modules', name);
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'package.json'), JSON.stringify({ name, version: '9.9.9' }));
    writeFileSync(join(place, 'index.js'), source);
  }
  const { status, stdout, stderr } = run(['bench', ...BRIEF, ...args], {}, directory);
  const report = readReport(join(directory, 'keymill-bench.json'));
  return { status, stdout, stderr, report, page: readFileSync(join(directory, 'keymill-bench.html'), 'utf8') };
}

const countOf = (text: string, part: string): number => text.split(part).length - 1;

describe('a run', () => {
  test('prints a table, and writes a report and a page that need nothing else', (t) => {
    const backends = ['node:crypto', 'wasm', 'WebCrypto', '@noble/curves'];
    const { status, stdout, stderr, report, page } = bench(t, ['sign', 'P256', '--backends', backends.join()]);
    assert.equal(status, 0, stderr);
    assert.equal(stderr, '', 'no progress bar where there is no terminal');
    assert.match(stdout, /^ +wasm +packed +\d+ +[\d.,]+ [mµn]?s +[\d,]+ +±\d+ % +[\d.]+×$/m);

    const [result] = report.cases;
    assert.deepEqual([report.cases.length, result?.name], [1, 'sign ECC_NIST_P256 ECDSA_SHA_256 32B']);
    assert.deepEqual(result?.refused, []);
    assert.deepEqual([...new Set(result?.operations.map(({ name }) => name))], backends);
    const modes = result?.operations.filter(({ name }) => name === 'wasm').map(({ mode }) => mode);
    assert.deepEqual(modes, ['one', 'promises', 'run', 'packed']);
    for (const { microseconds, ratio, spread } of result!.operations)
      assert.ok(microseconds > 0 && ratio > 0 && spread >= 0);
    for (const { p50, p90, p99, p999 } of result!.latency) assert.ok(p50 <= p90 && p90 <= p99 && p99 <= p999);

    assert.ok(report.processorShare! > 0);

    const scales = availableParallelism() > 1;
    const charts = [
      'Throughput',
      'Latency',
      'Throughput against batch size',
      ...(scales ? ['Scaling with threads'] : []),
    ];
    for (const title of charts) assert.ok(page.includes(`<h2>${title}</h2>`), title);
    assert.equal(countOf(page, '<figure>'), charts.length);
    assert.doesNotMatch(page, /<script|<link|<img|https?:|\bsrc=|\bhref=|url\(|@import/i);
    for (const fact of [report.machine.node, report.machine.openssl, 'keymill bench', 'sign P256']) {
      assert.ok(page.includes(fact), fact);
    }
  });

  test('compares with libraries where it runs, and says which are not there', (t) => {
    const source = `module.exports = { ecdsaSign: () => ({ signature: new Uint8Array(64) }), ecdsaVerify: () => true };`;
    const { report, stdout } = bench(t, ['secp256k1', '--backends', 'node:crypto,secp256k1,bcrypto'], {
      secp256k1: source,
    });
    assert.deepEqual(report.competitors.slice(1), [
      { name: 'secp256k1', version: '9.9.9' },
      { name: 'bcrypto', absent: 'not installed' },
    ]);
    assert.match(stdout, /^Not here, not installed: bcrypto$/m);
  });
});

describe('before anything is timed', () => {
  const hostile = `<img src="https://example.com/x">`;
  const WRONG: readonly (readonly [title: string, source: string, reason: RegExp])[] = [
    [
      'signs wrongly and takes any signature',
      'module.exports = { sign: () => new Uint8Array(64), verify: () => true };',
      /^wrong result$/,
    ],
    ['gives no bytes', 'module.exports = { sign: () => "signed", verify: () => 1 };', /^wrong result$/],
    [
      'throws',
      `module.exports = { sign() { throw new Error('${hostile}'); }, verify() { throw new Error('x'); } };`,
      /^Error: /,
    ],
    ['does not load', `throw new Error('${hostile}');`, /^Error: /],
  ];
  for (const [title, source, reason] of WRONG) {
    test(`a library that ${title} is refused, and the page says so`, (t) => {
      const args = ['secp256k1', '--backends', 'node:crypto,tiny-secp256k1'];
      const { status, stdout, report, page } = bench(t, args, { 'tiny-secp256k1': source });
      assert.equal(status, 0);
      assert.equal(report.cases.length, 2);
      for (const { refused, operations, latency } of report.cases) {
        assert.deepEqual(
          refused.map(({ name }) => name),
          ['tiny-secp256k1'],
        );
        assert.match(refused[0]!.reason, reason);
        assert.ok(![...operations, ...latency].some(({ name }) => name === 'tiny-secp256k1'));
        assert.ok(operations.length > 0, 'the others are timed');
      }
      assert.match(stdout, /REFUSED, not timed: tiny-secp256k1 one: /);
      assert.equal(countOf(page, 'Refused, not timed: tiny-secp256k1'), 2);
      assert.doesNotMatch(page, /<img/);
    });
  }
});

test('contenders take turns, round by round, the first of which does not count', async () => {
  const turns: string[] = [];
  const contender = (name: string): Contender => ({
    name,
    mode: 'run',
    count: 1,
    work: () => {
      if (turns.at(-1) !== name) turns.push(name);
    },
    check: () => true,
  });
  const rounds: number[] = [];
  const timings = await measure(['a', 'b', 'c'].map(contender), { rounds: 3, roundMs: 1, batch: 1 }, (done) =>
    rounds.push(done),
  );
  assert.match(turns.join(''), /(?:abc){4}$/);
  assert.deepEqual(rounds, [1, 2, 3, 4]);
  assert.equal(timings[0]!.ratio, 1);
});

describe('words', () => {
  const names = (...words: string[]): string[] =>
    selectCases(words, false).map(({ operation, keySpec, algorithm }) => `${operation} ${keySpec} ${algorithm}`);
  test('are whole parts of a name', () => {
    assert.deepEqual(names('sign', 'P256'), ['sign ECC_NIST_P256 ECDSA_SHA_256']);
    assert.deepEqual(names('Verify', 'rsa_2048', 'pss'), ['verify RSA_2048 RSASSA_PSS_SHA_256']);
    assert.deepEqual(names('P25'), []);
  });
  test('know what AWS calls otherwise', () => {
    assert.deepEqual(
      new Set(names('AES', '32B')),
      new Set(
        ['encrypt', 'decrypt'].flatMap((each) => [
          `${each} SYMMETRIC_DEFAULT SYMMETRIC_DEFAULT`,
          `${each} SYMMETRIC_DEFAULT XAES_256_GCM`,
        ]),
      ),
    );
    assert.equal(names('secp256k1').length, 2);
  });
  test('quick has each operation, and words go before it', () => {
    const operations = (quick: boolean) => new Set(selectCases([], quick).map(({ operation }) => operation));
    assert.deepEqual([...operations(true)].sort(), [...operations(false)].sort());
    assert.ok(selectCases([], true).length < selectCases([], false).length);
    assert.deepEqual(selectCases(['P521'], true), selectCases(['P521'], false));
  });
});

/** A report of one case, written by hand. */
function reportOf(timings: readonly Partial<Timing>[], cpu = 'CPU'): Report {
  const operations = timings.map((timing) => ({
    name: 'native',
    mode: 'one' as const,
    count: 1,
    operationsPerSecond: 1e6 / timing.microseconds!,
    spread: 0.05,
    ratio: 1,
    microseconds: 1,
    ...timing,
  }));
  const sections = { refused: [], operations, latency: [], batches: [], threads: [] };
  return {
    format: 'keymill-bench',
    version: 1,
    date: '2026-01-02T03:04:05.000Z',
    command: 'keymill bench',
    keymill: '0.1.0',
    machine: { cpu, processors: 2, platform: 'linux x64', node: 'v20.0.0', openssl: '3.0.0' },
    options: { threads: 1, rounds: 3, roundMs: 15, batch: 1024 },
    competitors: [{ name: 'native', version: '1' }],
    cases: [{ name: 'sign X', operation: 'sign', algorithm: 'X', sizeBytes: 32, ...sections }],
  };
}

describe('--compare', () => {
  const before = reportOf([
    { name: 'node:crypto', microseconds: 100 },
    { mode: 'run', microseconds: 10, ratio: 10 },
    { mode: 'packed', microseconds: 10, ratio: 10 },
    { mode: 'promises', microseconds: 10 },
  ]);
  const after = reportOf([
    { name: 'node:crypto', microseconds: 104 },
    { mode: 'run', microseconds: 5, ratio: 20 },
    { mode: 'packed', microseconds: 20, ratio: 5 },
    { name: 'wasm', microseconds: 10 },
  ]);
  const compare = (t: TestContext, ...files: unknown[]) => {
    const directory = temporaryDirectory(t);
    const names = files.map((file, index) => {
      const name = join(directory, `${index}.json`);
      writeFileSync(name, typeof file === 'string' ? file : JSON.stringify(file));
      return name;
    });
    return run(['bench', '--compare', ...names]);
  };

  test('says of each timing in both what it became, and whether that is more than the spread', (t) => {
    const { status, stdout } = compare(t, before, after);
    assert.equal(status, 0);
    assert.match(stdout, /node:crypto +one +100 µs +104 µs +0\.96× +1\.00× +within the spread$/m);
    assert.match(stdout, /native +run +10\.0 µs +5\.00 µs +2\.00× +2\.00× +faster$/m);
    assert.match(stdout, /native +packed +10\.0 µs +20\.0 µs +0\.50× +0\.50× +slower$/m);
    assert.match(stdout, /Of 3 timings 1 are faster and 1 slower/);
    assert.doesNotMatch(stdout, /different machines/);
  });

  test('says when the machines differ, and when there is nothing to compare', (t) => {
    assert.match(compare(t, before, reportOf([{ microseconds: 1 }], 'other')).stdout, /different machines/);
    const { status, stdout } = compare(t, before, { ...after, cases: [] });
    assert.deepEqual([status, stdout.includes('no timing in common')], [0, true]);
  });

  test('ends with 1 and a message for a file it cannot read', (t) => {
    const { status, stdout, stderr } = compare(t, before, { ...before, version: 2 });
    assert.deepEqual([status, stdout], [1, '']);
    assert.match(stderr, /version 2, expected 1/);
    assert.ok(!stderr.includes('    at '), stderr);
  });

  test('wants two files and nothing else', (t) => {
    for (const files of [[before], [before, after, after]]) assert.equal(compare(t, ...files).status, 2);
    assert.equal(run(['bench', 'sign', '--compare', 'a', 'b']).status, 2);
  });
});

const UNREADABLE: Readonly<Record<string, readonly [text: string, message: RegExp]>> = {
  'another version': ['{"format":"keymill-bench","version":2}', /version 2, expected 1/],
  'something else': ['{"hello":"world"}', /not a report of keymill bench/],
  'no object': ['null', /not a report of keymill bench/],
  'no JSON': ['<html>', /cannot be read as JSON/],
  'cases without timings': ['{"format":"keymill-bench","version":1,"cases":[{"name":"x"}]}', /damaged/],
};
for (const [title, [text, message]] of Object.entries(UNREADABLE)) {
  test(`a report file of ${title} is refused`, (t) => {
    const file = join(temporaryDirectory(t), 'report.json');
    writeFileSync(file, text);
    assert.throws(() => readReport(file), { code: 'BENCH', message });
  });
}

describe('a wrong command line', () => {
  const MISUSES: readonly (readonly [args: readonly string[], message: RegExp])[] = [
    [['sign', 'P999'], /no operation has sign and P999 in its name; words are .*\bp256\b/],
    [['--backends', 'native,opnessl'], /no contender "opnessl"; there are node:crypto, native, .*micro-rsa-dsa-dh/],
    [['--threads', '0'], /whole number from 1 to 256/],
    [['--batch', 'many'], /whole number/],
  ];
  for (const [args, message] of MISUSES) {
    test(`keymill bench ${args.join(' ')}`, () => {
      const { status, stderr } = run(['bench', ...args]);
      assert.equal(status, 2);
      assert.match(stderr, message);
    });
  }

  test('a place that cannot be written, before anything runs', () => {
    const { status, stdout, stderr } = run(['bench', '--json', '/dev/null/x.json']);
    assert.deepEqual([status, stdout], [1, '']);
    assert.match(stderr, /\/dev\/null/);
  });

  test('--help says what it takes', () => {
    const { status, stdout } = run(['bench', '--help']);
    assert.equal(status, 0);
    for (const option of ['--quick', '--threads', '--backends', '--json', '--html', '--compare', 'Exit codes']) {
      assert.ok(stdout.includes(option), option);
    }
  });
});

test('a run where nobody was right says so on its page', () => {
  const [first] = reportOf([]).cases;
  const refused = [{ name: 'native', mode: 'run', reason: 'wrong result' }] as const;
  const page = pageOf({ ...reportOf([]), cases: [{ ...first!, refused }] });
  assert.match(page, /Refused, not timed: native run: wrong result/);
});

test('the page warns where something else had the processor', () => {
  const page = (processorShare: number) => pageOf({ ...reportOf([{ microseconds: 1 }]), processorShare });
  assert.match(page(0.3), /had a processor for 30 % of its time/);
  assert.doesNotMatch(page(1.2), /This machine was busy/);
});

test('everything that goes into the page is escaped', () => {
  const hostile = `'"><script>alert(1)</script>&`;
  const report = reportOf([{ name: hostile, microseconds: 1 }], hostile);
  const [first] = report.cases;
  const page = pageOf({
    ...report,
    date: hostile,
    command: hostile,
    keymill: hostile,
    machine: { cpu: hostile, processors: 2, platform: hostile, node: hostile, openssl: hostile },
    competitors: [
      { name: hostile, version: hostile },
      { name: hostile, absent: hostile },
    ],
    cases: [{ ...first!, name: hostile, refused: [{ name: hostile, mode: 'one', reason: hostile }] }],
  });
  assert.doesNotMatch(page, /<script/);
  assert.ok(countOf(page, '&#39;&quot;&gt;&lt;script&gt;') > 10);
});
