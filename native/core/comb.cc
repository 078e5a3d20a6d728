#include "comb.h"

#include <cstdlib>

#include "lanes_scalar.h"
#include "plain_array.h"
#include "shared_inversion.h"

namespace keymill {
namespace {

template <typename Curve>
uint64_t* make_table() {
  using Shape = CombShape<Curve>;
  using Math = PointMath<Curve, ScalarLanes>;
  using F = typename Math::F;
  using Point = typename Math::Point;
  using Element = typename F::Element;
  constexpr size_t points = Shape::kWindows * Shape::kEntries;

  const PlainArray<Point> multiples(points);
  const PlainArray<Element> inverses(points), products(points);
  auto* table = static_cast<uint64_t*>(std::malloc(Shape::kWindows * Shape::kWindowWords * sizeof(uint64_t)));
  if (!multiples.data || !inverses.data || !products.data || !table) {
    std::free(table);
    return nullptr;
  }

  // None of these additions meets equal or opposite points: all are of different multiples, far below the order but in
  // the last window, where a multiple and its double still differ.
  Point base = {F::from_number(F::constant(Curve::kGeneratorX)), F::from_number(F::constant(Curve::kGeneratorY)),
                F::one()};
  for (size_t window = 0; window < Shape::kWindows; window++) {
    Point* const first = multiples.data + window * Shape::kEntries;
    first[0] = base;
    Math::double_point(base);
    const typename Math::Addend twice = Math::addend(base);
    for (size_t j = 1; j < Shape::kEntries; j++) {
      first[j] = first[j - 1];
      Math::add(first[j], twice);
    }
    for (int i = 1; i < Shape::kWindowBits; i++) Math::double_point(base);
  }

  for (size_t i = 0; i < points; i++) inverses.data[i] = multiples.data[i].z;
  invert_all<F>(
      points, [&](size_t i) -> Element& { return inverses.data[i]; },
      [&](size_t i) -> Element& { return products.data[i]; });
  for (size_t i = 0; i < points; i++) {
    const Element z2 = F::square(inverses.data[i]);
    // Out of Montgomery's form and back: the least residue, so that tables have one value.
    const Element x = F::from_number(F::to_number(F::multiply(multiples.data[i].x, z2)));
    const Element y = F::from_number(F::to_number(F::multiply(multiples.data[i].y, F::multiply(z2, inverses.data[i]))));
    uint64_t* const entry = table + i / Shape::kEntries * Shape::kWindowWords + i % Shape::kEntries;
    for (size_t limb = 0; limb < Shape::kLimbs; limb++) {
      entry[limb * Shape::kEntries] = x.limb[limb];
      entry[(Shape::kLimbs + limb) * Shape::kEntries] = y.limb[limb];
    }
  }
  return table;
}

}  // namespace

/** Never freed: worker threads may outlive static destructors. */
template <typename Curve>
const uint64_t* comb_table() {
  static const uint64_t* const table = make_table<Curve>();
  return table;
}

template const uint64_t* comb_table<P256>();
template const uint64_t* comb_table<P384>();
template const uint64_t* comb_table<P521>();
template const uint64_t* comb_table<Secp256k1>();

}  // namespace keymill
