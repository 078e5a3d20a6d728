// Ed25519 kernels: signatures and verifications, many at once with keys mixed, one kernel for each vector type. What
// they compute with is edwards_lanes.h; who calls them with what is edwards_items.h. Strings are those of RFC 8032:
// little-endian.
#pragma once
#include <cstddef>
#include <cstdint>

namespace keymill {

/** What a kernel needs of a public key A, beside its encoding and after it: x, and x and y of [2^128]A. */
constexpr size_t kEdwardsPublicBytes = 4 * 32;

/** What one signature is made of (RFC 8032 section 5.1.6). */
struct EdwardsSigning {
  /** The secret scalar, clamped: 32 bytes. */
  const uint8_t* secret;
  /** The hash of prefix and message: 64 bytes, read by `commit`. */
  const uint8_t* nonce_hash;
  /** The hash of R, A and message: 64 bytes, read by `respond`. */
  const uint8_t* challenge_hash;
  /** R, written by `commit`, and S, by `respond`: 64 bytes. */
  uint8_t* signature;
};

struct EdwardsVerifying {
  /** kEdwardsPublicBytes. */
  const uint8_t* public_point;
  const uint8_t* challenge_hash;
  /** R || S, with S below the order. */
  const uint8_t* signature;
  /** Written: whether [S]B - [k]A is encoded as R. */
  bool valid;
};

struct EdwardsKernel {
  /** Items computed together; 0 where this build has no such kernel. */
  size_t lanes;
  /** Memory for `count` items, aligned to 64 bytes; holds secrets from `commit` on. */
  size_t (*bytes)(size_t count);
  /** Constant time, both. `respond` takes the memory that `commit` left, and the same jobs. */
  void (*commit)(const uint64_t* comb_table, void* memory, const EdwardsSigning* jobs, size_t count);
  void (*respond)(void* memory, const EdwardsSigning* jobs, size_t count);
  void (*verify_vartime)(const uint64_t* comb_table, void* memory, EdwardsVerifying* jobs, size_t count);
};

extern const EdwardsKernel kIfmaEdwards;
extern const EdwardsKernel kScalarEdwards;
extern const EdwardsKernel kEmulatedEdwards;

}  // namespace keymill
