// One inversion for many elements (Montgomery's trick: Montgomery 1987, section 10.3.1).
#pragma once
#include "field.h"

namespace keymill {

/**
 * Replaces `count` elements, element(0) and on, each by its inverse, lane by lane, and zeros by zeros: a zero takes
 * part as 1, without a branch, so that it neither spoils nor reveals its neighbours. product(i) is room for another
 * element.
 */
template <typename F, typename ElementAt, typename ProductAt>
void invert_all(size_t count, ElementAt element, ProductAt product) {
  using Element = typename F::Element;
  Element all = F::one();
  for (size_t i = 0; i < count; i++) {
    product(i) = all;
    all = F::multiply(all, F::select(F::is_zero(element(i)), F::one(), element(i)));
  }
  Element inverse = F::invert(all);
  for (size_t i = count; i-- > 0;) {
    const typename F::Mask is_zero = F::is_zero(element(i));
    const Element divisor = F::select(is_zero, F::one(), element(i));
    element(i) = F::select(is_zero, F::zero(), F::multiply(inverse, product(i)));
    inverse = F::multiply(inverse, divisor);
  }
}

}  // namespace keymill
