// RSA kernels: the private and the public operation of eight keys of one size at once, one kernel for each size and
// vector type. What they compute with is rsa_lanes.h; who calls them with what is rsa_items.h.
#pragma once
#include <cstddef>
#include <cstdint>

namespace keymill {

/**
 * A key's numbers in limbs of 52 bits, lowest first. R is 2^(52 * limbs of the modulus), R' the same for a prime, which
 * has half as many limbs.
 */
struct RsaPublicNumbers {
  /** Odd, above 1. */
  uint64_t exponent;
  /** -1 / n mod 2^52. */
  uint64_t negative_inverse;
  const uint64_t* modulus;
  /** (k n + 1) / B with k = -1 / n mod B, as long as n, for B = 2^520 and for B = 2^260. */
  const uint64_t* friendly;
  const uint64_t* half_friendly;
  /** R^2 mod n. */
  const uint64_t* radix_squared;
};

struct RsaPrimeNumbers {
  const uint64_t* value;
  /** (k value + 1) / B with k = -1 / value mod B, for B = 2^520 and for B = 2^260. */
  const uint64_t* friendly;
  const uint64_t* half_friendly;
  /** d mod (value - 1). */
  const uint64_t* exponent;
  /** R'^2 and R'^3 mod value. */
  const uint64_t* radix_squared;
  const uint64_t* radix_cubed;
  /** -1 / value mod 2^52, one word; a secret like all of these. */
  const uint64_t* negative_inverse;
};

/** RFC 8017 section 3.2: p and q, and the inverse of q modulo p times R'. */
struct RsaPrivateNumbers {
  RsaPrimeNumbers prime[2];
  const uint64_t* coefficient;
};

struct RsaPublicJob {
  const RsaPublicNumbers* key;
  /** Big-endian, as wide as the modulus and below it; so is what is written. */
  const uint8_t* input;
  uint8_t* output;
};

struct RsaPrivateJob {
  const RsaPublicNumbers* public_half;
  const RsaPrivateNumbers* private_half;
  /** r^e R and then R / r modulo n, for a random r: what is used is r^(2^blinding_step). */
  const uint64_t* blinding;
  unsigned blinding_step;
  /** Where r^(2^(blinding_step + 1)) is written in the same form, or nullptr. May be `blinding`. */
  uint64_t* next_blinding;
  const uint8_t* input;
  /** Written only where it is right; zeros elsewhere. */
  uint8_t* output;
  /** Written: whether the output to the public exponent gives the input again. If not, some number was faulty. */
  bool is_right;
};

struct RsaKernel {
  /** Jobs computed together; 0 where this build has no such kernel. */
  size_t lanes;
  size_t modulus_bits;
  /** Of the modulus. */
  size_t limbs;
  /** Memory for a call, aligned to 64 bytes; it holds what the call computed with afterwards. */
  size_t private_bytes, public_bytes;
  /** From 1 to `lanes` jobs. The private operation is constant time; the public one is not in the exponent. */
  void (*run_private)(void* memory, RsaPrivateJob* jobs, size_t count);
  void (*run_public_vartime)(void* memory, const RsaPublicJob* jobs, size_t count);
};

/** RSA-2048, RSA-3072, RSA-4096. */
constexpr size_t kRsaSizes = 3;
extern const RsaKernel kIfmaRsa[kRsaSizes];
extern const RsaKernel kEmulatedRsa[kRsaSizes];

}  // namespace keymill
