// Arithmetic modulo odd numbers that are only known at run time, another one in every lane if need be: Montgomery
// multiplication (Montgomery 1985) over limbs of 52 bits. field.h does the same for moduli known at compile time, which
// fit into registers; here columns of a product are in memory, and blocks of ten limbs pass over them (karatsuba.h).
// Constant time.
#pragma once
#include "karatsuba.h"

namespace keymill {

/**
 * A number is so many words of the vector type, lowest limb first, every limb below 2^52, and after them the
 * differences of its blocks, kWords(limbs) in all. R is 2^(52 limbs). Moduli lie below R / 2^8. Factors may be anything
 * whose product lies below 1/16 of R times the modulus, such as numbers below four times the modulus; results lie below
 * it three times and a 2^-4th part. `streams` computations go side by side, one step of each after another: what one
 * has to wait for is computed between the multiplications of the others.
 *
 * Columns below R are eliminated from the lowest, by multiples of a multiple of the modulus that is -1 modulo B,
 * H B - 1: limbs q of the product, times that, are q H in the columns above, less these limbs themselves. With N the
 * modulus, H B - 1 < B N, and of a sum T no more than T / B + B N is left after a division by B. B is 2^520, ten limbs,
 * until ten columns are left, then B' = 2^260 once; the five columns that remain take multiples of N itself,
 * (T + (B' - 1) N) / B'.
 *
 * The columns stay below 2^61: up to eight products of blocks meet in each, twice.
 */
template <typename V, size_t streams>
struct Montgomery {
  using Word = typename V::Word;
  using Blocks = Karatsuba<V>;
  static constexpr size_t kBlock = Blocks::kBlockLimbs;
  static constexpr size_t kDifference = Blocks::kDifferenceLimbs;
  /** Columns that registers have room for at a time; half a block. B' is as many limbs. */
  static constexpr size_t kColumns = 5;

  /** 64-bit words of a number. */
  static constexpr size_t kWords(size_t limbs) { return (limbs + limbs / kBlock * kDifference) * V::kLanes; }
  /** 64-bit words of a product's columns. */
  static constexpr size_t kColumnWords(size_t limbs) { return 2 * limbs * V::kLanes; }
  /** 64-bit words for what eliminates columns: a block with its difference, the factors of H' and the modulus, a carry.
   */
  static constexpr size_t kMultipleWords = (2 * kBlock + kDifference + 1) * V::kLanes;

  /** One of each per stream, distinct memory. */
  using Numbers = const uint64_t* const (&)[streams];
  using Results = uint64_t* const (&)[streams];
  struct Moduli {
    /** A multiple of ten, at least twenty. */
    size_t limbs;
    const uint64_t* value[streams];
    /** H, and H' of B', see above. */
    const uint64_t* friendly[streams];
    const uint64_t* half_friendly[streams];
    /** -1 / value mod 2^52. */
    Word negative_inverse[streams];
    uint64_t* columns[streams];
    uint64_t* multiples[streams];
  };

  static void set_differences(uint64_t* number, size_t limbs) {
    for (size_t i = 0; i < limbs; i += kBlock) Blocks::set_difference(difference_of(number, limbs, i), at(number, i));
  }

  /** out = a b / R; `out` may be `a` or `b`. */
  static void multiply(const Moduli& moduli, Results out, Numbers a, Numbers b) {
    compute(moduli, out, {0, a, b}, Nothing());
  }

  /** number = number^2 / R, so many times. */
  static void square(const Moduli& moduli, Results number, unsigned times) {
    compute(moduli, number, {times, nullptr, nullptr}, Nothing());
  }

  /** Of a part of something that is done beside multiplications. */
  static constexpr size_t kSteps = kBlock;
  /** Nothing to do beside them. */
  struct Nothing {
    KEYMILL_INLINE static bool is_done() { return true; }
    KEYMILL_INLINE Nothing begin() { return {}; }
    KEYMILL_INLINE void step(size_t) {}
    KEYMILL_INLINE void end() {}
    KEYMILL_INLINE void finish() {}
  };

