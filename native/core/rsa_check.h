// Whether numbers from outside are an RSA key worth having: FIPS 186-5 sections 5.1 and A.1.1, SP 800-56B section 6.4,
// and the known ways a generator went wrong. Knows no encoding and no EVP_PKEY.
#pragma once
#include "asymmetric.h"

namespace keymill {

/** RSAPublicKey and RSAPrivateKey of RFC 8017 section A.1, by its names; the secret ones are null in a public key. */
struct RsaNumbers {
  Bn n, e, d, p, q, d_p, d_q, q_inverse;
};

/** What can be said of n and e alone: sizes, parity, no small factor, not a prime or a prime's power, not a ROCA
 * modulus. */
bool is_good_rsa_public(const RsaNumbers& key, int modulus_bits);

/** How the private numbers belong together; all but whether p and q are prime. */
bool is_consistent_rsa_private(const RsaNumbers& key, int modulus_bits);

/** Whether p and q are prime, but for a chance below 2^-100 whoever chose them. */
bool has_prime_factors(const RsaNumbers& key);

}  // namespace keymill
