// Arithmetic modulo an odd number, in as many lanes as the vector type has: Montgomery multiplication over limbs of 52
// bits (Montgomery 1985). The modulus is any odd number with room above it in its limbs; its form is only used to leave
// out digits that are 0 or -1. Constant time throughout.
#pragma once
#include "inversion.h"
#include "number.h"

namespace keymill {

/**
 * Modulus has kLimbs, kBits, kValue (Limbs) and kLooseBits. An element is a residue times R = 2^(52 kLimbs), with limbs
 * below 2^52. It is not the least one: a loose element, which is what every function takes and gives unless it says
 * otherwise, lies below (2 + 2^-20) U, where U = kValue * 2^kLooseBits. U / R must be below 1/16, and the bits of U in
 * the top limb enough (12 or more) that carries not yet done do not change what they estimate.
 */
template <typename Modulus, typename V>
struct LimbField {
  static constexpr size_t kLimbs = Modulus::kLimbs;
  using Word = typename V::Word;
  using Mask = typename V::Mask;
  using Number = keymill::Number<V, kLimbs>;
  static constexpr int kElementLimbBits = kLimbBits;
  static constexpr size_t kElementLimbs = kLimbs;
  struct Element {
    Word limb[kElementLimbs];
  };

  /** Limbs as they are. */
  static Element constant(const Limbs<kLimbs>& x) { return as_element(number_of<V, kLimbs>(x)); }
  static Element zero() { return constant({}); }
  /** R, which is 1 as an element. */
  static Element one() { return constant(kOne); }

  static KEYMILL_NOINLINE Element multiply(const Element& a, const Element& b) {
    Columns columns;
    columns.set_product(a.limb, b.limb);
    return reduce(columns);
  }

  static KEYMILL_NOINLINE Element square(const Element& a) {
    Columns columns;
    columns.set_square(a.limb);
    return reduce(columns);
  }

  static KEYMILL_INLINE Element add(const Element& a, const Element& b) {
    Element sum;
    KEYMILL_UNROLL
    for (size_t i = 0; i < kLimbs; i++) sum.limb[i] = V::add(a.limb[i], b.limb[i]);
    return settle(sum);
  }

  static KEYMILL_INLINE Element subtract(const Element& a, const Element& b) {
    Element difference;
    KEYMILL_UNROLL
    for (size_t i = 0; i < kLimbs; i++) difference.limb[i] = V::subtract(a.limb[i], b.limb[i]);
    return settle(difference);
  }

  /** a - b - 2c. */
  static KEYMILL_INLINE Element subtract_twice(const Element& a, const Element& b, const Element& c) {
    Element difference;
    KEYMILL_UNROLL
    for (size_t i = 0; i < kLimbs; i++) {
      difference.limb[i] = V::subtract(V::subtract(a.limb[i], b.limb[i]), V::left(c.limb[i], 1));
    }
    return settle(difference);
  }

  static KEYMILL_INLINE Element twice(const Element& a) { return add(a, a); }
  static KEYMILL_INLINE Element thrice(const Element& a) {
    Element sum;
    KEYMILL_UNROLL
    for (size_t i = 0; i < kLimbs; i++) sum.limb[i] = V::add(V::left(a.limb[i], 1), a.limb[i]);
    return settle(sum);
  }

  /** a/2. */
  static KEYMILL_INLINE Element half(const Element& a) {
    // An odd number is made even by the modulus, which is odd too.
    const Word is_odd = V::subtract(V::broadcast(0), V::both(a.limb[0], V::broadcast(1)));
    Element sum;
    KEYMILL_UNROLL
    for (size_t i = 0; i < kLimbs; i++) {
      sum.limb[i] = V::add(a.limb[i], V::both(V::broadcast(Modulus::kValue.limb[i]), is_odd));
    }
    KEYMILL_UNROLL
    for (size_t i = 0; i + 1 < kLimbs; i++) {
      const Word low_bit = V::both(sum.limb[i + 1], V::broadcast(1));
      sum.limb[i] = V::add(V::right(sum.limb[i], 1), V::left(low_bit, kLimbBits - 1));
    }
    sum.limb[kLimbs - 1] = V::right(sum.limb[kLimbs - 1], 1);
    return settle(sum);
  }

  static Element negate_where(Mask m, const Element& a) {
    Element negative = subtract(zero(), a);
    return select(m, negative, a);
  }

  static KEYMILL_INLINE Element select(Mask m, const Element& a, const Element& b) {
    Element out;
    for (size_t i = 0; i < kLimbs; i++) out.limb[i] = V::select(m, a.limb[i], b.limb[i]);
    return out;
  }

  /** An element from a number below 2U: times R. */
  static Element from_number(const Number& number) { return multiply(as_element(number), constant(kSquaredRadix)); }
  /** The number an element stands for, below the modulus. */
  static Number to_number(const Element& a) {
    // A product with 1 is at most the modulus itself: (a + qm) / R with a and q below R.
    Element one = zero();
    one.limb[0] = V::broadcast(1);
    return below_modulus<V, kLimbs>(as_number(multiply(a, one)), Modulus::kValue);
  }
  static Mask is_zero(const Element& a) { return keymill::is_zero<V, kLimbs>(to_number(a)); }

  /** 1/a, and 0 for 0. */
  static Element invert(const Element& a) {
    Number number = to_number(a);
    uint64_t limbs[kLimbs * V::kLanes];
    for (size_t i = 0; i < kLimbs; i++) V::store(&limbs[i * V::kLanes], number.limb[i]);
    invert_lanes<Modulus>(limbs, V::kLanes);
    for (size_t i = 0; i < kLimbs; i++) number.limb[i] = V::load(&limbs[i * V::kLanes]);
    return from_number(number);
  }

