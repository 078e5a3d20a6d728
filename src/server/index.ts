/**
 * The door `keymill/server`: the AWS KMS protocol on a port.
 *
 * @module keymill/server
 */
export type { Credential } from './authenticate.ts';
export { createServer, type KmsServer, type ServerOptions, type Timeouts, type TlsOptions } from './http.ts';
export type { Log } from './log.ts';
