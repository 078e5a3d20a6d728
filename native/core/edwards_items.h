// From items to Ed25519 kernels and back: checks and hashes (RFC 8032 section 5.1).
#pragma once
#include "asymmetric.h"
#include "edwards_kernels.h"
#include "sha2_kernels.h"

namespace keymill {

constexpr size_t kEdwardsSignatureBytes = 64;

/** One way to run one of the two algorithms. */
struct EdwardsRoute {
  const EdwardsKernel& kernel;
  const Sha2Kernel<uint64_t>& sha512;
  /** Ed25519ph with PH = SHA-512 and an empty context; otherwise Ed25519. */
  bool prehashed;
};

/** Whether the item is one for Ed25519: MALFORMED_RECORD or WRONG_KEY where it is not, whatever its bytes are. */
Status usable_for_edwards(const Item& item, bool prehashed);

/** Implementation::run on a kernel. */
void sign_edwards(const EdwardsRoute& route, ThreadState& thread, Item* items, size_t count);
void verify_edwards(const EdwardsRoute& route, ThreadState& thread, Item* items, size_t count);

}  // namespace keymill
