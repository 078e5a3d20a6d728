// WRAP_KEY and UNWRAP_KEY, version 1 (src/engine/backend.ts): version, nonce, then XAES-256-GCM of the key's saved form
// with the version byte and the wrapped key's spec before the additional data. Knows no key type.
#include "aead.h"
#include "key_operations.h"
#include "random.h"

namespace keymill {
namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kHeadBytes = 1 + kXaesNonceBytes;
static_assert(WRAP_OVERHEAD_BYTES == kHeadBytes + TAG_BYTES, "the contract's overhead is this format's");

/** What is authenticated before the caller's data, so that a key opens as what it was wrapped as only. */
struct AuthenticatedHead {
  uint8_t bytes[1 + sizeof(uint32_t)];

  explicit AuthenticatedHead(KeySpec spec) {
    const auto id = static_cast<uint32_t>(spec);
    bytes[0] = kVersion;
    for (size_t i = 0; i < sizeof(id); i++) bytes[1 + i] = static_cast<uint8_t>(id >> (8 * i));
  }
  Bytes view() const { return {bytes, sizeof(bytes)}; }
};

}  // namespace

Status wrap_key(KeyRequest& request) {
  if (request.key->spec != KeySpec::SYMMETRIC_DEFAULT || !request.subject->has_secret) return Status::WRONG_KEY;
  SecretBytes material;
  const Status saved = find_key_type(request.subject->spec)->save(*request.subject, material);
  if (saved != Status::OK) return saved;
  const size_t size = WRAP_OVERHEAD_BYTES + material.size();
  if (request.output.size < size) return Status::MALFORMED_RECORD;
  uint8_t* out = request.output.data;
  out[0] = kVersion;
  if (!fill_random({out + 1, kXaesNonceBytes})) return Status::UNAVAILABLE;
  request.written = size;
  const AuthenticatedHead head(request.subject->spec);
  return xaes_seal(request.thread, *request.key, out + 1, head.view(), request.extra, material.view(),
                   {out + kHeadBytes, size - kHeadBytes});
}

Status unwrap_key(KeyRequest& request) {
  if (request.key->spec != KeySpec::SYMMETRIC_DEFAULT) return Status::WRONG_KEY;
  const Bytes wrapped = request.input;
  if (wrapped.size <= WRAP_OVERHEAD_BYTES || wrapped.size > WRAP_OVERHEAD_BYTES + MAX_PRIVATE_KEY_BYTES ||
      wrapped.data[0] != kVersion) {
    return Status::DECRYPTION_FAILED;
  }
  SecretBytes material(wrapped.size - WRAP_OVERHEAD_BYTES);
  if (!material.ok()) return Status::OUT_OF_MEMORY;
  const AuthenticatedHead head(request.type->spec);
  const Status opened =
      xaes_open(request.thread, *request.key, wrapped.data + 1, head.view(), request.extra,
                {wrapped.data + kHeadBytes, wrapped.size - kHeadBytes}, {material.data(), material.size()});
  if (opened != Status::OK) return opened;
  const Status loaded = request.type->load(request.type->spec, material.view(), *request.made);
  return loaded == Status::INVALID_KEY ? Status::DECRYPTION_FAILED : loaded;
}

}  // namespace keymill
