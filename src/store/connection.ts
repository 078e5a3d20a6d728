/**
 * The one file that knows which SQLite runs: node:sqlite from Node 24 on (Node 22 has it behind a warning, Node 20 not at all),
 * libsql below and where a runtime lacks it.
 */

/** What both libraries' prepared statements can do; parameters are given one by one. */
export interface Statement {
  all(...parameters: unknown[]): unknown[];
  run(...parameters: unknown[]): { changes: number | bigint; lastInsertRowid: number | bigint };
}

/** An open database, whichever library opened it. */
export interface Connection {
  /** Runs one statement and drops its answer. */
  exec(text: string): void;
  prepare(text: string): Statement;
  returnsRows(statement: Statement): boolean;
  close(): void;
}

const FIRST_NODE_WITH_SQLITE = 24;

export async function connect(file: string): Promise<Connection> {
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
