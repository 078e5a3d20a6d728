#include "bytes.h"

#include <openssl/crypto.h>

namespace keymill {

void wipe(void* data, size_t bytes) {
  if (bytes == 0) return;
#if defined(__GNUC__) || defined(__clang__)
  // Whole lines at a time, which OPENSSL_cleanse does not. The compiler must think that somebody reads them.
  std::memset(data, 0, bytes);
  __asm__ volatile("" : : "r"(data) : "memory");
#else
  OPENSSL_cleanse(data, bytes);
#endif
}

}  // namespace keymill
