// How messages and digests become numbers for RSA and back: EMSA-PSS, EMSA-PKCS1-v1_5 and EME-OAEP of RFC 8017. Encoded
// messages are as wide as the modulus, whose length must be a whole number of bytes. Knows no keys and no randomness.
#pragma once
#include "bytes.h"
#include "contract.h"

namespace keymill {

constexpr size_t kMaxRsaBytes = 512;
/** Salts and seeds are as long as the hash. */
constexpr size_t kMaxRsaRandomBytes = 64;

/** The encodings on one hash function. Sizes are the caller's to check. */
struct RsaEncoding {
  Hash hash;
  size_t hash_bytes;
  /** Section 9.1.1. `salt` is hash_bytes long. */
  void (*encode_pss)(const uint8_t* digest, const uint8_t* salt, MutableBytes encoded);
  /** Section 9.1.2, for a salt of hash_bytes. Overwrites `encoded`. Not constant time: signatures are public. */
  bool (*accepts_pss_vartime)(const uint8_t* digest, MutableBytes encoded);
  /** Section 9.2. */
  void (*encode_pkcs1)(const uint8_t* digest, MutableBytes encoded);
  /** Section 7.1.1 step 2, no label. `seed` is hash_bytes long, the message at most encoded.size - 2 hash_bytes - 2. */
  void (*encode_oaep)(Bytes message, const uint8_t* seed, MutableBytes encoded);
  /**
   * Section 7.1.2 step 3, no label: the message inside `encoded`, which is overwritten; no data where it is none. Which
   * of the reasons that was does not show in its time (Manger, CRYPTO 2001); what a message is and how long, may.
   */
  Bytes (*decode_oaep)(MutableBytes encoded);
};

/** The row of SHA_1, SHA_256, SHA_384 or SHA_512. SHA_1 is for OAEP only. */
const RsaEncoding& rsa_encoding(Hash hash);

}  // namespace keymill
