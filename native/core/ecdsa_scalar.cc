#include "ecdsa_lanes.h"
#include "lanes_scalar.h"

namespace keymill {

const EcdsaKernel kScalarEcdsa[kEcdsaCurves] = {
    Ecdsa<P256, ScalarLanes>::kernel(),
    Ecdsa<P384, ScalarLanes>::kernel(),
    Ecdsa<P521, ScalarLanes>::kernel(),
    Ecdsa<Secp256k1, ScalarLanes>::kernel(),
};

}  // namespace keymill
