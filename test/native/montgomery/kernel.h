// Montgomery multiplication of native/core/montgomery.h on one vector type, behind an interface that main.cc can call
// without being compiled for the processor it takes.
#pragma once
#include <cstddef>
#include <cstdint>

namespace keymill {

constexpr size_t kMontgomeryLanes = 8;
constexpr size_t kMontgomeryStreams = 2;

/** What is computed; each result is out as a number below 49/16 times the modulus. R is 2^(52 limbs). */
enum class MontgomeryOperation {
  /** a b / R. */
  kMultiply,
  /** a^4 / R^3. */
  kSquareTwice,
  /** a^2 b / R^2. */
  kSquareAndMultiply,
};

/** Numbers are one 64-bit word per lane for each limb, lowest limb first; what a kernel keeps beside them is its own. */
struct MontgomeryTask {
  MontgomeryOperation operation;
  size_t limbs;
  /** 1 or 2. */
  size_t streams;
  const uint64_t* modulus[kMontgomeryStreams];
  /** (k modulus + 1) / B with k = -1 / modulus mod B, for B = 2^520 and for B = 2^260. */
  const uint64_t* friendly[kMontgomeryStreams];
  const uint64_t* half_friendly[kMontgomeryStreams];
  /** -1 / modulus mod 2^52, one word per lane. */
  const uint64_t* negative_inverse[kMontgomeryStreams];
  const uint64_t* a[kMontgomeryStreams];
  const uint64_t* b[kMontgomeryStreams];
  uint64_t* out[kMontgomeryStreams];
  /** `out` once more, as its least residue. */
  uint64_t* reduced[kMontgomeryStreams];
  /** 64-byte aligned, kScratchWords of it, with anything in it. */
  uint64_t* scratch;
};

/** For each stream seven numbers of 80 limbs with their differences, the columns of a product, and multiples. */
constexpr size_t kScratchWords = kMontgomeryStreams * (7 * 128 + 160 + 32) * kMontgomeryLanes;

using RunMontgomery = void (*)(const MontgomeryTask&);

/** Null where the compiler cannot make it. */
extern const RunMontgomery kIfmaMontgomery;
extern const RunMontgomery kEmulatedMontgomery;

}  // namespace keymill
