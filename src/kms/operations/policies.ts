/** GetKeyPolicy, PutKeyPolicy, ListKeyPolicies. Policies are kept; nothing evaluates them yet. */
import { accountRootArn, type Realm } from '../address.ts';
import { KmsError } from '../errors.ts';
import { keyOperation } from '../operation.ts';
import { boolean, integer, list, required, string } from '../shapes.ts';
import { keyId, marker } from './members.ts';

/** The only name a policy can have. */
const POLICY_NAME = 'default';
const MAX_POLICY_BYTES = 32_768;

export const policy = string({ min: 1, max: 131072, pattern: '^[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+$' });
const policyName = string({ min: 1, max: 128, pattern: '^[\\w]+$' });

/** @throws KmsError MalformedPolicyDocumentException, LimitExceededException */
export function requirePolicy(text: string): void {
  if (Buffer.byteLength(text, 'utf8') > MAX_POLICY_BYTES) {
    throw new KmsError('LimitExceededException', `A key policy has at most ${MAX_POLICY_BYTES} bytes.`);
  }
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw new KmsError('MalformedPolicyDocumentException', 'The policy is not valid JSON.');
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw new KmsError('MalformedPolicyDocumentException', 'The policy is not a JSON object.');
  }
}

/** What AWS gives a key that was created without a policy: the account decides. */
function defaultPolicy(realm: Realm): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Id: 'key-default-1',
    Statement: [
      {
        Sid: 'Enable IAM User Permissions',
        Effect: 'Allow',
        Principal: { AWS: accountRootArn(realm) },
        Action: 'kms:*',
        Resource: '*',
      },
    ],
  });
}

function requireName(name: string | undefined): void {
  if (name !== undefined && name !== POLICY_NAME) throw new KmsError('NotFoundException', 'No such policy exists');
}

const READ_KEY = { member: 'KeyId', state: 'reading', names: 'key' } as const;

export const POLICY_OPERATIONS = {
  GetKeyPolicy: keyOperation({
    input: { KeyId: required(keyId), PolicyName: policyName },
    output: { Policy: required(string()), PolicyName: required(string()) },
    key: READ_KEY,
    async run({ service: { store, realm }, input, key }) {
      requireName(input.PolicyName);
      const Policy = (await store.readPolicy(key.record.keyId)) ?? defaultPolicy(realm);
      return { Policy, PolicyName: POLICY_NAME };
    },
  }),

  PutKeyPolicy: keyOperation({
    input: {
      KeyId: required(keyId),
      PolicyName: policyName,
      Policy: required(policy),
      BypassPolicyLockoutSafetyCheck: boolean,
    },
    key: READ_KEY,
    check: ({ Policy }) => requirePolicy(Policy),
    async run({ service: { store }, input, key }) {
      requireName(input.PolicyName);
      await store.writePolicy(key.record.keyId, input.Policy);
      return undefined;
    },
  }),

  ListKeyPolicies: keyOperation({
    input: { KeyId: required(keyId), Limit: integer({ min: 1, max: 1000 }), Marker: marker },
    output: { PolicyNames: required(list(string())), NextMarker: string(), Truncated: required(boolean) },
    key: READ_KEY,
    run: async () => ({ PolicyNames: [POLICY_NAME], Truncated: false }),
  }),
};
