// AES-256-GCM of many short messages: the AES blocks of all of them in one call, then OpenSSL's GHASH message by
// message. EVP's GCM costs several times the cipher itself per message. Long messages go to EVP, whose AES and GHASH
// are interleaved.
#pragma once
#include "operation.h"

namespace keymill {

void seal_gcm_batched(ThreadState& thread, Item* items, size_t count);
void open_gcm_batched(ThreadState& thread, Item* items, size_t count);

/** The implementations for long messages (aead.cc). */
void seal_gcm_one_by_one(ThreadState& thread, Item* items, size_t count);
void open_gcm_one_by_one(ThreadState& thread, Item* items, size_t count);

}  // namespace keymill
