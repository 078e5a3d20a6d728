#include "key_operations.h"

namespace keymill {
namespace {

KeyFormat format_of(uint32_t flags) {
  if (flags & FLAG_FORMAT_PKCS8) return KeyFormat::kPkcs8;
  return flags & FLAG_FORMAT_SPKI ? KeyFormat::kSpki : KeyFormat::kRaw;
}

}  // namespace

Status generate_key(KeyRequest& request) {
  return request.type->generate(request.type->spec, request.thread.cancelled, *request.made);
}

Status import_key(KeyRequest& request) {
  return request.type->import(request.type->spec, format_of(request.flags), request.input, *request.made);
}

Status export_key(KeyRequest& request) {
  const KeyFormat format = format_of(request.flags);
  if (format != KeyFormat::kSpki && !request.key->exportable) return Status::NOT_EXPORTABLE;
  return find_key_type(request.key->spec)->export_key(*request.key, format, request.output, &request.written);
}

}  // namespace keymill
