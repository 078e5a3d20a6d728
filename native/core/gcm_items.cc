#include "gcm_items.h"

#include <algorithm>

#include "aead_key.h"
#include "thread_state.h"

namespace keymill {
namespace {

/** Where a message's schedule and GCM nonce come from: `schedule_of` the i-th of a group, nullptr where memory is
 * short. */
struct Gcm {
  static constexpr size_t kNonceBytes = kGcmNonceBytes;
  static constexpr size_t kGroup = kGroupItems;

  const GcmSchedule* schedule_of(AeadKey& key, const uint8_t*, size_t) { return key.schedule(kVaesGcm); }
};

/** A key is derived for every message, so that few are at hand at a time. */
struct Xaes {
  static constexpr size_t kNonceBytes = kXaesNonceBytes;
  static constexpr size_t kGroup = 8;

  GcmSchedule derived[kGroup];
  ~Xaes() { wipe(derived, sizeof(derived)); }

  const GcmSchedule* schedule_of(AeadKey& key, const uint8_t* nonce24, size_t i) {
    const GcmSchedule* schedule = key.schedule(kVaesGcm);
    uint8_t blocks[kAesKeyBytes];
    if (!schedule || !key.xaes_blocks(nonce24, blocks)) return nullptr;
    kVaesGcm.derive(*schedule, blocks, derived[i]);
    return &derived[i];
  }
};

template <typename Aead>
struct Sealing {
  static constexpr auto kRun = &GcmKernel::seal;

  static Status begin(Item& item, GcmMessage& message) {
    const size_t size = item.input.size;
    if (item.output.size < Aead::kNonceBytes + size + TAG_BYTES) return Status::MALFORMED_RECORD;
    if (size > kMaximumGcmBytes || item.extra.size > kMaximumGcmBytes) return Status::INVALID_LENGTH;
    uint8_t* const text = item.output.data + Aead::kNonceBytes;
    memcpy(item.output.data, item.nonce.data, Aead::kNonceBytes);
    item.output.size = Aead::kNonceBytes + size + TAG_BYTES;
    message.nonce = item.nonce.data;
    message.input = item.input.data;
    message.output = text;
    message.text_bytes = size;
    message.tag = text + size;
    return Status::OK;
  }
  static Status end(const Item&, const GcmMessage&) { return Status::OK; }
};

template <typename Aead>
struct Opening {
  static constexpr auto kRun = &GcmKernel::open;

  static Status begin(Item& item, GcmMessage& message) {
    constexpr size_t overhead = Aead::kNonceBytes + TAG_BYTES;
    if (item.input.size < overhead) return Status::DECRYPTION_FAILED;
    const size_t size = item.input.size - overhead;
    if (item.output.size < size) return Status::MALFORMED_RECORD;
    if (size > kMaximumGcmBytes || item.extra.size > kMaximumGcmBytes) return Status::DECRYPTION_FAILED;
    const uint8_t* const text = item.input.data + Aead::kNonceBytes;
    item.output.size = size;
    message.nonce = item.input.data;
    message.input = text;
    message.output = item.output.data;
    message.text_bytes = size;
    // Only read.
    message.tag = const_cast<uint8_t*>(text) + size;
    return Status::OK;
  }
  static Status end(const Item& item, const GcmMessage& message) {
    if (message.authentic) return Status::OK;
    wipe(item.output.data, item.output.size);
    return Status::DECRYPTION_FAILED;
  }
};

template <typename Aead, typename Direction>
void run_group(ThreadState& thread, Aead& aead, Item* items, size_t count) {
  GcmMessage messages[Aead::kGroup];
  Item* of_message[Aead::kGroup];
  size_t taken = 0;
  for (size_t i = 0; i < count; i++) {
    Item& item = items[i];
    GcmMessage& message = messages[taken];
    item.status = Direction::begin(item, message);
    if (item.status != Status::OK) continue;
    message.schedule = aead.schedule_of(prepared_state<AeadKey>(thread, *item.key), message.nonce, taken);
    message.nonce += Aead::kNonceBytes - kGcmNonceBytes;
    message.aad = item.extra.data;
    message.aad_bytes = item.extra.size;
    if (message.schedule) {
      of_message[taken++] = &item;
    } else {
      item.status = Status::OUT_OF_MEMORY;
    }
  }
  (kVaesGcm.*Direction::kRun)(messages, taken);
  for (size_t i = 0; i < taken; i++) of_message[i]->status = Direction::end(*of_message[i], messages[i]);
}

template <typename Aead, typename Direction>
void run(ThreadState& thread, Item* items, size_t count) {
  // A thread that may not keep what it prepares for a key has that of one key at a time.
  const size_t most = thread.is_js_thread ? Aead::kGroup : 1;
  Aead aead;
  for (size_t done = 0; done < count; done += most) {
    run_group<Aead, Direction>(thread, aead, items + done, std::min(count - done, most));
  }
  wipe_stack();
}

}  // namespace

void seal_gcm_vaes(ThreadState& thread, Item* items, size_t count) { run<Gcm, Sealing<Gcm>>(thread, items, count); }
void open_gcm_vaes(ThreadState& thread, Item* items, size_t count) { run<Gcm, Opening<Gcm>>(thread, items, count); }
void seal_xaes_vaes(ThreadState& thread, Item* items, size_t count) { run<Xaes, Sealing<Xaes>>(thread, items, count); }
void open_xaes_vaes(ThreadState& thread, Item* items, size_t count) { run<Xaes, Opening<Xaes>>(thread, items, count); }

}  // namespace keymill
