#include "ecdsa_kernels.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include "ifma_begin.h"

#include "ecdsa_paired.h"
#include "lanes_ifma.h"

namespace keymill {

const EcdsaKernel kIfmaEcdsa[kEcdsaCurves] = {
    PairedEcdsa<P256, IfmaLanes>::kernel(),
    Ecdsa<P384, IfmaLanes>::kernel(),
    Ecdsa<P521, IfmaLanes>::kernel(),
    PairedEcdsa<Secp256k1, IfmaLanes>::kernel(),
};

}  // namespace keymill

#include "target_end.h"

#else

namespace keymill {
const EcdsaKernel kIfmaEcdsa[kEcdsaCurves] = {};
}  // namespace keymill

#endif
