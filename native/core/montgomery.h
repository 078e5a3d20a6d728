// Arithmetic modulo odd numbers that are only known at run time, another one in every lane if need be: Montgomery
// multiplication (Montgomery 1985) over limbs of 52 bits. field.h does the same for moduli known at compile time, which
// fit into registers; here columns of a product are in memory and bands of five rows pass over them. Constant time.
#pragma once
#include "limbs.h"
#include "unroll.h"

namespace keymill {

/**
 * A number is `kLimbs` words of the vector type, lowest limb first, every limb below 2^52; R is 2^(52 kLimbs). Moduli
 * lie below R / 2^8. Factors may be anything whose product lies below R times the modulus, such as numbers below twice
 * the modulus; results lie below it but for a 2^-6th part. `streams` computations run side by side, so that one has
 * work for the processor while another waits for the next multiple of its modulus.
 */
template <typename V, size_t limbs, size_t streams>
struct Montgomery {
  using Word = typename V::Word;
  static constexpr size_t kLimbs = limbs;
  static constexpr size_t kRows = 5;
  static_assert(limbs % kRows == 0, "whole bands only");
  /** 64-bit words of a number. */
  static constexpr size_t kWords = limbs * V::kLanes;

  /** One of each per stream, distinct memory. */
  using Numbers = const uint64_t* const (&)[streams];
  using Results = uint64_t* const (&)[streams];
  struct Moduli {
    const uint64_t* value[streams];
    /** -1 / value mod 2^52. */
    Word negative_inverse[streams];
    /** Room for a product, 2 kWords. */
    uint64_t* columns[streams];
  };

  /** out = a b / R, where row(stream, i) is limb i of b; `out` may be `a`. */
  template <typename Row>
  static KEYMILL_INLINE void multiply_rows(const Moduli& moduli, Results out, Numbers a, Row row) {
    for (size_t s = 0; s < streams; s++) clear(moduli.columns[s], kLimbs);
    compute(moduli, out, [&](size_t s, size_t first) KEYMILL_INLINE_LAMBDA {
      Word m[kRows];
      KEYMILL_UNROLL
      for (size_t r = 0; r < kRows; r++) m[r] = row(s, first + r);
      band<false>(at(moduli.columns[s], first), m, a[s], kLimbs);
    });
  }

  /** out = a b / R; `out` may be `a` or `b`. */
  static KEYMILL_NOINLINE void multiply(const Moduli& moduli, Results out, Numbers a, Numbers b) {
    multiply_rows(moduli, out, a, [&](size_t s, size_t i) KEYMILL_INLINE_LAMBDA { return V::load(at(b[s], i)); });
  }

  /** out = a^2 / R; `out` may be `a`. */
  static KEYMILL_NOINLINE void square(const Moduli& moduli, Results out, Numbers a) {
    for (size_t s = 0; s < streams; s++) {
      clear(moduli.columns[s], kLimbs);
      clear(at(moduli.columns[s], 2 * kLimbs - kRows), kRows);
    }
    compute(moduli, out,
            [&](size_t s, size_t first) KEYMILL_INLINE_LAMBDA { square_band(moduli.columns[s], a[s], first); });
  }

  /** out = columns / R, for 2 kLimbs columns below R times the modulus. */
  static KEYMILL_NOINLINE void reduce(const Moduli& moduli, Results out) {
    compute(moduli, out, [](size_t, size_t) {});
  }

  /** The product of two numbers into 2 kLimbs columns, not yet limbs. */
  static KEYMILL_NOINLINE void product(uint64_t* columns, const uint64_t* a, const uint64_t* b) {
    clear(columns, kLimbs);
    for (size_t first = 0; first < kLimbs; first += kRows) {
      Word m[kRows];
      KEYMILL_UNROLL
      for (size_t r = 0; r < kRows; r++) m[r] = V::load(at(b, first + r));
      band<false>(at(columns, first), m, a, kLimbs);
    }
  }

  /** Carries columns over into `count` limbs. */
  static KEYMILL_INLINE void carry(uint64_t* out, const uint64_t* columns, size_t count) {
    const Word mask = V::broadcast(kLimbMask);
    Word carried = V::broadcast(0);
    for (size_t i = 0; i < count; i += kRows) {
      KEYMILL_UNROLL
      for (size_t s = 0; s < kRows; s++) {
        const Word sum = V::add(V::load(at(columns, i + s)), carried);
        V::store(at(out, i + s), V::both(sum, mask));
        carried = V::right(sum, kLimbBits);
      }
    }
  }

