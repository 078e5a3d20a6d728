// The RSA primitives (RFC 8017 sections 5.1 and 5.2) for as many keys as the vector type has lanes, written once for
// every size and vector type. Knows no items, padding or randomness.
#pragma once
#include "declassify.h"
#include "montgomery.h"
#include "rsa_kernels.h"

namespace keymill {

template <typename V, size_t modulus_bits>
struct Rsa {
  using Word = typename V::Word;
  using Mask = typename V::Mask;
  static constexpr size_t kPrimeBits = modulus_bits / 2;
  static constexpr size_t kBytes = modulus_bits / 8;
  /** Blocks of ten limbs, with eight bits to spare (montgomery.h). */
  static constexpr size_t kPrimeLimbs = (kPrimeBits + 8 + 10 * kLimbBits - 1) / (10 * kLimbBits) * 10;
  static constexpr size_t kLimbs = 2 * kPrimeLimbs;
  static constexpr size_t kLanes = V::kLanes;
  /** Both primes, one of them, the modulus. */
  using Halves = Montgomery<V, 2>;
  using Prime = Montgomery<V, 1>;
  using Whole = Montgomery<V, 1>;

  static constexpr int kWindowBits = 4;
  static constexpr size_t kEntries = size_t{1} << kWindowBits;

  struct Number {
    uint64_t word[Whole::kWords(kLimbs)];
  };
  struct Half {
    uint64_t word[Halves::kWords(kPrimeLimbs)];
  };
  struct alignas(64) PublicWork {
    Number modulus, friendly, half_friendly, radix_squared, input, base, power, product;
    uint64_t negative_inverse[kLanes];
    uint64_t columns[Whole::kColumnWords(kLimbs)], multiples[Whole::kMultipleWords];
  };
  /** Of the two primes, where there are two. */
  struct alignas(64) PrivateWork {
    PublicWork whole;
    Number factor, inverse, next;
    Half modulus[2], friendly[2], half_friendly[2], exponent[2], radix_squared[2], radix_cubed[2], base[2], power[2],
        entry[2];
    Half coefficient, unit;
    uint64_t negative_inverse[2][kLanes], multiples[2][Halves::kMultipleWords];
    /** Entry k of limb i at word kEntries i + k. */
    uint64_t table[2][kEntries * kPrimeLimbs * kLanes];
  };

  static void run_public_vartime(void* memory, const RsaPublicJob* jobs, size_t count) {
    auto& work = *static_cast<PublicWork*>(memory);
    load_numbers(work, count, [&](size_t i) { return jobs[i].key; });
    load_bytes(work.input, count, [&](size_t i) { return jobs[i].input; });
    raise_vartime(work, count, [&](size_t i) { return jobs[i].key->exponent; });
    store_bytes(work.power, count, [&](size_t i) { return jobs[i].output; });
  }

  static void run_private(void* memory, RsaPrivateJob* jobs, size_t count) {
    auto& work = *static_cast<PrivateWork*>(memory);
    PublicWork& whole = work.whole;
    load_numbers(whole, count, [&](size_t i) { return jobs[i].public_half; });
    load_primes(work, jobs, count);
    advance_blinding(work, jobs, count);
    load_bytes(whole.input, count, [&](size_t i) { return jobs[i].input; });
    const auto modulo_n = modulus_of(whole);
    Whole::multiply(modulo_n, {whole.base.word}, {whole.input.word}, {work.factor.word});
    raise_halves(work);
    combine(work);
    Whole::multiply(modulo_n, {whole.base.word}, {whole.base.word}, {work.inverse.word});
    Whole::below_modulus(whole.base.word, whole.modulus.word, kLimbs);
    Whole::set_differences(whole.base.word, kLimbs);
    check_and_store(work, jobs, count);
  }

  static constexpr RsaKernel kernel() {
    return {kLanes, modulus_bits, kLimbs, sizeof(PrivateWork), sizeof(PublicWork), run_private, run_public_vartime};
  }

 private:
  // ---- Loading and storing; the lanes left over repeat the last job ----

  static size_t job_of(size_t lane, size_t count) { return lane < count ? lane : count - 1; }

  template <typename Limbs>
  static void load_limbs(uint64_t* out, size_t limbs, size_t count, Limbs limbs_of) {
    for (size_t lane = 0; lane < kLanes; lane++) {
      const uint64_t* const from = limbs_of(job_of(lane, count));
      for (size_t i = 0; i < limbs; i++) out[i * kLanes + lane] = from[i];
    }
  }

