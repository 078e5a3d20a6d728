#include "sha2.h"

// After sha2.h, which asks for that.
#include <openssl/err.h>

#include <algorithm>

#include "asymmetric.h"

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

template <typename Function>
void hash_with(Bytes message, uint8_t* digest) {
  typename Function::Context context;
  Function::start(context);
  Function::update(context, message);
  Function::finish(context, digest);
  wipe(&context, sizeof context);
}

constexpr HashRow kHashes[] = {
    {Hash::SHA_1, "SHA1", 20, hash_with<Sha1>},
    {Hash::SHA_256, "SHA256", 32, hash_with<Sha256>},
    {Hash::SHA_384, "SHA384", 48, hash_with<Sha384>},
    {Hash::SHA_512, "SHA512", 64, hash_with<Sha512>},
};
constexpr size_t kHashCount = sizeof kHashes / sizeof *kHashes;

}  // namespace

const HashRow& hash_row(Hash hash) {
  for (const auto& row : kHashes) {
    if (row.hash == hash) return row;
  }
  return kHashes[kHashCount - 1];
}

void hash_bytes(Hash hash, Bytes message, Digest* out) {
  const HashRow& row = hash_row(hash);
  row.hash_message(message, out->bytes);
  out->size = row.bytes;
}

Status digest_of_input(const Item& item, Hash hash, Digest* out) {
  if (!(item.flags & FLAG_MESSAGE_IS_DIGEST)) {
    hash_bytes(hash, item.input, out);
    return Status::OK;
  }
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

/** Runs `copies` of the item, with outputs of their own where it has one; false unless each succeeds. */
bool succeeds(ThreadState& thread, Run run, Item item, size_t copies, Item* items) {
  for (size_t i = 0; i < copies; i++) {
    items[i] = item;
    if (item.output.data) items[i].output.data += i * item.output.size;
  }
  run(thread, items, copies);
  return std::all_of(items, items + copies, [](const Item& each) { return each.status == Status::OK; });
}

bool equal(Bytes a, Bytes b) { return a.size == b.size && std::equal(a.data, a.data + a.size, b.data); }

}  // namespace

bool accepts_answer(ThreadState& thread, Run verify, const KnownAnswer& known, bool fault) {
  uint8_t answer[kMaxResultBytes];
  Item items[kMaxCopies];
  if (known.answer.size == 0 || known.answer.size > sizeof answer) return false;
  std::copy(known.answer.data, known.answer.data + known.answer.size, answer);
  if (fault) answer[known.answer.size - 1] ^= 1;
  Item item = item_of(known);
  item.extra = {answer, known.answer.size};
  return succeeds(thread, verify, item, known.copies, items);
}

bool gives_answer(ThreadState& thread, Run run, Run verify, const KnownAnswer& known, bool fault) {
  uint8_t results[kMaxCopies * kMaxResultBytes];
  Item items[kMaxCopies];
  Item item = item_of(known);
  item.output = {results, kMaxResultBytes};
  if (!succeeds(thread, run, item, known.copies, items)) return false;
  return std::all_of(items, items + known.copies, [&](const Item& each) {
    if (each.output.size == 0) return false;
    if (known.answer.size > 0) {
      if (fault) each.output.data[each.output.size - 1] ^= 1;
      return equal(each.output, known.answer);
    }
    KnownAnswer given = known;
    given.answer = each.output;
    given.copies = 1;
    return accepts_answer(thread, verify, given, fault);
  });
}

bool round_trips(ThreadState& thread, Run encrypt, Run decrypt, const KnownAnswer& known, bool fault) {
  uint8_t ciphertexts[kMaxCopies * kMaxResultBytes];
  Item items[kMaxCopies];
  Item item = item_of(known);
  item.output = {ciphertexts, kMaxResultBytes};
  if (!succeeds(thread, encrypt, item, known.copies, items)) return false;
  return std::all_of(items, items + known.copies, [&](const Item& each) {
    if (each.output.size == 0) return false;
    if (fault) each.output.data[each.output.size - 1] ^= 1;
    KnownAnswer opened = known;
    opened.input = each.output;
    opened.answer = known.input;
    opened.copies = 1;
    return gives_answer(thread, decrypt, nullptr, opened, false);
  });
}

}  // namespace keymill
