/** `keymill init`: a store, its root key and a first access key. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Keymill, StartError } from '../kms/index.ts';
import { exportLines } from './credentials.ts';

export interface InitOptions {
  readonly path: string;
  readonly region?: string;
  readonly account?: string;
  readonly principal?: string;
}

/** @throws StartError where there is a store already */
export async function init({ path, region, account, principal }: InitOptions): Promise<void> {
  if (existsSync(join(path, 'keymill.db'))) {
    throw new StartError(
      `there is a store in ${path} already: make another access key with keymill credentials --create --path ${path}`,
    );
  }
  const kms = await Keymill.open({ path, region, accountId: account });
  try {
    const key = await kms.accessKeys.create({ principal });
    console.log(
      `# Made a store in ${path}, region ${kms.region}, account ${kms.accountId}. Back up ${join(path, 'root.key')}:`,
    );
    console.log('# without it nothing in the store can be read. The access key of', key.principal);
    for (const line of exportLines(key, kms.region)) console.log(line);
  } finally {
    await kms.close();
  }
}
