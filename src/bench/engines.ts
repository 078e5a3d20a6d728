/** keymill itself, on each backend and kernel list, in each mode. */
import {
  type Engine,
  EngineError,
  type EngineOptions,
  type OpenPackedResult,
  openEngine,
  type RunItem,
  type RunResult,
} from '../engine/index.ts';
import { asynchronous, type Entry, type Subject, type Way } from './contender.ts';
import type { Fixture } from './node.ts';

/** By the name of the contender. The emulated kernels are for tests, not for speed. */
export const ENGINES: Readonly<Record<string, Pick<EngineOptions, 'backend' | 'kernels'>>> = {
  native: { backend: 'native', kernels: 'auto' },
  'native-scalar': { backend: 'native', kernels: 'scalar' },
  'native-openssl': { backend: 'native', kernels: 'openssl' },
  wasm: { backend: 'wasm' },
};
export const isEngine = (name: string): boolean => Object.hasOwn(ENGINES, name);

/** Those that are swept over batch sizes and threads. */
export const SWEPT_ENGINES: readonly string[] = ['native', 'wasm'];

/** An engine by its contender's name. @throws EngineError BACKEND_UNAVAILABLE or UNSUPPORTED where this machine or build does not have it */
export const openContender = (name: string, threads: number): Promise<Engine> =>
  openEngine({ ...ENGINES[name]!, threads });

/** The request of one operation. */
async function requestOf(engine: Engine, fixture: Fixture): Promise<RunItem> {
  const { case: benchCase, message, answer, secret, peer } = fixture;
  const { operation, algorithm, keySpec } = benchCase;
  if (operation === 'digest') return { op: 'digest', algorithm, message } as RunItem;
  const material =
    secret!.type === 'secret'
      ? ({ format: 'raw', data: secret!.export() } as const)
      : ({ format: 'pkcs8', data: secret!.export({ type: 'pkcs8', format: 'der' }) } as const);
  const key = await engine.importKey({ keySpec: keySpec!, ...material });
  const requests: Readonly<Record<string, object>> = {
    encrypt: { plaintext: message },
    decrypt: { ciphertext: answer.p1363 },
    mac: { message },
    sign: { message, ...encodingOf(algorithm) },
    verify: { message, signature: answer.p1363, ...encodingOf(algorithm) },
    deriveSharedSecret: { publicKey: peer?.export({ type: 'spki', format: 'der' }) },
  };
  return { op: operation, key, algorithm, ...requests[operation] } as RunItem;
}

const encodingOf = (algorithm: string): object => (algorithm.startsWith('ECDSA') ? { encoding: 'p1363' } : {});

/** n copies of a buffer, end to end. */
function repeat(bytes: Uint8Array, count: number): Uint8Array {
  const all = new Uint8Array(bytes.length * count);
  for (let index = 0; index < count; index++) all.set(bytes, index * bytes.length);
  return all;
}

/** `count` equal results, end to end. */
const split = (bytes: Uint8Array, count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, index) =>
    bytes.subarray((index * bytes.length) / count, ((index + 1) * bytes.length) / count),
  );

interface PackedRow {
  readonly method: 'sealPacked' | 'openPacked' | 'macPacked' | 'signPacked' | 'verifyPacked';
  /** What is laid end to end: its name in the packed request, and in that of one item. The first is what `messageBytes` measures. */
  readonly members: readonly (readonly [packed: string, single: string])[];
  readonly results: Way['results'];
}

/** The packed form of an operation with a key that has one. */
const PACKED: Readonly<Record<string, PackedRow>> = {
  encrypt: { method: 'sealPacked', members: [['messages', 'plaintext']], results: split },
  decrypt: {
    method: 'openPacked',
    members: [['messages', 'ciphertext']],
    results: ({ messages, opened }: OpenPackedResult, count) =>
      split(messages, count).map((message, index) => (opened[index] === 1 ? message : undefined)),
  },
  mac: { method: 'macPacked', members: [['messages', 'message']], results: split },
  sign: { method: 'signPacked', members: [['messages', 'message']], results: split },
  verify: {
    method: 'verifyPacked',
    members: [
      ['messages', 'message'],
      ['signatures', 'signature'],
    ],
    results: (verdicts: Uint8Array) => Array.from(verdicts, (verdict) => verdict === 1),
  },
};

/** Inputs are laid end to end outside the timed region: once for each count. */
function packedWay(engine: Engine, { op, ...request }: RunItem): Way | undefined {
  const row = PACKED[op];
  const isOaep = 'plaintext' in request || 'ciphertext' in request ? request.key.keySpec.startsWith('RSA') : false;
  if (row === undefined || isOaep) return undefined;
  const { method, members, results } = row;
  const call = (engine[method] as (request: object) => Promise<unknown>).bind(engine);
  const single = request as unknown as Readonly<Record<string, Uint8Array>>;
  let count = 0;
  let packed: object;
  const work = (wanted: number): Promise<unknown> => {
    if (wanted !== count) {
      const inputs = members.map(([name, member]) => [name, repeat(single[member]!, wanted)]);
      packed = { ...request, ...Object.fromEntries(inputs), messageBytes: single[members[0]![1]]!.length };
      count = wanted;
    }
    return call(packed);
  };
  return { mode: 'packed', work, results };
}

/** One item repeated: what differs between items costs the same. */
function runWay(engine: Engine, request: RunItem): Way {
  let items: RunItem[] = [];
  return {
    mode: 'run',
    work: (count) => {
      if (items.length !== count) items = new Array(count).fill(request);
      return engine.run(items);
    },
    results: (outcomes: RunResult[]) => outcomes.map(({ value }) => value),
  };
}

/** An engine as a contender. */
export const engineEntry = (name: string, threads: number, engine: Engine): Entry => ({
  name,
  threads,
  async open(fixture): Promise<Subject | undefined> {
    try {
      const request = await requestOf(engine, fixture);
      const { op, ...members } = request;
      const call = (engine[op as 'digest'] as (request: unknown) => Promise<unknown>).bind(engine);
      const ways = [...asynchronous(() => call(members)), runWay(engine, request)];
      const packed = packedWay(engine, request);
      return { ways: packed === undefined ? ways : [...ways, packed], encoding: 'p1363' };
    } catch (error) {
      if (error instanceof EngineError && error.code === 'UNSUPPORTED') return undefined;
      throw error;
    }
  },
});