  /** With what a factor has beside its limbs. */
  template <typename Limbs>
  static void load_number(uint64_t* out, size_t limbs, size_t count, Limbs limbs_of) {
    load_limbs(out, limbs, count, limbs_of);
    Whole::set_differences(out, limbs);
  }

  template <typename Key>
  static void load_numbers(PublicWork& work, size_t count, Key key) {
    load_limbs(work.modulus.word, kLimbs, count, [&](size_t i) { return key(i)->modulus; });
    load_number(work.friendly.word, kLimbs, count, [&](size_t i) { return key(i)->friendly; });
    load_limbs(work.half_friendly.word, kLimbs, count, [&](size_t i) { return key(i)->half_friendly; });
    load_number(work.radix_squared.word, kLimbs, count, [&](size_t i) { return key(i)->radix_squared; });
    load_limbs(work.negative_inverse, 1, count, [&](size_t i) { return &key(i)->negative_inverse; });
  }

  /** Bytes of all limbs, and the rest of a word that begins at the last of them. */
  static constexpr size_t kPaddedBytes = kLimbs / 2 * 13 + 8;

  template <typename Input>
  static void load_bytes(Number& out, size_t count, Input input) {
    uint8_t padded[kPaddedBytes] = {};
    for (size_t lane = 0; lane < kLanes; lane++) {
      const uint8_t* const bytes = input(job_of(lane, count));
      for (size_t i = 0; i < kBytes; i++) padded[kPaddedBytes - kBytes + i] = bytes[i];
      for (size_t i = 0; i < kLimbs; i++) {
        const size_t bit = i * kLimbBits;
        const uint8_t* const last = padded + kPaddedBytes - 8 - bit / 8;
        uint64_t word = 0;
        for (size_t k = 0; k < 8; k++) word = word << 8 | last[k];
        out.word[i * kLanes + lane] = word >> bit % 8 & kLimbMask;
      }
    }
    Whole::set_differences(out.word, kLimbs);
  }

  template <typename Output>
  static void store_bytes(const Number& number, size_t count, Output output) {
    uint8_t padded[kPaddedBytes];
    for (size_t lane = 0; lane < count; lane++) {
      // Two limbs are thirteen bytes; the zeros above them are overwritten by the next two.
      for (size_t i = 0; i < kLimbs; i += 2) {
        const uint64_t low = number.word[i * kLanes + lane], high = number.word[(i + 1) * kLanes + lane];
        uint8_t* const last = padded + kPaddedBytes - 8 - i / 2 * 13;
        store_word(last, low | high << kLimbBits);
        store_word(last - 8, high >> (64 - kLimbBits));
      }
      uint8_t* const bytes = output(lane);
      for (size_t i = 0; i < kBytes; i++) bytes[i] = padded[kPaddedBytes - kBytes + i];
    }
  }

  static void store_word(uint8_t* out, uint64_t word) {
    for (size_t k = 8; k-- > 0; word >>= 8) out[k] = static_cast<uint8_t>(word);
  }

  // ---- The public operation ----

  static typename Whole::Moduli modulus_of(PublicWork& work) {
    return {kLimbs,
            {work.modulus.word},
            {work.friendly.word},
            {work.half_friendly.word},
            {V::load(work.negative_inverse)},
            {work.columns},
            {work.multiples}};
  }

  static void copy(uint64_t* out, const uint64_t* from, size_t words) {
    for (size_t i = 0; i < words; i += kLanes) V::store(out + i, V::load(from + i));
  }
  static void copy(Number& out, const Number& from) { copy(out.word, from.word, Whole::kWords(kLimbs)); }

  /** Where bit `bit` of the exponent is set. */
  template <typename Exponent>
  static Mask bit_of(unsigned bit, size_t count, Exponent exponent) {
    uint64_t bits[kLanes];
    for (size_t lane = 0; lane < kLanes; lane++) bits[lane] = exponent(job_of(lane, count)) >> bit & 1;
    return V::equal(V::load(bits), V::broadcast(1));
  }

