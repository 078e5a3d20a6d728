// Points of a curve in Jacobian coordinates (x = X/Z^2, y = Y/Z^3), a different one in each lane. The formulas are
// those of the Explicit-Formulas Database for short Weierstrass curves (hyperelliptic.org/EFD, madd-2004-hmv,
// add-1998-cmo-2, dbl-1998-cmo-2). They are exception-safe in this sense: where one does not hold (an operand
// at infinity, or a sum of equal or opposite points) it gives Z = 0, and everything computed from a point with Z = 0
// has Z = 0 again. So a result with Z other than 0 is right, and one with Z = 0 has to be computed another way.
#pragma once
#include "curves.h"
#include "field.h"

namespace keymill {

template <typename Curve, typename V>
struct PointMath {
  using F = Field<typename Curve::Prime, V>;
  using Element = typename F::Element;
  struct Affine {
    Element x, y;
  };
  struct Point {
    Element x, y, z;
  };
  /** A point with powers of Z that `add` would otherwise compute at every use. */
  struct Addend {
    Element x, y, z, z2, z3;
  };

  static typename V::Mask is_on_curve(const Affine& q) {
    static_assert(Curve::kShape == CurveShape::kMinusThree, "the only shape that it is needed for");
    const Element x3 = F::multiply(F::square(q.x), q.x);
    const Element right = F::add(F::subtract(x3, F::thrice(q.x)), F::from_number(number_of<V>(Curve::kB)));
    return F::is_zero(F::subtract(F::square(q.y), right));
  }

  static Addend addend(const Point& p) {
    const Element z2 = F::square(p.z);
    return {p.x, p.y, p.z, z2, F::multiply(z2, p.z)};
  }

  /** Returns what Z was multiplied by. */
  static KEYMILL_NOINLINE Element add_affine(Point& p, const Affine& q) {
    const Element z2 = F::square(p.z);
    const Element h = F::subtract(F::multiply(q.x, z2), p.x);
    const Element r = F::subtract(F::multiply(q.y, F::multiply(z2, p.z)), p.y);
    p.z = F::multiply(p.z, h);
    const Element h2 = F::square(h);
    const Element h3 = F::multiply(h2, h);
    const Element v = F::multiply(p.x, h2);
    p.x = F::subtract_twice(F::square(r), h3, v);
    p.y = F::subtract(F::multiply(r, F::subtract(v, p.x)), F::multiply(p.y, h3));
    return h;
  }

  static KEYMILL_NOINLINE void add(Point& p, const Addend& q) {
    const Element z2 = F::square(p.z);
    const Element u = F::multiply(p.x, q.z2);
    const Element h = F::subtract(F::multiply(q.x, z2), u);
    const Element s = F::multiply(p.y, q.z3);
    const Element r = F::subtract(F::multiply(q.y, F::multiply(z2, p.z)), s);
    p.z = F::multiply(F::multiply(p.z, q.z), h);
    const Element h2 = F::square(h);
    const Element h3 = F::multiply(h2, h);
    const Element v = F::multiply(u, h2);
    p.x = F::subtract_twice(F::square(r), h3, v);
    p.y = F::subtract(F::multiply(r, F::subtract(v, p.x)), F::multiply(s, h3));
  }

  static KEYMILL_NOINLINE void double_point(Point& p) {
    const Element m = tangent(p);
    const Element twice_y = F::twice(p.y);
    const Element b = F::square(twice_y);
    const Element s = F::multiply(p.x, b);
    p.z = F::multiply(twice_y, p.z);
    p.x = F::subtract(F::square(m), F::twice(s));
    p.y = F::subtract(F::multiply(m, F::subtract(s, p.x)), F::half(F::square(b)));
  }

 private:
  /** 3 X^2 + a Z^4. */
  static KEYMILL_INLINE Element tangent(const Point& p) {
    if constexpr (Curve::kShape == CurveShape::kMinusThree) {
      const Element z2 = F::square(p.z);
      return F::thrice(F::multiply(F::subtract(p.x, z2), F::add(p.x, z2)));
    } else {
      return F::thrice(F::square(p.x));
    }
  }
};

}  // namespace keymill
