// Everything that hashes in lanes of AVX-512.
#include "big_endian.h"
#include "nonce.h"
#include "sha2_kernels.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define KEYMILL_TARGET "avx512f,avx512dq,avx512bw,avx512vl,bmi2"
#include "target_begin.h"

#include "nonce_lanes.h"
#include "sha2_lanes_avx512.h"

namespace keymill {

const Sha2Kernels kAvx512Sha2 = {
    {16, 6, Sha2Lanes<Avx512Sha256Lanes>::hash},
    {8, 2, Sha2Lanes<Avx512Sha512Lanes>::hash},
};

const NonceKernel kAvx512Nonces[kEcdsaCurves] = {
    NonceLanes<Avx512Sha256Lanes, kSha256Variant>::kernel(4),
    NonceLanes<Avx512Sha512Lanes, kSha384Variant>::kernel(3),
    NonceLanes<Avx512Sha512Lanes, kSha512Variant>::kernel(3),
    NonceLanes<Avx512Sha256Lanes, kSha256Variant>::kernel(4),
};

}  // namespace keymill

#include "target_end.h"

#else

namespace keymill {
const Sha2Kernels kAvx512Sha2 = {};
const NonceKernel kAvx512Nonces[kEcdsaCurves] = {};
}  // namespace keymill

#endif
