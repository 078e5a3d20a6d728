#include "ec.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

#include <initializer_list>

#include "asymmetric.h"
#include "cpu.h"
#include "ecdh_items.h"
#include "ecdsa_items.h"
#include "key_format.h"
#include "known_answers.h"

namespace keymill {
namespace {

/** AlgorithmIdentifier: id-ecPublicKey with a namedCurve and nothing else (RFC 5480 sections 2.1.1 and 2.1.1.1). */
constexpr uint8_t kP256[] = {0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
                             0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
constexpr uint8_t kP384[] = {0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
                             0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
constexpr uint8_t kP521[] = {0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
                             0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23};
constexpr uint8_t kP256K1[] = {0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
                               0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a};

struct Curve {
  KeySpec spec;
  int nid;
  /** OpenSSL's name of the group. */
  const char* group;
  Bytes identifier;
  /** Of a coordinate, and of a scalar: the same on all four. */
  size_t element_bytes;
  Algorithm ecdsa;
  Hash hash;
  bool has_ecdh;

  size_t point_bytes() const { return 1 + 2 * element_bytes; }
};

constexpr Curve kCurves[] = {
    {KeySpec::ECC_NIST_P256,
     NID_X9_62_prime256v1,
     "P-256",
     {kP256, sizeof kP256},
     32,
     Algorithm::ECDSA_SHA_256,
     Hash::SHA_256,
     true},
    {KeySpec::ECC_NIST_P384,
     NID_secp384r1,
     "P-384",
     {kP384, sizeof kP384},
     48,
     Algorithm::ECDSA_SHA_384,
     Hash::SHA_384,
     true},
    {KeySpec::ECC_NIST_P521,
     NID_secp521r1,
     "P-521",
     {kP521, sizeof kP521},
     66,
     Algorithm::ECDSA_SHA_512,
     Hash::SHA_512,
     true},
    {KeySpec::ECC_SECG_P256K1,
     NID_secp256k1,
     "secp256k1",
     {kP256K1, sizeof kP256K1},
     32,
     Algorithm::ECDSA_SHA_256,
     Hash::SHA_256,
     false},
};
constexpr size_t kCurveCount = sizeof kCurves / sizeof *kCurves;
constexpr size_t kMaxElementBytes = 66;
constexpr size_t kMaxPointBytes = 1 + 2 * kMaxElementBytes;
/** A SEQUENCE of two INTEGERs, each with a sign byte. */
constexpr size_t kMaxSignatureBytes = 3 + 2 * (2 + 1 + kMaxElementBytes);
/** SEC 1 section 2.3.3, the only form read and written here: what RFC 5480 section 2.2 requires of everybody. */
constexpr uint8_t kUncompressed = 4;

const Curve* find_curve(KeySpec spec) {
  for (const auto& curve : kCurves) {
    if (curve.spec == spec) return &curve;
  }
  return nullptr;
}

/** Made once for the process and never freed: worker threads may outlive static destructors. */
const EC_GROUP* group_of(const Curve& curve) {
  struct Groups {
    EC_GROUP* group[kCurveCount];
    Groups() {
      for (size_t i = 0; i < kCurveCount; i++) group[i] = EC_GROUP_new_by_curve_name(kCurves[i].nid);
    }
  };
  static const Groups all;
  return all.group[&curve - kCurves];
}

struct PointFree {
  void operator()(EC_POINT* point) const { EC_POINT_clear_free(point); }
};
using Point = std::unique_ptr<EC_POINT, PointFree>;

// ---- Keys ----

/** A key from an encoded point and, where there is one, its scalar; both already checked. */
EvpPkey make_pkey(const Curve& curve, Bytes point, const BIGNUM* scalar) {
  SecretBytes native(curve.element_bytes);
  if (!native.ok()) return nullptr;
  OSSL_PARAM parameters[4] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, const_cast<char*>(curve.group), 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, const_cast<uint8_t*>(point.data), point.size),
      OSSL_PARAM_construct_end(),
      OSSL_PARAM_construct_end(),
  };
  if (scalar) {
    if (BN_bn2nativepad(scalar, native.data(), static_cast<int>(native.size())) < 0) return nullptr;
    parameters[2] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native.data(), native.size());
  }
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr), EVP_PKEY_CTX_free);
  EVP_PKEY* pkey = nullptr;
  const int selection = scalar ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &pkey, selection, parameters) != 1) {
    return nullptr;
  }
  return EvpPkey(pkey);
}

