/** The backends under test, what each of them has, and one suite run over all of them. */
import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import {
  type DigestAlgorithm,
  type Engine,
  EngineError,
  type EngineOptions,
  KEY_SPECS,
  type KeySpec,
  openEngine,
} from 'keymill/engine';

interface BackendRow {
  readonly name: string;
  readonly options: EngineOptions;
  /** Key specs and hashes this backend has; everything where absent. The one place that says what WASM cannot do yet. */
  readonly has?: { readonly keySpecs: readonly KeySpec[]; readonly hashes: readonly DigestAlgorithm[] };
}

export const BACKENDS: readonly BackendRow[] = [
  { name: 'native', options: { backend: 'native' } },
  { name: 'native on OpenSSL alone', options: { backend: 'native', kernels: 'openssl' } },
  { name: 'wasm', options: { backend: 'wasm' } },
];

/** Why the native backend cannot be tested here; undefined where it can. In CI that is a failure, elsewhere a skip. */
export const nativeAbsence: string | undefined = await openEngine({ backend: 'native' }).then(
  (engine) => engine.close().then(() => undefined),
  (error: unknown) => `no native backend: ${(error as Error).message}`,
);

/** Options of a describe or test that needs the native backend: skipped where it is absent, unless in CI. */
export const needsNative: { skip: string | false } = {
  skip: nativeAbsence !== undefined && process.env.CI !== 'true' ? nativeAbsence : false,
};

/** One backend, open while its suite runs. */
export class Subject {
  readonly name: string;
  readonly #row: BackendRow;
  #engine: Engine | undefined;

  constructor(row: BackendRow) {
    this.name = row.name;
    this.#row = row;
  }

  get engine(): Engine {
    assert.ok(this.#engine !== undefined, 'the engine is open inside tests only');
    return this.#engine;
  }

  /** Another engine on the same backend; the caller closes it. */
  openAnother(options: EngineOptions = {}): Promise<Engine> {
    return openEngine({ ...this.#row.options, ...options });
  }

  has(name: KeySpec | DigestAlgorithm): boolean {
    const { has } = this.#row;
    if (has === undefined) return true;
    return has.keySpecs.includes(name as KeySpec) || has.hashes.includes(name as DigestAlgorithm);
  }

  /** The specs of a list this backend has. */
  keySpecs(among = Object.keys(KEY_SPECS) as KeySpec[]): KeySpec[] {
    return among.filter((keySpec) => this.has(keySpec));
  }

  /** A test that needs a key spec or hash; where the backend lacks it, a test that it says so. */
  test(name: KeySpec | DigestAlgorithm, title: string, body: (context: TestContext) => unknown): void {
    if (this.has(name)) {
      test(title, async (context) => {
        await body(context);
      });
    } else {
      test(`${title}: ${name} is unsupported by ${this.name}`, () => this.assertUnsupported(name));
    }
  }

  async assertUnsupported(name: KeySpec | DigestAlgorithm): Promise<void> {
    const call = Object.hasOwn(KEY_SPECS, name)
      ? this.engine.generateKey(name as KeySpec)
      : this.engine.digest({ algorithm: name as DigestAlgorithm, message: new Uint8Array(1) });
    await assert.rejects(call, (error) => error instanceof EngineError && error.code === 'UNSUPPORTED');
  }

  async open(): Promise<void> {
    this.#engine = await openEngine(this.#row.options);
    assert.equal(this.#engine.info.backend, this.#row.options.backend);
  }

  async close(): Promise<void> {
    await this.#engine?.close();
  }
}

/** Registers the suite once per backend, each with its own engine. */
export function forEachBackend(title: string, suite: (subject: Subject) => void): void {
  for (const row of BACKENDS) {
    describe(`${title} (${row.name})`, row.options.backend === 'native' ? needsNative : {}, () => {
      const subject = new Subject(row);
      before(() => subject.open());
      after(() => subject.close());
      suite(subject);
    });
  }
}
