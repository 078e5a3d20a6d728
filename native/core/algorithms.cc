#include "algorithms.h"

#include <openssl/err.h>

namespace keymill {

const Algorithms& algorithms() {
  static const Algorithms fetched = [] {
    const Algorithms algorithms{
        EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr),
        EVP_CIPHER_fetch(nullptr, "AES-256-ECB", nullptr),
    };
    ERR_clear_error();
    return algorithms;
  }();
  return fetched;
}

}  // namespace keymill
