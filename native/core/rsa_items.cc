#include "rsa_items.h"

#include <algorithm>

#include "kernel_room.h"
#include "random.h"
#include "rsa_prepared.h"

namespace keymill {
namespace {

constexpr size_t kLanes = 8;
constexpr uint32_t kFlags = FLAG_MESSAGE_IS_DIGEST | FLAG_EXTERNAL;
/** In the order of the kernels. */
constexpr KeySpec kSpecs[kRsaSizes] = {KeySpec::RSA_2048, KeySpec::RSA_3072, KeySpec::RSA_4096};

/** An item on its way through a kernel. */
struct Lane {
  Item* item;
  RsaPrepared* prepared;
  /** Of a private operation. */
  RsaBlinding* blinding;
  Digest digest;
  /** Big-endian, as wide as the modulus. */
  uint8_t input[kMaxRsaBytes], output[kMaxRsaBytes];
};

/** A thread's room for a kernel's call, kept between calls and free of secrets then. */
struct RsaMemory : StemState {
  Lane lanes[kLanes];
  /** Salts or seeds of a vector. */
  uint8_t random[kLanes * kMaxRsaRandomBytes];
  KernelRoom room;
};

/** One vector of items of one size. */
struct Vector {
  const RsaRoute& route;
  const RsaEncoding& encoding;
  const RsaKernel& kernel;
  RsaMemory& memory;
  size_t count = 0;

