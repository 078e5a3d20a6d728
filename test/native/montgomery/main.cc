// Montgomery multiplication against OpenSSL's numbers, with moduli and factors at the ends of their ranges: runs of
// ones and zeros, powers of two and their neighbours, limbs that are all ones, or only their first or last bit. What
// goes wrong in carries and borrows goes wrong there. tools/montgomery.mjs builds and runs it.
#include <openssl/bn.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>

#include "core/cpu.h"
#include "kernel.h"

namespace {

using namespace keymill;

constexpr int kLimbBits = 52;
constexpr size_t kMaxLimbs = 80;
constexpr int kFriendlyBits = 520, kHalfFriendlyBits = 260;
constexpr size_t kMaxBytes = kMaxLimbs * kLimbBits / 8;
constexpr size_t kWords = kMaxLimbs * kMontgomeryLanes;

struct FreeNumber {
  void operator()(BIGNUM* x) const { BN_free(x); }
};
using Number = std::unique_ptr<BIGNUM, FreeNumber>;
Number number() { return Number(BN_new()); }

BN_CTX* const context = BN_CTX_new();
std::mt19937_64 random_word;
size_t below(size_t n) { return random_word() % n; }

void require(bool holds, const char* what) {
  if (holds) return;
  std::printf("wrong: %s\n", what);
  std::exit(1);
}

/** A number of at most so many bits that is likely to carry far. */
Number edge_number(int bits) {
  Number x = number();
  switch (below(6)) {
    case 0:
      for (int bit = 0; bit < bits; bit++) {
        if (below(2)) BN_set_bit(x.get(), bit);
      }
      break;
    case 1:
      BN_set_bit(x.get(), bits);
      BN_sub_word(x.get(), 1 + below(4));
      break;
    case 2:
      BN_set_word(x.get(), below(3));
      break;
    case 3:
      BN_set_bit(x.get(), static_cast<int>(below(bits)));
      if (below(2)) BN_sub_word(x.get(), 1);
      break;
    case 4: {
      bool is_one = below(2);
      for (int bit = 0; bit < bits; is_one = !is_one) {
        const int end = bit + 1 + static_cast<int>(below(below(2) ? kLimbBits : 300));
        for (; bit < end && bit < bits; bit++) {
          if (is_one) BN_set_bit(x.get(), bit);
        }
      }
      break;
    }
    case 5:
      for (int limb = 0; limb < bits; limb += kLimbBits) {
        const size_t kind = below(4);
        for (int bit = 0; bit < kLimbBits && limb + bit < bits; bit++) {
          const bool is_end = bit == (kind == 1 ? 0 : kLimbBits - 1);
          if (kind == 0 || (kind < 3 ? is_end : below(2) == 1)) BN_set_bit(x.get(), limb + bit);
        }
      }
      break;
  }
  return x;
}

/** A factor below four times the modulus, and often almost that. */
Number factor_for(const BIGNUM* modulus, int bits) {
  Number limit = number(), x = edge_number(bits + 2);
  BN_lshift(limit.get(), modulus, 2);
  if (below(4) == 0) {
    BN_sub_word(limit.get(), 1 + below(3));
    return limit;
  }
  BN_nnmod(x.get(), x.get(), below(2) ? limit.get() : modulus, context);
  return x;
}

void write_lane(uint64_t* words, size_t lane, size_t limbs, const BIGNUM* x) {
  uint8_t bytes[kMaxBytes + 8] = {};
  require(BN_bn2lebinpad(x, bytes, kMaxBytes) >= 0, "the test's own numbers");
  for (size_t i = 0; i < limbs; i++) {
    const size_t bit = i * kLimbBits;
    uint64_t word;
    std::memcpy(&word, bytes + bit / 8, sizeof word);
    words[i * kMontgomeryLanes + lane] = word >> bit % 8 & ((uint64_t{1} << kLimbBits) - 1);
  }
}

Number read_lane(const uint64_t* words, size_t lane, size_t limbs) {
  Number x = number();
  for (size_t i = limbs; i-- > 0;) {
    const uint64_t limb = words[i * kMontgomeryLanes + lane];
    require(limb >> kLimbBits == 0, "a limb of more than 52 bits");
    BN_lshift(x.get(), x.get(), kLimbBits);
    BN_add_word(x.get(), limb);
  }
  return x;
}

/** One stream's numbers, as OpenSSL's and in lanes. */
struct Stream {
  Number modulus[kMontgomeryLanes], a[kMontgomeryLanes], b[kMontgomeryLanes];
  uint64_t modulus_words[kWords], friendly_words[kWords], half_friendly_words[kWords], a_words[kWords], b_words[kWords];
  uint64_t negative_inverse[kMontgomeryLanes], out[kWords], reduced[kWords];

  void fill(size_t limbs, int bits) {
    for (size_t lane = 0; lane < kMontgomeryLanes; lane++) {
      Number& n = modulus[lane];
      do {
        n = edge_number(bits);
        BN_set_bit(n.get(), 0);
        if (below(8)) BN_set_bit(n.get(), bits - 1);
      } while (BN_is_one(n.get()));
      a[lane] = factor_for(n.get(), bits);
      b[lane] = factor_for(n.get(), bits);
      const Number k = write_friendly(friendly_words, kFriendlyBits, lane, limbs);
      write_friendly(half_friendly_words, kHalfFriendlyBits, lane, limbs);
      BN_mask_bits(k.get(), kLimbBits);
      negative_inverse[lane] = BN_get_word(k.get());
      write_lane(modulus_words, lane, limbs, n.get());
      write_lane(a_words, lane, limbs, a[lane].get());
      write_lane(b_words, lane, limbs, b[lane].get());
    }
  }

