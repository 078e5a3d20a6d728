/**
 * What a ciphertext of a symmetric key is bound to: AWS's encryption context or, an addition of ours for callers of Nebius KMS (its
 * aad_context), bytes that mean nothing to the service. Of the two a call has one; no bytes are the same as none at all.
 */
import type { CiphertextContext, EncryptionContext } from '../ciphertext.ts';
import { KmsError } from '../errors.ts';
import { blob } from '../shapes.ts';
import { encryptionContext } from './members.ts';

export const additionalData = blob({ max: 8192 });
export const contextMembers = { EncryptionContext: encryptionContext, AdditionalData: additionalData };

export interface ContextInput {
  readonly EncryptionContext?: EncryptionContext | undefined;
  readonly AdditionalData?: Uint8Array | undefined;
}

/** @throws KmsError ValidationException where a call has both */
export function requireOneContext({ EncryptionContext, AdditionalData }: ContextInput): void {
  if (EncryptionContext === undefined || AdditionalData === undefined) return;
  throw new KmsError('ValidationException', 'Please specify either an encryption context or additional data.');
}

/** Not copied: what waits before it uses the bytes copies them. */
export const contextOf = ({ EncryptionContext, AdditionalData }: ContextInput): CiphertextContext | undefined =>
  AdditionalData === undefined || AdditionalData.length === 0 ? EncryptionContext : AdditionalData;

/** As contextOf, copied. */
export function keptContext(input: ContextInput): CiphertextContext | undefined {
  const context = contextOf(input);
  return context instanceof Uint8Array ? new Uint8Array(context) : context;
}
