// Multiples of a curve's generator from a table (the "comb" of Lim and Lee with one tooth per doubling), in constant
// time.
#pragma once
#include "digits.h"
#include "point.h"

namespace keymill {

/**
 * The multiples (2j + 1) 2^(wi) G for every window i of w bits and every j < 2^(w-1): affine, as elements of the prime
 * field. Of a window the limbs of x come first, then those of y; of a limb all entries side by side.
 */
template <typename Curve, typename V>
struct CombShape {
  using F = Field<typename Curve::Prime, V>;
  static constexpr int kWindowBits = Curve::kCombBits;
  static constexpr size_t kWindows = (Curve::Order::kBits + kWindowBits - 1) / kWindowBits;
  static constexpr size_t kEntries = size_t{1} << (kWindowBits - 1);
  static constexpr size_t kLimbs = F::kElementLimbs;
  static constexpr size_t kWindowWords = 2 * kLimbs * kEntries;
};

/**
 * The curve's table for fields whose elements have limbs of so many bits. Made at the first call and kept; nullptr
 * where memory ran out.
 */
template <typename Curve, int limb_bits>
const uint64_t* comb_table();

template <typename Curve, typename V>
struct Comb {
  using Shape = CombShape<Curve, V>;
  using Math = PointMath<Curve, V>;
  using F = typename Math::F;
  using Order = typename Curve::Order;
  using Digits = OddDigits<V, Order::kLimbs, Order::kBits, Shape::kWindowBits>;

  /**
   * point(v) = k G for the k that digits(v) was set to; Z = 0 where k is 0 or one of a few values for which the last
   * addition meets equal points (a random k does with probability 2^-245). Window by window over all vectors, so that
   * consecutive additions do not wait for each other.
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
