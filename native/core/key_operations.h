// Operations that make, read or wrap a key, one record at a time.
#pragma once
#include <atomic>

#include "bytes.h"
#include "key.h"
#include "thread_state.h"

namespace keymill {

/** What such an operation is given, already checked and resolved; unused members are empty. */
struct KeyRequest {
  ThreadState& thread;
  /** EXPORT_KEY: the key; WRAP_KEY, UNWRAP_KEY: the root. */
  const Key* key;
  /** WRAP_KEY: the key to wrap. */
  const Key* subject;
  /** GENERATE_KEY, IMPORT_KEY and UNWRAP_KEY: the type of the new key and the key to fill. */
  const KeyType* type;
  Key* made;
  uint32_t flags;
  Bytes input;
  Bytes extra;
  MutableBytes output;
  /** Bytes written to output; the handle of a new key is not theirs to write. */
  size_t written;
};

Status generate_key(KeyRequest& request);
Status import_key(KeyRequest& request);
Status export_key(KeyRequest& request);
Status wrap_key(KeyRequest& request);
Status unwrap_key(KeyRequest& request);

}  // namespace keymill
