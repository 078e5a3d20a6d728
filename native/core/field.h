// Arithmetic modulo an odd number, in as many lanes as the vector type has: Montgomery multiplication over limbs of 52
// bits (Montgomery 1985). The modulus is any odd number with room above it in its limbs; its form is only used to leave
// out digits that are 0 or -1. Constant time throughout.
#pragma once
#include "inlining.h"
#include "limbs.h"

namespace keymill {

/**
 * Modulus has kLimbs, kBits, kValue (Limbs) and kLooseBits. An element is a residue times R = 2^(52 kLimbs), with limbs
 * below 2^52. It is not the least one: a loose element, which is what every function takes and gives unless it says
 * otherwise, lies below (2 + 2^-20) U, where U = kValue * 2^kLooseBits. U / R must be below 1/16, and the bits of U in
 * the top limb enough (12 or more) that carries not yet done do not change what they estimate.
 */
template <typename Modulus, typename V>
struct Field {
  static constexpr size_t kLimbs = Modulus::kLimbs;
  using Word = typename V::Word;
  using Mask = typename V::Mask;
  struct Element {
    Word limb[kLimbs];
  };

  static Element constant(const Limbs<kLimbs>& x) {
    Element out;
    for (size_t i = 0; i < kLimbs; i++) out.limb[i] = V::broadcast(x.limb[i]);
    return out;
  }
  static Element zero() { return constant({}); }
  /** R, which is 1 as an element. */
  static Element one() { return constant(kOne); }

  static KEYMILL_NOINLINE Element multiply(const Element& a, const Element& b) {
    Word column[2 * kLimbs];
    KEYMILL_UNROLL
    for (size_t i = 0; i < 2 * kLimbs; i++) column[i] = V::broadcast(0);
    KEYMILL_UNROLL
    for (size_t i = 0; i < kLimbs; i++) {
      KEYMILL_UNROLL
      for (size_t j = 0; j < kLimbs; j++) {
        column[i + j] = V::multiply_low(column[i + j], a.limb[i], b.limb[j]);
        column[i + j + 1] = V::multiply_high(column[i + j + 1], a.limb[i], b.limb[j]);
      }
    }
    return reduce(column);
  }

