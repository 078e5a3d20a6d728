#include "rsa_kernels.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include "ifma_begin.h"

#include "lanes_ifma.h"
#include "rsa_lanes.h"

namespace keymill {

const RsaKernel kIfmaRsa[kRsaSizes] = {
    Rsa<IfmaLanes, 2048>::kernel(),
    Rsa<IfmaLanes, 3072>::kernel(),
    Rsa<IfmaLanes, 4096>::kernel(),
};

}  // namespace keymill

#include "target_end.h"

#else

namespace keymill {
const RsaKernel kIfmaRsa[kRsaSizes] = {};
}  // namespace keymill

#endif
