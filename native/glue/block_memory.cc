#include "block_memory.h"

#include <cstdlib>
#include <cstring>
#include <new>

namespace keymill {
namespace {

constexpr size_t kAlignment = 64;

// Not the aligned operator new: it needs a newer libstdc++ than Node does.
#ifdef _WIN32
void* allocate_aligned(size_t bytes) { return _aligned_malloc(bytes, kAlignment); }
void free_aligned(void* data) { _aligned_free(data); }
#else
void* allocate_aligned(size_t bytes) {
  void* data;
  return posix_memalign(&data, kAlignment, bytes) == 0 ? data : nullptr;
}
void free_aligned(void* data) { free(data); }
#endif

}  // namespace

BlockMemory* BlockMemory::allocate(size_t bytes) {
  auto* data = static_cast<uint8_t*>(allocate_aligned(bytes));
  if (!data) return nullptr;
  memset(data, 0, bytes);
  auto* memory = new (std::nothrow) BlockMemory(data, bytes);
  if (!memory) free_aligned(data);
  return memory;
}

void BlockMemory::release() {
  if (users_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

BlockMemory::~BlockMemory() {
  wipe(data_, size_);
  free_aligned(data_);
}

}  // namespace keymill
