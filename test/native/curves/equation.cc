#include "equation.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>

#include <algorithm>

#include "core/asymmetric.h"
#include "core/cpu.h"
#include "core/nonce.h"
#include "roots.h"

namespace keymill {
namespace {

constexpr int kCurveIds[kEcdsaCurves] = {NID_X9_62_prime256v1, NID_secp384r1, NID_secp521r1, NID_secp256k1};
constexpr uint64_t kRootFeatures = kCpuAvx512 | kCpuAvx512Ifma | kCpuBmi2;
constexpr int kLimbBits = 52;
constexpr uint64_t kLimbMask = (uint64_t{1} << kLimbBits) - 1;

/** The a_i are summed up by digits, each with a bucket for the points that have it. */
constexpr int kDigitBits = 8;
constexpr size_t kDigits = 32 / kDigitBits, kBuckets = 1 << kDigitBits;

struct PointFree {
  void operator()(EC_POINT* point) const { EC_POINT_free(point); }
};
using Point = std::unique_ptr<EC_POINT, PointFree>;

Bn new_number() {
  Bn number(BN_new());
  must(number != nullptr, "BN_new");
  return number;
}

void set(const Bn& number, const uint8_t* big_endian, size_t bytes) {
  must(BN_bin2bn(big_endian, static_cast<int>(bytes), number.get()) != nullptr, "BN_bin2bn");
}

/** What `holds` knows of a claim. */
struct ClaimNumbers {
  Bn r = new_number(), s = new_number(), e = new_number();
  Bn x = new_number(), y = new_number();
  /** Of the s up to this one. */
  Bn product = new_number();
};

}  // namespace

struct EcdsaEquation::Numbers {
  size_t width;
  EC_GROUP* group;
  BnContext context{BN_CTX_new()};
  Bn p = new_number(), a = new_number(), b = new_number(), n{};
  std::vector<ClaimNumbers> claims;
  Point buckets[kDigits][kBuckets];
  RootKernel roots{};

  Point new_point() const {
    Point point(EC_POINT_new(group));
    must(point != nullptr, "EC_POINT_new");
    return point;
  }
  void add(const Point& sum, const Point& term) const {
    must(EC_POINT_add(group, sum.get(), sum.get(), term.get(), context.get()) == 1, "EC_POINT_add");
  }
  void multiply(const Bn& product, const Bn& left, const Bn& right) const {
    must(BN_mod_mul(product.get(), left.get(), right.get(), n.get(), context.get()) == 1, "BN_mod_mul");
  }

  /** False where the claim names no point: r or s out of range, or x not below p. */
  bool read(const Claim& claim, ClaimNumbers& out) const {
    set(out.r, claim.r, width);
    set(out.s, claim.s, width);
    set(out.e, claim.digest, claim.digest_bytes);
    for (const Bn* number : {&out.r, &out.s}) {
      if (BN_is_zero(number->get()) || BN_cmp(number->get(), n.get()) >= 0) return false;
    }
    // Bit 1: x is n or more (SEC 1 section 4.1.6).
    must(claim.recovery_id & 2 ? BN_add(out.x.get(), out.r.get(), n.get()) == 1
                               : BN_copy(out.x.get(), out.r.get()) != nullptr,
         "BN_add");
    return claim.recovery_id < 4 && BN_cmp(out.x.get(), p.get()) < 0;
  }

  /** Sets y to a root of x^3 + ax + b in all of the claims that have one. */
  void propose_y(size_t count) {
    for (size_t first = 0; first < count; first += RootKernel::kLanes) {
      const size_t lanes = std::min(count - first, RootKernel::kLanes);
      uint64_t limbs[RootKernel::kMaxLimbs * RootKernel::kLanes] = {};
      // Little-endian, and room for a limb read or written as a word at the last byte.
      uint8_t bytes[RootKernel::kMaxLimbs * sizeof(uint64_t)] = {};
      const int size = static_cast<int>(width);
      for (size_t lane = 0; lane < lanes; lane++) {
        const ClaimNumbers& claim = claims[first + lane];
        BIGNUM* const y = claim.y.get();
        const BIGNUM* const x = claim.x.get();
        must(BN_mod_sqr(y, x, p.get(), context.get()) == 1 && BN_mod_add_quick(y, y, a.get(), p.get()) == 1 &&
                 BN_mod_mul(y, y, x, p.get(), context.get()) == 1 && BN_mod_add_quick(y, y, b.get(), p.get()) == 1 &&
                 BN_bn2lebinpad(y, bytes, size) == size,
             "x^3 + ax + b");
        for (size_t i = 0; i < roots.limbs; i++) {
          uint64_t word;
          std::memcpy(&word, bytes + i * kLimbBits / 8, sizeof word);
          limbs[i * RootKernel::kLanes + lane] = word >> i * kLimbBits % 8 & kLimbMask;
        }
      }
      roots.root(limbs);
      for (size_t lane = 0; lane < lanes; lane++) {
        std::memset(bytes, 0, sizeof bytes);
        for (size_t i = 0; i < roots.limbs; i++) {
          uint64_t word;
          std::memcpy(&word, bytes + i * kLimbBits / 8, sizeof word);
          word |= limbs[i * RootKernel::kLanes + lane] << i * kLimbBits % 8;
          std::memcpy(bytes + i * kLimbBits / 8, &word, sizeof word);
        }
        must(BN_lebin2bn(bytes, size, claims[first + lane].y.get()) != nullptr, "BN_lebin2bn");
      }
    }
  }

