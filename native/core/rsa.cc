#include "rsa.h"

#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include "asymmetric.h"
#include "key_format.h"
#include "known_answers.h"
#include "rsa_check.h"

namespace keymill {
namespace {

/** AlgorithmIdentifier: rsaEncryption with NULL parameters (RFC 8017 section A.1); id-RSASSA-PSS keys are not accepted.
 */
constexpr uint8_t kRsaEncryption[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                      0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
constexpr Bytes kIdentifier = {kRsaEncryption, sizeof kRsaEncryption};

struct Size {
  KeySpec spec;
  int modulus_bits;

  size_t modulus_bytes() const { return static_cast<size_t>(modulus_bits) / 8; }
};

constexpr Size kSizes[] = {{KeySpec::RSA_2048, 2048}, {KeySpec::RSA_3072, 3072}, {KeySpec::RSA_4096, 4096}};
constexpr size_t kMaxModulusBytes = 512;
constexpr BN_ULONG kPublicExponent = 65537;

const Size* find_size(KeySpec spec) {
  for (const auto& size : kSizes) {
    if (size.spec == spec) return &size;
  }
  return nullptr;
}

// ---- Schemes ----

/** How an algorithm uses the private half (decrypts, signs) and the public half. */
struct Scheme {
  Algorithm algorithm;
  Hash hash;
  EvpPurpose with_private;
  EvpPurpose with_public;
};

constexpr Scheme oaep(Algorithm algorithm, Hash hash, const char* name) {
  const char* padding = OSSL_PKEY_RSA_PAD_MODE_OAEP;
  return {algorithm,
          hash,
          {EVP_PKEY_decrypt_init_ex, nullptr, padding, name, name, nullptr},
          {EVP_PKEY_encrypt_init_ex, nullptr, padding, name, name, nullptr}};
}

constexpr Scheme pss(Algorithm algorithm, Hash hash, const char* name) {
  const char* padding = OSSL_PKEY_RSA_PAD_MODE_PSS;
  // Unless told, OpenSSL salts as long as fits and accepts any length.
  const char* salt = OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST;
  return {algorithm,
          hash,
          {EVP_PKEY_sign_init_ex, nullptr, padding, name, name, salt},
          {EVP_PKEY_verify_init_ex, nullptr, padding, name, name, salt}};
}

constexpr Scheme pkcs1(Algorithm algorithm, Hash hash, const char* name) {
  const char* padding = OSSL_PKEY_RSA_PAD_MODE_PKCSV15;
  return {algorithm,
          hash,
          {EVP_PKEY_sign_init_ex, nullptr, padding, name, nullptr, nullptr},
          {EVP_PKEY_verify_init_ex, nullptr, padding, name, nullptr, nullptr}};
}

constexpr Scheme kSchemes[] = {
    oaep(Algorithm::RSAES_OAEP_SHA_1, Hash::SHA_1, "SHA1"),
    oaep(Algorithm::RSAES_OAEP_SHA_256, Hash::SHA_256, "SHA256"),
    pss(Algorithm::RSASSA_PSS_SHA_256, Hash::SHA_256, "SHA256"),
    pss(Algorithm::RSASSA_PSS_SHA_384, Hash::SHA_384, "SHA384"),
    pss(Algorithm::RSASSA_PSS_SHA_512, Hash::SHA_512, "SHA512"),
    pkcs1(Algorithm::RSASSA_PKCS1_V1_5_SHA_256, Hash::SHA_256, "SHA256"),
    pkcs1(Algorithm::RSASSA_PKCS1_V1_5_SHA_384, Hash::SHA_384, "SHA384"),
    pkcs1(Algorithm::RSASSA_PKCS1_V1_5_SHA_512, Hash::SHA_512, "SHA512"),
};

/** The scheme and key size of an item; UNSUPPORTED or WRONG_KEY where there is none. */
Status resolve(const Item& item, const Scheme** scheme, const Size** size) {
  *scheme = nullptr;
  for (const auto& row : kSchemes) {
    if (row.algorithm == item.algorithm) *scheme = &row;
  }
  if (!*scheme) return Status::UNSUPPORTED;
  if (item.flags & ~(FLAG_MESSAGE_IS_DIGEST | FLAG_EXTERNAL)) return Status::MALFORMED_RECORD;
  *size = item.key ? find_size(item.key->spec) : nullptr;
  return *size ? Status::OK : Status::WRONG_KEY;
}

// ---- Operations ----

Status encrypt(Item& item) {
  const Scheme* scheme;
  const Size* size;
  const Status usable = resolve(item, &scheme, &size);
  if (usable != Status::OK) return usable;
  const size_t modulus_bytes = size->modulus_bytes();
  if (item.output.size < modulus_bytes) return Status::MALFORMED_RECORD;
  // RFC 8017 section 7.1.1 step 1.
  if (item.input.size > modulus_bytes - 2 * hash_row(scheme->hash).bytes - 2) return Status::INVALID_LENGTH;
  const EvpLease context(item.key->contexts, item.key->pkey.get(), scheme->with_public);
  // OpenSSL takes a null input for a question about the output's length.
  static const uint8_t kEmpty = 0;
  const uint8_t* input = item.input.data ? item.input.data : &kEmpty;
  if (!context.get() ||
      EVP_PKEY_encrypt(context.get(), item.output.data, &item.output.size, input, item.input.size) != 1) {
    return failed_with(Status::INTERNAL);
  }
  return Status::OK;
}

Status decrypt(Item& item) {
  const Scheme* scheme;
  const Size* size;
  const Status usable = resolve(item, &scheme, &size);
  if (usable != Status::OK) return usable;
  if (!item.key->has_secret) return Status::WRONG_KEY;
  if (item.input.size != size->modulus_bytes()) return Status::DECRYPTION_FAILED;
  const EvpLease context(item.key->contexts, item.key->pkey.get(), scheme->with_private);
  if (!context.get()) return failed_with(Status::INTERNAL);
  // Not straight into the item's output: OpenSSL wants room for a whole modulus there.
  uint8_t plaintext[kMaxModulusBytes];
  size_t plaintext_bytes = sizeof plaintext;
  // Every failure past this point is one and the same, which leaves Manger's attack nothing to tell apart.
  const bool opened =
      EVP_PKEY_decrypt(context.get(), plaintext, &plaintext_bytes, item.input.data, item.input.size) == 1;
  const Status status = opened ? put_output(item, {plaintext, plaintext_bytes}) : Status::DECRYPTION_FAILED;
  wipe(plaintext, sizeof plaintext);
  return status;
}

Status sign(Item& item) {
  const Scheme* scheme;
  const Size* size;
  const Status usable = resolve(item, &scheme, &size);
  if (usable != Status::OK) return usable;
  if (!item.key->has_secret) return Status::WRONG_KEY;
  if (item.output.size < size->modulus_bytes()) return Status::MALFORMED_RECORD;
  Digest digest;
  const Status digested = digest_of_input(item, scheme->hash, &digest);
  if (digested != Status::OK) return digested;
  const EvpLease context(item.key->contexts, item.key->pkey.get(), scheme->with_private);
  if (!context.get() ||
      EVP_PKEY_sign(context.get(), item.output.data, &item.output.size, digest.bytes, digest.size) != 1) {
    return failed_with(Status::INTERNAL);
  }
  return Status::OK;
}

Status verify(Item& item) {
  const Scheme* scheme;
  const Size* size;
  const Status usable = resolve(item, &scheme, &size);
  if (usable != Status::OK) return usable;
  Digest digest;
  const Status digested = digest_of_input(item, scheme->hash, &digest);
  if (digested != Status::OK) return digested;
  item.output.size = 0;
  // RFC 8017 sections 8.1.2 and 8.2.2, step 1.
  if (item.extra.size != size->modulus_bytes()) return Status::INVALID_SIGNATURE;
  const EvpLease context(item.key->contexts, item.key->pkey.get(), scheme->with_public);
  if (!context.get()) return failed_with(Status::INTERNAL);
  const int valid = EVP_PKEY_verify(context.get(), item.extra.data, item.extra.size, digest.bytes, digest.size);
  return valid == 1 ? Status::OK : Status::INVALID_SIGNATURE;
}

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
bool read_numbers(DerReader& reader, size_t count, const Size& size, RsaNumbers* out) {
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
Status read_private(const Size& size, Bytes pkcs8, bool fully, Key& key) {
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
  uint8_t native[kPublicFields][kMaxModulusBytes];
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

Status read_public(const Size& size, Bytes spki, Key& key) {
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
  SecretBytes magnitude(kMaxModulusBytes);
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

/** SP 800-56B section 6.4.1.1: what the private half of a new pair signs, its public half accepts. */
bool is_consistent(const Size& size, const Key& key) {
  uint8_t signature[kMaxModulusBytes];
  const uint8_t message[1] = {1};
  Item item;
  item.key = &key;
  item.algorithm = Algorithm::RSASSA_PKCS1_V1_5_SHA_256;
  item.input = {message, sizeof message};
  item.output = {signature, size.modulus_bytes()};
  if (sign(item) != Status::OK) return false;
  item.extra = item.output;
  return verify(item) == Status::OK;
}

Status generate(KeySpec spec, const std::atomic<bool>& cancelled, Key& key) {
  const Size* size = find_size(spec);
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
  return is_consistent(*size, key) ? Status::OK : failed_with(Status::INTERNAL);
}

Status import(KeySpec spec, KeyFormat format, Bytes data, Key& key) {
  const Size* size = find_size(spec);
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
  const Size* size = find_size(spec);
  return size ? read_private(*size, material, false, key) : Status::UNSUPPORTED;
}

// ---- Self-tests ----

enum class Test { kSign, kVerify, kEncrypt, kDecrypt };

template <size_t scheme_index, Test test>
bool known_answer_test(ThreadState& thread, bool fault) {
  const Scheme& scheme = kSchemes[scheme_index];
  Key key;
  key.spec = KeySpec::RSA_2048;
  if (load(key.spec, Known(kRsaKnown.pkcs8).view(), key) != Status::OK) return false;
  const Known answer(kRsaKnown.answers[scheme_index]);
  KnownAnswer known = {key, scheme.algorithm, 0, kKnownMessage, answer.view(), {}};
  switch (test) {
    case Test::kVerify:
      return accepts_answer(thread, run_each<verify>, known, fault);
    case Test::kSign:
      // PSS signatures are salted; those of PKCS#1 v1.5 are what they are.
      if (scheme.with_private.salt_length) known.answer = {};
      return gives_answer(thread, run_each<sign>, run_each<verify>, known, fault);
    case Test::kEncrypt:
      return round_trips(thread, run_each<encrypt>, run_each<decrypt>, known, fault);
    case Test::kDecrypt:
      known.input = answer.view();
      known.answer = kKnownMessage;
      return gives_answer(thread, run_each<decrypt>, nullptr, known, fault);
  }
  return false;
}

template <size_t scheme>
constexpr Implementation signing(const char* primitive) {
  return {Operation::SIGN, kSchemes[scheme].algorithm,
          KeySpec{},       primitive,
          "openssl",       0,
          run_each<sign>,  known_answer_test<scheme, Test::kSign>};
}

template <size_t scheme>
constexpr Implementation verifying(const char* primitive) {
  return {Operation::VERIFY, kSchemes[scheme].algorithm,
          KeySpec{},         primitive,
          "openssl",         0,
          run_each<verify>,  known_answer_test<scheme, Test::kVerify>};
}

template <size_t scheme>
constexpr Implementation encrypting(const char* primitive) {
  return {Operation::ENCRYPT, kSchemes[scheme].algorithm,
          KeySpec{},          primitive,
          "openssl",          0,
          run_each<encrypt>,  known_answer_test<scheme, Test::kEncrypt>};
}

template <size_t scheme>
constexpr Implementation decrypting(const char* primitive) {
  return {Operation::DECRYPT, kSchemes[scheme].algorithm,
          KeySpec{},          primitive,
          "openssl",          0,
          run_each<decrypt>,  known_answer_test<scheme, Test::kDecrypt>};
}

constexpr Implementation kImplementations[] = {
    encrypting<0>("rsa-oaep-encrypt"), encrypting<1>("rsa-oaep-encrypt"), decrypting<0>("rsa-oaep-decrypt"),
    decrypting<1>("rsa-oaep-decrypt"), signing<2>("rsa-pss-sign"),        signing<3>("rsa-pss-sign"),
    signing<4>("rsa-pss-sign"),        verifying<2>("rsa-pss-verify"),    verifying<3>("rsa-pss-verify"),
    verifying<4>("rsa-pss-verify"),    signing<5>("rsa-pkcs1-sign"),      signing<6>("rsa-pkcs1-sign"),
    signing<7>("rsa-pkcs1-sign"),      verifying<5>("rsa-pkcs1-verify"),  verifying<6>("rsa-pkcs1-verify"),
    verifying<7>("rsa-pkcs1-verify"),
};

constexpr KeyType key_type(const Size& size) { return {size.spec, generate, import, export_key, save, load}; }

}  // namespace

const KeyType kRsaKeyTypes[3] = {key_type(kSizes[0]), key_type(kSizes[1]), key_type(kSizes[2])};

ImplementationList rsa_implementations() {
  return {kImplementations, sizeof kImplementations / sizeof *kImplementations};
}

}  // namespace keymill
