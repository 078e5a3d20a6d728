#include "rsa_check.h"

namespace keymill {
namespace {

bool has_small_factor(const BIGNUM* n) {
  // SP 800-89 section 5.3.3 step 3: no prime below 752 divides n. Composite divisors are harmless to try.
  for (BN_ULONG divisor = 3; divisor < 752; divisor += 2) {
    if (BN_mod_word(n, divisor) == 0) return true;
  }
  return false;
}

/**
 * CVE-2017-15361 ("ROCA"): the affected generator's primes, and so its moduli, are powers of 65537 modulo the product
 * of the first primes; Nemec et al., "The Return of Coppersmith's Attack", section 2.1. A good modulus passes for one
 * with a chance of about 2^-27.
 */
bool has_roca_fingerprint(const BIGNUM* n) {
  constexpr uint8_t kPrimes[] = {3,   5,   7,   11,  13,  17,  19,  23,  29,  31,  37,  41,  43,
                                 47,  53,  59,  61,  67,  71,  73,  79,  83,  89,  97,  101, 103,
                                 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167};
  for (const unsigned prime : kPrimes) {
    const unsigned residue = static_cast<unsigned>(BN_mod_word(n, prime));
    unsigned power = 1;
    bool is_power = false;
    for (unsigned i = 0; i < prime && !is_power; i++) {
      is_power = power == residue;
      power = power * (65537 % prime) % prime;
    }
    if (!is_power) return false;
  }
  return true;
}

/**
 * Whether n is neither a prime nor a prime's power (SP 800-89 section 5.3.3 step 3). Were n = r^k with r prime, r would
 * divide a^n - a for every a by Fermat's theorem; so one a for which that shares no factor with n proves the contrary,
 * and for a product of two large primes nearly every a is such a one.
 */
bool has_distinct_factors(const BIGNUM* n, BN_CTX* context) {
  constexpr int kBases = 2;
  const Bn base(BN_new()), rest(BN_new()), divisor(BN_new());
  if (!base || !rest || !divisor) return false;
  for (int i = 0; i < kBases; i++) {
    if (!BN_rand_range(base.get(), n) || !BN_mod_exp(rest.get(), base.get(), n, n, context) ||
        !BN_mod_sub(rest.get(), rest.get(), base.get(), n, context) || !BN_gcd(divisor.get(), rest.get(), n, context)) {
      return false;
    }
    if (BN_is_one(divisor.get())) return true;
  }
  return false;
}

}  // namespace

bool is_good_rsa_public(const RsaNumbers& key, int modulus_bits) {
  const BIGNUM* n = key.n.get();
  const BIGNUM* e = key.e.get();
  if (BN_num_bits(n) != modulus_bits || !BN_is_odd(n)) return false;
  // FIPS 186-5 section 5.1: e is odd and above 2^16. It allows up to 2^256; everybody uses 65537, and an exponent of
  // more than 32 bits would only make verifying slow at the wish of whoever sends the key.
  if (!BN_is_odd(e) || BN_num_bits(e) < 17 || BN_num_bits(e) > 32) return false;
  if (has_small_factor(n) || has_roca_fingerprint(n)) return false;
  const BnContext context(BN_CTX_new());
  return context && has_distinct_factors(n, context.get());
}

bool is_consistent_rsa_private(const RsaNumbers& key, int modulus_bits) {
  const BnContext context(BN_CTX_secure_new());
  const Bn p_1(BN_dup(key.p.get())), q_1(BN_dup(key.q.get())), t(BN_secure_new());
  if (!context || !p_1 || !q_1 || !t) return false;
  const int half = modulus_bits / 2;
  const auto is_one_modulo = [&](const Bn& a, const Bn& b, const Bn& modulus) {
    return BN_mod_mul(t.get(), a.get(), b.get(), modulus.get(), context.get()) && BN_is_one(t.get());
  };
  const auto is_rest = [&](const Bn& rest, const Bn& a, const Bn& modulus) {
    return BN_nnmod(t.get(), a.get(), modulus.get(), context.get()) && BN_cmp(t.get(), rest.get()) == 0;
  };

  // Section A.1.1 criterion 2: factors of half the length each, too far apart for Fermat's factorisation.
  if (BN_num_bits(key.p.get()) != half || BN_num_bits(key.q.get()) != half) return false;
  if (!BN_is_odd(key.p.get()) || !BN_is_odd(key.q.get())) return false;
  if (!BN_mul(t.get(), key.p.get(), key.q.get(), context.get()) || BN_cmp(t.get(), key.n.get()) != 0) return false;
  if (!BN_sub(t.get(), key.p.get(), key.q.get()) || BN_num_bits(t.get()) <= half - 100) return false;

  // Criterion 3. Some generators reduce d modulo (p - 1)(q - 1) and not the least common multiple: any d below n will
  // do.
  if (BN_num_bits(key.d.get()) <= half || BN_cmp(key.d.get(), key.n.get()) >= 0) return false;
  if (!BN_sub_word(p_1.get(), 1) || !BN_sub_word(q_1.get(), 1)) return false;
  if (!is_one_modulo(key.d, key.e, p_1) || !is_one_modulo(key.d, key.e, q_1)) return false;

  // RFC 8017 section 3.2, the second representation.
  return is_rest(key.d_p, key.d, p_1) && is_rest(key.d_q, key.d, q_1) && BN_cmp(key.q_inverse.get(), key.p.get()) < 0 &&
         is_one_modulo(key.q_inverse, key.q, key.p);
}

bool has_prime_factors(const RsaNumbers& key) {
  const BnContext context(BN_CTX_secure_new());
  // 64 rounds of Miller-Rabin with random bases or more, so that nobody can prepare a number that passes.
  return context && BN_check_prime(key.p.get(), context.get(), nullptr) == 1 &&
         BN_check_prime(key.q.get(), context.get(), nullptr) == 1;
}

}  // namespace keymill
