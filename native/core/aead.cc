#include "aead.h"

#include <openssl/core_names.h>
#include <openssl/err.h>

#include "aead_key.h"
#include "algorithms.h"
#include "cpu.h"
#include "gcm_batched.h"
#include "gcm_items.h"

namespace keymill {
namespace {

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
  uint8_t unused[kAesBlockBytes];
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
  uint8_t unused[kAesBlockBytes];
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
  CipherContext derived_gcm = new_cipher_context(algorithms().aes_256_gcm, kZeroKey);

  static constexpr uint8_t kZeroKey[kAesKeyBytes] = {};
  void forget_key() { EVP_CipherInit_ex2(derived_gcm.get(), nullptr, kZeroKey, nullptr, 1, nullptr); }
};

/** The two AEADs differ in where a message's context and GCM nonce come from. */
struct Gcm {
  static constexpr size_t kNonceBytes = kGcmNonceBytes;

  explicit Gcm(ThreadState& thread) : thread_(thread) {}

  Status seal_one(const Key& key, const uint8_t* nonce, Bytes head, Bytes aad, Bytes plaintext, uint8_t* out) {
    EVP_CIPHER_CTX* gcm = prepared_state<AeadKey>(thread_, key).gcm();
    return gcm ? seal(gcm, nullptr, nonce, head, aad, plaintext, out) : Status::OUT_OF_MEMORY;
  }
  Status open_one(const Key& key, const uint8_t* nonce, Bytes head, Bytes aad, Bytes input, uint8_t* out) {
    EVP_CIPHER_CTX* gcm = prepared_state<AeadKey>(thread_, key).gcm();
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
    return state_.derived_gcm && prepared_state<AeadKey>(thread_, key).derive_xaes_key(nonce, derived_);
  }

