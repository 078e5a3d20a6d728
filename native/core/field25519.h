// Arithmetic modulo p = 2^255 - 19 in as many lanes as the vector type has: five limbs of 52 bits, reduced by what
// 2^255 and 2^260 leave modulo p. Cheaper than field.h, which knows no special form. Constant time throughout.
#pragma once
#include "columns.h"
#include "inversion.h"
#include "limbs.h"

namespace keymill {

struct Prime25519 {
  static constexpr size_t kLimbs = 5;
  static constexpr int kBits = 255, kLooseBits = 0;
  static constexpr Limbs<kLimbs> kValue =
      limbs_of<kLimbs>("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed");
};

template <typename V>
struct Field25519 {
  static constexpr size_t kLimbs = Prime25519::kLimbs;
  /** What the top limb has of 255 bits. */
  static constexpr int kTopBits = Prime25519::kBits - 4 * kLimbBits;
  static constexpr uint64_t kTopMask = (uint64_t{1} << kTopBits) - 1;
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
    Columns columns;
    columns.set_product(a.limb, b.limb);
    return reduce(columns);
  }

  static KEYMILL_NOINLINE Element square(const Factor& a) {
    Columns columns;
    columns.set_square(a.limb);
    return reduce(columns);
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
    for (size_t i = 0; i < kLimbs; i++)
      above = V::right(V::add(x.limb[i], above), i + 1 < kLimbs ? kLimbBits : kTopBits);
    x.limb[0] = V::multiply_low(x.limb[0], above, V::broadcast(19));
    carry(x);
    x.limb[kLimbs - 1] = V::both(x.limb[kLimbs - 1], V::broadcast(kTopMask));
    return x;
  }

  static Mask is_zero(const Factor& a) {
    const Element number = to_number(a);
    Word any = number.limb[0];
    for (size_t i = 1; i < kLimbs; i++) any = V::either(any, number.limb[i]);
    return V::equal(any, V::broadcast(0));
  }

  /** 1/a, and 0 for 0. */
  static Element invert(const Element& a) {
    const Element number = to_number(a);
    uint64_t limbs[kLimbs * V::kLanes];
    for (size_t i = 0; i < kLimbs; i++) V::store(&limbs[i * V::kLanes], number.limb[i]);
    invert_lanes<Prime25519>(limbs, V::kLanes);
    Element inverse;
    for (size_t i = 0; i < kLimbs; i++) inverse.limb[i] = V::load(&limbs[i * V::kLanes]);
    return inverse;
  }

  /** a^((p - 5) / 8), by squarings and the powers 2^n - 1 of a (RFC 8032 section 5.1.1's candidate for a root). */
  static Element power_p58(const Element& a) {
    const auto squared = [](Element x, int times) {
      for (int i = 0; i < times; i++) x = square(x);
      return x;
    };
    const Element e1 = a, e2 = multiply(squared(e1, 1), e1), e4 = multiply(squared(e2, 2), e2);
    const Element e5 = multiply(squared(e4, 1), e1), e10 = multiply(squared(e5, 5), e5);
    const Element e20 = multiply(squared(e10, 10), e10), e40 = multiply(squared(e20, 20), e20);
    const Element e50 = multiply(squared(e40, 10), e10), e100 = multiply(squared(e50, 50), e50);
    const Element e200 = multiply(squared(e100, 100), e100), e250 = multiply(squared(e200, 50), e50);
    return multiply(squared(e250, 2), e1);
  }

 private:
  using Columns = WordColumns<V, kLimbs>;

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

  /** 2^260 = 608. No column of a product of factors reaches 10 * 2^52, and the last stays below 2^52. */
  static KEYMILL_INLINE Element reduce(Columns& columns) {
    const Word fold = V::broadcast(19 << 5);
    KEYMILL_UNROLL
    for (size_t i = kLimbs; i + 1 < 2 * kLimbs; i++) columns.carry(i);
    Element out;
    KEYMILL_UNROLL
    for (size_t i = 0; i < kLimbs; i++) out.limb[i] = columns.low(i);
    const Word above = V::multiply_high(V::broadcast(0), columns.low(2 * kLimbs - 1), fold);
    out.limb[0] = V::multiply_low(out.limb[0], above, fold);
    KEYMILL_UNROLL
    for (size_t i = 0; i < kLimbs; i++) {
      // What the columns have above 52 bits was carried, and multiplication leaves it out.
      const Word upper = columns.low(kLimbs + i);
      out.limb[i] = V::multiply_low(out.limb[i], upper, fold);
      if (i + 1 < kLimbs) out.limb[i + 1] = V::multiply_high(out.limb[i + 1], upper, fold);
    }
    fold_top(out);
    carry(out);
    return out;
  }
};

}  // namespace keymill
