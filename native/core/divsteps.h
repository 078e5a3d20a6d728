// Division steps: Bernstein and Yang, "Fast constant-time gcd computation and modular inversion" (CHES 2019), 62 of
// them at a time on the low words of two numbers, which then take the steps' matrix all at once.
#pragma once
#include "lanes_scalar.h"
#include "limbs.h"

namespace keymill {

template <typename Modulus>
class Divsteps {
 public:
  /** Replaces a number x below the modulus by 1/x, and 0 by 0. Constant time. Limbs of 52 bits. */
  static void invert(uint64_t (&x)[Modulus::kLimbs]) {
    // f and g have the same multiples x of d and e modulo m, up to powers of two that the matrices divide away; in the
    // end g = 0, f = 1 or -1, and so d is the inverse or its opposite.
    Wide d = {}, e = {{1}}, f = kModulus, g = from_limbs(x);
    int64_t delta = 1;
    for (int i = 0; i < kBatches; i++) {
      const Matrix m = take_steps(delta, f.word[0], g.word[0]);
      apply(m, f, g);
      apply_modulo(m, d, e);
    }
    // d lies between -2m and m.
    const int64_t is_negative = f.word[kWords - 1] >> 63;
    add_where(d, d.word[kWords - 1] >> 63, kModulus);
    negate_where(d, is_negative);
    add_where(d, d.word[kWords - 1] >> 63, kModulus);
    to_limbs(d, x);
  }

 private:
  using Product = __int128;
  static constexpr int kStep = 62;
  static constexpr int64_t kStepMask = (int64_t{1} << kStep) - 1;
  /** Theorem 11.2 there, for inputs of 46 bits and more. */
  static constexpr int kSteps = (49 * Modulus::kBits + 57) / 17;
  static constexpr int kBatches = (kSteps + kStep - 1) / kStep;
  /** Room for a number, twice it, and a sign. */
  static constexpr size_t kWords = (Modulus::kBits + 2 + kStep - 1) / kStep;

  /** Little-endian words of 62 bits, of which the last has the sign. */
  struct Wide {
    int64_t word[kWords];
  };
  /** What 62 steps make of (f, g), times 2^62. */
  struct Matrix {
    int64_t u, v, q, r;
  };

  static constexpr Wide from_limbs(const uint64_t (&limb)[Modulus::kLimbs]) {
    Wide out = {};
    for (size_t i = 0; i < Modulus::kLimbs; i++) {
      const size_t at = i * kLimbBits / kStep, shift = i * kLimbBits % kStep;
      if (at < kWords) out.word[at] |= static_cast<int64_t>(limb[i] << shift) & kStepMask;
      if (shift + kLimbBits > kStep && at + 1 < kWords) {
        out.word[at + 1] |= static_cast<int64_t>(limb[i] >> (kStep - shift));
      }
    }
    return out;
  }
  static void to_limbs(const Wide& x, uint64_t (&limb)[Modulus::kLimbs]) {
    for (size_t i = 0; i < Modulus::kLimbs; i++) {
      const size_t at = i * kLimbBits / kStep, shift = i * kLimbBits % kStep;
      uint64_t value = at < kWords ? static_cast<uint64_t>(x.word[at]) >> shift : 0;
      if (at + 1 < kWords) value |= static_cast<uint64_t>(x.word[at + 1]) << (kStep - shift);
      limb[i] = value & kLimbMask;
    }
  }

  static constexpr Wide kModulus = from_limbs(Modulus::kValue.limb);
  /** 1/m modulo 2^62. */
  static constexpr uint64_t kInverse =
      inverse_word(static_cast<uint64_t>(kModulus.word[0]) | static_cast<uint64_t>(kModulus.word[1]) << kStep) &
      static_cast<uint64_t>(kStepMask);

