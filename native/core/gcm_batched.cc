#include "gcm_batched.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <algorithm>

#include "aead_key.h"
#include "thread_state.h"

namespace keymill {
namespace {

/** Messages up to this length are short: beyond it EVP is the faster way. */
constexpr size_t kShortBytes = 256;
constexpr size_t kStreamBlocks = 512;
constexpr size_t kOverheadBytes = kGcmNonceBytes + TAG_BYTES;

/** Bytes of key stream for the messages at hand; wiped after use. */
struct KeyStream {
  alignas(64) uint8_t bytes[kStreamBlocks * kAesBlockBytes];
};

/** A message in the terms both directions share. `text` is what is enciphered: plaintext or ciphertext. */
struct Sealing {
  static const uint8_t* nonce(const Item& item) { return item.nonce.data; }
  static Bytes text(const Item& item) { return item.input; }
  static Status check(const Item& item) {
    return item.output.size < item.input.size + kOverheadBytes ? Status::MALFORMED_RECORD : Status::OK;
  }
  static void one_by_one(ThreadState& thread, Item* items, size_t count) { seal_gcm_one_by_one(thread, items, count); }
  static void finish(Ghash& ghash, Item& item);
};

struct Opening {
  static const uint8_t* nonce(const Item& item) { return item.input.data; }
  static Bytes text(const Item& item) { return {item.input.data + kGcmNonceBytes, item.input.size - kOverheadBytes}; }
  static Status check(const Item& item) {
    if (item.input.size < kOverheadBytes) return Status::DECRYPTION_FAILED;
    return item.output.size < item.input.size - kOverheadBytes ? Status::MALFORMED_RECORD : Status::OK;
  }
  static void one_by_one(ThreadState& thread, Item* items, size_t count) { open_gcm_one_by_one(thread, items, count); }
  static void finish(Ghash& ghash, Item& item);
};

/** ctr128_f: whole blocks against the key stream computed for them. */
void use_stream(const unsigned char* in, unsigned char* out, size_t blocks, const void* key, const unsigned char*) {
  auto* ghash = const_cast<Ghash*>(static_cast<const Ghash*>(key));
  for (size_t i = 0; i < blocks; i++, in += kAesBlockBytes, out += kAesBlockBytes, ghash->next += kAesBlockBytes) {
    uint64_t text[2], stream[2];
    memcpy(text, in, sizeof(text));
    memcpy(stream, ghash->next, sizeof(stream));
    text[0] ^= stream[0];
    text[1] ^= stream[1];
    memcpy(out, text, sizeof(text));
  }
}

void Sealing::finish(Ghash& ghash, Item& item) {
  GCM128_CONTEXT* gcm = ghash.gcm.get();
  uint8_t* out = item.output.data;
  const size_t size = item.input.size;
  CRYPTO_gcm128_setiv(gcm, item.nonce.data, kGcmNonceBytes);
  bool ok = item.extra.size == 0 || CRYPTO_gcm128_aad(gcm, item.extra.data, item.extra.size) == 0;
  ok = ok &&
       (size == 0 || CRYPTO_gcm128_encrypt_ctr32(gcm, item.input.data, out + kGcmNonceBytes, size, use_stream) == 0);
  memcpy(out, item.nonce.data, kGcmNonceBytes);
  CRYPTO_gcm128_tag(gcm, out + kGcmNonceBytes + size, TAG_BYTES);
  item.output.size = size + kOverheadBytes;
  item.status = ok ? Status::OK : Status::INTERNAL;
}

void Opening::finish(Ghash& ghash, Item& item) {
  GCM128_CONTEXT* gcm = ghash.gcm.get();
  const Bytes ciphertext = text(item);
  // Set aside first: where the caller deciphers in place, the output may cover it.
  uint8_t tag[TAG_BYTES];
  memcpy(tag, ciphertext.data + ciphertext.size, TAG_BYTES);
  CRYPTO_gcm128_setiv(gcm, item.input.data, kGcmNonceBytes);
  bool ok = item.extra.size == 0 || CRYPTO_gcm128_aad(gcm, item.extra.data, item.extra.size) == 0;
  ok = ok && (ciphertext.size == 0 ||
              CRYPTO_gcm128_decrypt_ctr32(gcm, ciphertext.data, item.output.data, ciphertext.size, use_stream) == 0);
  ok = CRYPTO_gcm128_finish(gcm, tag, TAG_BYTES) == 0 && ok;
  if (!ok) wipe(item.output.data, ciphertext.size);
  item.output.size = ciphertext.size;
  item.status = ok ? Status::OK : Status::DECRYPTION_FAILED;
}

/** Counter blocks of one message (SP 800-38D section 7.1, J0 first); returns how many. */
size_t write_counters(const uint8_t* nonce, size_t text_bytes, uint8_t* blocks) {
  const size_t count = 1 + (text_bytes + kAesBlockBytes - 1) / kAesBlockBytes;
  for (size_t i = 0; i < count; i++, blocks += kAesBlockBytes) {
    memcpy(blocks, nonce, kGcmNonceBytes);
    // Short messages count to far less than 2^16.
    blocks[12] = blocks[13] = 0;
    blocks[14] = static_cast<uint8_t>((i + 1) >> 8);
    blocks[15] = static_cast<uint8_t>(i + 1);
  }
  return count;
}

/** Runs messages from `items` on, all under the first one's key, as far as the key stream reaches; returns how many. */
template <typename Direction>
size_t run_some(ThreadState& thread, KeyStream& stream, Item* items, size_t count) {
  const Key* key = items[0].key;
  size_t taken = 0, blocks = 0;
  for (; taken < count && items[taken].key == key; taken++) {
    Item& item = items[taken];
    item.status = Direction::check(item);
    if (item.status != Status::OK) continue;
    const size_t text_bytes = Direction::text(item).size;
    constexpr size_t most_blocks = 1 + (kShortBytes + kAesBlockBytes - 1) / kAesBlockBytes;
    if (text_bytes > kShortBytes || blocks + most_blocks > kStreamBlocks) break;
    blocks += write_counters(Direction::nonce(item), text_bytes, stream.bytes + blocks * kAesBlockBytes);
  }
  if (blocks == 0) return taken;
  AeadKey& prepared = prepared_state<AeadKey>(thread, *key);
  Ghash* ghash = prepared.ghash();
  const auto stream_bytes = static_cast<unsigned>(blocks * kAesBlockBytes);
  const bool ready = ghash && EVP_Cipher(prepared.ecb(), stream.bytes, stream.bytes, stream_bytes) > 0;
  if (ready) ghash->next = stream.bytes;
  for (size_t i = 0; i < taken; i++) {
    if (items[i].status != Status::OK) continue;
    if (ready) {
      Direction::finish(*ghash, items[i]);
    } else {
      items[i].status = Status::OUT_OF_MEMORY;
    }
  }
  wipe(stream.bytes, stream_bytes);
  return taken;
}

template <typename Direction>
void run(ThreadState& thread, Item* items, size_t count) {
  KeyStream stream;
  for (size_t done = 0; done < count;) {
    const size_t taken = run_some<Direction>(thread, stream, items + done, count - done);
    done += taken;
    // Nothing taken: the next message is a long one.
    if (taken == 0) Direction::one_by_one(thread, items + done++, 1);
  }
  ERR_clear_error();
}

}  // namespace

void seal_gcm_batched(ThreadState& thread, Item* items, size_t count) { run<Sealing>(thread, items, count); }

void open_gcm_batched(ThreadState& thread, Item* items, size_t count) { run<Opening>(thread, items, count); }

}  // namespace keymill
