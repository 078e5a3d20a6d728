// AES-256-GCM kernels: many short messages at once, each under its own key, or long ones at the processor's own pace.
// Who calls them with what is gcm_items.cc.
#pragma once
#include <cstddef>
#include <cstdint>

namespace keymill {

/** An AES-256 key as a kernel reads it; as secret as the key. */
struct GcmSchedule {
  /** FIPS 197 section 5.2. */
  uint8_t round_keys[15][16];
  /** The hash key's powers H^16 to H^1 in the kernel's own form, then zeros for what a vector reads beyond. */
  uint8_t powers[16 + 3][16];
};

/** What one message is made of; nonces have 12 bytes, tags 16. */
struct GcmMessage {
  const GcmSchedule* schedule;
  const uint8_t* nonce;
  const uint8_t* aad;
  size_t aad_bytes;
  /** The text may be read where it is written. */
  const uint8_t* input;
  uint8_t* output;
  size_t text_bytes;
  /** `seal` writes it, `open` compares it in constant time. */
  uint8_t* tag;
  /** Written by `open`, which has written the text whatever it finds. */
  bool authentic;
};

struct GcmKernel {
  void (*expand)(const uint8_t key[32], GcmSchedule& schedule);
  /** Expands the key that two blocks are once they are enciphered under `schedule`. */
  void (*derive)(const GcmSchedule& schedule, const uint8_t blocks[32], GcmSchedule& derived);
  /** Constant time but for lengths. Text and additional data are below 2^32 bytes. */
  void (*seal)(GcmMessage* messages, size_t count);
  void (*open)(GcmMessage* messages, size_t count);
};

/** AVX-512 with VAES and VPCLMULQDQ; empty where this build has none. */
extern const GcmKernel kVaesGcm;

}  // namespace keymill
