#include "secret_key.h"

#include "random.h"

namespace keymill {
namespace {

const KeySpecRow& sizes_of(KeySpec spec) {
  for (const KeySpecRow& row : kKeySpecRows) {
    if (row.spec == spec) return row;
  }
  return kKeySpecRows[0];
}

Status adopt(Bytes material, Key& key) {
  key.secret = SecretBytes::copy_of(material);
  if (!key.secret.ok()) return Status::OUT_OF_MEMORY;
  key.has_secret = true;
  return Status::OK;
}

Status generate(KeySpec spec, const std::atomic<bool>&, Key& key) {
  SecretBytes material(sizes_of(spec).generated_bytes);
  if (!material.ok()) return Status::OUT_OF_MEMORY;
  if (!fill_random({material.data(), material.size()})) return Status::UNAVAILABLE;
  key.secret = std::move(material);
  key.has_secret = true;
  return Status::OK;
}

Status load(KeySpec spec, Bytes material, Key& key) {
  const KeySpecRow& sizes = sizes_of(spec);
  if (material.size < sizes.raw_minimum_bytes || material.size > sizes.raw_maximum_bytes) return Status::INVALID_KEY;
  return adopt(material, key);
}

Status import(KeySpec spec, KeyFormat format, Bytes data, Key& key) {
  return format == KeyFormat::kRaw ? load(spec, data, key) : Status::INVALID_KEY;
}

Status export_key(const Key& key, KeyFormat format, MutableBytes out, size_t* written) {
  if (format != KeyFormat::kRaw) return Status::NOT_EXPORTABLE;
  if (out.size < key.secret.size()) return Status::MALFORMED_RECORD;
  memcpy(out.data, key.secret.data(), key.secret.size());
  *written = key.secret.size();
  return Status::OK;
}

Status save(const Key& key, SecretBytes& material) {
  material = SecretBytes::copy_of(key.secret.view());
  return material.ok() ? Status::OK : Status::OUT_OF_MEMORY;
}

constexpr KeyType row(KeySpec spec) { return {spec, generate, import, export_key, save, load}; }

}  // namespace

const KeyType kSecretKeyTypes[5] = {
    row(KeySpec::SYMMETRIC_DEFAULT), row(KeySpec::HMAC_224), row(KeySpec::HMAC_256),
    row(KeySpec::HMAC_384),          row(KeySpec::HMAC_512),
};

}  // namespace keymill