/** The point an SPKI holds, uncompressed; whether it is one of the curve remains to be seen. */
bool read_point(const Curve& curve, Bytes spki, Bytes* point) {
  return read_spki(spki, curve.identifier, point) && point->size == curve.point_bytes() &&
         point->data[0] == kUncompressed;
}

/** SP 800-56A section 5.6.2.3.3; with a cofactor of 1, a point on the curve other than infinity has the order n. */
bool is_public_point(const Curve& curve, Bytes point) {
  const Point decoded(EC_POINT_new(group_of(curve)));
  // Refuses coordinates of p and above and points off the curve.
  return decoded && EC_POINT_oct2point(group_of(curve), decoded.get(), point.data, point.size, nullptr) == 1;
}

/** The public key an SPKI holds, or null. */
EvpPkey read_public(const Curve& curve, Bytes spki, Bytes* point) {
  if (!read_point(curve, spki, point) || !is_public_point(curve, *point)) return nullptr;
  return make_pkey(curve, *point, nullptr);
}

/** For the kernels: the coordinates of an uncompressed point. */
void set_public_point(const Curve& curve, Bytes point, Key& key) {
  static_assert(sizeof key.public_point >= 2 * kMaxElementBytes, "room for every curve");
  std::memcpy(key.public_point, point.data + 1, curve.point_bytes() - 1);
}

/** Fills a key from its scalar. A public point that came with it, if not empty, must be the scalar's. */
Status set_scalar(const Curve& curve, Bytes scalar, Bytes expected_point, Key& key) {
  if (scalar.size != curve.element_bytes) return Status::INVALID_KEY;
  const EC_GROUP* group = group_of(curve);
  const Bn d = secret_number(scalar);
  const Point q(group ? EC_POINT_new(group) : nullptr);
  key.secret = SecretBytes::copy_of(scalar);
  if (!d || !q || !key.secret.ok()) return failed_with(Status::OUT_OF_MEMORY);
  // FIPS 186-5 section A.2: d lies in [1, n - 1].
  if (BN_is_zero(d.get()) || BN_cmp(d.get(), EC_GROUP_get0_order(group)) >= 0) return Status::INVALID_KEY;
  uint8_t point[kMaxPointBytes];
  if (EC_POINT_mul(group, q.get(), d.get(), nullptr, nullptr, nullptr) != 1 ||
      EC_POINT_point2oct(group, q.get(), POINT_CONVERSION_UNCOMPRESSED, point, curve.point_bytes(), nullptr) !=
          curve.point_bytes()) {
    return failed_with(Status::INTERNAL);
  }
  if (expected_point.size > 0 && (expected_point.size != curve.point_bytes() ||
                                  std::memcmp(point, expected_point.data, expected_point.size) != 0)) {
    return Status::INVALID_KEY;
  }
  key.pkey = make_pkey(curve, {point, curve.point_bytes()}, d.get());
  if (!key.pkey) return failed_with(Status::OUT_OF_MEMORY);
  set_public_point(curve, {point, curve.point_bytes()}, key);
  key.has_secret = true;
  return Status::OK;
}

Status import_raw(const Curve& curve, Bytes data, Key& key) { return set_scalar(curve, data, {}, key); }