  /** 62 steps; all but the low bits of f and g do not matter to them. */
  static Matrix take_steps(int64_t& delta, int64_t f0, int64_t g0) {
    auto f = static_cast<uint64_t>(f0), g = static_cast<uint64_t>(g0);
    uint64_t u = 1, v = 0, q = 0, r = 1;
    int64_t count = delta;
    for (int i = 0; i < kStep; i++) {
      const auto is_odd = ScalarLanes::hidden(0 - (g & 1));
      const auto is_positive = ScalarLanes::hidden(static_cast<uint64_t>((0 - count) >> 63));
      // g takes f where it is odd, with the sign that depends on delta; then f takes what g was.
      const uint64_t swap = is_odd & is_positive;
      g += ((f ^ is_positive) - is_positive) & is_odd;
      q += ((u ^ is_positive) - is_positive) & is_odd;
      r += ((v ^ is_positive) - is_positive) & is_odd;
      f += g & swap;
      u += q & swap;
      v += r & swap;
      const auto flip = static_cast<int64_t>(swap);
      count = ((count ^ flip) - flip) + 1;
      g >>= 1;
      u <<= 1;
      v <<= 1;
    }
    delta = count;
    return {static_cast<int64_t>(u), static_cast<int64_t>(v), static_cast<int64_t>(q), static_cast<int64_t>(r)};
  }

  /** (f, g) times the matrix over 2^62, which leaves no remainder. */
  static void apply(const Matrix& m, Wide& f, Wide& g) {
    Product cf = 0, cg = 0;
    for (size_t i = 0; i < kWords; i++) {
      const int64_t fi = f.word[i], gi = g.word[i];
      cf += static_cast<Product>(m.u) * fi + static_cast<Product>(m.v) * gi;
      cg += static_cast<Product>(m.q) * fi + static_cast<Product>(m.r) * gi;
      if (i > 0) {
        f.word[i - 1] = static_cast<int64_t>(cf) & kStepMask;
        g.word[i - 1] = static_cast<int64_t>(cg) & kStepMask;
      }
      cf >>= kStep;
      cg >>= kStep;
    }
    f.word[kWords - 1] = static_cast<int64_t>(cf);
    g.word[kWords - 1] = static_cast<int64_t>(cg);
  }

  /** The same modulo m: the multiple of m is added that makes the low words vanish. Keeps d and e between -2m and m. */
  static void apply_modulo(const Matrix& m, Wide& d, Wide& e) {
    const int64_t d_sign = d.word[kWords - 1] >> 63, e_sign = e.word[kWords - 1] >> 63;
    int64_t md = (m.u & d_sign) + (m.v & e_sign), me = (m.q & d_sign) + (m.r & e_sign);
    Product cd = static_cast<Product>(m.u) * d.word[0] + static_cast<Product>(m.v) * e.word[0];
    Product ce = static_cast<Product>(m.q) * d.word[0] + static_cast<Product>(m.r) * e.word[0];
    md -= static_cast<int64_t>(kInverse * static_cast<uint64_t>(cd) + static_cast<uint64_t>(md)) & kStepMask;
    me -= static_cast<int64_t>(kInverse * static_cast<uint64_t>(ce) + static_cast<uint64_t>(me)) & kStepMask;
    cd = (cd + static_cast<Product>(kModulus.word[0]) * md) >> kStep;
    ce = (ce + static_cast<Product>(kModulus.word[0]) * me) >> kStep;
    for (size_t i = 1; i < kWords; i++) {
      const int64_t di = d.word[i], ei = e.word[i];
      cd +=
          static_cast<Product>(m.u) * di + static_cast<Product>(m.v) * ei + static_cast<Product>(kModulus.word[i]) * md;
      ce +=
          static_cast<Product>(m.q) * di + static_cast<Product>(m.r) * ei + static_cast<Product>(kModulus.word[i]) * me;
      d.word[i - 1] = static_cast<int64_t>(cd) & kStepMask;
      e.word[i - 1] = static_cast<int64_t>(ce) & kStepMask;
      cd >>= kStep;
      ce >>= kStep;
    }
    d.word[kWords - 1] = static_cast<int64_t>(cd);
    e.word[kWords - 1] = static_cast<int64_t>(ce);
  }

  static void add_where(Wide& x, int64_t mask, const Wide& y) {
    for (size_t i = 0; i < kWords; i++) x.word[i] += y.word[i] & mask;
    carry(x);
  }
  static void negate_where(Wide& x, int64_t mask) {
    for (size_t i = 0; i < kWords; i++) x.word[i] = (x.word[i] ^ mask) - mask;
    carry(x);
  }
  static void carry(Wide& x) {
    for (size_t i = 0; i + 1 < kWords; i++) {
      x.word[i + 1] += x.word[i] >> kStep;
      x.word[i] &= kStepMask;
    }
  }
};

}  // namespace keymill
