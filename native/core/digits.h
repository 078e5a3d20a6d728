// Scalars as digits that are all odd, so that no digit is 0 and no table lookup gives infinity (Joye and Tunstall,
// AFRICACRYPT 2009).
#pragma once
#include "number.h"

namespace keymill {

/**
 * A number as windows of odd digits. With all of N bits taken for signs, bit 1 for +2^j and bit 0 for -2^j, the bits of
 * k/2 + 2^(N-1) write an odd k < 2^N.
 */
template <typename V, size_t limbs, int number_bits, int window_bits>
class OddDigits {
 public:
  using Word = typename V::Word;
  using Mask = typename V::Mask;
  static constexpr int kWindows = (number_bits + window_bits - 1) / window_bits;

  struct Digit {
    /** The digit is 2 index + 1, or minus that. */
    Word index;
    Mask negative;
  };

  /** k, or -k where `negative` is 1 and not 0; k odd. */
  void set_odd(const Number<V, limbs>& k, const Word& negative) {
    for (size_t i = 0; i < limbs; i++) limb_[i] = k.limb[i];
    negative_ = negative;
    for (size_t i = 0; i + 1 < limbs; i++) {
      limb_[i] = V::either(V::right(limb_[i], 1), V::left(V::both(limb_[i + 1], V::broadcast(1)), kLimbBits - 1));
    }
    limb_[limbs - 1] = V::right(limb_[limbs - 1], 1);
    constexpr size_t top = (kBits - 1) / kLimbBits;
    static_assert(top < limbs, "the limbs hold all windows");
    limb_[top] = V::either(limb_[top], V::broadcast(uint64_t{1} << (kBits - 1) % kLimbBits));
  }

  /** k below an odd n, modulo that: an even k is replaced by k - n, which is odd. */
  template <typename Order>
  void set_modulo(const Number<V, limbs>& k) {
    const Word even = V::exclusive(V::both(k.limb[0], V::broadcast(1)), V::broadcast(1));
    const Mask is_even = V::equal(even, V::broadcast(1));
    Number<V, limbs> odd;
    Word carry = V::broadcast(0);
    for (size_t i = 0; i < limbs; i++) {
      const Word difference = V::add(V::subtract(V::broadcast(Order::kValue.limb[i]), k.limb[i]), carry);
      carry = V::signed_right(difference, kLimbBits);
      odd.limb[i] = V::select(is_even, V::both(difference, V::broadcast(kLimbMask)), k.limb[i]);
    }
    set_odd(odd, even);
  }

  Digit digit(int window) const {
    const auto at = static_cast<size_t>(window * window_bits / kLimbBits);
    const int shift = window * window_bits % kLimbBits;
    Word bits = V::right(limb_[at], shift);
    if (shift + window_bits > kLimbBits && at + 1 < limbs)
      bits = V::either(bits, V::left(limb_[at + 1], kLimbBits - shift));
    const Word sign = V::both(V::right(bits, window_bits - 1), V::broadcast(1));
    // All ones below a sign bit of 0: there the remaining bits count down.
    const Word flip = V::subtract(sign, V::broadcast(1));
    const Word index = V::both(V::exclusive(bits, flip), V::broadcast(kMagnitudes));
    return {index, V::equal(sign, negative_)};
  }

 private:
  static constexpr int kBits = kWindows * window_bits;
  static constexpr uint64_t kMagnitudes = (uint64_t{1} << (window_bits - 1)) - 1;

  Word limb_[limbs];
  Word negative_;
};

}  // namespace keymill
