#include "aead.h"

#include <openssl/core_names.h>
#include <openssl/err.h>

#include <climits>

#include "algorithms.h"

namespace keymill {
namespace {

constexpr size_t kKeyBytes = 32;
constexpr size_t kGcmNonceBytes = 12;
constexpr size_t kBlockBytes = 16;
/** SP 800-38D section 5.2.1.1 allows 2^36 - 32; blocks are far smaller, and OpenSSL counts in int. */
constexpr size_t kMaximumBytes = INT_MAX - kBlockBytes;

struct CipherContextFree {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, CipherContextFree>;

CipherContext new_context(const EVP_CIPHER* cipher, const uint8_t* key) {
  CipherContext context(EVP_CIPHER_CTX_new());
  if (!context || !cipher || !EVP_EncryptInit_ex2(context.get(), cipher, key, nullptr, nullptr)) return nullptr;
  EVP_CIPHER_CTX_set_padding(context.get(), 0);
  return context;
}

/** What both AEADs keep beside a key. Each half is made when first used. */
class AeadPrepared final : public Prepared {
 public:
  explicit AeadPrepared(const Key& key) : key_(key) {}

  /** The key schedule and hash key of AES-256-GCM; nullptr where memory is short. */
  EVP_CIPHER_CTX* gcm() {
    if (!gcm_) gcm_ = new_context(algorithms().aes_256_gcm, key_.secret.data());
    return gcm_.get();
  }

  bool derive_xaes_key(const uint8_t nonce24[kXaesNonceBytes], uint8_t derived[kKeyBytes]);

 private:
  bool make_xaes();

  const Key& key_;
  CipherContext gcm_;
  CipherContext ecb_;
  /** K1 of CMAC (SP 800-38B section 6.1). */
  SecretBytes subkey_;
};

bool AeadPrepared::make_xaes() {
  CipherContext ecb = new_context(algorithms().aes_256_ecb, key_.secret.data());
  SecretBytes subkey(kBlockBytes);
  if (!ecb || !subkey.ok()) return false;
  uint8_t* k1 = subkey.data();
  memset(k1, 0, kBlockBytes);
  if (EVP_Cipher(ecb.get(), k1, k1, kBlockBytes) <= 0) return false;
  // Doubling in GF(2^128) without a branch on the top bit.
  const auto reduction = static_cast<uint8_t>(0x87 & -(k1[0] >> 7));
  for (size_t i = 0; i + 1 < kBlockBytes; i++) k1[i] = static_cast<uint8_t>(k1[i] << 1 | k1[i + 1] >> 7);
  k1[kBlockBytes - 1] = static_cast<uint8_t>(k1[kBlockBytes - 1] << 1 ^ reduction);
  ecb_ = std::move(ecb);
  subkey_ = std::move(subkey);
  return true;
}

/** XAES-256-GCM, "Algorithm": two one-block CMACs of counter, label 'X' and the first half of the nonce. */
bool AeadPrepared::derive_xaes_key(const uint8_t nonce24[kXaesNonceBytes], uint8_t derived[kKeyBytes]) {
  if (!ecb_ && !make_xaes()) return false;
  for (size_t half = 0; half < 2; half++) {
    uint8_t* block = derived + half * kBlockBytes;
    const uint8_t prefix[4] = {0, static_cast<uint8_t>(half + 1), 'X', 0};
    memcpy(block, prefix, sizeof(prefix));
    memcpy(block + sizeof(prefix), nonce24, kBlockBytes - sizeof(prefix));
    for (size_t i = 0; i < kBlockBytes; i++) block[i] ^= subkey_.data()[i];
  }
  return EVP_Cipher(ecb_.get(), derived, derived, kKeyBytes) > 0;
}

/** Feeds additional data; a no-op on nothing. */
bool feed_aad(EVP_CIPHER_CTX* gcm, Bytes aad) {
  int fed;
  return aad.size == 0 || EVP_CipherUpdate(gcm, nullptr, &fed, aad.data, static_cast<int>(aad.size)) == 1;
}

bool run_cipher(EVP_CIPHER_CTX* gcm, Bytes head, Bytes aad, Bytes input, uint8_t* out) {
  int done;
  if (!feed_aad(gcm, head) || !feed_aad(gcm, aad)) return false;
  return input.size == 0 || EVP_CipherUpdate(gcm, out, &done, input.data, static_cast<int>(input.size)) == 1;
}

/** A keyed context takes the nonce, then seals one message. `key`: nullptr keeps the context's. */
Status seal(EVP_CIPHER_CTX* gcm, const uint8_t* key, const uint8_t nonce12[kGcmNonceBytes], Bytes head, Bytes aad,
            Bytes plaintext, uint8_t* out) {
  uint8_t unused[kBlockBytes];
  int none;
  OSSL_PARAM tag[] = {OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, out + plaintext.size, TAG_BYTES),
                      OSSL_PARAM_construct_end()};
  const bool ok = EVP_CipherInit_ex2(gcm, nullptr, key, nonce12, 1, nullptr) &&
                  run_cipher(gcm, head, aad, plaintext, out) && EVP_CipherFinal_ex(gcm, unused, &none) &&
                  EVP_CIPHER_CTX_get_params(gcm, tag);
  return ok ? Status::OK : Status::INTERNAL;
}

/** Opens ciphertext and tag; whatever is wrong, `out` is zeroed and the status the same. */
Status open(EVP_CIPHER_CTX* gcm, const uint8_t* key, const uint8_t nonce12[kGcmNonceBytes], Bytes head, Bytes aad,
            Bytes input, uint8_t* out) {
  const Bytes ciphertext{input.data, input.size - TAG_BYTES};
  uint8_t unused[kBlockBytes];
  int none;
  const OSSL_PARAM tag[] = {
      OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, const_cast<uint8_t*>(input.data) + ciphertext.size,
                                        TAG_BYTES),
      OSSL_PARAM_construct_end()};
  const bool ok = EVP_CipherInit_ex2(gcm, nullptr, key, nonce12, 0, nullptr) && EVP_CIPHER_CTX_set_params(gcm, tag) &&
                  run_cipher(gcm, head, aad, ciphertext, out) && EVP_CipherFinal_ex(gcm, unused, &none);
  if (ok) return Status::OK;
  wipe(out, ciphertext.size);
  return Status::DECRYPTION_FAILED;
}

/** A context per thread that XAES gives each message's derived key; holds a zero key between runs. */
struct AeadState final : StemState {
  CipherContext derived_gcm = new_context(algorithms().aes_256_gcm, kZeroKey);