  ThreadState& thread_;
  AeadState& state_;
  uint8_t derived_[kAesKeyBytes];
};

template <typename Aead>
Status encrypt(Aead& aead, Item& item) {
  const size_t size = Aead::kNonceBytes + item.input.size + TAG_BYTES;
  if (item.output.size < size) return Status::MALFORMED_RECORD;
  if (item.input.size > kMaximumGcmBytes || item.extra.size > kMaximumGcmBytes) return Status::INVALID_LENGTH;
  memcpy(item.output.data, item.nonce.data, Aead::kNonceBytes);
  item.output.size = size;
  return aead.seal_one(*item.key, item.nonce.data, {}, item.extra, item.input, item.output.data + Aead::kNonceBytes);
}

template <typename Aead>
Status decrypt(Aead& aead, Item& item) {
  constexpr size_t overhead = Aead::kNonceBytes + TAG_BYTES;
  if (item.input.size < overhead) return Status::DECRYPTION_FAILED;
  if (item.output.size < item.input.size - overhead) return Status::MALFORMED_RECORD;
  if (item.input.size > kMaximumGcmBytes || item.extra.size > kMaximumGcmBytes) return Status::DECRYPTION_FAILED;
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

using Run = void (*)(ThreadState& thread, Item* items, size_t count);

template <typename Aead, Run run_encrypt>
bool test_encrypt(ThreadState& thread, const KnownAnswer& answer, bool fault) {
  Key key;
  uint8_t raw[kAesKeyBytes], out[64];
  memset(raw, answer.key_byte, sizeof(raw));
  key.secret = SecretBytes::copy_of({raw, sizeof(raw)});
  if (!key.secret.ok()) return false;
  Item item;
  item.key = &key;
  item.input = text(answer.plaintext);
  item.extra = text(answer.aad);
  item.nonce = text(answer.nonce);
  item.output = {out, sizeof(out)};
  run_encrypt(thread, &item, 1);
  if (item.status != Status::OK || item.output.size != Aead::kNonceBytes + sizeof(answer.sealed)) return false;
  out[Aead::kNonceBytes] ^= fault;
  return memcmp(out + Aead::kNonceBytes, answer.sealed, sizeof(answer.sealed)) == 0;
}

/** The answer opens, and with one bit of the tag flipped it does not and leaves nothing behind. */
template <typename Aead, Run run_decrypt>
bool test_decrypt(ThreadState& thread, const KnownAnswer& answer, bool fault) {
  Key key;
  uint8_t raw[kAesKeyBytes], sealed[64], out[32];
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
  run_decrypt(thread, &good, 1);
  const Bytes plaintext = text(answer.plaintext);
  out[0] ^= fault;
  if (good.status != Status::OK || good.output.size != plaintext.size ||
      memcmp(out, plaintext.data, plaintext.size) != 0) {
    return false;
  }
  sealed[bad.input.size - 1] ^= 1;
  run_decrypt(thread, &bad, 1);
  uint8_t left = 0;
  for (size_t i = 0; i < plaintext.size; i++) left |= out[i];
  return bad.status == Status::DECRYPTION_FAILED && left == 0;
}

template <const KnownAnswer* answers, size_t count, bool (*test)(ThreadState&, const KnownAnswer&, bool)>
bool self_test(ThreadState& thread, bool fault) {
  bool ok = true;
  for (size_t i = 0; i < count; i++) ok = test(thread, answers[i], fault) && ok;
  return ok;
}

template <typename Aead, const KnownAnswer* answers, size_t count, Run run>
constexpr Implementation encrypt_row(Algorithm algorithm, const char* primitive, const char* name,
                                     uint64_t required_cpu_features = 0) {
  return {Operation::ENCRYPT,
          algorithm,
          KeySpec{},
          primitive,
          name,
          required_cpu_features,
          run,
          self_test<answers, count, test_encrypt<Aead, run>>};
}

template <typename Aead, const KnownAnswer* answers, size_t count, Run run>
constexpr Implementation decrypt_row(Algorithm algorithm, const char* primitive, const char* name,
                                     uint64_t required_cpu_features = 0) {
  return {Operation::DECRYPT,
          algorithm,
          KeySpec{},
          primitive,
          name,
          required_cpu_features,
          run,
          self_test<answers, count, test_decrypt<Aead, run>>};
}

constexpr Algorithm kGcm = Algorithm::SYMMETRIC_DEFAULT;
constexpr Algorithm kXaes = Algorithm::XAES_256_GCM;

constexpr uint64_t kVaes = kCpuAvx512 | kCpuAes | kCpuPclmulqdq | kCpuVaes | kCpuVpclmulqdq;

constexpr Implementation kAead[] = {
    encrypt_row<Gcm, kGcmAnswers, 1, seal_gcm_vaes>(kGcm, "aes-256-gcm-encrypt", "vaes", kVaes),
    decrypt_row<Gcm, kGcmAnswers, 1, open_gcm_vaes>(kGcm, "aes-256-gcm-decrypt", "vaes", kVaes),
    encrypt_row<Gcm, kGcmAnswers, 1, seal_gcm_batched>(kGcm, "aes-256-gcm-encrypt", "openssl-batched"),
    decrypt_row<Gcm, kGcmAnswers, 1, open_gcm_batched>(kGcm, "aes-256-gcm-decrypt", "openssl-batched"),
    encrypt_row<Gcm, kGcmAnswers, 1, seal_gcm_one_by_one>(kGcm, "aes-256-gcm-encrypt", "openssl"),
    decrypt_row<Gcm, kGcmAnswers, 1, open_gcm_one_by_one>(kGcm, "aes-256-gcm-decrypt", "openssl"),
    encrypt_row<Xaes, kXaesAnswers, 2, seal_xaes_vaes>(kXaes, "xaes-256-gcm-encrypt", "vaes", kVaes),
    decrypt_row<Xaes, kXaesAnswers, 2, open_xaes_vaes>(kXaes, "xaes-256-gcm-decrypt", "vaes", kVaes),
    encrypt_row<Xaes, kXaesAnswers, 2, run<Xaes, encrypt<Xaes>>>(kXaes, "xaes-256-gcm-encrypt", "openssl"),
    decrypt_row<Xaes, kXaesAnswers, 2, run<Xaes, decrypt<Xaes>>>(kXaes, "xaes-256-gcm-decrypt", "openssl"),
};

}  // namespace

void seal_gcm_one_by_one(ThreadState& thread, Item* items, size_t count) {
  run<Gcm, encrypt<Gcm>>(thread, items, count);
}

void open_gcm_one_by_one(ThreadState& thread, Item* items, size_t count) {
  run<Gcm, decrypt<Gcm>>(thread, items, count);
}

ImplementationList aead_implementations() { return {kAead, sizeof(kAead) / sizeof(kAead[0])}; }

Status xaes_seal(ThreadState& thread, const Key& key, const uint8_t nonce24[kXaesNonceBytes], Bytes head, Bytes aad,
                 Bytes plaintext, MutableBytes out) {
  if (out.size < plaintext.size + TAG_BYTES) return Status::MALFORMED_RECORD;
  if (plaintext.size > kMaximumGcmBytes || aad.size > kMaximumGcmBytes) return Status::INVALID_LENGTH;
  const Status status = Xaes(thread).seal_one(key, nonce24, head, aad, plaintext, out.data);
  ERR_clear_error();
  return status;
}

Status xaes_open(ThreadState& thread, const Key& key, const uint8_t nonce24[kXaesNonceBytes], Bytes head, Bytes aad,
                 Bytes input, MutableBytes out) {
  if (input.size < TAG_BYTES || input.size > kMaximumGcmBytes || aad.size > kMaximumGcmBytes ||
      out.size < input.size - TAG_BYTES) {
    return Status::DECRYPTION_FAILED;
  }
  const Status status = Xaes(thread).open_one(key, nonce24, head, aad, input, out.data);
  ERR_clear_error();
  return status;
}

}  // namespace keymill
