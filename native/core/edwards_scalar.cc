#include "edwards_lanes.h"
#include "lanes_scalar.h"

namespace keymill {

const EdwardsKernel kScalarEdwards = Ed25519<ScalarLanes>::kernel();

}  // namespace keymill
