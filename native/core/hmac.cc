// HMAC (RFC 2104) with SHA-2 from the midstates after the padded key: two compressions a message less than starting
// over.
#include "sha2.h"
// After sha2.h, which says why.
#include <openssl/crypto.h>

#include "thread_state.h"

namespace keymill {
namespace {

/** The hash states after the inner and the outer key block. They are as secret as the key, so they live in the arena.
 */
template <typename Function>
class HmacPrepared final : public Prepared {
 public:
  struct Midstates {
    typename Function::Context inner, outer;
  };

  explicit HmacPrepared(const Key& key) : memory_(sizeof(Midstates)) {
    if (!memory_.ok()) return;
    auto* states = reinterpret_cast<Midstates*>(memory_.data());
    start(states->inner, key.secret.view(), 0x36);
    start(states->outer, key.secret.view(), 0x5c);
  }

  /** nullptr where the arena was full. */
  const Midstates* midstates() const { return reinterpret_cast<const Midstates*>(memory_.data()); }

 private:
  /** Keys are never longer than a block: import refuses them. */
  static void start(typename Function::Context& context, Bytes key, uint8_t pad) {
    uint8_t block[Function::kBlockBytes];
    memset(block, pad, sizeof(block));
    for (size_t i = 0; i < key.size && i < sizeof(block); i++) block[i] ^= key.data[i];
    Function::start(context);
    Function::update(context, {block, sizeof(block)});
    wipe(block, sizeof(block));
  }

