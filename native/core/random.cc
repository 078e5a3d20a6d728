#include "random.h"

#include <openssl/err.h>
#include <openssl/rand.h>

#include <climits>

#include "operation.h"

namespace keymill {
namespace {

void run_random(ThreadState&, Item* items, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (!fill_random(items[i].output)) items[i].status = Status::UNAVAILABLE;
  }
}

/** A generator has no known answer: two draws that differ, and neither left as it was, is what can be asked. */
bool test_random(ThreadState&, bool fault) {
  uint8_t draws[2][32] = {};
  if (!fill_random({draws[0], 32}) || !fill_random({draws[1], 32})) return false;
  if (fault) memcpy(draws[1], draws[0], 32);
  const uint8_t zeros[32] = {};
  return memcmp(draws[0], draws[1], 32) != 0 && memcmp(draws[0], zeros, 32) != 0;
}

constexpr Implementation kRandom[] = {
    {Operation::RANDOM, Algorithm{}, KeySpec{}, "random", "openssl", 0, run_random, test_random},
};

}  // namespace

bool fill_random(MutableBytes out) {
  for (size_t done = 0; done < out.size;) {
    const size_t bytes = out.size - done < INT_MAX ? out.size - done : INT_MAX;
    if (RAND_bytes(out.data + done, static_cast<int>(bytes)) != 1) {
      ERR_clear_error();
      wipe(out.data, out.size);
      return false;
    }
    done += bytes;
  }
  return true;
}

ImplementationList random_implementations() { return {kRandom, 1}; }

}  // namespace keymill
