// ECDH on pairs of vectors, and on a single one for items at the end that do not fill more than that.
#pragma once
#include "ecdh_lanes.h"
#include "lanes_paired.h"

namespace keymill {

template <typename Curve, typename V>
struct PairedEcdh {
  using Pairs = Ecdh<Curve, PairedLanes<V>>;
  using Single = Ecdh<Curve, V>;
  using Split = PairSplit<V>;

  static size_t bytes(size_t count) { return Split::room(count, Pairs::bytes, Single::bytes); }

  static void agree(void* memory, EcdhAgreement* jobs, size_t count) {
    const size_t first = Split::paired(count);
    if (first > 0) Pairs::agree(memory, jobs, first);
    if (first < count) Single::agree(memory, jobs + first, count - first);
  }

  static constexpr EcdhKernel kernel() { return {PairedLanes<V>::kLanes, bytes, agree}; }
};

}  // namespace keymill