  /** power = input^exponent mod n, from the exponents' bits downwards; they are odd, public and below 2^64. */
  template <typename Exponent>
  static void raise_vartime(PublicWork& work, size_t count, Exponent exponent) {
    uint64_t any = 0;
    for (size_t i = 0; i < count; i++) any |= exponent(i);
    unsigned bit = 63;
    while (any >> bit == 0) bit--;
    const auto modulus = modulus_of(work);
    uint64_t* const power = work.power.word;
    const auto select_power = [&](const Number& from) { select_into(work.power, bit_of(bit, count, exponent), from); };
    Whole::multiply(modulus, {work.base.word}, {work.input.word}, {work.radix_squared.word});
    // One in the lanes whose exponent is shorter.
    set_one(work.product.word, kLimbs);
    Whole::multiply(modulus, {power}, {work.radix_squared.word}, {work.product.word});
    select_power(work.base);
    while (--bit > 0) {
      Whole::square(modulus, {power}, 1);
      if ((any >> bit & 1) == 0) continue;
      Whole::multiply(modulus, {work.product.word}, {power}, {work.base.word});
      select_power(work.product);
    }
    Whole::square(modulus, {power}, 1);
    // The input itself and not the base: that also divides by R.
    Whole::multiply(modulus, {power}, {power}, {work.input.word});
    Whole::below_modulus(power, work.modulus.word, kLimbs);
  }

  static void set_one(uint64_t* number, size_t limbs) {
    for (size_t i = 0; i < limbs; i++) V::store(number + i * kLanes, V::broadcast(i == 0));
    Whole::set_differences(number, limbs);
  }

  static void select_into(Number& out, Mask where, const Number& from) {
    for (size_t i = 0; i < Whole::kWords(kLimbs); i += kLanes) {
      V::store(out.word + i, V::select(where, V::load(from.word + i), V::load(out.word + i)));
    }
  }

  // ---- The private operation ----

  static typename Halves::Moduli moduli_of(PrivateWork& work) {
    return {kPrimeLimbs,
            {work.modulus[0].word, work.modulus[1].word},
            {work.friendly[0].word, work.friendly[1].word},
            {work.half_friendly[0].word, work.half_friendly[1].word},
            {V::load(work.negative_inverse[0]), V::load(work.negative_inverse[1])},
            {work.whole.columns, work.whole.columns + Halves::kColumnWords(kPrimeLimbs)},
            {work.multiples[0], work.multiples[1]}};
  }

  static void load_primes(PrivateWork& work, const RsaPrivateJob* jobs, size_t count) {
    for (size_t s = 0; s < 2; s++) {
      const auto load = [&](uint64_t* out, size_t limbs, const uint64_t* RsaPrimeNumbers::*number) {
        load_number(out, limbs, count, [&](size_t i) { return jobs[i].private_half->prime[s].*number; });
      };
      load(work.modulus[s].word, kPrimeLimbs, &RsaPrimeNumbers::value);
      load(work.friendly[s].word, kPrimeLimbs, &RsaPrimeNumbers::friendly);
      load(work.half_friendly[s].word, kPrimeLimbs, &RsaPrimeNumbers::half_friendly);
      load(work.exponent[s].word, kPrimeLimbs, &RsaPrimeNumbers::exponent);
      load(work.radix_squared[s].word, kPrimeLimbs, &RsaPrimeNumbers::radix_squared);
      load(work.radix_cubed[s].word, kPrimeLimbs, &RsaPrimeNumbers::radix_cubed);
      load_limbs(work.negative_inverse[s], 1, count,
                 [&](size_t i) { return jobs[i].private_half->prime[s].negative_inverse; });
    }
    load_number(work.coefficient.word, kPrimeLimbs, count, [&](size_t i) { return jobs[i].private_half->coefficient; });
    set_one(work.unit.word, kPrimeLimbs);
  }

  /** Squares each lane's blinding factor and its inverse as often as the job says, and once more for the next job. */
  static void advance_blinding(PrivateWork& work, RsaPrivateJob* jobs, size_t count) {
    load_number(work.factor.word, kLimbs, count, [&](size_t i) { return jobs[i].blinding; });
    load_number(work.inverse.word, kLimbs, count, [&](size_t i) { return jobs[i].blinding + kLimbs; });
    unsigned most = 0;
    for (size_t i = 0; i < count; i++) most = jobs[i].blinding_step > most ? jobs[i].blinding_step : most;
    const auto modulo_n = modulus_of(work.whole);
    for (unsigned step = 0;; step++) {
      uint64_t reached[kLanes];
      for (size_t lane = 0; lane < kLanes; lane++) reached[lane] = step < jobs[job_of(lane, count)].blinding_step;
      const Mask more = V::equal(V::load(reached), V::broadcast(1));
      for (size_t half = 0; half < 2; half++) {
        Number& number = half ? work.inverse : work.factor;
        copy(work.next, number);
        Whole::square(modulo_n, {work.next.word}, 1);
        if (step == most) store_limbs(work.next, jobs, count, half * kLimbs);
        select_into(number, more, work.next);
      }
      if (step == most) return;
    }
  }

