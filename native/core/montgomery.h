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
 * the modulus; results lie below it but for a 2^-6th part. `streams` computations take turns: what one has to wait for
 * is computed between the multiplications of another.
 */
template <typename V, size_t limbs, size_t streams>
struct Montgomery {
  using Word = typename V::Word;
  static constexpr size_t kLimbs = limbs;
  static constexpr size_t kRows = 5;
  static_assert(limbs % kRows == 0 && limbs % 2 == 0, "whole bands and halves only");
  /** 64-bit words of a number. */
  static constexpr size_t kWords = limbs * V::kLanes;
  /** 64-bit words of a product's columns. */
  static constexpr size_t kColumnWords = 2 * kWords;

  /** One of each per stream, distinct memory. */
  using Numbers = const uint64_t* const (&)[streams];
  using Results = uint64_t* const (&)[streams];
  struct Moduli {
    const uint64_t* value[streams];
    /** -1 / value mod 2^52. */
    Word negative_inverse[streams];
    /** A column is a signed 64-bit number, the product the sum of 2^(52 i) times column i. */
    uint64_t* columns[streams];
    /** kColumnWords for what squares take beside their columns. */
    uint64_t* room;
  };

  /** out = a b / R, where limb(stream, i) is limb i of that stream's b; `out` may be `a`. */
  template <typename Limb>
  static KEYMILL_INLINE void multiply_limbs(const Moduli& moduli, Results out, Numbers a, Limb limb) {
    for (size_t s = 0; s < streams; s++) clear(moduli.columns[s], kLimbs);
    compute(
        moduli,
        [&](size_t s, size_t first) KEYMILL_INLINE_LAMBDA {
          Word m[kRows];
          KEYMILL_UNROLL
          for (size_t r = 0; r < kRows; r++) m[r] = limb(s, first + r);
          multiply_band(at(moduli.columns[s], first), m, a[s]);
        },
        carry_into(moduli, out));
  }

  /** out = a b / R; `out` may be `a` or `b`. */
  static KEYMILL_NOINLINE void multiply(const Moduli& moduli, Results out, Numbers a, Numbers b) {
    multiply_limbs(moduli, out, a, [&](size_t s, size_t i) KEYMILL_INLINE_LAMBDA { return V::load(at(b[s], i)); });
  }

  /** number = number^2 / R, so many times. */
  static KEYMILL_NOINLINE void square(const Moduli& moduli, Results number, unsigned times) {
    // What the last stream carries, it carries while the first begins anew.
    const auto carry_last = [&] { carry(number[streams - 1], at(moduli.columns[streams - 1], kLimbs), kLimbs); };
    for (unsigned done = 0; done < times; done++) {
      const auto add_square = [&](size_t s, size_t first) KEYMILL_INLINE_LAMBDA {
        if (first > 0) return;
        Square<kLimbs>::put(moduli.columns[s], number[s], moduli.room, [&]() KEYMILL_INLINE_LAMBDA {
          if (s == 0 && streams > 1 && done > 0) carry_last();
        });
      };
      compute(moduli, add_square, [&](size_t s) KEYMILL_INLINE_LAMBDA {
        if (s + 1 < streams || streams == 1) carry(number[s], at(moduli.columns[s], kLimbs), kLimbs);
      });
    }
    if (streams > 1) carry_last();
  }

  /** out = columns / R, for 2 kLimbs columns below R times the modulus. */
  static KEYMILL_NOINLINE void reduce(const Moduli& moduli, Results out) {
    compute(
        moduli, [](size_t, size_t) {}, carry_into(moduli, out));
  }

