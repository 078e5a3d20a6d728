// Memory for secrets: one locked, no-dump arena (guard pages around it, wiped on free and in a forked child) shared by
// the process, and an owning buffer on top of it.
#pragma once
#include <cstddef>
#include <cstdint>

#include "bytes.h"

namespace keymill {

struct SecretMemoryInfo {
  bool locked;
  size_t arena_bytes;
};

/** Where secrets live and whether the kernel agreed to lock it. Sets the arena up at the first call. */
SecretMemoryInfo secret_memory_info();

/** An owning buffer in the arena; wiped when it goes. Empty after a failed allocation: check `ok`. Move-only. */
class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(size_t size);
  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes();

  /** A copy of `bytes` in the arena; empty where the arena is full. */
  static SecretBytes copy_of(Bytes bytes);

  bool ok() const { return data_ != nullptr; }
  uint8_t* data() { return data_; }
  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  Bytes view() const { return {data_, size_}; }

 private:
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace keymill
