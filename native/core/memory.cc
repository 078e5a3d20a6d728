#include "memory.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <algorithm>
#include <mutex>
#include <new>
#include <vector>

#ifdef _WIN32
#include <windows.h>
#else
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#endif

namespace keymill {
namespace {

constexpr size_t kKiB = 1024;
constexpr size_t kMiB = 1024 * kKiB;
/** OpenSSL's heap where it cannot be locked: room for some thousands of RSA keys. */
constexpr size_t kUnlockedHeapBytes = 8 * kMiB;
/** Smallest allocation; a freed one holds the pointer to the next free one. */
constexpr size_t kSmallestClass = 32;
/** Classes are powers of two from 32 bytes to 64 KiB. Larger requests are refused: no key is that long. */
constexpr size_t kClasses = 12;

size_t class_of(size_t size) {
  size_t index = 0;
  while ((kSmallestClass << index) < size) index++;
  return index;
}

/** Memory between two pages that fault, locked and kept out of core dumps and forked children where the system agrees.
 */
struct Region {
  uint8_t* base = nullptr;
  size_t size = 0;
  size_t used = 0;
  bool locked = false;
};

#ifdef _WIN32

size_t lockable_bytes() { return 8 * kMiB; }

Region map_region(size_t size) {
  constexpr size_t page = 64 * kKiB;
  auto* whole = static_cast<uint8_t*>(VirtualAlloc(nullptr, size + 2 * page, MEM_RESERVE, PAGE_NOACCESS));
  if (!whole) return {};
  if (!VirtualAlloc(whole + page, size, MEM_COMMIT, PAGE_READWRITE)) {
    VirtualFree(whole, 0, MEM_RELEASE);
    return {};
  }
  return {whole + page, size, 0, VirtualLock(whole + page, size) != 0};
}

#else

/** What this process may lock; some of it is left for others. */
size_t lockable_bytes() {
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return 0;
  if (limit.rlim_cur == RLIM_INFINITY) return 64 * kMiB;
  return static_cast<size_t>(std::min<rlim_t>(limit.rlim_cur, 64 * kMiB));
}

Region map_region(size_t size) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* whole = mmap(nullptr, size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (whole == MAP_FAILED) return {};
  auto* base = static_cast<uint8_t*>(whole) + page;
  if (mprotect(base, size, PROT_READ | PROT_WRITE) != 0) {
    munmap(whole, size + 2 * page);
    return {};
  }
#ifdef MLOCK_ONFAULT
  // Pages are locked as they are touched, so that an idle arena costs no memory.
  const bool locked = mlock2(base, size, MLOCK_ONFAULT) == 0 || mlock(base, size) == 0;
#else
  const bool locked = mlock(base, size) == 0;
#endif
#ifdef MADV_DONTDUMP
  madvise(base, size, MADV_DONTDUMP);
#endif
#ifdef MADV_WIPEONFORK
  madvise(base, size, MADV_WIPEONFORK);
#endif
  return {base, size, 0, locked};
}

#endif

size_t floor_power_of_two(size_t value) {
  size_t power = 1;
  while (power <= value / 2) power *= 2;
  return power;
}

class Arena {
 public:
  Arena() {
    // OpenSSL keeps the private numbers of RSA and EC keys in its own heap, which is of fixed size and fails when full;
    // it gets the larger share of what may be locked, and enough where locking is out of reach anyway. A host may have
    // set it up already (node --secure-heap): then that one serves.
    const size_t lockable = lockable_bytes();
    const size_t openssl_bytes =
        lockable >= 2 * kMiB ? std::min(floor_power_of_two(lockable / 2), 32 * kMiB) : kUnlockedHeapBytes;
    if (!CRYPTO_secure_malloc_initialized()) {
      openssl_locked_ = CRYPTO_secure_malloc_init(openssl_bytes, kSmallestClass) == 1;
      ERR_clear_error();
    }
    region_bytes_ = std::clamp(floor_power_of_two(lockable / 4), 256 * kKiB, 16 * kMiB);
    add_region();
  }

  void* allocate(size_t size) {
    const size_t index = class_of(size);
    if (index >= kClasses) return nullptr;
    const size_t bytes = kSmallestClass << index;
    std::lock_guard<std::mutex> guard(mutex_);
    if (Free* free = free_[index]) {
      free_[index] = free->next;
      free->next = nullptr;
      return free;
    }
    // Past the first region memory may be unlocked, which `info` then says: better than refusing keys.
    if (regions_.empty() || regions_.back().size - regions_.back().used < bytes) {
      if (!add_region()) return nullptr;
    }
    Region& region = regions_.back();
    void* memory = region.base + region.used;
    region.used += bytes;
    return memory;
  }

  void release(void* memory, size_t size) {
    wipe(memory, size);
    const size_t index = class_of(size);
    std::lock_guard<std::mutex> guard(mutex_);
    auto* free = static_cast<Free*>(memory);
    free->next = free_[index];
    free_[index] = free;
  }

  SecretMemoryInfo info() {
    std::lock_guard<std::mutex> guard(mutex_);
    SecretMemoryInfo info{openssl_locked_ && !regions_.empty(), 0};
    for (const Region& region : regions_) {
      info.locked = info.locked && region.locked;
      info.arena_bytes += region.size;
    }
    return info;
  }

 private:
  struct Free {
    Free* next;
  };

  bool add_region() {
    Region region = map_region(region_bytes_);
    if (!region.base) return false;
    regions_.push_back(region);
    return true;
  }

  std::mutex mutex_;
  size_t region_bytes_ = 0;
  bool openssl_locked_ = true;
  std::vector<Region> regions_;
  Free* free_[kClasses] = {};
};

/** One per process and never destroyed: keys of a worker's environment may outlive any other static object. */
Arena& arena() {
  static Arena* const instance = new Arena;
  return *instance;
}

}  // namespace

SecretMemoryInfo secret_memory_info() { return arena().info(); }

SecretBytes::SecretBytes(size_t size) {
  if (size == 0) return;
  data_ = static_cast<uint8_t*>(arena().allocate(size));
  if (data_) size_ = size;
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept : data_(other.data_), size_(other.size_) {
  other.data_ = nullptr;
  other.size_ = 0;
}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

SecretBytes::~SecretBytes() {
  if (data_) arena().release(data_, size_);
}

SecretBytes SecretBytes::copy_of(Bytes bytes) {
  SecretBytes copy(bytes.size);
  if (copy.ok()) memcpy(copy.data(), bytes.data, bytes.size);
  return copy;
}

}  // namespace keymill
