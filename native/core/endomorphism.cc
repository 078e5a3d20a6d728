#include "endomorphism.h"

namespace keymill {
namespace {

using Half = uint64_t[kHalfScalarWords];

// Two short vectors (a, b) with a + b lambda = 0 modulo n, which the extended Euclidean algorithm finds: (A, -B) and
// (C, A).
constexpr Half kA = {0xe86c90e49284eb15, 0x3086d221a7d46bcd, 0};
constexpr Half kB = {0x6f547fa90abfe4c3, 0xe4437ed6010e8828, 0};
constexpr Half kC = {0x57c1108d9d44cfd8, 0x14ca50f7a8e2f3f6, 1};
/** A 2^384 / n and B 2^384 / n, rounded. */
constexpr uint64_t kAOverN[4] = {0xe893209a45dbb031, 0x3daa8a1471e8ca7f, 0xe86c90e49284eb15, 0x3086d221a7d46bcd};
constexpr uint64_t kBOverN[4] = {0x1571b4ae8ac47f71, 0x221208ac9df506c6, 0x6f547fa90abfe4c4, 0xe4437ed6010e8828};

/** The rounded product of k and a fraction of 384 bits after the point. */
void round_product(const uint64_t (&k)[4], const uint64_t (&fraction)[4], Half& out) {
  uint64_t product[8] = {};
  for (size_t i = 0; i < 4; i++) {
    uint64_t carry = 0;
    for (size_t j = 0; j < 4; j++) {
      const unsigned __int128 sum = static_cast<unsigned __int128>(k[i]) * fraction[j] + product[i + j] + carry;
      product[i + j] = static_cast<uint64_t>(sum);
      carry = static_cast<uint64_t>(sum >> 64);
    }
    product[i + 4] = carry;
  }
  const unsigned __int128 rounded =
      (static_cast<unsigned __int128>(product[7]) << 64 | product[6]) + (product[5] >> 63);
  out[0] = static_cast<uint64_t>(rounded);
  out[1] = static_cast<uint64_t>(rounded >> 64);
  out[2] = 0;
}

/** sum += a, or sum -= a, modulo 2^192, where the sign is in the top bit. */
void add(Half& sum, const Half& a, bool subtract) {
  uint64_t carry = subtract;
  for (size_t i = 0; i < kHalfScalarWords; i++) {
    const unsigned __int128 s = static_cast<unsigned __int128>(sum[i]) + (subtract ? ~a[i] : a[i]) + carry;
    sum[i] = static_cast<uint64_t>(s);
    carry = static_cast<uint64_t>(s >> 64);
  }
}

/** a * b modulo 2^192. */
void multiply(const Half& a, const Half& b, Half& out) {
  Half product = {};
  for (size_t i = 0; i < kHalfScalarWords; i++) {
    uint64_t carry = 0;
    for (size_t j = 0; i + j < kHalfScalarWords; j++) {
      const unsigned __int128 sum = static_cast<unsigned __int128>(a[i]) * b[j] + product[i + j] + carry;
      product[i + j] = static_cast<uint64_t>(sum);
      carry = static_cast<uint64_t>(sum >> 64);
    }
  }
  for (size_t i = 0; i < kHalfScalarWords; i++) out[i] = product[i];
}

HalfScalar with_sign(const Half& k) {
  HalfScalar out = {{}, (k[kHalfScalarWords - 1] >> 63) != 0};
  add(out.magnitude, k, out.negative);
  return out;
}

}  // namespace

void split_scalar_vartime(const uint64_t (&k)[4], HalfScalar (&halves)[2]) {
  // (k, 0) less the nearest point of the lattice, which is c1 (A, -B) + c2 (C, A).
  Half c1, c2, product;
  round_product(k, kAOverN, c1);
  round_product(k, kBOverN, c2);
  Half k1 = {k[0], k[1], k[2]}, k2 = {};
  multiply(c1, kA, product);
  add(k1, product, true);
  multiply(c2, kC, product);
  add(k1, product, true);
  multiply(c1, kB, product);
  add(k2, product, false);
  multiply(c2, kA, product);
  add(k2, product, true);
  // A and B are odd and C is even, so that these make both odd.
  if (k1[0] % 2 == 0) {
    add(k1, kA, false);
    add(k2, kB, true);
  }
  if (k2[0] % 2 == 0) {
    add(k1, kC, false);
    add(k2, kA, false);
  }
  halves[0] = with_sign(k1);
  halves[1] = with_sign(k2);
}

}  // namespace keymill
