// Keys on ECC_NIST_P256, P384, P521 and ECC_SECG_P256K1 (SP 800-186, SEC 2): ECDSA (FIPS 186-5 section 6) and, on the
// NIST curves, ECDH (SP 800-56A section 5.7.1.2). See operation.h for ec_implementations().
#pragma once
#include "key.h"

namespace keymill {

extern const KeyType kEcKeyTypes[4];

}  // namespace keymill
