/** SQLite as a Kysely dialect, with the settings that durability rests on. */
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { type Driver, type SqliteDatabase, SqliteDialect, sql } from 'kysely';
import { type Connection, connect } from './connection.ts';
import type { Copy } from './copy-worker.ts';
import type { SqlFlavour } from './schema.ts';
import { openSqlStore } from './sql.ts';
import type { Store } from './store.ts';

/** BLOBs come as ArrayBuffer from libsql, as Uint8Array or Buffer elsewhere: make them plain Uint8Array. */
function normalised(row: unknown): unknown {
  const record = row as Record<string, unknown>;
  for (const [name, value] of Object.entries(record)) {
    if (value instanceof ArrayBuffer) record[name] = new Uint8Array(value);
    else if (Buffer.isBuffer(value)) record[name] = new Uint8Array(value);
  }
  return record;
}

/** libsql binds Buffers, not plain Uint8Arrays. */
function bindable(value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : value;
}

function asKyselyDatabase(connection: Connection): SqliteDatabase {
  return {
    close: () => connection.close(),
    prepare: (text) => {
      const statement = connection.prepare(text);
      return {
        reader: connection.returnsRows(statement),
        all: (parameters) => statement.all(...parameters.map(bindable)).map(normalised),
        run: (parameters) => statement.run(...parameters.map(bindable)),
        *iterate(parameters) {
          yield* statement.all(...parameters.map(bindable)).map(normalised);
        },
      };
    },
  };
}

/** `value` is what SQLite must answer for the durability promise to hold; settings without one are wishes. */
interface Pragma {
  readonly name: string;
  readonly set: string;
  readonly value?: unknown;
}

const PRAGMAS: readonly Pragma[] = [
  // While opening, another process may be recovering the log or leaving.
  { name: 'busy_timeout', set: '5000' },
  { name: 'journal_mode', set: 'WAL' },
  // Libraries compile SQLite with other defaults for WAL: NORMAL loses acknowledged commits at power loss.
  { name: 'synchronous', set: 'FULL', value: 2 },
  // macOS: fsync does not reach the platter, F_FULLFSYNC does. Ignored elsewhere.
  { name: 'fullfsync', set: 'ON' },
  { name: 'checkpoint_fullfsync', set: 'ON' },
  // Deleted rows are overwritten, so that destroyed key material does not linger in free pages.
  { name: 'secure_delete', set: 'ON', value: 1 },
  { name: 'foreign_keys', set: 'ON', value: 1 },
  // From now on the wait is a blocked event loop: leave it to `begin`, which waits without blocking.
  { name: 'busy_timeout', set: '20' },
];

const WRITE_LOCK_WAIT_MS = 10_000;
const MAX_PAUSE_MS = 25;

/** libsql gives the code's name, node:sqlite its number. */
function isBusy(error: unknown): boolean {
  const { code, errcode } = error as { code?: unknown; errcode?: unknown };
  return code === 'SQLITE_BUSY' || errcode === 5;
}

/**
 * BEGIN IMMEDIATE takes the write lock at once; a transaction that upgrades later can fail after it has read. Where another
 * connection holds it, tries again after a random pause: SQLite's own wait would block this thread, and with it a
 * transaction of another store in this process, and is unfair between processes.
 */
async function begin(connection: Connection): Promise<void> {
  const deadline = Date.now() + WRITE_LOCK_WAIT_MS;
  for (;;) {
    try {
      // By exec: libsql leaves a prepared statement that failed half run, and no commit succeeds beside it.
      connection.exec('begin immediate');
      return;
    } catch (error) {
      if (!isBusy(error) || Date.now() > deadline) throw error;
      await pause(1 + Math.random() * MAX_PAUSE_MS);
    }
  }
}

class ImmediateSqliteDialect extends SqliteDialect {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    super({ database: asKyselyDatabase(connection) });
    this.#connection = connection;
  }

  override createDriver(): Driver {
    const driver = super.createDriver();
    driver.beginTransaction = () => begin(this.#connection);
    return driver;
  }
}

const MEMORY = ':memory:';

const flavourOf = (file: string): SqlFlavour => ({
  bytes: sql`blob`,
  milliseconds: sql`integer`,
  tableOptions: sql`strict`,
  // The log still holds pages as they were; secure_delete speaks of the file only.
  erase: sql`pragma wal_checkpoint(truncate)`,
  async copyInto(db, into) {
    if (file === MEMORY) await sql`vacuum into ${into}`.execute(db);
    else await copyInWorker({ from: file, into });
  },
});

async function copyInWorker(workerData: Copy): Promise<void> {
  const worker = new Worker(new URL('./copy-worker.js', import.meta.url), {
    workerData,
    execArgv: [],
    name: 'keymill',
  });
  await once(worker, 'exit');
}

/**
 * Opens the store in `file`, created where absent, for its owner only; ':memory:' keeps nothing.
 * @throws where SQLite does not take the settings that durability rests on, or the schema is newer than this release knows
 */
export async function openSqliteStore(file: string): Promise<Store> {
  // SQLite makes its log files with the mode that the database has.
  if (file !== MEMORY) closeSync(openSync(file, 'a', 0o600));
  const connection = await connect(file);
  try {
    for (const { name, set } of PRAGMAS) connection.exec(`pragma ${name} = ${set}`);
    for (const { name, value } of PRAGMAS) {
      if (value === undefined) continue;
      const answer = Object.values(connection.prepare(`pragma ${name}`).all()[0] as object)[0];
      if (Number(answer) !== value) throw new Error(`SQLite refused ${name} = ${value}: it answers ${String(answer)}`);
    }
  } catch (error) {
    connection.close();
    throw error;
  }
  return openSqlStore(new ImmediateSqliteDialect(connection), flavourOf(file));
}
