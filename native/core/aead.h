// AES-256-GCM (SP 800-38D: 12-byte nonce, 16-byte tag, nothing else) and XAES-256-GCM (c2sp.org/XAES-256-GCM) over
// OpenSSL.
#pragma once
#include "aead_key.h"
#include "bytes.h"
#include "key.h"
#include "operation.h"
#include "thread_state.h"

namespace keymill {

/** XAES-256-GCM under a SYMMETRIC_DEFAULT key; additional data is `head` followed by `aad`. `out`: ciphertext and tag.
 */
Status xaes_seal(ThreadState& thread, const Key& key, const uint8_t nonce24[kXaesNonceBytes], Bytes head, Bytes aad,
                 Bytes plaintext, MutableBytes out);

/** `input`: ciphertext and tag. `out` is as long as the ciphertext and zeroed where this does not return OK. */
Status xaes_open(ThreadState& thread, const Key& key, const uint8_t nonce24[kXaesNonceBytes], Bytes head, Bytes aad,
                 Bytes input, MutableBytes out);

}  // namespace keymill
