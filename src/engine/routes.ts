/** Every (operation, algorithm, key spec) the tables allow, resolved once per engine: what an operation looks up instead of deciding. */
import { type Backend, type Block, Operation, RecordWord } from './backend.ts';
import type { Lane, Route } from './batch.ts';
import type { Queue } from './queue.ts';
import type { KeySpec, KeySpecRow } from './specs.ts';
import { ALGORITHMS, type Algorithm, type AlgorithmRow, type Cost, HASHES, KEY_SPECS } from './specs.ts';

/** A route of an operation with a key: also the rows its request is checked and sized by. */
export interface KeyRoute extends Route {
  readonly algorithmRow: AlgorithmRow;
  readonly spec: KeySpecRow;
}

/** Operations that use a key with an algorithm. */
export type KeyedOperation = 'encrypt' | 'decrypt' | 'sign' | 'verify' | 'mac' | 'verifyMac' | 'deriveSharedSecret';
/** Operations that make a key of a spec. */
export type KeyMakingOperation = 'generateKey' | 'importKey' | 'unwrapKey';

export interface Routes {
  readonly keyed: Readonly<Record<KeyedOperation, Readonly<Record<KeySpec, ReadonlyMap<string, KeyRoute>>>>>;
  readonly making: Readonly<Record<KeyMakingOperation, Readonly<Record<KeySpec, Route>>>>;
  /** By the spec of the key that is wrapped. */
  readonly wrapKey: Readonly<Record<KeySpec, Route>>;
  readonly exportKey: Route;
  readonly digest: Readonly<Record<string, Route>>;
  readonly random: Route;
}

/** What operations are placed with: one engine's backend, queue and routes. */
export interface EngineCore {
  readonly backend: Backend;
  readonly queue: Queue;
  readonly routes: Routes;
}

const INLINE: Cost = { costClass: 'inline', units: 0 };

interface KeyedOperationRow {
  readonly operation: number;
  readonly use: AlgorithmRow['use'];
  readonly cost: 'secret' | 'public' | 'sign' | 'verify';
  readonly isVerdict: boolean;
}
const KEYED_OPERATIONS: Readonly<Record<KeyedOperation, KeyedOperationRow>> = {
  encrypt: { operation: Operation.ENCRYPT, use: 'encrypt', cost: 'public', isVerdict: false },
  decrypt: { operation: Operation.DECRYPT, use: 'encrypt', cost: 'secret', isVerdict: false },
  sign: { operation: Operation.SIGN, use: 'sign', cost: 'sign', isVerdict: false },
  verify: { operation: Operation.VERIFY, use: 'sign', cost: 'verify', isVerdict: true },
  mac: { operation: Operation.MAC, use: 'mac', cost: 'secret', isVerdict: false },
  verifyMac: { operation: Operation.VERIFY_MAC, use: 'mac', cost: 'secret', isVerdict: true },
  deriveSharedSecret: { operation: Operation.DERIVE_SHARED_SECRET, use: 'agree', cost: 'secret', isVerdict: false },
};
const KEY_MAKING_OPERATIONS = {
  generateKey: { operation: Operation.GENERATE_KEY, cost: 'generate' },
  importKey: { operation: Operation.IMPORT_KEY, cost: 'import' },
  unwrapKey: { operation: Operation.UNWRAP_KEY, cost: 'public' },
} as const;

/** The record's output, with the prefix before it, as the caller's own memory. */
const readBytes = ({ bytes, words }: Block, word: number, prefixBytes: number): Uint8Array => {
  const offset = words[word + RecordWord.outputOffset]!;
  return bytes.slice(offset - prefixBytes, offset + words[word + RecordWord.outputBytes]!);
};
const readTrue = (): boolean => true;

/** How a handle in an output area becomes a key, and how it is given back when nobody wants it. */
export interface KeyMaker {
  make(keySpec: KeySpec, slot: number, generation: number): unknown;
  discard(slot: number, generation: number): void;
}

