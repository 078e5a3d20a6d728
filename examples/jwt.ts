/**
 * JWTs (RFC 7519) signed with Ed25519 (`EdDSA`, RFC 8037) by a key that never leaves the service, and the JWK set they are verified with.
 *
 *   node dist/examples/jwt.js jwks                      the public key, as a JWK set
 *   node dist/examples/jwt.js sign '{"sub":"alice"}'    a token of an hour
 *   node dist/examples/jwt.js verify <token>            its claims, where it is good
 */
import { createPublicKey } from 'node:crypto';
import { Keymill, KmsError } from 'keymill';

const ALIAS = 'alias/jwt';
const SigningAlgorithm = 'ED25519_SHA_512';
const LIFETIME_SECONDS = 3600;

const kms = await Keymill.open({ path: process.env.KEYMILL_PATH ?? './keymill-data' });

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const decode = (part = '') => JSON.parse(Buffer.from(part, 'base64url').toString());
const now = () => Math.floor(Date.now() / 1000);

/** The signing key's id, made at the first use: it names the key in tokens, so that another can follow it. */
async function keyId(): Promise<string> {
  try {
    return (await kms.describeKey({ KeyId: ALIAS })).KeyMetadata.KeyId;
  } catch (error) {
    if (!(error instanceof KmsError) || error.name !== 'NotFoundException') throw error;
  }
  const { KeyMetadata } = await kms.createKey({ KeySpec: 'ECC_NIST_EDWARDS25519', KeyUsage: 'SIGN_VERIFY' });
  await kms.createAlias({ AliasName: ALIAS, TargetKeyId: KeyMetadata.KeyId });
  return KeyMetadata.KeyId;
}

const COMMANDS: Readonly<Record<string, (argument: string) => Promise<unknown>>> = {
  async jwks() {
    const kid = await keyId();
    const { PublicKey } = await kms.getPublicKey({ KeyId: kid });
    const key = createPublicKey({ key: Buffer.from(PublicKey), format: 'der', type: 'spki' });
    return { keys: [{ ...key.export({ format: 'jwk' }), kid, alg: 'EdDSA', use: 'sig' }] };
  },

  async sign(claims) {
    const kid = await keyId();
    const payload = { iat: now(), exp: now() + LIFETIME_SECONDS, ...JSON.parse(claims) };
    const signed = `${encode({ alg: 'EdDSA', typ: 'JWT', kid })}.${encode(payload)}`;
    const { Signature } = await kms.sign({ KeyId: kid, Message: Buffer.from(signed), SigningAlgorithm });
    return `${signed}.${Buffer.from(Signature).toString('base64url')}`;
  },

  async verify(token) {
    const [header, payload, signature = ''] = token.split('.');
    // The token says nothing about how it is verified: the algorithm and the key are ours.
    const KeyId = await keyId();
    const { alg, kid } = decode(header);
    if (alg !== 'EdDSA' || kid !== KeyId) throw new Error('the token is not of this key');
    const Message = Buffer.from(`${header}.${payload}`);
    await kms.verify({ KeyId, Message, Signature: Buffer.from(signature, 'base64url'), SigningAlgorithm });
    const claims = decode(payload);
    if (!(claims.exp > now())) throw new Error('the token has expired');
    return claims;
  },
};

try {
  const [command = '', argument = ''] = process.argv.slice(2);
  const perform = COMMANDS[command];
  if (perform === undefined) throw new Error('expected: jwks | sign <claims> | verify <token>');
  const result = await perform(argument);
  console.log(typeof result === 'string' ? result : JSON.stringify(result));
} finally {
  await kms.close();
}
