#include "roots.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include "core/ifma_begin.h"

#include "core/curves.h"
#include "core/field.h"
#include "core/lanes_ifma.h"

namespace keymill {
namespace {

/** x^((p + 1) / 4), p being 3 modulo 4: x^(p >> 2) and once more x. */
template <typename Prime>
void root(uint64_t* limbs) {
  using F = Field<Prime, IfmaLanes>;
  typename F::Number number;
  for (size_t i = 0; i < Prime::kLimbs; i++) number.limb[i] = IfmaLanes::load(limbs + i * RootKernel::kLanes);
  const typename F::Element x = F::from_number(number);
  typename F::Element power = x;
  for (int bit = Prime::kBits - 2; bit >= 2; bit--) {
    power = F::square(power);
    if (Prime::kValue.limb[bit / kLimbBits] >> bit % kLimbBits & 1) power = F::multiply(power, x);
  }
  number = F::to_number(F::multiply(power, x));
  for (size_t i = 0; i < Prime::kLimbs; i++) IfmaLanes::store(limbs + i * RootKernel::kLanes, number.limb[i]);
}

template <typename Prime>
constexpr RootKernel kernel() {
  static_assert(Prime::kLimbs <= RootKernel::kMaxLimbs && Prime::kValue.limb[0] % 4 == 3, "see RootKernel");
  return {Prime::kLimbs, root<Prime>};
}

}  // namespace

const RootKernel kRoots[kEcdsaCurves] = {kernel<P256Prime>(), kernel<P384Prime>(), kernel<P521Prime>(),
                                         kernel<Secp256k1Prime>()};

}  // namespace keymill

#include "core/target_end.h"

#else

namespace keymill {
const RootKernel kRoots[kEcdsaCurves] = {};
}  // namespace keymill

#endif
