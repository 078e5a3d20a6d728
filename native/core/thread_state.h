// What one executing thread keeps between batches. Never shared between threads; knows no napi, node or uv header.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>

#include "key.h"
#include "operation.h"

namespace keymill {

/** What a stem keeps per thread, such as contexts to reuse. Nothing made from a key may stay in it after `run` returns.
 */
class StemState {
 public:
  virtual ~StemState() = default;
};

/** Items gathered for one call of an implementation at most. */
constexpr size_t kGroupItems = 256;
/** Nonces are drawn this many bytes at a time, never more than the batch needs, and none is kept for the next. */
constexpr size_t kNoncePoolBytes = 6144;

struct ThreadState {
  /**
   * True once the results are no longer wanted (the engine or its environment is going away). Polled between items that
   * take long; those not run are CANCELLED.
   */
  std::atomic<bool> cancelled{false};
  /** Whether this is the engine's JS thread, the only one that may touch `Key::prepared`. */
  bool is_js_thread = false;
  /** On other threads: what would be `Key::prepared` of the key used last, dropped at the end of the batch. */
  uint64_t borrowed_serial = 0;
  std::unique_ptr<Prepared> borrowed;

  /** One slot per stem; only that stem reads it. */
  std::unique_ptr<StemState> aead;
  std::unique_ptr<StemState> ecdh;
  std::unique_ptr<StemState> ecdsa;
  std::unique_ptr<StemState> edwards;
  std::unique_ptr<StemState> rsa;

  /** The executor's own: the group being gathered, where each item came from, and nonces not used yet. */
  struct Origin {
    uint32_t record;
    uint32_t item;
  };
  Item items[kGroupItems];
  Origin origins[kGroupItems];
  uint8_t nonces[kNoncePoolBytes];
};

/** The stem's state in `slot`, made on first use. */
template <typename State>
State& stem_state(std::unique_ptr<StemState>& slot) {
  if (!slot) slot = std::make_unique<State>();
  return static_cast<State&>(*slot);
}

/**
 * What the stem prepares for a key, made by `State(const Key&)` on first use; check what it made. Where this thread may
 * not touch the key's own, it lasts until the end of the batch or the next key.
 */
template <typename State>
State& prepared_state(ThreadState& thread, const Key& key) {
  if (thread.is_js_thread) {
    if (!key.prepared) key.prepared = std::make_unique<State>(key);
    return static_cast<State&>(*key.prepared);
  }
  if (!thread.borrowed || thread.borrowed_serial != key.serial) {
    thread.borrowed = std::make_unique<State>(key);
    thread.borrowed_serial = key.serial;
  }
  return static_cast<State&>(*thread.borrowed);
}

}  // namespace keymill
