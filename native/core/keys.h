// The table from handles to keys, one per engine. Only the engine's JS thread touches it, so it needs no lock.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "key.h"

namespace keymill {

struct KeyHandle {
  uint32_t slot;
  uint32_t generation;
};

class KeyTable {
 public:
  /** The first generation is drawn at random, so that handles of another engine do not fit; false where that fails. */
  bool start();

  KeyHandle insert(std::shared_ptr<Key> key);
  /** nullptr for a stale, foreign or never given handle. The pointer is good until the next insert, remove or clear. */
  const std::shared_ptr<Key>* find(KeyHandle handle) const {
    if (handle.slot >= slots_.size()) return nullptr;
    const Slot& slot = slots_[handle.slot];
    return slot.key && slot.generation == handle.generation ? &slot.key : nullptr;
  }
  /** No effect on a handle that finds nothing. */
  void remove(KeyHandle handle);
  void clear();

 private:
  struct Slot {
    std::shared_ptr<Key> key;
    uint32_t generation;
  };
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  uint32_t next_generation_ = 0;
};

/** A new key of that spec with a serial of its own, or nullptr where memory is short. */
std::shared_ptr<Key> new_key(KeySpec spec, bool exportable);

}  // namespace keymill
