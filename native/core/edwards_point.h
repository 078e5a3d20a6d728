// Points of edwards25519 (RFC 8032 section 5.1) in extended coordinates, a different one in each lane: x = X/Z, y =
// Y/Z, xy = T/Z (Hisil, Wong, Carter, Dawson, "Twisted Edwards Curves Revisited", sections 3.1 and 3.3). Addition is
// complete: right for every pair of points on the curve, equal and opposite ones, the neutral one and those of small
// order included.
#pragma once
#include "field25519.h"

namespace keymill {

/** L, the order of the base point B. */
struct Edwards25519Order {
  static constexpr size_t kLimbs = 5;
  static constexpr int kBits = 253, kLooseBits = 3;
  static constexpr Limbs<kLimbs> kValue =
      limbs_of<kLimbs>("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed");
};

/** d = -121665/121666, twice it, and 2^((p-1)/4), a square root of -1. */
constexpr Limbs<5> kEdwardsD = limbs_of<5>("52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3");
constexpr Limbs<5> kEdwardsTwoD = limbs_of<5>("2406d9dc56dffce7198e80f2eef3d13000e0149a8283b156ebd69b9426b2f159");
constexpr Limbs<5> kSqrtMinusOne = limbs_of<5>("2b8324804fc1df0b2b4d00993dfbd7a72f431806ad2fe478c4ee1b274a0ea0b0");

template <typename V>
struct EdwardsMath {
  using F = Field25519<V>;
  using Element = typename F::Element;
  using Factor = typename F::Factor;
  using Mask = typename V::Mask;
  struct Point {
    Element x, y, z, t;
  };
  /** What addition needs of its second operand. */
  struct Addend {
    Factor y_plus_x, y_minus_x, twice_z;
    Element t_2d;
  };
  /** The same for Z = 1. */
  struct AffineAddend {
    Element y_plus_x, y_minus_x, t_2d;
  };

  static Point neutral() { return {F::zero(), F::one(), F::one(), F::zero()}; }

  static Point from_affine(const Element& x, const Element& y) { return {x, y, F::one(), F::multiply(x, y)}; }

  static Addend addend(const Point& p) {
    return {F::template sum<1, 1>(p.y, p.x), F::template sum<1, -1>(p.y, p.x), F::template sum<2>(p.z),
            F::multiply(p.t, F::constant(kEdwardsTwoD))};
  }

  /** p + q, and p - q where `negative`. */
  static KEYMILL_NOINLINE void add(Point& p, const Addend& q, Mask negative) {
    add_with<1>(p, q, F::multiply(p.z, q.twice_z), negative);
  }
  static KEYMILL_NOINLINE void add(Point& p, const AffineAddend& q, Mask negative) { add_with<2>(p, q, p.z, negative); }

  /** T is not computed unless asked for: doubling does without it. */
  template <bool with_t>
  static KEYMILL_NOINLINE void double_point(Point& p) {
    const Element a = F::square(p.x), b = F::square(p.y), c = F::square(p.z);
    const Element s = F::square(F::template sum<1, 1>(p.x, p.y));
    const Factor e = F::template sum<1, 1, -1>(a, b, s);
    const Factor f = F::template sum<2, 1, -1>(c, a, b);
    const Factor g = F::template sum<1, -1>(a, b);
    const Factor h = F::template sum<1, 1>(a, b);
    p.x = F::multiply(e, f);
    p.y = F::multiply(g, h);
    p.z = F::multiply(f, g);
    if constexpr (with_t) p.t = F::multiply(e, h);
  }

 private:
  /** `scaled_z` times `factor` is twice the product of both Z. A negative q has x and y - x, y + x the other way round.
   */
  template <int factor, typename Second>
  static KEYMILL_INLINE void add_with(Point& p, const Second& q, const Element& scaled_z, Mask negative) {
    const Element a = F::multiply(F::template sum<1, -1>(p.y, p.x), F::select(negative, q.y_plus_x, q.y_minus_x));
    const Element b = F::multiply(F::template sum<1, 1>(p.y, p.x), F::select(negative, q.y_minus_x, q.y_plus_x));
    const Element c = F::multiply(p.t, q.t_2d);
    const Factor difference = F::template sum<factor, -1>(scaled_z, c);
    const Factor total = F::template sum<factor, 1>(scaled_z, c);
    const Factor e = F::template sum<1, -1>(b, a);
    const Factor f = F::select(negative, total, difference);
    const Factor g = F::select(negative, difference, total);
    const Factor h = F::template sum<1, 1>(b, a);
    p.x = F::multiply(e, f);
    p.y = F::multiply(g, h);
    p.z = F::multiply(f, g);
    p.t = F::multiply(e, h);
  }
};

}  // namespace keymill
