#include "keys.h"

#include <atomic>

#include "random.h"
#include "secret_key.h"
#ifndef KEYMILL_WITHOUT_ASYMMETRIC
#include "ec.h"
#include "edwards.h"
#include "rsa_key.h"
#endif

namespace keymill {
namespace {

struct KeyTypeList {
  const KeyType* rows;
  size_t count;
};

template <size_t count>
constexpr KeyTypeList list(const KeyType (&rows)[count]) {
  return {rows, count};
}

const KeyTypeList kLists[] = {
    list(kSecretKeyTypes),
#ifndef KEYMILL_WITHOUT_ASYMMETRIC
    list(kRsaKeyTypes),
    list(kEcKeyTypes),
    {&kEdwardsKeyType, 1},
#endif
};

}  // namespace

const KeyType* find_key_type(KeySpec spec) {
  for (const KeyTypeList& types : kLists) {
    for (size_t i = 0; i < types.count; i++) {
      if (types.rows[i].spec == spec) return &types.rows[i];
    }
  }
  return nullptr;
}

bool KeyTable::start() {
  uint8_t bytes[sizeof(next_generation_)];
  if (!fill_random({bytes, sizeof(bytes)})) return false;
  memcpy(&next_generation_, bytes, sizeof(bytes));
  return true;
}

KeyHandle KeyTable::insert(std::shared_ptr<Key> key) {
  uint32_t index;
  if (free_.empty()) {
    index = static_cast<uint32_t>(slots_.size());
    slots_.push_back({});
  } else {
    index = free_.back();
    free_.pop_back();
  }
  slots_[index] = {std::move(key), next_generation_++};
  return {index, slots_[index].generation};
}

void KeyTable::remove(KeyHandle handle) {
  if (!find(handle)) return;
  slots_[handle.slot].key.reset();
  free_.push_back(handle.slot);
}

void KeyTable::clear() {
  slots_.clear();
  free_.clear();
}

std::shared_ptr<Key> new_key(KeySpec spec, bool exportable) {
  // A counter, not state: what it has given out before changes nothing but uniqueness.
  static std::atomic<uint64_t> next_serial{1};
  auto key = std::make_shared<Key>();
  key->spec = spec;
  key->exportable = exportable;
  key->serial = next_serial.fetch_add(1, std::memory_order_relaxed);
  return key;
}

}  // namespace keymill
