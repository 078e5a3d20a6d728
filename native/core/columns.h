// The sums of products that a multiplication of numbers in limbs of 52 bits is made of, for vector types whose
// multiplier gives the halves of a product as words. See lanes.h.
#pragma once
#include "lanes.h"

namespace keymill {

template <typename V, size_t limbs>
class WordColumns {
 public:
  using Word = typename V::Word;

  KEYMILL_INLINE void set_product(const Word (&a)[limbs], const Word (&b)[limbs]) {
    Halves halves;
    KEYMILL_UNROLL
    for (size_t i = 0; i < limbs; i++) {
      KEYMILL_UNROLL
      for (size_t j = 0; j < limbs; j++) halves.add_product(i + j, a[i], b[j]);
    }
    halves.join(column_);
  }

  KEYMILL_INLINE void set_square(const Word (&a)[limbs]) {
    Halves halves;
    KEYMILL_UNROLL
    for (size_t i = 0; i < limbs; i++) {
      KEYMILL_UNROLL
      for (size_t j = i + 1; j < limbs; j++) halves.add_product(i + j, a[i], a[j]);
    }
    halves.join(column_);
    KEYMILL_UNROLL
    for (size_t i = 1; i < 2 * limbs; i++) column_[i] = V::add(column_[i], column_[i]);
    KEYMILL_UNROLL
    for (size_t i = 0; i < limbs; i++) add_product(2 * i, a[i], a[i]);
  }

  KEYMILL_INLINE Word low(size_t i) const { return column_[i]; }
  KEYMILL_INLINE void subtract(size_t i, const Word& w) { column_[i] = V::subtract(column_[i], w); }
  KEYMILL_INLINE void add_product(size_t i, const Word& a, const Word& b) {
    column_[i] = V::multiply_low(column_[i], a, b);
    add_high(i, a, b);
  }
  KEYMILL_INLINE void add_high(size_t i, const Word& a, const Word& b) {
    column_[i + 1] = V::multiply_high(column_[i + 1], a, b);
  }
  KEYMILL_INLINE void carry(size_t i) { carry_word(i, column_[i]); }
  KEYMILL_INLINE void carry_up(size_t i) { carry_word(i, V::add(column_[i], V::broadcast(kLimbMask))); }

 private:
  /** Low and high halves of products summed apart, where registers allow: sums of one then do not wait for the other.
   */
  struct Halves {
    static constexpr bool kApart = 4 * limbs <= V::kSums;
    Word low[2 * limbs], high[kApart ? 2 * limbs : 1];

    KEYMILL_INLINE Halves() {
      KEYMILL_UNROLL
      for (Word& w : low) w = V::broadcast(0);
      KEYMILL_UNROLL
      for (Word& w : high) w = V::broadcast(0);
    }
    KEYMILL_INLINE void add_product(size_t i, const Word& a, const Word& b) {
      low[i] = V::multiply_low(low[i], a, b);
      Word& above = kApart ? high[i + 1] : low[i + 1];
      above = V::multiply_high(above, a, b);
    }
    KEYMILL_INLINE void join(Word (&column)[2 * limbs]) const {
      KEYMILL_UNROLL
      for (size_t i = 0; i < 2 * limbs; i++) column[i] = kApart ? V::add(low[i], high[i]) : low[i];
    }
  };

  KEYMILL_INLINE void carry_word(size_t i, const Word& w) {
    column_[i + 1] = V::add(column_[i + 1], V::signed_right(w, kLimbBits));
  }

  Word column_[2 * limbs];
};

}  // namespace keymill
