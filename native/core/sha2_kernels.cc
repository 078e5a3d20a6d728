#include "sha2.h"

// After sha2.h, which asks for that.
#include <algorithm>

#include "sha2_kernels.h"
#include "sha2_lanes_plain.h"

namespace keymill {
namespace {

template <typename V>
constexpr Sha2Kernel<typename V::Number> kernel_of() {
  return {V::kLanes, 1, Sha2Lanes<V>::hash};
}

/** By OpenSSL's contexts, put into the state to start from. */
template <typename Function, typename Number>
void hash_one(const Sha2Variant<Number>& variant, const Sha2Job<Number>* jobs, size_t) {
  typename Function::Context context;
  const auto start = [&](const Number* state, size_t preceding_bytes) {
    Function::start(context);
    std::copy(state, state + 8, context.h);
    context.Nl = 8 * preceding_bytes;
    context.md_len = static_cast<unsigned>(variant.digest_bytes);
  };
  const Sha2Job<Number>& job = jobs[0];
  start(job.state, job.outer_state ? Function::kBlockBytes : 0);
  for (const Bytes& part : job.parts) Function::update(context, part);
  Function::finish(context, job.digest);
  if (job.outer_state) {
    start(job.outer_state, Function::kBlockBytes);
    Function::update(context, {job.digest, variant.digest_bytes});
    Function::finish(context, job.digest);
  }
  wipe(&context, sizeof context);
}

const Sha2Kernel<uint32_t>& one_lane(uint32_t) { return kOneLaneSha2.sha256; }
const Sha2Kernel<uint64_t>& one_lane(uint64_t) { return kOneLaneSha2.sha512; }

}  // namespace

const Sha2Kernels kOneLaneSha2 = {{1, 1, hash_one<Sha256, uint32_t>}, {1, 1, hash_one<Sha512, uint64_t>}};
const Sha2Kernels kEmulatedSha2 = {kernel_of<EmulatedSha256Lanes>(), kernel_of<EmulatedSha512Lanes>()};

template <typename Number>
void sha2_hash(const Sha2Kernel<Number>& kernel, const Sha2Variant<Number>& variant, Sha2Job<Number>* jobs,
               size_t count) {
  const auto is_longer = [](const Sha2Job<Number>& a, const Sha2Job<Number>& b) { return a.blocks() > b.blocks(); };
  if (!std::is_sorted(jobs, jobs + count, is_longer)) std::sort(jobs, jobs + count, is_longer);
  bool used_vectors = false;
  while (count > 0) {
    // A vector takes as long as its longest message, which comes first.
    size_t taken = std::min(count, kernel.lanes), blocks = 0;
    for (size_t i = 0; i < taken; i++) blocks += jobs[i].blocks();
    if (blocks >= kernel.minimum * jobs[0].blocks()) {
      kernel.hash(variant, jobs, taken);
      used_vectors = true;
    } else {
      taken = 1;
      one_lane(Number{}).hash(variant, jobs, taken);
    }
    jobs += taken;
    count -= taken;
  }
  if (used_vectors) wipe_stack();
}

template void sha2_hash(const Sha2Kernel<uint32_t>&, const Sha2Variant<uint32_t>&, Sha2Job<uint32_t>*, size_t);
template void sha2_hash(const Sha2Kernel<uint64_t>&, const Sha2Variant<uint64_t>&, Sha2Job<uint64_t>*, size_t);

}  // namespace keymill
