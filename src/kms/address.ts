/** The four ways to name a key, and ARNs. Knows names only, not whether a key exists. */
import { KmsError } from './errors.ts';

/** Whose keys these are: part of every ARN and of the data that binds stored material to its place. */
export interface Realm {
  readonly region: string;
  readonly accountId: string;
}

const PARTITIONS: readonly (readonly [prefix: string, partition: string])[] = [
  ['cn-', 'aws-cn'],
  ['us-gov-', 'aws-us-gov'],
];

const partition = ({ region }: Realm): string => PARTITIONS.find(([prefix]) => region.startsWith(prefix))?.[1] ?? 'aws';

function arn(realm: Realm, resource: string): string {
  return `arn:${partition(realm)}:kms:${realm.region}:${realm.accountId}:${resource}`;
}
/** The account itself as a principal. */
export const accountRootArn = (realm: Realm): string => `arn:${partition(realm)}:iam::${realm.accountId}:root`;

export const keyArn = (realm: Realm, keyId: string): string => arn(realm, `key/${keyId}`);
export const aliasArn = (realm: Realm, aliasName: string): string => arn(realm, aliasName);

/** A key's name, resolved as far as its text goes. */
export type KeyAddress = { readonly keyId: string } | { readonly aliasName: string };

/** A UUID, or a multi-Region id. AWS compares ids exactly, so upper case names no key. */
const KEY_ID = /^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32})$/;
export const isKeyId = (text: string): boolean => KEY_ID.test(text);
const ARN = /^arn:[^:]*:kms:([^:]*):([^:]*):(?:key\/([^:]+)|(alias\/[^:]+))$/;

/**
 * Reads a key id, key ARN, alias name or alias ARN.
 * @throws KmsError NotFoundException with AWS's text for what is none of them or belongs elsewhere
 */
export function parseKeyAddress(text: string, realm: Realm): KeyAddress {
  if (KEY_ID.test(text)) return { keyId: text };
  if (text.startsWith('alias/')) return { aliasName: text };
  if (!text.startsWith('arn:')) throw invalidKeyId(text);
  const [, region, account, keyId, aliasName] = ARN.exec(text) ?? [];
  if (region === undefined) throw new KmsError('NotFoundException', `Invalid arn ${text}`);
  if (region !== realm.region) throw new KmsError('NotFoundException', `Invalid arn ${region}`);
  if (aliasName !== undefined) {
    if (text !== aliasArn(realm, aliasName)) throw aliasNotFound(text);
    return { aliasName };
  }
  if (!KEY_ID.test(keyId!)) throw invalidKeyId(keyId!);
  if (account !== realm.accountId || text !== keyArn(realm, keyId!)) throw keyNotFound(text);
  return { keyId: keyId! };
}

export const invalidKeyId = (text: string): KmsError => new KmsError('NotFoundException', `Invalid keyId '${text}'`);
export const keyNotFound = (arn: string): KmsError => new KmsError('NotFoundException', `Key '${arn}' does not exist`);
export const aliasNotFound = (arn: string): KmsError => new KmsError('NotFoundException', `Alias ${arn} is not found.`);
