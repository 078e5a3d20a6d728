#include "ecdh_kernels.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include "intrinsics.h"

// Every function below, those of templates included, is compiled for this processor and called only where it is.
// Nothing below may be shared with other source files, which would run the copy made here: so no header of the standard
// library or of OpenSSL, and no function that does not depend on the vector type.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx512ifma,bmi2"))), \
                             apply_to = function)
#else
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx512ifma,bmi2")
#endif

#include "ecdh_paired.h"
#include "lanes_ifma.h"

namespace keymill {

const EcdhKernel kIfmaEcdh[kEcdhCurves] = {
    PairedEcdh<P256, IfmaLanes>::kernel(),
    Ecdh<P384, IfmaLanes>::kernel(),
    Ecdh<P521, IfmaLanes>::kernel(),
};

}  // namespace keymill

#if defined(__clang__)
#pragma clang attribute pop
#endif

#else

namespace keymill {
const EcdhKernel kIfmaEcdh[kEcdhCurves] = {};
}  // namespace keymill

#endif
