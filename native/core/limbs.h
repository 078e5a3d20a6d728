// Numbers in limbs of 52 bits at compile time: what field.h needs to know of a modulus before it computes with it.
#pragma once
#include "lanes.h"

namespace keymill {

/** Little-endian: limb[0] is the lowest. */
template <size_t count>
struct Limbs {
  uint64_t limb[count];
};

/** The same number in words of another size: the bits in `in` beyond those of `out` are 0. */
template <int in_bits, int out_bits, size_t in_count, size_t out_count>
KEYMILL_INLINE constexpr void repack(const uint64_t (&in)[in_count], uint64_t (&out)[out_count]) {
  constexpr uint64_t mask = ~uint64_t{0} >> (64 - out_bits);
  for (size_t o = 0; o < out_count; o++) {
    out[o] = 0;
    for (size_t i = 0; i < in_count; i++) {
      const int up = in_bits * static_cast<int>(i) - out_bits * static_cast<int>(o);
      if (up <= -in_bits || up >= out_bits) continue;
      out[o] |= (up >= 0 ? in[i] << up : in[i] >> -up) & mask;
    }
  }
}

/** How many limbs hold a number of so many bits. */
constexpr size_t limbs_for(int bits) { return static_cast<size_t>((bits + kLimbBits - 1) / kLimbBits); }

template <size_t count>
constexpr Limbs<count> limbs_of(const char* hexadecimal) {
  Limbs<count> out{};
  for (const char* c = hexadecimal; *c; c++) {
    uint64_t carry = static_cast<uint64_t>(*c <= '9' ? *c - '0' : *c - 'a' + 10);
    for (size_t i = 0; i < count; i++) {
      const uint64_t value = out.limb[i] << 4 | carry;
      out.limb[i] = value & kLimbMask;
      carry = value >> kLimbBits;
    }
  }
  return out;
}

/** 2^exponent mod m, for m of which the limbs can hold the double. */
template <size_t count>
constexpr Limbs<count> power_of_two(const Limbs<count>& m, int exponent) {
  Limbs<count> x{};
  x.limb[0] = 1;
  for (int i = 0; i < exponent; i++) {
    uint64_t carry = 0;
    for (size_t j = 0; j < count; j++) {
      const uint64_t doubled = 2 * x.limb[j] + carry;
      x.limb[j] = doubled & kLimbMask;
      carry = doubled >> kLimbBits;
    }
    Limbs<count> difference{};
    uint64_t borrow = 0;
    for (size_t j = 0; j < count; j++) {
      const uint64_t d = x.limb[j] - m.limb[j] - borrow;
      difference.limb[j] = d & kLimbMask;
      borrow = d >> 63;
    }
    if (borrow == 0) x = difference;
  }
  return x;
}

/** 1/m modulo 2^64, for odd m: Newton's iteration doubles the bits that are right. */
constexpr uint64_t inverse_word(uint64_t m) {
  uint64_t x = m;
  for (int i = 0; i < 6; i++) x *= 2 - m * x;
  return x;
}

/** A number whose limbs ("digits") may be negative. */
template <size_t count>
struct Digits {
  int64_t digit[count];
};

/**
 * m * 2^shift with a limb within `least` of 2^52 written as a negative digit and a carry: primes of special form then
 * have few digits that are not 0 or -1.
 */
template <size_t count>
constexpr Digits<count> sparse(const Limbs<count>& m, int shift, uint64_t least) {
  Digits<count> out{};
  uint64_t carry = 0, above = 0;
  for (size_t i = 0; i < count; i++) {
    const uint64_t limb = ((m.limb[i] << shift) & kLimbMask) | above;
    above = shift ? m.limb[i] >> (kLimbBits - shift) : 0;
    const uint64_t value = limb + carry;
    const bool wraps = i + 1 < count && value >= (uint64_t{1} << kLimbBits) - least;
    out.digit[i] = static_cast<int64_t>(value) - (wraps ? int64_t{1} << kLimbBits : 0);
    carry = wraps;
  }
  return out;
}

}  // namespace keymill
