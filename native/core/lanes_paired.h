// Two vectors of another type side by side: where one waits for a result, the other computes. Worth it where the sums
// of a product fit into registers twice. See lanes.h.
#pragma once
#include "columns.h"

namespace keymill {

template <typename V>
struct PairedLanes {
  static constexpr size_t kLanes = 2 * V::kLanes;
  static constexpr size_t kSums = V::kSums / 2;
  struct Word {
    typename V::Word half[2];
  };
  struct Mask {
    typename V::Mask half[2];
  };

  static KEYMILL_INLINE Word broadcast(uint64_t x) { return {{V::broadcast(x), V::broadcast(x)}}; }
  static KEYMILL_INLINE Word load(const uint64_t* p) { return {{V::load(p), V::load(p + V::kLanes)}}; }
  static KEYMILL_INLINE void store(uint64_t* p, const Word& w) {
    V::store(p, w.half[0]);
    V::store(p + V::kLanes, w.half[1]);
  }
  static KEYMILL_INLINE Word add(const Word& a, const Word& b) {
    return {{V::add(a.half[0], b.half[0]), V::add(a.half[1], b.half[1])}};
  }
  static KEYMILL_INLINE Word subtract(const Word& a, const Word& b) {
    return {{V::subtract(a.half[0], b.half[0]), V::subtract(a.half[1], b.half[1])}};
  }
  static KEYMILL_INLINE Word both(const Word& a, const Word& b) {
    return {{V::both(a.half[0], b.half[0]), V::both(a.half[1], b.half[1])}};
  }
  static KEYMILL_INLINE Word either(const Word& a, const Word& b) {
    return {{V::either(a.half[0], b.half[0]), V::either(a.half[1], b.half[1])}};
  }
  static KEYMILL_INLINE Word exclusive(const Word& a, const Word& b) {
    return {{V::exclusive(a.half[0], b.half[0]), V::exclusive(a.half[1], b.half[1])}};
  }
  static KEYMILL_INLINE Word left(const Word& w, int n) { return {{V::left(w.half[0], n), V::left(w.half[1], n)}}; }
  static KEYMILL_INLINE Word right(const Word& w, int n) { return {{V::right(w.half[0], n), V::right(w.half[1], n)}}; }
  static KEYMILL_INLINE Word signed_right(const Word& w, int n) {
    return {{V::signed_right(w.half[0], n), V::signed_right(w.half[1], n)}};
  }
  static KEYMILL_INLINE Word product(const Word& a, const Word& b) {
    return {{V::product(a.half[0], b.half[0]), V::product(a.half[1], b.half[1])}};
  }
  static KEYMILL_INLINE Word multiply_low(const Word& c, const Word& a, const Word& b) {
    return {{V::multiply_low(c.half[0], a.half[0], b.half[0]), V::multiply_low(c.half[1], a.half[1], b.half[1])}};
  }
  static KEYMILL_INLINE Word multiply_high(const Word& c, const Word& a, const Word& b) {
    return {{V::multiply_high(c.half[0], a.half[0], b.half[0]), V::multiply_high(c.half[1], a.half[1], b.half[1])}};
  }
  static KEYMILL_INLINE Mask equal(const Word& a, const Word& b) {
    return {{V::equal(a.half[0], b.half[0]), V::equal(a.half[1], b.half[1])}};
  }
  static KEYMILL_INLINE Word select(const Mask& m, const Word& a, const Word& b) {
    return {{V::select(m.half[0], a.half[0], b.half[0]), V::select(m.half[1], a.half[1], b.half[1])}};
  }
  static KEYMILL_INLINE Word as_word(const Mask& m) { return {{V::as_word(m.half[0]), V::as_word(m.half[1])}}; }

  template <size_t limbs>
  using Columns = WordColumns<PairedLanes, limbs>;

  template <size_t entries>
  struct Choice {
    using Half = typename V::template Choice<entries>;
    Half half[2];
    explicit Choice(const Word& wanted) : half{Half(wanted.half[0]), Half(wanted.half[1])} {}
  };
  template <size_t entries>
  static KEYMILL_INLINE Word pick(const Choice<entries>& choice, const uint64_t* table) {
    return {{V::pick(choice.half[0], table), V::pick(choice.half[1], table)}};
  }
};

/** How items are shared out between pairs of vectors and, at the end, a single one. */
template <typename V>
struct PairSplit {
  using Room = size_t (*)(size_t count);

  /** How many of the items go in pairs: what is left does not fill more than a single vector. */
  static size_t paired(size_t count) {
    const size_t rest = count % PairedLanes<V>::kLanes;
    return rest <= V::kLanes ? count - rest : count;
  }
  /** Memory that does for one after the other. */
  static size_t room(size_t count, Room of_pairs, Room of_single) {
    const size_t pairs = of_pairs(paired(count)), single = of_single(V::kLanes);
    return pairs > single ? pairs : single;
  }
};

}  // namespace keymill
