// Products and squares of numbers in limbs of 52 bits, ten by ten limbs: large enough for one step of Karatsuba and
// Ofman's multiplication (1962), small enough for registers, and the same code whatever the numbers' length. What an
// instruction costs here is mostly the time until its result is there: operands of one sum are kept apart. See lanes.h.
#pragma once
#include "lanes.h"
#include "unroll.h"

namespace keymill {

/**
 * A block is ten limbs, each below 2^52, lowest first. Its difference is its upper half minus its lower half in two's
 * complement: five limbs, and then a word of all ones where it is negative, of zeros elsewhere. Columns are signed
 * 64-bit sums, a number the sum of 2^(52 i) times column i. Constant time.
 */
template <typename V>
struct Karatsuba {
  using Word = typename V::Word;
  static constexpr size_t kBlockLimbs = 10;
  static constexpr size_t kHalfLimbs = 5;
  /** Words of the vector type of a difference. */
  static constexpr size_t kDifferenceLimbs = kHalfLimbs + 1;

  static KEYMILL_INLINE uint64_t* at(uint64_t* number, size_t i) { return number + i * V::kLanes; }
  static KEYMILL_INLINE const uint64_t* at(const uint64_t* number, size_t i) { return number + i * V::kLanes; }

  template <size_t count>
  static KEYMILL_INLINE void load(Word (&out)[count], const uint64_t* from) {
    KEYMILL_UNROLL
    for (size_t i = 0; i < count; i++) out[i] = V::load(at(from, i));
  }

  template <size_t count>
  static KEYMILL_INLINE void clear(Word (&out)[count]) {
    KEYMILL_UNROLL
    for (size_t i = 0; i < count; i++) out[i] = V::broadcast(0);
  }

  static KEYMILL_INLINE void add_to(uint64_t* column, Word sum) { V::store(column, V::add(V::load(column), sum)); }

  /** One limb of a sum that is carried along: stores its low 52 bits, which it returns, and keeps the rest. */
  static KEYMILL_INLINE Word put_limb(uint64_t* out, Word sum, Word& carried) {
    sum = V::add(sum, carried);
    carried = V::signed_right(sum, kLimbBits);
    const Word limb = V::both(sum, V::broadcast(kLimbMask));
    V::store(out, limb);
    return limb;
  }

  static KEYMILL_NOINLINE void set_difference(uint64_t* difference, const uint64_t* block) {
    Word borrow = V::broadcast(0);
    KEYMILL_UNROLL
    for (size_t i = 0; i < kHalfLimbs; i++) {
      put_limb(at(difference, i), V::subtract(V::load(at(block, kHalfLimbs + i)), V::load(at(block, i))), borrow);
    }
    V::store(at(difference, kHalfLimbs), borrow);
  }

  /** Carries ten columns over into a block, whose difference follows, and what is left into the next column. */
  static KEYMILL_NOINLINE void carry_block(uint64_t* block, uint64_t* columns) {
    Word limb[kBlockLimbs], carried = V::broadcast(0), borrow = V::broadcast(0);
    KEYMILL_UNROLL
    for (size_t i = 0; i < kBlockLimbs; i++) limb[i] = put_limb(at(block, i), V::load(at(columns, i)), carried);
    add_to(at(columns, kBlockLimbs), carried);
    uint64_t* const difference = at(block, kBlockLimbs);
    KEYMILL_UNROLL
    for (size_t i = 0; i < kHalfLimbs; i++) {
      put_limb(at(difference, i), V::subtract(limb[kHalfLimbs + i], limb[i]), borrow);
    }
    V::store(at(difference, kHalfLimbs), borrow);
  }

  /**
   * Adds the product of two blocks to twenty columns, of which all but the first `written` count as zeros. With
   * B = 2^260, x = x0 + B x1 and y likewise, it is x0 y0 + B^2 x1 y1 + B (x0 y0 + x1 y1 - (x1 - x0) (y1 - y0)). No
   * column grows by more than 28 times 2^52.
   */
  template <size_t written>
  static KEYMILL_NOINLINE void add_product(uint64_t* columns, const uint64_t* x, const uint64_t* x_difference,
                                           const uint64_t* y, const uint64_t* y_difference) {
    const auto column = [=](size_t i) KEYMILL_INLINE_LAMBDA { return load_written<written>(columns, i); };
    const auto put = [=](size_t i, Word sum) KEYMILL_INLINE_LAMBDA { V::store(at(columns, i), sum); };
    Word low[kBlockLimbs], high[kBlockLimbs], middle[kBlockLimbs], factor[kHalfLimbs], upper[kHalfLimbs];
    clear(low);
    clear(high);
    load(factor, y);
    load(upper, at(y, kHalfLimbs));
    KEYMILL_UNROLL
    for (size_t i = 0; i < kHalfLimbs; i++) {
      const Word a = V::load(at(x, i)), b = V::load(at(x, kHalfLimbs + i));
      add_low_halves(low, i, a, factor);
      add_low_halves(high, i, b, upper);
      add_high_halves(low, i, a, factor);
      add_high_halves(high, i, b, upper);
    }
    begin_part();
    const Word x_negative = V::load(at(x_difference, kHalfLimbs)), y_negative = V::load(at(y_difference, kHalfLimbs));
    KEYMILL_UNROLL
    for (size_t i = 0; i < kHalfLimbs; i++) {
      const Word inner = V::add(low[kHalfLimbs + i], high[i]);
      put(i, V::add(column(i), low[i]));
      middle[i] = V::add(column(5 + i), V::add(inner, low[i]));
      middle[5 + i] = V::add(column(10 + i), V::add(inner, high[5 + i]));
      // Two negative differences: B (x1 - x0 + B) (y1 - y0 + B) has a B^3 too much.
      put(15 + i, V::add(column(15 + i), i > 0 ? high[5 + i] : V::add(high[5], V::both(x_negative, y_negative))));
    }
    begin_part();
    Word product[kBlockLimbs];
    clear(product);
    load(factor, y_difference);
    KEYMILL_UNROLL
    for (size_t i = 0; i < kHalfLimbs; i++) {
      const Word a = V::load(at(x_difference, i));
      add_low_halves(product, i, a, factor);
      add_high_halves(product, i, a, factor);
      put(5 + i, V::subtract(middle[i], product[i]));
      middle[5 + i] = V::add(middle[5 + i], V::both(a, y_negative));
    }
    KEYMILL_UNROLL
    for (size_t i = 0; i < kHalfLimbs; i++) {
      put(10 + i, V::add(middle[5 + i], V::subtract(V::both(factor[i], x_negative), product[5 + i])));
    }
    begin_part();
  }