  /** The least residue of a number below twice the modulus. */
  static void below_modulus(uint64_t* number, const uint64_t* modulus) {
    Word borrow = V::broadcast(0);
    for (size_t i = 0; i < kLimbs; i++) borrow = V::signed_right(difference(number, modulus, i, borrow), kLimbBits);
    // All ones where the number was below the modulus already.
    const auto keep = V::equal(borrow, V::broadcast(~uint64_t{0}));
    borrow = V::broadcast(0);
    for (size_t i = 0; i < kLimbs; i++) {
      const Word d = difference(number, modulus, i, borrow);
      borrow = V::signed_right(d, kLimbBits);
      V::store(at(number, i), V::select(keep, V::load(at(number, i)), V::both(d, V::broadcast(kLimbMask))));
    }
  }

  static uint64_t* at(uint64_t* number, size_t i) { return number + i * V::kLanes; }
  static const uint64_t* at(const uint64_t* number, size_t i) { return number + i * V::kLanes; }

 private:
  static Word difference(const uint64_t* a, const uint64_t* b, size_t i, Word borrow) {
    return V::add(V::subtract(V::load(at(a, i)), V::load(at(b, i))), borrow);
  }

  static KEYMILL_INLINE void clear(uint64_t* columns, size_t count) {
    for (size_t i = 0; i < count; i += kRows) {
      KEYMILL_UNROLL
      for (size_t s = 0; s < kRows; s++) V::store(at(columns, i + s), V::broadcast(0));
        // Or this becomes a call of memset, which takes longer to begin than to do.
#if defined(__GNUC__) || defined(__clang__)
      __asm__ volatile("" ::: "memory");
#endif
    }
  }

  /** The bands of a product, each followed by the band of multiples of the modulus that makes five columns vanish. */
  template <typename Band>
  static KEYMILL_INLINE void compute(const Moduli& moduli, Results out, Band add_band) {
    for (size_t first = 0; first < kLimbs; first += kRows) {
      Word m[streams][kRows];
      KEYMILL_UNROLL
      for (size_t s = 0; s < streams; s++) {
        add_band(s, first);
        begin_reduction(m[s], at(moduli.columns[s], first), moduli.value[s], moduli.negative_inverse[s]);
      }
      KEYMILL_UNROLL
      for (size_t s = 0; s < streams; s++) end_reduction(m[s], at(moduli.columns[s], first), moduli.value[s]);
    }
    KEYMILL_UNROLL
    for (size_t s = 0; s < streams; s++) carry(out[s], at(moduli.columns[s], kLimbs), kLimbs);
  }

  /**
   * Column c of five rows m times x: the low halves of m[r] x[c - r] and the high halves of m[r] x[c - 1 - r] for those
   * r in [from, to). window[kRows + c] is x[c]; `low` is where the sum begins.
   */
  static KEYMILL_INLINE Word column_sum(Word low, const Word (&m)[kRows], const Word (&window)[2 * kRows], size_t c,
                                        size_t low_from, size_t low_to, size_t high_from, size_t high_to) {
    Word high = V::broadcast(0);
    KEYMILL_UNROLL
    for (size_t r = 0; r < kRows; r++) {
      if (r >= low_from && r < low_to) low = V::multiply_low(low, m[r], window[kRows + c - r]);
      if (r >= high_from && r < high_to) high = V::multiply_high(high, m[r], window[kRows + c - 1 - r]);
    }
    return V::add(low, high);
  }

  static KEYMILL_INLINE void add_to(uint64_t* column, Word sum) { V::store(column, V::add(V::load(column), sum)); }

  /** Adds m times the `count` limbs of x, or twice that, to columns of which the last five are written afresh. */
  template <bool twice>
  static KEYMILL_INLINE void band(uint64_t* columns, const Word (&m)[kRows], const uint64_t* x, size_t count) {
    Word window[2 * kRows];
    KEYMILL_UNROLL
    for (size_t c = 0; c < kRows; c++) window[kRows + c] = V::load(at(x, c));
    KEYMILL_UNROLL
    for (size_t c = 0; c < kRows; c++) {
      const Word sum = column_sum(V::broadcast(0), m, window, c, 0, c + 1, 0, c);
      add_to(at(columns, c), twice ? V::add(sum, sum) : sum);
    }
    finish_band<twice, true>(columns, m, window, x, count);
  }

