// Little-endian strings of RFC 8032, one in each lane, as limbs of 52 bits and back.
#pragma once
#include "field25519.h"

namespace keymill {

template <typename V>
struct EdwardsStrings {
  using Word = typename V::Word;
  using F = Field25519<V>;

  template <size_t count>
  struct Words {
    Word word[count];
  };

  /** The strings source(lane), of eight times `count` bytes each. */
  template <size_t count, typename Source>
  static Words<count> load(Source source) {
    uint64_t words[count][V::kLanes];
    for (size_t lane = 0; lane < V::kLanes; lane++) {
      const uint8_t* string = source(lane);
      for (size_t i = 0; i < count; i++) {
        uint64_t word = 0;
        for (int b = 0; b < 8; b++) word |= static_cast<uint64_t>(string[8 * i + static_cast<size_t>(b)]) << (8 * b);
        words[i][lane] = word;
      }
    }
    Words<count> out;
    for (size_t i = 0; i < count; i++) out.word[i] = V::load(words[i]);
    return out;
  }

  /** To the strings target(lane) of the first `lanes` lanes. */
  template <typename Target>
  static void store(const Words<4>& in, size_t lanes, Target target) {
    uint64_t words[4][V::kLanes];
    for (size_t i = 0; i < 4; i++) V::store(words[i], in.word[i]);
    for (size_t lane = 0; lane < lanes; lane++) {
      uint8_t* string = target(lane);
      for (size_t i = 0; i < 32; i++) string[i] = static_cast<uint8_t>(words[i / 8][lane] >> (8 * (i % 8)));
    }
  }

  /** Bits 52 (`first` + i) and on, for limbs i. */
  template <typename Number, size_t count>
  static Number limbs(const Words<count>& in, size_t first = 0) {
    Number out;
    for (size_t i = 0; i < 5; i++) {
      const size_t bit = (first + i) * kLimbBits, at = bit / 64;
      const int shift = static_cast<int>(bit % 64);
      Word limb = V::right(in.word[at], shift);
      if (shift > 64 - kLimbBits && at + 1 < count) limb = V::either(limb, V::left(in.word[at + 1], 64 - shift));
      out.limb[i] = V::both(limb, V::broadcast(kLimbMask));
    }
    return out;
  }

  /** Of a number below 2^256. */
  template <typename Number>
  static Words<4> words(const Number& number) {
    Words<4> out;
    for (size_t i = 0; i < 4; i++) {
      const size_t at = i * 64 / kLimbBits;
      const int shift = static_cast<int>(i * 64 % kLimbBits);
      out.word[i] = V::either(V::right(number.limb[at], shift), V::left(number.limb[at + 1], kLimbBits - shift));
    }
    return out;
  }

  /** A coordinate from 255 bits; what comes after them is left out. */
  static typename F::Element coordinate(const Words<4>& in) {
    auto out = limbs<typename F::Element>(in);
    out.limb[4] = V::both(out.limb[4], V::broadcast(F::kTopMask));
    return out;
  }

  /** Section 5.1.2: y, and above it the lowest bit of x. */
  static Words<4> encoding(const typename F::Element& x, const typename F::Element& y) {
    Words<4> out = words(F::to_number(y));
    out.word[3] = V::either(out.word[3], V::left(F::to_number(x).limb[0], 63));
    return out;
  }
};

}  // namespace keymill