  /** columns = 2 columns + the square of a block, for twenty columns; all but the first `written` count as zeros. */
  template <size_t written>
  static KEYMILL_NOINLINE void double_and_add_square(uint64_t* columns, const uint64_t* x) {
    Word limb[kBlockLimbs];
    load(limb, x);
    KEYMILL_UNROLL
    for (size_t first = 0; first < 2 * kBlockLimbs; first += kBlockLimbs) {
      Word sum[kBlockLimbs];
      KEYMILL_UNROLL
      for (size_t i = 0; i < kBlockLimbs; i++) sum[i] = load_written<written>(columns, first + i);
      double_and_add_half(sum, limb, first);
      KEYMILL_UNROLL
      for (size_t i = 0; i < kBlockLimbs; i++) V::store(at(columns, first + i), sum[i]);
    }
  }

  /** The same where the lower ten columns are zeros, and are carried over into `block` as carry_block does it. */
  static KEYMILL_NOINLINE void begin_square(uint64_t* block, uint64_t* columns, const uint64_t* x) {
    Word limb[kBlockLimbs], sum[kBlockLimbs], carried = V::broadcast(0), borrow = V::broadcast(0);
    uint64_t* const difference = at(block, kBlockLimbs);
    load(limb, x);
    clear(sum);
    double_and_add_half(sum, limb, 0);
    KEYMILL_UNROLL
    for (size_t i = 0; i < kBlockLimbs; i++) {
      sum[i] = put_limb(at(block, i), sum[i], carried);
      if (i >= kHalfLimbs) put_limb(at(difference, i - kHalfLimbs), V::subtract(sum[i], sum[i - kHalfLimbs]), borrow);
    }
    V::store(at(difference, kHalfLimbs), borrow);
    load(sum, at(columns, kBlockLimbs));
    double_and_add_half(sum, limb, kBlockLimbs);
    sum[0] = V::add(sum[0], carried);
    KEYMILL_UNROLL
    for (size_t i = 0; i < kBlockLimbs; i++) V::store(at(columns, kBlockLimbs + i), sum[i]);
  }

 private:
  /** Column i, which is zero, whatever memory holds, beyond the first `written`. */
  template <size_t written>
  static KEYMILL_INLINE Word load_written(const uint64_t* columns, size_t i) {
    return i < written ? V::load(at(columns, i)) : V::broadcast(0);
  }

  /** Keeps compilers from taking up what follows early, for which there are no registers. */
  static KEYMILL_INLINE void begin_part() {
#if defined(__GNUC__) || defined(__clang__)
    __asm__ volatile("" ::: "memory");
#endif
  }

  /** Of limb i of one number, which is `a`, times the five of another. */
  static KEYMILL_INLINE void add_low_halves(Word (&sum)[kBlockLimbs], size_t i, Word a, const Word (&b)[kHalfLimbs]) {
    KEYMILL_UNROLL
    for (size_t j = 0; j < kHalfLimbs; j++) sum[i + j] = V::multiply_low(sum[i + j], a, b[j]);
  }
  static KEYMILL_INLINE void add_high_halves(Word (&sum)[kBlockLimbs], size_t i, Word a, const Word (&b)[kHalfLimbs]) {
    KEYMILL_UNROLL
    for (size_t j = 0; j < kHalfLimbs; j++) sum[i + j + 1] = V::multiply_high(sum[i + j + 1], a, b[j]);
  }

  /** sum = 2 sum + columns [first, first + 10) of a square; each product of two limbs is computed once and doubled. */
  static KEYMILL_INLINE void double_and_add_half(Word (&sum)[kBlockLimbs], const Word (&limb)[kBlockLimbs],
                                                 size_t first) {
    Word high[kBlockLimbs];
    clear(high);
    KEYMILL_UNROLL
    for (size_t i = 0; i < kBlockLimbs; i++) {
      KEYMILL_UNROLL
      for (size_t j = i + 1; j < kBlockLimbs; j++) {
        const size_t column = i + j - first;
        if (column < kBlockLimbs) sum[column] = V::multiply_low(sum[column], limb[i], limb[j]);
        if (column + 1 < kBlockLimbs) high[column + 1] = V::multiply_high(high[column + 1], limb[i], limb[j]);
      }
    }
    KEYMILL_UNROLL
    for (size_t i = 0; i < kBlockLimbs; i++) {
      const Word once = V::add(sum[i], high[i]), twice = V::add(once, once), same = limb[(first + i) / 2];
      sum[i] = i % 2 ? V::multiply_high(twice, same, same) : V::multiply_low(twice, same, same);
    }
  }
};

}  // namespace keymill
