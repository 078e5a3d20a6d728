// Alterations: each makes of a signature another question, and returns false where it does not apply.
#include <algorithm>
#include <iterator>

#include "ecdsa.h"

namespace keymill {
namespace {

struct Alteration {
  EcdsaBatch& ecdsa;
  /** Of another signature. */
  const Claim& neighbour;
  Claim& claim;
  Expected& expected;
};

template <uint8_t (Claim::*number)[kMaxNumberBytes]>
bool flip(Alteration& a) {
  a.ecdsa.batch.inputs.flip_bit(a.claim.*number, a.ecdsa.width);
  return true;
}
bool flip_digest(Alteration& a) {
  a.ecdsa.batch.inputs.flip_bit(a.claim.digest, a.claim.digest_bytes);
  return true;
}
bool change_key(Alteration& a) {
  const uint8_t* const point = a.ecdsa.keys[a.claim.key]->public_point;
  a.claim.key = a.ecdsa.batch.inputs.below(kKeys);
  // Special keys come more than once.
  return std::memcmp(a.ecdsa.keys[a.claim.key]->public_point, point, 2 * a.ecdsa.width) != 0;
}
template <uint8_t (Claim::*number)[kMaxNumberBytes]>
bool take_neighbours(Alteration& a) {
  std::memcpy(a.claim.*number, a.neighbour.*number, a.ecdsa.width);
  return true;
}
template <uint8_t (Claim::*number)[kMaxNumberBytes]>
bool randomize(Alteration& a) {
  a.ecdsa.batch.inputs.fill(a.claim.*number, a.ecdsa.width);
  return true;
}
template <uint8_t (Claim::*number)[kMaxNumberBytes]>
bool make_special(Alteration& a) {
  return a.ecdsa.special_number(a.claim.*number, a.ecdsa.width);
}
/** n + x, the same number modulo n: out of range. */
template <uint8_t (Claim::*number)[kMaxNumberBytes]>
bool add_order(Alteration& a) {
  return a.ecdsa.from_order(1, a.claim.*number, a.ecdsa.width, a.claim.*number);
}
bool swap_r_and_s(Alteration& a) {
  std::swap(a.claim.r, a.claim.s);
  return true;
}
bool negate_r(Alteration& a) { return a.ecdsa.from_order(-1, a.claim.r, a.ecdsa.width, a.claim.r); }
/** (r, n - s) names -R, of the same x. */
bool negate_s(Alteration& a) {
  a.expected = Expected::kGood;
  return a.ecdsa.from_order(-1, a.claim.s, a.ecdsa.width, a.claim.s);
}

constexpr bool (*kAlterations[])(Alteration&) = {
    flip<&Claim::r>,
    flip<&Claim::s>,
    flip_digest,
    change_key,
    take_neighbours<&Claim::r>,
    take_neighbours<&Claim::s>,
    randomize<&Claim::r>,
    randomize<&Claim::s>,
    make_special<&Claim::r>,
    make_special<&Claim::s>,
    add_order<&Claim::r>,
    add_order<&Claim::s>,
    swap_r_and_s,
    negate_r,
    negate_s,
};

bool are_same(const EcdsaBatch& ecdsa, const Claim& a, const Claim& b) {
  return a.key == b.key && std::memcmp(a.digest, b.digest, a.digest_bytes) == 0 &&
         std::memcmp(a.r, b.r, ecdsa.width) == 0 && std::memcmp(a.s, b.s, ecdsa.width) == 0;
}

}  // namespace

/**
 * A random alteration is right with a probability of about 1/n, and is expected to be refused. Where the digest is a
 * special number, more of them may be right (of a digest of 0, a key's signatures are its negative's): there OpenSSL
 * decides.
 */
Question alter(EcdsaBatch& ecdsa, const EcdsaSignature& signature, const Claim& neighbour) {
  Inputs& inputs = ecdsa.batch.inputs;
  Claim claim;
  Expected expected;
  do {
    claim = signature.claim;
    expected = Expected::kBad;
    Alteration alteration = {ecdsa, neighbour, claim, expected};
    if (!kAlterations[inputs.below(std::size(kAlterations))](alteration)) claim = signature.claim;
  } while (are_same(ecdsa, claim, signature.claim));
  if (signature.has_special_digest) expected = Expected::kUncertain;
  const uint32_t flags = signature.verifying_flags();
  return {ecdsa.keys[claim.key].get(),
          flags,
          {claim.digest, claim.digest + claim.digest_bytes},
          ecdsa.encode(claim, flags),
          expected};
}

}  // namespace keymill
