#include "rsa_kernels.h"

#ifndef KEYMILL_WITHOUT_EMULATED
#define KEYMILL_COMPACT
#include "lanes_emulated.h"
#include "rsa_lanes.h"

namespace keymill {

const RsaKernel kEmulatedRsa[kRsaSizes] = {
    Rsa<EmulatedLanes, 2048>::kernel(),
    Rsa<EmulatedLanes, 3072>::kernel(),
    Rsa<EmulatedLanes, 4096>::kernel(),
};

}  // namespace keymill

#else

namespace keymill {
const RsaKernel kEmulatedRsa[kRsaSizes] = {};
}  // namespace keymill

#endif
