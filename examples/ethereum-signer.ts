/**
 * A signer for ethers whose secp256k1 key stays in the service.
 *
 *   node dist/examples/ethereum-signer.js                                    the address
 *   node dist/examples/ethereum-signer.js '{"to":"0x…","value":"1", …}'      that transaction, signed
 */

import type { TransactionRequest, TypedDataDomain } from 'ethers';
import {
  AbstractSigner,
  computeAddress,
  getBytes,
  hashMessage,
  hexlify,
  type Provider,
  resolveAddress,
  Signature,
  Transaction,
  TypedDataEncoder,
  type TypedDataField,
  zeroPadValue,
} from 'ethers';
import { Keymill, KmsError } from 'keymill';

const COORDINATE_BYTES = 32;

/** r and s of ECDSA-Sig-Value (RFC 3279 section 2.2.3): a SEQUENCE of two INTEGERs, which may have a zero in front. */
function numbersOf(der: Uint8Array): { r: string; s: string } {
  const rBytes = der[3]!;
  const number = (start: number, bytes: number) => {
    const end = start + bytes;
    return zeroPadValue(hexlify(der.subarray(Math.max(start, end - COORDINATE_BYTES), end)), COORDINATE_BYTES);
  };
  return { r: number(4, rBytes), s: number(6 + rBytes, der[5 + rBytes]!) };
}

class KeymillSigner extends AbstractSigner {
  readonly #kms: Keymill;
  readonly #keyId: string;

  constructor(kms: Keymill, keyId: string, provider?: Provider | null) {
    super(provider);
    [this.#kms, this.#keyId] = [kms, keyId];
  }

  connect(provider: Provider | null): KeymillSigner {
    return new KeymillSigner(this.#kms, this.#keyId, provider);
  }

  async getAddress(): Promise<string> {
    const { PublicKey } = await this.#kms.getPublicKey({ KeyId: this.#keyId });
    // The point is what SubjectPublicKeyInfo ends with, uncompressed.
    return computeAddress(hexlify(PublicKey.subarray(-2 * COORDINATE_BYTES - 1)));
  }

  async #sign(hash: string): Promise<Signature> {
    const hashed = { Message: getBytes(hash), MessageType: 'DIGEST', SigningAlgorithm: 'ECDSA_SHA_256' } as const;
    // Ethereum takes the lower of the two possible s (EIP-2), and finds the key by the parity.
    const signed = await this.#kms.sign({ KeyId: this.#keyId, ...hashed, LowS: true, RecoveryId: true });
    return Signature.from({ ...numbersOf(signed.Signature), yParity: signed.RecoveryId === 1 ? 1 : 0 });
  }

  async signMessage(message: string | Uint8Array): Promise<string> {
    return (await this.#sign(hashMessage(message))).serialized;
  }

  async signTypedData(
    domain: TypedDataDomain,
    types: Record<string, TypedDataField[]>,
    value: Record<string, unknown>,
  ) {
    return (await this.#sign(TypedDataEncoder.hash(domain, types, value))).serialized;
  }

  async signTransaction({ from, to, ...request }: TransactionRequest): Promise<string> {
    if (from && (await resolveAddress(from)) !== (await this.getAddress())) throw new Error('from: not of this key');
    const transaction = Transaction.from({ ...(request as object), ...(to ? { to: await resolveAddress(to) } : {}) });
    transaction.signature = await this.#sign(transaction.unsignedHash);
    return transaction.serialized;
  }
}

const KeyId = 'alias/ethereum';
const kms = await Keymill.open({ path: process.env.KEYMILL_PATH ?? './keymill-data' });
await kms.describeKey({ KeyId }).catch(async (error) => {
  if (!(error instanceof KmsError) || error.name !== 'NotFoundException') throw error;
  const { KeyMetadata } = await kms.createKey({ KeySpec: 'ECC_SECG_P256K1', KeyUsage: 'SIGN_VERIFY' });
  await kms.createAlias({ AliasName: KeyId, TargetKeyId: KeyMetadata.KeyId });
});
const signer = new KeymillSigner(kms, KeyId);
const [request] = process.argv.slice(2);
console.log(request === undefined ? await signer.getAddress() : await signer.signTransaction(JSON.parse(request)));
await kms.close();