  static void store_limbs(const Number& next, const RsaPrivateJob* jobs, size_t count, size_t offset) {
    for (size_t lane = 0; lane < count; lane++) {
      uint64_t* const out = jobs[lane].next_blinding;
      for (size_t i = 0; out && i < kLimbs; i++) out[offset + i] = next.word[i * kLanes + lane];
    }
  }

  /** Base, not yet reduced, to the power of d modulo each prime. */
  static void raise_halves(PrivateWork& work) {
    const auto moduli = moduli_of(work);
    for (size_t s = 0; s < 2; s++) copy(moduli.columns[s], work.whole.base.word, kLimbs * kLanes);
    Halves::reduce(moduli, {work.base[0].word, work.base[1].word});
    // That divided by R', and so does each multiplication.
    multiply(work, work.base, work.base, work.radix_cubed);
    make_table(work);
    size_t window = (kPrimeBits + kWindowBits - 1) / kWindowBits - 1;
    Scan(work, window, work.power).finish();
    while (window-- > 0) {
      Scan scan(work, window, work.entry);
      Halves::square_and_multiply(moduli, {work.power[0].word, work.power[1].word}, kWindowBits,
                                  {work.entry[0].word, work.entry[1].word}, scan);
    }
    // Out of Montgomery's form.
    Halves::multiply(moduli, {work.power[0].word, work.power[1].word}, {work.power[0].word, work.power[1].word},
                     {work.unit.word, work.unit.word});
  }

  static void multiply(PrivateWork& work, Half (&out)[2], const Half (&a)[2], const Half (&b)[2]) {
    Halves::multiply(moduli_of(work), {out[0].word, out[1].word}, {a[0].word, a[1].word}, {b[0].word, b[1].word});
  }

  /** The powers of the base from 0 to 2^kWindowBits - 1. */
  static void make_table(PrivateWork& work) {
    Half* const power = work.power;
    Halves::multiply(moduli_of(work), {power[0].word, power[1].word},
                     {work.radix_squared[0].word, work.radix_squared[1].word}, {work.unit.word, work.unit.word});
    for (size_t entry = 0; entry < kEntries; entry++) {
      if (entry > 0) multiply(work, work.power, work.power, work.base);
      for (size_t s = 0; s < 2; s++) {
        for (size_t i = 0; i < kPrimeLimbs; i++) {
          V::store(Halves::at(work.table[s], i * kEntries + entry), V::load(Halves::at(power[s].word, i)));
        }
      }
    }
  }

  /** Finds the table's entries for one window of both exponents, by reading all, a few limbs at a time. */
  class Scan {
   public:
    Scan(PrivateWork& work, size_t window, Half (&out)[2]) : work_(work), out_(out) {
      const size_t position = window * kWindowBits, limb = position / kLimbBits;
      const int offset = static_cast<int>(position % kLimbBits);
      for (size_t s = 0; s < 2; s++) {
        Word digit = V::right(V::load(Halves::at(work.exponent[s].word, limb)), offset);
        if (offset > kLimbBits - kWindowBits && limb + 1 < kPrimeLimbs) {
          const Word above = V::load(Halves::at(work.exponent[s].word, limb + 1));
          digit = V::either(digit, V::left(above, kLimbBits - offset));
        }
        for (int b = 0; b < kWindowBits; b++) {
          const Word one = V::broadcast(uint64_t{1} << b);
          bit_[s][b] = V::equal(V::both(digit, one), one);
        }
      }
      begin_number();
    }

    KEYMILL_INLINE bool is_done() const { return left_ == 0; }

    /** The search of two limbs. */
    class Part {
     public:
      KEYMILL_INLINE explicit Part(Scan& of) : scan_(of), limbs_(of.limbs_), entries_(of.entries_) {
        for (int b = 0; b < kWindowBits; b++) bit_[b] = of.bit_[of.stream_][b];
      }

      /** The first four steps of each limb read four entries each, the fifth decides. */
      KEYMILL_INLINE void step(size_t i) {
        const size_t limb = i / 5, four = i % 5;
        if (four == 4) {
          V::store(Halves::at(limbs_, limb), V::select(bit_[3], upper_, lower_));
        } else {
          const Word found = choose<2>(bit_, entries_ + (kEntries * limb + 4 * four) * kLanes);
          Word& eight = four < 2 ? lower_ : upper_;
          eight = four % 2 ? V::select(bit_[2], found, eight) : found;
        }
      }

      KEYMILL_INLINE void end() { scan_.advance(); }

     private:
      Scan& scan_;
      uint64_t* const limbs_;
      const uint64_t* const entries_;
      Mask bit_[kWindowBits];
      Word lower_, upper_;
    };