/** ECPrivateKey, RFC 5915 section 3, inside PKCS#8. */
Status import_pkcs8(const Curve& curve, Bytes data, Key& key) {
  Pkcs8 outer;
  if (!read_pkcs8(data, curve.identifier, &outer) || outer.has_public_key) return Status::INVALID_KEY;
  DerReader sequence(outer.private_key);
  Bytes body;
  if (!sequence.read(kDerSequence, &body) || !sequence.at_end()) return Status::INVALID_KEY;
  DerReader reader(body);
  Bytes scalar;
  if (!reader.read_version(1) || !reader.read(kDerOctetString, &scalar)) return Status::INVALID_KEY;
  if (reader.next_is(kDerContext0)) {
    // The curve again: the same OBJECT IDENTIFIER that ends the AlgorithmIdentifier.
    constexpr size_t kBeforeCurve = 11;
    Bytes named;
    if (!reader.read(kDerContext0, &named) || named.size != curve.identifier.size - kBeforeCurve ||
        std::memcmp(named.data, curve.identifier.data + kBeforeCurve, named.size) != 0) {
      return Status::INVALID_KEY;
    }
  }
  Bytes point;
  if (reader.next_is(kDerContext1)) {
    Bytes wrapped;
    if (!reader.read(kDerContext1, &wrapped)) return Status::INVALID_KEY;
    DerReader inner(wrapped);
    if (!inner.read_bit_string(kDerBitString, &point) || !inner.at_end() || point.size == 0) return Status::INVALID_KEY;
  }
  if (!reader.at_end()) return Status::INVALID_KEY;
  return set_scalar(curve, scalar, point, key);
}

Status import_spki(const Curve& curve, Bytes data, Key& key) {
  Bytes point;
  key.pkey = read_public(curve, data, &point);
  if (!key.pkey) return failed_with(Status::INVALID_KEY);
  set_public_point(curve, point, key);
  return Status::OK;
}

bool public_point(const Curve& curve, const Key& key, uint8_t (&point)[kMaxPointBytes]) {
  size_t size = 0;
  return EVP_PKEY_get_octet_string_param(key.pkey.get(), OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &size) == 1 &&
         size == curve.point_bytes() && point[0] == kUncompressed;
}

// ---- Operations ----

constexpr EvpPurpose kSigning = {EVP_PKEY_sign_init_ex};
constexpr EvpPurpose kVerifying = {EVP_PKEY_verify_init_ex};
constexpr EvpPurpose kAgreeing = {EVP_PKEY_derive_init_ex};

/** What an operation needs to know of its key, or why it cannot be done with it. */
Status curve_for_ecdsa(const Item& item, const Curve** curve) {
  *curve = item.key ? find_curve(item.key->spec) : nullptr;
  return *curve && (*curve)->ecdsa == item.algorithm ? Status::OK : Status::WRONG_KEY;
}

/** r and s of a DER signature side by side, each at full width. The signature is OpenSSL's own. */
bool to_fixed_width(const Curve& curve, Bytes der, uint8_t* out) {
  DerReader outer(der);
  Bytes body;
  if (!outer.read(kDerSequence, &body)) return false;
  DerReader reader(body);
  std::memset(out, 0, 2 * curve.element_bytes);
  for (size_t end : {curve.element_bytes, 2 * curve.element_bytes}) {
    Bytes number;
    if (!reader.read_unsigned(&number) || number.size > curve.element_bytes) return false;
    std::memcpy(out + end - number.size, number.data, number.size);
  }
  return true;
}

Status sign(Item& item) {
  const Curve* curve;
  const Status usable = curve_for_ecdsa(item, &curve);
  if (usable != Status::OK) return usable;
  if (!item.key->has_secret) return Status::WRONG_KEY;
  // Only kernels have these; a signature without them would be another than was asked for.
  if (item.flags & kEcdsaOptions) return Status::INTERNAL;
  Digest digest;
  const Status digested = digest_of_input(item, curve->hash, &digest);
  if (digested != Status::OK) return digested;
  const EvpLease context(item.key->contexts, item.key->pkey.get(), kSigning);
  uint8_t der[kMaxSignatureBytes];
  size_t der_bytes = sizeof der;
  if (!context.get() || EVP_PKEY_sign(context.get(), der, &der_bytes, digest.bytes, digest.size) != 1) {
    return failed_with(Status::INTERNAL);
  }
  if (!(item.flags & FLAG_P1363)) return put_output(item, {der, der_bytes});
  if (item.output.size < 2 * curve->element_bytes) return Status::MALFORMED_RECORD;
  item.output.size = 2 * curve->element_bytes;
  return to_fixed_width(*curve, {der, der_bytes}, item.output.data) ? Status::OK : Status::INTERNAL;
}

