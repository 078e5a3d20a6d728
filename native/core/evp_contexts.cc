#include "evp_contexts.h"

#include <openssl/core_names.h>

#include <cstdint>
#include <new>

namespace keymill {

struct EvpContext {
  explicit EvpContext(const EvpPurpose& what_for) : purpose(&what_for) {}

  const EvpPurpose* purpose;
  EVP_PKEY_CTX* evp = nullptr;
  EVP_MD_CTX* message = nullptr;

  ~EvpContext() {
    EVP_PKEY_CTX_free(evp);
    EVP_MD_CTX_free(message);
  }
};

namespace {

bool set_up(EVP_PKEY_CTX* evp, const EvpPurpose& purpose) {
  const struct {
    const char* name;
    const char* value;
  } texts[] = {
      {OSSL_PKEY_PARAM_PAD_MODE, purpose.padding},
      {OSSL_PKEY_PARAM_DIGEST, purpose.hash},
      {OSSL_PKEY_PARAM_MGF1_DIGEST, purpose.mgf1_hash},
      {OSSL_PKEY_PARAM_RSA_PSS_SALTLEN, purpose.salt_length},
  };
  OSSL_PARAM parameters[5];
  size_t count = 0;
  for (const auto& text : texts) {
    if (text.value) {
      parameters[count++] = OSSL_PARAM_construct_utf8_string(text.name, const_cast<char*>(text.value), 0);
    }
  }
  parameters[count] = OSSL_PARAM_construct_end();
  return purpose.init(evp, parameters) == 1;
}

bool prepare(EvpContext& context, EVP_PKEY* pkey) {
  const EvpPurpose& purpose = *context.purpose;
  if (purpose.message_init) {
    context.message = EVP_MD_CTX_new();
    return context.message && purpose.message_init(context.message, nullptr, nullptr, nullptr, pkey) == 1;
  }
  context.evp = EVP_PKEY_CTX_new_from_pkey(nullptr, pkey, nullptr);
  return context.evp && set_up(context.evp, purpose);
}

/** Since OpenSSL 3.4 a message context serves once and must be told to begin anew; without a key it keeps the one it
 * has. */
bool begin_anew(EvpContext& context) {
  return !context.message || context.purpose->message_init(context.message, nullptr, nullptr, nullptr, nullptr) == 1;
}

/** Where the search for a purpose begins; spreads a key's few purposes over the slots. */
size_t first_slot(const EvpPurpose& purpose, size_t slots) {
  return (reinterpret_cast<uintptr_t>(&purpose) / sizeof(EvpPurpose)) % slots;
}

}  // namespace

EvpContexts::~EvpContexts() {
  for (auto& slot : slots_) delete slot.load(std::memory_order_acquire);
}

EvpContext* EvpContexts::take(EVP_PKEY* pkey, const EvpPurpose& purpose) {
  const size_t first = first_slot(purpose, kSlots);
  for (size_t i = 0; i < kSlots; i++) {
    auto& slot = slots_[(first + i) % kSlots];
    if (!slot.load(std::memory_order_relaxed)) continue;
    EvpContext* context = slot.exchange(nullptr, std::memory_order_acq_rel);
    if (!context) continue;
    if (context->purpose != &purpose) {
      give_back(context);
    } else if (begin_anew(*context)) {
      return context;
    } else {
      delete context;
    }
  }
  auto* context = new (std::nothrow) EvpContext(purpose);
  if (context && prepare(*context, pkey)) return context;
  delete context;
  return nullptr;
}

void EvpContexts::give_back(EvpContext* context) {
  const size_t first = first_slot(*context->purpose, kSlots);
  for (size_t i = 0; i < kSlots; i++) {
    EvpContext* empty = nullptr;
    if (slots_[(first + i) % kSlots].compare_exchange_strong(empty, context, std::memory_order_acq_rel)) return;
  }
  // All taken: the purpose used last is the one most likely to come next.
  delete slots_[first].exchange(context, std::memory_order_acq_rel);
}

EvpLease::EvpLease(EvpContexts& contexts, EVP_PKEY* pkey, const EvpPurpose& purpose)
    : contexts_(contexts), context_(contexts.take(pkey, purpose)) {}

EvpLease::~EvpLease() {
  if (context_) contexts_.give_back(context_);
}

EVP_PKEY_CTX* EvpLease::get() const { return context_ ? context_->evp : nullptr; }

EVP_MD_CTX* EvpLease::message() const { return context_ ? context_->message : nullptr; }

}  // namespace keymill
