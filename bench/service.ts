/**
 * What the service adds to the engine below it: the same operation asked of either, a thousand in flight and in one batch; and what
 * a store costs that holds many keys.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { type BatchItem, Keymill } from 'keymill';
import type { Engine, RunItem } from 'keymill/engine';
import Libsql from 'libsql';
import type { Contender } from '../src/bench/index.ts';

export interface ServiceGroup {
  readonly name: string;
  /** The engine first, which is what the ratio is against. */
  readonly contenders: readonly Contender[];
}

const plaintext = new Uint8Array(32).fill(7);
/** As long as what the service binds a ciphertext to without an encryption context. */
const aad = new Uint8Array(54);

async function inFlight(count: number, call: () => Promise<unknown>): Promise<void> {
  const pending: Promise<unknown>[] = [];
  for (let index = 0; index < count; index++) pending.push(call());
  await Promise.all(pending);
}

/** Each operation asked of the engine and of a service on it. */
export async function serviceGroups(engine: Engine): Promise<{ groups: ServiceGroup[]; close(): Promise<void> }> {
  const kms = await Keymill.open({ path: ':memory:', engine });
  const symmetric = await engine.generateKey('SYMMETRIC_DEFAULT');
  const signer = await engine.generateKey('ECC_NIST_P256');
  const KeyId = (await kms.createKey()).KeyMetadata.KeyId;
  const signing = await kms.createKey({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' });
  const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: plaintext });
  const algorithm = 'XAES_256_GCM';
  const ciphertext = await engine.encrypt({ key: symmetric, algorithm, plaintext, aad });

  const pairs: readonly (readonly [name: string, item: RunItem, service: BatchItem])[] = [
    [
      'Sign ECC_NIST_P256',
      { op: 'sign', key: signer, algorithm: 'ECDSA_SHA_256', message: plaintext },
      {
        operation: 'Sign',
        input: { KeyId: signing.KeyMetadata.KeyId, Message: plaintext, SigningAlgorithm: 'ECDSA_SHA_256' },
      },
    ],
    [
      'Encrypt 32 B',
      { op: 'encrypt', key: symmetric, algorithm, plaintext, aad },
      { operation: 'Encrypt', input: { KeyId, Plaintext: plaintext } },
    ],
    [
      'Decrypt 32 B',
      { op: 'decrypt', key: symmetric, algorithm, ciphertext, aad },
      { operation: 'Decrypt', input: { CiphertextBlob } },
    ],
  ];
  const ask = ({ operation, input }: BatchItem) => kms.perform(operation, input);
  const calls = {
    sign: (item: RunItem) => engine.sign(item as never),
    encrypt: (item: RunItem) => engine.encrypt(item as never),
    decrypt: (item: RunItem) => engine.decrypt(item as never),
  };
  const works = async (work: Contender['work']): Promise<boolean> => {
    await work(2);
    return true;
  };
  const contender = (name: string, mode: Contender['mode'], work: Contender['work']): Contender => ({
    name,
    mode,
    work,
    check: () => works(work),
  });
  const succeeded = (results: readonly { error?: unknown }[]): void => {
    const failed = results.find(({ error }) => error !== undefined);
    if (failed !== undefined) throw failed.error;
  };
  const groups = pairs.flatMap(([name, item, service]) => {
    const call = calls[item.op as keyof typeof calls];
    return [
      {
        name: `service ${name}`,
        contenders: [
          contender('engine', 'promises', (count) => inFlight(count, () => call(item))),
          contender('kms', 'promises', (count) => inFlight(count, () => ask(service))),
        ],
      },
      {
        name: `service batch ${name}`,
        contenders: [
          contender('engine', 'run', async (count) => succeeded(await engine.run(new Array(count).fill(item)))),
          contender('kms', 'run', async (count) => succeeded(await kms.batch(new Array(count).fill(service)))),
        ],
      },
    ];
  });
  return { groups, close: () => kms.close() };
}

export interface StoreMeasurement {
  readonly keys: number;
  readonly openMs: number;
  /** Median of a DescribeKey of a key not looked at before. */
  readonly coldLookupUs: number;
  /** The same, of keys looked at before. */
  readonly warmLookupUs: number;
}

const LOOKUPS = 500;
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

/** Opens a store of `keys` keys and looks keys up in it. */
export async function measureStore(engine: Engine, keys: number): Promise<StoreMeasurement> {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'keymill-bench-'));
  try {
    const first = await Keymill.open({ path: directory, engine });
    const { KeyId } = (await first.createKey()).KeyMetadata;
    await first.close();
    const ids = fill(directory, KeyId, keys);
    const start = performance.now();
    const kms = await Keymill.open({ path: directory, engine });
    const openMs = performance.now() - start;
    const lookup = async (id: string): Promise<number> => {
      const before = performance.now();
      await kms.describeKey({ KeyId: id });
      return (performance.now() - before) * 1000;
    };
    const lookedAt = Array.from({ length: LOOKUPS }, (_, index) => ids[Math.floor((index * ids.length) / LOOKUPS)]!);
    const cold: number[] = [];
    const warm: number[] = [];
    for (const id of lookedAt) cold.push(await lookup(id));
    for (const id of lookedAt) warm.push(await lookup(id));
    await kms.close();
    return { keys, openMs, coldLookupUs: median(cold), warmLookupUs: median(warm) };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Copies of one key's rows under other ids: what finding a key costs does not depend on what is wrapped in it. */
function fill(directory: string, keyId: string, keys: number): string[] {
  const database = new Libsql(path.join(directory, 'keymill.db'));
  const ids: string[] = [];
  const copies = ['keys', 'key_materials', 'policies'].map((table) => {
    const columns = database
      .prepare(`pragma table_info(${table})`)
      .all()
      .map((column) => (column as { name: string }).name);
    const values = columns.map((name) => (name === 'key_id' ? '?' : name));
    return database.prepare(
      `insert into ${table} (${columns}) select ${values} from ${table} where key_id = '${keyId}'`,
    );
  });
  database.exec('begin');
  for (let index = 1; index < keys; index++) {
    const id = crypto.randomUUID();
    ids.push(id);
    for (const copy of copies) copy.run(id);
  }
  database.exec('commit');
  database.close();
  return ids;
}
