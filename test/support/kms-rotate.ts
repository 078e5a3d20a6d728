/** A process of its own: opens the store in argv[2] and rotates the key argv[3], argv[4] times. */
import { Keymill } from 'keymill';

const [path, KeyId, times] = process.argv.slice(2);
const kms = await Keymill.open({ path });
for (let i = 0; i < Number(times); i++) await kms.rotateKeyOnDemand({ KeyId: KeyId! });
await kms.close();
