// Many ECDSA signatures proven right at once, by OpenSSL's arithmetic alone.
//
// A signature (r, s) of e under Q with its recovery id names one point R of x coordinate r modulo n. It is right, by
// FIPS 186-5 section 6.4.2, where D = R - (e/s) G - (r/s) Q is the point at infinity. `holds` computes the sum of a_i
// D_i with an a_i of 32 bits for each, drawn after the signatures were made:
//
//   sum a_i R_i = (sum a_i e_i/s_i) G + sum over the keys Q of (sum a_i r_i/s_i) Q
//
// Where all signatures are right this holds. Where one is wrong, D_j is not infinity; the group's order n is prime, so
// that for whatever the other terms sum up to, one a_j modulo n makes the whole vanish, and the a_j drawn is that one
// with a probability of at most 1 / (2^32 - 1). Of a single signature it is exact: a_1 D_1 with a_1 below n and not 0.
// So a wrong signature passes with that probability, however many are wrong and whatever is wrong with them, as long as
// they do not depend on the a_i.
//
// The square root that leads from r to R is what would take OpenSSL most of the time. It is proposed by roots.h, and
// taken where OpenSSL finds the point on the curve; otherwise OpenSSL computes its own.
#pragma once
#include <memory>
#include <vector>

#include "core/big_endian.h"
#include "trial.h"

namespace keymill {

/** One signature. Numbers are big-endian; r and s of the curve's width. */
struct Claim {
  size_t key;
  uint8_t digest[kMaxNumberBytes];
  size_t digest_bytes;
  uint8_t r[kMaxNumberBytes], s[kMaxNumberBytes];
  uint8_t recovery_id;
};

/** One curve's, for one thread. */
class EcdsaEquation {
 public:
  explicit EcdsaEquation(size_t curve);
  ~EcdsaEquation();

  /** Whether all of the claims are right, under keys of which Claim::key says which. `inputs` gives the a_i. */
  bool holds(const Claim* claims, size_t count, const std::vector<std::unique_ptr<Key>>& keys, Inputs& inputs);

 private:
  struct Numbers;
  std::unique_ptr<Numbers> n_;
};

}  // namespace keymill
