#include "asymmetric.h"

#include <openssl/err.h>

#include <algorithm>

namespace keymill {

Bn secret_number(Bytes big_endian) {
  Bn number(BN_secure_new());
  if (!number || !BN_bin2bn(big_endian.data, static_cast<int>(big_endian.size), number.get())) return nullptr;
  BN_set_flags(number.get(), BN_FLG_CONSTTIME);
  return number;
}

Bn key_number(const EVP_PKEY* pkey, const char* name) {
  BIGNUM* number = BN_secure_new();
  if (!number) return nullptr;
  const bool found = EVP_PKEY_get_bn_param(pkey, name, &number) == 1;
  Bn owned(number);
  return found ? std::move(owned) : nullptr;
}

namespace {

constexpr HashRow kHashes[] = {
    {Hash::SHA_1, "SHA1", 20},
    {Hash::SHA_256, "SHA256", 32},
    {Hash::SHA_384, "SHA384", 48},
    {Hash::SHA_512, "SHA512", 64},
};
constexpr size_t kHashCount = sizeof kHashes / sizeof *kHashes;

/** Fetched once for the process and never freed: worker threads may outlive static destructors. */
const EVP_MD* fetched(const HashRow& row) {
  struct Fetched {
    EVP_MD* hash[kHashCount];
    Fetched() {
      for (size_t i = 0; i < kHashCount; i++) hash[i] = EVP_MD_fetch(nullptr, kHashes[i].name, nullptr);
    }
  };
  static const Fetched all;
  return all.hash[&row - kHashes];
}

}  // namespace

const HashRow& hash_row(Hash hash) {
  for (const auto& row : kHashes) {
    if (row.hash == hash) return row;
  }
  return kHashes[kHashCount - 1];
}

bool hash_bytes(Hash hash, Bytes message, Digest* out) {
  const EVP_MD* md = fetched(hash_row(hash));
  unsigned int size = 0;
  if (!md || EVP_Digest(message.data, message.size, out->bytes, &size, md, nullptr) != 1) return false;
  out->size = size;
  return true;
}

Status digest_of_input(const Item& item, Hash hash, Digest* out) {
  if (!(item.flags & FLAG_MESSAGE_IS_DIGEST)) return hash_bytes(hash, item.input, out) ? Status::OK : Status::INTERNAL;
  if (item.input.size != hash_row(hash).bytes) return Status::INVALID_LENGTH;
  std::memcpy(out->bytes, item.input.data, item.input.size);
  out->size = item.input.size;
  return Status::OK;
}

Status put_output(Item& item, Bytes result) {
  if (result.size > item.output.size) return Status::MALFORMED_RECORD;
  if (result.size > 0) std::memcpy(item.output.data, result.data, result.size);
  item.output.size = result.size;
  return Status::OK;
}

void finish_item(Item& item, Status status) {
  if (status != Status::OK) {
    if (item.output.size > 0) wipe(item.output.data, item.output.size);
    item.output.size = 0;
    ERR_clear_error();
  }
  item.status = status;
}

Status failed_with(Status status) {
  const bool out_of_memory = ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE;
  ERR_clear_error();
  return out_of_memory ? Status::OUT_OF_MEMORY : status;
}

Known::Known(const char* hexadecimal) {
  const auto nibble = [](char c) { return static_cast<uint8_t>(c <= '9' ? c - '0' : c - 'a' + 10); };
  for (const char* c = hexadecimal; c[0] && c[1] && size < kMaxBytes; c += 2) {
    bytes[size++] = static_cast<uint8_t>(nibble(c[0]) << 4 | nibble(c[1]));
  }
}

namespace {

constexpr size_t kMaxResultBytes = 512;

Item item_of(const KnownAnswer& known) {
  Item item;
  item.key = &known.key;
  item.algorithm = known.algorithm;
  item.flags = known.flags;
  item.input = known.input;
  item.extra = known.extra;
  return item;
}

bool equal(Bytes a, Bytes b) { return a.size == b.size && std::equal(a.data, a.data + a.size, b.data); }

/** Runs `copies` of an item, each with an output of its own where it has one, and asks `is_right` about each result. */
template <typename IsRight>
bool all_are_right(ThreadState& thread, Run run, const Item& item, size_t copies, IsRight is_right) {
  uint8_t results[kMaxCopies][kMaxResultBytes];
  Item items[kMaxCopies];
  if (copies < 1 || copies > kMaxCopies) return false;
  for (size_t i = 0; i < copies; i++) {
    items[i] = item;
    items[i].output = {results[i], sizeof results[i]};
  }
  run(thread, items, copies);
  return std::all_of(items, items + copies,
                     [&](const Item& done) { return done.status == Status::OK && is_right(done.output); });
}

}  // namespace

bool accepts_answer(ThreadState& thread, Run verify, const KnownAnswer& known, bool fault, size_t copies) {
  uint8_t answer[kMaxResultBytes];
  if (known.answer.size == 0 || known.answer.size > sizeof answer) return false;
  std::copy(known.answer.data, known.answer.data + known.answer.size, answer);
  if (fault) answer[known.answer.size - 1] ^= 1;
  Item item = item_of(known);
  item.extra = {answer, known.answer.size};
  return all_are_right(thread, verify, item, copies, [](Bytes) { return true; });
}

bool gives_answer(ThreadState& thread, Run run, Run verify, const KnownAnswer& known, bool fault, size_t copies) {
  return all_are_right(thread, run, item_of(known), copies, [&](MutableBytes result) {
    if (result.size == 0) return false;
    if (known.answer.size > 0) {
      if (fault) result.data[result.size - 1] ^= 1;
      return equal(result, known.answer);
    }
    KnownAnswer given = known;
    given.answer = result;
    return accepts_answer(thread, verify, given, fault);
  });
}

bool round_trips(ThreadState& thread, Run encrypt, Run decrypt, const KnownAnswer& known, bool fault, size_t copies) {
  return all_are_right(thread, encrypt, item_of(known), copies, [&](MutableBytes ciphertext) {
    if (ciphertext.size == 0) return false;
    if (fault) ciphertext.data[ciphertext.size - 1] ^= 1;
    KnownAnswer opened = known;
    opened.input = ciphertext;
    opened.answer = known.input;
    return gives_answer(thread, decrypt, nullptr, opened, false);
  });
}

}  // namespace keymill
