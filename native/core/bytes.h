// Views of memory and the wiping of it. Core knows no napi, node or uv header.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace keymill {

/** Bytes somebody else owns. */
struct Bytes {
  const uint8_t* data = nullptr;
  size_t size = 0;
};

struct MutableBytes {
  uint8_t* data = nullptr;
  size_t size = 0;
  operator Bytes() const { return {data, size}; }
};

/** Overwrites with zeros in a way the compiler keeps. */
void wipe(void* data, size_t bytes);

/** Wipes what vector kernels may have left below the caller's frame: registers put aside that held secrets. */
void wipe_stack();

}  // namespace keymill
