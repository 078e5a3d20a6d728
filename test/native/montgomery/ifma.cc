#include "kernel.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include "core/ifma_begin.h"

#include "core/lanes_ifma.h"
#include "run.h"

namespace keymill {
const RunMontgomery kIfmaMontgomery = run_montgomery<IfmaLanes>;
}  // namespace keymill

#include "core/target_end.h"

#else

namespace keymill {
const RunMontgomery kIfmaMontgomery = nullptr;
}  // namespace keymill

#endif
