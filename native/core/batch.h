// One block of the contract in src/engine/backend.ts: parsed and checked on the JS thread, executed on any thread,
// finished on the JS thread again. Every word of a record is read once, so that nothing checked can change afterwards.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "bytes.h"
#include "implementations.h"
#include "key.h"
#include "keys.h"
#include "operation.h"
#include "thread_state.h"

namespace keymill {

/** The caller's views for a record with EXTERNAL. */
struct ExternalMemory {
  Bytes input;
  MutableBytes output;
};

/** One record after its checks. */
struct Record {
  Operation operation{};
  Algorithm algorithm{};
  uint16_t flags = 0;
  /** OK until a check or an item fails; CANCELLED where it never came to run. */
  Status status = Status::OK;
  KeySpec spec{};
  uint32_t items = 1;
  /** The record's key, or nullptr where each item has its own: then `first_key` into the batch's list. */
  const Key* key = nullptr;
  size_t first_key = 0;
  /** WRAP_KEY: the key to wrap. */
  const Key* subject = nullptr;
  /** Of the first item; the others follow end to end. */
  Bytes input;
  Bytes extra;
  Bytes nonce;
  MutableBytes output;
  uint8_t* statuses = nullptr;
  /** ENCRYPT of an AEAD without a given nonce: its length. */
  size_t drawn_nonce_bytes = 0;
  /** Bytes each item wrote. */
  size_t written = 0;
};

class Batch {
 public:
  enum class KeyUse {
    /** Runs before anything else can happen on this thread. */
    kBorrow,
    /** Runs later: keys stay alive until the batch is gone. */
    kPin,
  };

  /**
   * Reads the records of `block` and finds their keys. Faulty records get their status and are not run. `external`:
   * only a block of exactly one record with EXTERNAL is then in order, and without it none may have the flag. False
   * where the block's header is not one: then there are no records to speak of.
   */
  bool parse(MutableBytes block, const ExternalMemory* external, const KeyTable& keys, const Selection& selection,
             KeyUse use);
  /** Runs what was parsed, in order, until `thread.cancelled`. */
  void execute(ThreadState& thread);
  /** Gives new keys their handles and writes every record's outcome into the block. */
  void finish(KeyTable& keys);
  /** Writes one status for all records of a block that is not run at all. False as for `parse`. */
  static bool refuse(MutableBytes block, Status status);
  /** Ready for another block; lets go of keys and memory of the last one. */
  void clear();

 private:
  void parse_record(Record& record, const uint8_t* words, const ExternalMemory* external, const KeyTable& keys,
                    KeyUse use);
  bool parse_spans(Record& record, const uint8_t* words, const ExternalMemory* external);
  Status find_keys(Record& record, const uint8_t* words, const KeyTable& keys, KeyUse use);
  const Key* find_key(const uint8_t* handle, const KeyTable& keys, KeyUse use);
  void run_key_operation(ThreadState& thread, Record& record);
  void gather(ThreadState& thread, Record& record);
  Status gather_item(ThreadState& thread, Record& record, uint32_t index);
  void run_group(ThreadState& thread);
  bool draw_nonce(ThreadState& thread, Record& record, Bytes* nonce);
  void settle_item(Record& record, uint32_t item, Status status, size_t written);

  MutableBytes block_;
  /** Bytes of the block in use and where its arena begins. */
  size_t used_ = 0, arena_ = 0;
  const Selection* selection_ = nullptr;
  std::vector<Record> records_;
  std::vector<const Key*> item_keys_;
  std::vector<std::shared_ptr<const Key>> pinned_;
  /** Keys made, by record, until they get their handles. */
  struct Made {
    size_t record;
    std::shared_ptr<Key> key;
  };
  std::vector<Made> made_;
  /** Nonce bytes this batch will still need at most. */
  size_t nonces_needed_ = 0, nonces_left_ = 0;
  const uint8_t* nonces_ = nullptr;
  const Implementation* group_implementation_ = nullptr;
  size_t group_size_ = 0;
};

}  // namespace keymill