  /**
   * number = number^2 / R, so many times, and then number b / R. Something else may be done beside the squares, such as
   * finding b: while `between` is not done, parts of it, each of which is begin(), step(0) to step(9) of what that
   * returns, and end() of it. There is room for limbs / 5 - 1 parts beside each square of each stream. Before any b is
   * read, finish() is called.
   */
  template <typename Between>
  static void square_and_multiply(const Moduli& moduli, Results number, unsigned times, Numbers b, Between& between) {
    compute(moduli, number, {times, number, b}, between);
  }

  /** out = columns / R, for 2 limbs columns below R times the modulus. */
  static void reduce(const Moduli& moduli, Results out) { compute(moduli, out, {0, nullptr, nullptr}, Nothing()); }

  /** The product of two numbers into 2 limbs columns, not yet limbs. */
  static void put_product(uint64_t* columns, const uint64_t* a, const uint64_t* b, size_t limbs) {
    for (size_t i = 0; i < limbs; i += kBlock) {
      for (size_t j = 0; j < limbs; j += kBlock) {
        put_block_product(columns, b, i, a, j, limbs, i == 0 && j == 0, i == 0 || j + kBlock == limbs);
      }
    }
  }

  /** Carries columns over into so many limbs. */
  static void carry(uint64_t* out, const uint64_t* columns, size_t count) {
    Word carried = V::broadcast(0);
    for (size_t i = 0; i < count; i++) Blocks::put_limb(at(out, i), V::load(at(columns, i)), carried);
  }

  /** The least residue of a number below four times the modulus, without differences. */
  static void below_modulus(uint64_t* number, const uint64_t* modulus, size_t limbs) {
    for (int most = 3; most > 0; most--) {
      Word borrow = V::broadcast(0);
      for (size_t i = 0; i < limbs; i++) borrow = V::signed_right(difference(number, modulus, i, borrow), kLimbBits);
      // All ones where the number was below the modulus already.
      const auto keep = V::equal(borrow, V::broadcast(~uint64_t{0}));
      borrow = V::broadcast(0);
      for (size_t i = 0; i < limbs; i++) {
        const Word d = difference(number, modulus, i, borrow);
        borrow = V::signed_right(d, kLimbBits);
        V::store(at(number, i), V::select(keep, V::load(at(number, i)), V::both(d, V::broadcast(kLimbMask))));
      }
    }
  }

  static uint64_t* at(uint64_t* number, size_t i) { return Blocks::at(number, i); }
  static const uint64_t* at(const uint64_t* number, size_t i) { return Blocks::at(number, i); }

 private:
  /** Where the difference of the block that begins with limb i is. */
  template <typename Pointer>
  static Pointer difference_of(Pointer number, size_t limbs, size_t i) {
    return at(number, limbs + i / kBlock * kDifference);
  }

  static Word difference(const uint64_t* a, const uint64_t* b, size_t i, Word borrow) {
    return V::add(V::subtract(V::load(at(a, i)), V::load(at(b, i))), borrow);
  }

  // ---- Products ----

  /**
   * Adds the block of x at limb i times that of y at limb j to columns [i + j, i + j + 20). Nothing was written to any
   * of them where it is the first, nor to the upper ten where it reaches further than those before.
   */
  static KEYMILL_INLINE void put_block_product(uint64_t* columns, const uint64_t* x, size_t i, const uint64_t* y,
                                               size_t j, size_t limbs, bool is_first, bool reaches_further) {
    uint64_t* const to = at(columns, i + j);
    const auto add = is_first          ? Blocks::template add_product<0>
                     : reaches_further ? Blocks::template add_product<kBlock>
                                       : Blocks::template add_product<2 * kBlock>;
    add(to, at(x, i), difference_of(x, limbs, i), at(y, j), difference_of(y, limbs, j));
  }