  /** The point a claim names; false where there is none. */
  bool find_point(const ClaimNumbers& claim, bool is_odd, EC_POINT* point) const {
    if (roots.limbs > 0) {
      BIGNUM* const y = claim.y.get();
      if (BN_is_odd(y) != is_odd) must(BN_sub(y, p.get(), y) == 1, "BN_sub");
      // Refuses a point off the curve.
      if (EC_POINT_set_affine_coordinates(group, point, claim.x.get(), y, context.get()) == 1) return true;
      ERR_clear_error();
    }
    if (EC_POINT_set_compressed_coordinates(group, point, claim.x.get(), is_odd, context.get()) == 1) return true;
    ERR_clear_error();
    return false;
  }

  void clear_buckets() {
    for (auto& row : buckets) {
      for (Point& bucket : row) must(EC_POINT_set_to_infinity(group, bucket.get()) == 1, "EC_POINT_set_to_infinity");
    }
  }

  /** The sum of the points in the buckets, each as many times as its digits say. */
  Point sum_of_buckets() const {
    Point total = new_point();
    for (size_t digit = kDigits; digit-- > 0;) {
      for (int i = 0; i < kDigitBits; i++) {
        must(EC_POINT_dbl(group, total.get(), total.get(), context.get()) == 1, "EC_POINT_dbl");
      }
      // Bucket i is in as many of the sums of the buckets above as i says.
      const Point above = new_point();
      for (size_t i = kBuckets; i-- > 1;) {
        add(above, buckets[digit][i]);
        add(total, above);
      }
    }
    return total;
  }
};

EcdsaEquation::EcdsaEquation(size_t curve) : n_(std::make_unique<Numbers>()) {
  n_->width = kNonceCurves[curve].bytes;
  n_->group = EC_GROUP_new_by_curve_name(kCurveIds[curve]);
  must(n_->group && n_->context, "EC_GROUP_new_by_curve_name");
  n_->n.reset(BN_dup(EC_GROUP_get0_order(n_->group)));
  must(EC_GROUP_get_curve(n_->group, n_->p.get(), n_->a.get(), n_->b.get(), n_->context.get()) == 1,
       "EC_GROUP_get_curve");
  for (auto& row : n_->buckets) {
    for (Point& bucket : row) bucket = n_->new_point();
  }
  if ((kRootFeatures & ~cpu_features()) == 0) n_->roots = kRoots[curve];
}

EcdsaEquation::~EcdsaEquation() { EC_GROUP_free(n_->group); }

bool EcdsaEquation::holds(const Claim* claims, size_t count, const std::vector<std::unique_ptr<Key>>& keys,
                          Inputs& inputs) {
  Numbers& n = *n_;
  if (n.claims.size() < count) n.claims.resize(count);
  for (size_t i = 0; i < count; i++) {
    ClaimNumbers& claim = n.claims[i];
    if (!n.read(claims[i], claim)) return false;
    if (i == 0) {
      must(BN_copy(claim.product.get(), claim.s.get()) != nullptr, "BN_copy");
    } else {
      n.multiply(claim.product, n.claims[i - 1].product, claim.s);
    }
  }
  if (n.roots.limbs > 0) n.propose_y(count);

  // One inversion for all of the s (Montgomery's trick), from the last to the first.
  const Bn inverse = new_number(), w = new_number(), term = new_number(), of_generator = new_number();
  must(BN_mod_inverse(inverse.get(), n.claims[count - 1].product.get(), n.n.get(), n.context.get()) != nullptr,
       "BN_mod_inverse");
  std::vector<Bn> of_key(keys.size());
  for (Bn& sum : of_key) sum = new_number();
  const Point point = n.new_point();
  n.clear_buckets();
  for (size_t i = count; i-- > 0;) {
    const ClaimNumbers& claim = n.claims[i];
    if (!n.find_point(claim, claims[i].recovery_id & 1, point.get())) return false;
    const auto factor = static_cast<uint32_t>(1 + inputs.below(UINT32_MAX));
    for (size_t digit = 0; digit < kDigits; digit++) {
      n.add(n.buckets[digit][factor >> digit * kDigitBits & (kBuckets - 1)], point);
    }
    if (i > 0) {
      n.multiply(w, inverse, n.claims[i - 1].product);
      n.multiply(inverse, inverse, claim.s);
    } else {
      must(BN_copy(w.get(), inverse.get()) != nullptr, "BN_copy");
    }
    const auto accumulate = [&](const Bn& sum, const Bn& number) {
      n.multiply(term, number, w);
      must(BN_mul_word(term.get(), factor) == 1 && BN_add(sum.get(), sum.get(), term.get()) == 1, "BN_mul_word");
    };
    accumulate(of_generator, claim.e);
    accumulate(of_key[claims[i].key], claim.r);
  }

  const Point right = n.new_point(), product = n.new_point();
  const auto reduce = [&](const Bn& sum) {
    must(BN_nnmod(sum.get(), sum.get(), n.n.get(), n.context.get()) == 1, "BN_nnmod");
  };
  reduce(of_generator);
  must(EC_POINT_mul(n.group, right.get(), of_generator.get(), nullptr, nullptr, n.context.get()) == 1, "EC_POINT_mul");
  for (size_t key = 0; key < keys.size(); key++) {
    uint8_t encoded[1 + 2 * kMaxNumberBytes] = {POINT_CONVERSION_UNCOMPRESSED};
    std::memcpy(encoded + 1, keys[key]->public_point, 2 * n.width);
    reduce(of_key[key]);
    must(EC_POINT_oct2point(n.group, point.get(), encoded, 1 + 2 * n.width, n.context.get()) == 1 &&
             EC_POINT_mul(n.group, product.get(), nullptr, point.get(), of_key[key].get(), n.context.get()) == 1,
         "EC_POINT_mul");
    n.add(right, product);
  }
  return EC_POINT_cmp(n.group, n.sum_of_buckets().get(), right.get(), n.context.get()) == 0;
}

}  // namespace keymill
