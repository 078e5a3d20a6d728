#include "bytes.h"

#include <openssl/crypto.h>

namespace keymill {

void wipe(void* data, size_t bytes) {
  if (bytes > 0) OPENSSL_cleanse(data, bytes);
}

}  // namespace keymill
