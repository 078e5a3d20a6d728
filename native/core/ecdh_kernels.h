// ECDH kernels: shared secrets of one curve, many at once, one kernel for each curve and vector type. What they compute
// with is ecdh_lanes.h; who calls them with what is ecdh_items.h.
#pragma once
#include <cstddef>
#include <cstdint>

namespace keymill {

/** One agreement. Numbers are of the curve's width, big-endian. */
struct EcdhAgreement {
  /** In [1, n - 1]. */
  const uint8_t* secret;
  /** The peer's x || y; any numbers. */
  const uint8_t* point;
  /** The x coordinate of their product, written; of no meaning where the peer's point is not on the curve. */
  uint8_t* shared;
  /** Written: whether the coordinates are below p and those of a point of the curve. */
  bool is_on_curve;
};

struct EcdhKernel {
  /** Items computed together; 0 where this build has no such kernel. */
  size_t lanes;
  /** Memory for `count` items, aligned to 64 bytes; holds secrets after `agree`. */
  size_t (*bytes)(size_t count);
  /** Constant time. */
  void (*agree)(void* memory, EcdhAgreement* jobs, size_t count);
};

/** P-256, P-384, P-521: the curves of ecdsa_kernels.h that have ECDH. */
constexpr size_t kEcdhCurves = 3;
extern const EcdhKernel kIfmaEcdh[kEcdhCurves];
extern const EcdhKernel kScalarEcdh[kEcdhCurves];
extern const EcdhKernel kEmulatedEcdh[kEcdhCurves];

}  // namespace keymill
