// How far the compiler spreads out the templates over limbs. Fully, so that limbs and column sums are registers; with
// KEYMILL_COMPACT as little as it likes, for code that need not be fast.
#pragma once

#ifdef KEYMILL_COMPACT
#define KEYMILL_UNROLL
#else
#define KEYMILL_UNROLL _Pragma("GCC unroll 32")
#endif

#if (defined(__GNUC__) || defined(__clang__)) && !defined(KEYMILL_COMPACT)
#define KEYMILL_INLINE inline __attribute__((always_inline))
#define KEYMILL_INLINE_LAMBDA __attribute__((always_inline))
#define KEYMILL_NOINLINE __attribute__((noinline))
#else
#define KEYMILL_INLINE inline
#define KEYMILL_INLINE_LAMBDA
#define KEYMILL_NOINLINE
#endif
