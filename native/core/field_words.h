// Arithmetic modulo an odd number in one lane: Montgomery multiplication over words of 64 bits, which the machine's own
// multiplier takes whole, unlike that of field.h. The same functions; constant time throughout.
#pragma once
#include "divsteps.h"
#include "field.h"
#include "lanes_scalar.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace keymill {

using Carry = unsigned char;

/** a + b + carry, and the carry of that. */
KEYMILL_INLINE uint64_t add_carry(uint64_t a, uint64_t b, Carry& carry) {
#if defined(__x86_64__)
  unsigned long long sum;
  carry = _addcarry_u64(carry, a, b, &sum);
  return sum;
#else
  const unsigned __int128 sum = static_cast<unsigned __int128>(a) + b + carry;
  carry = static_cast<Carry>(sum >> 64);
  return static_cast<uint64_t>(sum);
#endif
}

/** a - b - borrow, and the borrow of that. */
KEYMILL_INLINE uint64_t subtract_borrow(uint64_t a, uint64_t b, Carry& borrow) {
#if defined(__x86_64__)
  unsigned long long difference;
  borrow = _subborrow_u64(borrow, a, b, &difference);
  return difference;
#else
  const unsigned __int128 difference = static_cast<unsigned __int128>(a) - b - borrow;
  borrow = static_cast<Carry>(difference >> 64) & 1;
  return static_cast<uint64_t>(difference);
#endif
}

/** Whether m is 2^bits less a number of at most 34 bits. */
template <int bits, size_t limbs>
constexpr bool folds_at(const Limbs<limbs>& m) {
  const Limbs<limbs> rest = power_of_two(m, bits);
  for (size_t i = 1; i < limbs; i++) {
    if (rest.limb[i] != 0) return false;
  }
  return rest.limb[0] >> 34 == 0;
}

/** The sum of the products of one column, and what it carries: three words, of which the last has the sign. */
struct ColumnSum {
  uint64_t low = 0, middle = 0, high = 0;

  KEYMILL_INLINE void add(uint64_t low_part, uint64_t high_part) {
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
    // Compilers move each carry through a register.
    __asm__("addq %3, %0\n\tadcq %4, %1\n\tadcq $0, %2"
            : "+r"(low), "+r"(middle), "+r"(high)
            : "rm"(low_part), "rm"(high_part)
            : "cc");
#else
    const unsigned __int128 sum = static_cast<unsigned __int128>(low) + low_part;
    const unsigned __int128 above = static_cast<unsigned __int128>(middle) + high_part + (sum >> 64);
    low = static_cast<uint64_t>(sum);
    middle = static_cast<uint64_t>(above);
    high += static_cast<uint64_t>(above >> 64);
#endif
  }
  KEYMILL_INLINE void subtract(uint64_t low_part, uint64_t high_part) {
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
    __asm__("subq %3, %0\n\tsbbq %4, %1\n\tsbbq $0, %2"
            : "+r"(low), "+r"(middle), "+r"(high)
            : "rm"(low_part), "rm"(high_part)
            : "cc");
#else
    add(~low_part, ~high_part);
    add(1, 0);
    high -= 1;
#endif
  }
  KEYMILL_INLINE void add_product(uint64_t a, uint64_t b) {
    const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
    add(static_cast<uint64_t>(product), static_cast<uint64_t>(product >> 64));
  }
  KEYMILL_INLINE void add_twice_product(uint64_t a, uint64_t b) {
    const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
    add(static_cast<uint64_t>(product), static_cast<uint64_t>(product >> 64));
    add(static_cast<uint64_t>(product), static_cast<uint64_t>(product >> 64));
  }
  /** For a constant digit. */
  KEYMILL_INLINE void add_digit_product(uint64_t a, int64_t digit) {
    const bool negative = digit < 0;
    const auto magnitude = negative ? 0 - static_cast<uint64_t>(digit) : static_cast<uint64_t>(digit);
    const unsigned __int128 product = static_cast<unsigned __int128>(a) * magnitude;
    if (negative) {
      subtract(static_cast<uint64_t>(product), static_cast<uint64_t>(product >> 64));
    } else {
      add(static_cast<uint64_t>(product), static_cast<uint64_t>(product >> 64));
    }
  }
  /** On to the next column; the word of this one. */
  KEYMILL_INLINE uint64_t shift() {
    const uint64_t word = low;
    low = middle;
    middle = high;
    high = static_cast<uint64_t>(static_cast<int64_t>(high) >> 63);
    return word;
  }
};

/**
 * An element is the least residue times R = 2^(64 words); times R = 1 where the modulus is so little below 2^(64 words)
 * that the upper half of a product folds into the lower.
 */
