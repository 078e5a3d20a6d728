// Arithmetic of edwards25519 (RFC 8032 section 5.1, RFC 7748 section 4.1) for what OpenSSL 3.0 does not offer. Knows no
// hash and no key. Constant time in its inputs, but for the functions named _vartime, which only ever see public
// values.
#pragma once
#include <cstdint>

namespace keymill::edwards25519 {

/** Scalars and points are 32 bytes, little-endian as RFC 8032 encodes them. */
constexpr int kEncodedBytes = 32;

/** The encoding of [scalar]B. The scalar is below 2^255. */
void multiply_base(uint8_t point[32], const uint8_t scalar[32]);

/** wide mod L, the order of B. */
void reduce_scalar(uint8_t scalar[32], const uint8_t wide[64]);

/** (a * b + c) mod L, for a below L and b and c below 2^255. */
void multiply_add_scalars(uint8_t out[32], const uint8_t a[32], const uint8_t b[32], const uint8_t c[32]);

/** Whether a scalar is below L. */
bool is_canonical_scalar_vartime(const uint8_t scalar[32]);

/**
 * Whether the encoding of [s]B - [h]A equals r: the cofactorless equation of RFC 8032 section 5.1.7 step 3, R compared
 * encoded. A point A that does not decode gives false; a non-canonical one decodes, as it does in OpenSSL.
 */
bool satisfies_equation_vartime(const uint8_t r[32], const uint8_t s[32], const uint8_t h[32], const uint8_t a[32]);

/** Whether a point may be a public key: its one canonical encoding, on the curve, not of small order. */
bool is_public_key_vartime(const uint8_t point[32]);

}  // namespace keymill::edwards25519
