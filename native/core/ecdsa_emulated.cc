#include "ecdsa_kernels.h"

#ifndef KEYMILL_WITHOUT_EMULATED
#include "ecdsa_lanes.h"
#include "lanes_emulated.h"

namespace keymill {

const EcdsaKernel kEmulatedEcdsa[kEcdsaCurves] = {
    Ecdsa<P256, EmulatedLanes>::kernel(),
    Ecdsa<P384, EmulatedLanes>::kernel(),
    Ecdsa<P521, EmulatedLanes>::kernel(),
    Ecdsa<Secp256k1, EmulatedLanes>::kernel(),
};

}  // namespace keymill

#else

namespace keymill {
const EcdsaKernel kEmulatedEcdsa[kEcdsaCurves] = {};
}  // namespace keymill

#endif
