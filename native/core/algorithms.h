// OpenSSL's algorithm objects, fetched once per process: a fetch by name costs more than a small message.
#pragma once
#include <openssl/evp.h>

namespace keymill {

/** Null where the OpenSSL in use does not have one; the self-tests then fail. Never freed. */
struct Algorithms {
  const EVP_CIPHER* aes_256_gcm;
  const EVP_CIPHER* aes_256_ecb;
};

const Algorithms& algorithms();

}  // namespace keymill
