// ECDH (SP 800-56A section 5.7.1.2) for many keys and peers at once, written once for every curve and vector type.
// Numbers go in and out as big-endian bytes of the curve's width. Knows no items, keys or encodings.
#pragma once
#include "ecdh_kernels.h"
#include "ladder.h"
#include "lane_bytes.h"
#include "shared_inversion.h"

namespace keymill {

template <typename Curve, typename V>
struct Ecdh {
  using Multiple = Ladder<Curve, V>;
  using Math = typename Multiple::Math;
  using F = typename Math::F;
  using Element = typename F::Element;
  using Numbers = LaneBytes<V, F::kLimbs, Curve::kBytes>;
  using Number = typename Numbers::Number;
  static_assert(Multiple::kConstantTime && Multiple::kInverts, "what `agree` counts on");

  /** What one vector of items needs. */
  struct Work {
    Multiple multiple;
    Element x, z, product;
  };

  static size_t bytes(size_t count) { return Numbers::vectors_of(count) * sizeof(Work); }

  /** The lanes left over in the last vector repeat the last item. */
  static void agree(void* memory, EcdhAgreement* jobs, size_t count) {
    auto* const work = static_cast<Work*>(memory);
    const size_t vectors = Numbers::vectors_of(count);
    for (size_t v = 0; v < vectors; v++) {
      const Number secret = Numbers::load(count, v, [&](size_t i) { return jobs[i].secret; });
      work[v].multiple.begin(secret, take_points(jobs, count, v));
    }
    invert_all<F>(
        vectors, [&](size_t v) -> Element& { return work[v].multiple.to_invert(); },
        [&](size_t v) -> Element& { return work[v].product; });
    for (size_t v = 0; v < vectors; v++) {
      const typename Math::Point shared = work[v].multiple.multiply();
      work[v].x = shared.x;
      work[v].z = shared.z;
    }
    invert_all<F>(
        vectors, [&](size_t v) -> Element& { return work[v].z; },
        [&](size_t v) -> Element& { return work[v].product; });
    for (size_t v = 0; v < vectors; v++) {
      const Number x = F::to_number(F::multiply(work[v].x, F::square(work[v].z)));
      Numbers::store(x, count, v, [&](size_t i) { return jobs[i].shared; });
    }
  }

  static constexpr EcdhKernel kernel() { return {V::kLanes, bytes, agree}; }

 private:
  using Word = typename V::Word;

  /** The peers' points, with the generator instead of those that no secret is to meet; says which. */
  static typename Math::Affine take_points(EcdhAgreement* jobs, size_t count, size_t v) {
    const Number x = Numbers::load(count, v, [&](size_t i) { return jobs[i].point; });
    const Number y = Numbers::load(count, v, [&](size_t i) { return jobs[i].point + Curve::kBytes; });
    Word x_below, y_below;
    subtract_borrow<V>(x, Curve::Prime::kValue, x_below);
    subtract_borrow<V>(y, Curve::Prime::kValue, y_below);
    typename Math::Affine point = {F::from_number(x), F::from_number(y)};
    const Word valid = V::both(V::both(x_below, y_below), V::as_word(Math::is_on_curve(point)));
    uint64_t verdicts[V::kLanes];
    V::store(verdicts, valid);
    for (size_t lane = 0; lane < V::kLanes && v * V::kLanes + lane < count; lane++) {
      jobs[v * V::kLanes + lane].is_on_curve = verdicts[lane] != 0;
    }
    const auto is_invalid = V::equal(valid, V::broadcast(0));
    point.x = F::select(is_invalid, F::from_number(number_of<V>(Curve::kGeneratorX)), point.x);
    point.y = F::select(is_invalid, F::from_number(number_of<V>(Curve::kGeneratorY)), point.y);
    return point;
  }
};

}  // namespace keymill
