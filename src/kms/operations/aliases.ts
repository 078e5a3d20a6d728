/** CreateAlias, UpdateAlias, DeleteAlias, ListAliases. */
import { KEY_SPECS, type KeySpec } from '../../engine/index.ts';
import type { KeyRecord } from '../../store/index.ts';
import { aliasArn, aliasNotFound } from '../address.ts';
import { KmsError } from '../errors.ts';
import type { LiveKey } from '../livekey.ts';
import { keyOperation, operation } from '../operation.ts';
import { page } from '../pages.ts';
import { admit } from '../perform.ts';
import { boolean, integer, list, required, string, structure, time } from '../shapes.ts';
import { aliasName, keyId, marker } from './members.ts';

export const MAX_ALIASES_PER_KEY = 50;
const PREFIX = 'alias/';
/** Names of AWS's own keys. */
const RESERVED_PREFIX = 'alias/aws/';

const aliasEntry = structure({
  AliasName: required(string()),
  AliasArn: required(string()),
  TargetKeyId: string(),
  CreationDate: required(time),
  LastUpdatedDate: required(time),
});

/** @throws KmsError, with AWS's texts */
export function requireAliasName(name: string): void {
  if (!name.startsWith(PREFIX)) {
    throw new KmsError(
      'ValidationException',
      `Alias must start with the prefix "${PREFIX}". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html`,
    );
  }
  if (name.startsWith(RESERVED_PREFIX)) throw new KmsError('NotAuthorizedException');
  // A colon or a trailing slash would make an ARN or a name that reads as two.
  if (name === PREFIX || name.includes(':'))
    throw new KmsError('InvalidAliasNameException', `${name} is not a valid alias name.`);
}

/** Aliases point to keys; an alias as the target is refused before anything is looked up. */
function refuseAliasTarget(target: string): void {
  if (target.startsWith(PREFIX) || target.includes(`:${PREFIX}`)) {
    throw new KmsError('ValidationException', 'Aliases must refer to keys. Not aliases');
  }
}

const tooManyAliases = (key: LiveKey): KmsError =>
  new KmsError('LimitExceededException', `${key.arn} already has ${MAX_ALIASES_PER_KEY} aliases.`);

/** Symmetric, HMAC or asymmetric: an alias keeps to one type and one usage, so that callers of it keep working. */
const keyType = (keySpec: string): string => {
  const { family } = KEY_SPECS[keySpec as KeySpec];
  return family === 'symmetric' || family === 'hmac' ? family : 'asymmetric';
};

function requireSameKind(present: KeyRecord, { record }: LiveKey): void {
  if (present.keyUsage === record.keyUsage && keyType(present.keySpec) === keyType(record.keySpec)) return;
  throw new KmsError(
    'ValidationException',
    'The current and new KMS key must be the same type (both symmetric or both asymmetric or both HMAC) and have the same key usage.',
  );
}

export const ALIAS_OPERATIONS = {
  CreateAlias: keyOperation({
    input: { AliasName: required(aliasName), TargetKeyId: required(keyId) },
    key: { member: 'TargetKeyId', state: 'labelling', names: 'key' },
    check({ AliasName, TargetKeyId }) {
      requireAliasName(AliasName);
      refuseAliasTarget(TargetKeyId);
    },
    async run({ service: { store, realm, keyring, now }, input, key }) {
      const creationDate = now();
      const alias = {
        aliasName: input.AliasName,
        targetKeyId: key.record.keyId,
        creationDate,
        lastUpdatedDate: creationDate,
      };
      const outcome = await store.insertAlias(alias, MAX_ALIASES_PER_KEY);
      if (outcome === 'exists') {
        throw new KmsError(
          'AlreadyExistsException',
          `An alias with the name ${aliasArn(realm, input.AliasName)} already exists`,
        );
      }
      if (outcome === 'limit') throw tooManyAliases(key);
      keyring.forgetAlias(input.AliasName);
      return undefined;
    },
  }),

  UpdateAlias: keyOperation({
    input: { AliasName: required(aliasName), TargetKeyId: required(keyId) },
    key: { member: 'TargetKeyId', state: 'labelling', names: 'key' },
    check({ AliasName, TargetKeyId }) {
      requireAliasName(AliasName);
      refuseAliasTarget(TargetKeyId);
    },
    async run({ service: { store, realm, keyring, now }, input, key }) {
      const outcome = await store.updateAlias(
        { aliasName: input.AliasName, targetKeyId: key.record.keyId, lastUpdatedDate: now() },
        MAX_ALIASES_PER_KEY,
        (present) => requireSameKind(present, key),
      );
      if (outcome === 'missing') throw aliasNotFound(aliasArn(realm, input.AliasName));
      if (outcome === 'limit') throw tooManyAliases(key);
      keyring.forgetAlias(input.AliasName);
      return undefined;
    },
  }),

  DeleteAlias: operation({
    input: { AliasName: required(aliasName) },
    check: ({ AliasName }) => requireAliasName(AliasName),
    async run({ service: { store, realm, keyring }, input }) {
      const wasThere = await store.deleteAlias(input.AliasName);
      if (!wasThere) throw aliasNotFound(aliasArn(realm, input.AliasName));
      keyring.forgetAlias(input.AliasName);
      return undefined;
    },
  }),

  ListAliases: operation({
    input: { KeyId: keyId, Limit: integer({ min: 1, max: 100 }), Marker: marker },
    output: { Aliases: required(list(aliasEntry)), NextMarker: string(), Truncated: required(boolean) },
    async run({ service, operation: name, input }) {
      const { store, realm, keyring } = service;
      const key = input.KeyId === undefined ? undefined : await keyring.named(input.KeyId, 'key');
      if (key !== undefined) admit(service, key, { state: 'reading' }, name);
      const { items, ...rest } = await page(
        input,
        50,
        (wanted) => store.listAliases({ ...wanted, targetKeyId: key?.record.keyId }),
        (alias) => alias.aliasName,
      );
      const Aliases = items.map((alias) => ({
        AliasName: alias.aliasName,
        AliasArn: aliasArn(realm, alias.aliasName),
        TargetKeyId: alias.targetKeyId,
        CreationDate: new Date(alias.creationDate),
        LastUpdatedDate: new Date(alias.lastUpdatedDate),
      }));
      return { Aliases, ...rest };
    },
  }),
};
