/** Sealing under the current material of a symmetric key: what Encrypt, ReEncrypt and the data keys share. */
import { asPromise, type Sink } from '../../engine/index.ts';
import { type CiphertextContext, ciphertextAad } from '../ciphertext.ts';
import type { LiveKey, LiveMaterial, OpenMaterial } from '../livekey.ts';
import type { Service } from '../service.ts';

export const ENCRYPTION_KEY = { state: 'cryptographic', usage: 'ENCRYPT_DECRYPT' } as const;

/** Additional data; undefined for those of a ciphertext without an encryption context. */
export const aadOf = (material: LiveMaterial, context: CiphertextContext | undefined): Uint8Array | undefined =>
  context === undefined ? undefined : ciphertextAad(material.header, context);

/** Gives the sink a whole ciphertext blob. The caller has no way to say which nonce is used: none of these parameters reaches it. */
export function seal(
  { engine }: Service,
  material: OpenMaterial,
  plaintext: Uint8Array,
  context: CiphertextContext | undefined,
  sink: Sink,
  tag: number,
): void {
  material.aead(engine).encrypt(plaintext, aadOf(material, context), sink, tag);
}

/** The material, opened where it was not. */
export async function opened(material: LiveMaterial): Promise<OpenMaterial> {
  // Where more keys are in use than stay open, another call may close it again before this one goes on.
  while (!material.isOpen()) await material.open();
  return material;
}

/** A ciphertext blob under the key's current material. */
export async function sealed(
  service: Service,
  key: LiveKey,
  plaintext: Uint8Array,
  context: CiphertextContext | undefined,
): Promise<{ readonly ciphertext: Uint8Array; readonly KeyMaterialId: string }> {
  const material = await opened(key.current);
  const ciphertext = await asPromise<Uint8Array>((sink) => seal(service, material, plaintext, context, sink, 0));
  return { ciphertext, KeyMaterialId: material.materialId };
}
