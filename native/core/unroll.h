// What the vector kernels ask of the compiler.
#pragma once

/** Unrolls the whole loop that follows, so that what it indexes are registers. A source file that has no use for speed
 * defines KEYMILL_COMPACT before any header: then its templates are not spread out. */
#ifndef KEYMILL_COMPACT
#define KEYMILL_UNROLL _Pragma("GCC unroll 64")
#else
#define KEYMILL_UNROLL
#endif

#if (defined(__GNUC__) || defined(__clang__)) && !defined(KEYMILL_COMPACT)
#define KEYMILL_INLINE inline __attribute__((always_inline))
/** After the parameters of a lambda. */
#define KEYMILL_INLINE_LAMBDA __attribute__((always_inline))
#else
#define KEYMILL_INLINE inline
#define KEYMILL_INLINE_LAMBDA
#endif

/** Begins with a cache line: how fast a kernel's long code is fetched must not hang on what lies before it. */
#if defined(__GNUC__) || defined(__clang__)
#define KEYMILL_NOINLINE __attribute__((noinline, aligned(64)))
#else
#define KEYMILL_NOINLINE
#endif
