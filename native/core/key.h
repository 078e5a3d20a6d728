// A key in native memory, and the table of what each key spec can do with itself (make, read, write).
#pragma once
#include <openssl/evp.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "bytes.h"
#include "contract.h"
#include "evp_contexts.h"
#include "memory.h"

namespace keymill {

struct EvpPkeyFree {
  void operator()(EVP_PKEY* pkey) const { EVP_PKEY_free(pkey); }
};
using EvpPkey = std::unique_ptr<EVP_PKEY, EvpPkeyFree>;

/** State an operation keeps beside a key for reuse (a key schedule, HMAC midstates); owned by it, made on first use. */
class Prepared {
 public:
  virtual ~Prepared() = default;
};

/** The same for operations that any thread runs: made once, by whichever comes first. What is in it synchronises
 * itself.
 */
class SharedPrepared {
 public:
  SharedPrepared() = default;
  SharedPrepared(const SharedPrepared&) = delete;
  SharedPrepared& operator=(const SharedPrepared&) = delete;
  ~SharedPrepared() { delete made_.load(std::memory_order_acquire); }

  /** What `make` returned first; a slower thread's is deleted. */
  template <typename State, typename Make>
  State& get(Make make) {
    Prepared* made = made_.load(std::memory_order_acquire);
    if (!made) {
      std::unique_ptr<State> mine = make();
      if (made_.compare_exchange_strong(made, mine.get(), std::memory_order_acq_rel)) made = mine.release();
    }
    return static_cast<State&>(*made);
  }

 private:
  std::atomic<Prepared*> made_{nullptr};
};

/**
 * Immutable once made, but for `prepared`, which only inline operations on the JS thread touch, and `shared` and
 * `contexts`, which synchronise themselves. Shared through shared_ptr.
 */
struct Key {
  KeySpec spec{};
  bool exportable = false;
  /** False for a key imported from SPKI. */
  bool has_secret = false;
  /** Never reused in a process; what per-thread caches go by. */
  uint64_t serial = 0;
  /** Raw key (symmetric, HMAC), seed (Edwards), d at full width (EC). Empty for RSA and public-only keys. */
  SecretBytes secret;
  /** Edwards: the hash of the seed as RFC 8032 section 5.1.5 uses it, the scalar and after it the prefix. */
  SecretBytes expanded;
  /** OpenSSL's form of an asymmetric key. */
  EvpPkey pkey;
  /** Edwards: the encoded public point, and after it what its kernels need (edwards_kernels.h). EC: x and y, each at
   * full width. */
  uint8_t public_point[132] = {};
  mutable std::unique_ptr<Prepared> prepared;
  mutable SharedPrepared shared;
  /** Idle contexts of `pkey`, for any thread. */
  mutable EvpContexts contexts;
};

enum class KeyFormat { kRaw, kPkcs8, kSpki };

/** How keys of one spec come and go. One row per spec; stems provide the functions. */
struct KeyType {
  KeySpec spec;
  /** Fills secret/pkey/public_point of a new key. CANCELLED once `cancelled` is true, which RSA polls as it works. */
  Status (*generate)(KeySpec spec, const std::atomic<bool>& cancelled, Key& key);
  /** Reads and fully validates: anything wrong is INVALID_KEY; a format the spec does not have is INVALID_KEY too. */
  Status (*import)(KeySpec spec, KeyFormat format, Bytes data, Key& key);
  /**
   * Writes at most out.size bytes. Raw and PKCS#8 need exportable (checked by the caller); a format that does not
   * exist, or needs the secret of a public-only key, is NOT_EXPORTABLE.
   */
  Status (*export_key)(const Key& key, KeyFormat format, MutableBytes out, size_t* written);
  /** The form WRAP_KEY wraps (see backend.ts), and reading it back without the costly checks import makes. */
  Status (*save)(const Key& key, SecretBytes& material);
  Status (*load)(KeySpec spec, Bytes material, Key& key);
};

/** The row of a spec, or nullptr. */
const KeyType* find_key_type(KeySpec spec);

}  // namespace keymill
