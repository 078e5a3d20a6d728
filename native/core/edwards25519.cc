#include "edwards25519.h"

#include <cstdlib>
#include <cstring>

#include "edwards_comb.h"
#include "edwards_strings.h"
#include "lanes_scalar.h"
#include "plain_array.h"
#include "shared_inversion.h"

namespace keymill {
namespace {

using Math = EdwardsMath<ScalarLanes>;
using F = Math::F;
using Strings = EdwardsStrings<ScalarLanes>;
using Element = Math::Element;
using Point = Math::Point;

constexpr uint64_t kNever = 0;

bool is_zero(const F::Factor& a) { return F::is_zero(a) != 0; }

Strings::Words<4> load(const uint8_t string[32]) {
  return Strings::load<4>([&](size_t) { return string; });
}

void store(uint8_t string[32], const Strings::Words<4>& words) {
  Strings::store(words, 1, [&](size_t) { return string; });
}

/** RFC 8032 section 5.1.3, but that y may be p or more and a zero x may have its sign bit set. */
bool decode_vartime(const uint8_t string[32], Point* out) {
  const auto words = load(string);
  const Element y = Strings::coordinate(words), yy = F::square(y);
  const Element u = F::to_element(F::sum<1, -1>(yy, F::one()));
  const Element v = F::to_element(F::sum<1, 1>(F::multiply(yy, F::constant(kEdwardsD)), F::one()));
  const Element v3 = F::multiply(F::square(v), v);
  const Element power = F::power_p58(F::multiply(u, F::multiply(F::square(v3), v)));
  Element x = F::multiply(F::multiply(u, v3), power);
  const Element vxx = F::multiply(v, F::square(x));
  if (!is_zero(F::sum<1, -1>(vxx, u))) {
    if (!is_zero(F::sum<1, 1>(vxx, u))) return false;
    x = F::multiply(x, F::constant(kSqrtMinusOne));
  }
  const bool is_odd = F::to_number(x).limb[0] & 1;
  if (is_odd != (words.word[3] >> 63 != 0)) x = F::to_element(F::sum<-1>(x));
  *out = Math::from_affine(x, y);
  return true;
}

struct Affine {
  Element x, y;
};

Affine to_affine(const Point& p) {
  const Element inverse = F::invert(p.z);
  return {F::multiply(p.x, inverse), F::multiply(p.y, inverse)};
}

/** Section 5.1: y = 4/5, x positive. */
constexpr uint8_t kBase[32] = {0x58, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
                               0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
                               0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66};

uint64_t* make_table() {
  using Shape = EdwardsCombShape;
  constexpr size_t points = Shape::kWindows * Shape::kEntries;
  const PlainArray<Point> multiples(points);
  const PlainArray<Element> inverses(points), products(points);
  auto* table = static_cast<uint64_t*>(std::malloc(Shape::kWindows * Shape::kWindowWords * sizeof(uint64_t)));
  Point base;
  if (!multiples.data || !inverses.data || !products.data || !table || !decode_vartime(kBase, &base)) {
    std::free(table);
    return nullptr;
  }

  for (size_t window = 0; window < Shape::kWindows; window++) {
    Point* const first = multiples.data + window * Shape::kEntries;
    first[0] = base;
    Math::double_point<true>(base);
    const Math::Addend twice = Math::addend(base);
    for (size_t j = 1; j < Shape::kEntries; j++) {
      first[j] = first[j - 1];
      Math::add(first[j], twice, kNever);
    }
    for (int i = 1; i < Shape::kWindowBits; i++) Math::double_point<true>(base);
  }

  for (size_t i = 0; i < points; i++) inverses.data[i] = multiples.data[i].z;
  invert_all<F>(
      points, [&](size_t i) -> Element& { return inverses.data[i]; },
      [&](size_t i) -> Element& { return products.data[i]; });
  for (size_t i = 0; i < points; i++) {
    const Element x = F::multiply(multiples.data[i].x, inverses.data[i]);
    const Element y = F::multiply(multiples.data[i].y, inverses.data[i]);
    const Element xy = F::multiply(F::multiply(x, y), F::constant(kEdwardsTwoD));
    // The least residues, so that tables have one value.
    const Element coordinates[3] = {F::to_number(F::sum<1, 1>(y, x)), F::to_number(F::sum<1, -1>(y, x)),
                                    F::to_number(xy)};
    uint64_t* const entry = table + i / Shape::kEntries * Shape::kWindowWords + i % Shape::kEntries;
    for (size_t limb = 0; limb < 3 * Shape::kLimbs; limb++) {
      entry[limb * Shape::kEntries] = coordinates[limb / Shape::kLimbs].limb[limb % Shape::kLimbs];
    }
  }
  return table;
}

}  // namespace

/** Never freed: worker threads may outlive static destructors. */
const uint64_t* edwards_comb_table() {
  static const uint64_t* const table = make_table();
  return table;
}

bool complete_public_point_vartime(uint8_t public_point[kEdwardsPublicBytes]) {
  Point p;
  if (!decode_vartime(public_point, &p)) return false;
  uint8_t canonical[32];
  store(canonical, Strings::encoding(p.x, p.y));
  if (std::memcmp(canonical, public_point, sizeof canonical) != 0) return false;
  store(public_point + 32, Strings::words(F::to_number(p.x)));
  for (int i = 0; i < 128; i++) {
    Math::double_point<true>(p);
    // The cofactor is 8. Of 8 times a point of small order x is 0.
    if (i == 2 && is_zero(p.x)) return false;
  }
  const Affine upper = to_affine(p);
  store(public_point + 64, Strings::words(F::to_number(upper.x)));
  store(public_point + 96, Strings::words(F::to_number(upper.y)));
  return true;
}

}  // namespace keymill
