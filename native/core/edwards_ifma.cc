#include "edwards_kernels.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include "intrinsics.h"

// As in ecdsa_ifma.cc: every function below is compiled for this processor, called only where it is, and shared with no
// other source file.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx512ifma,bmi2"))), \
                             apply_to = function)
#else
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx512ifma,bmi2")
#endif

#include "edwards_lanes.h"
#include "lanes_ifma.h"

namespace keymill {

const EdwardsKernel kIfmaEdwards = Ed25519<IfmaLanes>::kernel();

}  // namespace keymill

#if defined(__clang__)
#pragma clang attribute pop
#endif

#else

namespace keymill {
const EdwardsKernel kIfmaEdwards = {};
}  // namespace keymill

#endif
