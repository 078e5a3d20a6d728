// From items to ECDH kernels and back: checks, the peers' keys, and which kernel takes how many.
#pragma once
#include "asymmetric.h"
#include "ecdh_kernels.h"

namespace keymill {

/** One way to run ECDH on one curve. */
struct EcdhRoute {
  KeySpec spec;
  /** Of a coordinate and of a scalar. */
  size_t bytes;
  /** x and y of the peer's SubjectPublicKeyInfo, which may still be no point of the curve; false where it is not one.
   */
  bool (*read_peer)(Bytes spki, const uint8_t** point);
  const EcdhKernel& kernel;
  /** Items that leave a last vector with fewer than `minimum` cost less on this one. */
  const EcdhKernel& kernel_of_few;
  size_t minimum;
};

/** Implementation::run on kernels. */
void agree_ecdh(const EcdhRoute& route, ThreadState& thread, Item* items, size_t count);

/**
 * Known answers of both kernels, in all lanes and in a vector that is not full: the shared secret of `secret` and the
 * peer's `point` (x and y), beside a point off the curve that is refused. `fault` flips a bit of it first.
 */
bool ecdh_gives_known(const EcdhRoute& route, Bytes secret, Bytes point, Bytes shared, bool fault);

}  // namespace keymill
