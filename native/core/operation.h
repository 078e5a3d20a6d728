// What an operation is to the core: items in, statuses out, and the list of implementations it is chosen from.
#pragma once
#include <cstddef>
#include <cstdint>

#include "bytes.h"
#include "contract.h"
#include "key.h"

namespace keymill {

/** One item of work, already checked: spans lie inside their memory, the key exists and has the algorithm's family. */
struct Item {
  const Key* key = nullptr;
  Algorithm algorithm{};
  uint32_t flags = 0;
  Bytes input;
  Bytes extra;
  /** Given by the caller, or drawn in bulk by the executor before the implementation sees it. */
  Bytes nonce;
  /** Capacity in, bytes written out through output.size. */
  MutableBytes output;
  Status status = Status::OK;
};

/** Per-thread state: reusable OpenSSL contexts and small caches. One per executing thread, never shared. Stems own what
 * is in it. */
struct ThreadState;

/** A known-answer test; false: failed. `fault` flips a bit of the answer to show that the test has power. */
using SelfTest = bool (*)(ThreadState& thread, bool fault);

/**
 * One way to run an (operation, algorithm) for keys of one spec (or any). `run` takes any number of items of that kind
 * with keys mixed freely, sets status and output.size of each, and never throws.
 */
struct Implementation {
  Operation operation;
  Algorithm algorithm;
  /** KeySpec this serves; 0 for every spec that has the algorithm. */
  KeySpec spec;
  const char* primitive;
  const char* name;
  uint64_t required_cpu_features;
  void (*run)(ThreadState& thread, Item* items, size_t count);
  /** Of exactly this implementation; failing keeps it from being chosen. */
  SelfTest self_test;
};

struct ImplementationList {
  const Implementation* rows;
  size_t count;
};

/** Each stem's rows, best first, OpenSSL last. implementations.cc joins them. */
ImplementationList aead_implementations();
ImplementationList hmac_implementations();
ImplementationList sha2_implementations();
ImplementationList random_implementations();
ImplementationList rsa_implementations();
ImplementationList ec_implementations();
ImplementationList edwards_implementations();

}  // namespace keymill
