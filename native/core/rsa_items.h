// From items to RSA kernels and back: checks, digests, encodings, blinding, and what is left to OpenSSL.
#pragma once
#include "asymmetric.h"
#include "rsa_encoding.h"
#include "rsa_kernels.h"

namespace keymill {

enum class RsaPadding { kOaep, kPss, kPkcs1 };

/** The kernels of one vector type. */
struct RsaVectorType {
  const char* name;
  const RsaKernel (&kernels)[kRsaSizes];
  uint64_t required_cpu_features;
  /** Fewer items than this at once are not worth a vector and go `one_by_one`. */
  size_t minimum_private, minimum_public;
};

/** One algorithm on one vector type. */
struct RsaRoute {
  const RsaVectorType& type;
  Algorithm algorithm;
  RsaPadding padding;
  Hash hash;
};

/**
 * Implementation::run on kernels, for keys of all sizes. `one_by_one` is OpenSSL's: it also takes the items for which a
 * private operation turned out wrong, and those for whose keys there was no memory or randomness.
 */
void encrypt_rsa(const RsaRoute& route, ThreadState& thread, Item* items, size_t count, Run one_by_one);
void decrypt_rsa(const RsaRoute& route, ThreadState& thread, Item* items, size_t count, Run one_by_one);
void sign_rsa(const RsaRoute& route, ThreadState& thread, Item* items, size_t count, Run one_by_one);
void verify_rsa(const RsaRoute& route, ThreadState& thread, Item* items, size_t count, Run one_by_one);

}  // namespace keymill
