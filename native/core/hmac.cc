// HMAC (RFC 2104) with SHA-2 from the midstates after the padded key: two compressions a message less than starting
// over. The messages of a group are hashed together (sha2_kernels.h).
#include "sha2.h"
// After sha2.h, which says why.
#include <openssl/crypto.h>

#include <algorithm>
#include <type_traits>

#include "cpu.h"
#include "thread_state.h"

namespace keymill {
namespace {

template <typename Function>
using NumberOf = std::remove_cv_t<std::remove_reference_t<decltype(Sha2Of<Function>::kVariant.start[0])>>;

/** The hash states after the inner and the outer key block. They are as secret as the key, so they live in the arena.
 */
template <typename Function>
class HmacPrepared final : public Prepared {
 public:
  struct Midstates {
    NumberOf<Function> inner[8], outer[8];
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
  static void start(NumberOf<Function> (&state)[8], Bytes key, uint8_t pad) {
    uint8_t block[Function::kBlockBytes];
    memset(block, pad, sizeof(block));
    for (size_t i = 0; i < key.size && i < sizeof(block); i++) block[i] ^= key.data[i];
    typename Function::Context context;
    Function::start(context);
    Function::update(context, {block, sizeof(block)});
    std::copy(context.h, context.h + 8, state);
    wipe(block, sizeof(block));
    wipe(&context, sizeof(context));
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

/** Messages that are put in order of length together. */
constexpr size_t kMaxJobs = 64;

template <typename Function, const Sha2Kernels& kernels, Status (*use)(const uint8_t* mac, Item& item)>
void run(ThreadState& thread, Item* items, size_t count) {
  Sha2Job<NumberOf<Function>> jobs[kMaxJobs];
  Item* owners[kMaxJobs];
  uint8_t macs[kMaxJobs][Function::kDigestBytes];
  size_t taken = 0;
  const auto hash_taken = [&] {
    sha2_hash(kernels.*Sha2Of<Function>::kKernel, Sha2Of<Function>::kVariant, jobs, taken);
    for (size_t i = 0; i < taken; i++) owners[i]->status = use(macs[i], *owners[i]);
    wipe(macs, taken * sizeof macs[0]);
    taken = 0;
  };
  const Key* last_key = nullptr;
  for (size_t i = 0; i < count; i++) {
    Item& item = items[i];
    // prepared_state keeps one key's states only where it may not leave them with the key.
    const bool drops_states = !thread.is_js_thread && item.key != last_key;
    if (taken == kMaxJobs || drops_states) hash_taken();
    last_key = item.key;
    const auto* states = prepared_state<HmacPrepared<Function>>(thread, *item.key).midstates();
    if (!states) {
      item.status = Status::OUT_OF_MEMORY;
      continue;
    }
    jobs[taken] = {states->inner, states->outer, {item.input, {}, {}}, macs[taken]};
    owners[taken++] = &item;
  }
  hash_taken();
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

/** One more than any kernel has lanes. */
constexpr size_t kTestItems = 17;

template <typename Function, const Sha2Kernels& kernels, const uint8_t* answer>
bool test_mac(ThreadState& thread, bool fault) {
  Key key;
  uint8_t macs[kTestItems][Function::kDigestBytes];
  Item items[kTestItems];
  if (!make_test_key(key)) return false;
  for (size_t i = 0; i < kTestItems; i++) {
    items[i].key = &key;
    items[i].input = {reinterpret_cast<const uint8_t*>(kTestMessage), sizeof(kTestMessage) - 1};
    items[i].output = {macs[i], sizeof macs[i]};
  }
  run<Function, kernels, give_mac<Function>>(thread, items, kTestItems);
  macs[0][0] ^= fault;
  for (size_t i = 0; i < kTestItems; i++) {
    if (items[i].status != Status::OK || memcmp(macs[i], answer, Function::kDigestBytes) != 0) return false;
  }
  return true;
}

template <typename Function, const Sha2Kernels& kernels, const uint8_t* answer>
bool test_verify(ThreadState& thread, bool fault) {
  Key key;
  uint8_t good[Function::kDigestBytes], bad[Function::kDigestBytes];
  Item items[kTestItems];
  if (!make_test_key(key)) return false;
  memcpy(good, answer, sizeof(good));
  memcpy(bad, answer, sizeof(bad));
  good[0] ^= fault;
  bad[sizeof(bad) - 1] ^= 1;
  const auto is_bad = [](size_t i) { return i % 3 == 1; };
  for (size_t i = 0; i < kTestItems; i++) {
    items[i].key = &key;
    items[i].input = {reinterpret_cast<const uint8_t*>(kTestMessage), sizeof(kTestMessage) - 1};
    items[i].extra = {is_bad(i) ? bad : good, sizeof(good)};
  }
  run<Function, kernels, check_mac<Function>>(thread, items, kTestItems);
  for (size_t i = 0; i < kTestItems; i++) {
    if (items[i].status != (is_bad(i) ? Status::INVALID_SIGNATURE : Status::OK)) return false;
  }
  return true;
}

struct VectorType {
  const char* name;
  const Sha2Kernels& kernels;
  uint64_t required_cpu_features;
};
constexpr VectorType kAvx512 = {"avx512", kAvx512Sha2, kCpuAvx512};
constexpr VectorType kOpenssl = {"openssl", kOneLaneSha2, 0};
constexpr VectorType kEmulated = {"emulated", kEmulatedSha2, 0};

template <typename Function, const uint8_t* answer, const VectorType& type>
constexpr Implementation mac_row(Algorithm algorithm, const char* primitive) {
  return {Operation::MAC,
          algorithm,
          KeySpec{},
          primitive,
          type.name,
          type.required_cpu_features,
          run<Function, type.kernels, give_mac<Function>>,
          test_mac<Function, type.kernels, answer>};
}

template <typename Function, const uint8_t* answer, const VectorType& type>
constexpr Implementation verify_row(Algorithm algorithm, const char* primitive) {
  return {Operation::VERIFY_MAC,
          algorithm,
          KeySpec{},
          primitive,
          type.name,
          type.required_cpu_features,
          run<Function, type.kernels, check_mac<Function>>,
          test_verify<Function, type.kernels, answer>};
}

constexpr Implementation kHmac[] = {
    mac_row<Sha224, kAnswer224, kAvx512>(Algorithm::HMAC_SHA_224, "hmac-sha-224"),
    mac_row<Sha224, kAnswer224, kOpenssl>(Algorithm::HMAC_SHA_224, "hmac-sha-224"),
    mac_row<Sha224, kAnswer224, kEmulated>(Algorithm::HMAC_SHA_224, "hmac-sha-224"),
    mac_row<Sha256, kAnswer256, kAvx512>(Algorithm::HMAC_SHA_256, "hmac-sha-256"),
    mac_row<Sha256, kAnswer256, kOpenssl>(Algorithm::HMAC_SHA_256, "hmac-sha-256"),
    mac_row<Sha256, kAnswer256, kEmulated>(Algorithm::HMAC_SHA_256, "hmac-sha-256"),
    mac_row<Sha384, kAnswer384, kAvx512>(Algorithm::HMAC_SHA_384, "hmac-sha-384"),
    mac_row<Sha384, kAnswer384, kOpenssl>(Algorithm::HMAC_SHA_384, "hmac-sha-384"),
    mac_row<Sha384, kAnswer384, kEmulated>(Algorithm::HMAC_SHA_384, "hmac-sha-384"),
    mac_row<Sha512, kAnswer512, kAvx512>(Algorithm::HMAC_SHA_512, "hmac-sha-512"),
    mac_row<Sha512, kAnswer512, kOpenssl>(Algorithm::HMAC_SHA_512, "hmac-sha-512"),
    mac_row<Sha512, kAnswer512, kEmulated>(Algorithm::HMAC_SHA_512, "hmac-sha-512"),
    verify_row<Sha224, kAnswer224, kAvx512>(Algorithm::HMAC_SHA_224, "hmac-sha-224-verify"),
    verify_row<Sha224, kAnswer224, kOpenssl>(Algorithm::HMAC_SHA_224, "hmac-sha-224-verify"),
    verify_row<Sha224, kAnswer224, kEmulated>(Algorithm::HMAC_SHA_224, "hmac-sha-224-verify"),
    verify_row<Sha256, kAnswer256, kAvx512>(Algorithm::HMAC_SHA_256, "hmac-sha-256-verify"),
    verify_row<Sha256, kAnswer256, kOpenssl>(Algorithm::HMAC_SHA_256, "hmac-sha-256-verify"),
    verify_row<Sha256, kAnswer256, kEmulated>(Algorithm::HMAC_SHA_256, "hmac-sha-256-verify"),
    verify_row<Sha384, kAnswer384, kAvx512>(Algorithm::HMAC_SHA_384, "hmac-sha-384-verify"),
    verify_row<Sha384, kAnswer384, kOpenssl>(Algorithm::HMAC_SHA_384, "hmac-sha-384-verify"),
    verify_row<Sha384, kAnswer384, kEmulated>(Algorithm::HMAC_SHA_384, "hmac-sha-384-verify"),
    verify_row<Sha512, kAnswer512, kAvx512>(Algorithm::HMAC_SHA_512, "hmac-sha-512-verify"),
    verify_row<Sha512, kAnswer512, kOpenssl>(Algorithm::HMAC_SHA_512, "hmac-sha-512-verify"),
    verify_row<Sha512, kAnswer512, kEmulated>(Algorithm::HMAC_SHA_512, "hmac-sha-512-verify"),
};

}  // namespace

ImplementationList hmac_implementations() { return {kHmac, sizeof(kHmac) / sizeof(kHmac[0])}; }

}  // namespace keymill
