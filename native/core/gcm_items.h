// From items to AES-256-GCM kernels and back, for AES-256-GCM and XAES-256-GCM.
#pragma once
#include "gcm_kernel.h"
#include "operation.h"

namespace keymill {

/** Implementation::run on the VAES kernel. */
void seal_gcm_vaes(ThreadState& thread, Item* items, size_t count);
void open_gcm_vaes(ThreadState& thread, Item* items, size_t count);
void seal_xaes_vaes(ThreadState& thread, Item* items, size_t count);
void open_xaes_vaes(ThreadState& thread, Item* items, size_t count);

}  // namespace keymill
