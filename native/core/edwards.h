// Keys on ECC_NIST_EDWARDS25519: Ed25519 through OpenSSL, and Ed25519ph with an empty context (RFC 8032 section 5.1),
// which OpenSSL 3.0 does not have, through edwards25519.h. See operation.h for edwards_implementations().
#pragma once
#include "key.h"

namespace keymill {

extern const KeyType kEdwardsKeyType;

}  // namespace keymill
