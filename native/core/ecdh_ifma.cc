#include "ecdh_kernels.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include "ifma_begin.h"

#include "ecdh_paired.h"
#include "lanes_ifma.h"

namespace keymill {

const EcdhKernel kIfmaEcdh[kEcdhCurves] = {
    PairedEcdh<P256, IfmaLanes>::kernel(),
    Ecdh<P384, IfmaLanes>::kernel(),
    Ecdh<P521, IfmaLanes>::kernel(),
};

}  // namespace keymill

#include "target_end.h"

#else

namespace keymill {
const EcdhKernel kIfmaEcdh[kEcdhCurves] = {};
}  // namespace keymill

#endif