  /** (k n + 1) / 2^bits; returns k. */
  Number write_friendly(uint64_t* words, int bits, size_t lane, size_t limbs) {
    const BIGNUM* const n = modulus[lane].get();
    Number block = number(), k = number(), friendly = number();
    require(BN_set_bit(block.get(), bits) && BN_mod_inverse(k.get(), n, block.get(), context) &&
                BN_sub(k.get(), block.get(), k.get()) && BN_mul(friendly.get(), k.get(), n, context) &&
                BN_add_word(friendly.get(), 1) && BN_rshift(friendly.get(), friendly.get(), bits),
            "the test's own numbers");
    write_lane(words, lane, limbs, friendly.get());
    return k;
  }

  /** The result, times what it was divided by, is what OpenSSL computes, and it is in its range. */
  void check(MontgomeryOperation operation, size_t limbs) const {
    const bool is_fourth_power = operation == MontgomeryOperation::kSquareTwice;
    const unsigned divisions = is_fourth_power ? 3 : operation == MontgomeryOperation::kMultiply ? 1 : 2;
    const Number radix = number(), expected = number(), limit = number();
    BN_set_bit(radix.get(), static_cast<int>(limbs) * kLimbBits);
    for (size_t lane = 0; lane < kMontgomeryLanes; lane++) {
      const BIGNUM* const n = modulus[lane].get();
      BN_copy(expected.get(), a[lane].get());
      if (divisions > 1) BN_mod_sqr(expected.get(), expected.get(), n, context);
      BN_mod_mul(expected.get(), expected.get(), is_fourth_power ? expected.get() : b[lane].get(), n, context);
      const Number got = read_lane(out, lane, limbs), least = read_lane(reduced, lane, limbs);
      BN_copy(limit.get(), n);
      BN_mul_word(limit.get(), 49);
      BN_rshift(limit.get(), limit.get(), 4);
      require(BN_cmp(got.get(), limit.get()) <= 0, "a result above 49/16 of the modulus");
      require(BN_cmp(least.get(), n) < 0, "a least residue that is none");
      for (BIGNUM* const result : {got.get(), least.get()}) {
        BN_nnmod(result, result, n, context);
        for (unsigned i = 0; i < divisions; i++) BN_mod_mul(result, result, radix.get(), n, context);
        require(BN_cmp(result, expected.get()) == 0, "a result");
      }
    }
  }
};

void check_size(RunMontgomery run, size_t limbs, size_t streams, int bits, size_t rounds) {
  static Stream numbers[kMontgomeryStreams];
  alignas(64) static uint64_t scratch[kScratchWords];
  for (size_t round = 0; round < rounds; round++) {
    MontgomeryTask task = {};
    task.limbs = limbs;
    task.streams = streams;
    task.scratch = scratch;
    for (size_t s = 0; s < streams; s++) {
      Stream& stream = numbers[s];
      stream.fill(limbs, bits);
      task.modulus[s] = stream.modulus_words;
      task.friendly[s] = stream.friendly_words;
      task.half_friendly[s] = stream.half_friendly_words;
      task.negative_inverse[s] = stream.negative_inverse;
      task.a[s] = stream.a_words;
      task.b[s] = stream.b_words;
      task.out[s] = stream.out;
      task.reduced[s] = stream.reduced;
    }
    for (const auto operation : {MontgomeryOperation::kMultiply, MontgomeryOperation::kSquareTwice,
                                 MontgomeryOperation::kSquareAndMultiply}) {
      task.operation = operation;
      for (uint64_t& word : scratch) word = random_word();
      run(task);
      for (size_t s = 0; s < streams; s++) numbers[s].check(operation, limbs);
    }
  }
}

/** The primes and the moduli of RSA-2048, 3072 and 4096. */
struct Size {
  size_t limbs;
  int bits;
};
constexpr Size kPrimes[] = {{20, 1024}, {30, 1536}, {40, 2048}};
constexpr Size kModuli[] = {{40, 2048}, {60, 3072}, {80, 4096}};

void check_type(const char* name, RunMontgomery run, size_t rounds) {
  for (size_t i = 0; i < 3; i++) {
    // As RSA has them, and as long as they may be: eight bits below R.
    for (const bool longest : {false, true}) {
      const auto bits = [=](Size size) { return longest ? static_cast<int>(size.limbs) * kLimbBits - 8 : size.bits; };
      check_size(run, kPrimes[i].limbs, 2, bits(kPrimes[i]), rounds / (i + 1));
      check_size(run, kModuli[i].limbs, 1, bits(kModuli[i]), rounds / (i + 1));
    }
    check_size(run, kPrimes[i].limbs, 1, kPrimes[i].bits, rounds / (i + 1));
  }
  std::printf("%s: no difference\n", name);
}

}  // namespace

int main(int count, char** arguments) {
  const unsigned long seed = count > 2 ? std::strtoul(arguments[2], nullptr, 10) : std::random_device()();
  const size_t rounds = count > 1 ? std::strtoul(arguments[1], nullptr, 10) : 300;
  std::printf("Montgomery multiplication, %zu rounds a size, seed %lu\n", rounds, seed);
  random_word.seed(seed);
  constexpr uint32_t kIfmaFeatures = kCpuAvx512 | kCpuAvx512Ifma | kCpuBmi2;
  if (kIfmaMontgomery && (kIfmaFeatures & ~cpu_features()) == 0) check_type("ifma", kIfmaMontgomery, rounds);
  check_type("emulated", kEmulatedMontgomery, rounds / 10 + 3);
  BN_CTX_free(context);
  return 0;
}
