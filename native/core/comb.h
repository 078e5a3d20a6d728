// Multiples of a curve's generator from a table (the "comb" of Lim and Lee with one tooth per doubling), in constant
// time. A scalar is written with digits that are all odd, so that no digit is 0 and no table lookup gives infinity
// (Joye and Tunstall, AFRICACRYPT 2009).
#pragma once
#include "point.h"

namespace keymill {

/**
 * A number as windows of odd digits. With all of N bits taken for signs, bit 1 for +2^j and bit 0 for -2^j, the bits of
 * k/2 + 2^(N-1) write an odd k < 2^N; an even one is replaced by n - k, which is odd and gives the opposite point.
 */
template <typename Curve, typename V, int window_bits>
struct OddDigits {
  using Order = typename Curve::Order;
  using Word = typename V::Word;
  using Mask = typename V::Mask;
  static constexpr size_t kLimbs = Order::kLimbs;
  static constexpr int kWindows = (Order::kBits + window_bits - 1) / window_bits;
  static constexpr int kBits = kWindows * window_bits;
  static constexpr uint64_t kMagnitudes = (uint64_t{1} << (window_bits - 1)) - 1;

  Word limb[kLimbs];
  /** Where n - k was taken. */
  Mask negated;

  struct Digit {
    /** The digit is 2 index + 1, or minus that. */
    Word index;
    Mask negative;
  };

  /** k: limbs of a number below n. */
  void set(const Word (&k)[kLimbs]) {
    const Word limb_mask = V::broadcast(kLimbMask), bit = V::broadcast(1);
    negated = V::equal(V::both(k[0], bit), V::broadcast(0));
    Word carry = V::broadcast(0);
    for (size_t i = 0; i < kLimbs; i++) {
      const Word difference = V::add(V::subtract(V::broadcast(Order::kValue.limb[i]), k[i]), carry);
      carry = V::signed_right(difference, kLimbBits);
      limb[i] = V::select(negated, V::both(difference, limb_mask), k[i]);
    }
    for (size_t i = 0; i + 1 < kLimbs; i++) {
      limb[i] = V::either(V::right(limb[i], 1), V::left(V::both(limb[i + 1], bit), kLimbBits - 1));
    }
    limb[kLimbs - 1] = V::right(limb[kLimbs - 1], 1);
    constexpr size_t top = (kBits - 1) / kLimbBits;
    static_assert(top < kLimbs, "the limbs hold all windows");
    limb[top] = V::either(limb[top], V::broadcast(uint64_t{1} << (kBits - 1) % kLimbBits));
  }

  Digit digit(int window) const {
    const auto at = static_cast<size_t>(window * window_bits / kLimbBits);
    const int shift = window * window_bits % kLimbBits;
    Word bits = V::right(limb[at], shift);
    if (shift + window_bits > kLimbBits && at + 1 < kLimbs)
      bits = V::either(bits, V::left(limb[at + 1], kLimbBits - shift));
    const Word sign = V::both(V::right(bits, window_bits - 1), V::broadcast(1));
    // All ones below a sign bit of 0: there the remaining bits count down.
    const Word flip = V::subtract(sign, V::broadcast(1));
    const Word index = V::both(V::exclusive(bits, flip), V::broadcast(kMagnitudes));
    return {index, V::equal(sign, V::broadcast(0))};
  }
};

/**
 * The multiples (2j + 1) 2^(wi) G for every window i of w bits and every j < 2^(w-1): affine, as elements of the prime
 * field. Of a window the limbs of x come first, then those of y; of a limb all entries side by side.
 */
template <typename Curve>
struct CombShape {
  static constexpr int kWindowBits = Curve::kCombBits;
  static constexpr size_t kWindows = (Curve::Order::kBits + kWindowBits - 1) / kWindowBits;
  static constexpr size_t kEntries = size_t{1} << (kWindowBits - 1);
  static constexpr size_t kLimbs = Curve::Prime::kLimbs;
  static constexpr size_t kWindowWords = 2 * kLimbs * kEntries;
};

/** The curve's table, the same for every vector type. Made at the first call and kept; nullptr where memory ran out. */
template <typename Curve>
const uint64_t* comb_table();

template <typename Curve, typename V>
struct Comb {
  using Shape = CombShape<Curve>;
  using Math = PointMath<Curve, V>;
  using F = typename Math::F;
  using Digits = OddDigits<Curve, V, Shape::kWindowBits>;

  /**
   * point(v) = k G for the k that digits(v) was set to, or -k G where it is `negated`; Z = 0 where k is 0 or one of a
   * few values for which the last addition meets equal points (a random k does with probability 2^-245). Window by
   * window over all vectors, so that consecutive additions do not wait for each other.
   */
  template <typename DigitsAt, typename PointAt>
  static void multiply(const uint64_t* table, size_t vectors, DigitsAt digits, PointAt point) {
    for (size_t window = 0; window < Shape::kWindows; window++, table += Shape::kWindowWords) {
      for (size_t v = 0; v < vectors; v++) {
        const typename Math::Affine multiple = choose(table, digits(v).digit(static_cast<int>(window)));
        if (window == 0) {
          point(v) = {multiple.x, multiple.y, F::one()};
        } else {
          Math::add_affine(point(v), multiple);
        }
      }
    }
  }

 private:
  static typename Math::Affine choose(const uint64_t* window, const typename Digits::Digit& digit) {
    const typename V::template Choice<Shape::kEntries> choice(digit.index);
    typename Math::Affine out;
    KEYMILL_UNROLL
    for (size_t i = 0; i < Shape::kLimbs; i++) {
      out.x.limb[i] = V::pick(choice, window + i * Shape::kEntries);
      out.y.limb[i] = V::pick(choice, window + (Shape::kLimbs + i) * Shape::kEntries);
    }
    out.y = F::negate_where(digit.negative, out.y);
    return out;
  }
};

}  // namespace keymill
