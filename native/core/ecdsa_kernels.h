// ECDSA kernels: signatures and verifications of one curve, many at once, one kernel for each curve and vector type.
// What they compute with is ecdsa_lanes.h; who calls them with what is ecdsa_items.h.
#pragma once
#include <cstddef>
#include <cstdint>

namespace keymill {

/** What one signature is made of: numbers of the curve's width, big-endian. */
struct EcdsaSigning {
  const uint8_t* secret;
  /** In [1, n - 1]. */
  const uint8_t* nonce;
  /** The digest as a number; it may exceed n. */
  const uint8_t* digest;
  /** r || s, written. Not a signature where r or s is 0: take another nonce. */
  uint8_t* signature;
  /** Where not null, written: bit 0 is the parity of R's y, bit 1 whether R's x is n or more (SEC 1 section 4.1.6). */
  uint8_t* recovery_id;
};

struct EcdsaVerifying {
  const uint8_t* digest;
  /** r || s, both in [1, n - 1]. */
  const uint8_t* signature;
  /** x || y of a point on the curve. */
  const uint8_t* point;
  /** Written. An undecided one met an exceptional point on the way. */
  enum Verdict { kInvalid, kValid, kUndecided } verdict;
};

struct EcdsaKernel {
  /** Items computed together; 0 where this build has no such kernel. */
  size_t lanes;
  /** What `sign` and `verify_vartime` are to be given; nullptr where memory ran out. */
  const uint64_t* (*comb_table)();
  /** Memory for `count` items, aligned to 64 bytes; holds secrets after `sign`. */
  size_t (*sign_bytes)(size_t count);
  size_t (*verify_bytes)(size_t count);
  /** Constant time. */
  void (*sign)(const uint64_t* comb_table, void* memory, const EcdsaSigning* jobs, size_t count);
  void (*verify_vartime)(const uint64_t* comb_table, void* memory, EcdsaVerifying* jobs, size_t count);
};

/** P-256, P-384, P-521, secp256k1. */
constexpr size_t kEcdsaCurves = 4;
extern const EcdsaKernel kIfmaEcdsa[kEcdsaCurves];
extern const EcdsaKernel kScalarEcdsa[kEcdsaCurves];
extern const EcdsaKernel kEmulatedEcdsa[kEcdsaCurves];

}  // namespace keymill