  /** The squares of numbers into columns, the lowest ten of which are carried over into blocks. */
  static KEYMILL_INLINE void put_squares(const Moduli& moduli, Results a) {
    const size_t limbs = moduli.limbs;
    for (size_t s = 0; s < streams; s++) {
      for (size_t i = 0; i + kBlock < limbs; i += kBlock) {
        for (size_t j = i + kBlock; j < limbs; j += kBlock) {
          put_block_product(moduli.columns[s], a[s], i, a[s], j, limbs, i + j == kBlock, i == 0 || j + kBlock == limbs);
        }
      }
    }
    for (size_t s = 0; s < streams; s++) Blocks::begin_square(moduli.multiples[s], moduli.columns[s], a[s]);
    for (size_t s = 0; s < streams; s++) {
      size_t i = kBlock;
      for (; i + kBlock < limbs; i += kBlock) {
        Blocks::template double_and_add_square<2 * kBlock>(at(moduli.columns[s], 2 * i), at(a[s], i));
      }
      Blocks::template double_and_add_square<kBlock>(at(moduli.columns[s], 2 * i), at(a[s], i));
    }
  }

  // ---- Reductions ----

  /** So many squares, and then the product of a and b where they are given; neither: what is in the columns. */
  struct Steps {
    unsigned squares;
    const uint64_t* const* a;
    const uint64_t* const* b;
  };

  template <typename Between>
  static KEYMILL_NOINLINE void compute(const Moduli& moduli, Results out, Steps steps, Between&& between) {
    const unsigned count = steps.squares + (steps.a || steps.squares == 0);
    for (unsigned step = 0; step < count; step++) {
      if (step < steps.squares) {
        put_squares(moduli, out);
      } else {
        between.finish();
        for (size_t s = 0; steps.a && s < streams; s++) {
          put_product(moduli.columns[s], steps.a[s], steps.b[s], moduli.limbs);
        }
        carry_blocks(moduli, 0);
      }
      eliminate_blocks(moduli);
      for (size_t s = 0; s < streams; s++) add_multiples(moduli, s, out[s], between);
    }
  }

  static KEYMILL_INLINE void carry_blocks(const Moduli& moduli, size_t first) {
    for (size_t s = 0; s < streams; s++) Blocks::carry_block(moduli.multiples[s], at(moduli.columns[s], first));
  }

  /** From blocks of the lowest ten columns down to the ten columns below R, and finds what eliminates those. */
  static KEYMILL_INLINE void eliminate_blocks(const Moduli& moduli) {
    for (size_t first = 0; first + kBlock < moduli.limbs; first += kBlock) {
      if (first > 0) carry_blocks(moduli, first);
      for (size_t i = 0; i < moduli.limbs; i += kBlock) {
        for (size_t s = 0; s < streams; s++) {
          const uint64_t *const block = moduli.multiples[s], *const friendly = moduli.friendly[s];
          Blocks::template add_product<2 * kBlock>(at(moduli.columns[s], first + kBlock + i), block, at(block, kBlock),
                                                   at(friendly, i), difference_of(friendly, moduli.limbs, i));
        }
        if (i > 0 || first + 2 * kBlock < moduli.limbs) continue;
        for (size_t s = 0; s < streams; s++) find_multiples(moduli, s);
      }
    }
  }

  static uint64_t* last_multiples(const Moduli& moduli, size_t s) {
    return at(moduli.multiples[s], kBlock + kDifference);
  }

  /**
   * What makes the last ten columns below R vanish, and what that carries: limbs of the lower five, times B' H' - 1,
   * and then five multiples of the modulus.
   */
  static KEYMILL_NOINLINE void find_multiples(const Moduli& moduli, size_t s) {
    const uint64_t* const columns = at(moduli.columns[s], moduli.limbs - kBlock);
    const uint64_t *const friendly = moduli.half_friendly[s], *const modulus = moduli.value[s];
    uint64_t* const out = last_multiples(moduli, s);
    Word q[kColumns], m[kColumns], low[kColumns], high[kColumns], carried = V::broadcast(0);
    KEYMILL_UNROLL
    for (size_t c = 0; c < kColumns; c++) q[c] = Blocks::put_limb(at(out, c), V::load(at(columns, c)), carried);
    Blocks::load(low, at(columns, kColumns));
    Blocks::clear(high);
    KEYMILL_UNROLL
    for (size_t r = 0; r < kColumns; r++) {
      KEYMILL_UNROLL
      for (size_t c = r; c < kColumns; c++) {
        low[c] = V::multiply_low(low[c], q[r], V::load(at(friendly, c - r)));
        if (c > r) high[c] = V::multiply_high(high[c], q[r], V::load(at(friendly, c - 1 - r)));
      }
    }
    KEYMILL_UNROLL
    for (size_t c = 0; c < kColumns; c++) {
      KEYMILL_UNROLL
      for (size_t r = 0; r < c; r++) {
        low[c] = V::multiply_low(low[c], m[r], V::load(at(modulus, c - r)));
        // The last to be known, but for the last of m.
        if (r + 1 == c) high[c] = V::add(high[c], carried);
        high[c] = V::multiply_high(high[c], m[r], V::load(at(modulus, c - 1 - r)));
      }
      const Word sum = V::add(low[c], c == 0 ? carried : high[c]);
      m[c] = V::multiply_low(V::broadcast(0), sum, moduli.negative_inverse[s]);
      V::store(at(out, kColumns + c), m[c]);
      // The low half of m[c] times the lowest limb makes the sum a multiple of 2^52: the next one.
      carried = V::signed_right(V::add(sum, V::broadcast(kLimbMask)), kLimbBits);
    }
    V::store(at(out, kBlock), carried);
  }

