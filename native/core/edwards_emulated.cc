#include "edwards_kernels.h"

#ifndef KEYMILL_WITHOUT_EMULATED
#include "edwards_lanes.h"
#include "lanes_emulated.h"

namespace keymill {

const EdwardsKernel kEmulatedEdwards = Ed25519<EmulatedLanes>::kernel();

}  // namespace keymill

#else

namespace keymill {
const EdwardsKernel kEmulatedEdwards = {};
}  // namespace keymill

#endif
