// Memory a thread keeps for the calls of kernels.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace keymill {

/** Grows as it is asked to and is kept between calls. Whoever leaves secrets in it wipes them. */
class KernelRoom {
 public:
  KernelRoom() = default;
  KernelRoom(const KernelRoom&) = delete;
  KernelRoom& operator=(const KernelRoom&) = delete;
  ~KernelRoom() { std::free(memory_); }

  /** So many bytes, aligned to 64, or nullptr where memory ran out. What was in it is lost. */
  uint8_t* take(size_t bytes) {
    if (bytes > bytes_) {
      std::free(memory_);
      memory_ = static_cast<uint8_t*>(std::malloc(bytes + kAlignment));
      bytes_ = memory_ ? bytes : 0;
    }
    return memory_ ? memory_ + (kAlignment - reinterpret_cast<uintptr_t>(memory_) % kAlignment) : nullptr;
  }

 private:
  static constexpr size_t kAlignment = 64;
  uint8_t* memory_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace keymill
