// Memory of a block, alive as long as anybody uses it: the engine that allocated it, the ArrayBuffer over it, a job in
// flight.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/bytes.h"

namespace keymill {

class BlockMemory {
 public:
  /** Zeroed and aligned to a cache line; nullptr where memory is short. */
  static BlockMemory* allocate(size_t bytes);

  MutableBytes bytes() const { return {data_, size_}; }
  void retain() { users_.fetch_add(1, std::memory_order_relaxed); }
  /** The last one to release wipes and frees. */
  void release();

 private:
  BlockMemory(uint8_t* data, size_t size) : data_(data), size_(size) {}
  ~BlockMemory();

  std::atomic<uint32_t> users_{1};
  uint8_t* data_;
  size_t size_;
};

/** One use of a block's memory. */
class BlockUse {
 public:
  BlockUse() = default;
  /** Takes over a use that already counts. */
  explicit BlockUse(BlockMemory* memory) : memory_(memory) {}
  BlockUse(const BlockUse& other) : memory_(other.memory_) {
    if (memory_) memory_->retain();
  }
  BlockUse(BlockUse&& other) noexcept : memory_(other.memory_) { other.memory_ = nullptr; }
  BlockUse& operator=(BlockUse other) noexcept {
    BlockMemory* const mine = memory_;
    memory_ = other.memory_;
    other.memory_ = mine;
    return *this;
  }
  ~BlockUse() {
    if (memory_) memory_->release();
  }

  BlockMemory* get() const { return memory_; }
  MutableBytes bytes() const { return memory_ ? memory_->bytes() : MutableBytes{}; }

 private:
  BlockMemory* memory_ = nullptr;
};

}  // namespace keymill