  /** Adds H' and the modulus, times what was found, to the columns above R, and carries these over into `out`. */
  template <typename Between>
  static KEYMILL_NOINLINE void add_multiples(const Moduli& moduli, size_t s, uint64_t* out, Between&& between) {
    Word m[kBlock], carried = V::load(at(last_multiples(moduli, s), kBlock));
    Blocks::load(m, last_multiples(moduli, s));
    size_t first = 0;
    for (; first + kColumns < moduli.limbs; first += kColumns) {
      if (between.is_done()) {
        add_columns<false>(moduli, s, out, first, m, carried, Nothing());
      } else {
        add_columns<false>(moduli, s, out, first, m, carried, between);
      }
    }
    add_columns<true>(moduli, s, out, first, m, carried, Nothing());
  }

  /**
   * The same for five limbs. What m[r] multiplies, H' or the modulus, has the low half of limb first + c + 5 - r % 5 in
   * column c, where there is such a limb, and the high half of the one before. Limb by limb: columns are ready one
   * after another, and so are what they carry.
   */
  template <bool are_last, typename Between>
  static KEYMILL_INLINE void add_columns(const Moduli& moduli, size_t s, uint64_t* out, size_t first,
                                         const Word (&m)[kBlock], Word& carried, Between&& between) {
    Word sum[kColumns], high[kColumns];
    Blocks::load(sum, at(moduli.columns[s], moduli.limbs + first));
    Blocks::clear(high);
    auto part = between.begin();
    KEYMILL_UNROLL
    for (size_t half = 0; half < kBlock; half += kColumns) {
      const uint64_t* const number = at(half == 0 ? moduli.half_friendly[s] : moduli.value[s], first);
      KEYMILL_UNROLL
      for (size_t i = 0; i < (are_last ? kColumns : kBlock); i++) {
        const Word limb = V::load(at(number, i));
        KEYMILL_UNROLL
        for (size_t r = 0; r < kColumns; r++) {
          const size_t low = i + r - kColumns, high_one = low + 1;
          if (low < kColumns) sum[low] = V::multiply_low(sum[low], m[half + r], limb);
          if (high_one < kColumns) high[high_one] = V::multiply_high(high[high_one], m[half + r], limb);
        }
        if (i % 2 == 1) part.step(half + i / 2);
      }
    }
    part.end();
    KEYMILL_UNROLL
    for (size_t c = 0; c < kColumns; c++) {
      sum[c] = Blocks::put_limb(at(out, first + c), V::add(sum[c], high[c]), carried);
    }
    if (first % kBlock == 0) return;
    const size_t block = first - kColumns;
    uint64_t* const difference = difference_of(out, moduli.limbs, block);
    Word borrow = V::broadcast(0);
    KEYMILL_UNROLL
    for (size_t c = 0; c < kColumns; c++) {
      Blocks::put_limb(at(difference, c), V::subtract(sum[c], V::load(at(out, block + c))), borrow);
    }
    V::store(at(difference, kColumns), borrow);
  }
};

}  // namespace keymill
