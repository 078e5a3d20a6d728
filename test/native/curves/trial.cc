#include "trial.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "core/ec.h"
#include "core/edwards.h"
#include "core/random.h"

namespace keymill {
namespace {

/** What the kernels draw of randomness (nonce.h) is repeated by the seed as well. */
thread_local std::mt19937_64 hedges;

std::string hexadecimal(Bytes bytes) {
  std::string text;
  for (size_t i = 0; i < bytes.size; i++) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", bytes.data[i]);
    text += digits;
  }
  return text;
}

const KeyType& key_type(KeySpec spec) {
  for (const KeyType& type : kEcKeyTypes) {
    if (type.spec == spec) return type;
  }
  return kEdwardsKeyType;
}

bool is_valid(const Item& item) { return item.status == Status::OK; }

}  // namespace

/** In the place of core's, of which the kernels know no more than this. */
bool fill_random(MutableBytes out) {
  for (size_t i = 0; i < out.size; i++) out.data[i] = static_cast<uint8_t>(hedges());
  return true;
}

void must(bool done, const char* what) {
  if (done) return;
  std::fprintf(stderr, "cannot go on: %s failed\n", what);
  std::abort();
}

Inputs::Inputs(uint64_t seed, uint32_t stream, uint32_t batch) {
  std::seed_seq sequence{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32), stream, batch};
  engine_.seed(sequence);
}

void Inputs::fill(uint8_t* out, size_t bytes) {
  for (size_t done = 0; done < bytes; done += sizeof(uint64_t)) {
    const uint64_t word = next();
    std::memcpy(out + done, &word, std::min(sizeof word, bytes - done));
  }
}

Batch::Batch(const Subject& tried, ThreadState& on, uint64_t seed, uint32_t number, size_t signatures, Fault fault)
    : subject(tried),
      thread(on),
      seed(seed),
      number(number),
      signatures(signatures),
      fault(fault),
      inputs(seed, static_cast<uint32_t>(tried.index), number) {
  hedges.seed(inputs.next());
}

std::unique_ptr<Key> Batch::make_key(Bytes raw) const {
  auto key = std::make_unique<Key>();
  key->spec = subject.spec;
  must(key_type(subject.spec).import(subject.spec, KeyFormat::kRaw, raw, *key) == Status::OK, "importing a key");
  return key;
}

void Batch::differs(const char* what, const Item& item) {
  counts.differences++;
  if (fault != Fault::kNone) return;
  const std::string key = hexadecimal(item.key->secret.view()), input = hexadecimal(item.input),
                    signature = hexadecimal(item.extra);
  std::printf(
      "DIFFERENCE on %s %s: %s\n  key %s\n  input %s\n  signature %s\n  flags %u, status %u\n"
      "  again: --curve %s --kernels %s --seed %llu --batch %u --operations %zu\n",
      subject.curve, subject.kernels, what, key.c_str(), input.c_str(), signature.c_str(), item.flags,
      static_cast<unsigned>(item.status), subject.curve, subject.kernels, static_cast<unsigned long long>(seed), number,
      signatures);
  std::fflush(stdout);
}

void run_in_groups(Batch& batch, const Implementation& implementation, std::vector<Item>& items) {
  for (size_t done = 0; done < items.size();) {
    const size_t wanted = batch.inputs.one_in(4) ? 1 + batch.inputs.below(kGroupItems) : kGroupItems;
    const size_t count = std::min(wanted, items.size() - done);
    implementation.run(batch.thread, &items[done], count);
    done += count;
  }
}

void verify_all(Batch& batch, std::vector<Question>& questions) {
  for (size_t i = 1; i < questions.size(); i++) std::swap(questions[i], questions[batch.inputs.below(i + 1)]);
  std::vector<Item> items(questions.size());
  for (size_t i = 0; i < items.size(); i++) {
    const Question& question = questions[i];
    items[i].key = question.key;
    items[i].algorithm = batch.subject.algorithm;
    items[i].flags = question.flags;
    items[i].input = {question.input.data(), question.input.size()};
    items[i].extra = {question.signature.data(), question.signature.size()};
  }
  run_in_groups(batch, *batch.subject.verify, items);
  const size_t falsified = batch.fault == Fault::kVerdict ? batch.inputs.below(items.size()) : items.size();
  for (size_t i = 0; i < items.size(); i++) {
    Item& item = items[i];
    Expected expected = questions[i].expected;
    (expected == Expected::kGood ? batch.counts.verified : batch.counts.altered)++;
    if (item.status != Status::OK && item.status != Status::INVALID_SIGNATURE) {
      batch.differs("verification did not come to a verdict", item);
      continue;
    }
    const bool verdict = is_valid(item) != (i == falsified);
    // OpenSSL is asked for one in so many, which its slower curves allow.
    constexpr size_t kOneGoodIn = 1024, kOneBadIn = 256;
    if (expected == Expected::kUncertain || batch.inputs.one_in(expected == Expected::kGood ? kOneGoodIn : kOneBadIn)) {
      Item again = item;
      batch.subject.openssl_verify->run(batch.thread, &again, 1);
      batch.counts.asked++;
      const Expected theirs = is_valid(again) ? Expected::kGood : Expected::kBad;
      if (expected != Expected::kUncertain && theirs != expected) {
        batch.differs("OpenSSL's verdict is not the one this check expects", item);
        continue;
      }
      expected = theirs;
    }
    if (verdict != (expected == Expected::kGood)) batch.differs(verdict ? "accepted" : "refused", item);
  }
}

}  // namespace keymill
