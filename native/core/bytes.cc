#include "bytes.h"

#include <openssl/crypto.h>

namespace keymill {

void wipe(void* data, size_t bytes) {
  if (bytes > 0) OPENSSL_cleanse(data, bytes);
}

#if defined(__GNUC__) || defined(__clang__)
__attribute__((noinline))
#endif
void wipe_stack() {
  uint8_t below[16384];
  wipe(below, sizeof below);
}

}  // namespace keymill
