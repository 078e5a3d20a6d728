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
 * it twice and a 2^-4th part. `streams` computations take turns: what one has to wait for is computed between the
 * multiplications of another.
 *
 * All but the lowest columns of a product are eliminated ten at a time, by multiples of a multiple of the modulus that
 * is -1 modulo B = 2^520, H B - 1: block q of the product, times that, is q H in the columns above, less the block
 * itself. With N the modulus, H B - 1 < B N, and the sum T left after a division by B lies below T / B + B N. The ten
 * columns that remain above R take multiples of N itself, (T + (B - 1) N) / B.
 *
 * The columns stay below 2^61: up to eight products of blocks meet in each, twice.
 */
template <typename V, size_t streams>
struct Montgomery {
  using Word = typename V::Word;
  using Blocks = Karatsuba<V>;
  static constexpr size_t kBlock = Blocks::kBlockLimbs;
  static constexpr size_t kDifference = Blocks::kDifferenceLimbs;
  /** Columns that registers have room for at a time; half a block. */
  static constexpr size_t kColumns = 5;

  /** 64-bit words of a number. */
  static constexpr size_t kWords(size_t limbs) { return (limbs + limbs / kBlock * kDifference) * V::kLanes; }
  /** 64-bit words of a product's columns. */
  static constexpr size_t kColumnWords(size_t limbs) { return 2 * limbs * V::kLanes; }
  /** 64-bit words for what eliminates columns: a block with its difference, and ten multiples and what they carry. */
  static constexpr size_t kMultipleWords = (2 * kBlock + kDifference + 1) * V::kLanes;

  /** One of each per stream, distinct memory. */
  using Numbers = const uint64_t* const (&)[streams];
  using Results = uint64_t* const (&)[streams];
  struct Moduli {
    /** A multiple of ten, at least twenty. */
    size_t limbs;
    const uint64_t* value[streams];
    /** H, see above. */
    const uint64_t* friendly[streams];
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

  /** Of something that is done beside multiplications. */
  static constexpr size_t kSteps = 5;
  /** Nothing to do beside the multiplications. */
  struct Nothing {
    KEYMILL_INLINE Nothing begin() { return {}; }
    KEYMILL_INLINE void step(size_t) {}
    KEYMILL_INLINE void end() {}
  };