/** Builds the routes of one engine; `laneOf` gives a lane for a cost, `backendName` goes into messages. */
export function buildRoutes(laneOf: (cost: Cost) => Lane, keyMaker: KeyMaker, backendName: string): Routes {
  const keySpecs = Object.keys(KEY_SPECS) as KeySpec[];
  const perSpec = <Value>(make: (keySpec: KeySpec) => Value): Readonly<Record<KeySpec, Value>> =>
    Object.assign(Object.create(null), Object.fromEntries(keySpecs.map((keySpec) => [keySpec, make(keySpec)])));
  const what = (operation: string, name: string): string => `${operation} ${name} (${backendName} backend)`;

  const keyed = (name: KeyedOperation): Readonly<Record<KeySpec, ReadonlyMap<string, KeyRoute>>> => {
    const row = KEYED_OPERATIONS[name];
    const route = (keySpec: KeySpec, algorithm: Algorithm): KeyRoute => {
      const spec = KEY_SPECS[keySpec];
      const cost = spec.cost[row.cost];
      return {
        what: what(name, algorithm),
        operation: row.operation,
        algorithm: ALGORITHMS[algorithm].id,
        keySpec: 0,
        lane: laneOf(cost),
        read: row.isVerdict ? readTrue : readBytes,
        isVerdict: row.isVerdict,
        algorithmRow: ALGORITHMS[algorithm],
        spec,
      };
    };
    return perSpec((keySpec) => {
      const algorithms = KEY_SPECS[keySpec].algorithms.filter((algorithm) => ALGORITHMS[algorithm].use === row.use);
      return new Map(algorithms.map((algorithm) => [algorithm, route(keySpec, algorithm)]));
    });
  };

  const making = (name: KeyMakingOperation): Readonly<Record<KeySpec, Route>> => {
    const row = KEY_MAKING_OPERATIONS[name];
    const handleWord = ({ words }: Block, word: number): number => words[word + RecordWord.outputOffset]! / 4;
    return perSpec((keySpec) => ({
      what: what(name, keySpec),
      operation: row.operation,
      algorithm: 0,
      keySpec: KEY_SPECS[keySpec].id,
      lane: laneOf(KEY_SPECS[keySpec].cost[row.cost]),
      read: (block, word) => {
        const at = handleWord(block, word);
        return keyMaker.make(keySpec, block.words[at]!, block.words[at + 1]!);
      },
      discard: (block, word) => {
        const at = handleWord(block, word);
        keyMaker.discard(block.words[at]!, block.words[at + 1]!);
      },
      isVerdict: false,
    }));
  };

  const plain = (name: string, operation: number, algorithm: number, cost: Cost): Route => ({
    what: what(name, '').replace('  ', ' '),
    operation,
    algorithm,
    keySpec: 0,
    lane: laneOf(cost),
    read: readBytes,
    isVerdict: false,
  });

  return {
    keyed: {
      encrypt: keyed('encrypt'),
      decrypt: keyed('decrypt'),
      sign: keyed('sign'),
      verify: keyed('verify'),
      mac: keyed('mac'),
      verifyMac: keyed('verifyMac'),
      deriveSharedSecret: keyed('deriveSharedSecret'),
    },
    making: { generateKey: making('generateKey'), importKey: making('importKey'), unwrapKey: making('unwrapKey') },
    wrapKey: perSpec((keySpec) => plain(`wrapKey ${keySpec}`, Operation.WRAP_KEY, 0, INLINE)),
    exportKey: plain('export', Operation.EXPORT_KEY, 0, INLINE),
    digest: Object.assign(
      Object.create(null),
      Object.fromEntries(
        Object.entries(HASHES).map(([hash, { id }]) => [hash, plain(`digest ${hash}`, Operation.DIGEST, id, INLINE)]),
      ),
    ),
    random: plain('random', Operation.RANDOM, 0, INLINE),
  };
}
