/**
 * The door `keymill/engine`: keys and batches, no KMS vocabulary. In a browser it is browser.ts.
 *
 * @module keymill/engine
 */
export * from './exports.ts';
export { openEngine } from './node.ts';
