// First, since it says how the functions of all that follows are compiled.
#include "word_stores.h"

#include "comb.h"

#include <cstdlib>

#include "field_words.h"
#include "plain_array.h"
#include "shared_inversion.h"

namespace keymill {
namespace {

template <typename Curve, int limb_bits>
uint64_t* make_table() {
  using Math = PointMath<Curve, ScalarLanes>;
  using F = typename Math::F;
  using Point = typename Math::Point;
  using Element = typename F::Element;
  using Shape = CombShape<Curve, ScalarLanes>;
  constexpr size_t points = Shape::kWindows * Shape::kEntries;
  constexpr size_t limbs = (Curve::Prime::kBits + limb_bits - 1) / limb_bits;
  constexpr size_t window_words = 2 * limbs * Shape::kEntries;

  const PlainArray<Point> multiples(points);
  const PlainArray<Element> inverses(points), products(points);
  auto* table = static_cast<uint64_t*>(std::malloc(Shape::kWindows * window_words * sizeof(uint64_t)));
  if (!multiples.data || !inverses.data || !products.data || !table) {
    std::free(table);
    return nullptr;
  }

  // None of these additions meets equal or opposite points: all are of different multiples, far below the order but in
  // the last window, where a multiple and its double still differ.
  const Element generator_x = F::from_number(number_of<ScalarLanes>(Curve::kGeneratorX));
  const Element generator_y = F::from_number(number_of<ScalarLanes>(Curve::kGeneratorY));
  Point base = {generator_x, generator_y, F::one()};
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
  // Elements of another field are numbers to this one: times that field's radix, reduced.
  constexpr auto radix = limb_bits == F::kElementLimbBits
                             ? F::kRadix
                             : power_of_two(Curve::Prime::kValue, limb_bits * static_cast<int>(limbs));
  const Element scale = F::from_number(number_of<ScalarLanes>(radix));
  const auto put = [&](const Element& coordinate, uint64_t* first) {
    uint64_t words[limbs];
    repack<kLimbBits, limb_bits>(F::to_number(F::multiply(coordinate, scale)).limb, words);
    for (size_t limb = 0; limb < limbs; limb++) first[limb * Shape::kEntries] = words[limb];
  };
  for (size_t i = 0; i < points; i++) {
    const Element z2 = F::square(inverses.data[i]);
    uint64_t* const entry = table + i / Shape::kEntries * window_words + i % Shape::kEntries;
    put(F::multiply(multiples.data[i].x, z2), entry);
    put(F::multiply(multiples.data[i].y, F::multiply(z2, inverses.data[i])), entry + limbs * Shape::kEntries);
  }
  return table;
}

}  // namespace

/** Never freed: worker threads may outlive static destructors. */
template <typename Curve, int limb_bits>
const uint64_t* comb_table() {
  static const uint64_t* const table = make_table<Curve, limb_bits>();
  return table;
}

template const uint64_t* comb_table<P256, 52>();
template const uint64_t* comb_table<P384, 52>();
template const uint64_t* comb_table<P521, 52>();
template const uint64_t* comb_table<Secp256k1, 52>();
template const uint64_t* comb_table<P256, 64>();
template const uint64_t* comb_table<P384, 64>();
template const uint64_t* comb_table<P521, 64>();
template const uint64_t* comb_table<Secp256k1, 64>();

}  // namespace keymill
