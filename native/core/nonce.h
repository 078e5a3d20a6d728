// Nonces of ECDSA: RFC 6979 section 3.2 with fresh randomness as the additional data of section 3.6 ("hedged"). A
// generator that fails or repeats then leaves the deterministic nonces of RFC 6979, and a fault in the computation
// meets another nonce every time.
#pragma once
#include "bytes.h"
#include "ecdsa_kernels.h"

namespace keymill {

constexpr size_t kHedgeBytes = 32;

/** The parameters of one curve. Numbers are big-endian. */
struct NonceCurve {
  size_t bytes;
  /** The order's length; above eight times the digest's, digests are shorter than the order (P-521). */
  int bits;
  const uint8_t* order;
};

/** P-256, P-384, P-521, secp256k1. */
extern const NonceCurve kNonceCurves[kEcdsaCurves];

/** A nonce wanted. Numbers are of the curve's width, big-endian. */
struct NonceJob {
  const uint8_t* secret;
  /** As a number; it may exceed the order. */
  const uint8_t* digest;
  /** At most kHedgeBytes; empty for the deterministic nonce of RFC 6979. */
  Bytes additional;
  /** Written, in [1, n - 1]. */
  uint8_t* nonce;
};

/** Nonces of one curve, with the hash of its signatures, many at once. */
struct NonceKernel {
  /** Nonces computed together; 0 where this build has no such kernel. */
  size_t lanes;
  /** So many at once are worth a vector. */
  size_t minimum;
  /** For any number of jobs. Constant time, but that candidates are rejected may show: they are not used. */
  void (*derive)(const NonceCurve& curve, const NonceJob* jobs, size_t count);
};

/** By curve. Those of AVX-512 need kCpuAvx512; one lane is OpenSSL's compression functions. */
extern const NonceKernel kAvx512Nonces[kEcdsaCurves];
extern const NonceKernel kEmulatedNonces[kEcdsaCurves];
extern const NonceKernel kOneLaneNonces[kEcdsaCurves];

/**
 * Derives a nonce for each job, on `kernels` but for those too few for a vector. What they are made of may be left on
 * the stack: wipe_stack of bytes.h.
 */
void derive_nonces(const NonceKernel (&kernels)[kEcdsaCurves], size_t curve, const NonceJob* jobs, size_t count);

/**
 * Known answers of a curve's kernel, in all its lanes and in a vector that is not full, some of them after candidates
 * that are rejected. `fault` flips a bit of one first.
 */
bool nonces_are_known(const NonceKernel (&kernels)[kEcdsaCurves], size_t curve, bool fault);

}  // namespace keymill
