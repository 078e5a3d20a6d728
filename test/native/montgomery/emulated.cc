#define KEYMILL_COMPACT
#include "core/lanes_emulated.h"
#include "run.h"

namespace keymill {
const RunMontgomery kEmulatedMontgomery = run_montgomery<EmulatedLanes>;
}  // namespace keymill
