#include "ecdsa_items.h"

#include <algorithm>

#include "big_endian.h"
#include "kernel_room.h"
#include "key_format.h"
#include "random.h"

namespace keymill {
namespace {

constexpr size_t kMaxBytes = kMaxNumberBytes;
constexpr size_t kMaxSignatureBytes = 3 + 2 * (2 + 1 + kMaxBytes);
/** Items that share an inversion at most. */
constexpr size_t kMaxJobs = kGroupItems;

struct CurveRow {
  KeySpec spec;
  Algorithm algorithm;
  Hash hash;
};

constexpr CurveRow kCurveRows[kEcdsaCurves] = {
    {KeySpec::ECC_NIST_P256, Algorithm::ECDSA_SHA_256, Hash::SHA_256},
    {KeySpec::ECC_NIST_P384, Algorithm::ECDSA_SHA_384, Hash::SHA_384},
    {KeySpec::ECC_NIST_P521, Algorithm::ECDSA_SHA_512, Hash::SHA_512},
    {KeySpec::ECC_SECG_P256K1, Algorithm::ECDSA_SHA_256, Hash::SHA_256},
};

/** An item being signed or verified, and the numbers of it. */
struct Job {
  Item* item;
  uint8_t digest[kMaxBytes];
  uint8_t nonce[kMaxBytes];
  uint8_t signature[2 * kMaxBytes];
  uint8_t recovery_id;
};

/** What a thread keeps for a kernel's call; free of secrets between calls. */
struct EcdsaMemory : StemState {
  Job jobs[kMaxJobs];
  union {
    EcdsaSigning signing[kMaxJobs];
    EcdsaVerifying verifying[kMaxJobs];
  };
  NonceJob nonces[kMaxJobs];
  uint8_t hedges[kMaxJobs * kHedgeBytes];
  KernelRoom room;
};

/** A digest as a number of `bytes`: zeros in front where it is shorter (FIPS 186-5 section 6.4.1, step 2). */
bool widen(Bytes digest, size_t bytes, uint8_t* number) {
  if (digest.size > bytes) return false;
  std::memset(number, 0, bytes - digest.size);
  std::memcpy(number + bytes - digest.size, digest.data, digest.size);
  return true;
}

/** What the item's signature is over. */
Status digest_number(const EcdsaRoute& route, const Item& item, uint8_t* number) {
  const CurveRow& row = kCurveRows[route.curve];
  if (!item.key || item.key->spec != row.spec || item.algorithm != row.algorithm) return Status::WRONG_KEY;
  Digest digest;
  const Status digested = digest_of_input(item, row.hash, &digest);
  if (digested != Status::OK) return digested;
  return widen(digest.view(), kNonceCurves[route.curve].bytes, number) ? Status::OK : Status::INTERNAL;
}

size_t recovery_bytes(const Item& item) { return item.flags & FLAG_RECOVERY_ID ? 1 : 0; }

Status begin_signing(const EcdsaRoute& route, Item& item, Job& job) {
  const Status status = digest_number(route, item, job.digest);
  if (status != Status::OK) return status;
  const size_t bytes = kNonceCurves[route.curve].bytes;
  if (!item.key->has_secret || item.key->secret.size() != bytes) return Status::WRONG_KEY;
  const size_t least_bytes = (item.flags & FLAG_P1363 ? 2 * bytes : 0) + recovery_bytes(item);
  return item.output.size < least_bytes ? Status::MALFORMED_RECORD : Status::OK;
}

bool is_zero(const uint8_t* number, size_t bytes) {
  return std::all_of(number, number + bytes, [](uint8_t byte) { return byte == 0; });
}

/** r and s as DER or side by side, and the recovery id where it is asked for, into the item's output. */
Status put_signature(const Job& job, size_t bytes) {
  Item& item = *job.item;
  uint8_t encoded[kMaxSignatureBytes + 1];
  size_t encoded_bytes = 2 * bytes;
  if (item.flags & FLAG_P1363) {
    std::memcpy(encoded, job.signature, encoded_bytes);
  } else {
    DerWriter writer({encoded, kMaxSignatureBytes});
    writer.prepend_unsigned({job.signature + bytes, bytes});
    writer.prepend_unsigned({job.signature, bytes});
    writer.prepend_header(kDerSequence, 0);
    if (!writer.finish(&encoded_bytes)) return Status::INTERNAL;
  }
  encoded[encoded_bytes] = job.recovery_id;
  return put_output(item, {encoded, encoded_bytes + recovery_bytes(item)});
}

/** r or s from a DER INTEGER at full width. */
bool read_number(DerReader& reader, uint8_t* number, size_t bytes) {
  Bytes magnitude;
  if (!reader.read_unsigned(&magnitude) || magnitude.size > bytes) return false;
  std::memset(number, 0, bytes - magnitude.size);
  std::memcpy(number + bytes - magnitude.size, magnitude.data, magnitude.size);
  return true;
}

bool is_below(const uint8_t* a, const uint8_t* b, size_t bytes) { return std::memcmp(a, b, bytes) < 0; }

/** Strict DER only, like OpenSSL's (ec.cc); r and s in [1, n - 1]. */
Status begin_verifying(const EcdsaRoute& route, Item& item, Job& job) {
  const Status status = digest_number(route, item, job.digest);
  if (status != Status::OK) return status;
  const NonceCurve& curve = kNonceCurves[route.curve];
  const size_t bytes = curve.bytes;
  uint8_t *r = job.signature, *s = job.signature + bytes;
  if (item.flags & FLAG_P1363) {
    if (item.extra.size != 2 * bytes) return Status::INVALID_SIGNATURE;
    std::memcpy(r, item.extra.data, 2 * bytes);
  } else {
    DerReader outer(item.extra);
    Bytes body;
    if (!outer.read(kDerSequence, &body) || !outer.at_end()) return Status::INVALID_SIGNATURE;
    DerReader reader(body);
    if (!read_number(reader, r, bytes) || !read_number(reader, s, bytes) || !reader.at_end()) {
      return Status::INVALID_SIGNATURE;
    }
  }
  const bool in_range =
      !is_zero(r, bytes) && !is_zero(s, bytes) && is_below(r, curve.order, bytes) && is_below(s, curve.order, bytes);
  return in_range ? Status::OK : Status::INVALID_SIGNATURE;
}

/** Signs what was begun, without looking at its status. False where memory or randomness ran out. */
bool sign_jobs(const EcdsaRoute& route, EcdsaMemory& memory, size_t count) {
  const NonceCurve& curve = kNonceCurves[route.curve];
  const size_t room = route.kernel.sign_bytes(count);
  uint8_t* const work = memory.room.take(room);
  const uint64_t* const table = route.kernel.comb_table();
  if (!work || !table || !fill_random({memory.hedges, count * kHedgeBytes})) return false;
  for (size_t i = 0; i < count; i++) {
    Job& job = memory.jobs[i];
    const uint8_t* secret = job.item->key->secret.data();
    const bool hedged = !(job.item->flags & FLAG_DETERMINISTIC);
    const Bytes hedge = hedged ? Bytes{memory.hedges + i * kHedgeBytes, kHedgeBytes} : Bytes{};
    memory.nonces[i] = {secret, job.digest, hedge, job.nonce};
    const bool recoverable = recovery_bytes(*job.item) > 0;
    job.recovery_id = 0;
    memory.signing[i] = {secret, job.nonce, job.digest, job.signature, recoverable ? &job.recovery_id : nullptr};
  }
  derive_nonces(route.nonces, route.curve, memory.nonces, count);
  route.kernel.sign(table, work, memory.signing, count);
  for (size_t i = 0; i < count; i++) {
    Job& job = memory.jobs[i];
    if (!(job.item->flags & FLAG_LOW_S)) continue;
    job.recovery_id ^= take_lesser(job.signature + curve.bytes, curve.order, curve.bytes);
  }
  for (size_t i = 0; i < count; i++) wipe(memory.jobs[i].nonce, sizeof memory.jobs[i].nonce);
  wipe(memory.hedges, count * kHedgeBytes);
  wipe(work, room);
  wipe_stack();
  return true;
}

void sign_group(const EcdsaRoute& route, ThreadState& thread, Item* items, size_t count, Run one_by_one) {
  auto& memory = stem_state<EcdsaMemory>(thread.ecdsa);
  const size_t jobs = begin_jobs(thread, items, count, memory.jobs,
                                 [&](Item& item, Job& job) { return begin_signing(route, item, job); });
  if (jobs == 0) return;
  const auto has_options = [](const Job& job) { return (job.item->flags & kEcdsaOptions) != 0; };
  const bool on_kernel = jobs >= route.minimum_sign || std::any_of(memory.jobs, memory.jobs + jobs, has_options);
  if (on_kernel && !sign_jobs(route, memory, jobs)) {
    for (size_t i = 0; i < jobs; i++) finish_item(*memory.jobs[i].item, Status::UNAVAILABLE);
    return;
  }
  const size_t bytes = kNonceCurves[route.curve].bytes;
  for (size_t i = 0; i < jobs; i++) {
    const Job& job = memory.jobs[i];
    if (!on_kernel || is_zero(job.signature, bytes) || is_zero(job.signature + bytes, bytes)) {
      one_by_one(thread, job.item, 1);
    } else {
      finish_item(*job.item, put_signature(job, bytes));
    }
  }
}

void verify_group(const EcdsaRoute& route, ThreadState& thread, Item* items, size_t count, Run one_by_one) {
  auto& memory = stem_state<EcdsaMemory>(thread.ecdsa);
  const size_t jobs = begin_jobs(thread, items, count, memory.jobs,
                                 [&](Item& item, Job& job) { return begin_verifying(route, item, job); });
  if (jobs == 0) return;
  uint8_t* const work = memory.room.take(route.kernel.verify_bytes(jobs));
  const uint64_t* const table = route.kernel.comb_table();
  const bool on_kernel = work && table && jobs >= route.minimum_verify;
  for (size_t i = 0; i < jobs; i++) {
    const Job& job = memory.jobs[i];
    memory.verifying[i] = {job.digest, job.signature, job.item->key->public_point, EcdsaVerifying::kUndecided};
  }
  if (on_kernel) route.kernel.verify_vartime(table, work, memory.verifying, jobs);
  for (size_t i = 0; i < jobs; i++) {
    Item& item = *memory.jobs[i].item;
    if (memory.verifying[i].verdict == EcdsaVerifying::kUndecided) {
      one_by_one(thread, &item, 1);
      continue;
    }
    item.output.size = 0;
    const bool valid = memory.verifying[i].verdict == EcdsaVerifying::kValid;
    finish_item(item, valid ? Status::OK : Status::INVALID_SIGNATURE);
  }
}

}  // namespace

void sign_ecdsa(const EcdsaRoute& route, ThreadState& thread, Item* items, size_t count, Run one_by_one) {
  for (size_t done = 0; done < count; done += kMaxJobs) {
    sign_group(route, thread, items + done, std::min(count - done, kMaxJobs), one_by_one);
  }
}

void verify_ecdsa(const EcdsaRoute& route, ThreadState& thread, Item* items, size_t count, Run one_by_one) {
  for (size_t done = 0; done < count; done += kMaxJobs) {
    verify_group(route, thread, items + done, std::min(count - done, kMaxJobs), one_by_one);
  }
}

bool ecdsa_makes_known(const EcdsaRoute& route, Bytes secret, Bytes digest, Bytes signature, uint8_t recovery_id,
                       bool fault) {
  const auto memory = std::make_unique<EcdsaMemory>();
  const NonceCurve& curve = kNonceCurves[route.curve];
  const size_t jobs = route.kernel.lanes + 1;
  uint8_t* const work = memory->room.take(route.kernel.sign_bytes(jobs));
  const uint64_t* const table = route.kernel.comb_table();
  if (!work || !table || secret.size != curve.bytes || signature.size != 2 * curve.bytes) return false;
  for (size_t i = 0; i < jobs; i++) {
    Job& job = memory->jobs[i];
    if (!widen(digest, curve.bytes, job.digest)) return false;
    memory->nonces[i] = {secret.data, job.digest, {}, job.nonce};
    memory->signing[i] = {secret.data, job.nonce, job.digest, job.signature, &job.recovery_id};
  }
  derive_nonces(route.nonces, route.curve, memory->nonces, jobs);
  route.kernel.sign(table, work, memory->signing, jobs);
  for (size_t i = 0; i < jobs; i++) {
    Job& made = memory->jobs[i];
    if (fault) made.signature[0] ^= 1;
    if (std::memcmp(made.signature, signature.data, signature.size) != 0 || made.recovery_id != recovery_id)
      return false;
  }
  return nonces_are_known(route.nonces, route.curve, fault);
}

bool ecdsa_accepts_known(const EcdsaRoute& route, Bytes point, Bytes digest, Bytes signature, bool fault) {
  const auto memory = std::make_unique<EcdsaMemory>();
  const size_t bytes = kNonceCurves[route.curve].bytes;
  const size_t jobs = route.kernel.lanes + 1;
  uint8_t* const work = memory->room.take(route.kernel.verify_bytes(jobs));
  const uint64_t* const table = route.kernel.comb_table();
  if (!work || !table || point.size != 2 * bytes || signature.size != 2 * bytes) return false;
  for (size_t i = 0; i < jobs; i++) {
    Job& job = memory->jobs[i];
    if (!widen(digest, bytes, job.digest)) return false;
    std::memcpy(job.signature, signature.data, signature.size);
    if (fault) job.signature[signature.size - 1] ^= 1;
    memory->verifying[i] = {job.digest, job.signature, point.data, EcdsaVerifying::kUndecided};
  }
  route.kernel.verify_vartime(table, work, memory->verifying, jobs);
  return std::all_of(memory->verifying, memory->verifying + jobs,
                     [](const EcdsaVerifying& job) { return job.verdict == EcdsaVerifying::kValid; });
}

}  // namespace keymill