  static constexpr uint8_t kZeroKey[kKeyBytes] = {};
  void forget_key() { EVP_CipherInit_ex2(derived_gcm.get(), nullptr, kZeroKey, nullptr, 1, nullptr); }
};

/** The two AEADs differ in where a message's context and GCM nonce come from. */
struct Gcm {
  static constexpr size_t kNonceBytes = kGcmNonceBytes;

  explicit Gcm(ThreadState& thread) : thread_(thread) {}

  Status seal_one(const Key& key, const uint8_t* nonce, Bytes head, Bytes aad, Bytes plaintext, uint8_t* out) {
    EVP_CIPHER_CTX* gcm = prepared_state<AeadPrepared>(thread_, key).gcm();
    return gcm ? seal(gcm, nullptr, nonce, head, aad, plaintext, out) : Status::OUT_OF_MEMORY;
  }
  Status open_one(const Key& key, const uint8_t* nonce, Bytes head, Bytes aad, Bytes input, uint8_t* out) {
    EVP_CIPHER_CTX* gcm = prepared_state<AeadPrepared>(thread_, key).gcm();
    return gcm ? open(gcm, nullptr, nonce, head, aad, input, out) : Status::OUT_OF_MEMORY;
  }

 private:
  ThreadState& thread_;
};

struct Xaes {
  static constexpr size_t kNonceBytes = kXaesNonceBytes;

  explicit Xaes(ThreadState& thread) : thread_(thread), state_(stem_state<AeadState>(thread.aead)) {}
  ~Xaes() {
    wipe(derived_, sizeof(derived_));
    if (state_.derived_gcm) state_.forget_key();
  }

  Status seal_one(const Key& key, const uint8_t* nonce, Bytes head, Bytes aad, Bytes plaintext, uint8_t* out) {
    if (!derive(key, nonce)) return Status::OUT_OF_MEMORY;
    return seal(state_.derived_gcm.get(), derived_, nonce + kGcmNonceBytes, head, aad, plaintext, out);
  }
  Status open_one(const Key& key, const uint8_t* nonce, Bytes head, Bytes aad, Bytes input, uint8_t* out) {
    if (!derive(key, nonce)) return Status::OUT_OF_MEMORY;
    return open(state_.derived_gcm.get(), derived_, nonce + kGcmNonceBytes, head, aad, input, out);
  }

 private:
  bool derive(const Key& key, const uint8_t* nonce) {
    return state_.derived_gcm && prepared_state<AeadPrepared>(thread_, key).derive_xaes_key(nonce, derived_);
  }

