/** Which blocks are not worth a worker: handing one over costs more than running it, and running it holds nobody up. */
import { BLOCK_HEADER_BYTES, HeaderWord, Operation, RECORD_BYTES, RecordWord } from './backend.ts';
import { ALGORITHMS, type Algorithm, KEY_SPECS, type KeySpec } from './specs.ts';

/** Operations and what they act on: an algorithm, or the spec of the key they make. */
const kindOf = (operation: number, algorithm: number, keySpec: number): number =>
  (operation << 16) | (algorithm << 8) | keySpec;
const using = (operation: number, algorithm: Algorithm): number => kindOf(operation, ALGORITHMS[algorithm].id, 0);
const generating = (keySpec: KeySpec): number => kindOf(Operation.GENERATE_KEY, 0, KEY_SPECS[keySpec].id);

/** Microseconds of the quick ones, roughly; all others are dear. */
const QUICK: ReadonlyMap<number, number> = new Map([
  [using(Operation.SIGN, 'ECDSA_SHA_256'), 30],
  [using(Operation.SIGN, 'ED25519_SHA_512'), 30],
  [using(Operation.SIGN, 'ED25519_PH_SHA_512'), 30],
  [using(Operation.VERIFY, 'ECDSA_SHA_256'), 100],
  [using(Operation.VERIFY, 'ED25519_SHA_512'), 100],
  [using(Operation.VERIFY, 'ED25519_PH_SHA_512'), 100],
  [generating('ECC_NIST_P256'), 30],
  [generating('ECC_SECG_P256K1'), 30],
  [generating('ECC_NIST_EDWARDS25519'), 30],
]);
/** Two messages, two wake-ups and the copies. */
const HAND_OVER_MICROSECONDS = 200;
/** Messages are hashed before they are signed. */
const BYTES_PER_MICROSECOND = 300;

/** Whether running the block takes less than handing it over. `words` may be any block's, sound or not. */
export function isQuick(words: Uint32Array): boolean {
  let microseconds = 0;
  for (let record = 0; record < words[HeaderWord.recordCount]!; record++) {
    const field = (word: number): number => words[(BLOCK_HEADER_BYTES + record * RECORD_BYTES) / 4 + word]!;
    const operation = field(RecordWord.operationAndAlgorithm);
    const each = QUICK.get(kindOf(operation & 0xffff, operation >>> 16, field(RecordWord.keySpec)));
    if (each === undefined) return false;
    microseconds += field(RecordWord.items) * (each + field(RecordWord.inputBytes) / BYTES_PER_MICROSECOND);
    if (microseconds > HAND_OVER_MICROSECONDS) return false;
  }
  return true;
}