  size_t modulus_bytes() const { return kernel.modulus_bits / 8; }
  MutableBytes input(size_t lane) const { return {memory.lanes[lane].input, modulus_bytes()}; }
  MutableBytes output(size_t lane) const { return {memory.lanes[lane].output, modulus_bytes()}; }
};

/** One of the four operations. */
struct Steps {
  bool is_private;
  /** Whether what passes through the memory is anybody's secret. */
  bool is_secret;
  /** Salts of signing and seeds of encrypting are drawn for every lane. */
  bool is_random;
  /** Checks an item and reads what does not depend on the other lanes; not OK settles it. */
  Status (*begin)(const Vector& vector, Lane& lane);
  /** Writes the lane's input; not OK settles it. */
  Status (*encode)(const Vector& vector, size_t lane, const uint8_t* random);
  /** From the lane's output to the item's result. */
  Status (*finish)(const Vector& vector, size_t lane);
};

bool takes_place(const Item& item, size_t size) { return item.key && item.key->spec == kSpecs[size]; }

/** Numbers from outside must be below the modulus: RFC 8017 sections 5.1.2 and 5.2.2, step 1. */
bool take_number(const Vector& vector, size_t lane, Bytes number) {
  const MutableBytes input = vector.input(lane);
  if (std::memcmp(number.data, vector.memory.lanes[lane].prepared->modulus(), input.size) >= 0) return false;
  std::memcpy(input.data, number.data, input.size);
  return true;
}

// ---- The operations; in every respect what OpenSSL's rows do (rsa.cc) ----

Status begin_encrypting(const Vector& vector, Lane& lane) {
  const Item& item = *lane.item;
  if (item.output.size < vector.modulus_bytes()) return Status::MALFORMED_RECORD;
  const size_t overhead = 2 * vector.encoding.hash_bytes + 2;
  return item.input.size > vector.modulus_bytes() - overhead ? Status::INVALID_LENGTH : Status::OK;
}

Status encode_plaintext(const Vector& vector, size_t lane, const uint8_t* seed) {
  vector.encoding.encode_oaep(vector.memory.lanes[lane].item->input, seed, vector.input(lane));
  return Status::OK;
}

Status put_number(const Vector& vector, size_t lane) {
  return put_output(*vector.memory.lanes[lane].item, vector.output(lane));
}

Status begin_decrypting(const Vector& vector, Lane& lane) {
  if (!lane.item->key->has_secret) return Status::WRONG_KEY;
  return lane.item->input.size == vector.modulus_bytes() ? Status::OK : Status::DECRYPTION_FAILED;
}

Status take_ciphertext(const Vector& vector, size_t lane, const uint8_t*) {
  const Bytes ciphertext = vector.memory.lanes[lane].item->input;
  return take_number(vector, lane, ciphertext) ? Status::OK : Status::DECRYPTION_FAILED;
}

Status open_plaintext(const Vector& vector, size_t lane) {
  const Bytes message = vector.encoding.decode_oaep(vector.output(lane));
  return message.data ? put_output(*vector.memory.lanes[lane].item, message) : Status::DECRYPTION_FAILED;
}

Status begin_signing(const Vector& vector, Lane& lane) {
  if (!lane.item->key->has_secret) return Status::WRONG_KEY;
  if (lane.item->output.size < vector.modulus_bytes()) return Status::MALFORMED_RECORD;
  return digest_of_input(*lane.item, vector.route.hash, &lane.digest);
}

Status encode_digest(const Vector& vector, size_t lane, const uint8_t* salt) {
  const Digest& digest = vector.memory.lanes[lane].digest;
  if (vector.route.padding == RsaPadding::kPss) {
    vector.encoding.encode_pss(digest.bytes, salt, vector.input(lane));
  } else {
    vector.encoding.encode_pkcs1(digest.bytes, vector.input(lane));
  }
  return Status::OK;
}

Status begin_verifying(const Vector& vector, Lane& lane) {
  const Status digested = digest_of_input(*lane.item, vector.route.hash, &lane.digest);
  if (digested != Status::OK) return digested;
  return lane.item->extra.size == vector.modulus_bytes() ? Status::OK : Status::INVALID_SIGNATURE;
}

Status take_signature(const Vector& vector, size_t lane, const uint8_t*) {
  return take_number(vector, lane, vector.memory.lanes[lane].item->extra) ? Status::OK : Status::INVALID_SIGNATURE;
}

Status compare_digest(const Vector& vector, size_t lane) {
  const Lane& verified = vector.memory.lanes[lane];
  verified.item->output.size = 0;
  const MutableBytes encoded = vector.output(lane);
  if (vector.route.padding == RsaPadding::kPss) {
    const bool accepted = vector.encoding.accepts_pss_vartime(verified.digest.bytes, encoded);
    return accepted ? Status::OK : Status::INVALID_SIGNATURE;
  }
  // What encoding gives, and nothing that decodes to the same: section 8.2.2 step 3.
  vector.encoding.encode_pkcs1(verified.digest.bytes, vector.input(lane));
  const bool accepted = std::memcmp(vector.input(lane).data, encoded.data, encoded.size) == 0;
  return accepted ? Status::OK : Status::INVALID_SIGNATURE;
}

constexpr Steps kEncrypting = {false, true, true, begin_encrypting, encode_plaintext, put_number};
constexpr Steps kDecrypting = {true, true, false, begin_decrypting, take_ciphertext, open_plaintext};
constexpr Steps kSigning = {true, true, true, begin_signing, encode_digest, put_number};
constexpr Steps kVerifying = {false, false, false, begin_verifying, take_signature, compare_digest};

// ---- Vectors ----

void run_public(const Vector& vector, const Steps& steps, void* room) {
  RsaPublicJob jobs[kLanes];
  for (size_t i = 0; i < vector.count; i++) {
    jobs[i] = {&vector.memory.lanes[i].prepared->public_half(), vector.input(i).data, vector.output(i).data};
  }
  vector.kernel.run_public_vartime(room, jobs, vector.count);
  for (size_t i = 0; i < vector.count; i++) finish_item(*vector.memory.lanes[i].item, steps.finish(vector, i));
}

/** Lanes of one key share a blinding, each with another power of it. */
void run_private(ThreadState& thread, const Vector& vector, const Steps& steps, void* room, Run one_by_one) {
  RsaPrivateJob jobs[kLanes];
  const Lane* const lanes = vector.memory.lanes;
  for (size_t i = 0; i < vector.count; i++) {
    RsaBlinding* const blinding = lanes[i].blinding;
    unsigned step = 0;
    for (size_t j = 0; j < i; j++) {
      if (lanes[j].blinding != blinding) continue;
      jobs[j].next_blinding = nullptr;
      step++;
    }
    jobs[i] = {&lanes[i].prepared->public_half(),
               &lanes[i].prepared->private_half(),
               blinding->limbs(),
               step,
               blinding->limbs(),
               vector.input(i).data,
               vector.output(i).data,
               false};
  }
  vector.kernel.run_private(room, jobs, vector.count);
  for (size_t i = 0; i < vector.count; i++) {
    // OpenSSL has its own copy of the key, and checks its own work.
    if (jobs[i].is_right) {
      finish_item(*lanes[i].item, steps.finish(vector, i));
    } else {
      lanes[i].blinding->uses_left = 0;
      one_by_one(thread, lanes[i].item, 1);
    }
  }
  for (size_t i = 0; i < vector.count; i++) {
    if (jobs[i].next_blinding) lanes[i].prepared->give_back(lanes[i].blinding, jobs[i].blinding_step + 1);
  }
}

/** The blinding of an earlier lane with the same key, or one of the key's own; nullptr where there is none to be had.
 */
RsaBlinding* find_blinding(const Lane* lanes, size_t count, RsaPrepared& prepared) {
  for (size_t i = 0; i < count; i++) {
    if (lanes[i].prepared == &prepared) return lanes[i].blinding;
  }
  return prepared.take_blinding();
}

/** Puts the items that have all they need into the first lanes, and settles the others; returns how many there are. */
size_t fill_lanes(ThreadState& thread, const Vector& vector, const Steps& steps, Run one_by_one) {
  Lane* const lanes = vector.memory.lanes;
  size_t filled = 0;
  for (size_t i = 0; i < vector.count; i++) {
    Lane& lane = lanes[filled];
    Item& item = *lanes[i].item;
    lane.item = &item;
    lane.digest = lanes[i].digest;
    RsaPrepared& prepared = RsaPrepared::of(*item.key, vector.kernel.limbs);
    lane.prepared = &prepared;
    if (!prepared.ok()) {
      one_by_one(thread, &item, 1);
      continue;
    }
    const Status encoded = steps.encode(vector, filled, vector.memory.random + i * kMaxRsaRandomBytes);
    if (encoded != Status::OK) {
      finish_item(item, encoded);
      continue;
    }
    if (steps.is_private) {
      lane.blinding = find_blinding(lanes, filled, prepared);
      if (!lane.blinding) {
        one_by_one(thread, &item, 1);
        continue;
      }
    }
    filled++;
  }
  return filled;
}

void run_vector(ThreadState& thread, Vector& vector, const Steps& steps, Run one_by_one) {
  RsaMemory& memory = vector.memory;
  const size_t minimum = steps.is_private ? vector.route.type.minimum_private : vector.route.type.minimum_public;
  const size_t room_bytes = steps.is_private ? vector.kernel.private_bytes : vector.kernel.public_bytes;
  uint8_t* const room = vector.count < minimum ? nullptr : memory.room.take(room_bytes);
  const size_t random_bytes = steps.is_random ? vector.count * kMaxRsaRandomBytes : 0;
  if (!room || !fill_random({memory.random, random_bytes})) {
    for (size_t i = 0; i < vector.count; i++) one_by_one(thread, memory.lanes[i].item, 1);
    vector.count = 0;
    return;
  }
  vector.count = fill_lanes(thread, vector, steps, one_by_one);
  if (vector.count > 0) {
    if (steps.is_private) {
      run_private(thread, vector, steps, room, one_by_one);
    } else {
      run_public(vector, steps, room);
    }
  }
  if (steps.is_secret) {
    wipe(room, room_bytes);
    wipe(memory.lanes, sizeof memory.lanes);
    wipe(memory.random, random_bytes);
    wipe_stack();
  }
  vector.count = 0;
}

void run_items(const RsaRoute& route, const Steps& steps, ThreadState& thread, Item* items, size_t count,
               Run one_by_one) {
  auto& memory = stem_state<RsaMemory>(thread.rsa);
  for (size_t i = 0; i < count; i++) {
    const KeySpec* const end = kSpecs + kRsaSizes;
    if (!items[i].key || std::find(kSpecs, end, items[i].key->spec) == end) finish_item(items[i], Status::WRONG_KEY);
  }
  for (size_t size = 0; size < kRsaSizes; size++) {
    Vector vector = {route, rsa_encoding(route.hash), route.type.kernels[size], memory};
    for (size_t i = 0; i < count; i++) {
      if (!takes_place(items[i], size)) continue;
      Lane& lane = memory.lanes[vector.count];
      lane.item = &items[i];
      const bool cancelled = thread.cancelled.load(std::memory_order_relaxed);
      const Status status = cancelled                               ? Status::CANCELLED
                            : items[i].algorithm != route.algorithm ? Status::UNSUPPORTED
                            : (items[i].flags & ~kFlags) != 0       ? Status::MALFORMED_RECORD
                                                                    : steps.begin(vector, lane);
      if (status != Status::OK) {
        finish_item(items[i], status);
      } else if (++vector.count == kLanes) {
        run_vector(thread, vector, steps, one_by_one);
      }
    }
    if (vector.count > 0) run_vector(thread, vector, steps, one_by_one);
  }
}

}  // namespace

void encrypt_rsa(const RsaRoute& route, ThreadState& thread, Item* items, size_t count, Run one_by_one) {
  run_items(route, kEncrypting, thread, items, count, one_by_one);
}

void decrypt_rsa(const RsaRoute& route, ThreadState& thread, Item* items, size_t count, Run one_by_one) {
  run_items(route, kDecrypting, thread, items, count, one_by_one);
}

void sign_rsa(const RsaRoute& route, ThreadState& thread, Item* items, size_t count, Run one_by_one) {
  run_items(route, kSigning, thread, items, count, one_by_one);
}

void verify_rsa(const RsaRoute& route, ThreadState& thread, Item* items, size_t count, Run one_by_one) {
  run_items(route, kVerifying, thread, items, count, one_by_one);
}

}  // namespace keymill
