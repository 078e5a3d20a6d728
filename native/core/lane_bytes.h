// Numbers of many items as bytes, in and out of the lanes of vectors.
#pragma once
#include "number.h"

namespace keymill {

/** Big-endian numbers of `bytes` each, for `count` items of which vector v holds those from v V::kLanes on. */
template <typename V, size_t limbs, size_t bytes>
struct LaneBytes {
  using Number = keymill::Number<V, limbs>;

  static size_t vectors_of(size_t count) { return (count + V::kLanes - 1) / V::kLanes; }

  /** The numbers source(item) of vector v, the last one again beyond `count`. */
  template <typename Source>
  static Number load(size_t count, size_t v, Source source) {
    uint64_t words[limbs][V::kLanes];
    for (size_t lane = 0; lane < V::kLanes; lane++) {
      const size_t item = v * V::kLanes + lane;
      const uint8_t* number = source(item < count ? item : count - 1);
      for (size_t i = 0; i < limbs; i++) words[i][lane] = limb_of(number, i);
    }
    Number out;
    for (size_t i = 0; i < limbs; i++) out.limb[i] = V::load(words[i]);
    return out;
  }

  /** Writes vector v to target(item). */
  template <typename Target>
  static void store(const Number& number, size_t count, size_t v, Target target) {
    uint64_t words[limbs][V::kLanes];
    for (size_t i = 0; i < limbs; i++) V::store(words[i], number.limb[i]);
    for (size_t lane = 0; lane < V::kLanes && v * V::kLanes + lane < count; lane++) {
      uint8_t* out = target(v * V::kLanes + lane);
      for (size_t b = 0; b < bytes; b++) {
        const size_t bit = 8 * b, at = bit / kLimbBits, shift = bit % kLimbBits;
        uint64_t value = words[at][lane] >> shift;
        if (shift > kLimbBits - 8 && at + 1 < limbs) value |= words[at + 1][lane] << (kLimbBits - shift);
        out[bytes - 1 - b] = static_cast<uint8_t>(value);
      }
    }
  }

 private:
  /** Bits 52 i and up: seven bytes, of which a limb begins at the first or in its middle. */
  static uint64_t limb_of(const uint8_t* number, size_t i) {
    const size_t first = i * kLimbBits / 8;
    uint64_t value = 0;
    for (size_t b = 0; b < 7 && first + b < bytes; b++) {
      value |= static_cast<uint64_t>(number[bytes - 1 - first - b]) << (8 * b);
    }
    return value >> (i * kLimbBits % 8) & kLimbMask;
  }
};

}  // namespace keymill