  /** What follows the first five columns; the window's upper half holds x[0] to x[4]. */
  template <bool twice, bool afresh>
  static KEYMILL_INLINE void finish_band(uint64_t* columns, const Word (&m)[kRows], Word (&window)[2 * kRows],
                                         const uint64_t* x, size_t count) {
    size_t first = kRows;
    for (; first < count; first += kRows) {
      KEYMILL_UNROLL
      for (size_t c = 0; c < kRows; c++) {
        window[c] = window[kRows + c];
        window[kRows + c] = V::load(at(x, first + c));
      }
      KEYMILL_UNROLL
      for (size_t c = 0; c < kRows; c++) {
        uint64_t* const column = at(columns, first + c);
        if (twice) {
          const Word sum = column_sum(V::broadcast(0), m, window, c, 0, kRows, 0, kRows);
          add_to(column, V::add(sum, sum));
        } else {
          V::store(column, column_sum(V::load(column), m, window, c, 0, kRows, 0, kRows));
        }
      }
    }
    KEYMILL_UNROLL
    for (size_t c = 0; c < kRows; c++) window[c] = window[kRows + c];
    KEYMILL_UNROLL
    for (size_t c = 0; c < kRows; c++) {
      uint64_t* const column = at(columns, first + c);
      const Word sum = column_sum(V::broadcast(0), m, window, c, c + 1, kRows, c, kRows);
      const Word term = twice ? V::add(sum, sum) : sum;
      if (afresh) {
        V::store(column, term);
      } else {
        add_to(column, term);
      }
    }
  }

  /** The rows [first, first + 5) of a square: each product of two limbs once and doubled, the squares of limbs once. */
  static KEYMILL_INLINE void square_band(uint64_t* columns, const uint64_t* a, size_t first) {
    Word m[kRows];
    KEYMILL_UNROLL
    for (size_t r = 0; r < kRows; r++) m[r] = V::load(at(a, first + r));
    KEYMILL_UNROLL
    for (size_t c = 0; c < 2 * kRows; c++) {
      Word low = V::broadcast(0), high = V::broadcast(0);
      KEYMILL_UNROLL
      for (size_t r = 0; r < kRows; r++) {
        const size_t partner = c - r;
        if (partner < kRows && r < partner) low = V::multiply_low(low, m[r], m[partner]);
        if (partner - 1 < kRows && r < partner - 1) high = V::multiply_high(high, m[r], m[partner - 1]);
      }
      const Word once = V::add(low, high), both = V::add(once, once), limb = m[c / 2];
      add_to(at(columns, 2 * first + c),
             c % 2 ? V::multiply_high(both, limb, limb) : V::multiply_low(both, limb, limb));
    }
    const size_t next = first + kRows;
    if (next < kLimbs) band<true>(at(columns, first + next), m, at(a, next), kLimbs - next);
  }

  /** The multiples m of the modulus that make the lowest five columns vanish; what they carry is added to the sixth. */
  static KEYMILL_INLINE void begin_reduction(Word (&m)[kRows], uint64_t* columns, const uint64_t* modulus,
                                             Word negative_inverse) {
    Word window[2 * kRows];
    KEYMILL_UNROLL
    for (size_t c = 0; c < kRows; c++) window[kRows + c] = V::load(at(modulus, c));
    Word carried = V::broadcast(0);
    KEYMILL_UNROLL
    for (size_t c = 0; c < kRows; c++) {
      const Word above = V::add(V::load(at(columns, c)), carried);
      const Word sum = V::add(column_sum(V::broadcast(0), m, window, c, 0, c, 0, c), above);
      m[c] = V::multiply_low(V::broadcast(0), sum, negative_inverse);
      // The low half of m[c] times the lowest limb makes the sum a multiple of 2^52: the next one.
      carried = V::right(V::add(sum, V::broadcast(kLimbMask)), kLimbBits);
    }
    add_to(at(columns, kRows), carried);
  }

  static KEYMILL_INLINE void end_reduction(const Word (&m)[kRows], uint64_t* columns, const uint64_t* modulus) {
    Word window[2 * kRows];
    KEYMILL_UNROLL
    for (size_t c = 0; c < kRows; c++) window[kRows + c] = V::load(at(modulus, c));
    finish_band<false, false>(columns, m, window, modulus, kLimbs);
  }
};

}  // namespace keymill
