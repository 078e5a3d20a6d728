// Signatures as an application asks for them, proven right by equation.h; then all of them verified, and altered ones.
#include "ecdsa.h"

#include <openssl/ec.h>

#include <algorithm>
#include <cstdlib>

namespace keymill {
namespace {

constexpr size_t kDigestBytes[kEcdsaCurves] = {32, 48, 64, 32};
/** Numbers a kernel might treat in a way of their own come one in so many. */
constexpr size_t kOneSpecialDigestIn = 256, kOneSpecialKeyIn = 8;

bool is_scalar(const EcdsaBatch& ecdsa, const uint8_t* number) {
  return std::memcmp(number, ecdsa.curve.order, ecdsa.width) < 0 &&
         std::any_of(number, number + ecdsa.width, [](uint8_t byte) { return byte != 0; });
}

/** Uniform ones, some with the least or the greatest scalars. */
void make_keys(EcdsaBatch& ecdsa) {
  Inputs& inputs = ecdsa.batch.inputs;
  while (ecdsa.keys.size() < kKeys) {
    uint8_t scalar[kMaxNumberBytes];
    if (!inputs.one_in(kOneSpecialKeyIn)) {
      inputs.fill(scalar, ecdsa.width);
      if (ecdsa.curve.bits % 8) scalar[0] &= static_cast<uint8_t>((1 << ecdsa.curve.bits % 8) - 1);
    } else if (!ecdsa.special_number(scalar, ecdsa.width)) {
      continue;
    }
    if (is_scalar(ecdsa, scalar)) ecdsa.keys.push_back(ecdsa.batch.make_key({scalar, ecdsa.width}));
  }
}

/** r and s out of a DER signature, by OpenSSL; false where OpenSSL would write another. */
bool decode(const EcdsaBatch& ecdsa, Bytes der, Claim& out) {
  const uint8_t* at = der.data;
  ECDSA_SIG* const signature = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size));
  const int width = static_cast<int>(ecdsa.width);
  const bool done = signature && BN_bn2binpad(ECDSA_SIG_get0_r(signature), out.r, width) > 0 &&
                    BN_bn2binpad(ECDSA_SIG_get0_s(signature), out.s, width) > 0;
  ECDSA_SIG_free(signature);
  if (!done) return false;
  const std::vector<uint8_t> again = ecdsa.encode(out, 0);
  return again.size() == der.size && std::memcmp(again.data(), der.data, der.size) == 0;
}

/** Draws what to sign, and how. The recovery id is always asked for: it is what says which point R is. */
void ask(EcdsaBatch& ecdsa, EcdsaSignature& out) {
  Inputs& inputs = ecdsa.batch.inputs;
  Claim& claim = out.claim;
  claim.key = inputs.below(kKeys);
  claim.digest_bytes = ecdsa.digest_bytes;
  out.has_special_digest = inputs.one_in(kOneSpecialDigestIn) && ecdsa.special_number(claim.digest, claim.digest_bytes);
  if (!out.has_special_digest) inputs.fill(claim.digest, claim.digest_bytes);
  out.flags = FLAG_MESSAGE_IS_DIGEST | FLAG_RECOVERY_ID;
  for (const uint32_t flag : {FLAG_P1363, FLAG_DETERMINISTIC, FLAG_LOW_S}) out.flags |= inputs.one_in(2) ? flag : 0;
}

/** Reads an item's output into the claim; false where there is none, or where it is not what the flags asked for. */
bool read(const EcdsaBatch& ecdsa, const Item& item, EcdsaSignature& out) {
  Claim& claim = out.claim;
  if (item.status != Status::OK || item.output.size == 0) return false;
  const Bytes encoded = {out.output, item.output.size - 1};
  claim.recovery_id = out.output[encoded.size];
  if (!(out.flags & FLAG_P1363)) {
    if (!decode(ecdsa, encoded, claim)) return false;
  } else {
    if (encoded.size != 2 * ecdsa.width) return false;
    std::memcpy(claim.r, encoded.data, ecdsa.width);
    std::memcpy(claim.s, encoded.data + ecdsa.width, ecdsa.width);
  }
  if (!(out.flags & FLAG_LOW_S)) return true;
  BIGNUM* const doubled = BN_bin2bn(claim.s, static_cast<int>(ecdsa.width), ecdsa.scratch.get());
  must(doubled && BN_lshift1(doubled, doubled) == 1, "BN_lshift1");
  return BN_cmp(doubled, ecdsa.order.get()) < 0;
}

/** Finds the claims that are wrong by halves. */
void find_wrong(EcdsaBatch& ecdsa, EcdsaEquation& equation, const std::vector<Claim>& claims, size_t first,
                size_t count, const std::vector<Item>& items) {
  if (equation.holds(&claims[first], count, ecdsa.keys, ecdsa.batch.inputs)) return;
  if (count == 1) {
    ecdsa.batch.differs("not a signature, or not its recovery id", items[first]);
    return;
  }
  const uint64_t before = ecdsa.batch.counts.differences;
  find_wrong(ecdsa, equation, claims, first, count / 2, items);
  find_wrong(ecdsa, equation, claims, first + count / 2, count - count / 2, items);
  if (ecdsa.batch.counts.differences == before) ecdsa.batch.differs("wrong among others, but not alone", items[first]);
}

