// Multiples of points that differ from lane to lane, for verification: not in constant time, though it is the numbers
// alone that choose between the two signs of a scalar and what is read.
#pragma once
#include "digits.h"
#include "endomorphism.h"
#include "point.h"

namespace keymill {

/**
 * k Q by windows of odd digits. The odd multiples of Q are made affine before they are added, which takes an inversion:
 * `begin` gives what to invert, so that many share it (shared_inversion.h), and `multiply` follows. Where the curve
 * has an endomorphism, Q and its image are each multiplied by half of k.
 */
template <typename Curve, typename V>
class Ladder {
 public:
  using Math = PointMath<Curve, V>;
  using F = typename Math::F;
  using Element = typename F::Element;
  using Point = typename Math::Point;
  using Affine = typename Math::Affine;
  using Word = typename V::Word;

  /** k: limbs of a number below n; q: a point of the curve, and so of its order. */
  void begin_vartime(const Word (&k)[Curve::Order::kLimbs], const Affine& q) {
    set_digits(k);
    // On the isomorphic curve where 2Q is affine, additions of 2Q are mixed additions. No formula here needs b, and
    // none of these additions needs a.
    Point twice = {q.x, q.y, F::one()};
    Math::double_point(twice);
    const Element scale2 = F::square(twice.z);
    Point sum = {F::multiply(q.x, scale2), F::multiply(q.y, F::multiply(scale2, twice.z)), F::one()};
    multiples_[0] = q;
    for (size_t i = 1; i < kEntries; i++) {
      factors_[i] = Math::add_affine(sum, {twice.x, twice.y});
      multiples_[i] = {sum.x, sum.y};
    }
    last_z_ = F::multiply(sum.z, twice.z);
  }

  /** Between `begin` and `multiply` the caller replaces this element by its inverse. */
  Element& to_invert() { return last_z_; }

  /** Z = 0 where the way there met equal or opposite points, or k Q is infinity. */
  Point multiply_vartime() {
    finish_multiples();
    const auto table = [&](size_t term, size_t i) -> const Element& {
      return term == 0 ? multiples_[i].x : images_[i];
    };
    Point sum;
    for (int window = Digits::kWindows - 1; window >= 0; window--) {
      const bool is_top = window == Digits::kWindows - 1;
      for (int i = 0; i < kWindowBits && !is_top; i++) Math::double_point(sum);
      for (size_t term = 0; term < kTerms; term++) {
        const Affine multiple =
            choose(digits_[term].digit(window), [&](size_t i) -> const Element& { return table(term, i); });
        if (is_top && term == 0) {
          sum = {multiple.x, multiple.y, F::one()};
        } else {
          Math::add_affine(sum, multiple);
        }
      }
    }
    return sum;
  }

 private:
  static constexpr int kWindowBits = 4;
  static constexpr size_t kEntries = size_t{1} << (kWindowBits - 1);
  static constexpr bool kHalves = Curve::kHalfScalarBits != 0;
  static constexpr size_t kTerms = kHalves ? 2 : 1;
  static constexpr size_t kLimbs = kHalves ? limbs_for(Curve::kHalfScalarBits) : Curve::Order::kLimbs;
  using Digits = OddDigits<V, kLimbs, kHalves ? Curve::kHalfScalarBits : Curve::Order::kBits, kWindowBits>;

  void set_digits(const Word (&k)[Curve::Order::kLimbs]) {
    if constexpr (kHalves) {
      set_halves(k);
    } else {
      digits_[0].template set_modulo<typename Curve::Order>(k);
    }
  }

  void set_halves(const Word (&k)[Curve::Order::kLimbs]) {
    uint64_t limbs[Curve::Order::kLimbs][V::kLanes];
    for (size_t i = 0; i < Curve::Order::kLimbs; i++) V::store(limbs[i], k[i]);
    uint64_t magnitudes[kTerms][kLimbs][V::kLanes], signs[kTerms][V::kLanes];
    for (size_t lane = 0; lane < V::kLanes; lane++) {
      uint64_t words[4] = {};
      for (size_t i = 0; i < Curve::Order::kLimbs; i++) {
        const size_t at = i * kLimbBits / 64, shift = i * kLimbBits % 64;
        words[at] |= limbs[i][lane] << shift;
        if (shift > 64 - kLimbBits && at + 1 < 4) words[at + 1] |= limbs[i][lane] >> (64 - shift);
      }
      HalfScalar halves[kTerms];
      split_scalar_vartime(words, halves);
      for (size_t term = 0; term < kTerms; term++) {
        signs[term][lane] = halves[term].negative;
        for (size_t i = 0; i < kLimbs; i++) {
          const size_t at = i * kLimbBits / 64, shift = i * kLimbBits % 64;
          uint64_t limb = halves[term].magnitude[at] >> shift;
          if (shift > 64 - kLimbBits && at + 1 < kHalfScalarWords)
            limb |= halves[term].magnitude[at + 1] << (64 - shift);
          magnitudes[term][i][lane] = limb & kLimbMask;
        }
      }
    }
    for (size_t term = 0; term < kTerms; term++) {
      Word magnitude[kLimbs];
      for (size_t i = 0; i < kLimbs; i++) magnitude[i] = V::load(magnitudes[term][i]);
      digits_[term].set_odd(magnitude, V::load(signs[term]));
    }
  }

  /** Out of the inverse of the last Z, those of the others: each Z is the one before it times a known factor. */
  void finish_multiples() {
    Element inverse = last_z_;
    for (size_t i = kEntries - 1; i > 0; i--) {
      const Element inverse2 = F::square(inverse);
      Affine& m = multiples_[i];
      m = {F::multiply(m.x, inverse2), F::multiply(m.y, F::multiply(inverse2, inverse))};
      inverse = F::multiply(inverse, factors_[i]);
    }
    if constexpr (kHalves) {
      const Element beta = F::from_number(F::constant(Curve::kBeta));
      for (size_t i = 0; i < kEntries; i++) images_[i] = F::multiply(multiples_[i].x, beta);
    }
  }

  template <typename XAt>
  Affine choose(const typename Digits::Digit& digit, XAt x) const {
    Affine chosen = {x(0), multiples_[0].y};
    for (size_t i = 1; i < kEntries; i++) {
      const auto wanted = V::equal(digit.index, V::broadcast(i));
      chosen = {F::select(wanted, x(i), chosen.x), F::select(wanted, multiples_[i].y, chosen.y)};
    }
    chosen.y = F::negate_where(digit.negative, chosen.y);
    return chosen;
  }

  Digits digits_[kTerms];
  Affine multiples_[kEntries];
  /** The x coordinates of the multiples of Q's image. */
  Element images_[kHalves ? kEntries : 1];
  Element factors_[kEntries];
  Element last_z_;
};

}  // namespace keymill
