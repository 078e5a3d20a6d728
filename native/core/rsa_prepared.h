// What the RSA kernels need of a key beside its EVP_PKEY: its numbers in limbs, and blinding factors.
#pragma once
#include <atomic>

#include "asymmetric.h"
#include "rsa_kernels.h"

namespace keymill {

/** One r for base blinding (Kocher, CRYPTO 1996 section 10), in the form of RsaPrivateJob. One computation at a time
 * uses it. */
struct RsaBlinding {
  SecretBytes pair;
  /** How many more computations may use what comes from it. */
  unsigned uses_left;

  uint64_t* limbs() { return reinterpret_cast<uint64_t*>(pair.data()); }
};

/** Immutable but for the idle blinding factors, which synchronise themselves: safe from any thread. */
class RsaPrepared : public Prepared {
 public:
  /** The key's own, made now if need be. `limbs` of the modulus (RsaKernel). Check `ok`. */
  static RsaPrepared& of(const Key& key, size_t limbs);
  RsaPrepared(const Key& key, size_t limbs);
  ~RsaPrepared() override;
  RsaPrepared(const RsaPrepared&) = delete;
  RsaPrepared& operator=(const RsaPrepared&) = delete;

  /** False where memory ran out; then it is of no use. */
  bool ok() const { return ok_; }
  const RsaPublicNumbers& public_half() const { return public_half_; }
  /** Big-endian. */
  const uint8_t* modulus() const { return modulus_; }
  /** Of a key with a secret. */
  const RsaPrivateNumbers& private_half() const { return private_half_; }
  /** What `private_half` points into, for tests of faults. */
  MutableBytes private_memory() { return {secret_.data(), secret_.size()}; }

  /** An idle blinding, or a new one; nullptr where memory or randomness ran out. The caller's own until given back. */
  RsaBlinding* take_blinding();
  /** `used`: by how many computations. One that is spent is deleted. */
  void give_back(RsaBlinding* blinding, unsigned used);

 private:
  bool read_public(const Key& key);
  bool read_private(const Key& key);
  RsaBlinding* make_blinding() const;

  size_t limbs_;
  bool ok_ = false;
  std::unique_ptr<uint64_t[]> public_limbs_;
  RsaPublicNumbers public_half_{};
  uint8_t modulus_[512] = {};
  SecretBytes secret_;
  RsaPrivateNumbers private_half_{};
  Bn n_, e_;

  static constexpr size_t kSlots = 8;
  std::atomic<RsaBlinding*> idle_[kSlots] = {};
};

}  // namespace keymill
