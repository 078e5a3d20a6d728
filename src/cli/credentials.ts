/** Access keys as lines to paste into a shell. */
import type { AccessKey } from '../kms/index.ts';
import { openExisting } from './store.ts';

/** What AWS clients read. AWS_REGION is for the JavaScript SDK, AWS_DEFAULT_REGION for the CLI and boto3. */
export function exportLines(key: AccessKey, region: string, url?: string): readonly string[] {
  return [
    `export AWS_ACCESS_KEY_ID=${key.accessKeyId}`,
    `export AWS_SECRET_ACCESS_KEY=${key.secretAccessKey}`,
    `export AWS_DEFAULT_REGION=${region} AWS_REGION=${region}`,
    ...(url === undefined ? [] : [`export AWS_ENDPOINT_URL_KMS=${url}`]),
  ];
}

/** `keymill credentials`: prints every access key of a store, for its operator. */
export async function printCredentials({ path, create }: { path: string; create?: boolean }): Promise<void> {
  const kms = await openExisting(path);
  try {
    if (create) await kms.accessKeys.create();
    for (const key of await kms.accessKeys.list()) {
      console.log(`# ${key.principal}, made ${key.creationDate.toISOString()}`);
      for (const line of exportLines(key, kms.region)) console.log(line);
    }
  } finally {
    await kms.close();
  }
}
