// Ed25519 signatures compared with OpenSSL's byte for byte, which they are to equal; then all of them verified, and
// altered ones.
#include <algorithm>
#include <iterator>

#include "trial.h"

namespace keymill {
namespace {

constexpr size_t kHalfBytes = 32, kSignatureBytes = 64, kMaxMessageBytes = 300;
/** The order of the base point (RFC 8032 section 5.1), little-endian. */
constexpr uint8_t kOrder[kHalfBytes] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                        0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                        0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};

struct Signature {
  size_t key;
  std::vector<uint8_t> message;
  uint8_t ours[kSignatureBytes], theirs[kSignatureBytes];
};

/** Of the length of a digest, of none, or of any up to some blocks of the hash; some of a single byte's value. */
std::vector<uint8_t> make_message(Inputs& inputs) {
  std::vector<uint8_t> message(inputs.one_in(2) ? kHalfBytes : inputs.below(kMaxMessageBytes + 1));
  if (inputs.one_in(256)) {
    std::fill(message.begin(), message.end(), inputs.one_in(2) ? 0 : 0xff);
  } else {
    inputs.fill(message.data(), message.size());
  }
  return message;
}

std::vector<std::unique_ptr<Key>> make_keys(Batch& batch) {
  std::vector<std::unique_ptr<Key>> keys;
  while (keys.size() < kKeys) {
    uint8_t seed[kHalfBytes];
    batch.inputs.fill(seed, sizeof seed);
    keys.push_back(batch.make_key({seed, sizeof seed}));
  }
  return keys;
}

// ---- Alterations, none of which leaves a signature right but with negligible probability. ----

struct Alteration {
  Inputs& inputs;
  /** Of another message, or of another key. */
  const uint8_t* neighbour;
  Question& question;

  uint8_t* r() const { return question.signature.data(); }
  uint8_t* s() const { return question.signature.data() + kHalfBytes; }
};

void flip_r(const Alteration& a) { a.inputs.flip_bit(a.r(), kHalfBytes); }
void flip_s(const Alteration& a) { a.inputs.flip_bit(a.s(), kHalfBytes); }
void change_message(const Alteration& a) {
  std::vector<uint8_t>& message = a.question.input;
  if (message.empty() || a.inputs.one_in(4)) {
    message.push_back(0);
  } else if (a.inputs.one_in(4)) {
    message.pop_back();
  } else {
    a.inputs.flip_bit(message.data(), message.size());
  }
}
void take_r(const Alteration& a) { std::memcpy(a.r(), a.neighbour, kHalfBytes); }
void take_s(const Alteration& a) { std::memcpy(a.s(), a.neighbour + kHalfBytes, kHalfBytes); }
void swap_r_and_s(const Alteration& a) { std::swap_ranges(a.r(), a.s(), a.s()); }
void clear_r(const Alteration& a) { std::memset(a.r(), 0, kHalfBytes); }
void clear_s(const Alteration& a) { std::memset(a.s(), 0, kHalfBytes); }
/** The neutral point. */
void neutral_r(const Alteration& a) {
  clear_r(a);
  a.r()[0] = 1;
}
void randomize_s(const Alteration& a) { a.inputs.fill(a.s(), kHalfBytes); }
/** The same number modulo the order, which section 5.1.7 refuses. */
void add_order(const Alteration& a) {
  unsigned carry = 0;
  for (size_t i = 0; i < kHalfBytes; i++) {
    carry += unsigned{a.s()[i]} + kOrder[i];
    a.s()[i] = static_cast<uint8_t>(carry);
    carry >>= 8;
  }
}

constexpr void (*kAlterations[])(const Alteration&) = {
    flip_r, flip_s, change_message, take_r, take_s, swap_r_and_s, clear_r, clear_s, neutral_r, randomize_s, add_order};

}  // namespace

void try_edwards(Batch& batch) {
  const std::vector<std::unique_ptr<Key>> keys = make_keys(batch);
  std::vector<Signature> signatures(batch.signatures);
  std::vector<Item> ours(batch.signatures);
  for (size_t i = 0; i < ours.size(); i++) {
    Signature& signature = signatures[i];
    signature.key = batch.inputs.below(kKeys);
    signature.message = make_message(batch.inputs);
    ours[i].key = keys[signature.key].get();
    ours[i].algorithm = batch.subject.algorithm;
    ours[i].input = {signature.message.data(), signature.message.size()};
  }
  std::vector<Item> theirs = ours;
  for (size_t i = 0; i < ours.size(); i++) {
    ours[i].output = {signatures[i].ours, kSignatureBytes};
    theirs[i].output = {signatures[i].theirs, kSignatureBytes};
  }
  run_in_groups(batch, *batch.subject.sign, ours);
  batch.subject.openssl_sign->run(batch.thread, theirs.data(), theirs.size());
  batch.counts.signatures += ours.size();
  if (batch.fault == Fault::kSignature) {
    batch.inputs.flip_bit(signatures[batch.inputs.below(signatures.size())].ours, kSignatureBytes);
  }
  for (size_t i = 0; i < ours.size(); i++) {
    must(theirs[i].status == Status::OK && theirs[i].output.size == kSignatureBytes, "OpenSSL's signing");
    ours[i].extra = ours[i].output;
    const bool is_same = ours[i].status == Status::OK && ours[i].output.size == kSignatureBytes &&
                         std::memcmp(signatures[i].ours, signatures[i].theirs, kSignatureBytes) == 0;
    if (!is_same) batch.differs("not OpenSSL's signature", ours[i]);
  }
  if (batch.counts.differences > 0) return;

  std::vector<Question> questions;
  for (size_t i = 0; i < signatures.size(); i++) {
    const Signature& signature = signatures[i];
    const Question good = {
        ours[i].key, 0, signature.message, {signature.ours, signature.ours + kSignatureBytes}, Expected::kGood};
    questions.push_back(good);
    if (!batch.inputs.one_in(kOneAlteredIn)) continue;
    Question altered = good;
    altered.expected = Expected::kBad;
    const Signature& neighbour = signatures[batch.inputs.below(signatures.size())];
    const Alteration alteration = {batch.inputs, neighbour.ours, altered};
    const size_t which = batch.inputs.below(std::size(kAlterations) + 1);
    if (which == std::size(kAlterations)) {
      altered.key = keys[(signature.key + 1) % kKeys].get();
    } else {
      kAlterations[which](alteration);
    }
    const bool is_same = altered.key == good.key && altered.input == good.input && altered.signature == good.signature;
    if (!is_same) questions.push_back(std::move(altered));
  }
  verify_all(batch, questions);
}

}  // namespace keymill
