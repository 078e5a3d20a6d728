/**
 * The stem of keys on Weierstrass curves: ECDSA on all four, ECDH (SP 800-56A section 5.7.1.2) on the NIST ones. Rows only; ecdsa.ts,
 * ec_keys.ts and curves.ts do the work.
 */
import {
  ALGORITHM_ECDH,
  ALGORITHM_ECDSA_SHA_256,
  ALGORITHM_ECDSA_SHA_384,
  ALGORITHM_ECDSA_SHA_512,
  KEY_SPEC_ECC_NIST_P256,
  KEY_SPEC_ECC_NIST_P384,
  KEY_SPEC_ECC_NIST_P521,
  KEY_SPEC_ECC_SECG_P256K1,
  OPERATION_DERIVE_SHARED_SECRET,
  OPERATION_SIGN,
  OPERATION_VERIFY,
  STATUS_INVALID_KEY,
  STATUS_MALFORMED_RECORD,
  STATUS_OK,
  STATUS_WRONG_KEY,
} from './contract';
import { curveOf, openCurves } from './curves';
import { readPublic, registerEcKeys } from './ec_keys';
import { sign, verify } from './ecdsa';
import { readBigEndian, WORDS_BYTES, writeBigEndian } from './limbs';
import { wipe } from './memory';
import { wipeModulus } from './modulus';
import { wipeMultiples } from './multiples';
import { Item, register, specs } from './operation';
import { wipePoints } from './points';

const SCRATCH_BYTES: usize = 3 * WORDS_BYTES;
const x = memory.data(<i32>SCRATCH_BYTES, 16);
const y = x + WORDS_BYTES;
const scalar = y + WORDS_BYTES;

/** The x coordinate of d times the peer's point, which is not infinity: d is below the order and the cofactor 1. */
function agree(item: Item): u32 {
  const curve = curveOf(item.key.spec);
  if (!item.key.material) return STATUS_WRONG_KEY;
  if (item.capacityBytes < curve.elementBytes) return STATUS_MALFORMED_RECORD;
  if (!readPublic(curve, x, y, item.extra, item.extraBytes)) return STATUS_INVALID_KEY;
  readBigEndian(scalar, item.key.material, curve.elementBytes);
  call_indirect<void>(curve.multiplyPoint, curve, x, y, scalar);
  writeBigEndian(item.output, curve.elementBytes, x);
  item.outputBytes = curve.elementBytes;
  wipe(x, SCRATCH_BYTES);
  wipeModulus();
  wipePoints();
  wipeMultiples();
  return STATUS_OK;
}

function registerEcdsa(algorithm: u32, keySpecs: u64): void {
  register(OPERATION_SIGN, algorithm, keySpecs, sign);
  register(OPERATION_VERIFY, algorithm, keySpecs, verify);
}

/** After the hashes. */
export function registerEc(): void {
  openCurves();
  registerEcKeys(KEY_SPEC_ECC_NIST_P256);
  registerEcKeys(KEY_SPEC_ECC_NIST_P384);
  registerEcKeys(KEY_SPEC_ECC_NIST_P521);
  registerEcKeys(KEY_SPEC_ECC_SECG_P256K1);
  registerEcdsa(ALGORITHM_ECDSA_SHA_256, specs(KEY_SPEC_ECC_NIST_P256) | specs(KEY_SPEC_ECC_SECG_P256K1));
  registerEcdsa(ALGORITHM_ECDSA_SHA_384, specs(KEY_SPEC_ECC_NIST_P384));
  registerEcdsa(ALGORITHM_ECDSA_SHA_512, specs(KEY_SPEC_ECC_NIST_P521));
  const nist = specs(KEY_SPEC_ECC_NIST_P256) | specs(KEY_SPEC_ECC_NIST_P384) | specs(KEY_SPEC_ECC_NIST_P521);
  register(OPERATION_DERIVE_SHARED_SECRET, ALGORITHM_ECDH, nist, agree);
}
