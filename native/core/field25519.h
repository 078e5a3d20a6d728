// Arithmetic modulo p = 2^255 - 19 in as many lanes as the vector type has: five limbs of 52 bits, reduced by what 2^255
// and 2^260 leave modulo p. Cheaper than field.h, which knows no special form. Constant time throughout.
#pragma once
#include "field.h"

namespace keymill {

template <typename V>
struct Field25519 {
  static constexpr size_t kLimbs = 5;
  using Word = typename V::Word;
  using Mask = typename V::Mask;

  /** What can be multiplied: limbs below 2^52. */
  struct Factor {
    Word limb[kLimbs];
  };
  /** What can be added and subtracted too: a factor with a top limb below 2^47 + 2^5. Not the least residue. */
  struct Element : Factor {};

  static Element constant(const Limbs<kLimbs>& x) {
    Element out;
    for (size_t i = 0; i < kLimbs; i++) out.limb[i] = V::broadcast(x.limb[i]);
    return out;
  }
  static Element zero() { return constant({}); }
  static Element one() { return constant({{1}}); }

  static KEYMILL_NOINLINE Element multiply(const Factor& a, const Factor& b) {
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

  static KEYMILL_NOINLINE Element square(const Factor& a) {
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
    for (size_t i = 1; i + 1 < 2 * kLimbs; i++) column[i] = V::add(column[i], column[i]);
    KEYMILL_UNROLL
    for (size_t i = 0; i < kLimbs; i++) {
      column[2 * i] = V::multiply_low(column[2 * i], a.limb[i], a.limb[i]);
      column[2 * i + 1] = V::multiply_high(column[2 * i + 1], a.limb[i], a.limb[i]);
    }
    return reduce(column);
  }

  static Element square_times(Element a, int times) {
    for (int i = 0; i < times; i++) a = square(a);
    return a;
  }

  /** The sum of elements times small factors, as in sum<1, -1>(a, b) = a - b; 2p stands in for each element taken. */
  template <int... factors, typename... Elements>
  static KEYMILL_INLINE Factor sum(const Elements&... elements) {
    constexpr uint64_t taken = ((factors < 0 ? -factors : 0) + ...);
    static_assert(((factors < 0 ? -2 * factors : factors) + ...) <= 16, "the top limb stays below 2^52");
    constexpr uint64_t bias[kLimbs] = {0 - 38 * taken, 0, 0, 0, taken << (kTopBits + 1)};
    Factor out;
    KEYMILL_UNROLL
    for (size_t i = 0; i < kLimbs; i++) {
      out.limb[i] = V::broadcast(bias[i]);
      ((out.limb[i] = accumulate<factors>(out.limb[i], elements.limb[i])), ...);
    }
    carry(out);
    return out;
  }

  static KEYMILL_INLINE Element select(Mask m, const Element& a, const Element& b) {
    Element out;
    for (size_t i = 0; i < kLimbs; i++) out.limb[i] = V::select(m, a.limb[i], b.limb[i]);
    return out;
  }
  static KEYMILL_INLINE Factor select(Mask m, const Factor& a, const Factor& b) {
    Factor out;
    for (size_t i = 0; i < kLimbs; i++) out.limb[i] = V::select(m, a.limb[i], b.limb[i]);
    return out;
  }

  /** -a where m holds. */
  static Element negate_where(Mask m, const Element& a) { return select(m, to_element(sum<-1>(a)), a); }

  static Element to_element(Factor a) {
    fold_top(a);
    carry(a);
    Element out;
    for (size_t i = 0; i < kLimbs; i++) out.limb[i] = a.limb[i];
    return out;
  }

  /** The least residue. */
  static Element to_number(const Factor& a) {
    // Below p + 2^10. Where 19 more reach 2^255, p is taken away: 19 added and 2^255 left off.
    Element x = to_element(a);
    Word above = V::broadcast(19);
    for (size_t i = 0; i < kLimbs; i++) above = V::right(V::add(x.limb[i], above), i + 1 < kLimbs ? kLimbBits : kTopBits);
    x.limb[0] = V::multiply_low(x.limb[0], above, V::broadcast(19));
    carry(x);
    x.limb[kLimbs - 1] = V::both(x.limb[kLimbs - 1], V::broadcast(kTopMask));
    return x;
  }

  /** Numbers: whether every limb is 0. */
  static Mask is_zero(const Element& number) {
    Word any = number.limb[0];
    for (size_t i = 1; i < kLimbs; i++) any = V::either(any, number.limb[i]);
    return V::equal(any, V::broadcast(0));
  }

  /** a^(p - 2): 1/a, and 0 for 0. */
  static Element invert(const Element& a) {
    const Chain chain = power_chain(a);
    return multiply(square_times(chain.a_2_250_minus_1, 5), chain.a_11);
  }

  /** a^((p - 5) / 8). */
  static Element power_p58(const Element& a) {
    return multiply(square_times(power_chain(a).a_2_250_minus_1, 2), a);
  }

 private:
  static constexpr int kTopBits = 255 - 4 * kLimbBits;
  static constexpr uint64_t kTopMask = (uint64_t{1} << kTopBits) - 1;

  template <int factor>
  static KEYMILL_INLINE Word accumulate(Word sum, Word x) {
    static_assert(factor == 1 || factor == -1 || factor == 2, "what the formulas need");
    if constexpr (factor == -1) return V::subtract(sum, x);
    return V::add(sum, factor == 2 ? V::left(x, 1) : x);
  }

  /** Moves what limbs have above 52 bits, or are short of, to the next. */
  static KEYMILL_INLINE void carry(Factor& a) {
    KEYMILL_UNROLL
    for (size_t i = 0; i + 1 < kLimbs; i++) {
      a.limb[i + 1] = V::add(a.limb[i + 1], V::signed_right(a.limb[i], kLimbBits));
      a.limb[i] = V::both(a.limb[i], V::broadcast(kLimbMask));
    }
  }

  /** 2^255 = 19. */
  static KEYMILL_INLINE void fold_top(Factor& a) {
    const Word above = V::right(a.limb[kLimbs - 1], kTopBits);
    a.limb[kLimbs - 1] = V::both(a.limb[kLimbs - 1], V::broadcast(kTopMask));
    a.limb[0] = V::multiply_low(a.limb[0], above, V::broadcast(19));
  }

  /** Column sums of a product of factors, each below 10 * 2^52: 2^260 = 608. */
  static KEYMILL_INLINE Element reduce(Word (&column)[2 * kLimbs]) {
    const Word fold = V::broadcast(19 << 5);
    KEYMILL_UNROLL
    for (size_t i = kLimbs; i + 1 < 2 * kLimbs; i++) {
      column[i + 1] = V::add(column[i + 1], V::right(column[i], kLimbBits));
    }
    // The last column is below 2^52: the product is below 2^520.
    const Word above = V::multiply_high(V::broadcast(0), column[2 * kLimbs - 1], fold);
    column[0] = V::multiply_low(column[0], above, fold);
    KEYMILL_UNROLL
    for (size_t i = 0; i < kLimbs; i++) {
      // What the columns have above 52 bits was moved on, and multiplying leaves it out.
      column[i] = V::multiply_low(column[i], column[kLimbs + i], fold);
      if (i + 1 < kLimbs) column[i + 1] = V::multiply_high(column[i + 1], column[kLimbs + i], fold);
    }
    Element out;
    KEYMILL_UNROLL
    for (size_t i = 0; i < kLimbs; i++) out.limb[i] = column[i];
    fold_top(out);
    carry(out);
    return out;
  }

  struct Chain {
    Element a_2_250_minus_1, a_11;
  };
  /** What both exponents above begin with. */
  static Chain power_chain(const Element& a) {
    const Element a2 = square(a);
    const Element a9 = multiply(square_times(a2, 2), a);
    const Element a11 = multiply(a9, a2);
    const Element e5 = multiply(square(a11), a9);
    const Element e10 = multiply(square_times(e5, 5), e5);
    const Element e20 = multiply(square_times(e10, 10), e10);
    const Element e40 = multiply(square_times(e20, 20), e20);
    const Element e50 = multiply(square_times(e40, 10), e10);
    const Element e100 = multiply(square_times(e50, 50), e50);
    const Element e200 = multiply(square_times(e100, 100), e100);
    return {multiply(square_times(e200, 50), e50), a11};
  }
};

}  // namespace keymill
