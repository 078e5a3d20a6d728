// Ed25519 (RFC 8032 section 5.1) for many keys and messages at once, written once for every vector type. Knows no
// items, keys or hashes.
#pragma once
#include "edwards_comb.h"
#include "edwards_kernels.h"
#include "edwards_strings.h"
#include "shared_inversion.h"

namespace keymill {

template <typename V>
struct Ed25519 {
  using Math = EdwardsMath<V>;
  using F = typename Math::F;
  using N = LimbField<Edwards25519Order, V>;
  using Strings = EdwardsStrings<V>;
  using FixedBase = EdwardsComb<V>;
  using Element = typename F::Element;
  using Scalar = typename N::Element;
  using Number = typename N::Number;
  using Point = typename Math::Point;
  using Addend = typename Math::Addend;
  using Word = typename V::Word;
  using Mask = typename V::Mask;

  /** What one vector of items needs. */
  struct Work {
    typename FixedBase::Digits digits;
    Point point;
    Element inverse, product;
    Scalar nonce;
  };

  static size_t bytes(size_t count) { return vectors_of(count) * sizeof(Work); }

  /** The lanes left over in the last vector repeat the last item. */
  static void commit(const uint64_t* table, void* memory, const EdwardsSigning* jobs, size_t count) {
    auto* const work = static_cast<Work*>(memory);
    const size_t vectors = vectors_of(count);
    for (size_t v = 0; v < vectors; v++) {
      work[v].nonce = from_hash(count, v, [&](size_t i) { return jobs[i].nonce_hash; });
      work[v].digits.template set_modulo<Edwards25519Order>(N::to_number(work[v].nonce));
    }
    multiply_base(table, work, vectors);
    share_inversion(work, vectors);
    for (size_t v = 0; v < vectors; v++) {
      Strings::store(encoding(work[v]), lanes_of(count, v),
                     [&](size_t lane) { return jobs[v * V::kLanes + lane].signature; });
    }
  }

  /** S = r + k a. */
  static void respond(void* memory, const EdwardsSigning* jobs, size_t count) {
    const auto* const work = static_cast<const Work*>(memory);
    for (size_t v = 0; v < vectors_of(count); v++) {
      const Scalar k = from_hash(count, v, [&](size_t i) { return jobs[i].challenge_hash; });
      const Scalar a =
          N::from_number(Strings::template limbs<Number>(load<4>(count, v, [&](size_t i) { return jobs[i].secret; })));
      const Number s = N::to_number(N::add(N::multiply(k, a), work[v].nonce));
      Strings::store(Strings::words(s), lanes_of(count, v),
                     [&](size_t lane) { return jobs[v * V::kLanes + lane].signature + 32; });
    }
  }

  /**
   * The equation of section 5.1.7 without the cofactor, R compared as it is encoded and so never decoded. k is a number
   * below the order and not changed by multiples of it, which count where A has a part of small order.
   */
  static void verify_vartime(const uint64_t* table, void* memory, EdwardsVerifying* jobs, size_t count) {
    auto* const work = static_cast<Work*>(memory);
    const size_t vectors = vectors_of(count);
    for (size_t v = 0; v < vectors; v++) {
      const auto s =
          Strings::template limbs<Number>(load<4>(count, v, [&](size_t i) { return jobs[i].signature + 32; }));
      work[v].digits.template set_modulo<Edwards25519Order>(s);
    }
    multiply_base(table, work, vectors);
    for (size_t v = 0; v < vectors; v++) {
      const Scalar k = from_hash(count, v, [&](size_t i) { return jobs[i].challenge_hash; });
      Point sum = multiply_minus_public(jobs, count, v, SignedDigits(N::to_number(k)));
      Math::add(sum, Math::addend(work[v].point), nowhere());
      work[v].point = sum;
    }
    share_inversion(work, vectors);
    for (size_t v = 0; v < vectors; v++) {
      const auto computed = encoding(work[v]);
      const auto given = load<4>(count, v, [&](size_t i) { return jobs[i].signature; });
      Word difference = V::broadcast(0);
      for (size_t i = 0; i < 4; i++) {
        difference = V::either(difference, V::exclusive(computed.word[i], given.word[i]));
      }
      uint64_t different[V::kLanes];
      V::store(different, difference);
      for (size_t lane = 0; lane < lanes_of(count, v); lane++) jobs[v * V::kLanes + lane].valid = different[lane] == 0;
    }
  }

  static constexpr EdwardsKernel kernel() { return {V::kLanes, bytes, commit, respond, verify_vartime}; }

 private:
  static size_t vectors_of(size_t count) { return (count + V::kLanes - 1) / V::kLanes; }
  /** Lanes of vector v that have an item of their own. */
  static size_t lanes_of(size_t count, size_t v) {
    return count - v * V::kLanes < V::kLanes ? count - v * V::kLanes : V::kLanes;
  }

  /** Strings of the items of vector v, the last one again beyond `count`. */
  template <size_t words, typename Source>
  static typename Strings::template Words<words> load(size_t count, size_t v, Source source) {
    return Strings::template load<words>([&](size_t lane) {
      const size_t item = v * V::kLanes + lane;
      return source(item < count ? item : count - 1);
    });
  }

