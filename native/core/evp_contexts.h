// OpenSSL contexts kept ready for a key's next use: fetching an algorithm and parsing its parameters costs more than a
// tenth of a P-256 signature. They live with the key, not with the thread, so that its material goes when the key does.
#pragma once
#include <openssl/core.h>
#include <openssl/evp.h>

#include <atomic>

namespace keymill {

/** What a context is prepared for. Rows of static tables, compared by address. Null where the algorithm has no such
 * parameter. */
struct EvpPurpose {
  /** One of EVP_PKEY_{sign,verify,encrypt,decrypt,derive}_init_ex. */
  int (*init)(EVP_PKEY_CTX* context, const OSSL_PARAM* parameters) = nullptr;
  /** EVP_Digest{Sign,Verify}Init instead, for what OpenSSL only offers over whole messages (Ed25519). */
  int (*message_init)(EVP_MD_CTX* context, EVP_PKEY_CTX**, const EVP_MD*, ENGINE*, EVP_PKEY* pkey) = nullptr;
  /** OpenSSL's names, OSSL_PKEY_RSA_PAD_MODE_* and so on. */
  const char* padding = nullptr;
  const char* hash = nullptr;
  const char* mgf1_hash = nullptr;
  const char* salt_length = nullptr;
};

struct EvpContext;

/** Idle contexts of one key; safe from any thread. A context in use is out of here, so no two threads ever share one.
 */
class EvpContexts {
 public:
  EvpContexts() = default;
  EvpContexts(const EvpContexts&) = delete;
  EvpContexts& operator=(const EvpContexts&) = delete;
  ~EvpContexts();

 private:
  friend class EvpLease;
  EvpContext* take(EVP_PKEY* pkey, const EvpPurpose& purpose);
  void give_back(EvpContext* context);

  static constexpr size_t kSlots = 8;
  std::atomic<EvpContext*> slots_[kSlots] = {};
};

/** Use of one context for one operation; it goes back to its key's idle ones at the end of the scope. */
class EvpLease {
 public:
  EvpLease(EvpContexts& contexts, EVP_PKEY* pkey, const EvpPurpose& purpose);
  EvpLease(const EvpLease&) = delete;
  EvpLease& operator=(const EvpLease&) = delete;
  ~EvpLease();

  /** nullptr where OpenSSL could not make one (out of memory, or an algorithm it does not have). */
  EVP_PKEY_CTX* get() const;
  /** The same for a purpose with `message_init`. */
  EVP_MD_CTX* message() const;

 private:
  EvpContexts& contexts_;
  EvpContext* context_;
};

}  // namespace keymill
