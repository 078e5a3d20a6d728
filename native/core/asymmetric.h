// What the stems of asymmetric keys (rsa, ec, edwards) share: big numbers, message digests, the loop over a batch's
// items, and the shape of their known-answer tests. Knows no key type.
#pragma once
#include <openssl/bn.h>
#include <openssl/evp.h>

#include <memory>

#include "bytes.h"
#include "contract.h"
#include "key.h"
#include "operation.h"
#include "thread_state.h"

namespace keymill {

struct BnFree {
  void operator()(BIGNUM* number) const { BN_clear_free(number); }
};
using Bn = std::unique_ptr<BIGNUM, BnFree>;

struct BnContextFree {
  void operator()(BN_CTX* context) const { BN_CTX_free(context); }
};
using BnContext = std::unique_ptr<BN_CTX, BnContextFree>;

/** A number from big-endian bytes, in OpenSSL's secure heap; null where memory ran out. */
Bn secret_number(Bytes big_endian);
/** A number a key answers to, by OSSL_PKEY_PARAM_* name, in OpenSSL's secure heap; null where the key has none. */
Bn key_number(const EVP_PKEY* pkey, const char* name);

constexpr size_t kMaxDigestBytes = 64;

struct HashRow {
  Hash hash;
  const char* name;
  size_t bytes;
  void (*hash_message)(Bytes message, uint8_t* digest);
};
/** The row of SHA_1, SHA_256, SHA_384 or SHA_512. */
const HashRow& hash_row(Hash hash);

struct Digest {
  uint8_t bytes[kMaxDigestBytes];
  size_t size = 0;
  Bytes view() const { return {bytes, size}; }
};

/** SHA-512 and the like over one run of bytes. */
void hash_bytes(Hash hash, Bytes message, Digest* out);
/** What a signature is over: the input's hash, or with MESSAGE_IS_DIGEST the input, which must then be as long
 * (INVALID_LENGTH). */
Status digest_of_input(const Item& item, Hash hash, Digest* out);

/** Copies a result into the item's output; MALFORMED_RECORD where it does not fit. */
Status put_output(Item& item, Bytes result);

/** Finishes an item whose operation returned `status`: after a failure nothing is left in its output or OpenSSL's error
 * queue. */
void finish_item(Item& item, Status status);

/** Implementation::run from a function that does one item, setting output.size where it succeeds with output. */
template <Status (*run_one)(Item&)>
void run_each(ThreadState& thread, Item* items, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const bool cancelled = thread.cancelled.load(std::memory_order_relaxed);
    finish_item(items[i], cancelled ? Status::CANCELLED : run_one(items[i]));
  }
}

/**
 * For implementations that do many items together: begin(item, job) checks an item and fills the next of `jobs`, which
 * have a pointer to their item. Items that fail, or come after a cancellation, are finished at once. Returns how many
 * jobs there are.
 */
template <typename Job, typename Begin>
size_t begin_jobs(ThreadState& thread, Item* items, size_t count, Job* jobs, Begin begin) {
  size_t taken = 0;
  for (size_t i = 0; i < count; i++) {
    const bool cancelled = thread.cancelled.load(std::memory_order_relaxed);
    const Status status = cancelled ? Status::CANCELLED : begin(items[i], jobs[taken]);
    if (status == Status::OK) {
      jobs[taken++].item = &items[i];
    } else {
      finish_item(items[i], status);
    }
  }
  return taken;
}

/** Ends a failed key function: OpenSSL's error queue is emptied, and lack of memory told from a bad key. */
Status failed_with(Status status);

/** Bytes of a known-answer table, written there as hexadecimal text. At most `kMaxBytes`. */
struct Known {
  static constexpr size_t kMaxBytes = 2400;
  explicit Known(const char* hexadecimal);
  uint8_t bytes[kMaxBytes];
  size_t size = 0;
  Bytes view() const { return {bytes, size}; }
};

using Run = void (*)(ThreadState& thread, Item* items, size_t count);

/** One known answer: for signatures `input` is the message and `answer` the signature, for encryption plaintext and
 * ciphertext. */
struct KnownAnswer {
  const Key& key;
  Algorithm algorithm;
  uint32_t flags;
  Bytes input;
  /** Empty where the result is random, which `inverse` then has to undo or confirm. */
  Bytes answer;
  /** Additional input: the peer of ECDH. */
  Bytes extra;
  /** So many items at once, all the same: for kernels, which have lanes to fill. At most kMaxCopies. */
  size_t copies = 1;
};
constexpr size_t kMaxCopies = 11;

/** The answer is given exactly, or (random ones) `verify` accepts it. `fault` flips a bit of what was computed. */
bool gives_answer(ThreadState& thread, Run run, Run verify, const KnownAnswer& known, bool fault);
/** `verify` accepts the answer; `fault` flips a bit of it. */
bool accepts_answer(ThreadState& thread, Run verify, const KnownAnswer& known, bool fault);
/** `encrypt` gives what `decrypt` opens to the input; `fault` flips a bit of the ciphertext. */
bool round_trips(ThreadState& thread, Run encrypt, Run decrypt, const KnownAnswer& known, bool fault);

}  // namespace keymill