Status verify(Item& item) {
  const Curve* curve;
  const Status usable = curve_for_ecdsa(item, &curve);
  if (usable != Status::OK) return usable;
  Digest digest;
  const Status digested = digest_of_input(item, curve->hash, &digest);
  if (digested != Status::OK) return digested;
  item.output.size = 0;
  Bytes signature = item.extra;
  uint8_t der[kMaxSignatureBytes];
  if (item.flags & FLAG_P1363) {
    if (signature.size != 2 * curve->element_bytes) return Status::INVALID_SIGNATURE;
    DerWriter writer({der, sizeof der});
    writer.prepend_unsigned({signature.data + curve->element_bytes, curve->element_bytes});
    writer.prepend_unsigned({signature.data, curve->element_bytes});
    writer.prepend_header(kDerSequence, 0);
    signature.data = der;
    if (!writer.finish(&signature.size)) return Status::INTERNAL;
  }
  // OpenSSL encodes what it decoded again and compares (ossl_ecdsa_verify), so only DER passes.
  if (signature.size == 0 || signature.size > sizeof der) return Status::INVALID_SIGNATURE;
  const EvpLease context(item.key->contexts, item.key->pkey.get(), kVerifying);
  if (!context.get()) return failed_with(Status::INTERNAL);
  const int valid = EVP_PKEY_verify(context.get(), signature.data, signature.size, digest.bytes, digest.size);
  return valid == 1 ? Status::OK : Status::INVALID_SIGNATURE;
}

Status agree(Item& item) {
  const Curve* curve = item.key ? find_curve(item.key->spec) : nullptr;
  if (!curve) return Status::WRONG_KEY;
  if (!curve->has_ecdh) return Status::UNSUPPORTED;
  if (!item.key->has_secret) return Status::WRONG_KEY;
  if (item.output.size < curve->element_bytes) return Status::MALFORMED_RECORD;
  Bytes point;
  const EvpPkey peer = read_public(*curve, item.extra, &point);
  if (!peer) return failed_with(Status::INVALID_KEY);
  const EvpLease context(item.key->contexts, item.key->pkey.get(), kAgreeing);
  // The peer was checked when it was read; OpenSSL's own check multiplies by the order, which a cofactor of 1 makes
  // needless.
  if (!context.get() || EVP_PKEY_derive_set_peer_ex(context.get(), peer.get(), 0) != 1 ||
      EVP_PKEY_derive(context.get(), item.output.data, &item.output.size) != 1) {
    return failed_with(Status::INTERNAL);
  }
  return item.output.size == curve->element_bytes ? Status::OK : Status::INTERNAL;
}

// ---- KeyType ----

/** SP 800-56A section 5.6.2.1.4: a new pair signs, and its public half accepts. */
bool is_consistent(const Curve& curve, const Key& key) {
  const uint8_t digest[kMaxDigestBytes] = {1};
  uint8_t signature[2 * kMaxElementBytes];
  Item item;
  item.key = &key;
  item.algorithm = curve.ecdsa;
  item.flags = FLAG_MESSAGE_IS_DIGEST | FLAG_P1363;
  item.input = {digest, hash_row(curve.hash).bytes};
  item.output = {signature, sizeof signature};
  if (sign(item) != Status::OK) return false;
  item.extra = item.output;
  return verify(item) == Status::OK;
}

