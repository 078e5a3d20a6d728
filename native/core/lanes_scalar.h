// One lane of 64-bit arithmetic: for processors without AVX-512 IFMA, and for single calls. See lanes.h.
#pragma once
#include "columns.h"

namespace keymill {

struct ScalarLanes {
  static constexpr size_t kLanes = 1;
  static constexpr size_t kSums = 0;
  using Word = uint64_t;
  /** All ones or all zeros. */
  using Mask = uint64_t;

  static Word broadcast(uint64_t x) { return x; }
  static Word load(const uint64_t* p) { return *p; }
  static void store(uint64_t* p, Word w) { *p = w; }
  static Word add(Word a, Word b) { return a + b; }
  static Word subtract(Word a, Word b) { return a - b; }
  static Word both(Word a, Word b) { return a & b; }
  static Word either(Word a, Word b) { return a | b; }
  static Word exclusive(Word a, Word b) { return a ^ b; }
  static Word left(Word w, int n) { return w << n; }
  static Word right(Word w, int n) { return w >> n; }
  static Word signed_right(Word w, int n) { return static_cast<Word>(static_cast<int64_t>(w) >> n); }
  static Word product(Word a, Word b) { return a * b; }

  // With a moved up by twelve bits, the halves of the machine's product are those wanted, and what a has above 52 bits
  // falls off. The compiler makes one multiplication of the two.
  static Word multiply_low(Word c, Word a, Word b) { return c + (((a << 12) * b) >> 12); }
  static Word multiply_high(Word c, Word a, Word b) {
    return c + static_cast<Word>((static_cast<unsigned __int128>(a << 12) * b) >> 64);
  }

  /** Keeps the compiler from seeing that a mask has two values only, and making a branch of it. */
  static Mask hidden(Mask m) {
#if defined(__GNUC__) || defined(__clang__)
    __asm__("" : "+r"(m));
#endif
    return m;
  }

  static Mask equal(Word a, Word b) {
    const Word difference = a ^ b;
    return hidden(((difference | (0 - difference)) >> 63) - 1);
  }
  static Word select(Mask m, Word a, Word b) { return b ^ (m & (a ^ b)); }
  static Word as_word(Mask m) { return m; }

  template <size_t limbs>
  using Columns = WordColumns<ScalarLanes, limbs>;

  template <size_t entries>
  struct Choice {
    Mask wanted[entries];
    explicit Choice(Word index) {
      for (size_t i = 0; i < entries; i++) wanted[i] = equal(index, i);
    }
  };
  template <size_t entries>
  static Word pick(const Choice<entries>& choice, const uint64_t* table) {
    Word found = 0;
    for (size_t i = 0; i < entries; i++) found |= table[i] & choice.wanted[i];
    return found;
  }
};

}  // namespace keymill