  /** The product of two numbers into 2 kLimbs columns, not yet limbs. */
  static KEYMILL_NOINLINE void product(uint64_t* columns, const uint64_t* a, const uint64_t* b) {
    clear(columns, kLimbs);
    for (size_t first = 0; first < kLimbs; first += kRows) {
      Word m[kRows];
      load_five(m, at(b, first));
      multiply_band(at(columns, first), m, a);
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
        carried = V::signed_right(sum, kLimbBits);
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

  static KEYMILL_INLINE void add_to(uint64_t* column, Word sum) { V::store(column, V::add(V::load(column), sum)); }

  // ---- Products ----

  /** Limbs that registers hold beside the sums of kRows columns. */
  static constexpr size_t kRegisterLimbs = 20;
  static_assert(limbs <= 4 * kRegisterLimbs, "two levels of squares in the room");

  /**
   * The square of n limbs into 2n columns, with three squares of half the length (Karatsuba and Ofman 1962): with
   * B = 2^(26 n), the middle of (low + B high)^2 is low^2 + high^2 - (low - high)^2.
   */
  template <size_t n>
  struct Square {
    static constexpr size_t kHalf = n / 2;

    template <typename Between>
    static KEYMILL_INLINE void put(uint64_t* columns, const uint64_t* a, uint64_t* room, Between between) {
      uint64_t* const difference = room;
      uint64_t* const rest = at(room, kHalf);
      // low - high + B where that is negative, which is where the borrow is all ones.
      Word borrow = V::broadcast(0);
      KEYMILL_UNROLL
      for (size_t i = 0; i < kHalf; i++) {
        const Word d = Montgomery::difference(a, at(a, kHalf), i, borrow);
        V::store(at(difference, i), V::both(d, V::broadcast(kLimbMask)));
        borrow = V::signed_right(d, kLimbBits);
      }
      for (size_t h = 0; h < 2; h++) {
        uint64_t* const to = at(columns, h * n);
        if (h == 1) between();
        half(at(a, h * kHalf), rest, [=](size_t c, Word w) KEYMILL_INLINE_LAMBDA { V::store(at(to, c), w); });
      }
      half(difference, rest, [=](size_t c, Word w) KEYMILL_INLINE_LAMBDA {
        uint64_t* const column = at(columns, kHalf + c);
        if (c < kHalf) {
          const Word outer = V::add(V::load(column), V::load(at(column, kHalf)));
          V::store(column, V::add(outer, V::subtract(V::load(at(columns, c)), w)));
          V::store(at(column, kHalf), outer);
        } else {
          // The B above makes the middle square B^2 - 2 B difference larger than it should be.
          const Word d = V::both(V::load(at(difference, c - kHalf)), borrow), high = V::load(at(column, kHalf));
          const Word middle = V::subtract(V::add(high, V::add(d, d)), w);
          V::store(column, V::add(V::load(column), middle));
          if (c == kHalf) V::store(at(column, kHalf), V::add(high, borrow));
        }
      });
    }

    /** Calls use(c, column c) for the 2 kHalf columns of the square of kHalf limbs. */
    template <typename Use>
    static KEYMILL_NOINLINE void half(const uint64_t* a, uint64_t* room, Use use) {
      if constexpr (kHalf > kRegisterLimbs) {
        Square<kHalf>::put(room, a, at(room, n), [] {});
        for (size_t c = 0; c < n; c++) use(c, V::load(at(room, c)));
      } else {
        Word limb[kHalf];
        KEYMILL_UNROLL
        for (size_t r = 0; r < kHalf; r++) limb[r] = V::load(at(a, r));
        KEYMILL_UNROLL
        for (size_t first = 0; first < n; first += kRows) square_columns(limb, first, use);
      }
    }

    /** Columns [first, first + 5), with each product of two limbs computed once and doubled. */
    template <typename Use>
    static KEYMILL_INLINE void square_columns(const Word (&limb)[kHalf], size_t first, Use use) {
      Word low[kRows], high[kRows];
      KEYMILL_UNROLL
      for (size_t k = 0; k < kRows; k++) low[k] = high[k] = V::broadcast(0);
      // Column by column each sum would wait for itself.
      KEYMILL_UNROLL
      for (size_t r = 0; r < kHalf; r++) {
        KEYMILL_UNROLL
        for (size_t k = 0; k < kRows; k++) {
          const size_t partner = first + k - r;
          if (partner < kHalf && r < partner) low[k] = V::multiply_low(low[k], limb[r], limb[partner]);
          if (partner - 1 < kHalf && r < partner - 1) high[k] = V::multiply_high(high[k], limb[r], limb[partner - 1]);
        }
      }
      KEYMILL_UNROLL
      for (size_t k = 0; k < kRows; k++) {
        const size_t c = first + k;
        const Word once = V::add(low[k], high[k]), twice = V::add(once, once), same = limb[c / 2];
        use(c, c % 2 ? V::multiply_high(twice, same, same) : V::multiply_low(twice, same, same));
      }
    }
  };

  /**
   * Adds five rows m times x to five columns. window[kRows + c - r] is the limb of x whose product with m[r] has its
   * low half in column c, which takes it where takes(c, r); the high half of what the column before takes is its too.
   */
  template <typename Takes>
  static KEYMILL_INLINE void add_columns(Word (&sums)[kRows], const Word (&m)[kRows], const Word (&window)[2 * kRows],
                                         Takes takes) {
    Word high[kRows];
    KEYMILL_UNROLL
    for (size_t c = 0; c < kRows; c++) high[c] = V::broadcast(0);
    KEYMILL_UNROLL
    for (size_t r = 0; r < kRows; r++) {
      KEYMILL_UNROLL
      for (size_t c = 0; c < kRows; c++) {
        if (takes(c, r)) sums[c] = V::multiply_low(sums[c], m[r], window[kRows + c - r]);
        if (takes(c, r + 1)) high[c] = V::multiply_high(high[c], m[r], window[kRows + c - 1 - r]);
      }
    }
    KEYMILL_UNROLL
    for (size_t c = 0; c < kRows; c++) sums[c] = V::add(sums[c], high[c]);
  }

  static KEYMILL_INLINE void load_five(Word* out, const uint64_t* from) {
    KEYMILL_UNROLL
    for (size_t c = 0; c < kRows; c++) out[c] = V::load(at(from, c));
  }

  static KEYMILL_INLINE void store_five(uint64_t* out, const Word* from) {
    KEYMILL_UNROLL
    for (size_t c = 0; c < kRows; c++) V::store(at(out, c), from[c]);
  }

  /** Moves on by five limbs of x. */
  static KEYMILL_INLINE void slide(Word (&window)[2 * kRows]) {
    KEYMILL_UNROLL
    for (size_t c = 0; c < kRows; c++) window[c] = window[kRows + c];
  }

  /** Adds five limbs of b times x to kLimbs + 5 columns, of which the last five are written afresh. */
  static KEYMILL_INLINE void multiply_band(uint64_t* columns, const Word (&m)[kRows], const uint64_t* x) {
    Word window[2 * kRows], sums[kRows];
    load_five(window + kRows, x);
    load_five(sums, columns);
    add_columns(sums, m, window, [](size_t c, size_t r) KEYMILL_INLINE_LAMBDA { return r <= c; });
    store_five(columns, sums);
    for (size_t first = kRows; first < kLimbs; first += kRows) {
      slide(window);
      load_five(window + kRows, at(x, first));
      load_five(sums, at(columns, first));
      add_columns(sums, m, window, [](size_t, size_t) KEYMILL_INLINE_LAMBDA { return true; });
      store_five(at(columns, first), sums);
    }
    slide(window);
    KEYMILL_UNROLL
    for (size_t c = 0; c < kRows; c++) sums[c] = V::broadcast(0);
    add_columns(sums, m, window, [](size_t c, size_t r) KEYMILL_INLINE_LAMBDA { return r > c; });
    store_five(at(columns, kLimbs), sums);
  }

  // ---- Reductions ----

  static KEYMILL_INLINE auto carry_into(const Moduli& moduli, Results out) {
    return [&moduli, &out](size_t s) KEYMILL_INLINE_LAMBDA { carry(out[s], at(moduli.columns[s], kLimbs), kLimbs); };
  }

  /** Five multiples of the modulus that make five columns vanish. */
  struct Multiples {
    Word m[kRows] = {};

    /** Number c of them, after those before; what column c then carries is added to the next. */
    KEYMILL_INLINE void find(size_t c, uint64_t* columns, const uint64_t* modulus, Word negative_inverse) {
      Word low = V::load(at(columns, c)), high = V::broadcast(0);
      KEYMILL_UNROLL
      for (size_t r = 0; r < kRows; r++) {
        if (r >= c) continue;
        low = V::multiply_low(low, m[r], V::load(at(modulus, c - r)));
        high = V::multiply_high(high, m[r], V::load(at(modulus, c - 1 - r)));
      }
      const Word sum = V::add(low, high);
      m[c] = V::multiply_low(V::broadcast(0), sum, negative_inverse);
      // The low half of m[c] times the lowest limb makes the sum a multiple of 2^52: the next one.
      add_to(at(columns, c + 1), V::signed_right(V::add(sum, V::broadcast(kLimbMask)), kLimbBits));
    }
  };

  /**
   * The bands of a product, each followed by the band of multiples of the modulus that makes five columns vanish. Each
   * multiple waits for the one before: they are found between the multiplications by those found last, of which the
   * next stream's have no need, and a single stream's only until the five columns after those are done.
   */
  template <typename AddBand, typename Finish>
  static KEYMILL_INLINE void compute(const Moduli& moduli, AddBand add_band, Finish finish) {
    constexpr size_t kDelay = streams == 1;
    const auto find = [&](Multiples& multiples, size_t s, size_t first, size_t c) KEYMILL_INLINE_LAMBDA {
      multiples.find(c, at(moduli.columns[s], first), moduli.value[s], moduli.negative_inverse[s]);
    };
    Multiples multiples;
    add_band(0, 0);
    KEYMILL_UNROLL
    for (size_t c = 0; c < kRows; c++) find(multiples, 0, 0, c);
    for (size_t first = 0; first < kLimbs; first += kRows) {
      KEYMILL_UNROLL
      for (size_t s = 0; s < streams; s++) {
        const size_t next = (s + 1) % streams, next_first = next ? first : first + kRows;
        Multiples next_multiples;
        if (next_first < kLimbs) add_band(next, next_first);
        eliminate(at(moduli.columns[s], first), multiples.m, moduli.value[s], [&](size_t step) KEYMILL_INLINE_LAMBDA {
          const size_t c = step - kDelay;
          if (c < kRows && next_first < kLimbs) find(next_multiples, next, next_first, c);
        });
        multiples = next_multiples;
        if (first + kRows == kLimbs) finish(s);
      }
    }
  }

  /**
   * Adds five multiples of the modulus to columns of which the first five are done with. In the course of it, calls
   * between(0), between(1) and so on up to between(kRows) at least; from between(1) on the next five columns are done.
   */
  template <typename Between>
  static KEYMILL_INLINE void eliminate(uint64_t* columns, const Word (&m)[kRows], const uint64_t* modulus,
                                       Between between) {
    constexpr size_t kSteps = limbs / kRows;
    Word window[2 * kRows], sums[kRows];
    load_five(window + kRows, modulus);
    KEYMILL_UNROLL
    for (size_t step = 0; step < kSteps; step++) {
      between(step);
      const size_t first = (step + 1) * kRows;
      slide(window);
      load_five(sums, at(columns, first));
      if (first < kLimbs) {
        load_five(window + kRows, at(modulus, first));
        add_columns(sums, m, window, [](size_t, size_t) KEYMILL_INLINE_LAMBDA { return true; });
      } else {
        add_columns(sums, m, window, [](size_t c, size_t r) KEYMILL_INLINE_LAMBDA { return r > c; });
      }
      store_five(at(columns, first), sums);
    }
    KEYMILL_UNROLL
    for (size_t step = kSteps; step <= kRows; step++) between(step);
  }
};

}  // namespace keymill
