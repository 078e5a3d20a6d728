// What one batch of ECDSA is made of: ecdsa.cc, ecdsa_altered.cc.
#pragma once
#include "core/asymmetric.h"
#include "core/nonce.h"
#include "equation.h"

namespace keymill {

constexpr size_t kMaxDerBytes = 3 + 2 * (2 + 1 + kMaxNumberBytes);

/** A curve's numbers, and the keys of a batch. */
struct EcdsaBatch {
  Batch& batch;
  const NonceCurve& curve;
  size_t width, digest_bytes;
  std::vector<std::unique_ptr<Key>> keys;
  Bn order, scratch, other;

  explicit EcdsaBatch(Batch& of);

  /** out = order + sign * number where that is `bytes` long and not negative; false where it is not. */
  bool from_order(int sign, const uint8_t* number, size_t bytes, uint8_t* out);
  /** 0, 1, 2, n - 2, n - 1, n, n + 1, n + 2, all ones, or a power of two; false where it is no number of so many bytes.
   */
  bool special_number(uint8_t* out, size_t bytes);
  /** r and s as they are or, without FLAG_P1363, in DER by OpenSSL. */
  std::vector<uint8_t> encode(const Claim& claim, uint32_t flags) const;
};

/** A signature asked for, and what came. */
struct EcdsaSignature {
  Claim claim;
  uint32_t flags;
  bool has_special_digest;
  uint8_t output[kMaxDerBytes + 1];

  /** Of these, VERIFY takes. */
  uint32_t verifying_flags() const { return flags & (FLAG_MESSAGE_IS_DIGEST | FLAG_P1363); }
};

/** A question made of a signature, and of another one, that differs from it; with what to expect. */
Question alter(EcdsaBatch& ecdsa, const EcdsaSignature& signature, const Claim& neighbour);

}  // namespace keymill
