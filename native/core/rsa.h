// RSA keys of 2048, 3072 and 4096 bits with two primes: OAEP, PSS and PKCS#1 v1.5 signatures (RFC 8017). The rows are
// rows of OpenSSL; see operation.h for rsa_implementations().
#pragma once
#include "key.h"

namespace keymill {

extern const KeyType kRsaKeyTypes[3];

}  // namespace keymill
