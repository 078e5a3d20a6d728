#include "rsa_key.h"

#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include "key_format.h"
#include "rsa_check.h"

namespace keymill {
namespace {

/** AlgorithmIdentifier: rsaEncryption with NULL parameters (RFC 8017 section A.1); id-RSASSA-PSS keys are not accepted.
 */
constexpr uint8_t kRsaEncryption[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                      0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
constexpr Bytes kIdentifier = {kRsaEncryption, sizeof kRsaEncryption};

/** Of generated keys. */
constexpr BN_ULONG kPublicExponent = 65537;

// ---- Reading and writing keys ----

/** The numbers of an RSAPrivateKey in the order of RFC 8017 section A.1.2, with OpenSSL's names. */
struct Field {
  Bn RsaNumbers::*number;
  const char* name;
};
constexpr Field kFields[] = {
    {&RsaNumbers::n, OSSL_PKEY_PARAM_RSA_N},           {&RsaNumbers::e, OSSL_PKEY_PARAM_RSA_E},
    {&RsaNumbers::d, OSSL_PKEY_PARAM_RSA_D},           {&RsaNumbers::p, OSSL_PKEY_PARAM_RSA_FACTOR1},
    {&RsaNumbers::q, OSSL_PKEY_PARAM_RSA_FACTOR2},     {&RsaNumbers::d_p, OSSL_PKEY_PARAM_RSA_EXPONENT1},
    {&RsaNumbers::d_q, OSSL_PKEY_PARAM_RSA_EXPONENT2}, {&RsaNumbers::q_inverse, OSSL_PKEY_PARAM_RSA_COEFFICIENT1},
};
constexpr size_t kPublicFields = 2;
constexpr size_t kPrivateFields = sizeof kFields / sizeof *kFields;

/** Reads the first `count` numbers; none may be longer than the modulus. */
bool read_numbers(DerReader& reader, size_t count, const RsaSize& size, RsaNumbers* out) {
  for (size_t i = 0; i < count; i++) {
    Bytes magnitude;
    if (!reader.read_unsigned(&magnitude) || magnitude.size > size.modulus_bytes()) return false;
    Bn& number = out->*kFields[i].number;
    number = secret_number(magnitude);
    if (!number) return false;
  }
  return reader.at_end();
}

/** Opens the SEQUENCE that all of `der` must be. */
bool read_sequence(Bytes der, Bytes* body) {
  DerReader outer(der);
  return outer.read(kDerSequence, body) && outer.at_end();
}

/** RSAPrivateKey inside PKCS#8. `fully`: also the checks that take a while, which bytes we wrapped ourselves do not
 * need again. */
Status read_private(const RsaSize& size, Bytes pkcs8, bool fully, Key& key) {
  Pkcs8 outer;
  Bytes body;
  if (!read_pkcs8(pkcs8, kIdentifier, &outer) || outer.has_public_key || !read_sequence(outer.private_key, &body)) {
    return Status::INVALID_KEY;
  }
  DerReader reader(body);
  RsaNumbers numbers;
  // Version 0: two primes.
  if (!reader.read_version(0) || !read_numbers(reader, kPrivateFields, size, &numbers) ||
      !is_consistent_rsa_private(numbers, size.modulus_bits)) {
    return failed_with(Status::INVALID_KEY);
  }
  if (fully && !(is_good_rsa_public(numbers, size.modulus_bits) && has_prime_factors(numbers))) {
    return failed_with(Status::INVALID_KEY);
  }
  // Not EVP_PKEY_fromdata, which puts the secret numbers on the ordinary heap where this puts them on the secure one.
  const uint8_t* der = outer.private_key.data;
  key.pkey.reset(d2i_PrivateKey(EVP_PKEY_RSA, nullptr, &der, static_cast<long>(outer.private_key.size)));
  if (!key.pkey) return failed_with(Status::INVALID_KEY);
  key.has_secret = true;
  return Status::OK;
}

/** A public key from checked numbers, or null. */
EvpPkey make_public(const RsaNumbers& numbers) {
  uint8_t native[kPublicFields][kMaxRsaBytes];
  OSSL_PARAM parameters[kPublicFields + 1];
  for (size_t i = 0; i < kPublicFields; i++) {
    const BIGNUM* number = (numbers.*kFields[i].number).get();
    const int bytes = BN_num_bytes(number);
    if (BN_bn2nativepad(number, native[i], bytes) < 0) return nullptr;
    parameters[i] = OSSL_PARAM_construct_BN(kFields[i].name, native[i], static_cast<size_t>(bytes));
  }
  parameters[kPublicFields] = OSSL_PARAM_construct_end();
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr), EVP_PKEY_CTX_free);
  EVP_PKEY* pkey = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &pkey, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
    return nullptr;
  }
  return EvpPkey(pkey);
}

Status read_public(const RsaSize& size, Bytes spki, Key& key) {
  Bytes encoded, body;
  if (!read_spki(spki, kIdentifier, &encoded) || !read_sequence(encoded, &body)) return Status::INVALID_KEY;
  DerReader reader(body);
  RsaNumbers numbers;
  if (!read_numbers(reader, kPublicFields, size, &numbers) || !is_good_rsa_public(numbers, size.modulus_bits)) {
    return failed_with(Status::INVALID_KEY);
  }
  key.pkey = make_public(numbers);
  return key.pkey ? Status::OK : failed_with(Status::OUT_OF_MEMORY);
}

