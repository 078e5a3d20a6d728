#include "block_memory.h"

#include <cstdlib>
#include <cstring>
#include <new>

namespace keymill {
namespace {

constexpr size_t kAlignment = 64;

}  // namespace

BlockMemory* BlockMemory::allocate(size_t bytes) {
  auto* data = static_cast<uint8_t*>(::operator new(bytes, std::align_val_t{kAlignment}, std::nothrow));
  if (!data) return nullptr;
  memset(data, 0, bytes);
  auto* memory = new (std::nothrow) BlockMemory(data, bytes);
  if (!memory) ::operator delete(data, std::align_val_t{kAlignment});
  return memory;
}

void BlockMemory::release() {
  if (users_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

BlockMemory::~BlockMemory() {
  wipe(data_, size_);
  ::operator delete(data_, std::align_val_t{kAlignment});
}

}  // namespace keymill
