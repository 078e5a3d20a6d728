// Sixteen lanes of 32 bits or eight of 64 in AVX-512 (Intel SDM volume 2; VPTERNLOG's truth tables are for operands in
// order). See sha2_lanes.h. Only for a source file whose functions are compiled for it.
#pragma once
#include "intrinsics.h"

// GCC 12 takes the operand that unmasked intrinsics leave undefined for a mistake (its bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include "sha2_lanes.h"

namespace keymill {

struct Avx512Bits {
  using Word = __m512i;
  static constexpr bool kCompresses = false;

  static Word exclusive(Word a, Word b) { return _mm512_xor_si512(a, b); }
  static Word exclusive(Word a, Word b, Word c) { return _mm512_ternarylogic_epi64(a, b, c, 0x96); }
  static Word choose(Word m, Word a, Word b) { return _mm512_ternarylogic_epi64(m, a, b, 0xca); }
  static Word majority(Word a, Word b, Word c) { return _mm512_ternarylogic_epi64(a, b, c, 0xe8); }
  static Word load(const void* p) { return _mm512_loadu_si512(p); }
  static void store(void* p, Word w) { _mm512_storeu_si512(p, w); }

 protected:
  /** The bytes of each word in reverse, by the indices of one quarter. */
  static Word reversed(Word w, long long upper, long long lower) {
    return _mm512_shuffle_epi8(w, _mm512_broadcast_i32x4(_mm_set_epi64x(upper, lower)));
  }
};

struct Avx512Sha256Lanes : Avx512Bits {
  using Number = uint32_t;
  static constexpr size_t kLanes = 16;

  static Word broadcast(uint32_t x) { return _mm512_set1_epi32(static_cast<int>(x)); }
  static Word add(Word a, Word b) { return _mm512_add_epi32(a, b); }
  template <int bits>
  static Word rotate(Word w) {
    return _mm512_ror_epi32(w, bits);
  }
  template <int bits>
  static Word shift(Word w) {
    return _mm512_srli_epi32(w, bits);
  }

  /** Four by four words within quarters of the registers, then four by four quarters. */
  static void load_block(const uint8_t* const* rows, Word* words) {
    Word quarters[4][4];
    KEYMILL_UNROLL for (size_t i = 0; i < 4; i++) {
      const auto row = [&](size_t lane) { return reversed(load(rows[lane]), 0x0c0d0e0f08090a0b, 0x0405060700010203); };
      const Word a = row(4 * i), b = row(4 * i + 1), c = row(4 * i + 2), d = row(4 * i + 3);
      const Word ab = _mm512_unpacklo_epi32(a, b), cd = _mm512_unpacklo_epi32(c, d);
      const Word ab_upper = _mm512_unpackhi_epi32(a, b), cd_upper = _mm512_unpackhi_epi32(c, d);
      quarters[i][0] = _mm512_unpacklo_epi64(ab, cd);
      quarters[i][1] = _mm512_unpackhi_epi64(ab, cd);
      quarters[i][2] = _mm512_unpacklo_epi64(ab_upper, cd_upper);
      quarters[i][3] = _mm512_unpackhi_epi64(ab_upper, cd_upper);
    }
    KEYMILL_UNROLL for (size_t i = 0; i < 4; i++) {
      const Word a = quarters[0][i], b = quarters[1][i], c = quarters[2][i], d = quarters[3][i];
      const Word ab = _mm512_shuffle_i32x4(a, b, 0x44), cd = _mm512_shuffle_i32x4(c, d, 0x44);
      const Word ab_upper = _mm512_shuffle_i32x4(a, b, 0xee), cd_upper = _mm512_shuffle_i32x4(c, d, 0xee);
      words[i] = _mm512_shuffle_i32x4(ab, cd, 0x88);
      words[4 + i] = _mm512_shuffle_i32x4(ab, cd, 0xdd);
      words[8 + i] = _mm512_shuffle_i32x4(ab_upper, cd_upper, 0x88);
      words[12 + i] = _mm512_shuffle_i32x4(ab_upper, cd_upper, 0xdd);
    }
  }
};

struct Avx512Sha512Lanes : Avx512Bits {
  using Number = uint64_t;
  static constexpr size_t kLanes = 8;

  static Word broadcast(uint64_t x) { return _mm512_set1_epi64(static_cast<long long>(x)); }
  static Word add(Word a, Word b) { return _mm512_add_epi64(a, b); }
  template <int bits>
  static Word rotate(Word w) {
    return _mm512_ror_epi64(w, bits);
  }
  template <int bits>
  static Word shift(Word w) {
    return _mm512_srli_epi64(w, bits);
  }

  /** Each half of the block: two by two words within quarters, then four by four quarters. */
  static void load_block(const uint8_t* const* rows, Word* words) {
    KEYMILL_UNROLL for (size_t half = 0; half < 2; half++) {
      Word pairs[4][2];
      KEYMILL_UNROLL for (size_t i = 0; i < 4; i++) {
        const auto row = [&](size_t lane) {
          return reversed(load(rows[lane] + 64 * half), 0x08090a0b0c0d0e0f, 0x0001020304050607);
        };
        const Word a = row(2 * i), b = row(2 * i + 1);
        pairs[i][0] = _mm512_unpacklo_epi64(a, b);
        pairs[i][1] = _mm512_unpackhi_epi64(a, b);
      }
      KEYMILL_UNROLL for (size_t i = 0; i < 2; i++) {
        const Word a = pairs[0][i], b = pairs[1][i], c = pairs[2][i], d = pairs[3][i];
        const Word ab = _mm512_shuffle_i32x4(a, b, 0x44), cd = _mm512_shuffle_i32x4(c, d, 0x44);
        const Word ab_upper = _mm512_shuffle_i32x4(a, b, 0xee), cd_upper = _mm512_shuffle_i32x4(c, d, 0xee);
        words[8 * half + i] = _mm512_shuffle_i32x4(ab, cd, 0x88);
        words[8 * half + 2 + i] = _mm512_shuffle_i32x4(ab, cd, 0xdd);
        words[8 * half + 4 + i] = _mm512_shuffle_i32x4(ab_upper, cd_upper, 0x88);
        words[8 * half + 6 + i] = _mm512_shuffle_i32x4(ab_upper, cd_upper, 0xdd);
      }
    }
  }
};

}  // namespace keymill