 private:
  static KEYMILL_INLINE Element as_element(const Number& x) {
    Element out;
    for (size_t i = 0; i < kLimbs; i++) out.limb[i] = x.limb[i];
    return out;
  }
  static KEYMILL_INLINE Number as_number(const Element& x) {
    Number out;
    for (size_t i = 0; i < kLimbs; i++) out.limb[i] = x.limb[i];
    return out;
  }

  using Columns = typename V::template Columns<kLimbs>;
  static constexpr int kTopBits = Modulus::kBits + Modulus::kLooseBits - kLimbBits * static_cast<int>(kLimbs - 1);
  static_assert(kTopBits >= 12 && kTopBits <= 48, "see the contract of this type");
  static constexpr int kRadixBits = kLimbBits * static_cast<int>(kLimbs);
  static constexpr Limbs<kLimbs> kOne = power_of_two(Modulus::kValue, kRadixBits);
  static constexpr Limbs<kLimbs> kSquaredRadix = power_of_two(Modulus::kValue, 2 * kRadixBits);
  static constexpr uint64_t kNegativeInverse = (0 - inverse_word(Modulus::kValue.limb[0])) & kLimbMask;
  /** For Montgomery's q * m, where a digit of -1 saves two multiplications. */
  static constexpr Digits<kLimbs> kDigits = sparse(Modulus::kValue, 0, 1);
  /** For small multiples of U, where a digit that is a power of two saves one. */
  static constexpr Digits<kLimbs> kLooseDigits = sparse(Modulus::kValue, Modulus::kLooseBits, uint64_t{1} << 48);

  /**
   * Montgomery's reduction of column sums, each below 2^59 in absolute value where they are words: (sum + q m) / R,
   * which for a product of loose elements is less than (1/4 + 1) U.
   */
  static KEYMILL_INLINE Element reduce(Columns& columns) {
    const Word limb_mask = V::broadcast(kLimbMask);
    KEYMILL_UNROLL
    for (size_t i = 0; i < kLimbs; i++) {
      // Column i becomes a multiple of 2^52 when q times the lowest digit is added: only what that carries is computed.
      const Word low = columns.low(i);
      Word q;
      if constexpr (kNegativeInverse == 1) {
        q = V::both(low, limb_mask);
        columns.carry(i);
      } else {
        q = V::multiply_low(V::broadcast(0), low, V::broadcast(kNegativeInverse));
        columns.carry_up(i);
      }
      KEYMILL_UNROLL
      for (size_t j = 0; j < kLimbs; j++) {
        const int64_t digit = kDigits.digit[j];
        if (digit == 0 || (j == 0 && digit == -1)) continue;
        if (digit == -1) {
          columns.subtract(i + j, q);
        } else if (j == 0) {
          columns.add_high(i, V::broadcast(static_cast<uint64_t>(digit)), q);
        } else {
          columns.add_product(i + j, V::broadcast(static_cast<uint64_t>(digit)), q);
        }
      }
    }
    Element out;
    KEYMILL_UNROLL
    for (size_t i = 0; i + 1 < kLimbs; i++) {
      out.limb[i] = V::both(columns.low(kLimbs + i), limb_mask);
      columns.carry(kLimbs + i);
    }
    out.limb[kLimbs - 1] = columns.low(2 * kLimbs - 1);
    return out;
  }

  /**
   * A loose element from limbs that are short sums and differences (below 2^57 in absolute value). With t the multiples
   * of U's top bits seen in the top limb, a - tU lies between -2^-40 U and (1 + 2^-27) U, whatever the sign of a was;
   * one more U makes it positive.
   */
  static KEYMILL_INLINE Element settle(Element a) {
    const Word multiples = V::subtract(V::broadcast(1), V::signed_right(a.limb[kLimbs - 1], kTopBits));
    KEYMILL_UNROLL
    for (size_t i = 0; i < kLimbs; i++) {
      if (kLooseDigits.digit[i] != 0) a.limb[i] = add_product(a.limb[i], multiples, kLooseDigits.digit[i]);
    }
    const Word limb_mask = V::broadcast(kLimbMask);
    KEYMILL_UNROLL
    for (size_t i = 0; i + 1 < kLimbs; i++) {
      a.limb[i + 1] = V::add(a.limb[i + 1], V::signed_right(a.limb[i], kLimbBits));
      a.limb[i] = V::both(a.limb[i], limb_mask);
    }
    return a;
  }

  static constexpr bool is_power(int64_t x) { return x > 0 && (x & (x - 1)) == 0; }
  static constexpr int exponent_of(int64_t x) {
    int e = 0;
    while (x >> e != 1) e++;
    return e;
  }
  /** c + u * digit, for small u of either sign: by shifts where the digit is a power of two or differs from one by one.
   */
  static KEYMILL_INLINE Word add_product(Word c, Word u, int64_t digit) {
    if (digit == -1) return V::subtract(c, u);
    if (is_power(digit)) return V::add(c, V::left(u, exponent_of(digit)));
    if (is_power(-digit)) return V::subtract(c, V::left(u, exponent_of(-digit)));
    if (is_power(digit + 1)) return V::subtract(V::add(c, V::left(u, exponent_of(digit + 1))), u);
    return V::add(c, V::product(u, V::broadcast(static_cast<uint64_t>(digit))));
  }
};

/** What a vector type computes with. */
template <typename Modulus, typename V>
struct FieldChoice {
  using Type = LimbField<Modulus, V>;
};
template <typename Modulus, typename V>
using Field = typename FieldChoice<Modulus, V>::Type;

}  // namespace keymill
