// What the AEADs keep beside an AES-256 key: key schedules and hash keys, each made when first used.
#pragma once
#include <openssl/evp.h>
#include <openssl/modes.h>

#include <climits>
#include <memory>

#include "gcm_kernel.h"
#include "key.h"

namespace keymill {

constexpr size_t kAesKeyBytes = 32;
constexpr size_t kAesBlockBytes = 16;
constexpr size_t kGcmNonceBytes = 12;
constexpr size_t kXaesNonceBytes = 24;
/** SP 800-38D section 5.2.1.1 allows 2^36 - 32; blocks are far smaller, and OpenSSL counts in int. */
constexpr size_t kMaximumGcmBytes = INT_MAX - kAesBlockBytes;

struct CipherContextFree {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, CipherContextFree>;

/** A context of that cipher under that key, without padding; nullptr where memory is short. */
CipherContext new_cipher_context(const EVP_CIPHER* cipher, const uint8_t* key);

struct GhashFree {
  void operator()(GCM128_CONTEXT* context) const { CRYPTO_gcm128_release(context); }
};

/** OpenSSL's GHASH for a key whose AES blocks come from outside: set `next` to as many as the message takes, E(J0)
 * first. */
struct Ghash {
  const uint8_t* next = nullptr;
  std::unique_ptr<GCM128_CONTEXT, GhashFree> gcm;
};

class AeadKey final : public Prepared {
 public:
  explicit AeadKey(const Key& key) : key_(key) {}

  /** AES-256-GCM whole; nullptr where memory is short, as below. */
  EVP_CIPHER_CTX* gcm();
  /** AES-256 block by block. */
  EVP_CIPHER_CTX* ecb();
  Ghash* ghash();
  /** The one kernel's of this machine. */
  const GcmSchedule* schedule(const GcmKernel& kernel);
  /** The AES-256-GCM key of one XAES-256-GCM message. */
  bool derive_xaes_key(const uint8_t nonce24[kXaesNonceBytes], uint8_t derived[kAesKeyBytes]);
  /** What that key is once its two blocks are enciphered. */
  bool xaes_blocks(const uint8_t nonce24[kXaesNonceBytes], uint8_t blocks[kAesKeyBytes]);

 private:
  bool make_subkey();

  const Key& key_;
  CipherContext gcm_;
  CipherContext ecb_;
  Ghash ghash_;
  SecretBytes schedule_;
  /** K1 of CMAC (SP 800-38B section 6.1). */
  SecretBytes subkey_;
};

}  // namespace keymill
