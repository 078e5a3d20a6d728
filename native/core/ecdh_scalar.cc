// First, since it says how the functions of all that follows are compiled.
#include "word_stores.h"

#include "ecdh_lanes.h"
#include "field_words.h"

namespace keymill {

const EcdhKernel kScalarEcdh[kEcdhCurves] = {
    Ecdh<P256, ScalarLanes>::kernel(),
    Ecdh<P384, ScalarLanes>::kernel(),
    Ecdh<P521, ScalarLanes>::kernel(),
};

}  // namespace keymill
