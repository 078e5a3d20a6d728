// Keys that are plain random bytes: AES-256 and HMAC.
#pragma once
#include "key.h"

namespace keymill {

extern const KeyType kSecretKeyTypes[5];

}  // namespace keymill
