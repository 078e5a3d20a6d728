// Whole numbers in the lanes of a vector type, as they come in and go out: limbs of 52 bits whatever field.h and
// field_words.h compute with.
#pragma once
#include "limbs.h"

namespace keymill {

/** Little-endian, every limb below 2^52. */
template <typename V, size_t limbs>
struct Number {
  typename V::Word limb[limbs];
};

template <typename V, size_t limbs>
KEYMILL_INLINE Number<V, limbs> number_of(const Limbs<limbs>& x) {
  Number<V, limbs> out;
  for (size_t i = 0; i < limbs; i++) out.limb[i] = V::broadcast(x.limb[i]);
  return out;
}

template <typename V, size_t limbs>
KEYMILL_INLINE typename V::Mask is_zero(const Number<V, limbs>& x) {
  typename V::Word any = x.limb[0];
  for (size_t i = 1; i < limbs; i++) any = V::either(any, x.limb[i]);
  return V::equal(any, V::broadcast(0));
}

/** a - m; `borrow` is all ones in the lanes where a is below m, which then have a - m modulo 2^(52 limbs). */
template <typename V, size_t limbs>
KEYMILL_INLINE Number<V, limbs> subtract_borrow(const Number<V, limbs>& a, const Limbs<limbs>& m,
                                                typename V::Word& borrow) {
  Number<V, limbs> difference;
  borrow = V::broadcast(0);
  for (size_t i = 0; i < limbs; i++) {
    const typename V::Word d = V::add(V::subtract(a.limb[i], V::broadcast(m.limb[i])), borrow);
    borrow = V::signed_right(d, kLimbBits);
    difference.limb[i] = V::both(d, V::broadcast(kLimbMask));
  }
  return difference;
}

/** x mod m, for x below 2m. */
template <typename V, size_t limbs>
KEYMILL_INLINE Number<V, limbs> below_modulus(const Number<V, limbs>& x, const Limbs<limbs>& m) {
  typename V::Word borrow;
  Number<V, limbs> out = subtract_borrow<V, limbs>(x, m, borrow);
  const typename V::Mask fits = V::equal(borrow, V::broadcast(0));
  for (size_t i = 0; i < limbs; i++) out.limb[i] = V::select(fits, out.limb[i], x.limb[i]);
  return out;
}

}  // namespace keymill
