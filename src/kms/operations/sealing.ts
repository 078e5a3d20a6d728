/** Sealing under the current material of a symmetric key: what Encrypt, ReEncrypt and the data keys share. */
import type { RunItem } from '../../engine/index.ts';
import { type CiphertextContext, ciphertextAad } from '../ciphertext.ts';
import type { LiveKey, LiveMaterial, OpenMaterial } from '../livekey.ts';
import type { Service } from '../service.ts';

export const ENCRYPTION_KEY = { state: 'cryptographic', usage: 'ENCRYPT_DECRYPT' } as const;

export type SealItem = Extract<RunItem, { op: 'encrypt' }>;

export const aadOf = (material: LiveMaterial, context: CiphertextContext | undefined): Uint8Array =>
  context === undefined ? material.aad : ciphertextAad(material.header, context);

/** Asks for a whole ciphertext blob. The caller has no way to say which nonce is used: none of these parameters reaches it. */
export function sealing(
  material: OpenMaterial,
  plaintext: Uint8Array,
  context: CiphertextContext | undefined,
): SealItem {
  const aad = aadOf(material, context);
  return { op: 'encrypt', key: material.handle, algorithm: 'XAES_256_GCM', plaintext, aad, prefix: material.header };
}

/** The material, opened where it was not. */
export async function opened(material: LiveMaterial): Promise<OpenMaterial> {
  // Where more keys are in use than stay open, another call may close it again before this one goes on.
  while (!material.isOpen()) await material.open();
  return material;
}

export async function seal(
  { engine }: Service,
  key: LiveKey,
  plaintext: Uint8Array,
  context: CiphertextContext | undefined,
): Promise<{ readonly ciphertext: Uint8Array; readonly KeyMaterialId: string }> {
  const material = await opened(key.current);
  const ciphertext = await engine.encrypt(sealing(material, plaintext, context));
  return { ciphertext, KeyMaterialId: material.materialId };
}
