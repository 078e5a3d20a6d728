// ECDSA on pairs of vectors, and on a single one for items at the end that do not fill more than that.
#pragma once
#include "ecdsa_lanes.h"
#include "lanes_paired.h"

namespace keymill {

template <typename Curve, typename V>
struct PairedEcdsa {
  using Pairs = Ecdsa<Curve, PairedLanes<V>>;
  using Single = Ecdsa<Curve, V>;
  using Split = PairSplit<V>;

  static size_t sign_bytes(size_t count) { return Split::room(count, Pairs::sign_bytes, Single::sign_bytes); }
  static size_t verify_bytes(size_t count) { return Split::room(count, Pairs::verify_bytes, Single::verify_bytes); }

  static void sign(const uint64_t* table, void* memory, const EcdsaSigning* jobs, size_t count) {
    const size_t first = Split::paired(count);
    if (first > 0) Pairs::sign(table, memory, jobs, first);
    if (first < count) Single::sign(table, memory, jobs + first, count - first);
  }
  static void verify_vartime(const uint64_t* table, void* memory, EcdsaVerifying* jobs, size_t count) {
    const size_t first = Split::paired(count);
    if (first > 0) Pairs::verify_vartime(table, memory, jobs, first);
    if (first < count) Single::verify_vartime(table, memory, jobs + first, count - first);
  }

  static constexpr EcdsaKernel kernel() {
    return {PairedLanes<V>::kLanes, Pairs::kernel().comb_table, sign_bytes, verify_bytes, sign, verify_vartime};
  }
};

}  // namespace keymill