    KEYMILL_INLINE Part begin() { return Part(*this); }

    /** Finds what is left. */
    void finish() {
      while (!is_done()) {
        Part part = begin();
        for (size_t i = 0; i < Halves::kSteps; i++) part.step(i);
        part.end();
      }
      for (Half& number : out_) Halves::set_differences(number.word, kPrimeLimbs);
    }

   private:
    KEYMILL_INLINE void advance() {
      limbs_ += 2 * kLanes;
      entries_ += 2 * kEntries * kLanes;
      left_ -= 2;
      if (left_ > 0 || stream_ == 1) return;
      stream_ = 1;
      begin_number();
    }
    KEYMILL_INLINE void begin_number() {
      limbs_ = out_[stream_].word;
      entries_ = work_.table[stream_];
      left_ = kPrimeLimbs;
    }

    template <int bits>
    static KEYMILL_INLINE Word choose(const Mask* bit, const uint64_t* entries) {
      if constexpr (bits == 0) {
        return V::load(entries);
      } else {
        const Word upper = choose<bits - 1>(bit, entries + (size_t{1} << (bits - 1)) * kLanes);
        return V::select(bit[bits - 1], upper, choose<bits - 1>(bit, entries));
      }
    }

    PrivateWork& work_;
    Half (&out_)[2];
    Mask bit_[2][kWindowBits];
    size_t stream_ = 0, left_;
    uint64_t* limbs_;
    const uint64_t* entries_;
  };

  /** base = m2 + q h with h = (m1 - m2) / q mod p (RFC 8017 section 5.1.2), below four times n. */
  static void combine(PrivateWork& work) {
    uint64_t *const m1 = work.power[0].word, *const m2 = work.power[1].word, *const columns = work.whole.columns;
    const uint64_t* const p = work.modulus[0].word;
    // m2 is at most 3 q, and q below 2 p, as both have the same length.
    Word carried = V::broadcast(0);
    for (size_t i = 0; i < kPrimeLimbs * kLanes; i += kLanes) {
      const Word eight_p = V::left(V::load(p + i), 3);
      const Word sum = V::add(V::add(V::subtract(V::load(m1 + i), V::load(m2 + i)), eight_p), carried);
      V::store(m1 + i, V::both(sum, V::broadcast(kLimbMask)));
      carried = V::signed_right(sum, kLimbBits);
    }
    Prime::set_differences(m1, kPrimeLimbs);
    const typename Prime::Moduli modulo_p = {kPrimeLimbs,
                                             {p},
                                             {work.friendly[0].word},
                                             {work.half_friendly[0].word},
                                             {V::load(work.negative_inverse[0])},
                                             {columns},
                                             {work.multiples[0]}};
    Prime::multiply(modulo_p, {m1}, {m1}, {work.coefficient.word});
    Prime::put_product(columns, m1, work.modulus[1].word, kPrimeLimbs);
    for (size_t i = 0; i < kPrimeLimbs * kLanes; i += kLanes) {
      V::store(columns + i, V::add(V::load(columns + i), V::load(m2 + i)));
    }
    Whole::carry(work.whole.base.word, columns, kLimbs);
    Whole::set_differences(work.whole.base.word, kLimbs);
  }

  /** Puts out the base where its power is the input. */
  static void check_and_store(PrivateWork& work, RsaPrivateJob* jobs, size_t count) {
    PublicWork& whole = work.whole;
    copy(work.next, whole.input);
    copy(whole.input, whole.base);
    raise_vartime(whole, count, [&](size_t i) { return jobs[i].public_half->exponent; });
    Word wrong = V::broadcast(0);
    for (size_t i = 0; i < kLimbs * kLanes; i += kLanes) {
      wrong = V::either(wrong, V::exclusive(V::load(whole.power.word + i), V::load(work.next.word + i)));
    }
    const Word right = V::as_word(V::equal(wrong, V::broadcast(0)));
    for (size_t i = 0; i < kLimbs * kLanes; i += kLanes) {
      V::store(whole.input.word + i, V::both(right, V::load(whole.input.word + i)));
    }
    store_bytes(whole.input, count, [&](size_t i) { return jobs[i].output; });
    uint64_t verdicts[kLanes];
    V::store(verdicts, right);
    // Told to whoever called: a fault is all that can make it wrong.
    KEYMILL_DECLASSIFY(verdicts, sizeof verdicts);
    for (size_t lane = 0; lane < count; lane++) jobs[lane].is_right = verdicts[lane] != 0;
  }
};

}  // namespace keymill
