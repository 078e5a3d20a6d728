// First, since it says how the functions of all that follows are compiled.
#include "word_stores.h"

#include "ecdsa_lanes.h"
#include "field_words.h"

namespace keymill {

const EcdsaKernel kScalarEcdsa[kEcdsaCurves] = {
    Ecdsa<P256, ScalarLanes>::kernel(),
    Ecdsa<P384, ScalarLanes>::kernel(),
    Ecdsa<P521, ScalarLanes>::kernel(),
    Ecdsa<Secp256k1, ScalarLanes>::kernel(),
};

}  // namespace keymill
