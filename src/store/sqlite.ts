/**
 * SQLite as a Kysely dialect: the one file that knows which SQLite runs. node:sqlite from Node 24 on (Node 22 has it behind a
 * warning, Node 20 not at all), libsql below and where a runtime lacks it.
 */
import { CompiledQuery, type DatabaseConnection, type Driver, type SqliteDatabase, SqliteDialect, sql } from 'kysely';
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
    prepare: (text) => database.prepare(text),
    returnsRows: (statement) => (statement as unknown as { columns(): unknown[] }).columns().length > 0,
    close: () => database.close(),
  };
}

async function connectLibsql(file: string): Promise<Connection> {
  const { default: Libsql } = await import('libsql');
  const database = new Libsql(file);
  return {
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
  // Another process may hold the write lock; wait for it rather than fail.
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
];

/** BEGIN IMMEDIATE takes the write lock at once; a transaction that upgrades later can fail after it has read. */
class ImmediateSqliteDialect extends SqliteDialect {
  override createDriver(): Driver {
    const driver = super.createDriver();
    driver.beginTransaction = async (connection: DatabaseConnection) => {
      await connection.executeQuery(CompiledQuery.raw('begin immediate'));
    };
    return driver;
  }
}

const SQLITE: SqlFlavour = { bytes: sql`blob`, milliseconds: sql`integer`, tableOptions: sql`strict` };

/**
 * Opens the store in `file`, created where absent; ':memory:' keeps nothing.
 * @throws where SQLite does not take the settings that durability rests on, or the schema is newer than this release knows
 */
export async function openSqliteStore(file: string): Promise<Store> {
  const connection = await connect(file);
  try {
    for (const { name, set } of PRAGMAS) connection.prepare(`pragma ${name} = ${set}`).all();
    for (const { name, value } of PRAGMAS) {
      if (value === undefined) continue;
      const answer = Object.values(connection.prepare(`pragma ${name}`).all()[0] as object)[0];
      if (Number(answer) !== value) throw new Error(`SQLite refused ${name} = ${value}: it answers ${String(answer)}`);
    }
  } catch (error) {
    connection.close();
    throw error;
  }
  return openSqlStore(new ImmediateSqliteDialect({ database: asKyselyDatabase(connection) }), SQLITE);
}
