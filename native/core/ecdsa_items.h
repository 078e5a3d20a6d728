// From items to ECDSA kernels and back: checks, digests, nonces, encodings, and what is left to OpenSSL.
#pragma once
#include "asymmetric.h"
#include "ecdsa_kernels.h"
#include "nonce.h"

namespace keymill {

/** Index of a curve in the tables of ecdsa_kernels.h, nonce.h and ec.cc. */
enum EcdsaCurve : size_t { kCurveP256, kCurveP384, kCurveP521, kCurveSecp256k1 };

/** Flags of SIGN that only kernels serve: OpenSSL draws nonces of its own and keeps R to itself. */
constexpr uint32_t kEcdsaOptions = FLAG_DETERMINISTIC | FLAG_LOW_S | FLAG_RECOVERY_ID;

/** One way to run ECDSA on one curve. */
struct EcdsaRoute {
  EcdsaCurve curve;
  const EcdsaKernel& kernel;
  const NonceKernel (&nonces)[kEcdsaCurves];
  /** Fewer items than this at once, none of them with options, are not worth a vector and go `one_by_one`. */
  size_t minimum_sign, minimum_verify;
};

/**
 * Implementation::run on a kernel. `one_by_one` is OpenSSL's: it also takes the items a kernel could not decide
 * (exceptional points, r or s of 0), which random inputs do not hit in practice.
 */
void sign_ecdsa(const EcdsaRoute& route, ThreadState& thread, Item* items, size_t count, Run one_by_one);
void verify_ecdsa(const EcdsaRoute& route, ThreadState& thread, Item* items, size_t count, Run one_by_one);

/**
 * Known answers of a kernel, in all its lanes and in a vector that is not full: the signature RFC 6979 gives for
 * `secret` and `digest`, made with its recovery id; and accepted. `fault` flips a bit of it first.
 */
bool ecdsa_makes_known(const EcdsaRoute& route, Bytes secret, Bytes digest, Bytes signature, uint8_t recovery_id,
                       bool fault);
bool ecdsa_accepts_known(const EcdsaRoute& route, Bytes point, Bytes digest, Bytes signature, bool fault);

}  // namespace keymill