Status generate(KeySpec spec, const std::atomic<bool>&, Key& key) {
  const Curve* curve = find_curve(spec);
  if (!curve) return Status::UNSUPPORTED;
  key.spec = spec;
  key.pkey.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve->group));
  if (!key.pkey) return failed_with(Status::UNAVAILABLE);
  const Bn d = key_number(key.pkey.get(), OSSL_PKEY_PARAM_PRIV_KEY);
  key.secret = SecretBytes(curve->element_bytes);
  if (!d || !key.secret.ok()) return failed_with(Status::OUT_OF_MEMORY);
  uint8_t point[kMaxPointBytes];
  if (BN_bn2binpad(d.get(), key.secret.data(), static_cast<int>(key.secret.size())) < 0 ||
      !public_point(*curve, key, point)) {
    return failed_with(Status::INTERNAL);
  }
  set_public_point(*curve, {point, curve->point_bytes()}, key);
  key.has_secret = true;
  return is_consistent(*curve, key) ? Status::OK : failed_with(Status::INTERNAL);
}

Status import(KeySpec spec, KeyFormat format, Bytes data, Key& key) {
  const Curve* curve = find_curve(spec);
  if (!curve) return Status::UNSUPPORTED;
  switch (format) {
    case KeyFormat::kRaw:
      return import_raw(*curve, data, key);
    case KeyFormat::kPkcs8:
      return import_pkcs8(*curve, data, key);
    case KeyFormat::kSpki:
      return import_spki(*curve, data, key);
  }
  return Status::INVALID_KEY;
}

/** ECPrivateKey with the public key and without the curve, which PKCS#8 already names: what OpenSSL and node:crypto
 * write. */
bool write_pkcs8(const Curve& curve, const Key& key, Bytes point, MutableBytes out, size_t* written) {
  DerWriter writer(out);
  writer.prepend_bit_string(kDerBitString, point);
  writer.prepend_header(kDerContext1, 0);
  const size_t scalar = writer.written();
  writer.prepend(key.secret.view());
  writer.prepend_header(kDerOctetString, scalar);
  const uint8_t version = 1;
  writer.prepend_unsigned({&version, 1});
  writer.prepend_header(kDerSequence, 0);
  prepend_pkcs8(writer, curve.identifier, 0);
  return writer.finish(written);
}

Status export_key(const Key& key, KeyFormat format, MutableBytes out, size_t* written) {
  const Curve* curve = find_curve(key.spec);
  if (!curve || !key.pkey) return Status::WRONG_KEY;
  if (format != KeyFormat::kSpki && !key.has_secret) return Status::NOT_EXPORTABLE;
  if (format == KeyFormat::kRaw) {
    if (out.size < key.secret.size()) return Status::MALFORMED_RECORD;
    std::memcpy(out.data, key.secret.data(), key.secret.size());
    *written = key.secret.size();
    return Status::OK;
  }
  uint8_t point[kMaxPointBytes];
  if (!public_point(*curve, key, point)) return failed_with(Status::INTERNAL);
  const Bytes encoded = {point, curve->point_bytes()};
  const bool fits = format == KeyFormat::kSpki ? write_spki(curve->identifier, encoded, out, written)
                                               : write_pkcs8(*curve, key, encoded, out, written);
  return fits ? Status::OK : Status::MALFORMED_RECORD;
}

Status save(const Key& key, SecretBytes& material) {
  if (!key.has_secret) return Status::WRONG_KEY;
  material = SecretBytes::copy_of(key.secret.view());
  return material.ok() ? Status::OK : Status::OUT_OF_MEMORY;
}

Status load(KeySpec spec, Bytes material, Key& key) {
  const Curve* curve = find_curve(spec);
  return curve ? import_raw(*curve, material, key) : Status::UNSUPPORTED;
}

// ---- Self-tests ----

/** The known-answer key of a curve, its private half included; false where it cannot be read. */
bool known_key(const Curve& curve, Key& key) {
  key.spec = curve.spec;
  return import_raw(curve, Known(kEcKnown[&curve - kCurves].scalar).view(), key) == Status::OK;
}

