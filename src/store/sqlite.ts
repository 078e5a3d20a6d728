/**
 * SQLite as a Kysely dialect: the one file that knows which SQLite runs. node:sqlite from Node 24 on (Node 22 has it behind a
 * warning, Node 20 not at all), libsql below and where a runtime lacks it.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { type Driver, type SqliteDatabase, SqliteDialect, sql } from 'kysely';
import type { SqlFlavour } from './schema.ts';
import { openSqlStore } from './sql.ts';
import type { Store } from './store.ts';

/** What both libraries' prepared statements can do; parameters are given one by one. */
interface Statement {
  all(...parameters: unknown[]): unknown[];
  run(...parameters: unknown[]): { changes: number | bigint; lastInsertRowid: number | bigint };
}

/** An open database, whichever library opened it. */
interface Connection {
  /** Runs one statement and drops its answer. */
  exec(text: string): void;
  prepare(text: string): Statement;
  returnsRows(statement: Statement): boolean;
  close(): void;
}

const FIRST_NODE_WITH_SQLITE = 24;

async function connect(file: string): Promise<Connection> {
  const major = Number(process.versions.node.split('.')[0]);
  return major >= FIRST_NODE_WITH_SQLITE && !process.versions.bun ? connectNode(file) : connectLibsql(file);
}

async function connectNode(file: string): Promise<Connection> {
  // @types/node is that of the oldest supported Node, which has no such module: hence the name the compiler cannot follow.
  const name: string = 'node:sqlite';
  const { DatabaseSync } = await import(name);
  const database = new DatabaseSync(file);
  return {
    exec: (text) => database.exec(text),
    prepare: (text) => database.prepare(text),
    returnsRows: (statement) => (statement as unknown as { columns(): unknown[] }).columns().length > 0,
    close: () => database.close(),
  };
}

async function connectLibsql(file: string): Promise<Connection> {
  const { default: Libsql } = await import('libsql');
  const database = new Libsql(file);
  return {
    exec: (text) => database.exec(text),
    prepare: (text) => database.prepare(text) as unknown as Statement,
    returnsRows: (statement) => (statement as unknown as { reader: boolean }).reader,
    close: () => database.close(),
  };
}

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

const SQLITE: SqlFlavour = {
  bytes: sql`blob`,
  milliseconds: sql`integer`,
  tableOptions: sql`strict`,
  // The log still holds pages as they were; secure_delete speaks of the file only.
  erase: sql`pragma wal_checkpoint(truncate)`,
};

/**
 * Opens the store in `file`, created where absent; ':memory:' keeps nothing.
 * @throws where SQLite does not take the settings that durability rests on, or the schema is newer than this release knows
 */
export async function openSqliteStore(file: string): Promise<Store> {
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
  return openSqlStore(new ImmediateSqliteDialect(connection), SQLITE);
}
