// Randomness: OpenSSL's CSPRNG and nothing else.
#pragma once
#include "bytes.h"

namespace keymill {

/** False where the generator failed; `out` is then zeroed and must not be used. */
bool fill_random(MutableBytes out);

}  // namespace keymill