/** Prepends the first `count` numbers of a key, last first; false where one cannot be had. */
bool prepend_numbers(DerWriter& writer, const Key& key, size_t count) {
  SecretBytes magnitude(kMaxRsaBytes);
  if (!magnitude.ok()) return false;
  for (size_t i = count; i-- > 0;) {
    const Bn number = key_number(key.pkey.get(), kFields[i].name);
    if (!number || static_cast<size_t>(BN_num_bytes(number.get())) > magnitude.size()) return false;
    const int bytes = BN_bn2bin(number.get(), magnitude.data());
    writer.prepend_unsigned({magnitude.data(), static_cast<size_t>(bytes)});
  }
  return true;
}

Status write_private(const Key& key, MutableBytes out, size_t* written) {
  DerWriter writer(out);
  if (!prepend_numbers(writer, key, kPrivateFields)) return failed_with(Status::INTERNAL);
  writer.prepend_unsigned({});
  writer.prepend_header(kDerSequence, 0);
  prepend_pkcs8(writer, kIdentifier, 0);
  return writer.finish(written) ? Status::OK : Status::MALFORMED_RECORD;
}

Status write_public(const Key& key, MutableBytes out, size_t* written) {
  uint8_t body[MAX_PUBLIC_KEY_BYTES];
  DerWriter writer({body, sizeof body});
  size_t body_bytes = 0;
  if (!prepend_numbers(writer, key, kPublicFields)) return failed_with(Status::INTERNAL);
  writer.prepend_header(kDerSequence, 0);
  if (!writer.finish(&body_bytes)) return Status::INTERNAL;
  return write_spki(kIdentifier, {body, body_bytes}, out, written) ? Status::OK : Status::MALFORMED_RECORD;
}

// ---- KeyType ----

Status generate(KeySpec spec, const std::atomic<bool>& cancelled, Key& key) {
  const RsaSize* size = find_rsa_size(spec);
  if (!size) return Status::UNSUPPORTED;
  key.spec = spec;
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr), EVP_PKEY_CTX_free);
  const Bn e(BN_new());
  if (!context || !e || !BN_set_word(e.get(), kPublicExponent)) return failed_with(Status::OUT_OF_MEMORY);
  if (EVP_PKEY_keygen_init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), size->modulus_bits) != 1 ||
      EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context.get(), e.get()) != 1) {
    return failed_with(Status::INTERNAL);
  }
  // Called for every candidate that survives trial division; zero ends the search.
  EVP_PKEY_CTX_set_app_data(context.get(), const_cast<std::atomic<bool>*>(&cancelled));
  EVP_PKEY_CTX_set_cb(context.get(), [](EVP_PKEY_CTX* running) {
    const auto* flag = static_cast<const std::atomic<bool>*>(EVP_PKEY_CTX_get_app_data(running));
    return flag->load(std::memory_order_relaxed) ? 0 : 1;
  });
  EVP_PKEY* pkey = nullptr;
  const bool generated = EVP_PKEY_generate(context.get(), &pkey) == 1;
  key.pkey.reset(pkey);
  if (!generated) {
    return failed_with(cancelled.load(std::memory_order_relaxed) ? Status::CANCELLED : Status::UNAVAILABLE);
  }
  key.has_secret = true;
  return rsa_pair_is_consistent(key) ? Status::OK : failed_with(Status::INTERNAL);
}

Status import(KeySpec spec, KeyFormat format, Bytes data, Key& key) {
  const RsaSize* size = find_rsa_size(spec);
  if (!size) return Status::UNSUPPORTED;
  switch (format) {
    case KeyFormat::kRaw:
      return Status::INVALID_KEY;
    case KeyFormat::kPkcs8:
      return read_private(*size, data, true, key);
    case KeyFormat::kSpki:
      return read_public(*size, data, key);
  }
  return Status::INVALID_KEY;
}

Status export_key(const Key& key, KeyFormat format, MutableBytes out, size_t* written) {
  if (!key.pkey) return Status::WRONG_KEY;
  if (format == KeyFormat::kSpki) return write_public(key, out, written);
  if (format == KeyFormat::kRaw || !key.has_secret) return Status::NOT_EXPORTABLE;
  return write_private(key, out, written);
}

Status save(const Key& key, SecretBytes& material) {
  if (!key.has_secret) return Status::WRONG_KEY;
  SecretBytes buffer(MAX_PRIVATE_KEY_BYTES);
  if (!buffer.ok()) return Status::OUT_OF_MEMORY;
  size_t written = 0;
  const Status status = write_private(key, {buffer.data(), buffer.size()}, &written);
  if (status != Status::OK) return status;
  material = SecretBytes::copy_of({buffer.data(), written});
  return material.ok() ? Status::OK : Status::OUT_OF_MEMORY;
}

Status load(KeySpec spec, Bytes material, Key& key) {
  const RsaSize* size = find_rsa_size(spec);
  return size ? read_private(*size, material, false, key) : Status::UNSUPPORTED;
}

constexpr KeyType key_type(const RsaSize& size) { return {size.spec, generate, import, export_key, save, load}; }

}  // namespace

const RsaSize* find_rsa_size(KeySpec spec) {
  for (const auto& size : kRsaKeySizes) {
    if (size.spec == spec) return &size;
  }
  return nullptr;
}

const KeyType kRsaKeyTypes[3] = {key_type(kRsaKeySizes[0]), key_type(kRsaKeySizes[1]), key_type(kRsaKeySizes[2])};

}  // namespace keymill