  SecretBytes memory_;
};

template <typename Function>
Status give_mac(const uint8_t* mac, Item& item) {
  if (item.output.size < Function::kDigestBytes) return Status::MALFORMED_RECORD;
  memcpy(item.output.data, mac, Function::kDigestBytes);
  item.output.size = Function::kDigestBytes;
  return Status::OK;
}

/** Truncated MACs do not count, whatever their bytes. */
template <typename Function>
Status check_mac(const uint8_t* mac, Item& item) {
  const bool good =
      item.extra.size == Function::kDigestBytes && CRYPTO_memcmp(mac, item.extra.data, Function::kDigestBytes) == 0;
  return good ? Status::OK : Status::INVALID_SIGNATURE;
}

template <typename Function, Status (*use)(const uint8_t* mac, Item& item)>
void run(ThreadState& thread, Item* items, size_t count) {
  typename Function::Context context;
  uint8_t digest[Function::kDigestBytes];
  for (size_t i = 0; i < count; i++) {
    Item& item = items[i];
    const auto* states = prepared_state<HmacPrepared<Function>>(thread, *item.key).midstates();
    if (!states) {
      item.status = Status::OUT_OF_MEMORY;
      continue;
    }
    context = states->inner;
    Function::update(context, item.input);
    Function::finish(context, digest);
    context = states->outer;
    Function::update(context, {digest, sizeof(digest)});
    Function::finish(context, digest);
    item.status = use(digest, item);
  }
  wipe(&context, sizeof(context));
  wipe(digest, sizeof(digest));
}

/** RFC 4231 section 4.3, test case 2: key "Jefe" brought to the least length by zeros, which HMAC pads with anyway. */
constexpr char kTestMessage[] = "what do ya want for nothing?";
constexpr uint8_t kAnswer224[] = {0xa3, 0x0e, 0x01, 0x09, 0x8b, 0xc6, 0xdb, 0xbf, 0x45, 0x69, 0x0f, 0x3a, 0x7e, 0x9e,
                                  0x6d, 0x0f, 0x8b, 0xbe, 0xa2, 0xa3, 0x9e, 0x61, 0x48, 0x00, 0x8f, 0xd0, 0x5e, 0x44};
constexpr uint8_t kAnswer256[] = {0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24,
                                  0x26, 0x08, 0x95, 0x75, 0xc7, 0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27,
                                  0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43};
constexpr uint8_t kAnswer384[] = {0xaf, 0x45, 0xd2, 0xe3, 0x76, 0x48, 0x40, 0x31, 0x61, 0x7f, 0x78, 0xd2,
                                  0xb5, 0x8a, 0x6b, 0x1b, 0x9c, 0x7e, 0xf4, 0x64, 0xf5, 0xa0, 0x1b, 0x47,
                                  0xe4, 0x2e, 0xc3, 0x73, 0x63, 0x22, 0x44, 0x5e, 0x8e, 0x22, 0x40, 0xca,
                                  0x5e, 0x69, 0xe2, 0xc7, 0x8b, 0x32, 0x39, 0xec, 0xfa, 0xb2, 0x16, 0x49};
constexpr uint8_t kAnswer512[] = {0x16, 0x4b, 0x7a, 0x7b, 0xfc, 0xf8, 0x19, 0xe2, 0xe3, 0x95, 0xfb, 0xe7, 0x3b,
                                  0x56, 0xe0, 0xa3, 0x87, 0xbd, 0x64, 0x22, 0x2e, 0x83, 0x1f, 0xd6, 0x10, 0x27,
                                  0x0c, 0xd7, 0xea, 0x25, 0x05, 0x54, 0x97, 0x58, 0xbf, 0x75, 0xc0, 0x5a, 0x99,
                                  0x4a, 0x6d, 0x03, 0x4f, 0x65, 0xf8, 0xf0, 0xe6, 0xfd, 0xca, 0xea, 0xb1, 0xa3,
                                  0x4d, 0x4a, 0x6b, 0x4b, 0x63, 0x6e, 0x07, 0x0a, 0x38, 0xbc, 0xe7, 0x37};

bool make_test_key(Key& key) {
  uint8_t raw[64] = {'J', 'e', 'f', 'e'};
  key.secret = SecretBytes::copy_of({raw, sizeof(raw)});
  return key.secret.ok();
}

template <typename Function, const uint8_t* answer>
bool test_mac(ThreadState& thread, bool fault) {
  Key key;
  uint8_t mac[64];
  if (!make_test_key(key)) return false;
  Item item;
  item.key = &key;
  item.input = {reinterpret_cast<const uint8_t*>(kTestMessage), sizeof(kTestMessage) - 1};
  item.output = {mac, sizeof(mac)};
  run<Function, give_mac<Function>>(thread, &item, 1);
  mac[0] ^= fault;
  return item.status == Status::OK && memcmp(mac, answer, Function::kDigestBytes) == 0;
}

template <typename Function, const uint8_t* answer>
bool test_verify(ThreadState& thread, bool fault) {
  Key key;
  uint8_t mac[Function::kDigestBytes];
  if (!make_test_key(key)) return false;
  memcpy(mac, answer, sizeof(mac));
  mac[0] ^= fault;
  Item item;
  item.key = &key;
  item.input = {reinterpret_cast<const uint8_t*>(kTestMessage), sizeof(kTestMessage) - 1};
  item.extra = {mac, sizeof(mac)};
  run<Function, check_mac<Function>>(thread, &item, 1);
  if (item.status != Status::OK) return false;
  mac[sizeof(mac) - 1] ^= 1;
  run<Function, check_mac<Function>>(thread, &item, 1);
  return item.status == Status::INVALID_SIGNATURE;
}

template <typename Function, const uint8_t* answer>
constexpr Implementation mac_row(Algorithm algorithm, const char* primitive) {
  return {Operation::MAC,
          algorithm,
          KeySpec{},
          primitive,
          "openssl",
          0,
          run<Function, give_mac<Function>>,
          test_mac<Function, answer>};
}

template <typename Function, const uint8_t* answer>
constexpr Implementation verify_row(Algorithm algorithm, const char* primitive) {
  return {
      Operation::VERIFY_MAC,        algorithm, KeySpec{}, primitive, "openssl", 0, run<Function, check_mac<Function>>,
      test_verify<Function, answer>};
}

constexpr Implementation kHmac[] = {
    mac_row<Sha224, kAnswer224>(Algorithm::HMAC_SHA_224, "hmac-sha-224"),
    mac_row<Sha256, kAnswer256>(Algorithm::HMAC_SHA_256, "hmac-sha-256"),
    mac_row<Sha384, kAnswer384>(Algorithm::HMAC_SHA_384, "hmac-sha-384"),
    mac_row<Sha512, kAnswer512>(Algorithm::HMAC_SHA_512, "hmac-sha-512"),
    verify_row<Sha224, kAnswer224>(Algorithm::HMAC_SHA_224, "hmac-sha-224-verify"),
    verify_row<Sha256, kAnswer256>(Algorithm::HMAC_SHA_256, "hmac-sha-256-verify"),
    verify_row<Sha384, kAnswer384>(Algorithm::HMAC_SHA_384, "hmac-sha-384-verify"),
    verify_row<Sha512, kAnswer512>(Algorithm::HMAC_SHA_512, "hmac-sha-512-verify"),
};

}  // namespace

ImplementationList hmac_implementations() { return {kHmac, sizeof(kHmac) / sizeof(kHmac[0])}; }

}  // namespace keymill
