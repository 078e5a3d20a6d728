#include "aead_key.h"

#include "algorithms.h"

namespace keymill {
namespace {

/** block128_f: hands out the block that was computed for this call. */
void take_block(const unsigned char*, unsigned char* out, const void* key) {
  auto* ghash = const_cast<Ghash*>(static_cast<const Ghash*>(key));
  memcpy(out, ghash->next, kAesBlockBytes);
  ghash->next += kAesBlockBytes;
}

}  // namespace

CipherContext new_cipher_context(const EVP_CIPHER* cipher, const uint8_t* key) {
  CipherContext context(EVP_CIPHER_CTX_new());
  if (!context || !cipher || !EVP_EncryptInit_ex2(context.get(), cipher, key, nullptr, nullptr)) return nullptr;
  EVP_CIPHER_CTX_set_padding(context.get(), 0);
  return context;
}

EVP_CIPHER_CTX* AeadKey::gcm() {
  if (!gcm_) gcm_ = new_cipher_context(algorithms().aes_256_gcm, key_.secret.data());
  return gcm_.get();
}

EVP_CIPHER_CTX* AeadKey::ecb() {
  if (!ecb_) ecb_ = new_cipher_context(algorithms().aes_256_ecb, key_.secret.data());
  return ecb_.get();
}

Ghash* AeadKey::ghash() {
  if (!ghash_.gcm) {
    // The hash key is the encryption of zeros, the one block asked for while setting up.
    uint8_t hash_key[kAesBlockBytes] = {};
    if (!ecb() || EVP_Cipher(ecb(), hash_key, hash_key, sizeof(hash_key)) <= 0) return nullptr;
    ghash_.next = hash_key;
    ghash_.gcm.reset(CRYPTO_gcm128_new(&ghash_, take_block));
    wipe(hash_key, sizeof(hash_key));
  }
  return ghash_.gcm ? &ghash_ : nullptr;
}

const GcmSchedule* AeadKey::schedule(const GcmKernel& kernel) {
  if (!schedule_.ok()) {
    SecretBytes memory(sizeof(GcmSchedule));
    if (!memory.ok()) return nullptr;
    kernel.expand(key_.secret.data(), *reinterpret_cast<GcmSchedule*>(memory.data()));
    schedule_ = std::move(memory);
  }
  return reinterpret_cast<const GcmSchedule*>(schedule_.data());
}

bool AeadKey::make_subkey() {
  SecretBytes subkey(kAesBlockBytes);
  if (!ecb() || !subkey.ok()) return false;
  uint8_t* k1 = subkey.data();
  memset(k1, 0, kAesBlockBytes);
  if (EVP_Cipher(ecb(), k1, k1, kAesBlockBytes) <= 0) return false;
  // Doubling in GF(2^128) without a branch on the top bit.
  const auto reduction = static_cast<uint8_t>(0x87 & -(k1[0] >> 7));
  for (size_t i = 0; i + 1 < kAesBlockBytes; i++) k1[i] = static_cast<uint8_t>(k1[i] << 1 | k1[i + 1] >> 7);
  k1[kAesBlockBytes - 1] = static_cast<uint8_t>(k1[kAesBlockBytes - 1] << 1 ^ reduction);
  subkey_ = std::move(subkey);
  return true;
}

/** XAES-256-GCM, "Algorithm": two one-block CMACs of counter, label 'X' and the first half of the nonce. */
bool AeadKey::xaes_blocks(const uint8_t nonce24[kXaesNonceBytes], uint8_t blocks[kAesKeyBytes]) {
  if (!subkey_.ok() && !make_subkey()) return false;
  for (size_t half = 0; half < 2; half++) {
    uint8_t* block = blocks + half * kAesBlockBytes;
    const uint8_t prefix[4] = {0, static_cast<uint8_t>(half + 1), 'X', 0};
    memcpy(block, prefix, sizeof(prefix));
    memcpy(block + sizeof(prefix), nonce24, kAesBlockBytes - sizeof(prefix));
    for (size_t i = 0; i < kAesBlockBytes; i++) block[i] ^= subkey_.data()[i];
  }
  return true;
}

bool AeadKey::derive_xaes_key(const uint8_t nonce24[kXaesNonceBytes], uint8_t derived[kAesKeyBytes]) {
  return xaes_blocks(nonce24, derived) && EVP_Cipher(ecb(), derived, derived, kAesKeyBytes) > 0;
}

}  // namespace keymill
