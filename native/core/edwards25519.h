// What is computed once of edwards25519 (RFC 8032 section 5.1) for its kernels: the multiples of the base point, and of
// each public key what verification needs.
#pragma once
#include <cstdint>

#include "edwards_kernels.h"

namespace keymill {

/** The table of edwards_comb.h, the same for every vector type. Made at the first call and kept; nullptr where memory
 * ran out. */
const uint64_t* edwards_comb_table();

/**
 * Completes a public key from its encoding, the first 32 of kEdwardsPublicBytes. False where that is not the one
 * canonical encoding of a point on the curve, or the point is of small order; the other bytes are then undefined.
 */
bool complete_public_point_vartime(uint8_t public_point[kEdwardsPublicBytes]);

}  // namespace keymill