template <typename Modulus>
struct WordField {
  using V = ScalarLanes;
  using Mask = V::Mask;
  static constexpr size_t kLimbs = Modulus::kLimbs;
  static constexpr int kElementLimbBits = 64;
  static constexpr size_t kElementLimbs = (Modulus::kBits + 63) / 64;
  /** The modulus is 2^(64 words) less a number of at most 34 bits. */
  static constexpr bool kFolds = Modulus::kBits == 64 * kElementLimbs && folds_at<64 * kElementLimbs>(Modulus::kValue);
  using Number = keymill::Number<V, kLimbs>;
  static constexpr Limbs<kLimbs> kRadix =
      power_of_two(Modulus::kValue, kFolds ? 0 : 64 * static_cast<int>(kElementLimbs));
  struct Element {
    uint64_t limb[kElementLimbs];

    constexpr Element() : limb{} {}
    // Word by word, since what was stored a word at a time and is loaded two at once waits for the stores to finish.
    KEYMILL_INLINE constexpr Element(const Element& other) : limb{} { *this = other; }
    KEYMILL_INLINE constexpr Element& operator=(const Element& other) {
      KEYMILL_UNROLL
      for (size_t i = 0; i < kElementLimbs; i++) limb[i] = other.limb[i];
      return *this;
    }
  };

  static Element zero() { return {}; }
  /** R, which is 1 as an element. */
  static Element one() { return kOne; }

  static KEYMILL_NOINLINE Element multiply(const Element& a, const Element& b) {
    return reduce([&](size_t column, ColumnSum& sum) KEYMILL_INLINE_LAMBDA {
      KEYMILL_UNROLL
      for (size_t i = 0; i < kWords; i++) {
        if (i <= column && column - i < kWords) sum.add_product(a.limb[i], b.limb[column - i]);
      }
    });
  }

  static KEYMILL_NOINLINE Element square(const Element& a) {
    return reduce([&](size_t column, ColumnSum& sum) KEYMILL_INLINE_LAMBDA {
      KEYMILL_UNROLL
      for (size_t i = 0; i < kWords; i++) {
        if (2 * i > column || column - i >= kWords) continue;
        if (2 * i == column) {
          sum.add_product(a.limb[i], a.limb[i]);
        } else {
          sum.add_twice_product(a.limb[i], a.limb[column - i]);
        }
      }
    });
  }

  static KEYMILL_INLINE Element add(const Element& a, const Element& b) {
    Element sum;
    Carry carry = 0;
    KEYMILL_UNROLL
    for (size_t i = 0; i < kWords; i++) sum.limb[i] = add_carry(a.limb[i], b.limb[i], carry);
    return below_modulus(sum, carry);
  }

  static KEYMILL_INLINE Element subtract(const Element& a, const Element& b) {
    Element difference;
    Carry borrow = 0;
    KEYMILL_UNROLL
    for (size_t i = 0; i < kWords; i++) difference.limb[i] = keymill::subtract_borrow(a.limb[i], b.limb[i], borrow);
    return add_modulus_where(V::hidden(uint64_t{0} - borrow), difference).sum;
  }
  /** a - b - 2c. */
  static KEYMILL_INLINE Element subtract_twice(const Element& a, const Element& b, const Element& c) {
    return subtract(a, add(b, twice(c)));
  }
  static KEYMILL_INLINE Element twice(const Element& a) { return add(a, a); }
  static KEYMILL_INLINE Element thrice(const Element& a) { return add(twice(a), a); }
  /** a/2. */
  static KEYMILL_INLINE Element half(const Element& a) {
    // An odd number is made even by the modulus, which is odd too.
    const auto [sum, carry] = add_modulus_where(V::hidden(0 - (a.limb[0] & 1)), a);
    Element out;
    KEYMILL_UNROLL
    for (size_t i = 0; i < kWords; i++) {
      out.limb[i] = sum.limb[i] >> 1 | (i + 1 < kWords ? sum.limb[i + 1] : uint64_t{carry}) << 63;
    }
    return out;
  }

  static Element negate_where(Mask m, const Element& a) { return select(m, subtract(zero(), a), a); }
  static KEYMILL_INLINE Element select(Mask m, const Element& a, const Element& b) {
    Element out;
    KEYMILL_UNROLL
    for (size_t i = 0; i < kWords; i++) out.limb[i] = V::select(m, a.limb[i], b.limb[i]);
    return out;
  }

  /** An element from a number below R: times R. */
  static Element from_number(const Number& number) {
    Element x;
    repack<kLimbBits, 64>(number.limb, x.limb);
    return multiply(x, kSquaredRadix);
  }
  /** The number an element stands for, below the modulus. */
  static Number to_number(const Element& a) {
    Element unit;
    unit.limb[0] = 1;
    const Element x = multiply(a, unit);
    Number out;
    repack<64, kLimbBits>(x.limb, out.limb);
    return out;
  }
  static Mask is_zero(const Element& a) {
    uint64_t any = 0;
    for (const uint64_t word : a.limb) any |= word;
    return V::equal(any, 0);
  }

  /** 1/a, and 0 for 0. */
  static Element invert(const Element& a) {
    Number number = to_number(a);
    Divsteps<Modulus>::invert(number.limb);
    return from_number(number);
  }

