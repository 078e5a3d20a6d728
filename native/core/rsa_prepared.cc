#include "rsa_prepared.h"

#include <openssl/core_names.h>
#include <openssl/err.h>

#include <new>

#include "limbs.h"

namespace keymill {
namespace {

/** Of B and of B' (montgomery.h). */
constexpr int kFriendlyBits = 520, kHalfFriendlyBits = 260;

/** Each use squares r; a fresh one now and then ends whatever was learned of it. OpenSSL's BN_BLINDING does the same.
 */
constexpr unsigned kBlindingUses = 1024;

/** Writes a number below 2^(52 limbs); false where memory ran out. */
bool to_limbs(const BIGNUM* number, size_t limbs, uint64_t* out) {
  // A word may be read from the last limb's first byte.
  SecretBytes bytes(limbs * kLimbBits / 8 + 8);
  if (!number || !bytes.ok() || BN_bn2lebinpad(number, bytes.data(), static_cast<int>(bytes.size())) < 0) return false;
  for (size_t i = 0; i < limbs; i++) {
    const size_t bit = i * kLimbBits;
    uint64_t word = 0;
    for (size_t k = 8; k-- > 0;) word = word << 8 | bytes.data()[bit / 8 + k];
    out[i] = word >> bit % 8 & kLimbMask;
  }
  return true;
}

/** -1 / m mod 2^52, from the lowest limb of an odd m. */
uint64_t negative_inverse(uint64_t limb) { return (0 - inverse_word(limb)) & kLimbMask; }

/** 2^bits mod m. */
Bn power_of_two_mod(size_t bits, const BIGNUM* m, BN_CTX* context) {
  Bn power(BN_secure_new());
  if (!power || !BN_set_bit(power.get(), static_cast<int>(bits)) || !BN_nnmod(power.get(), power.get(), m, context)) {
    return nullptr;
  }
  return power;
}

/** With B = 2^bits, (k m + 1) / B with k = -1 / m mod B, for odd m: times B, less 1, a multiple of m (montgomery.h). */
Bn friendly_multiple(int bits, const BIGNUM* m, BN_CTX* context) {
  Bn inverse(BN_secure_new()), product(BN_secure_new()), two(BN_secure_new());
  const auto reduce = [bits](const Bn& x) {
    if (BN_num_bits(x.get()) > bits) BN_mask_bits(x.get(), bits);
  };
  if (!inverse || !product || !two || !BN_copy(product.get(), m)) return nullptr;
  BN_mask_bits(product.get(), 64);
  bool computed = BN_set_word(inverse.get(), inverse_word(BN_get_word(product.get()))) && BN_set_bit(two.get(), bits) &&
                  BN_add_word(two.get(), 2);
  // Newton's iteration, x (2 - m x), doubles the bits that are right.
  for (int right = 64; computed && right < bits; right *= 2) {
    computed = BN_mul(product.get(), m, inverse.get(), context);
    reduce(product);
    computed = computed && BN_sub(product.get(), two.get(), product.get()) &&
               BN_mul(inverse.get(), inverse.get(), product.get(), context);
    reduce(inverse);
  }
  computed = computed && BN_sub_word(two.get(), 2) && BN_sub(inverse.get(), two.get(), inverse.get()) &&
             BN_mul(product.get(), m, inverse.get(), context) && BN_add_word(product.get(), 1) &&
             BN_rshift(product.get(), product.get(), bits);
  return computed ? std::move(product) : nullptr;
}

/** Unlike key_number's, not in the secure heap, which is small. */
Bn public_number(const Key& key, const char* name) {
  BIGNUM* number = nullptr;
  EVP_PKEY_get_bn_param(key.pkey.get(), name, &number);
  return Bn(number);
}

}  // namespace

RsaPrepared& RsaPrepared::of(const Key& key, size_t limbs) {
  return key.shared.get<RsaPrepared>([&] { return std::make_unique<RsaPrepared>(key, limbs); });
}

RsaPrepared::RsaPrepared(const Key& key, size_t limbs) : limbs_(limbs) {
  ok_ = read_public(key) && (!key.has_secret || read_private(key));
  ERR_clear_error();
}

RsaPrepared::~RsaPrepared() {
  for (auto& slot : idle_) delete slot.load(std::memory_order_acquire);
}

bool RsaPrepared::read_public(const Key& key) {
  n_ = public_number(key, OSSL_PKEY_PARAM_RSA_N);
  e_ = public_number(key, OSSL_PKEY_PARAM_RSA_E);
  const BnContext context(BN_CTX_new());
  if (!n_ || !e_ || !context) return false;
  public_limbs_.reset(new (std::nothrow) uint64_t[4 * limbs_]);
  uint64_t* const modulus = public_limbs_.get();
  uint64_t *const friendly = modulus + limbs_, *const half_friendly = friendly + limbs_;
  uint64_t* const radix_squared = half_friendly + limbs_;
  const Bn multiple = friendly_multiple(kFriendlyBits, n_.get(), context.get());
  const Bn half_multiple = friendly_multiple(kHalfFriendlyBits, n_.get(), context.get());
  const Bn squared = power_of_two_mod(2 * limbs_ * kLimbBits, n_.get(), context.get());
  if (!modulus || !to_limbs(n_.get(), limbs_, modulus) || !to_limbs(multiple.get(), limbs_, friendly) ||
      !to_limbs(half_multiple.get(), limbs_, half_friendly) || !to_limbs(squared.get(), limbs_, radix_squared)) {
    return false;
  }
  if (static_cast<size_t>(BN_num_bytes(n_.get())) > sizeof modulus_) return false;
  BN_bn2bin(n_.get(), modulus_);
  // Below 2^32 (rsa_check.cc).
  public_half_ = {BN_get_word(e_.get()), negative_inverse(modulus[0]), modulus, friendly, half_friendly, radix_squared};
  return true;
}

bool RsaPrepared::read_private(const Key& key) {
  struct Names {
    const char *prime, *exponent;
  };
  constexpr Names kPrimes[2] = {{OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_EXPONENT1},
                                {OSSL_PKEY_PARAM_RSA_FACTOR2, OSSL_PKEY_PARAM_RSA_EXPONENT2}};
  const size_t half = limbs_ / 2, radix_bits = half * kLimbBits;
  // Six numbers and a word for each prime, and the coefficient.
  secret_ = SecretBytes((2 * (6 * half + 1) + half) * sizeof(uint64_t));
  const BnContext context(BN_CTX_secure_new());
  if (!secret_.ok() || !context) return false;
  auto* next = reinterpret_cast<uint64_t*>(secret_.data());
  const auto write = [&](const BIGNUM* number, const uint64_t** out) {
    *out = next;
    next += half;
    return to_limbs(number, half, next - half);
  };
  for (size_t i = 0; i < 2; i++) {
    const Bn prime = key_number(key.pkey.get(), kPrimes[i].prime);
    const Bn exponent = key_number(key.pkey.get(), kPrimes[i].exponent);
    if (!prime || !exponent) return false;
    BN_set_flags(prime.get(), BN_FLG_CONSTTIME);
    const Bn multiple = friendly_multiple(kFriendlyBits, prime.get(), context.get());
    const Bn half_multiple = friendly_multiple(kHalfFriendlyBits, prime.get(), context.get());
    const Bn squared = power_of_two_mod(2 * radix_bits, prime.get(), context.get());
    const Bn cubed = power_of_two_mod(3 * radix_bits, prime.get(), context.get());
    RsaPrimeNumbers& numbers = private_half_.prime[i];
    if (!write(prime.get(), &numbers.value) || !write(multiple.get(), &numbers.friendly) ||
        !write(half_multiple.get(), &numbers.half_friendly) || !write(exponent.get(), &numbers.exponent) ||
        !write(squared.get(), &numbers.radix_squared) || !write(cubed.get(), &numbers.radix_cubed)) {
      return false;
    }
    *next = negative_inverse(numbers.value[0]);
    numbers.negative_inverse = next++;
    if (i > 0) continue;
    const Bn inverse = key_number(key.pkey.get(), OSSL_PKEY_PARAM_RSA_COEFFICIENT1);
    const Bn radix = power_of_two_mod(radix_bits, prime.get(), context.get());
    if (!inverse || !radix || !BN_mod_mul(radix.get(), radix.get(), inverse.get(), prime.get(), context.get()) ||
        !write(radix.get(), &private_half_.coefficient)) {
      return false;
    }
  }
  return true;
}

RsaBlinding* RsaPrepared::make_blinding() const {
  const BnContext context(BN_CTX_secure_new());
  const Bn r(BN_secure_new()), t(BN_secure_new()), inverse(BN_secure_new());
  const Bn radix = context ? power_of_two_mod(limbs_ * kLimbBits, n_.get(), context.get()) : nullptr;
  std::unique_ptr<RsaBlinding> made(new (std::nothrow)
                                        RsaBlinding{SecretBytes(2 * limbs_ * sizeof(uint64_t)), kBlindingUses});
  const BIGNUM* n = n_.get();
  if (!r || !t || !inverse || !radix || !made || !made->pair.ok() || !BN_priv_rand_range(r.get(), n) ||
      !BN_priv_rand_range(t.get(), n)) {
    return nullptr;
  }
  // 1 / r as t / (r t): the time an inversion takes then tells nothing of r. One that does not exist, for want of luck
  // of 1 in 2^1000, is a failure too.
  const bool inverted = BN_mod_mul(inverse.get(), r.get(), t.get(), n, context.get()) &&
                        BN_mod_inverse(inverse.get(), inverse.get(), n, context.get()) &&
                        BN_mod_mul(inverse.get(), inverse.get(), t.get(), n, context.get());
  const bool computed = inverted && BN_mod_exp(r.get(), r.get(), e_.get(), n, context.get()) &&
                        BN_mod_mul(r.get(), r.get(), radix.get(), n, context.get()) &&
                        BN_mod_mul(inverse.get(), inverse.get(), radix.get(), n, context.get());
  uint64_t* const limbs = made->limbs();
  if (!computed || !to_limbs(r.get(), limbs_, limbs) || !to_limbs(inverse.get(), limbs_, limbs + limbs_)) {
    return nullptr;
  }
  return made.release();
}

RsaBlinding* RsaPrepared::take_blinding() {
  for (auto& slot : idle_) {
    if (!slot.load(std::memory_order_relaxed)) continue;
    RsaBlinding* const blinding = slot.exchange(nullptr, std::memory_order_acq_rel);
    if (blinding) return blinding;
  }
  RsaBlinding* const made = make_blinding();
  ERR_clear_error();
  return made;
}

void RsaPrepared::give_back(RsaBlinding* blinding, unsigned used) {
  if (blinding->uses_left > used) {
    blinding->uses_left -= used;
    for (auto& slot : idle_) {
      RsaBlinding* empty = nullptr;
      if (slot.compare_exchange_strong(empty, blinding, std::memory_order_acq_rel)) return;
    }
  }
  delete blinding;
}

}  // namespace keymill
