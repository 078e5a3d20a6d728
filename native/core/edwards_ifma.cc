#include "edwards_kernels.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include "ifma_begin.h"

#include "edwards_lanes.h"
#include "lanes_ifma.h"

namespace keymill {

const EdwardsKernel kIfmaEdwards = Ed25519<IfmaLanes>::kernel();

}  // namespace keymill

#include "target_end.h"

#else

namespace keymill {
const EdwardsKernel kIfmaEdwards = {};
}  // namespace keymill

#endif
