// Numbers as big-endian bytes of one width, with no branch and no address that depends on what they are.
#pragma once
#include <cstddef>
#include <cstdint>

namespace keymill {

/** The widest numbers here: coordinates and scalars of P-521. */
constexpr size_t kMaxNumberBytes = 66;

/** a - b; returns 1 where it was negative, 0 elsewhere. `out` may be `a`. */
inline unsigned subtract(const uint8_t* a, const uint8_t* b, size_t bytes, uint8_t* out) {
  constexpr size_t kWordBytes = sizeof(uint64_t);
  const auto load = [](const uint8_t* from, size_t count) {
    uint64_t word = 0;
    for (size_t i = 0; i < count; i++) word = word << 8 | from[i];
    return word;
  };
  unsigned borrow = 0;
  const auto subtract_word = [&](size_t at, size_t count) {
    const auto difference = static_cast<unsigned __int128>(load(a + at, count)) - load(b + at, count) - borrow;
    for (size_t i = 0; i < count; i++) out[at + i] = static_cast<uint8_t>(difference >> (8 * (count - 1 - i)));
    borrow = static_cast<unsigned>(difference >> 64) & 1;
  };
  size_t left = bytes;
  for (; left >= kWordBytes; left -= kWordBytes) subtract_word(left - kWordBytes, kWordBytes);
  subtract_word(0, left);
  return borrow;
}

/** Replaces a number below `order` by its negative modulo that where this is less; returns 1 where it did, 0 elsewhere.
 */
inline unsigned take_lesser(uint8_t* number, const uint8_t* order, size_t bytes) {
  uint8_t negative[kMaxNumberBytes], difference[kMaxNumberBytes];
  subtract(order, number, bytes, negative);
  const unsigned replaced = subtract(negative, number, bytes, difference);
  const auto taken = static_cast<uint8_t>(0 - replaced);
  for (size_t i = 0; i < bytes; i++) {
    number[i] = static_cast<uint8_t>(number[i] ^ (taken & (number[i] ^ negative[i])));
  }
  return replaced;
}

}  // namespace keymill
