// Multiples of the base point of edwards25519 from a table, in constant time: what comb.h is to the other curves.
#pragma once
#include "digits.h"
#include "edwards_point.h"

namespace keymill {

/**
 * The multiples (2j + 1) 2^(wi) B for every window i of w bits and every j < 2^(w-1), as affine addends. Of a window
 * the limbs of y + x come first, then those of y - x and 2dxy; of a limb all entries side by side.
 */
struct EdwardsCombShape {
  static constexpr int kWindowBits = 7;
  static constexpr size_t kWindows = (Edwards25519Order::kBits + kWindowBits - 1) / kWindowBits;
  static constexpr size_t kEntries = size_t{1} << (kWindowBits - 1);
  static constexpr size_t kLimbs = 5;
  static constexpr size_t kWindowWords = 3 * kLimbs * kEntries;
};

template <typename V>
struct EdwardsComb {
  using Shape = EdwardsCombShape;
  using Math = EdwardsMath<V>;
  using F = typename Math::F;
  using Digits = OddDigits<V, Edwards25519Order::kLimbs, Edwards25519Order::kBits, Shape::kWindowBits>;

  /**
   * point(v) = k B for the k that digits(v) was set to. Window by window over all vectors, so that consecutive
   * additions do not wait for each other.
   */
  template <typename DigitsAt, typename PointAt>
  static void multiply(const uint64_t* table, size_t vectors, DigitsAt digits, PointAt point) {
    for (size_t v = 0; v < vectors; v++) point(v) = Math::neutral();
    for (size_t window = 0; window < Shape::kWindows; window++, table += Shape::kWindowWords) {
      for (size_t v = 0; v < vectors; v++) {
        const typename Digits::Digit digit = digits(v).digit(static_cast<int>(window));
        Math::add(point(v), choose(table, digit.index), digit.negative);
      }
    }
  }

 private:
  static typename Math::AffineAddend choose(const uint64_t* window, typename V::Word index) {
    const typename V::template Choice<Shape::kEntries> choice(index);
    typename Math::AffineAddend out;
    KEYMILL_UNROLL
    for (size_t i = 0; i < Shape::kLimbs; i++) {
      out.y_plus_x.limb[i] = V::pick(choice, window + i * Shape::kEntries);
      out.y_minus_x.limb[i] = V::pick(choice, window + (Shape::kLimbs + i) * Shape::kEntries);
      out.t_2d.limb[i] = V::pick(choice, window + (2 * Shape::kLimbs + i) * Shape::kEntries);
    }
    return out;
  }
};

}  // namespace keymill
