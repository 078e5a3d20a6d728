#include "edwards_lanes.h"
#include "lanes_emulated.h"

namespace keymill {

const EdwardsKernel kEmulatedEdwards = Ed25519<EmulatedLanes>::kernel();

}  // namespace keymill
