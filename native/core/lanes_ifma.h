// Eight lanes of AVX-512 IFMA (Intel SDM volume 2, VPMADD52LUQ and VPMADD52HUQ). See lanes.h. Only for a source file
// whose functions are compiled for it, which ifma_begin.h after every other header arranges.
#pragma once
#include "intrinsics.h"

#include "columns.h"

namespace keymill {

struct IfmaLanes {
  static constexpr size_t kLanes = 8;
  static constexpr size_t kSums = 20;
  using Word = __m512i;
  using Mask = __mmask8;
  typedef unsigned long long Unsigned __attribute__((vector_size(64)));

  static Word broadcast(uint64_t x) { return _mm512_set1_epi64(static_cast<long long>(x)); }
  static Word load(const uint64_t* p) { return _mm512_loadu_si512(p); }
  static void store(uint64_t* p, Word w) { _mm512_storeu_si512(p, w); }
  static Word add(Word a, Word b) { return _mm512_add_epi64(a, b); }
  static Word subtract(Word a, Word b) { return _mm512_sub_epi64(a, b); }
  static Word both(Word a, Word b) { return _mm512_and_si512(a, b); }
  static Word either(Word a, Word b) { return _mm512_or_si512(a, b); }
  static Word exclusive(Word a, Word b) { return _mm512_xor_si512(a, b); }
  // The compilers' own operators: they shift by the same amount in all lanes, signed where the element type is.
  static Word left(Word w, int n) { return w << n; }
  static Word right(Word w, int n) { return reinterpret_cast<Word>(reinterpret_cast<Unsigned>(w) >> n); }
  static Word signed_right(Word w, int n) { return w >> n; }
  static Word product(Word a, Word b) { return _mm512_mullo_epi64(a, b); }
  static Word multiply_low(Word c, Word a, Word b) { return _mm512_madd52lo_epu64(c, a, b); }
  static Word multiply_high(Word c, Word a, Word b) { return _mm512_madd52hi_epu64(c, a, b); }
  static Mask equal(Word a, Word b) { return _mm512_cmpeq_epi64_mask(a, b); }
  static Word select(Mask m, Word a, Word b) { return _mm512_mask_blend_epi64(m, b, a); }
  static Word as_word(Mask m) { return _mm512_movm_epi64(m); }

  template <size_t limbs>
  using Columns = WordColumns<IfmaLanes, limbs>;

  /** Sixteen entries fill two registers, which one permutation reads; above them, the index bits choose between such
   * pairs. */
  template <size_t entries>
  struct Choice {
    static constexpr size_t kPairs = entries / 16;
    static_assert(kPairs == 1 || kPairs == 2 || kPairs == 4, "tables of 16, 32 or 64 entries");
    Word index;
    Mask second, fourth;
    explicit Choice(Word wanted)
        : index(wanted),
          second(_mm512_test_epi64_mask(wanted, _mm512_set1_epi64(16))),
          fourth(_mm512_test_epi64_mask(wanted, _mm512_set1_epi64(32))) {}
  };
  template <size_t entries>
  static Word pick(const Choice<entries>& choice, const uint64_t* table) {
    const auto pair = [&](size_t i) {
      return _mm512_permutex2var_epi64(load(table + 16 * i), choice.index, load(table + 16 * i + 8));
    };
    if constexpr (entries == 16) return pair(0);
    const Word low = select(choice.second, pair(1), pair(0));
    if constexpr (entries == 32) {
      return low;
    } else {
      return select(choice.fourth, select(choice.second, pair(3), pair(2)), low);
    }
  }
};

}  // namespace keymill
