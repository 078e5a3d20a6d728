// Compiles what follows, up to target_end.h, for processors with the features that KEYMILL_TARGET lists: every
// function, those of templates included. No include guard: each inclusion begins such a part, one to a source file.
//
// The functions are called only where cpu.h finds the features. So nothing in the part may be shared with other source
// files, which would run the copy made here: no header of the standard library or of OpenSSL, and no function that does
// not depend on the vector type.
#include "intrinsics.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target(KEYMILL_TARGET))), apply_to = function)
#else
#define KEYMILL_PRAGMA(text) _Pragma(#text)
#define KEYMILL_GCC_TARGET(features) KEYMILL_PRAGMA(GCC target(features))
KEYMILL_GCC_TARGET(KEYMILL_TARGET)
#endif