template <size_t curve_index>
bool verify_test(ThreadState& thread, bool fault) {
  const Curve& curve = kCurves[curve_index];
  Key key;
  if (!known_key(curve, key)) return false;
  const Known signature(kEcKnown[curve_index].signature);
  const KnownAnswer known = {key, curve.ecdsa, FLAG_P1363, kKnownMessage, signature.view(), {}};
  return accepts_answer(thread, run_each<verify>, known, fault);
}

template <size_t curve_index>
bool agree_test(ThreadState& thread, bool fault) {
  const Curve& curve = kCurves[curve_index];
  Key key;
  if (!known_key(curve, key)) return false;
  const Known peer(kEcKnown[curve_index].peer_spki), shared(kEcKnown[curve_index].shared_secret);
  const KnownAnswer known = {key, Algorithm::ECDH, 0, {}, shared.view(), peer.view()};
  return gives_answer(thread, run_each<agree>, nullptr, known, fault);
}

template <size_t curve>
constexpr Implementation verifying(const char* primitive) {
  return {Operation::VERIFY, kCurves[curve].ecdsa, kCurves[curve].spec, primitive, "openssl", 0,
          run_each<verify>,  verify_test<curve>};
}

template <size_t curve>
constexpr Implementation agreeing(const char* primitive) {
  return {Operation::DERIVE_SHARED_SECRET,
          Algorithm::ECDH,
          kCurves[curve].spec,
          primitive,
          "openssl",
          0,
          run_each<agree>,
          agree_test<curve>};
}

/** The kernels of one vector type, whose functions are those `EcdsaKernel` lists. */
struct VectorType {
  const char* name;
  const EcdsaKernel (&kernels)[kEcdsaCurves];
  const NonceKernel (&nonces)[kEcdsaCurves];
  const EcdhKernel (&agreements)[kEcdhCurves];
  uint64_t required_cpu_features;
  /** A vector of P-256 costs more than as many items on OpenSSL's own P-256 code below these. */
  size_t minimum_sign_p256, minimum_verify_p256;
  /** A vector costs more than as many agreements one by one below these. */
  size_t minimum_agree[kEcdhCurves];
};
constexpr uint64_t kIfmaFeatures = kCpuAvx512 | kCpuAvx512Ifma | kCpuBmi2;
constexpr VectorType kIfma = {"ifma", kIfmaEcdsa, kAvx512Nonces, kIfmaEcdh, kIfmaFeatures, 2, 2, {2, 2, 1}};
constexpr VectorType kScalar = {"scalar", kScalarEcdsa, kOneLaneNonces, kScalarEcdh, 0, 1, 1, {1, 1, 1}};
constexpr VectorType kEmulated = {"emulated", kEmulatedEcdsa, kEmulatedNonces, kEmulatedEcdh, 0, 1, 1, {1, 1, 1}};

template <size_t curve, const VectorType& type>
struct OnLanes {
  static constexpr bool kIsP256 = curve == kCurveP256;
  static constexpr EcdsaRoute kRoute = {static_cast<EcdsaCurve>(curve), type.kernels[curve], type.nonces,
                                        kIsP256 ? type.minimum_sign_p256 : 1, kIsP256 ? type.minimum_verify_p256 : 1};

  static void run_sign(ThreadState& thread, Item* items, size_t count) {
    sign_ecdsa(kRoute, thread, items, count, run_each<sign>);
  }
  static void run_verify(ThreadState& thread, Item* items, size_t count) {
    verify_ecdsa(kRoute, thread, items, count, run_each<verify>);
  }
  static bool test_sign(ThreadState&, bool fault) {
    Digest digest;
    hash_bytes(kCurves[curve].hash, kKnownMessage, &digest);
    return ecdsa_makes_known(kRoute, Known(kEcKnown[curve].scalar).view(), digest.view(),
                             Known(kEcKnown[curve].deterministic_signature).view(), kEcKnown[curve].recovery_id, fault);
  }
  static bool test_verify(ThreadState&, bool fault) {
    Digest digest;
    Key key;
    hash_bytes(kCurves[curve].hash, kKnownMessage, &digest);
    return known_key(kCurves[curve], key) &&
           ecdsa_accepts_known(kRoute, {key.public_point, 2 * kCurves[curve].element_bytes}, digest.view(),
                               Known(kEcKnown[curve].signature).view(), fault);
  }
};

