/** Changing a key: what was checked before the store's lock was held is checked again under it. */
import type { KeyRecord, StoredKey } from '../store/index.ts';
import { keyNotFound } from './address.ts';
import type { LiveKey } from './livekey.ts';
import type { KeyCall } from './operation.ts';
import { asOf, type KeyState, requireState } from './states.ts';

/**
 * Replaces the key of a call by what `change` makes of it, durably, in the store and then in memory. `change` sees the key as it
 * is, not as this process remembers it, in a state the row allows; it may throw, and then nothing has changed.
 */
export async function changeKey(
  { service, key, rule }: Pick<KeyCall<unknown>, 'service' | 'key' | 'rule'>,
  change: (stored: StoredKey) => StoredKey,
): Promise<LiveKey> {
  const stored = await service.store.updateKey(key.record.keyId, (before) => {
    const present = asOf(before, service.now());
    if (present === undefined) throw keyNotFound(key.arn);
    requireState(rule.state, present.key.keyState as KeyState, key.arn);
    return change(present);
  });
  if (stored === undefined) throw keyNotFound(key.arn);
  return service.keyring.put(stored);
}

/** As changeKey, for a change of the key's own record. */
export function changeRecord(
  call: Pick<KeyCall<unknown>, 'service' | 'key' | 'rule'>,
  change: (record: KeyRecord) => Partial<KeyRecord>,
): Promise<LiveKey> {
  return changeKey(call, ({ key, materials }) => ({ key: { ...key, ...change(key) }, materials }));
}
