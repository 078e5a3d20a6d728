// RSA keys of 2048, 3072 and 4096 bits with two primes: made, read from PKCS#8 and SPKI, and written.
#pragma once
#include "asymmetric.h"
#include "rsa_encoding.h"

namespace keymill {

struct RsaSize {
  KeySpec spec;
  int modulus_bits;

  size_t modulus_bytes() const { return static_cast<size_t>(modulus_bits) / 8; }
};

constexpr RsaSize kRsaKeySizes[] = {{KeySpec::RSA_2048, 2048}, {KeySpec::RSA_3072, 3072}, {KeySpec::RSA_4096, 4096}};

/** The row of a spec, or nullptr. */
const RsaSize* find_rsa_size(KeySpec spec);

extern const KeyType kRsaKeyTypes[3];

/** SP 800-56B section 6.4.1.1: what the private half of a new pair signs, its public half accepts. In rsa.cc. */
bool rsa_pair_is_consistent(const Key& key);

}  // namespace keymill
