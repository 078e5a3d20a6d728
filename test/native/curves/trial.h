// What the trials of main.cc share: who is tried, random inputs, and questions to a verifier.
#pragma once
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "core/operation.h"
#include "core/thread_state.h"

namespace keymill {

/** Ends the program: OpenSSL or memory failed, which is no difference. */
void must(bool done, const char* what);

/** Numbers that a seed repeats on every machine. */
class Inputs {
 public:
  Inputs(uint64_t seed, uint32_t stream, uint32_t batch);
  uint64_t next() { return engine_(); }
  /** From 0 on, below `limit`; as good as uniform for limits of 32 bits. */
  size_t below(size_t limit) { return static_cast<size_t>(next() % limit); }
  bool one_in(size_t n) { return below(n) == 0; }
  void fill(uint8_t* out, size_t bytes);
  void flip_bit(uint8_t* data, size_t bytes) { data[below(bytes)] ^= static_cast<uint8_t>(1 << below(8)); }

 private:
  std::mt19937_64 engine_;
};

/** A list of kernels on one curve, and OpenSSL's beside it. */
struct Subject {
  const char* curve;
  const char* kernels;
  /** Of ecdsa_items.h, and one more: Ed25519. */
  size_t index;
  KeySpec spec;
  Algorithm algorithm;
  const Implementation *sign, *verify, *openssl_sign, *openssl_verify;
};

/** What is falsified on purpose, once in a batch, to see that it is noticed. */
enum class Fault { kNone, kSignature, kRecoveryId, kVerdict };

struct Counts {
  uint64_t signatures = 0;
  /** Signatures that were right, and altered ones, both put to `Subject::verify`. */
  uint64_t verified = 0, altered = 0;
  /** Of those: put to OpenSSL too, one at a time. */
  uint64_t asked = 0;
  uint64_t differences = 0;
};

/** So many signatures under keys of their own: the unit that a seed and a number repeat. */
struct Batch {
  const Subject& subject;
  ThreadState& thread;
  uint64_t seed;
  uint32_t number;
  size_t signatures;
  Fault fault;
  Inputs inputs;
  Counts counts;

  Batch(const Subject& tried, ThreadState& on, uint64_t seed, uint32_t number, size_t signatures, Fault fault);

  /** A key of the subject's spec from its raw form. */
  std::unique_ptr<Key> make_key(Bytes raw) const;
  /** Counts a difference and, where nothing was falsified, prints all there is to know of it. */
  void differs(const char* what, const Item& item);
};

/** Of a batch. */
constexpr size_t kKeys = 16;
/** Of the signatures, those that are verified in an altered form too. */
constexpr size_t kOneAlteredIn = 4;

/** Runs the items in groups of the size the engine makes, and some of every lesser size. */
void run_in_groups(Batch& batch, const Implementation& implementation, std::vector<Item>& items);

/** kUncertain: as OpenSSL says. */
enum class Expected { kGood, kBad, kUncertain };

/** A signature to verify. */
struct Question {
  const Key* key;
  uint32_t flags;
  std::vector<uint8_t> input, signature;
  Expected expected;
};

/** Puts questions to `Subject::verify` in random order, and some to OpenSSL. Verdicts other than expected are
 * differences. */
void verify_all(Batch& batch, std::vector<Question>& questions);

/** One batch of ECDSA and one of Ed25519: ecdsa.cc, edwards.cc. */
void try_ecdsa(Batch& batch);
void try_edwards(Batch& batch);

}  // namespace keymill
