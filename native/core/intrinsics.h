// The compiler's intrinsics for every instruction set, whichever a source file as a whole is compiled for.
#pragma once
#include <immintrin.h>

// In the place of MSVC, clang leaves out what /arch does not name (llvm/llvm-project#53520). Included after the header
// above, these take themselves to be included by it; each may need those before it.
#if defined(_MSC_VER) && defined(__clang__)
// clang-format off
#include <tmmintrin.h>
#include <smmintrin.h>
#include <wmmintrin.h>
#include <bmi2intrin.h>
#include <avxintrin.h>
#include <avx2intrin.h>
#include <avx512fintrin.h>
#include <avx512bwintrin.h>
#include <avx512dqintrin.h>
#include <avx512vlintrin.h>
#include <avx512vlbwintrin.h>
#include <avx512vldqintrin.h>
#include <avx512ifmaintrin.h>
#include <vaesintrin.h>
#include <vpclmulqdqintrin.h>
// clang-format on
#endif