  /**
   * number = number^2 / R, so many times, and then number b / R. Something else may be done beside the squares, such as
   * finding b: for each square of each stream, but not yet for the last stream's last when b is read, 2 limbs / 5 - 2
   * times calls begin() of `between`, step(0) to step(4) of what that returns while it multiplies, and end() of it.
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

  /** The least residue of a number below three times the modulus, without differences. */
  static void below_modulus(uint64_t* number, const uint64_t* modulus, size_t limbs) {
    for (int most = 0; most < 2; most++) {
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

  /** The square of a number into columns, the lowest ten of which are carried over into `block`. Calls aside() once. */
  template <typename Aside>
  static KEYMILL_INLINE void put_square(uint64_t* columns, uint64_t* block, const uint64_t* a, size_t limbs,
                                        Aside aside) {
    for (size_t i = 0; i + kBlock < limbs; i += kBlock) {
      for (size_t j = i + kBlock; j < limbs; j += kBlock) {
        put_block_product(columns, a, i, a, j, limbs, i + j == kBlock, i == 0 || j + kBlock == limbs);
      }
    }
    aside();
    Blocks::begin_square(block, columns, a);
    size_t i = kBlock;
    for (; i + kBlock < limbs; i += kBlock) {
      Blocks::template double_and_add_square<2 * kBlock>(at(columns, 2 * i), at(a, i));
    }
    Blocks::template double_and_add_square<kBlock>(at(columns, 2 * i), at(a, i));
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
      for (size_t s = 0; s < streams; s++) {
        uint64_t *const columns = moduli.columns[s], *const block = moduli.multiples[s];
        // The stream before is half a step ahead.
        const size_t before = (s + streams - 1) % streams;
        const bool is_waiting = streams > 1 && step + s > 0;
        const auto finish_before = [&] {
          if (is_waiting) add_multiples(moduli, before, out[before], between);
        };
        if (step < steps.squares) {
          put_square(columns, block, out[s], moduli.limbs, finish_before);
        } else {
          if (steps.a) put_product(columns, steps.a[s], steps.b[s], moduli.limbs);
          finish_before();
          Blocks::carry_block(block, columns);
        }
        eliminate_blocks(moduli, s);
        if (streams == 1) add_multiples(moduli, s, out[s], between);
      }
    }
    if (streams > 1) add_multiples(moduli, streams - 1, out[streams - 1], Nothing());
  }

  /** Down to the ten columns below R, and finds what eliminates those. */
  static KEYMILL_INLINE void eliminate_blocks(const Moduli& moduli, size_t s) {
    uint64_t* const block = moduli.multiples[s];
    for (size_t first = 0; first + kBlock < moduli.limbs; first += kBlock) {
      uint64_t* const columns = at(moduli.columns[s], first);
      if (first > 0) Blocks::carry_block(block, columns);
      for (size_t i = 0; i < moduli.limbs; i += kBlock) {
        Blocks::template add_product<2 * kBlock>(at(columns, kBlock + i), block, at(block, kBlock),
                                                 at(moduli.friendly[s], i),
                                                 difference_of(moduli.friendly[s], moduli.limbs, i));
        if (i == 0 && first + 2 * kBlock == moduli.limbs) find_multiples(moduli, s);
      }
    }
  }

  static uint64_t* last_multiples(const Moduli& moduli, size_t s) {
    return at(moduli.multiples[s], kBlock + kDifference);
  }

  /** The ten multiples of the modulus that make the columns below R vanish, and what those carry. */
  static KEYMILL_NOINLINE void find_multiples(const Moduli& moduli, size_t s) {
    const uint64_t *const columns = at(moduli.columns[s], moduli.limbs - kBlock), *const modulus = moduli.value[s];
    uint64_t* const out = last_multiples(moduli, s);
    Word m[kBlock], carried = V::broadcast(0);
    KEYMILL_UNROLL
    for (size_t c = 0; c < kBlock; c++) {
      Word low = V::load(at(columns, c)), high = V::broadcast(0);
      KEYMILL_UNROLL
      for (size_t r = 0; r < kBlock; r++) {
        if (r >= c) continue;
        low = V::multiply_low(low, m[r], V::load(at(modulus, c - r)));
        high = V::multiply_high(high, m[r], V::load(at(modulus, c - 1 - r)));
      }
      const Word sum = V::add(V::add(low, carried), high);
      m[c] = V::multiply_low(V::broadcast(0), sum, moduli.negative_inverse[s]);
      V::store(at(out, c), m[c]);
      // The low half of m[c] times the lowest limb makes the sum a multiple of 2^52: the next one.
      carried = V::signed_right(V::add(sum, V::broadcast(kLimbMask)), kLimbBits);
    }
    V::store(at(out, kBlock), carried);
  }

  /** Adds those multiples of the modulus to the columns above R, and carries these over into `out`. */
  template <typename Between>
  static KEYMILL_NOINLINE void add_multiples(const Moduli& moduli, size_t s, uint64_t* out, Between&& between) {
    Word m[kBlock], carried = V::load(at(last_multiples(moduli, s), kBlock));
    load(m, last_multiples(moduli, s));
    size_t first = 0;
    for (; first + kBlock < moduli.limbs; first += kColumns) {
      add_columns<-static_cast<int>(kBlock)>(moduli, s, out, first, m, carried, between);
    }
    add_columns<0>(moduli, s, out, first, m, carried, between);
    add_columns<kColumns>(moduli, s, out, first + kColumns, m, carried, Nothing());
  }

  /**
   * The same for five limbs. The limb of the modulus whose product with m[r] has its low half in column i above R is
   * i + 10 - r, where there is one, r > `past` + i - first; the high half of what the column below takes is added too.
   */
  template <int past, typename Between>
  static KEYMILL_INLINE void add_columns(const Moduli& moduli, size_t s, uint64_t* out, size_t first,
                                         const Word (&m)[kBlock], Word& carried, Between&& between) {
    const uint64_t* const modulus = at(moduli.value[s], first);
    const auto has = [](size_t c, size_t r)
                         KEYMILL_INLINE_LAMBDA { return static_cast<int>(r) > past + static_cast<int>(c); };
    Word sum[kColumns], high[kColumns];
    load(sum, at(moduli.columns[s], moduli.limbs + first));
    KEYMILL_UNROLL
    for (size_t c = 0; c < kColumns; c++) high[c] = V::broadcast(0);
    KEYMILL_UNROLL
    for (size_t half = 0; half < kBlock; half += kSteps) {
      auto part = between.begin();
      KEYMILL_UNROLL
      for (size_t step = 0; step < kSteps; step++) {
        const size_t r = half + step;
        KEYMILL_UNROLL
        for (size_t c = 0; c < kColumns; c++) {
          if (has(c, r)) sum[c] = V::multiply_low(sum[c], m[r], V::load(at(modulus, c + kBlock - r)));
          if (has(c, r + 1)) high[c] = V::multiply_high(high[c], m[r], V::load(at(modulus, c + kBlock - 1 - r)));
        }
        part.step(step);
      }
      part.end();
    }
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

  template <size_t count>
  static KEYMILL_INLINE void load(Word (&out)[count], const uint64_t* from) {
    KEYMILL_UNROLL
    for (size_t c = 0; c < count; c++) out[c] = V::load(at(from, c));
  }
};

}  // namespace keymill
