#include "edwards.h"

#include <initializer_list>

#include "asymmetric.h"
#include "cpu.h"
#include "edwards25519.h"
#include "edwards_items.h"
#include "key_format.h"
#include "known_answers.h"

namespace keymill {
namespace {

/** AlgorithmIdentifier: id-Ed25519 without parameters (RFC 8410 section 3). */
constexpr uint8_t kEd25519[] = {0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70};
constexpr Bytes kIdentifier = {kEd25519, sizeof kEd25519};
constexpr size_t kSeedBytes = 32;
constexpr size_t kPointBytes = 32;

// ---- Ed25519 through OpenSSL, which 3.0 has no Ed25519ph in ----

constexpr EvpPurpose kSigning = {nullptr, EVP_DigestSignInit};
constexpr EvpPurpose kVerifying = {nullptr, EVP_DigestVerifyInit};

Status sign(Item& item) {
  const Status status = usable_for_edwards(item, false);
  if (status != Status::OK) return status;
  if (!item.key->has_secret) return Status::WRONG_KEY;
  if (item.output.size < kEdwardsSignatureBytes) return Status::MALFORMED_RECORD;
  const EvpLease context(item.key->contexts, item.key->pkey.get(), kSigning);
  if (!context.message() ||
      EVP_DigestSign(context.message(), item.output.data, &item.output.size, item.input.data, item.input.size) != 1) {
    return failed_with(Status::INTERNAL);
  }
  return Status::OK;
}

Status verify(Item& item) {
  const Status status = usable_for_edwards(item, false);
  if (status != Status::OK) return status;
  item.output.size = 0;
  if (item.extra.size != kEdwardsSignatureBytes) return Status::INVALID_SIGNATURE;
  const EvpLease context(item.key->contexts, item.key->pkey.get(), kVerifying);
  if (!context.message()) return failed_with(Status::INTERNAL);
  const int valid =
      EVP_DigestVerify(context.message(), item.extra.data, item.extra.size, item.input.data, item.input.size);
  return valid == 1 ? Status::OK : Status::INVALID_SIGNATURE;
}

// ---- KeyType ----

/** Fills in what follows from the seed and from `pkey`, which has its public half. */
Status complete(Key& key) {
  static_assert(sizeof key.public_point >= kEdwardsPublicBytes, "room for what the kernels need");
  Digest hash;
  size_t size = sizeof key.public_point;
  if (EVP_PKEY_get_raw_public_key(key.pkey.get(), key.public_point, &size) != 1 || size != kPointBytes ||
      !complete_public_point_vartime(key.public_point)) {
    return failed_with(Status::INTERNAL);
  }
  hash_bytes(Hash::SHA_512, key.secret.view(), &hash);
  // RFC 8032 section 5.1.5 step 2.
  hash.bytes[0] &= 0xf8;
  hash.bytes[31] = (hash.bytes[31] & 0x7f) | 0x40;
  key.expanded = SecretBytes::copy_of(hash.view());
  wipe(hash.bytes, sizeof hash.bytes);
  key.has_secret = key.expanded.ok();
  return key.has_secret ? Status::OK : Status::OUT_OF_MEMORY;
}

Status set_seed(Bytes seed, Key& key) {
  if (seed.size != kSeedBytes) return Status::INVALID_KEY;
  key.secret = SecretBytes::copy_of(seed);
  key.pkey.reset(EVP_PKEY_new_raw_private_key_ex(nullptr, "ED25519", nullptr, seed.data, seed.size));
  if (!key.secret.ok() || !key.pkey) return failed_with(Status::OUT_OF_MEMORY);
  return complete(key);
}

/** RFC 8410 section 7: the seed in an OCTET STRING of its own; the public key, where present, must be the seed's. */
Status import_pkcs8(Bytes data, Key& key) {
  Pkcs8 outer;
  if (!read_pkcs8(data, kIdentifier, &outer)) return Status::INVALID_KEY;
  DerReader reader(outer.private_key);
  Bytes seed;
  if (!reader.read(kDerOctetString, &seed) || !reader.at_end()) return Status::INVALID_KEY;
  const Status status = set_seed(seed, key);
  if (status != Status::OK || !outer.has_public_key) return status;
  return outer.public_key.size == kPointBytes && std::memcmp(outer.public_key.data, key.public_point, kPointBytes) == 0
             ? Status::OK
             : Status::INVALID_KEY;
}

Status import_spki(Bytes data, Key& key) {
  Bytes point;
  if (!read_spki(data, kIdentifier, &point) || point.size != kPointBytes) return Status::INVALID_KEY;
  std::memcpy(key.public_point, point.data, kPointBytes);
  // With a key of small order one signature would hold for many messages.
  if (!complete_public_point_vartime(key.public_point)) return Status::INVALID_KEY;
  key.pkey.reset(EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr, point.data, point.size));
  return key.pkey ? Status::OK : failed_with(Status::OUT_OF_MEMORY);
}

/** FIPS 186-5 section A.1 asks for a pairwise test of new pairs: it signs, and its public half accepts. */
bool is_consistent(const Key& key) {
  const uint8_t message[1] = {1};
  uint8_t signature[kEdwardsSignatureBytes];
  Item item;
  item.key = &key;
  item.input = {message, sizeof message};
  item.output = {signature, sizeof signature};
  if (sign(item) != Status::OK) return false;
  item.extra = item.output;
  return verify(item) == Status::OK;
}

Status generate(KeySpec, const std::atomic<bool>&, Key& key) {
  key.pkey.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (!key.pkey) return failed_with(Status::UNAVAILABLE);
  key.secret = SecretBytes(kSeedBytes);
  if (!key.secret.ok()) return Status::OUT_OF_MEMORY;
  size_t size = kSeedBytes;
  if (EVP_PKEY_get_raw_private_key(key.pkey.get(), key.secret.data(), &size) != 1 || size != kSeedBytes) {
    return failed_with(Status::INTERNAL);
  }
  key.spec = KeySpec::ECC_NIST_EDWARDS25519;
  const Status completed = complete(key);
  if (completed != Status::OK) return completed;
  return is_consistent(key) ? Status::OK : failed_with(Status::INTERNAL);
}

Status import(KeySpec, KeyFormat format, Bytes data, Key& key) {
  switch (format) {
    case KeyFormat::kRaw:
      return set_seed(data, key);
    case KeyFormat::kPkcs8:
      return import_pkcs8(data, key);
    case KeyFormat::kSpki:
      return import_spki(data, key);
  }
  return Status::INVALID_KEY;
}

Status export_key(const Key& key, KeyFormat format, MutableBytes out, size_t* written) {
  if (format == KeyFormat::kSpki) {
    return write_spki(kIdentifier, {key.public_point, kPointBytes}, out, written) ? Status::OK
                                                                                  : Status::MALFORMED_RECORD;
  }
  if (!key.has_secret) return Status::NOT_EXPORTABLE;
  DerWriter writer(out);
  writer.prepend(key.secret.view());
  if (format == KeyFormat::kPkcs8) {
    writer.prepend_header(kDerOctetString, 0);
    prepend_pkcs8(writer, kIdentifier, 0);
  }
  return writer.finish(written) ? Status::OK : Status::MALFORMED_RECORD;
}

Status save(const Key& key, SecretBytes& material) {
  if (!key.has_secret) return Status::WRONG_KEY;
  material = SecretBytes::copy_of(key.secret.view());
  return material.ok() ? Status::OK : Status::OUT_OF_MEMORY;
}

Status load(KeySpec, Bytes material, Key& key) { return set_seed(material, key); }

// ---- Implementations ----

/** One of the two algorithms, and its answer under the known seed. */
struct Scheme {
  Algorithm algorithm;
  bool prehashed;
  const char* sign_primitive;
  const char* verify_primitive;
  const char* signature;
};
constexpr Scheme kPure = {Algorithm::ED25519_SHA_512, false, "ed25519-sign", "ed25519-verify", kEdwardsKnown.signature};
constexpr Scheme kPrehashed = {Algorithm::ED25519_PH_SHA_512, true, "ed25519ph-sign", "ed25519ph-verify",
                               kEdwardsKnown.prehashed_signature};

/** Every lane of a vector, and a vector that is not full. */
template <const Scheme& scheme, Run run, bool signs, size_t lanes>
bool known_answer_test(ThreadState& thread, bool fault) {
  Key key;
  key.spec = KeySpec::ECC_NIST_EDWARDS25519;
  if (set_seed(Known(kEdwardsKnown.seed).view(), key) != Status::OK) return false;
  const Known signature(scheme.signature);
  const KnownAnswer known = {key, scheme.algorithm, 0, kKnownMessage, signature.view(), {}, lanes + 1};
  return signs ? gives_answer(thread, run, nullptr, known, fault) : accepts_answer(thread, run, known, fault);
}

template <const Scheme& scheme, bool signs, Run run, size_t lanes>
constexpr Implementation row(const char* name, uint64_t required_cpu_features) {
  return {signs ? Operation::SIGN : Operation::VERIFY,
          scheme.algorithm,
          KeySpec{},
          signs ? scheme.sign_primitive : scheme.verify_primitive,
          name,
          required_cpu_features,
          run,
          known_answer_test<scheme, run, signs, lanes>};
}

/** The kernels of one vector type. */
struct VectorType {
  const char* name;
  const EdwardsKernel& kernel;
  const Sha2Kernels& sha2;
  size_t lanes;
  uint64_t required_cpu_features;
};
constexpr VectorType kIfma = {"ifma", kIfmaEdwards, kAvx512Sha2, 8, kCpuAvx512 | kCpuAvx512Ifma | kCpuBmi2};
constexpr VectorType kScalar = {"scalar", kScalarEdwards, kOneLaneSha2, 1, 0};
constexpr VectorType kEmulated = {"emulated", kEmulatedEdwards, kEmulatedSha2, 8, 0};

template <const Scheme& scheme, const VectorType& type>
struct OnLanes {
  static constexpr EdwardsRoute kRoute = {type.kernel, type.sha2.sha512, scheme.prehashed};
  static void sign(ThreadState& thread, Item* items, size_t count) { sign_edwards(kRoute, thread, items, count); }
  static void verify(ThreadState& thread, Item* items, size_t count) { verify_edwards(kRoute, thread, items, count); }
};

template <const Scheme& scheme, const VectorType& type>
constexpr Implementation signing_on() {
  return row<scheme, true, OnLanes<scheme, type>::sign, type.lanes>(type.name, type.required_cpu_features);
}

template <const Scheme& scheme, const VectorType& type>
constexpr Implementation verifying_on() {
  return row<scheme, false, OnLanes<scheme, type>::verify, type.lanes>(type.name, type.required_cpu_features);
}

/** Best first; the emulation is for tests alone. */
constexpr Implementation kImplementations[] = {
    signing_on<kPure, kIfma>(),
    signing_on<kPure, kScalar>(),
    row<kPure, true, run_each<sign>, 1>("openssl", 0),
    signing_on<kPure, kEmulated>(),
    verifying_on<kPure, kIfma>(),
    verifying_on<kPure, kScalar>(),
    row<kPure, false, run_each<verify>, 1>("openssl", 0),
    verifying_on<kPure, kEmulated>(),

    signing_on<kPrehashed, kIfma>(),
    signing_on<kPrehashed, kScalar>(),
    signing_on<kPrehashed, kEmulated>(),
    verifying_on<kPrehashed, kIfma>(),
    verifying_on<kPrehashed, kScalar>(),
    verifying_on<kPrehashed, kEmulated>(),
};

}  // namespace

const KeyType kEdwardsKeyType = {KeySpec::ECC_NIST_EDWARDS25519, generate, import, export_key, save, load};

ImplementationList edwards_implementations() {
  return {kImplementations, sizeof kImplementations / sizeof *kImplementations};
}

}  // namespace keymill
