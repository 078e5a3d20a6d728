// Multiples of points that differ from lane to lane, for verification and for ECDH.
#pragma once
#include "digits.h"
#include "endomorphism.h"
#include "point.h"

namespace keymill {

/**
 * k Q by windows of odd digits. The odd multiples of Q get one Z, so that they are added as affine points are: 1 where
 * `kInverts`, by an inversion that many ladders share (`begin`, invert to_invert(), `multiply`). Where a = 0 any other
 * Z does as well, as no formula needs the b of the isomorphic curve on which it is 1. Where the curve has an
 * endomorphism, Q and its image are each multiplied by half of k.
 *
 * Constant time where `kConstantTime`: elsewhere the halves of k are not found so, and k must be public.
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
  using Scalar = Number<V, Curve::Order::kLimbs>;

  static constexpr bool kInverts = Curve::kShape != CurveShape::kZero;
  static constexpr bool kConstantTime = Curve::kHalfScalarBits == 0;

  /** k: in [1, n - 1]; q: a point of the curve, and so of its order. */
  void begin(const Scalar& k, const Affine& q) {
    set_digits(k);
    // On the isomorphic curve where 2Q is affine, additions of 2Q are mixed additions; they need neither a nor b.
    Point twice = {q.x, q.y, F::one()};
    Math::double_point(twice);
    const Element scale2 = F::square(twice.z);
    Point sum = {F::multiply(q.x, scale2), F::multiply(q.y, F::multiply(scale2, twice.z)), F::one()};
    multiples_[0] = kInverts ? q : Affine{sum.x, sum.y};
    for (size_t i = 1; i < kEntries; i++) {
      factors_[i] = Math::add_affine(sum, {twice.x, twice.y});
      multiples_[i] = {sum.x, sum.y};
    }
    last_z_ = F::multiply(sum.z, twice.z);
  }

  /** Between `begin` and `multiply` the caller replaces this element by its inverse, where `kInverts`. */
  Element& to_invert() { return last_z_; }

  /** Where not `kConstantTime`, Z = 0 where the way there met equal or opposite points. */
  Point multiply() {
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
    if constexpr (kConstantTime) complete(sum);
    if constexpr (!kInverts) sum.z = F::multiply(sum.z, last_z_);
    return sum;
  }

 private:
  static constexpr int kWindowBits = 4;
  static constexpr size_t kEntries = size_t{1} << (kWindowBits - 1);
  static constexpr bool kHalves = !kConstantTime;
  static constexpr size_t kTerms = kHalves ? 2 : 1;
  static constexpr size_t kLimbs = kHalves ? limbs_for(Curve::kHalfScalarBits) : Curve::Order::kLimbs;
  using Digits = OddDigits<V, kLimbs, kHalves ? Curve::kHalfScalarBits : Curve::Order::kBits, kWindowBits>;

  void set_digits(const Scalar& k) {
    if constexpr (kHalves) {
      set_halves_vartime(k);
    } else {
      digits_[0].template set_modulo<typename Curve::Order>(k);
    }
  }

  void set_halves_vartime(const Scalar& k) {
    uint64_t limbs[Curve::Order::kLimbs][V::kLanes];
    for (size_t i = 0; i < Curve::Order::kLimbs; i++) V::store(limbs[i], k.limb[i]);
    uint64_t magnitudes[kTerms][kLimbs][V::kLanes], signs[kTerms][V::kLanes];
    for (size_t lane = 0; lane < V::kLanes; lane++) {
      uint64_t own[Curve::Order::kLimbs], words[4], half[kLimbs];
      for (size_t i = 0; i < Curve::Order::kLimbs; i++) own[i] = limbs[i][lane];
      repack<kLimbBits, 64>(own, words);
      HalfScalar halves[kTerms];
      split_scalar_vartime(words, halves);
      for (size_t term = 0; term < kTerms; term++) {
        signs[term][lane] = halves[term].negative;
        repack<64, kLimbBits>(halves[term].magnitude, half);
        for (size_t i = 0; i < kLimbs; i++) magnitudes[term][i][lane] = half[i];
      }
    }
    for (size_t term = 0; term < kTerms; term++) {
      Number<V, kLimbs> magnitude;
      for (size_t i = 0; i < kLimbs; i++) magnitude.limb[i] = V::load(magnitudes[term][i]);
      digits_[term].set_odd(magnitude, V::load(signs[term]));
    }
  }

  /** Each Z is the one before it times a known factor, which gives what every multiple is to be scaled by. */
  void finish_multiples() {
    constexpr size_t last = kEntries - 1;
    Element scale = kInverts ? last_z_ : factors_[last];
    // The first multiple is affine where Z becomes 1; the last one has its Z where that is everybody's.
    constexpr size_t first = kInverts ? 1 : 0;
    for (size_t i = kInverts ? last : last - 1;; i--) {
      const Element scale2 = F::square(scale);
      Affine& m = multiples_[i];
      m = {F::multiply(m.x, scale2), F::multiply(m.y, F::multiply(scale2, scale))};
      if (i == first) break;
      scale = F::multiply(scale, factors_[i]);
    }
    if constexpr (kHalves) {
      const Element beta = F::from_number(number_of<V>(Curve::kBeta));
      for (size_t i = 0; i < kEntries; i++) images_[i] = F::multiply(multiples_[i].x, beta);
    }
  }

  /**
   * Makes up for the one addition that can fail, which is the last. Let m Q, or its opposite, be what the digits of w
   * bits stand for: m is odd and in [1, n - 1]. The digits down to the one at 2^(wi) make a(i) = (m >> wi) | 1, or m
   * for i = 0. Added at each step are 2^w a(i + 1) Q and d Q with |d| < 2^w, so that 2^w a(i + 1) + d = a(i) and
   * 2^w a(i + 1) - d are at least 1. Above the last step both are far below n as well, so neither is 0 modulo n, and
   * the points are neither opposite nor equal. At the last step the sum is m, which is not 0 modulo n either, but the
   * difference may be n: then the points are equal, Z became 0, and the sum is twice d Q. Doublings cannot fail, as n
   * is odd; nor can the additions that make the multiples of Q, which are few.
   */
  void complete(Point& sum) const {
    const Affine last = choose(digits_[0].digit(0), [&](size_t i) -> const Element& { return multiples_[i].x; });
    Point twice = {last.x, last.y, F::one()};
    Math::double_point(twice);
    const auto equal = F::is_zero(sum.z);
    sum = {F::select(equal, twice.x, sum.x), F::select(equal, twice.y, sum.y), F::select(equal, twice.z, sum.z)};
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