template <size_t curve, const VectorType& type>
struct AgreementOnLanes {
  static bool read_peer(Bytes spki, const uint8_t** coordinates) {
    Bytes point;
    if (!read_point(kCurves[curve], spki, &point)) return false;
    *coordinates = point.data + 1;
    return true;
  }

  static constexpr EcdhRoute kRoute = {kCurves[curve].spec,    kCurves[curve].element_bytes, read_peer,
                                       type.agreements[curve], kScalarEcdh[curve],           type.minimum_agree[curve]};

  static void run(ThreadState& thread, Item* items, size_t count) { agree_ecdh(kRoute, thread, items, count); }
  static bool test(ThreadState&, bool fault) {
    const EcKnown& known = kEcKnown[curve];
    const Known peer(known.peer_spki);
    const uint8_t* point;
    return read_peer(peer.view(), &point) &&
           ecdh_gives_known(kRoute, Known(known.scalar).view(), {point, 2 * kCurves[curve].element_bytes},
                            Known(known.shared_secret).view(), fault);
  }
};

/** OpenSSL's signatures, but for items with options, which go to the portable kernel. */
template <size_t curve>
void sign_on_openssl(ThreadState& thread, Item* items, size_t count) {
  for (size_t done = 0; done < count;) {
    const auto has_options = [](const Item& item) { return (item.flags & kEcdsaOptions) != 0; };
    const bool on_kernel = has_options(items[done]);
    size_t alike = 1;
    while (done + alike < count && has_options(items[done + alike]) == on_kernel) alike++;
    (on_kernel ? OnLanes<curve, kScalar>::run_sign : run_each<sign>)(thread, items + done, alike);
    done += alike;
  }
}

template <size_t curve_index>
bool sign_test(ThreadState& thread, bool fault) {
  const Curve& curve = kCurves[curve_index];
  Key key;
  if (!known_key(curve, key)) return false;
  const Known signature(kEcKnown[curve_index].deterministic_signature);
  const KnownAnswer drawn = {key, curve.ecdsa, FLAG_P1363, kKnownMessage, {}, {}};
  const KnownAnswer derived = {key, curve.ecdsa, FLAG_P1363 | FLAG_DETERMINISTIC, kKnownMessage, signature.view(), {}};
  const auto run = sign_on_openssl<curve_index>;
  return gives_answer(thread, run, run_each<verify>, drawn, fault) &&
         gives_answer(thread, run, nullptr, derived, fault);
}

template <size_t curve>
constexpr Implementation signing(const char* primitive) {
  return {Operation::SIGN,        kCurves[curve].ecdsa, kCurves[curve].spec, primitive, "openssl", 0,
          sign_on_openssl<curve>, sign_test<curve>};
}

template <size_t curve, const VectorType& type>
constexpr Implementation signing_on(const char* primitive) {
  using Lanes = OnLanes<curve, type>;
  return {Operation::SIGN, kCurves[curve].ecdsa,       kCurves[curve].spec, primitive,
          type.name,       type.required_cpu_features, Lanes::run_sign,     Lanes::test_sign};
}

template <size_t curve, const VectorType& type>
constexpr Implementation verifying_on(const char* primitive) {
  using Lanes = OnLanes<curve, type>;
  return {Operation::VERIFY, kCurves[curve].ecdsa,       kCurves[curve].spec, primitive,
          type.name,         type.required_cpu_features, Lanes::run_verify,   Lanes::test_verify};
}

