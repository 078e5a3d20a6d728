// ECDSA on pairs of vectors, and on a single one for items at the end that do not fill more than that.
#pragma once
#include "ecdsa_lanes.h"
#include "lanes_paired.h"

namespace keymill {

template <typename Curve, typename V>
struct PairedEcdsa {
  using Pairs = Ecdsa<Curve, PairedLanes<V>>;
  using Single = Ecdsa<Curve, V>;

  static size_t sign_bytes(size_t count) { return larger(Pairs::sign_bytes(paired(count)), Single::sign_bytes(1)); }
  static size_t verify_bytes(size_t count) {
    return larger(Pairs::verify_bytes(paired(count)), Single::verify_bytes(1));
  }

  static void sign(const uint64_t* table, void* memory, const EcdsaSigning* jobs, size_t count) {
    const size_t first = paired(count);
    if (first > 0) Pairs::sign(table, memory, jobs, first);
    if (first < count) Single::sign(table, memory, jobs + first, count - first);
  }
  static void verify_vartime(const uint64_t* table, void* memory, EcdsaVerifying* jobs, size_t count) {
    const size_t first = paired(count);
    if (first > 0) Pairs::verify_vartime(table, memory, jobs, first);
    if (first < count) Single::verify_vartime(table, memory, jobs + first, count - first);
  }

  static constexpr EcdsaKernel kernel() {
    return {PairedLanes<V>::kLanes, Pairs::kernel().comb_table, sign_bytes, verify_bytes, sign, verify_vartime};
  }

 private:
  static size_t paired(size_t count) {
    const size_t rest = count % PairedLanes<V>::kLanes;
    return rest <= V::kLanes ? count - rest : count;
  }
  static size_t larger(size_t a, size_t b) { return a > b ? a : b; }
};

}  // namespace keymill
