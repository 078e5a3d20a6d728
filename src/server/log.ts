/** What the endpoint tells a log: pino's own form, so that a pino logger is one. Never key bytes, plaintext, signatures or bodies. */
export interface Log {
  /** A line for each request. */
  debug(fields: object, message: string): void;
  /** Starts and ends. */
  info(fields: object, message: string): void;
  /** What an operator ought to look at. */
  warn(fields: object, message: string): void;
  /** Faults of this service, with their cause. */
  error(fields: object, message: string): void;
}

const nothing = () => {};
export const SILENT: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
