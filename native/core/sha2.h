// SHA-1 and SHA-2 (FIPS 180-4) by OpenSSL's own context functions. They are deprecated but in every OpenSSL 3: EVP's
// cost per message exceeds that of hashing a short one, and their contexts are plain memory, so HMAC can keep midstates
// in the arena. Included first, before anything else includes OpenSSL: the deprecation is silenced for these stems
// only.
#pragma once
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <cstddef>
#include <cstdint>

#include "contract.h"
#include "operation.h"
#include "sha2_kernels.h"

namespace keymill {

/** One hash. Its `Context` may be copied byte by byte. */
template <Hash hash, typename State, size_t block_bytes, size_t digest_bytes, int (*init)(State*),
          int (*add)(State*, const void*, size_t), int (*end)(unsigned char*, State*)>
struct HashFunction {
  using Context = State;
  static constexpr Hash kHash = hash;
  static constexpr size_t kBlockBytes = block_bytes;
  static constexpr size_t kDigestBytes = digest_bytes;

  static void start(Context& context) { init(&context); }
  static void update(Context& context, Bytes bytes) {
    if (bytes.size > 0) add(&context, bytes.data, bytes.size);
  }
  static void finish(Context& context, uint8_t* digest) { end(digest, &context); }
};

using Sha1 = HashFunction<Hash::SHA_1, SHA_CTX, 64, 20, SHA1_Init, SHA1_Update, SHA1_Final>;
using Sha224 = HashFunction<Hash::SHA_224, SHA256_CTX, 64, 28, SHA224_Init, SHA224_Update, SHA224_Final>;
using Sha256 = HashFunction<Hash::SHA_256, SHA256_CTX, 64, 32, SHA256_Init, SHA256_Update, SHA256_Final>;
using Sha384 = HashFunction<Hash::SHA_384, SHA512_CTX, 128, 48, SHA384_Init, SHA384_Update, SHA384_Final>;
using Sha512 = HashFunction<Hash::SHA_512, SHA512_CTX, 128, 64, SHA512_Init, SHA512_Update, SHA512_Final>;

/** A hash as sha2_hash takes it. */
template <typename Function>
struct Sha2Of;
template <>
struct Sha2Of<Sha224> {
  static constexpr auto& kVariant = kSha224Variant;
  static constexpr auto kKernel = &Sha2Kernels::sha256;
};
template <>
struct Sha2Of<Sha256> {
  static constexpr auto& kVariant = kSha256Variant;
  static constexpr auto kKernel = &Sha2Kernels::sha256;
};
template <>
struct Sha2Of<Sha384> {
  static constexpr auto& kVariant = kSha384Variant;
  static constexpr auto kKernel = &Sha2Kernels::sha512;
};
template <>
struct Sha2Of<Sha512> {
  static constexpr auto& kVariant = kSha512Variant;
  static constexpr auto kKernel = &Sha2Kernels::sha512;
};

}  // namespace keymill