  static KEYMILL_NOINLINE Element square(const Element& a) {
    Word column[2 * kLimbs];
    KEYMILL_UNROLL
    for (size_t i = 0; i < 2 * kLimbs; i++) column[i] = V::broadcast(0);
    KEYMILL_UNROLL
    for (size_t i = 0; i < kLimbs; i++) {
      KEYMILL_UNROLL
      for (size_t j = i + 1; j < kLimbs; j++) {
        column[i + j] = V::multiply_low(column[i + j], a.limb[i], a.limb[j]);
        column[i + j + 1] = V::multiply_high(column[i + j + 1], a.limb[i], a.limb[j]);
      }
    }
    KEYMILL_UNROLL
    for (size_t i = 1; i < 2 * kLimbs; i++) column[i] = V::add(column[i], column[i]);
    KEYMILL_UNROLL
    for (size_t i = 0; i < kLimbs; i++) {
      column[2 * i] = V::multiply_low(column[2 * i], a.limb[i], a.limb[i]);
      column[2 * i + 1] = V::multiply_high(column[2 * i + 1], a.limb[i], a.limb[i]);
    }
    return reduce(column);
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

  /** a * 2^shift - b * 2^shift_b, for shifts up to 3. */
  static KEYMILL_INLINE Element subtract_shifted(const Element& a, int shift, const Element& b, int shift_b) {
    Element difference;
    KEYMILL_UNROLL
    for (size_t i = 0; i < kLimbs; i++) {
      difference.limb[i] = V::subtract(V::left(a.limb[i], shift), V::left(b.limb[i], shift_b));
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
  static Element from_number(const Element& number) { return multiply(number, constant(kSquaredRadix)); }
  /** The number an element stands for, below the modulus. */
  static Element to_number(const Element& a) {
    // A product with 1 is at most the modulus itself: (a + qm) / R with a and q below R.
    Element one = zero();
    one.limb[0] = V::broadcast(1);
    return below_modulus(multiply(a, one));
  }

  /** x mod m for a number x below 2m, limbs below 2^52. */
  static Element below_modulus(const Element& x) {
    Element difference;
    Word carry = V::broadcast(0);
    for (size_t i = 0; i < kLimbs; i++) {
      const Word d = V::add(V::subtract(x.limb[i], V::broadcast(Modulus::kValue.limb[i])), carry);
      carry = V::signed_right(d, kLimbBits);
      difference.limb[i] = V::both(d, V::broadcast(kLimbMask));
    }
    // The last carry is 0 or -1.
    return select(V::equal(carry, V::broadcast(0)), difference, x);
  }

  /** Numbers or reduced elements: whether every limb is 0. */
  static Mask is_zero(const Element& number) {
    Word any = number.limb[0];
    for (size_t i = 1; i < kLimbs; i++) any = V::either(any, number.limb[i]);
    return V::equal(any, V::broadcast(0));
  }

  /** 1/a, and 0 for 0: a^(m-2) for a prime modulus (Fermat), with windows of four bits of that public exponent. */
  static Element invert(const Element& a) {
    constexpr int kWindow = 4;
    constexpr Limbs<kLimbs> exponent = minus(Modulus::kValue, 2);
    Element power[1 << kWindow];
    power[0] = one();
    for (int i = 1; i < 1 << kWindow; i++) power[i] = multiply(power[i - 1], a);
    Element out = one();
    for (int bit = (Modulus::kBits - 1) / kWindow * kWindow; bit >= 0; bit -= kWindow) {
      for (int i = 0; i < kWindow; i++) out = square(out);
      const int at = bit / kLimbBits, shift = bit % kLimbBits;
      out = multiply(out, power[exponent.limb[at] >> shift & ((1 << kWindow) - 1)]);
    }
    return out;
  }

 private:
  static_assert(kLimbBits % 4 == 0, "windows of four bits do not straddle limbs");
  static constexpr int kTopBits = Modulus::kBits + Modulus::kLooseBits - kLimbBits * static_cast<int>(kLimbs - 1);
  static_assert(kTopBits >= 12 && kTopBits <= 48, "see the contract of this type");
  static constexpr int kRadixBits = kLimbBits * static_cast<int>(kLimbs);
  static constexpr Limbs<kLimbs> kOne = power_of_two(Modulus::kValue, kRadixBits);
  static constexpr Limbs<kLimbs> kSquaredRadix = power_of_two(Modulus::kValue, 2 * kRadixBits);
  static constexpr uint64_t kNegativeInverse = negative_inverse(Modulus::kValue.limb[0]);
  /** For Montgomery's q * m, where a digit of -1 saves two multiplications. */
  static constexpr Digits<kLimbs> kDigits = sparse(Modulus::kValue, 0, 1);
  /** For small multiples of U, where a digit that is a power of two saves one. */
  static constexpr Digits<kLimbs> kLooseDigits = sparse(Modulus::kValue, Modulus::kLooseBits, uint64_t{1} << 48);

  /**
   * Montgomery's reduction of column sums, each below 2^59 in absolute value: (sum + q m) / R, which for a product of
   * loose elements is less than (1/4 + 1) U.
   */
  static KEYMILL_INLINE Element reduce(Word (&column)[2 * kLimbs]) {
    const Word limb_mask = V::broadcast(kLimbMask);
    KEYMILL_UNROLL
    for (size_t i = 0; i < kLimbs; i++) {
      const Word q = kNegativeInverse == 1
                         ? V::both(column[i], limb_mask)
                         : V::multiply_low(V::broadcast(0), column[i], V::broadcast(kNegativeInverse));
      KEYMILL_UNROLL
      for (size_t j = 0; j < kLimbs; j++) {
        if (kDigits.digit[j] == 0) continue;
        if (kDigits.digit[j] == -1) {
          column[i + j] = V::subtract(column[i + j], q);
          continue;
        }
        const Word digit = V::broadcast(static_cast<uint64_t>(kDigits.digit[j]));
        column[i + j] = V::multiply_low(column[i + j], digit, q);
        column[i + j + 1] = V::multiply_high(column[i + j + 1], digit, q);
      }
      column[i + 1] = V::add(column[i + 1], V::signed_right(column[i], kLimbBits));
    }
    Element out;
    KEYMILL_UNROLL
    for (size_t i = 0; i + 1 < kLimbs; i++) {
      out.limb[i] = V::both(column[kLimbs + i], limb_mask);
      column[kLimbs + i + 1] = V::add(column[kLimbs + i + 1], V::signed_right(column[kLimbs + i], kLimbBits));
    }
    out.limb[kLimbs - 1] = column[2 * kLimbs - 1];
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

}  // namespace keymill
