// Inverses modulo the primes of curves.h and field25519.h, in constant time, by division steps on plain words:
// Bernstein and Yang, "Fast constant-time gcd computation and modular inversion" (CHES 2019). Compiled once, for every
// vector type.
#pragma once
#include <cstddef>
#include <cstdint>

namespace keymill {

/**
 * Replaces each of `lanes` numbers below the modulus by its inverse, and 0 by 0. Limbs of 52 bits, of which limb i of
 * every number comes before limb i + 1 of the first. At most 16 lanes.
 */
template <typename Modulus>
void invert_lanes(uint64_t* limbs, size_t lanes);

}  // namespace keymill
