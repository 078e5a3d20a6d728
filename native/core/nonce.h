// Nonces of ECDSA: RFC 6979 section 3.2 with fresh randomness as the additional data of section 3.6 ("hedged"). A
// generator that fails or repeats then leaves the deterministic nonces of RFC 6979, and a fault in the computation
// meets another nonce every time.
#pragma once
#include "bytes.h"

namespace keymill {

constexpr size_t kHedgeBytes = 32;

/** The parameters of one curve. Numbers are big-endian. */
struct NonceCurve {
  size_t bytes;
  /** The order's length; above eight times the digest's, digests are shorter than the order (P-521). */
  int bits;
  const uint8_t* order;
  /** Writes the nonce for a secret and a digest, both `bytes` wide, and `additional` data, which may be empty. */
  void (*derive)(const NonceCurve& curve, const uint8_t* secret, const uint8_t* digest, Bytes additional,
                 uint8_t* nonce);
};

/** P-256, P-384, P-521, secp256k1, each with the hash of its signatures. */
extern const NonceCurve kNonceCurves[4];

}  // namespace keymill
