// Lanes computed one after the other, exactly as AVX-512 computes them: for tests of the vector kernels on any machine,
// and for checking their constant time with tools that know no AVX-512. See sha2_lanes.h.
#pragma once
#include "sha2_lanes.h"

namespace keymill {

template <typename N, size_t lanes>
struct PlainSha2Lanes {
  using Number = N;
  static constexpr size_t kLanes = lanes;
  static constexpr bool kCompresses = false;
  struct Word {
    Number lane[kLanes];
  };

  static Word broadcast(Number x) {
    return make([&](size_t) { return x; });
  }
  static Word load(const Number* p) {
    return make([&](size_t i) { return p[i]; });
  }
  static void store(Number* p, const Word& w) {
    for (size_t i = 0; i < kLanes; i++) p[i] = w.lane[i];
  }
  static Word add(const Word& a, const Word& b) {
    return make([&](size_t i) { return a.lane[i] + b.lane[i]; });
  }
  static Word exclusive(const Word& a, const Word& b) {
    return make([&](size_t i) { return a.lane[i] ^ b.lane[i]; });
  }
  static Word exclusive(const Word& a, const Word& b, const Word& c) { return exclusive(exclusive(a, b), c); }
  static Word choose(const Word& m, const Word& a, const Word& b) {
    return make([&](size_t i) { return b.lane[i] ^ (m.lane[i] & (a.lane[i] ^ b.lane[i])); });
  }
  static Word majority(const Word& a, const Word& b, const Word& c) {
    return make([&](size_t i) { return (a.lane[i] & b.lane[i]) | (c.lane[i] & (a.lane[i] | b.lane[i])); });
  }
  template <int bits>
  static Word rotate(const Word& w) {
    return make([&](size_t i) { return w.lane[i] >> bits | w.lane[i] << (8 * sizeof(Number) - bits); });
  }
  template <int bits>
  static Word shift(const Word& w) {
    return make([&](size_t i) { return w.lane[i] >> bits; });
  }
  static void load_block(const uint8_t* const* rows, Word* words) {
    for (size_t i = 0; i < 16; i++) {
      words[i] = make([&](size_t lane) {
        Number number = 0;
        KEYMILL_UNROLL for (size_t b = 0; b < sizeof number; b++) number =
            number << 8 | rows[lane][i * sizeof number + b];
        return number;
      });
    }
  }

 private:
  template <typename Lane>
  static Word make(Lane lane) {
    Word out;
    for (size_t i = 0; i < kLanes; i++) out.lane[i] = static_cast<Number>(lane(i));
    return out;
  }
};

using EmulatedSha256Lanes = PlainSha2Lanes<uint32_t, 16>;
using EmulatedSha512Lanes = PlainSha2Lanes<uint64_t, 8>;

}  // namespace keymill
