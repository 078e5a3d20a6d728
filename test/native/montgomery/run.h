// A MontgomeryTask on a vector type: included where that is compiled for its processor.
#pragma once
#include "core/montgomery.h"
#include "kernel.h"

namespace keymill {

template <typename V, size_t streams>
void run_streams(const MontgomeryTask& task) {
  using M = Montgomery<V, streams>;
  static_assert(V::kLanes == kMontgomeryLanes, "as the task is laid out");
  const size_t limbs = task.limbs, number_words = M::kWords(limbs);
  uint64_t* next = task.scratch;
  const auto take = [&](size_t words) {
    uint64_t* const taken = next;
    next += words;
    return taken;
  };
  /** A number with its differences. */
  const auto number = [&](const uint64_t* from) {
    uint64_t* const copy = take(number_words);
    for (size_t i = 0; i < limbs * V::kLanes; i++) copy[i] = from[i];
    M::set_differences(copy, limbs);
    return copy;
  };
  typename M::Moduli moduli;
  moduli.limbs = limbs;
  const uint64_t *a[streams], *b[streams];
  uint64_t* out[streams];
  for (size_t s = 0; s < streams; s++) {
    moduli.value[s] = number(task.modulus[s]);
    moduli.friendly[s] = number(task.friendly[s]);
    moduli.half_friendly[s] = number(task.half_friendly[s]);
    moduli.negative_inverse[s] = V::load(task.negative_inverse[s]);
    moduli.columns[s] = take(M::kColumnWords(limbs));
    moduli.multiples[s] = take(M::kMultipleWords);
    a[s] = number(task.a[s]);
    b[s] = number(task.b[s]);
    out[s] = number(task.a[s]);
  }
  typename M::Nothing nothing;
  switch (task.operation) {
    case MontgomeryOperation::kMultiply:
      M::multiply(moduli, out, a, b);
      break;
    case MontgomeryOperation::kSquareTwice:
      M::square(moduli, out, 2);
      break;
    case MontgomeryOperation::kSquareAndMultiply:
      M::square_and_multiply(moduli, out, 1, b, nothing);
      break;
  }
  for (size_t s = 0; s < streams; s++) {
    for (size_t i = 0; i < limbs * V::kLanes; i++) task.out[s][i] = out[s][i];
    M::below_modulus(out[s], moduli.value[s], limbs);
    for (size_t i = 0; i < limbs * V::kLanes; i++) task.reduced[s][i] = out[s][i];
  }
}

template <typename V>
void run_montgomery(const MontgomeryTask& task) {
  if (task.streams == 1) {
    run_streams<V, 1>(task);
  } else {
    run_streams<V, 2>(task);
  }
}

}  // namespace keymill