EcdsaEquation& equation_of(size_t curve) {
  thread_local std::unique_ptr<EcdsaEquation> equations[kEcdsaCurves];
  if (!equations[curve]) equations[curve] = std::make_unique<EcdsaEquation>(curve);
  return *equations[curve];
}

}  // namespace

EcdsaBatch::EcdsaBatch(Batch& of)
    : batch(of),
      curve(kNonceCurves[of.subject.index]),
      width(curve.bytes),
      digest_bytes(kDigestBytes[of.subject.index]),
      order(BN_bin2bn(curve.order, static_cast<int>(curve.bytes), nullptr)),
      scratch(BN_new()),
      other(BN_new()) {
  must(order && scratch && other, "BN_new");
}

bool EcdsaBatch::from_order(int sign, const uint8_t* number, size_t bytes, uint8_t* out) {
  must(BN_bin2bn(number, static_cast<int>(bytes), other.get()) != nullptr, "BN_bin2bn");
  must((sign < 0 ? BN_sub : BN_add)(scratch.get(), order.get(), other.get()) == 1, "BN_add");
  return !BN_is_negative(scratch.get()) && BN_bn2binpad(scratch.get(), out, static_cast<int>(bytes)) >= 0;
}

bool EcdsaBatch::special_number(uint8_t* out, size_t bytes) {
  constexpr int kOffsets[] = {0, 1, 2, -2, -1};
  std::memset(out, 0, bytes);
  const size_t which = batch.inputs.below(10);
  if (which < 3) {
    out[bytes - 1] = static_cast<uint8_t>(which);
  } else if (which < 8) {
    const int offset = kOffsets[which - 3];
    uint8_t number[kMaxNumberBytes] = {};
    number[bytes - 1] = static_cast<uint8_t>(std::abs(offset));
    return from_order(offset < 0 ? -1 : 1, number, bytes, out);
  } else if (which == 8) {
    std::memset(out, 0xff, bytes);
  } else {
    batch.inputs.flip_bit(out, bytes);
  }
  return true;
}

std::vector<uint8_t> EcdsaBatch::encode(const Claim& claim, uint32_t flags) const {
  std::vector<uint8_t> out(claim.r, claim.r + width);
  if (flags & FLAG_P1363) {
    out.insert(out.end(), claim.s, claim.s + width);
    return out;
  }
  const int size = static_cast<int>(width);
  ECDSA_SIG* const signature = ECDSA_SIG_new();
  must(
      signature && ECDSA_SIG_set0(signature, BN_bin2bn(claim.r, size, nullptr), BN_bin2bn(claim.s, size, nullptr)) == 1,
      "ECDSA_SIG_set0");
  out.resize(kMaxDerBytes);
  uint8_t* at = out.data();
  const int bytes = i2d_ECDSA_SIG(signature, &at);
  must(bytes > 0 && static_cast<size_t>(bytes) <= kMaxDerBytes, "i2d_ECDSA_SIG");
  out.resize(static_cast<size_t>(bytes));
  ECDSA_SIG_free(signature);
  return out;
}

void try_ecdsa(Batch& batch) {
  EcdsaBatch ecdsa(batch);
  make_keys(ecdsa);
  std::vector<EcdsaSignature> signatures(batch.signatures);
  std::vector<Item> items(batch.signatures);
  for (size_t i = 0; i < items.size(); i++) {
    ask(ecdsa, signatures[i]);
    items[i].key = ecdsa.keys[signatures[i].claim.key].get();
    items[i].algorithm = batch.subject.algorithm;
    items[i].flags = signatures[i].flags;
    items[i].input = {signatures[i].claim.digest, ecdsa.digest_bytes};
    items[i].output = {signatures[i].output, sizeof signatures[i].output};
  }
  run_in_groups(batch, *batch.subject.sign, items);
  batch.counts.signatures += items.size();

  std::vector<Claim> claims;
  for (size_t i = 0; i < items.size(); i++) {
    items[i].extra = items[i].output;
    if (!read(ecdsa, items[i], signatures[i])) {
      batch.differs("signing did not give what was asked for", items[i]);
      return;
    }
    claims.push_back(signatures[i].claim);
  }
  Claim& falsified = claims[batch.inputs.below(claims.size())];
  if (batch.fault == Fault::kRecoveryId) falsified.recovery_id ^= 1;
  if (batch.fault == Fault::kSignature)
    batch.inputs.flip_bit(batch.inputs.one_in(2) ? falsified.r : falsified.s, ecdsa.width);
  find_wrong(ecdsa, equation_of(batch.subject.index), claims, 0, claims.size(), items);
  if (batch.counts.differences > 0) return;

  std::vector<Question> questions;
  for (size_t i = 0; i < items.size(); i++) {
    const EcdsaSignature& signature = signatures[i];
    const Bytes digest = items[i].input, encoded = {signature.output, items[i].output.size - 1};
    questions.push_back({items[i].key,
                         signature.verifying_flags(),
                         {digest.data, digest.data + digest.size},
                         {encoded.data, encoded.data + encoded.size},
                         Expected::kGood});
    if (batch.inputs.one_in(kOneAlteredIn))
      questions.push_back(alter(ecdsa, signature, claims[batch.inputs.below(claims.size())]));
  }
  verify_all(batch, questions);
}

}  // namespace keymill
