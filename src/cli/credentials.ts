/** Access keys: made, removed, and printed as lines to paste into a shell. */
import { type AccessKey, StartError } from '../kms/index.ts';
import { openExisting } from './store.ts';

/** What AWS clients read. AWS_REGION is for the JavaScript SDK, AWS_DEFAULT_REGION for the CLI and boto3. */
export function exportLines(key: AccessKey, region: string, url?: string): readonly string[] {
  return [
    `export AWS_ACCESS_KEY_ID=${key.accessKeyId}`,
    `export AWS_SECRET_ACCESS_KEY=${key.secretAccessKey}`,
    ...(key.sessionToken === undefined ? [] : [`export AWS_SESSION_TOKEN=${key.sessionToken}`]),
    `export AWS_DEFAULT_REGION=${region} AWS_REGION=${region}`,
    ...(url === undefined ? [] : [`export AWS_ENDPOINT_URL_KMS=${url}`]),
  ];
}

export interface CredentialsOptions {
  readonly path: string;
  readonly create?: boolean;
  readonly principal?: string;
  readonly duration?: number;
  readonly remove?: string;
}

/** `keymill credentials`: without a change, prints every access key of a store, for its operator. @throws StartError */
export async function changeCredentials(options: CredentialsOptions): Promise<void> {
  const { path, create, principal, duration, remove } = options;
  const kms = await openExisting(path);
  try {
    if (remove !== undefined && !(await kms.accessKeys.remove(remove))) {
      throw new StartError(
        `there is no access key ${remove}: see which there are with keymill credentials --path ${path}`,
      );
    }
    if (create) print(await kms.accessKeys.create({ principal, durationSeconds: duration }), kms.region);
    else if (remove === undefined) for (const key of await kms.accessKeys.list()) print(key, kms.region);
  } finally {
    await kms.close();
  }
}

function print(key: AccessKey, region: string): void {
  const expiry = key.expiration === undefined ? '' : `, expires ${key.expiration.toISOString()}`;
  console.log(`# ${key.principal}, made ${key.creationDate.toISOString()}${expiry}`);
  for (const line of exportLines(key, region)) console.log(line);
}
