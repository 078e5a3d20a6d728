#include "batch.h"

#include <openssl/err.h>

#include <algorithm>

#include "key_operations.h"
#include "random.h"

namespace keymill {
namespace {

/** Which fields an operation reads and how it runs; ids without a row do not exist. */
struct OperationRow {
  Operation operation;
  uint16_t flags;
  bool key, secret, input, extra, extra_per_item, output, nonce, subject, makes_key;
  /** nullptr: items of an implementation, which may be many and external. */
  Status (*run)(KeyRequest& request);
};

constexpr uint16_t kVerifying = FLAG_MESSAGE_IS_DIGEST | FLAG_P1363;
constexpr uint16_t kSigning = kVerifying | FLAG_DETERMINISTIC | FLAG_LOW_S | FLAG_RECOVERY_ID;
constexpr uint16_t kFormats = FLAG_FORMAT_PKCS8 | FLAG_FORMAT_SPKI;

constexpr OperationRow kRows[] = {
    // operation, flags, key, secret, input, extra, extra_per_item, output, nonce, subject, makes_key, run
    {Operation::ENCRYPT, 0, true, false, true, true, false, true, true, false, false, nullptr},
    {Operation::DECRYPT, 0, true, true, true, true, false, true, false, false, false, nullptr},
    {Operation::SIGN, kSigning, true, true, true, false, false, true, false, false, false, nullptr},
    {Operation::VERIFY, kVerifying, true, false, true, true, true, false, false, false, false, nullptr},
    {Operation::MAC, 0, true, true, true, false, false, true, false, false, false, nullptr},
    {Operation::VERIFY_MAC, 0, true, true, true, true, true, false, false, false, false, nullptr},
    {Operation::DIGEST, 0, false, false, true, false, false, true, false, false, false, nullptr},
    {Operation::DERIVE_SHARED_SECRET, 0, true, true, false, true, false, true, false, false, false, nullptr},
    {Operation::RANDOM, 0, false, false, false, false, false, true, false, false, false, nullptr},
    {Operation::GENERATE_KEY, FLAG_EXPORTABLE, false, false, false, false, false, true, false, false, true,
     generate_key},
    {Operation::IMPORT_KEY, FLAG_EXPORTABLE | kFormats, false, false, true, false, false, true, false, false, true,
     import_key},
    {Operation::EXPORT_KEY, kFormats, true, false, false, false, false, true, false, false, false, export_key},
    {Operation::WRAP_KEY, 0, true, true, true, true, false, true, false, true, false, wrap_key},
    {Operation::UNWRAP_KEY, FLAG_EXPORTABLE, true, true, true, true, false, true, false, false, true, unwrap_key},
};

constexpr size_t kOperationIds = 16;

struct RowIndex {
  const OperationRow* rows[kOperationIds] = {};
  constexpr RowIndex() {
    for (const OperationRow& row : kRows) rows[static_cast<size_t>(row.operation)] = &row;
  }
};
constexpr RowIndex kRowIndex;

const OperationRow* row_of(Operation operation) {
  const auto id = static_cast<size_t>(operation);
  return id < kOperationIds ? kRowIndex.rows[id] : nullptr;
}

/** Nonce length of each AEAD, 0 for every other algorithm. */
constexpr size_t kAlgorithmIds = 128;
struct NonceIndex {
  uint8_t bytes[kAlgorithmIds] = {};
  constexpr NonceIndex() {
    for (const AlgorithmRow& row : kAlgorithmRows) bytes[static_cast<size_t>(row.algorithm)] = row.nonce_bytes;
  }
};
constexpr NonceIndex kNonceIndex;

/** Blocks are little-endian, and so are the machines this is built for (tools and engines check nothing else either).
 */
uint32_t read_word(const uint8_t* words, uint32_t index) {
  uint32_t word;
  memcpy(&word, words + 4 * static_cast<size_t>(index), sizeof(word));
  return word;
}

void write_word(uint8_t* words, uint32_t index, uint32_t word) {
  memcpy(words + 4 * static_cast<size_t>(index), &word, sizeof(word));
}

/** Whether `items` spans of `bytes` from `offset` lie inside [first, end). Nothing lies everywhere. */
bool lies_inside(uint32_t offset, uint64_t bytes, uint64_t items, size_t first, size_t end) {
  const uint64_t total = bytes * items;  // 32 bits by 32 bits: cannot overflow.
  return total == 0 || (offset >= first && offset <= end && total <= end - offset);
}

struct Header {
  uint32_t records;
  uint32_t used_bytes;
};

/** False where this is no block: the magic is missing, or the counts do not fit its memory. */
bool read_header(MutableBytes block, Header* header) {
  if (block.size < BLOCK_HEADER_BYTES || read_word(block.data, HEADER_WORD_MAGIC) != BLOCK_MAGIC) return false;
  header->records = read_word(block.data, HEADER_WORD_RECORD_COUNT);
  header->used_bytes = read_word(block.data, HEADER_WORD_USED_BYTES);
  return header->used_bytes <= block.size && header->used_bytes >= BLOCK_HEADER_BYTES &&
         header->records <= (header->used_bytes - BLOCK_HEADER_BYTES) / RECORD_BYTES;
}

uint8_t* record_words(MutableBytes block, size_t index) {
  return block.data + BLOCK_HEADER_BYTES + index * RECORD_BYTES;
}

void write_status(uint8_t* words, uint16_t flags, Status status) {
  write_word(words, WORD_FLAGS_AND_STATUS, flags | static_cast<uint32_t>(status) << 16);
}

}  // namespace

bool Batch::parse(MutableBytes block, const ExternalMemory* external, const KeyTable& keys, const Selection& selection,
                  KeyUse use) {
  clear();
  Header header;
  if (!read_header(block, &header)) return false;
  const uint32_t count = header.records;
  block_ = block;
  used_ = header.used_bytes;
  arena_ = BLOCK_HEADER_BYTES + count * static_cast<size_t>(RECORD_BYTES);
  selection_ = &selection;
  records_.resize(count);
  for (uint32_t i = 0; i < count; i++) parse_record(records_[i], record_words(block, i), external, keys, use);
  if (external && count != 1) {
    for (Record& record : records_) record.status = Status::MALFORMED_RECORD;
  }
  return true;
}

void Batch::parse_record(Record& record, const uint8_t* words, const ExternalMemory* external, const KeyTable& keys,
                         KeyUse use) {
  const uint32_t operation = read_word(words, WORD_OPERATION_AND_ALGORITHM);
  record.operation = static_cast<Operation>(operation & 0xffff);
  record.algorithm = static_cast<Algorithm>(operation >> 16);
  record.flags = static_cast<uint16_t>(read_word(words, WORD_FLAGS_AND_STATUS));
  if (record.operation == Operation::NONE) {
    record.status = Status::CANCELLED;
    return;
  }
  const OperationRow* row = row_of(record.operation);
  if (!row) {
    record.status = Status::UNSUPPORTED;
    return;
  }
  if (!parse_spans(record, words, external)) {
    record.status = Status::MALFORMED_RECORD;
    return;
  }
  if (row->makes_key) record.spec = static_cast<KeySpec>(read_word(words, WORD_KEY_SPEC));
  const bool exists =
      row->run ? !row->makes_key || find_key_type(record.spec) : selection_->has(record.operation, record.algorithm);
  if (!exists) {
    record.status = Status::UNSUPPORTED;
    return;
  }
  if (row->key) record.status = find_keys(record, words, keys, use);
  const uint8_t nonce_bytes = row->nonce ? kNonceIndex.bytes[static_cast<size_t>(record.algorithm)] : 0;
  if (record.status == Status::OK && row->nonce) {
    if (record.nonce.size == 0) {
      record.drawn_nonce_bytes = nonce_bytes;
      nonces_needed_ += static_cast<size_t>(nonce_bytes) * record.items;
    }
  }
}

/** Checks flags, counts and spans, and sets what lies inside its memory even where something else does not. */
bool Batch::parse_spans(Record& record, const uint8_t* words, const ExternalMemory* external) {
  const OperationRow& row = *row_of(record.operation);
  const bool by_item = !row.run;
  const bool is_external = (record.flags & FLAG_EXTERNAL) != 0;
  const uint32_t items = read_word(words, WORD_ITEMS);
  if (items < 1 || is_external != (external != nullptr)) return false;

  // First, since a record that is refused for anything below still zeroes the output that is its own.
  record.items = items;
  if (row.output) {
    const uint32_t offset = read_word(words, WORD_OUTPUT_OFFSET), bytes = read_word(words, WORD_OUTPUT_BYTES);
    const MutableBytes memory = is_external ? external->output : block_;
    if (!lies_inside(offset, bytes, items, is_external ? 0 : arena_, is_external ? memory.size : used_)) return false;
    record.output = {bytes ? memory.data + offset : block_.data, bytes};
    if (row.makes_key && bytes < HANDLE_BYTES) return false;
  }
  const uint32_t statuses = read_word(words, WORD_STATUSES_OFFSET);
  if (statuses == 0 ? items > 1 : !lies_inside(statuses, 1, items, arena_, used_)) return false;
  if (statuses != 0) record.statuses = block_.data + statuses;

  if (!by_item && (is_external || items > 1)) return false;
  if ((record.flags & ~(row.flags | FLAG_EXTERNAL)) != 0 || (record.flags & kFormats) == kFormats) return false;
  if (row.input) {
    const uint32_t offset = read_word(words, WORD_INPUT_OFFSET), bytes = read_word(words, WORD_INPUT_BYTES);
    const Bytes memory = is_external ? external->input : Bytes{block_.data, used_};
    if (!lies_inside(offset, bytes, items, 0, memory.size)) return false;
    record.input = {bytes ? memory.data + offset : block_.data, bytes};
    if (row.subject && bytes != HANDLE_BYTES) return false;
  }
  if (row.extra) {
    const uint32_t offset = read_word(words, WORD_EXTRA_OFFSET), bytes = read_word(words, WORD_EXTRA_BYTES);
    if (!lies_inside(offset, bytes, row.extra_per_item ? items : 1, 0, used_)) return false;
    record.extra = {bytes ? block_.data + offset : block_.data, bytes};
  }
  if (row.nonce) {
    const uint32_t offset = read_word(words, WORD_NONCE_OFFSET), bytes = read_word(words, WORD_NONCE_BYTES);
    // One nonce for many items would be used again under one key.
    if (!lies_inside(offset, bytes, 1, 0, used_) || (bytes > 0 && items > 1)) return false;
    record.nonce = {bytes ? block_.data + offset : block_.data, bytes};
  }
  return true;
}

Status Batch::find_keys(Record& record, const uint8_t* words, const KeyTable& keys, KeyUse use) {
  const OperationRow& row = *row_of(record.operation);
  const uint32_t list = read_word(words, WORD_KEYS_OFFSET);
  if (list != 0 && !row.run) {
    if (!lies_inside(list, HANDLE_BYTES, record.items, 0, used_)) return Status::MALFORMED_RECORD;
    record.first_key = item_keys_.size();
    for (size_t i = 0; i < record.items; i++) {
      item_keys_.push_back(find_key(block_.data + list + i * HANDLE_BYTES, keys, use));
    }
    return Status::OK;
  }
  record.key = find_key(words + 4 * WORD_KEY_SLOT, keys, use);
  if (!record.key) return Status::INVALID_HANDLE;
  if (row.subject) {
    record.subject = find_key(record.input.data, keys, use);
    if (!record.subject) return Status::INVALID_HANDLE;
  }
  return Status::OK;
}

const Key* Batch::find_key(const uint8_t* handle, const KeyTable& keys, KeyUse use) {
  const std::shared_ptr<Key>* key = keys.find({read_word(handle, 0), read_word(handle, 1)});
  if (!key) return nullptr;
  if (use == KeyUse::kPin && (pinned_.empty() || pinned_.back() != *key)) pinned_.push_back(*key);
  return key->get();
}

void Batch::execute(ThreadState& thread) {
  for (Record& record : records_) {
    if (record.status != Status::OK) continue;
    if (thread.cancelled.load(std::memory_order_relaxed)) {
      record.status = Status::CANCELLED;
    } else if (row_of(record.operation)->run) {
      run_group(thread);
      run_key_operation(thread, record);
    } else {
      gather(thread, record);
    }
  }
  run_group(thread);
  thread.borrowed.reset();
  // What was drawn and not used is not kept for another batch.
  if (nonces_left_ > 0) wipe(thread.nonces, sizeof(thread.nonces));
  // Node reads this thread's queue after its own OpenSSL calls and would report our errors as theirs.
  if (ERR_peek_error() != 0) ERR_clear_error();
}

void Batch::run_key_operation(ThreadState& thread, Record& record) {
  const OperationRow& row = *row_of(record.operation);
  KeyRequest request{thread,       record.key,   record.subject, nullptr,       nullptr,
                     record.flags, record.input, record.extra,   record.output, 0};
  std::shared_ptr<Key> made;
  if (row.makes_key) {
    made = new_key(record.spec, (record.flags & FLAG_EXPORTABLE) != 0);
    request.type = find_key_type(record.spec);
    request.made = made.get();
  }
  const Status status = row.run(request);
  ERR_clear_error();
  if (status == Status::OK && made) made_.push_back({static_cast<size_t>(&record - records_.data()), std::move(made)});
  settle_item(record, 0, status, request.written);
}

void Batch::gather(ThreadState& thread, Record& record) {
  // An item whose call never comes, because the thread is cancelled, says so.
  if (record.statuses) memset(record.statuses, static_cast<int>(Status::CANCELLED), record.items);
  for (uint32_t i = 0; i < record.items; i++) {
    const Status status = gather_item(thread, record, i);
    if (status != Status::OK) settle_item(record, i, status, 0);
    if (group_size_ == 0 && thread.cancelled.load(std::memory_order_relaxed)) break;
  }
}

/** Adds an item to the group, running the group first where it is full or of another kind. */
Status Batch::gather_item(ThreadState& thread, Record& record, uint32_t index) {
  const OperationRow& row = *row_of(record.operation);
  const Key* key = record.key;
  if (row.key && !key) {
    key = item_keys_[record.first_key + index];
    if (!key) return Status::INVALID_HANDLE;
  }
  const Implementation* implementation =
      selection_->find(record.operation, record.algorithm, key ? key->spec : KeySpec{});
  if (!implementation || (row.secret && !key->has_secret)) return Status::WRONG_KEY;
  if (row.nonce && record.nonce.size > 0 &&
      record.nonce.size != kNonceIndex.bytes[static_cast<size_t>(record.algorithm)]) {
    return Status::INVALID_LENGTH;
  }
  if (implementation != group_implementation_ || group_size_ == kGroupItems) run_group(thread);
  Bytes nonce = record.nonce;
  if (record.drawn_nonce_bytes > 0 && !draw_nonce(thread, record, &nonce)) return Status::UNAVAILABLE;
  group_implementation_ = implementation;
  Item& item = thread.items[group_size_];
  item.key = key;
  item.algorithm = record.algorithm;
  item.flags = record.flags;
  item.input = {record.input.data + index * record.input.size, record.input.size};
  item.extra =
      row.extra_per_item ? Bytes{record.extra.data + index * record.extra.size, record.extra.size} : record.extra;
  item.nonce = nonce;
  item.output = {record.output.data + index * record.output.size, record.output.size};
  item.status = Status::OK;
  thread.origins[group_size_++] = {static_cast<uint32_t>(&record - records_.data()), index};
  return Status::OK;
}

void Batch::run_group(ThreadState& thread) {
  if (group_size_ == 0) return;
  group_implementation_->run(thread, thread.items, group_size_);
  for (size_t i = 0; i < group_size_; i++) {
    const Item& item = thread.items[i];
    settle_item(records_[thread.origins[i].record], thread.origins[i].item, item.status, item.output.size);
  }
  group_size_ = 0;
  group_implementation_ = nullptr;
}

/** The next unused nonce. Those of a group must outlast it, so the pool is only refilled between groups. */
bool Batch::draw_nonce(ThreadState& thread, Record& record, Bytes* nonce) {
  const size_t bytes = record.drawn_nonce_bytes;
  if (nonces_left_ < bytes) {
    run_group(thread);
    const size_t draw = std::min(nonces_needed_, kNoncePoolBytes);
    nonces_left_ = 0;
    if (!fill_random({thread.nonces, draw})) return false;
    nonces_ = thread.nonces;
    nonces_left_ = draw;
  }
  *nonce = {nonces_, bytes};
  nonces_ += bytes;
  nonces_left_ -= bytes;
  nonces_needed_ -= bytes;
  return true;
}

void Batch::settle_item(Record& record, uint32_t item, Status status, size_t written) {
  if (status != Status::OK) {
    if (record.output.size > 0) memset(record.output.data + item * record.output.size, 0, record.output.size);
  } else if (row_of(record.operation)->output) {
    record.written = std::max(record.written, written);
  }
  if (record.statuses) record.statuses[item] = static_cast<uint8_t>(status);
  if (record.items == 1) record.status = status;
}

void Batch::finish(KeyTable& keys) {
  for (Made& made : made_) {
    Record& record = records_[made.record];
    const KeyHandle handle = keys.insert(std::move(made.key));
    write_word(record.output.data, 0, handle.slot);
    write_word(record.output.data, 1, handle.generation);
    record.written = HANDLE_BYTES;
  }
  made_.clear();
  for (size_t i = 0; i < records_.size(); i++) {
    const Record& record = records_[i];
    if (record.status != Status::OK) {
      // Of a record that failed as a whole nothing was settled; for one item this has been done.
      const size_t output_bytes = record.output.size * record.items;
      if (output_bytes > 0) memset(record.output.data, 0, output_bytes);
      if (record.statuses) memset(record.statuses, static_cast<int>(record.status), record.items);
    }
    uint8_t* words = record_words(block_, i);
    write_status(words, record.flags, record.status);
    write_word(words, WORD_OUTPUT_BYTES, record.status == Status::OK ? static_cast<uint32_t>(record.written) : 0);
  }
}

bool Batch::refuse(MutableBytes block, Status status) {
  Header header;
  if (!read_header(block, &header)) return false;
  for (uint32_t i = 0; i < header.records; i++) {
    uint8_t* words = record_words(block, i);
    write_status(words, static_cast<uint16_t>(read_word(words, WORD_FLAGS_AND_STATUS)), status);
    write_word(words, WORD_OUTPUT_BYTES, 0);
  }
  return true;
}

void Batch::clear() {
  records_.clear();
  item_keys_.clear();
  pinned_.clear();
  made_.clear();
  block_ = {};
  nonces_needed_ = nonces_left_ = 0;
  group_size_ = 0;
  group_implementation_ = nullptr;
}

}  // namespace keymill
