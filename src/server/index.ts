/** The door `keymill/server`: the AWS KMS protocol on a port. */
export type { Credential } from './authenticate.ts';
export { createServer, type ServerOptions } from './http.ts';
