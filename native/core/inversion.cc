// First, since it says how the functions of all that follows are compiled.
#include "word_stores.h"

#include "inversion.h"

#include "curves.h"
#include "field25519.h"
#include "field_words.h"
#include "shared_inversion.h"

namespace keymill {

template <typename Modulus>
void invert_lanes(uint64_t* limbs, size_t lanes) {
  using F = Field<Modulus, ScalarLanes>;
  using Element = typename F::Element;
  constexpr size_t kMaxLanes = 16;
  Element elements[kMaxLanes], products[kMaxLanes];
  typename F::Number number;
  for (size_t lane = 0; lane < lanes; lane++) {
    for (size_t i = 0; i < F::kLimbs; i++) number.limb[i] = limbs[i * lanes + lane];
    elements[lane] = F::from_number(number);
  }
  invert_all<F>(
      lanes, [&](size_t i) -> Element& { return elements[i]; }, [&](size_t i) -> Element& { return products[i]; });
  for (size_t lane = 0; lane < lanes; lane++) {
    number = F::to_number(elements[lane]);
    for (size_t i = 0; i < F::kLimbs; i++) limbs[i * lanes + lane] = number.limb[i];
  }
}

template void invert_lanes<P256Prime>(uint64_t*, size_t);
template void invert_lanes<P256Order>(uint64_t*, size_t);
template void invert_lanes<P384Prime>(uint64_t*, size_t);
template void invert_lanes<P384Order>(uint64_t*, size_t);
template void invert_lanes<P521Prime>(uint64_t*, size_t);
template void invert_lanes<P521Order>(uint64_t*, size_t);
template void invert_lanes<Secp256k1Prime>(uint64_t*, size_t);
template void invert_lanes<Secp256k1Order>(uint64_t*, size_t);
template void invert_lanes<Prime25519>(uint64_t*, size_t);

}  // namespace keymill
