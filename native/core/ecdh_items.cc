#include "ecdh_items.h"

#include <algorithm>

#include "big_endian.h"
#include "kernel_room.h"

namespace keymill {
namespace {

/** Items that share inversions at most. */
constexpr size_t kMaxJobs = kGroupItems;

struct Job {
  Item* item;
  /** x and y of the peer. */
  const uint8_t* point;
};

/** What a thread keeps for a kernel's call; free of secrets between calls. */
struct EcdhMemory : StemState {
  Job jobs[kMaxJobs];
  EcdhAgreement agreements[kMaxJobs];
  KernelRoom room;
};

Status begin(const EcdhRoute& route, const Item& item, Job& job) {
  if (!item.key || item.key->spec != route.spec) return Status::WRONG_KEY;
  if (!item.key->has_secret || item.key->secret.size() != route.bytes) return Status::WRONG_KEY;
  if (item.output.size < route.bytes) return Status::MALFORMED_RECORD;
  return route.read_peer(item.extra, &job.point) ? Status::OK : Status::INVALID_KEY;
}

/** False where memory ran out. */
bool run_kernels(const EcdhRoute& route, KernelRoom& room, EcdhAgreement* agreements, size_t count) {
  const size_t rest = count % route.kernel.lanes;
  const size_t few = rest < route.minimum ? rest : 0, many = count - few;
  const size_t bytes = std::max(route.kernel.bytes(many), route.kernel_of_few.bytes(few));
  uint8_t* const work = room.take(bytes);
  if (!work) return false;
  if (many > 0) route.kernel.agree(work, agreements, many);
  if (few > 0) route.kernel_of_few.agree(work, agreements + many, few);
  wipe(work, bytes);
  wipe_stack();
  return true;
}

void agree_group(const EcdhRoute& route, ThreadState& thread, Item* items, size_t count) {
  auto& memory = stem_state<EcdhMemory>(thread.ecdh);
  const size_t jobs =
      begin_jobs(thread, items, count, memory.jobs, [&](Item& item, Job& job) { return begin(route, item, job); });
  if (jobs == 0) return;
  for (size_t i = 0; i < jobs; i++) {
    const Job& job = memory.jobs[i];
    memory.agreements[i] = {job.item->key->secret.data(), job.point, job.item->output.data, false};
  }
  const bool ran = run_kernels(route, memory.room, memory.agreements, jobs);
  for (size_t i = 0; i < jobs; i++) {
    Item& item = *memory.jobs[i].item;
    const bool agreed = ran && memory.agreements[i].is_on_curve;
    if (agreed) item.output.size = route.bytes;
    finish_item(item, agreed ? Status::OK : ran ? Status::INVALID_KEY : Status::OUT_OF_MEMORY);
  }
}

}  // namespace

void agree_ecdh(const EcdhRoute& route, ThreadState& thread, Item* items, size_t count) {
  for (size_t done = 0; done < count; done += kMaxJobs) {
    agree_group(route, thread, items + done, std::min(count - done, kMaxJobs));
  }
}

bool ecdh_gives_known(const EcdhRoute& route, Bytes secret, Bytes point, Bytes shared, bool fault) {
  constexpr size_t kMaxLanes = 16, kMaxRest = 2;
  uint8_t made[kMaxLanes + kMaxRest][kMaxNumberBytes], off_curve[2 * kMaxNumberBytes];
  EcdhAgreement agreements[kMaxLanes + kMaxRest];
  KernelRoom room;
  if (secret.size != route.bytes || point.size != 2 * route.bytes || shared.size != route.bytes) return false;
  std::memcpy(off_curve, point.data, point.size);
  off_curve[point.size - 1] ^= 1;
  for (size_t rest = 1; rest <= kMaxRest; rest++) {
    const size_t count = route.kernel.lanes + rest;
    for (size_t i = 0; i < count; i++) agreements[i] = {secret.data, i ? point.data : off_curve, made[i], false};
    if (!run_kernels(route, room, agreements, count) || agreements[0].is_on_curve) return false;
    for (size_t i = 1; i < count; i++) {
      if (fault) made[i][0] ^= 1;
      if (!agreements[i].is_on_curve || std::memcmp(made[i], shared.data, shared.size) != 0) return false;
    }
  }
  return true;
}

}  // namespace keymill
