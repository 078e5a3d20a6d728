// The curves y^2 = x^3 + ax + b of order n over the integers modulo p, as constants of the kernels. Sources: SP 800-186
// section 3.2.1 (P-256, P-384, P-521), SEC 2 section 2.4.1 (secp256k1).
#pragma once
#include "limbs.h"

namespace keymill {

/** The values of a that formulas make use of. */
enum class CurveShape { kMinusThree, kZero };

struct P256Prime {
  static constexpr size_t kLimbs = 5;
  static constexpr int kBits = 256, kLooseBits = 0;
  static constexpr Limbs<kLimbs> kValue =
      limbs_of<kLimbs>("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
};
struct P256Order {
  static constexpr size_t kLimbs = 5;
  static constexpr int kBits = 256, kLooseBits = 0;
  static constexpr Limbs<kLimbs> kValue =
      limbs_of<kLimbs>("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
};
struct P256 {
  using Prime = P256Prime;
  using Order = P256Order;
  static constexpr CurveShape kShape = CurveShape::kMinusThree;
  /** Of a coordinate, of a scalar, and of r and s. */
  static constexpr size_t kBytes = 32;
  /** Bits of a scalar per table in comb.h. */
  static constexpr int kCombBits = 7;
  /** Bits of a scalar's halves by endomorphism.h; 0 where the curve has none. */
  static constexpr int kHalfScalarBits = 0;
  static constexpr Limbs<Prime::kLimbs> kB =
      limbs_of<Prime::kLimbs>("5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b");
  static constexpr Limbs<Prime::kLimbs> kGeneratorX =
      limbs_of<Prime::kLimbs>("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296");
  static constexpr Limbs<Prime::kLimbs> kGeneratorY =
      limbs_of<Prime::kLimbs>("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5");
};

struct P384Prime {
  static constexpr size_t kLimbs = 8;
  static constexpr int kBits = 384, kLooseBits = 0;
  static constexpr Limbs<kLimbs> kValue = limbs_of<kLimbs>(
      "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000"
      "ffffffff");
};
struct P384Order {
  static constexpr size_t kLimbs = 8;
  static constexpr int kBits = 384, kLooseBits = 0;
  static constexpr Limbs<kLimbs> kValue = limbs_of<kLimbs>(
      "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196a"
      "ccc52973");
};
struct P384 {
  using Prime = P384Prime;
  using Order = P384Order;
  static constexpr CurveShape kShape = CurveShape::kMinusThree;
  /** Of a coordinate, of a scalar, and of r and s. */
  static constexpr size_t kBytes = 48;
  /** Bits of a scalar per table in comb.h. */
  static constexpr int kCombBits = 6;
  /** Bits of a scalar's halves by endomorphism.h; 0 where the curve has none. */
  static constexpr int kHalfScalarBits = 0;
  static constexpr Limbs<Prime::kLimbs> kB = limbs_of<Prime::kLimbs>(
      "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8ed"
      "d3ec2aef");
  static constexpr Limbs<Prime::kLimbs> kGeneratorX = limbs_of<Prime::kLimbs>(
      "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e38"
      "72760ab7");
  static constexpr Limbs<Prime::kLimbs> kGeneratorY = limbs_of<Prime::kLimbs>(
      "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c"
      "90ea0e5f");
};

struct P521Prime {
  static constexpr size_t kLimbs = 11;
  static constexpr int kBits = 521, kLooseBits = 12;
  static constexpr Limbs<kLimbs> kValue = limbs_of<kLimbs>(
      "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
      "ffffffffffffffffffffffffffffffffffffffffffff");
};
struct P521Order {
  static constexpr size_t kLimbs = 11;
  static constexpr int kBits = 521, kLooseBits = 12;
  static constexpr Limbs<kLimbs> kValue = limbs_of<kLimbs>(
      "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc"
      "0148f709a5d03bb5c9b8899c47aebb6fb71e91386409");
};
struct P521 {
  using Prime = P521Prime;
  using Order = P521Order;
  static constexpr CurveShape kShape = CurveShape::kMinusThree;
  /** Of a coordinate, of a scalar, and of r and s. */
  static constexpr size_t kBytes = 66;
  /** Bits of a scalar per table in comb.h. */
  static constexpr int kCombBits = 6;
  /** Bits of a scalar's halves by endomorphism.h; 0 where the curve has none. */
  static constexpr int kHalfScalarBits = 0;
  static constexpr Limbs<Prime::kLimbs> kB = limbs_of<Prime::kLimbs>(
      "0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652"
      "c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00");
  static constexpr Limbs<Prime::kLimbs> kGeneratorX = limbs_of<Prime::kLimbs>(
      "00c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1d"
      "c127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66");
  static constexpr Limbs<Prime::kLimbs> kGeneratorY = limbs_of<Prime::kLimbs>(
      "011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550"
      "b9013fad0761353c7086a272c24088be94769fd16650");
};

struct Secp256k1Prime {
  static constexpr size_t kLimbs = 5;
  static constexpr int kBits = 256, kLooseBits = 0;
  static constexpr Limbs<kLimbs> kValue =
      limbs_of<kLimbs>("fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f");
};
struct Secp256k1Order {
  static constexpr size_t kLimbs = 5;
  static constexpr int kBits = 256, kLooseBits = 0;
  static constexpr Limbs<kLimbs> kValue =
      limbs_of<kLimbs>("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
};
struct Secp256k1 {
  using Prime = Secp256k1Prime;
  using Order = Secp256k1Order;
  static constexpr CurveShape kShape = CurveShape::kZero;
  /** Of a coordinate, of a scalar, and of r and s. */
  static constexpr size_t kBytes = 32;
  /** Bits of a scalar per table in comb.h. */
  static constexpr int kCombBits = 7;
  /** Bits of a scalar's halves by endomorphism.h; 0 where the curve has none. */
  static constexpr int kHalfScalarBits = 129;
  /** (beta x, y) is a multiple of (x, y). */
  static constexpr Limbs<Prime::kLimbs> kBeta =
      limbs_of<Prime::kLimbs>("7ae96a2b657c07106e64479eac3434e99cf0497512f58995c1396c28719501ee");
  static constexpr Limbs<Prime::kLimbs> kGeneratorX =
      limbs_of<Prime::kLimbs>("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
  static constexpr Limbs<Prime::kLimbs> kGeneratorY =
      limbs_of<Prime::kLimbs>("483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8");
};

}  // namespace keymill