  /** A hash of 64 bytes modulo the order. */
  template <typename Source>
  static Scalar from_hash(size_t count, size_t v, Source source) {
    const auto hash = load<8>(count, v, source);
    const auto low = Strings::template limbs<Scalar>(hash), high = Strings::template limbs<Scalar>(hash, 5);
    // Multiplication divides by R = 2^260 and an element is a residue times R: low R^2 / R + high R^3 / R.
    return N::add(N::multiply(low, N::constant(kRadixSquared)), N::multiply(high, N::constant(kRadixCubed)));
  }
  static constexpr int kRadixBits = 5 * kLimbBits;
  static constexpr Limbs<5> kRadixSquared = power_of_two(Edwards25519Order::kValue, 2 * kRadixBits);
  static constexpr Limbs<5> kRadixCubed = power_of_two(Edwards25519Order::kValue, 3 * kRadixBits);

  static void multiply_base(const uint64_t* table, Work* work, size_t vectors) {
    FixedBase::multiply(
        table, vectors, [&](size_t v) -> const typename FixedBase::Digits& { return work[v].digits; },
        [&](size_t v) -> Point& { return work[v].point; });
  }

  static void share_inversion(Work* work, size_t vectors) {
    for (size_t v = 0; v < vectors; v++) work[v].inverse = work[v].point.z;
    invert_all<F>(
        vectors, [&](size_t v) -> Element& { return work[v].inverse; },
        [&](size_t v) -> Element& { return work[v].product; });
  }

  static typename Strings::template Words<4> encoding(const Work& work) {
    return Strings::encoding(F::multiply(work.point.x, work.inverse), F::multiply(work.point.y, work.inverse));
  }

  // ---- Multiples of public points ----

  static Mask nowhere() { return V::equal(V::broadcast(0), V::broadcast(1)); }

  static constexpr size_t kMultiples = 8;
  static constexpr int kHalfDigits = 32;

  /** A number below 2^255 in radix 16 with digits from -8 to 7: with 8 added to each, they are its plain digits. */
  struct SignedDigits {
    Word limb[5];

    explicit SignedDigits(const Number& number) {
      Word carry = V::broadcast(0);
      for (size_t i = 0; i < 5; i++) {
        const uint64_t eights = 0x8888888888888;
        const Word sum = V::add(V::add(number.limb[i], V::broadcast(i < 4 ? eights : eights >> 4)), carry);
        carry = V::right(sum, kLimbBits);
        limb[i] = V::both(sum, V::broadcast(kLimbMask));
      }
    }
    /** From -8 to 7, modulo 2^64. */
    Word digit(int i) const {
      const Word plain = V::right(limb[i / kPerLimb], 4 * (i % kPerLimb));
      return V::subtract(V::both(plain, V::broadcast(15)), V::broadcast(8));
    }
    static constexpr int kPerLimb = kLimbBits / 4;
  };

  /** [1]P to [8]P. */
  struct Multiples {
    Addend entry[kMultiples];

    explicit Multiples(Point p) {
      entry[0] = Math::addend(p);
      for (size_t i = 1; i < kMultiples; i++) {
        Math::add(p, entry[0], nowhere());
        entry[i] = Math::addend(p);
      }
    }
    /** Takes `digit` times the point from `sum`. */
    void subtract_from(Point& sum, Word digit) const {
      const Word sign = V::signed_right(digit, 63);
      const Word magnitude = V::subtract(V::exclusive(digit, sign), sign);
      Addend chosen = Math::addend(Math::neutral());
      for (size_t i = 0; i < kMultiples; i++) {
        const Mask wanted = V::equal(magnitude, V::broadcast(i + 1));
        const Addend& m = entry[i];
        chosen = {F::select(wanted, m.y_plus_x, chosen.y_plus_x), F::select(wanted, m.y_minus_x, chosen.y_minus_x),
                  F::select(wanted, m.twice_z, chosen.twice_z), F::select(wanted, m.t_2d, chosen.t_2d)};
      }
      Math::add(sum, chosen, V::equal(sign, V::broadcast(0)));
    }
  };

  static Point load_public(const EdwardsVerifying* jobs, size_t count, size_t v, size_t x_at, size_t y_at) {
    const auto x = load<4>(count, v, [&](size_t i) { return jobs[i].public_point + x_at; });
    const auto y = load<4>(count, v, [&](size_t i) { return jobs[i].public_point + y_at; });
    return Math::from_affine(Strings::coordinate(x), Strings::coordinate(y));
  }

  /** -[k]A, the upper digits of k from the multiples of [2^128]A. */
  static KEYMILL_NOINLINE Point multiply_minus_public(const EdwardsVerifying* jobs, size_t count, size_t v,
                                                      const SignedDigits& k) {
    const Multiples low(load_public(jobs, count, v, 32, 0)), high(load_public(jobs, count, v, 64, 96));
    Point sum = Math::neutral();
    for (int i = kHalfDigits - 1; i >= 0; i--) {
      for (int doubling = 0; doubling < 3; doubling++) Math::template double_point<false>(sum);
      Math::template double_point<true>(sum);
      low.subtract_from(sum, k.digit(i));
      high.subtract_from(sum, k.digit(i + kHalfDigits));
    }
    return sum;
  }
};

}  // namespace keymill
