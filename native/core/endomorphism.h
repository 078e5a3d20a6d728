// Scalars of secp256k1 in halves: with lambda a cube root of 1 modulo n and beta one modulo p, lambda (x, y) is
// (beta x, y), so that k P = k1 P + k2 (beta x, y) takes half the doublings (Gallant, Lambert and Vanstone, CRYPTO
// 2001).
#pragma once
#include <cstddef>
#include <cstdint>

namespace keymill {

constexpr size_t kHalfScalarWords = 3;

struct HalfScalar {
  /** Little-endian words of 64 bits. */
  uint64_t magnitude[kHalfScalarWords];
  bool negative;
};

/**
 * k = k1 + k2 lambda modulo n, for k of four little-endian words. Both are odd, as OddDigits needs them, and below
 * 2^129. Not for secrets.
 */
void split_scalar_vartime(const uint64_t (&k)[4], HalfScalar (&halves)[2]);

}  // namespace keymill
