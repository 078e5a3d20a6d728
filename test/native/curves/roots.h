// Square roots modulo the primes of curves.h, eight at a time, for equation.h, which checks them.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/ecdsa_kernels.h"

namespace keymill {

struct RootKernel {
  static constexpr size_t kLanes = 8, kMaxLimbs = 11;
  /** Of 52 bits; 0 where this build has no such kernel. */
  size_t limbs;
  /**
   * Replaces each of eight numbers below the prime by a root, or, where it has none, by another number. Limb i of every
   * number comes before limb i + 1 of the first.
   */
  void (*root)(uint64_t* limbs);
};

/** P-256, P-384, P-521, secp256k1. Need what kIfmaEcdsa does. */
extern const RootKernel kRoots[kEcdsaCurves];

}  // namespace keymill
