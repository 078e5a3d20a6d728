// Flips bits of the numbers the RSA kernels compute with (p, q, d mod p - 1, d mod q - 1, the inverse of q, and what is
// derived from them) and signs: a wrong signature would give the key away (Boneh, DeMillo and Lipton, EUROCRYPT 1997).
// Every result must be right or be left to somebody else. tools/faults.mjs builds and runs it.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "core/cpu.h"
#include "core/known_answers.h"
#include "core/rsa_items.h"
#include "core/rsa_key.h"
#include "core/rsa_prepared.h"

namespace {

using namespace keymill;

constexpr size_t kLanes = 8;
constexpr size_t kScheme = 5;
constexpr size_t kModulusBytes = 256;

/** In the place of OpenSSL: notes that it was asked. */
void somebody_else(ThreadState&, Item* items, size_t count) {
  for (size_t i = 0; i < count; i++) items[i].status = Status::UNAVAILABLE;
}

/** A bit that is flipped for one run. */
struct Flip {
  uint8_t* byte;
  uint8_t bit;
};

/** How many of the results somebody else was asked for; aborts at a wrong one. */
size_t sign_with_faults(const RsaVectorType& type, unsigned rounds) {
  const RsaKernel& kernel = type.kernels[0];
  const Known answer(kRsaKnown.answers[kScheme]);
  const RsaRoute route = {type, Algorithm::RSASSA_PKCS1_V1_5_SHA_256, RsaPadding::kPkcs1, Hash::SHA_256};
  const auto thread = std::make_unique<ThreadState>();
  Key keys[kLanes];
  for (Key& key : keys) {
    key.spec = KeySpec::RSA_2048;
    if (kRsaKeyTypes->load(key.spec, Known(kRsaKnown.pkcs8).view(), key) != Status::OK) std::abort();
  }
  size_t noticed = 0;
  for (unsigned round = 0; round < rounds; round++) {
    Item items[kLanes];
    uint8_t results[kLanes][kModulusBytes];
    Flip flips[kLanes];
    for (size_t i = 0; i < kLanes; i++) {
      // The last lane stays sound: a neighbour's fault is not its own.
      const MutableBytes numbers = RsaPrepared::of(keys[i], kernel.limbs).private_memory();
      const bool sound = i + 1 == kLanes;
      flips[i] = {numbers.data + static_cast<size_t>(std::rand()) % numbers.size,
                  static_cast<uint8_t>(sound ? 0 : 1 << std::rand() % 8)};
      *flips[i].byte ^= flips[i].bit;
      items[i].key = &keys[i];
      items[i].algorithm = route.algorithm;
      items[i].input = kKnownMessage;
      items[i].output = {results[i], kModulusBytes};
    }
    sign_rsa(route, *thread, items, kLanes, somebody_else);
    for (size_t i = 0; i < kLanes; i++) {
      *flips[i].byte ^= flips[i].bit;
      if (items[i].status == Status::UNAVAILABLE && i + 1 < kLanes) {
        noticed++;
      } else if (items[i].status != Status::OK || items[i].output.size != kModulusBytes ||
                 std::memcmp(results[i], answer.bytes, kModulusBytes) != 0) {
        std::printf("%s: a wrong signature in round %u, lane %zu\n", type.name, round, i);
        std::exit(1);
      }
    }
  }
  return noticed;
}

}  // namespace

int main() {
  const RsaVectorType types[] = {{"ifma", kIfmaRsa, kCpuAvx512 | kCpuAvx512Ifma | kCpuBmi2, 1, 1},
                                 {"emulated", kEmulatedRsa, 0, 1, 1}};
  const unsigned rounds[] = {1500, 25};
  for (size_t i = 0; i < 2; i++) {
    if ((types[i].required_cpu_features & ~cpu_features()) != 0) continue;
    const size_t noticed = sign_with_faults(types[i], rounds[i]);
    // Bits above the numbers' lengths do nothing; most others do.
    const size_t flips = rounds[i] * (kLanes - 1);
    std::printf("%s: %zu of %zu flipped bits noticed, no wrong signature\n", types[i].name, noticed, flips);
    if (noticed < flips / 2) return 1;
  }
  return 0;
}
