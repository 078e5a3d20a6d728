// SHA-2 (FIPS 180-4) and HMAC (RFC 2104) of many messages at once, one in each lane of a vector. Callers use
// `sha2_hash`; what the kernels compute with is sha2_lanes.h.
#pragma once
#include "bytes.h"

namespace keymill {

/** One hash of those a compression function serves. Number: uint32_t for SHA-224/256, uint64_t for SHA-384/512. */
template <typename Number>
struct Sha2Variant {
  size_t digest_bytes;
  Number start[8];
};

constexpr Sha2Variant<uint64_t> kSha384Variant = {
    48,
    {0xcbbb9d5dc1059ed8, 0x629a292a367cd507, 0x9159015a3070dd17, 0x152fecd8f70e5939, 0x67332667ffc00b31,
     0x8eb44a8768581511, 0xdb0c2e0d64f98fa7, 0x47b5481dbefa4fa4}};
constexpr Sha2Variant<uint64_t> kSha512Variant = {
    64,
    {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1, 0x510e527fade682d1,
     0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179}};
constexpr Sha2Variant<uint32_t> kSha224Variant = {
    28, {0xc1059ed8, 0x367cd507, 0x3070dd17, 0xf70e5939, 0xffc00b31, 0x68581511, 0x64f98fa7, 0xbefa4fa4}};
constexpr Sha2Variant<uint32_t> kSha256Variant = {
    32, {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};

/** One message. */
template <typename Number>
struct Sha2Job {
  static constexpr size_t kParts = 3;
  /** Eight words: the variant's start or, for HMAC, the state after the inner key block. */
  const Number* state;
  /** For HMAC the state after the outer key block, nullptr for a digest: the same in all jobs of a call. */
  const Number* outer_state;
  /** Hashed one after the other; any may be empty. */
  Bytes parts[kParts];
  /** Written: as many bytes as the variant's digest has. */
  uint8_t* digest;

  /** Of the parts, padded (section 5.1). */
  size_t blocks() const {
    constexpr size_t block_bytes = 16 * sizeof(Number), length_bytes = 2 * sizeof(Number);
    size_t bytes = 0;
    for (const Bytes& part : parts) bytes += part.size;
    return (bytes + 1 + length_bytes + block_bytes - 1) / block_bytes;
  }
};

template <typename Number>
struct Sha2Kernel {
  /** Messages computed together; 0 where this build has no such kernel. */
  size_t lanes;
  /** So many messages at once are worth a vector; fewer are faster one at a time. */
  size_t minimum;
  /** For 1 to `lanes` messages. Constant time but for their lengths. */
  void (*hash)(const Sha2Variant<Number>& variant, const Sha2Job<Number>* jobs, size_t count);
};

/** The kernels of one vector type. */
struct Sha2Kernels {
  Sha2Kernel<uint32_t> sha256;
  Sha2Kernel<uint64_t> sha512;
};
/** Needs kCpuAvx512. */
extern const Sha2Kernels kAvx512Sha2;
extern const Sha2Kernels kEmulatedSha2;
/** OpenSSL, one message at a time. */
extern const Sha2Kernels kOneLaneSha2;

/**
 * Writes the digest or mac of each of any number of messages of any lengths: on `kernel` those of similar length
 * together, and one at a time what would leave most of a vector empty. Changes the order of `jobs`. Constant time but
 * for lengths; what was secret is wiped. Digests are written as vectors are done, so none may be in a part of another
 * job.
 */
template <typename Number>
void sha2_hash(const Sha2Kernel<Number>& kernel, const Sha2Variant<Number>& variant, Sha2Job<Number>* jobs,
               size_t count);

}  // namespace keymill