template <size_t curve, const VectorType& type>
constexpr Implementation agreeing_on(const char* primitive) {
  using Lanes = AgreementOnLanes<curve, type>;
  return {Operation::DERIVE_SHARED_SECRET, Algorithm::ECDH, kCurves[curve].spec, primitive, type.name,
          type.required_cpu_features,      Lanes::run,      Lanes::test};
}

/**
 * Best first. OpenSSL has assembly for P-256, which one lane of C does not reach; for ECDH it does, since OpenSSL first
 * makes a key of the peer's point. The emulation is for tests alone.
 */
constexpr Implementation kImplementations[] = {
    signing_on<0, kIfma>("ecdsa-p256-sign"),
    signing<0>("ecdsa-p256-sign"),
    signing_on<0, kScalar>("ecdsa-p256-sign"),
    signing_on<0, kEmulated>("ecdsa-p256-sign"),
    verifying_on<0, kIfma>("ecdsa-p256-verify"),
    verifying<0>("ecdsa-p256-verify"),
    verifying_on<0, kScalar>("ecdsa-p256-verify"),
    verifying_on<0, kEmulated>("ecdsa-p256-verify"),

    signing_on<1, kIfma>("ecdsa-p384-sign"),
    signing_on<1, kScalar>("ecdsa-p384-sign"),
    signing<1>("ecdsa-p384-sign"),
    signing_on<1, kEmulated>("ecdsa-p384-sign"),
    verifying_on<1, kIfma>("ecdsa-p384-verify"),
    verifying_on<1, kScalar>("ecdsa-p384-verify"),
    verifying<1>("ecdsa-p384-verify"),
    verifying_on<1, kEmulated>("ecdsa-p384-verify"),

    signing_on<2, kIfma>("ecdsa-p521-sign"),
    signing_on<2, kScalar>("ecdsa-p521-sign"),
    signing<2>("ecdsa-p521-sign"),
    signing_on<2, kEmulated>("ecdsa-p521-sign"),
    verifying_on<2, kIfma>("ecdsa-p521-verify"),
    verifying_on<2, kScalar>("ecdsa-p521-verify"),
    verifying<2>("ecdsa-p521-verify"),
    verifying_on<2, kEmulated>("ecdsa-p521-verify"),

    signing_on<3, kIfma>("ecdsa-secp256k1-sign"),
    signing_on<3, kScalar>("ecdsa-secp256k1-sign"),
    signing<3>("ecdsa-secp256k1-sign"),
    signing_on<3, kEmulated>("ecdsa-secp256k1-sign"),
    verifying_on<3, kIfma>("ecdsa-secp256k1-verify"),
    verifying_on<3, kScalar>("ecdsa-secp256k1-verify"),
    verifying<3>("ecdsa-secp256k1-verify"),
    verifying_on<3, kEmulated>("ecdsa-secp256k1-verify"),

    agreeing_on<0, kIfma>("ecdh-p256"),
    agreeing_on<0, kScalar>("ecdh-p256"),
    agreeing<0>("ecdh-p256"),
    agreeing_on<0, kEmulated>("ecdh-p256"),

    agreeing_on<1, kIfma>("ecdh-p384"),
    agreeing_on<1, kScalar>("ecdh-p384"),
    agreeing<1>("ecdh-p384"),
    agreeing_on<1, kEmulated>("ecdh-p384"),

    agreeing_on<2, kIfma>("ecdh-p521"),
    agreeing_on<2, kScalar>("ecdh-p521"),
    agreeing<2>("ecdh-p521"),
    agreeing_on<2, kEmulated>("ecdh-p521"),
};

constexpr KeyType key_type(KeySpec spec) { return {spec, generate, import, export_key, save, load}; }

}  // namespace

const KeyType kEcKeyTypes[4] = {key_type(kCurves[0].spec), key_type(kCurves[1].spec), key_type(kCurves[2].spec),
                                key_type(kCurves[3].spec)};

ImplementationList ec_implementations() {
  return {kImplementations, sizeof kImplementations / sizeof *kImplementations};
}

}  // namespace keymill
