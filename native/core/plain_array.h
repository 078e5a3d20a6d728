// Memory for public numbers: neither secret memory nor constant time is called for.
#pragma once
#include <cstddef>
#include <cstdlib>

namespace keymill {

/** Not initialised; `data` is nullptr where memory ran out. */
template <typename T>
struct PlainArray {
  T* data;
  explicit PlainArray(size_t count) : data(static_cast<T*>(std::malloc(count * sizeof(T)))) {}
  ~PlainArray() { std::free(data); }
};

}  // namespace keymill
