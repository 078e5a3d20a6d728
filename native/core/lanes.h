// What the kernels compute with: a 64-bit word in each of several independent lanes, and products of 52-bit
// limbs. A vector type is a struct of static functions, so that field.h, point.h, ecdsa_lanes.h, montgomery.h
// and rsa_lanes.h are written once:
//   lanes_ifma.h      eight lanes of AVX-512 IFMA
//   lanes_paired.h    two vectors of another type side by side
//   lanes_scalar.h    one lane of plain 64-bit arithmetic
//   lanes_emulated.h  eight lanes computed one after the other: the vector kernels where there are no vectors
#pragma once
#include <cstddef>
#include <cstdint>

#include "unroll.h"

namespace keymill {

/** The multiplier of AVX-512 IFMA takes 52 bits, so every vector type does. */
constexpr int kLimbBits = 52;
constexpr uint64_t kLimbMask = (uint64_t{1} << kLimbBits) - 1;

// A vector type V has:
//   kLanes                    how many
//   kSums                     how many words registers can sum up at once
//   Word, Mask                64 bits per lane; a condition per lane
//   broadcast(x)              x in every lane
//   load(p), store(p, w)      kLanes words at p
//   add, subtract             modulo 2^64
//   both, either, exclusive   bitwise and, or, exclusive or
//   left(w, n), right(w, n)   shifts, n < 64 and the same for all lanes; signed_right fills with the sign
//   product(a, b)             the low 64 bits of a * b
//   multiply_low(c, a, b)     c + the low 52 bits of the product of the low 52 bits of a and b; b must be below 2^52
//   multiply_high(c, a, b)    c + what is above them
//   equal(a, b)               the lanes where they are
//   select(m, a, b)           a where m holds, b elsewhere
//   as_word(m)                all ones where m holds, 0 elsewhere
//   Choice<n>(index)          which of n table entries each lane wants; pick(choice, entries) gives it, reading them
//   all
//   Columns<n>                the sums of products of n by n limbs: 2n columns, of which column i weighs 2^(52 i)
//     set_product(a, b), set_square(a)
//     low(i)                  of what column i holds, at least the low 52 bits
//     add_product(i, a, b), subtract(i, w)
//     add_high(i, a, b)       of a product in column i, the part above that column
//     carry(i)                adds to column i + 1 what column i has above 52 bits
//     carry_up(i)             the same with column i rounded up to a multiple of 2^52
// Nothing here branches on, or addresses memory by, what a word holds.

}  // namespace keymill