 private:
  static constexpr size_t kWords = kElementLimbs;

  static constexpr Element words_of(const Limbs<kLimbs>& x) {
    Element out = {};
    repack<kLimbBits, 64>(x.limb, out.limb);
    return out;
  }
  static constexpr Element kModulus = words_of(Modulus::kValue);
  static constexpr Element kOne = words_of(kRadix);
  static constexpr Element kSquaredRadix =
      words_of(kFolds ? kRadix : power_of_two(Modulus::kValue, 128 * static_cast<int>(kWords)));
  static constexpr uint64_t kNegativeInverse = 0 - inverse_word(kModulus.limb[0]);

  /** The modulus in digits between -2^63 and 2^63: of the primes of these curves most are 0. */
  static constexpr Digits<kWords + 1> balanced() {
    Digits<kWords + 1> out = {};
    uint64_t carry = 0;
    for (size_t i = 0; i < kWords; i++) {
      const uint64_t value = kModulus.limb[i] + carry;
      out.digit[i] = static_cast<int64_t>(value);
      carry = (value < carry || value >> 63) ? 1 : 0;
    }
    out.digit[kWords] = static_cast<int64_t>(carry);
    return out;
  }
  static constexpr Digits<kWords + 1> kDigits = balanced();

  /**
   * Montgomery's reduction of a product given column by column, from the lowest: (sum + q m) / R, which for a product
   * below R m is below 2m.
   */
  template <typename AddColumn>
  static KEYMILL_INLINE Element reduce_montgomery(AddColumn add_column) {
    uint64_t q[kWords];
    Element out;
    ColumnSum sum;
    KEYMILL_UNROLL
    for (size_t column = 0; column < 2 * kWords; column++) {
      add_column(column, sum);
      KEYMILL_UNROLL
      for (size_t i = 0; i < kWords; i++) {
        if (i >= column || column - i > kWords) continue;
        const int64_t digit = kDigits.digit[column - i];
        if (digit != 0) sum.add_digit_product(q[i], digit);
      }
      if (column < kWords) {
        q[column] = sum.low * kNegativeInverse;
        sum.add_digit_product(q[column], kDigits.digit[0]);
        sum.shift();
      } else {
        out.limb[column - kWords] = sum.shift();
      }
    }
    return below_modulus(out, sum.low);
  }

  /** The same with R = 1: 2^(64 words) is a number of one word, here `fold`, modulo m. */
  template <typename AddColumn>
  static KEYMILL_INLINE Element reduce_folding(AddColumn add_column) {
    constexpr uint64_t fold = 0 - kModulus.limb[0];
    Element low, high;
    ColumnSum sum;
    KEYMILL_UNROLL
    for (size_t column = 0; column < 2 * kWords; column++) {
      add_column(column, sum);
      (column < kWords ? low.limb[column] : high.limb[column - kWords]) = sum.shift();
    }
    unsigned __int128 folded = 0;
    KEYMILL_UNROLL
    for (size_t i = 0; i < kWords; i++) {
      folded += static_cast<unsigned __int128>(high.limb[i]) * fold + low.limb[i];
      low.limb[i] = static_cast<uint64_t>(folded);
      folded >>= 64;
    }
    folded *= fold;
    Carry carry = 0;
    low.limb[0] = add_carry(low.limb[0], static_cast<uint64_t>(folded), carry);
    low.limb[1] = add_carry(low.limb[1], static_cast<uint64_t>(folded >> 64), carry);
    KEYMILL_UNROLL
    for (size_t i = 2; i < kWords; i++) low.limb[i] = add_carry(low.limb[i], 0, carry);
    return below_modulus(low, carry);
  }

  template <typename AddColumn>
  static KEYMILL_INLINE Element reduce(AddColumn add_column) {
    if constexpr (kFolds) {
      return reduce_folding(add_column);
    } else {
      return reduce_montgomery(add_column);
    }
  }

  /** x mod m for x below 2m, with a carry above its words. */
  static KEYMILL_INLINE Element below_modulus(const Element& x, uint64_t carry) {
    Element difference;
    Carry borrow = 0;
    KEYMILL_UNROLL
    for (size_t i = 0; i < kWords; i++) {
      difference.limb[i] = keymill::subtract_borrow(x.limb[i], kModulus.limb[i], borrow);
    }
    return select(V::hidden(carry - borrow), x, difference);
  }

  struct Sum {
    Element sum;
    Carry carry;
  };
  static KEYMILL_INLINE Sum add_modulus_where(Mask m, const Element& a) {
    Sum out;
    out.carry = 0;
    KEYMILL_UNROLL
    for (size_t i = 0; i < kWords; i++) out.sum.limb[i] = add_carry(a.limb[i], kModulus.limb[i] & m, out.carry);
    return out;
  }
};

template <typename Modulus>
struct FieldChoice<Modulus, ScalarLanes> {
  using Type = WordField<Modulus>;
};

}  // namespace keymill
