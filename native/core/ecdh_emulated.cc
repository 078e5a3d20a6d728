#include "ecdh_kernels.h"

#ifndef KEYMILL_WITHOUT_EMULATED
#include "ecdh_lanes.h"
#include "lanes_emulated.h"

namespace keymill {

const EcdhKernel kEmulatedEcdh[kEcdhCurves] = {
    Ecdh<P256, EmulatedLanes>::kernel(),
    Ecdh<P384, EmulatedLanes>::kernel(),
    Ecdh<P521, EmulatedLanes>::kernel(),
};

}  // namespace keymill

#else

namespace keymill {
const EcdhKernel kEmulatedEcdh[kEcdhCurves] = {};
}  // namespace keymill

#endif
