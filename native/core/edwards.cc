#include "edwards.h"

#include <initializer_list>

#include "asymmetric.h"
#include "edwards25519.h"
#include "key_format.h"
#include "known_answers.h"

namespace keymill {
namespace {

/** AlgorithmIdentifier: id-Ed25519 without parameters (RFC 8410 section 3). */
constexpr uint8_t kEd25519[] = {0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70};
constexpr Bytes kIdentifier = {kEd25519, sizeof kEd25519};
constexpr size_t kSeedBytes = 32;
constexpr size_t kPointBytes = 32;
constexpr size_t kSignatureBytes = 64;

// ---- Ed25519 through OpenSSL ----

constexpr EvpPurpose kSigning = {nullptr, EVP_DigestSignInit};
constexpr EvpPurpose kVerifying = {nullptr, EVP_DigestVerifyInit};

/** Why an item cannot be done whatever its bytes are. */
Status usable(const Item& item, uint32_t allowed_flags) {
  if (item.flags & ~(allowed_flags | FLAG_EXTERNAL)) return Status::MALFORMED_RECORD;
  return item.key && item.key->spec == KeySpec::ECC_NIST_EDWARDS25519 ? Status::OK : Status::WRONG_KEY;
}

Status sign(Item& item) {
  const Status status = usable(item, 0);
  if (status != Status::OK) return status;
  if (!item.key->has_secret) return Status::WRONG_KEY;
  if (item.output.size < kSignatureBytes) return Status::MALFORMED_RECORD;
  const EvpLease context(item.key->contexts, item.key->pkey.get(), kSigning);
  if (!context.message() ||
      EVP_DigestSign(context.message(), item.output.data, &item.output.size, item.input.data, item.input.size) != 1) {
    return failed_with(Status::INTERNAL);
  }
  return Status::OK;
}

Status verify(Item& item) {
  const Status status = usable(item, 0);
  if (status != Status::OK) return status;
  item.output.size = 0;
  if (item.extra.size != kSignatureBytes) return Status::INVALID_SIGNATURE;
  const EvpLease context(item.key->contexts, item.key->pkey.get(), kVerifying);
  if (!context.message()) return failed_with(Status::INTERNAL);
  const int valid =
      EVP_DigestVerify(context.message(), item.extra.data, item.extra.size, item.input.data, item.input.size);
  return valid == 1 ? Status::OK : Status::INVALID_SIGNATURE;
}

// ---- Ed25519ph, RFC 8032 section 5.1 with PH = SHA-512 and an empty context ----

/** dom2(1, ""): section 2. */
constexpr uint8_t kDomain[] = "SigEd25519 no Ed25519 collisions\x01";
constexpr size_t kDomainBytes = sizeof kDomain;
static_assert(kDomainBytes == 32 + 2, "the terminating zero is the length of the empty context");

/** SHA-512(dom2 || a || b || prehash) mod L, for a and b of at most 32 bytes. */
bool hash_to_scalar(uint8_t scalar[32], Bytes a, Bytes b, const Digest& prehash) {
  uint8_t message[kDomainBytes + 32 + 32 + kMaxDigestBytes];
  size_t size = 0;
  for (const Bytes part : {Bytes{kDomain, kDomainBytes}, a, b, prehash.view()}) {
    if (part.size > 0) std::memcpy(message + size, part.data, part.size);
    size += part.size;
  }
  Digest digest;
  const bool hashed = hash_bytes(Hash::SHA_512, {message, size}, &digest);
  if (hashed) edwards25519::reduce_scalar(scalar, digest.bytes);
  wipe(message, sizeof message);
  wipe(digest.bytes, sizeof digest.bytes);
  return hashed;
}

Status sign_prehashed(Item& item) {
  const Status status = usable(item, FLAG_MESSAGE_IS_DIGEST);
  if (status != Status::OK) return status;
  if (!item.key->has_secret) return Status::WRONG_KEY;
  if (item.output.size < kSignatureBytes) return Status::MALFORMED_RECORD;
  Digest prehash;
  const Status digested = digest_of_input(item, Hash::SHA_512, &prehash);
  if (digested != Status::OK) return digested;
  // Section 5.1.5: the lower half of the seed's hash is the scalar, the upper half the prefix.
  Digest expanded;
  if (!hash_bytes(Hash::SHA_512, item.key->secret.view(), &expanded)) return failed_with(Status::INTERNAL);
  expanded.bytes[0] &= 0xf8;
  expanded.bytes[31] = (expanded.bytes[31] & 0x7f) | 0x40;
  uint8_t* const r_point = item.output.data;
  uint8_t* const s = item.output.data + 32;
  uint8_t r[32], k[32];
  bool ok = hash_to_scalar(r, {expanded.bytes + 32, 32}, {}, prehash);
  if (ok) {
    edwards25519::multiply_base(r_point, r);
    ok = hash_to_scalar(k, {r_point, 32}, {item.key->public_point, kPointBytes}, prehash);
  }
  if (ok) edwards25519::multiply_add_scalars(s, k, expanded.bytes, r);
  wipe(expanded.bytes, sizeof expanded.bytes);
  wipe(r, sizeof r);
  item.output.size = kSignatureBytes;
  return ok ? Status::OK : failed_with(Status::INTERNAL);
}

Status verify_prehashed(Item& item) {
  const Status status = usable(item, FLAG_MESSAGE_IS_DIGEST);
  if (status != Status::OK) return status;
  Digest prehash;
  const Status digested = digest_of_input(item, Hash::SHA_512, &prehash);
  if (digested != Status::OK) return digested;
  item.output.size = 0;
  if (item.extra.size != kSignatureBytes) return Status::INVALID_SIGNATURE;
  const uint8_t* r = item.extra.data;
  const uint8_t* s = item.extra.data + 32;
  // Section 5.1.7 step 1; without it S + L would be a second signature.
  if (!edwards25519::is_canonical_scalar_vartime(s)) return Status::INVALID_SIGNATURE;
  uint8_t k[32];
  if (!hash_to_scalar(k, {r, 32}, {item.key->public_point, kPointBytes}, prehash)) return failed_with(Status::INTERNAL);
  return edwards25519::satisfies_equation_vartime(r, s, k, item.key->public_point) ? Status::OK
                                                                                   : Status::INVALID_SIGNATURE;
}

// ---- KeyType ----

/** Reads the public half out of `pkey`. */
bool set_public_point(Key& key) {
  size_t size = sizeof key.public_point;
  return EVP_PKEY_get_raw_public_key(key.pkey.get(), key.public_point, &size) == 1 && size == kPointBytes;
}

Status set_seed(Bytes seed, Key& key) {
  if (seed.size != kSeedBytes) return Status::INVALID_KEY;
  key.secret = SecretBytes::copy_of(seed);
  key.pkey.reset(EVP_PKEY_new_raw_private_key_ex(nullptr, "ED25519", nullptr, seed.data, seed.size));
  if (!key.secret.ok() || !key.pkey) return failed_with(Status::OUT_OF_MEMORY);
  if (!set_public_point(key)) return failed_with(Status::INTERNAL);
  key.has_secret = true;
  return Status::OK;
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
  // With a key of small order one signature would hold for many messages.
  if (!read_spki(data, kIdentifier, &point) || point.size != kPointBytes ||
      !edwards25519::is_public_key_vartime(point.data)) {
    return Status::INVALID_KEY;
  }
  key.pkey.reset(EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr, point.data, point.size));
  if (!key.pkey) return failed_with(Status::OUT_OF_MEMORY);
  std::memcpy(key.public_point, point.data, kPointBytes);
  return Status::OK;
}

/** FIPS 186-5 section A.1 asks for a pairwise test of new pairs: it signs, and its public half accepts. */
bool is_consistent(const Key& key) {
  const uint8_t message[1] = {1};
  uint8_t signature[kSignatureBytes];
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
  if (EVP_PKEY_get_raw_private_key(key.pkey.get(), key.secret.data(), &size) != 1 || size != kSeedBytes ||
      !set_public_point(key)) {
    return failed_with(Status::INTERNAL);
  }
  key.spec = KeySpec::ECC_NIST_EDWARDS25519;
  key.has_secret = true;
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

// ---- Self-tests ----

/** One of the two algorithms: its functions and its answer under the known seed. */
struct Scheme {
  Algorithm algorithm;
  Run sign;
  Run verify;
  const char* signature;
};

constexpr Scheme kPure = {Algorithm::ED25519_SHA_512, run_each<sign>, run_each<verify>, kEdwardsKnown.signature};
constexpr Scheme kPrehashed = {Algorithm::ED25519_PH_SHA_512, run_each<sign_prehashed>, run_each<verify_prehashed>,
                               kEdwardsKnown.prehashed_signature};

template <const Scheme& scheme, bool signs>
bool known_answer_test(ThreadState& thread, bool fault) {
  Key key;
  key.spec = KeySpec::ECC_NIST_EDWARDS25519;
  if (set_seed(Known(kEdwardsKnown.seed).view(), key) != Status::OK) return false;
  const Known signature(scheme.signature);
  const KnownAnswer known = {key, scheme.algorithm, 0, kKnownMessage, signature.view(), {}};
  return signs ? gives_answer(thread, scheme.sign, scheme.verify, known, fault)
               : accepts_answer(thread, scheme.verify, known, fault);
}

template <const Scheme& scheme>
constexpr Implementation signing(const char* primitive, const char* name) {
  return {
      Operation::SIGN, scheme.algorithm, KeySpec{}, primitive, name, 0, scheme.sign, known_answer_test<scheme, true>};
}

template <const Scheme& scheme>
constexpr Implementation verifying(const char* primitive, const char* name) {
  return {Operation::VERIFY,
          scheme.algorithm,
          KeySpec{},
          primitive,
          name,
          0,
          scheme.verify,
          known_answer_test<scheme, false>};
}

constexpr Implementation kImplementations[] = {
    signing<kPure>("ed25519-sign", "openssl"),
    verifying<kPure>("ed25519-verify", "openssl"),
    signing<kPrehashed>("ed25519ph-sign", "scalar"),
    verifying<kPrehashed>("ed25519ph-verify", "scalar"),
};

}  // namespace

const KeyType kEdwardsKeyType = {KeySpec::ECC_NIST_EDWARDS25519, generate, import, export_key, save, load};

ImplementationList edwards_implementations() {
  return {kImplementations, sizeof kImplementations / sizeof *kImplementations};
}

}  // namespace keymill
