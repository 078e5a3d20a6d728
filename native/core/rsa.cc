#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include "asymmetric.h"
#include "cpu.h"
#include "known_answers.h"
#include "rsa_items.h"
#include "rsa_key.h"

namespace keymill {
namespace {

// ---- Schemes ----

/** How an algorithm uses the private half (decrypts, signs) and the public half. */
struct Scheme {
  Algorithm algorithm;
  RsaPadding padding;
  Hash hash;
  EvpPurpose with_private;
  EvpPurpose with_public;
};

constexpr Scheme oaep(Algorithm algorithm, Hash hash, const char* name) {
  const char* padding = OSSL_PKEY_RSA_PAD_MODE_OAEP;
  return {algorithm,
          RsaPadding::kOaep,
          hash,
          {EVP_PKEY_decrypt_init_ex, nullptr, padding, name, name, nullptr},
          {EVP_PKEY_encrypt_init_ex, nullptr, padding, name, name, nullptr}};
}

constexpr Scheme pss(Algorithm algorithm, Hash hash, const char* name) {
  const char* padding = OSSL_PKEY_RSA_PAD_MODE_PSS;
  // Unless told, OpenSSL salts as long as fits and accepts any length.
  const char* salt = OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST;
  return {algorithm,
          RsaPadding::kPss,
          hash,
          {EVP_PKEY_sign_init_ex, nullptr, padding, name, name, salt},
          {EVP_PKEY_verify_init_ex, nullptr, padding, name, name, salt}};
}

constexpr Scheme pkcs1(Algorithm algorithm, Hash hash, const char* name) {
  const char* padding = OSSL_PKEY_RSA_PAD_MODE_PKCSV15;
  return {algorithm,
          RsaPadding::kPkcs1,
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
Status resolve(const Item& item, const Scheme** scheme, const RsaSize** size) {
  *scheme = nullptr;
  for (const auto& row : kSchemes) {
    if (row.algorithm == item.algorithm) *scheme = &row;
  }
  if (!*scheme) return Status::UNSUPPORTED;
  if (item.flags & ~(FLAG_MESSAGE_IS_DIGEST | FLAG_EXTERNAL)) return Status::MALFORMED_RECORD;
  *size = item.key ? find_rsa_size(item.key->spec) : nullptr;
  return *size ? Status::OK : Status::WRONG_KEY;
}

// ---- Operations ----

Status encrypt(Item& item) {
  const Scheme* scheme;
  const RsaSize* size;
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
  const RsaSize* size;
  const Status usable = resolve(item, &scheme, &size);
  if (usable != Status::OK) return usable;
  if (!item.key->has_secret) return Status::WRONG_KEY;
  if (item.input.size != size->modulus_bytes()) return Status::DECRYPTION_FAILED;
  const EvpLease context(item.key->contexts, item.key->pkey.get(), scheme->with_private);
  if (!context.get()) return failed_with(Status::INTERNAL);
  // Not straight into the item's output: OpenSSL wants room for a whole modulus there.
  uint8_t plaintext[kMaxRsaBytes];
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
  const RsaSize* size;
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
  const RsaSize* size;
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

// ---- Implementations ----

enum Use : size_t { kEncrypting, kDecrypting, kSigning, kVerifying };

/** How an operation runs: on OpenSSL, and on kernels. */
struct UseRow {
  Operation operation;
  Run one_by_one;
  void (*on_lanes)(const RsaRoute& route, ThreadState& thread, Item* items, size_t count, Run one_by_one);
};
/** In the order of `Use`. */
constexpr UseRow kUses[] = {
    {Operation::ENCRYPT, run_each<encrypt>, encrypt_rsa},
    {Operation::DECRYPT, run_each<decrypt>, decrypt_rsa},
    {Operation::SIGN, run_each<sign>, sign_rsa},
    {Operation::VERIFY, run_each<verify>, verify_rsa},
};

/** A known key with its private half; false where it cannot be read. */
bool known_key(KeySpec spec, const char* pkcs8, Key& key) {
  key.spec = spec;
  return kRsaKeyTypes->load(spec, Known(pkcs8).view(), key) == Status::OK;
}

/** A known item on `run`; what is random goes back through OpenSSL. */
bool knows_answer(ThreadState& thread, const Scheme& scheme, Use use, KnownAnswer known, Run run, bool fault) {
  switch (use) {
    case kVerifying:
      return accepts_answer(thread, run, known, fault);
    case kSigning:
      // PSS signatures are salted; those of PKCS#1 v1.5 are what they are.
      if (scheme.padding == RsaPadding::kPss) known.answer = {};
      return gives_answer(thread, run, run_each<verify>, known, fault);
    case kEncrypting:
      return round_trips(thread, run, run_each<decrypt>, known, fault);
    case kDecrypting:
      known.input = known.answer;
      known.answer = kKnownMessage;
      return gives_answer(thread, run, nullptr, known, fault);
  }
  return false;
}

template <size_t scheme, Use use>
bool known_answer_test(ThreadState& thread, Run run, bool fault, size_t copies) {
  Key key;
  if (!known_key(KeySpec::RSA_2048, kRsaKnown.pkcs8, key)) return false;
  const Known answer(kRsaKnown.answers[scheme]);
  const KnownAnswer known = {key, kSchemes[scheme].algorithm, 0, kKnownMessage, answer.view(), {}, copies};
  return knows_answer(thread, kSchemes[scheme], use, known, run, fault);
}

/** Of the schemes: the one that the known answers of the larger sizes are of. */
constexpr size_t kPkcs1Sha256 = 5;

/** Every size that has a kernel of its own, with one scheme. */
bool larger_sizes_test(ThreadState& thread, Use use, Run run, bool fault, size_t copies) {
  for (const RsaSizeKnown& size : kRsaSizesKnown) {
    Key key;
    if (!known_key(size.spec, size.pkcs8, key)) return false;
    const Known answer(size.signature);
    const Scheme& scheme = kSchemes[kPkcs1Sha256];
    const KnownAnswer known = {key, scheme.algorithm, 0, kKnownMessage, answer.view(), {}, copies};
    if (!knows_answer(thread, scheme, use, known, run, fault)) return false;
  }
  return true;
}

constexpr RsaVectorType kIfma = {"ifma", kIfmaRsa, kCpuAvx512 | kCpuAvx512Ifma | kCpuBmi2, 3, 3};
constexpr RsaVectorType kEmulated = {"emulated", kEmulatedRsa, 0, 1, 1};

template <size_t scheme, Use use>
struct OnOpenSsl {
  static bool test(ThreadState& thread, bool fault) {
    return known_answer_test<scheme, use>(thread, kUses[use].one_by_one, fault, 1);
  }
};

template <size_t scheme, Use use, const RsaVectorType& type>
struct OnLanes {
  static constexpr RsaRoute kRoute = {type, kSchemes[scheme].algorithm, kSchemes[scheme].padding,
                                      kSchemes[scheme].hash};
  /** One whole vector, and one that is not but fuller than any minimum. */
  static constexpr size_t kCopies = 11;

  static void run(ThreadState& thread, Item* items, size_t count) {
    kUses[use].on_lanes(kRoute, thread, items, count, kUses[use].one_by_one);
  }
  /** Asked once for all schemes, which share the kernels. */
  static bool works_in_larger_sizes(ThreadState& thread) {
    static const bool works = larger_sizes_test(thread, use, run, false, kCopies);
    return works;
  }
  static bool test(ThreadState& thread, bool fault) {
    constexpr Use kPrimitive = use == kDecrypting || use == kSigning ? kSigning : kVerifying;
    return OnLanes<kPkcs1Sha256, kPrimitive, type>::works_in_larger_sizes(thread) &&
           known_answer_test<scheme, use>(thread, run, fault, kCopies);
  }
};

/** OpenSSL and the kernels on either side of it, best first; the emulation is for tests alone. */
struct Rows {
  static constexpr size_t kPerUse = 3;
  Implementation rows[16 * kPerUse] = {};
  size_t count = 0;

  template <size_t scheme, Use use>
  constexpr void add(const char* primitive) {
    const Operation operation = kUses[use].operation;
    const Algorithm algorithm = kSchemes[scheme].algorithm;
    using Ifma = OnLanes<scheme, use, kIfma>;
    using Emulated = OnLanes<scheme, use, kEmulated>;
    rows[count++] = {operation, algorithm, KeySpec{}, primitive, kIfma.name, kIfma.required_cpu_features,
                     Ifma::run, Ifma::test};
    rows[count++] = {
        operation, algorithm, KeySpec{}, primitive, "openssl", 0, kUses[use].one_by_one, OnOpenSsl<scheme, use>::test};
    rows[count++] = {operation, algorithm, KeySpec{}, primitive, kEmulated.name, 0, Emulated::run, Emulated::test};
  }

  constexpr Rows() {
    add<0, kEncrypting>("rsa-oaep-encrypt");
    add<1, kEncrypting>("rsa-oaep-encrypt");
    add<0, kDecrypting>("rsa-oaep-decrypt");
    add<1, kDecrypting>("rsa-oaep-decrypt");
    add<2, kSigning>("rsa-pss-sign");
    add<3, kSigning>("rsa-pss-sign");
    add<4, kSigning>("rsa-pss-sign");
    add<2, kVerifying>("rsa-pss-verify");
    add<3, kVerifying>("rsa-pss-verify");
    add<4, kVerifying>("rsa-pss-verify");
    add<5, kSigning>("rsa-pkcs1-sign");
    add<6, kSigning>("rsa-pkcs1-sign");
    add<7, kSigning>("rsa-pkcs1-sign");
    add<5, kVerifying>("rsa-pkcs1-verify");
    add<6, kVerifying>("rsa-pkcs1-verify");
    add<7, kVerifying>("rsa-pkcs1-verify");
  }
};
constexpr Rows kRows;

}  // namespace

bool rsa_pair_is_consistent(const Key& key) {
  uint8_t signature[kMaxRsaBytes];
  const uint8_t message[1] = {1};
  Item item;
  item.key = &key;
  item.algorithm = Algorithm::RSASSA_PKCS1_V1_5_SHA_256;
  item.input = {message, sizeof message};
  item.output = {signature, sizeof signature};
  if (sign(item) != Status::OK) return false;
  item.extra = item.output;
  return verify(item) == Status::OK;
}

ImplementationList rsa_implementations() { return {kRows.rows, kRows.count}; }

}  // namespace keymill
