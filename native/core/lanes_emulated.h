// Eight lanes computed one after the other, exactly as AVX-512 IFMA computes them: for tests of the vector kernels on
// any machine, and for checking their constant time with tools that know no AVX-512. Not for speed. See lanes.h.
#pragma once
#include "columns.h"
#include "lanes_scalar.h"

// Calls keep the unrolled code of field.h short.
#if defined(__GNUC__) || defined(__clang__)
#define KEYMILL_OUT_OF_LINE __attribute__((noinline))
#else
#define KEYMILL_OUT_OF_LINE
#endif

namespace keymill {

struct EmulatedLanes {
  static constexpr size_t kLanes = 8;
  static constexpr size_t kSums = 0;
  struct Word {
    uint64_t lane[kLanes];
  };
  /** All ones or all zeros in each lane. */
  struct Mask {
    uint64_t lane[kLanes];
  };

  static KEYMILL_OUT_OF_LINE Word broadcast(uint64_t x) {
    return make([&](size_t) { return x; });
  }
  static Word load(const uint64_t* p) {
    return make([&](size_t i) { return p[i]; });
  }
  static void store(uint64_t* p, const Word& w) {
    for (size_t i = 0; i < kLanes; i++) p[i] = w.lane[i];
  }
  static KEYMILL_OUT_OF_LINE Word add(const Word& a, const Word& b) {
    return make([&](size_t i) { return a.lane[i] + b.lane[i]; });
  }
  static KEYMILL_OUT_OF_LINE Word subtract(const Word& a, const Word& b) {
    return make([&](size_t i) { return a.lane[i] - b.lane[i]; });
  }
  static KEYMILL_OUT_OF_LINE Word both(const Word& a, const Word& b) {
    return make([&](size_t i) { return a.lane[i] & b.lane[i]; });
  }
  static Word either(const Word& a, const Word& b) {
    return make([&](size_t i) { return a.lane[i] | b.lane[i]; });
  }
  static Word exclusive(const Word& a, const Word& b) {
    return make([&](size_t i) { return a.lane[i] ^ b.lane[i]; });
  }
  static Word left(const Word& w, int n) {
    return make([&](size_t i) { return w.lane[i] << n; });
  }
  static Word right(const Word& w, int n) {
    return make([&](size_t i) { return w.lane[i] >> n; });
  }
  static KEYMILL_OUT_OF_LINE Word signed_right(const Word& w, int n) {
    return make([&](size_t i) { return ScalarLanes::signed_right(w.lane[i], n); });
  }
  static Word product(const Word& a, const Word& b) {
    return make([&](size_t i) { return a.lane[i] * b.lane[i]; });
  }
  static KEYMILL_OUT_OF_LINE Word multiply_low(const Word& c, const Word& a, const Word& b) {
    return make([&](size_t i) { return ScalarLanes::multiply_low(c.lane[i], a.lane[i], b.lane[i] & kLimbMask); });
  }
  static KEYMILL_OUT_OF_LINE Word multiply_high(const Word& c, const Word& a, const Word& b) {
    return make([&](size_t i) { return ScalarLanes::multiply_high(c.lane[i], a.lane[i], b.lane[i] & kLimbMask); });
  }
  static Mask equal(const Word& a, const Word& b) {
    Mask out;
    for (size_t i = 0; i < kLanes; i++) out.lane[i] = ScalarLanes::equal(a.lane[i], b.lane[i]);
    return out;
  }
  static KEYMILL_OUT_OF_LINE Word select(const Mask& m, const Word& a, const Word& b) {
    return make([&](size_t i) { return ScalarLanes::select(m.lane[i], a.lane[i], b.lane[i]); });
  }
  static Word as_word(const Mask& m) {
    return make([&](size_t i) { return m.lane[i]; });
  }

  template <size_t limbs>
  using Columns = WordColumns<EmulatedLanes, limbs>;

  template <size_t entries>
  struct Choice {
    Word index;
    explicit Choice(const Word& wanted) : index(wanted) {}
  };
  template <size_t entries>
  static Word pick(const Choice<entries>& choice, const uint64_t* table) {
    Word found = broadcast(0);
    for (size_t i = 0; i < entries; i++) found = select(equal(choice.index, broadcast(i)), broadcast(table[i]), found);
    return found;
  }

 private:
  template <typename Lane>
  static Word make(Lane lane) {
    Word out;
    for (size_t i = 0; i < kLanes; i++) out.lane[i] = lane(i);
    return out;
  }
};

}  // namespace keymill
