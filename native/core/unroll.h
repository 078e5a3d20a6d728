// What the vector kernels ask of the compiler.
#pragma once

/** Unrolls the whole loop that follows, so that what it indexes are registers. */
#define KEYMILL_UNROLL _Pragma("GCC unroll 32")

#if defined(__GNUC__) || defined(__clang__)
#define KEYMILL_INLINE inline __attribute__((always_inline))
#define KEYMILL_INLINE_LAMBDA __attribute__((always_inline))
#define KEYMILL_NOINLINE __attribute__((noinline))
#else
#define KEYMILL_INLINE inline
#define KEYMILL_INLINE_LAMBDA
#define KEYMILL_NOINLINE
#endif
