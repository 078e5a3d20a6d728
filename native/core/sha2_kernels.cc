// OpenSSL's, first: sha2.h says why.
#include "sha2.h"

#include "sha2_kernels.h"

#include <algorithm>

#include "sha2_lanes_plain.h"

namespace keymill {
namespace {

/** OpenSSL's compression function, which is in assembly where there is any. */
template <typename Context, typename N, void (*transform)(Context*, const unsigned char*)>
struct OneLane : PlainSha2Lanes<N, 1> {
  using Base = PlainSha2Lanes<N, 1>;
  static constexpr bool kCompresses = true;
  static void compress(typename Base::Word* state, const typename Base::Word* block) {
    Context context;
    uint8_t bytes[16 * sizeof(N)];
    for (size_t i = 0; i < 8; i++) context.h[i] = state[i].lane[0];
    for (size_t i = 0; i < 16; i++) Sha2Lanes<OneLane>::put_number(bytes + i * sizeof(N), block[i].lane[0]);
    transform(&context, bytes);
    for (size_t i = 0; i < 8; i++) state[i].lane[0] = static_cast<N>(context.h[i]);
  }
};

template <typename V>
constexpr Sha2Kernel<typename V::Number> kernel_of() {
  return {V::kLanes, 1, Sha2Lanes<V>::hash};
}

const Sha2Kernel<uint32_t>& one_lane(uint32_t) { return kOneLaneSha2.sha256; }
const Sha2Kernel<uint64_t>& one_lane(uint64_t) { return kOneLaneSha2.sha512; }

}  // namespace

const Sha2Kernels kOneLaneSha2 = {kernel_of<OneLane<SHA256_CTX, uint32_t, SHA256_Transform>>(),
                                  kernel_of<OneLane<SHA512_CTX, uint64_t, SHA512_Transform>>()};
const Sha2Kernels kEmulatedSha2 = {kernel_of<PlainSha2Lanes<uint32_t, 16>>(), kernel_of<PlainSha2Lanes<uint64_t, 8>>()};

template <typename Number>
void sha2_hash(const Sha2Kernel<Number>& kernel, const Sha2Variant<Number>& variant, Sha2Job<Number>* jobs,
               size_t count) {
  const auto is_longer = [](const Sha2Job<Number>& a, const Sha2Job<Number>& b) { return a.blocks() > b.blocks(); };
  if (!std::is_sorted(jobs, jobs + count, is_longer)) std::sort(jobs, jobs + count, is_longer);
  while (count > 0) {
    // A vector takes as long as its longest message, which comes first.
    size_t taken = std::min(count, kernel.lanes), blocks = 0;
    for (size_t i = 0; i < taken; i++) blocks += jobs[i].blocks();
    if (blocks >= kernel.minimum * jobs[0].blocks()) {
      kernel.hash(variant, jobs, taken);
    } else {
      taken = 1;
      one_lane(Number{}).hash(variant, jobs, taken);
    }
    jobs += taken;
    count -= taken;
  }
}

template void sha2_hash(const Sha2Kernel<uint32_t>&, const Sha2Variant<uint32_t>&, Sha2Job<uint32_t>*, size_t);
template void sha2_hash(const Sha2Kernel<uint64_t>&, const Sha2Variant<uint64_t>&, Sha2Job<uint64_t>*, size_t);

}  // namespace keymill