  ThreadState& thread_;
  AeadState& state_;
  uint8_t derived_[kKeyBytes];
};

template <typename Aead>
Status encrypt(Aead& aead, Item& item) {
  const size_t size = Aead::kNonceBytes + item.input.size + TAG_BYTES;
  if (item.output.size < size) return Status::MALFORMED_RECORD;
  if (item.input.size > kMaximumBytes || item.extra.size > kMaximumBytes) return Status::INVALID_LENGTH;
  memcpy(item.output.data, item.nonce.data, Aead::kNonceBytes);
  item.output.size = size;
  return aead.seal_one(*item.key, item.nonce.data, {}, item.extra, item.input, item.output.data + Aead::kNonceBytes);
}

template <typename Aead>
Status decrypt(Aead& aead, Item& item) {
  constexpr size_t overhead = Aead::kNonceBytes + TAG_BYTES;
  if (item.input.size < overhead) return Status::DECRYPTION_FAILED;
  if (item.output.size < item.input.size - overhead) return Status::MALFORMED_RECORD;
  if (item.input.size > kMaximumBytes || item.extra.size > kMaximumBytes) return Status::DECRYPTION_FAILED;
  item.output.size = item.input.size - overhead;
  const Bytes sealed{item.input.data + Aead::kNonceBytes, item.input.size - Aead::kNonceBytes};
  return aead.open_one(*item.key, item.input.data, {}, item.extra, sealed, item.output.data);
}

template <typename Aead, Status (*operation)(Aead&, Item&)>
void run(ThreadState& thread, Item* items, size_t count) {
  Aead aead(thread);
  for (size_t i = 0; i < count; i++) items[i].status = operation(aead, items[i]);
  ERR_clear_error();
}

struct KnownAnswer {
  uint8_t key_byte;
  const char* nonce;
  const char* aad;
  const char* plaintext;
  uint8_t sealed[28];
};

/** GCM: computed with node:crypto, the openssl program and @noble/ciphers. XAES: the two of c2sp.org/XAES-256-GCM. */
constexpr KnownAnswer kGcmAnswers[] = {
    {0x01, "ABCDEFGHIJKL", "keymill", "XAES-256-GCM", {0xf2, 0x3f, 0x6b, 0x7a, 0x0a, 0x5a, 0x42, 0xe7, 0x7f, 0xbd,
                                                       0xbf, 0x4a, 0x80, 0xf6, 0x33, 0xb6, 0xa0, 0x46, 0xb1, 0x56,
                                                       0x9e, 0x73, 0xd1, 0xa7, 0x97, 0x46, 0xe9, 0xe2}},
};
constexpr KnownAnswer kXaesAnswers[] = {
    {0x01, "ABCDEFGHIJKLMNOPQRSTUVWX", "", "XAES-256-GCM", {0xce, 0x54, 0x6e, 0xf6, 0x3c, 0x9c, 0xc6, 0x07, 0x65, 0x92,
                                                            0x36, 0x09, 0xb3, 0x3a, 0x9a, 0x19, 0x74, 0xe9, 0x6e, 0x52,
                                                            0xda, 0xf2, 0xfc, 0xf7, 0x07, 0x5e, 0x22, 0x71}},
    {0x03, "ABCDEFGHIJKLMNOPQRSTUVWX", "c2sp.org/XAES-256-GCM", "XAES-256-GCM", {0x98, 0x6e, 0xc1, 0x83, 0x25, 0x93,
                                                                                 0xdf, 0x54, 0x43, 0xa1, 0x79, 0x43,
                                                                                 0x7f, 0xd0, 0x83, 0xbf, 0x3f, 0xdb,
                                                                                 0x41, 0xab, 0xd7, 0x40, 0xa2, 0x1f,
                                                                                 0x71, 0xeb, 0x76, 0x9d}},
};

Bytes text(const char* characters) { return {reinterpret_cast<const uint8_t*>(characters), strlen(characters)}; }

template <typename Aead>
bool test_encrypt(ThreadState& thread, const KnownAnswer& answer, bool fault) {
  Key key;
  uint8_t raw[kKeyBytes], out[64];
  memset(raw, answer.key_byte, sizeof(raw));
  key.secret = SecretBytes::copy_of({raw, sizeof(raw)});
  if (!key.secret.ok()) return false;
  Item item;
  item.key = &key;
  item.input = text(answer.plaintext);
  item.extra = text(answer.aad);
  item.nonce = text(answer.nonce);
  item.output = {out, sizeof(out)};
  run<Aead, encrypt<Aead>>(thread, &item, 1);
  if (item.status != Status::OK || item.output.size != Aead::kNonceBytes + sizeof(answer.sealed)) return false;
  out[Aead::kNonceBytes] ^= fault;
  return memcmp(out + Aead::kNonceBytes, answer.sealed, sizeof(answer.sealed)) == 0;
}

/** The answer opens, and with one bit of the tag flipped it does not and leaves nothing behind. */
template <typename Aead>
bool test_decrypt(ThreadState& thread, const KnownAnswer& answer, bool fault) {
  Key key;
  uint8_t raw[kKeyBytes], sealed[64], out[32];
  memset(raw, answer.key_byte, sizeof(raw));
  key.secret = SecretBytes::copy_of({raw, sizeof(raw)});
  if (!key.secret.ok()) return false;
  memcpy(sealed, answer.nonce, Aead::kNonceBytes);
  memcpy(sealed + Aead::kNonceBytes, answer.sealed, sizeof(answer.sealed));
  Item good;
  good.key = &key;
  good.input = {sealed, Aead::kNonceBytes + sizeof(answer.sealed)};
  good.extra = text(answer.aad);
  good.output = {out, sizeof(out)};
  Item bad = good;
  run<Aead, decrypt<Aead>>(thread, &good, 1);
  const Bytes plaintext = text(answer.plaintext);
  out[0] ^= fault;
  if (good.status != Status::OK || good.output.size != plaintext.size ||
      memcmp(out, plaintext.data, plaintext.size) != 0) {
    return false;
  }
  sealed[bad.input.size - 1] ^= 1;
  run<Aead, decrypt<Aead>>(thread, &bad, 1);
  uint8_t left = 0;
  for (size_t i = 0; i < plaintext.size; i++) left |= out[i];
  return bad.status == Status::DECRYPTION_FAILED && left == 0;
}

/** The key a test makes dies with it, so nothing prepared from it may stay. */
template <typename Aead, const KnownAnswer* answers, size_t count, bool (*test)(ThreadState&, const KnownAnswer&, bool)>
bool self_test(ThreadState& thread, bool fault) {
  bool ok = true;
  for (size_t i = 0; i < count; i++) ok = test(thread, answers[i], fault) && ok;
  return ok;
}

constexpr Implementation kAead[] = {
    {Operation::ENCRYPT, Algorithm::SYMMETRIC_DEFAULT, KeySpec{}, "aes-256-gcm-encrypt", "openssl", 0,
     run<Gcm, encrypt<Gcm>>, self_test<Gcm, kGcmAnswers, 1, test_encrypt<Gcm>>},
    {Operation::DECRYPT, Algorithm::SYMMETRIC_DEFAULT, KeySpec{}, "aes-256-gcm-decrypt", "openssl", 0,
     run<Gcm, decrypt<Gcm>>, self_test<Gcm, kGcmAnswers, 1, test_decrypt<Gcm>>},
    {Operation::ENCRYPT, Algorithm::XAES_256_GCM, KeySpec{}, "xaes-256-gcm-encrypt", "openssl", 0,
     run<Xaes, encrypt<Xaes>>, self_test<Xaes, kXaesAnswers, 2, test_encrypt<Xaes>>},
    {Operation::DECRYPT, Algorithm::XAES_256_GCM, KeySpec{}, "xaes-256-gcm-decrypt", "openssl", 0,
     run<Xaes, decrypt<Xaes>>, self_test<Xaes, kXaesAnswers, 2, test_decrypt<Xaes>>},
};

}  // namespace

ImplementationList aead_implementations() { return {kAead, sizeof(kAead) / sizeof(kAead[0])}; }

Status xaes_seal(ThreadState& thread, const Key& key, const uint8_t nonce24[kXaesNonceBytes], Bytes head, Bytes aad,
                 Bytes plaintext, MutableBytes out) {
  if (out.size < plaintext.size + TAG_BYTES) return Status::MALFORMED_RECORD;
  if (plaintext.size > kMaximumBytes || aad.size > kMaximumBytes) return Status::INVALID_LENGTH;
  const Status status = Xaes(thread).seal_one(key, nonce24, head, aad, plaintext, out.data);
  ERR_clear_error();
  return status;
}

Status xaes_open(ThreadState& thread, const Key& key, const uint8_t nonce24[kXaesNonceBytes], Bytes head, Bytes aad,
                 Bytes input, MutableBytes out) {
  if (input.size < TAG_BYTES || input.size > kMaximumBytes || aad.size > kMaximumBytes ||
      out.size < input.size - TAG_BYTES) {
    return Status::DECRYPTION_FAILED;
  }
  const Status status = Xaes(thread).open_one(key, nonce24, head, aad, input, out.data);
  ERR_clear_error();
  return status;
}

}  // namespace keymill
