#include "edwards_items.h"

#include <algorithm>

#include "edwards25519.h"
#include "kernel_room.h"

namespace keymill {
namespace {

/** Items that share an inversion at most. */
constexpr size_t kMaxJobs = kGroupItems;
constexpr size_t kHalfBytes = 32;
constexpr size_t kHashBytes = kSha512Variant.digest_bytes;

/** An item being signed or verified. */
struct Job {
  Item* item;
  /** The message, or its hash for Ed25519ph. */
  Bytes message;
  uint8_t prehash[kHashBytes];
  uint8_t nonce_hash[kHashBytes];
  uint8_t challenge_hash[kHashBytes];
  uint8_t signature[kEdwardsSignatureBytes];
  /** R and A, which the challenge is a hash of. */
  uint8_t points[2 * kHalfBytes];
};

/** What a thread keeps for a kernel's call; free of secrets between calls. */
struct EdwardsMemory : StemState {
  Job jobs[kMaxJobs];
  union {
    EdwardsSigning signing[kMaxJobs];
    EdwardsVerifying verifying[kMaxJobs];
  };
  Sha2Job<uint64_t> hashing[kMaxJobs];
  KernelRoom room;
};

/** dom2(1, ""): RFC 8032 section 2. */
constexpr uint8_t kDomain[] = "SigEd25519 no Ed25519 collisions\x01";
constexpr Bytes kDomainBytes = {kDomain, sizeof kDomain};
static_assert(sizeof kDomain == 32 + 2, "the terminating zero is the length of the empty context");

/** One SHA-512 for each job that source(job, parts) names parts for, into what it returns; nullptr: none. */
template <typename Source>
void hash_jobs(const EdwardsRoute& route, EdwardsMemory& memory, size_t count, Source source) {
  size_t hashes = 0;
  for (size_t i = 0; i < count; i++) {
    Sha2Job<uint64_t>& hashing = memory.hashing[hashes];
    hashing = {kSha512Variant.start, nullptr, {}, nullptr};
    hashing.digest = source(memory.jobs[i], hashing.parts);
    if (hashing.digest) hashes++;
  }
  sha2_hash(route.sha512, kSha512Variant, memory.hashing, hashes);
}

/** Ed25519ph signs its messages' hashes. */
void hash_messages(const EdwardsRoute& route, EdwardsMemory& memory, size_t count) {
  if (!route.prehashed) return;
  hash_jobs(route, memory, count, [](Job& job, Bytes* parts) -> uint8_t* {
    if (job.item->flags & FLAG_MESSAGE_IS_DIGEST) return nullptr;
    parts[0] = job.item->input;
    job.message = {job.prehash, kHashBytes};
    return job.prehash;
  });
}

Bytes domain(const EdwardsRoute& route) { return route.prehashed ? kDomainBytes : Bytes{}; }

/** k = H(dom2 || R || A || M). */
void hash_challenges(const EdwardsRoute& route, EdwardsMemory& memory, size_t count) {
  hash_jobs(route, memory, count, [&](Job& job, Bytes* parts) {
    std::memcpy(job.points, job.signature, kHalfBytes);
    std::memcpy(job.points + kHalfBytes, job.item->key->public_point, kHalfBytes);
    parts[0] = domain(route);
    parts[1] = {job.points, sizeof job.points};
    parts[2] = job.message;
    return job.challenge_hash;
  });
}

Status begin(const EdwardsRoute& route, Item& item, Job& job) {
  const Status status = usable_for_edwards(item, route.prehashed);
  if (status != Status::OK) return status;
  job.message = item.input;
  const bool is_digest = item.flags & FLAG_MESSAGE_IS_DIGEST;
  return is_digest && item.input.size != kHashBytes ? Status::INVALID_LENGTH : Status::OK;
}

Status begin_signing(const EdwardsRoute& route, Item& item, Job& job) {
  const Status status = begin(route, item, job);
  if (status != Status::OK) return status;
  if (!item.key->has_secret || !item.key->expanded.ok()) return Status::WRONG_KEY;
  return item.output.size < kEdwardsSignatureBytes ? Status::MALFORMED_RECORD : Status::OK;
}

/** Section 5.1.7 step 1; without it S + L would be a second signature. */
bool is_canonical_vartime(const uint8_t scalar[kHalfBytes]) {
  constexpr uint8_t order[kHalfBytes] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                         0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                         0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
  for (size_t i = kHalfBytes; i-- > 0;) {
    if (scalar[i] != order[i]) return scalar[i] < order[i];
  }
  return false;
}

Status begin_verifying(const EdwardsRoute& route, Item& item, Job& job) {
  const Status status = begin(route, item, job);
  if (status != Status::OK) return status;
  if (item.extra.size != kEdwardsSignatureBytes || !is_canonical_vartime(item.extra.data + kHalfBytes)) {
    return Status::INVALID_SIGNATURE;
  }
  std::memcpy(job.signature, item.extra.data, sizeof job.signature);
  return Status::OK;
}

/** What the kernel works in, or nullptr where there is no memory for that or its table; all jobs are finished then. */
uint8_t* take_room(const EdwardsRoute& route, EdwardsMemory& memory, size_t jobs) {
  uint8_t* const room = memory.room.take(route.kernel.bytes(jobs));
  if (room && edwards_comb_table()) return room;
  for (size_t i = 0; i < jobs; i++) finish_item(*memory.jobs[i].item, Status::OUT_OF_MEMORY);
  return nullptr;
}

void sign_group(const EdwardsRoute& route, ThreadState& thread, Item* items, size_t count) {
  auto& memory = stem_state<EdwardsMemory>(thread.edwards);
  const size_t jobs = begin_jobs(thread, items, count, memory.jobs,
                                 [&](Item& item, Job& job) { return begin_signing(route, item, job); });
  if (jobs == 0) return;
  uint8_t* const work = take_room(route, memory, jobs);
  if (!work) return;
  hash_messages(route, memory, jobs);
  hash_jobs(route, memory, jobs, [&](Job& job, Bytes* parts) {
    parts[0] = domain(route);
    parts[1] = {job.item->key->expanded.data() + kHalfBytes, kHalfBytes};
    parts[2] = job.message;
    return job.nonce_hash;
  });
  for (size_t i = 0; i < jobs; i++) {
    Job& job = memory.jobs[i];
    memory.signing[i] = {job.item->key->expanded.data(), job.nonce_hash, job.challenge_hash, job.signature};
  }
  route.kernel.commit(edwards_comb_table(), work, memory.signing, jobs);
  hash_challenges(route, memory, jobs);
  route.kernel.respond(work, memory.signing, jobs);
  for (size_t i = 0; i < jobs; i++) {
    Job& job = memory.jobs[i];
    finish_item(*job.item, put_output(*job.item, {job.signature, sizeof job.signature}));
    wipe(job.nonce_hash, sizeof job.nonce_hash);
  }
  wipe(work, route.kernel.bytes(jobs));
  wipe_stack();
}

void verify_group(const EdwardsRoute& route, ThreadState& thread, Item* items, size_t count) {
  auto& memory = stem_state<EdwardsMemory>(thread.edwards);
  const size_t jobs = begin_jobs(thread, items, count, memory.jobs,
                                 [&](Item& item, Job& job) { return begin_verifying(route, item, job); });
  if (jobs == 0) return;
  uint8_t* const work = take_room(route, memory, jobs);
  if (!work) return;
  hash_messages(route, memory, jobs);
  hash_challenges(route, memory, jobs);
  for (size_t i = 0; i < jobs; i++) {
    const Job& job = memory.jobs[i];
    memory.verifying[i] = {job.item->key->public_point, job.challenge_hash, job.signature, false};
  }
  route.kernel.verify_vartime(edwards_comb_table(), work, memory.verifying, jobs);
  for (size_t i = 0; i < jobs; i++) {
    Item& item = *memory.jobs[i].item;
    item.output.size = 0;
    finish_item(item, memory.verifying[i].valid ? Status::OK : Status::INVALID_SIGNATURE);
  }
}

}  // namespace

Status usable_for_edwards(const Item& item, bool prehashed) {
  const uint32_t allowed_flags = FLAG_EXTERNAL | (prehashed ? FLAG_MESSAGE_IS_DIGEST : 0);
  if (item.flags & ~allowed_flags) return Status::MALFORMED_RECORD;
  return item.key && item.key->spec == KeySpec::ECC_NIST_EDWARDS25519 ? Status::OK : Status::WRONG_KEY;
}

void sign_edwards(const EdwardsRoute& route, ThreadState& thread, Item* items, size_t count) {
  for (size_t done = 0; done < count; done += kMaxJobs) {
    sign_group(route, thread, items + done, std::min(count - done, kMaxJobs));
  }
}

void verify_edwards(const EdwardsRoute& route, ThreadState& thread, Item* items, size_t count) {
  for (size_t done = 0; done < count; done += kMaxJobs) {
    verify_group(route, thread, items + done, std::min(count - done, kMaxJobs));
  }
}

}  // namespace keymill
