// Everything that hashes in lanes of AVX-512.
#include "big_endian.h"
#include "nonce.h"
#include "sha2_kernels.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include "intrinsics.h"

// Every function below, those of templates included, is compiled for this processor and called only where it is.
// Nothing below may be shared with other source files, which would run the copy made here: so no header of the standard
// library or of OpenSSL, and no function that does not depend on the vector type.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,bmi2"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,bmi2")
#endif

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

#if defined(__clang__)
#pragma clang attribute pop
#endif

#else

namespace keymill {
const Sha2Kernels kAvx512Sha2 = {};
const NonceKernel kAvx512Nonces[kEcdsaCurves] = {};
}  // namespace keymill

#endif
