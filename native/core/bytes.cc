#include "bytes.h"

#include <openssl/crypto.h>

#include "unroll.h"

namespace keymill {

void wipe(void* data, size_t bytes) {
  if (bytes == 0) return;
#if defined(__GNUC__) || defined(__clang__)
  // Many times the speed of OpenSSL's; for all the compiler knows, the assembly reads what was written.
  std::memset(data, 0, bytes);
  __asm__ __volatile__("" : : "r"(data) : "memory");
#else
  OPENSSL_cleanse(data, bytes);
#endif
}

KEYMILL_NOINLINE void wipe_stack() {
  uint8_t below[16384];
  wipe(below, sizeof below);
}

}  // namespace keymill
