/** A worker that copies a database: SQLite does it in one call, which takes as long as the database is large. */
import { workerData } from 'node:worker_threads';
import { connect } from './connection.ts';

export interface Copy {
  /** The file of a database, which may be in use. */
  readonly from: string;
  /** An empty file. */
  readonly into: string;
}

const { from, into } = workerData as Copy;
const connection = await connect(from);
try {
  // Another process may be recovering the log or leaving.
  connection.exec('pragma busy_timeout = 5000');
  connection.prepare('vacuum into ?').run(into);
} finally {
  connection.close();
}
