// One lane of OpenSSL's compression functions, which are in assembly where there is any: for single messages. See
// sha2_lanes.h. Included first, as sha2.h is.
#pragma once
#include "sha2.h"
#include "sha2_lanes_plain.h"

namespace keymill {

template <typename Context, typename N, void (*transform)(Context*, const unsigned char*)>
struct OneSha2Lane : PlainSha2Lanes<N, 1> {
  using Word = typename PlainSha2Lanes<N, 1>::Word;
  static constexpr bool kCompresses = true;
  static void compress(Word* state, const Word* block) {
    Context context;
    uint8_t bytes[16 * sizeof(N)];
    for (size_t i = 0; i < 8; i++) context.h[i] = state[i].lane[0];
    for (size_t i = 0; i < 16; i++) Sha2Lanes<OneSha2Lane>::put_number(bytes + i * sizeof(N), block[i].lane[0]);
    transform(&context, bytes);
    for (size_t i = 0; i < 8; i++) state[i].lane[0] = static_cast<N>(context.h[i]);
  }
};

using OneSha256Lane = OneSha2Lane<SHA256_CTX, uint32_t, SHA256_Transform>;
using OneSha512Lane = OneSha2Lane<SHA512_CTX, uint64_t, SHA512_Transform>;

}  // namespace keymill
