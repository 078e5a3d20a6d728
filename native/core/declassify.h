// Tells the checker of constant time (test/native/constant_time.cc under valgrind) that what was computed from a secret
// may be known, with a comment saying why at each use. Nothing in a normal build.
#pragma once

#ifdef KEYMILL_CONSTANT_TIME_CHECK
#include <valgrind/memcheck.h>
#define KEYMILL_DECLASSIFY(data, bytes) VALGRIND_MAKE_MEM_DEFINED(data, bytes)
#else
#define KEYMILL_DECLASSIFY(data, bytes) static_cast<void>(0)
#endif
