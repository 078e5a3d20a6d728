// Random signatures and verifications on every curve and vector type, in batches, which OpenSSL proves right: ECDSA
// signatures all of a batch together (equation.h), so that it takes no longer than the kernels, Ed25519's by making
// them itself. What was proven right has to be accepted, and what was altered to be refused; a sample of both is put to
// OpenSSL, one at a time. Each run begins with faults made on purpose, which have to be noticed. A seed, which is
// printed, repeats everything. tools/curves.mjs builds and runs this.
//
// ECDH is not here: the shared x says too little of its point for sums. Peers A_i + B_j out of two tables of random
// points would do, since d A_i + d B_j then costs OpenSSL an addition each.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <mutex>
#include <thread>

#include "core/cpu.h"
#include "trial.h"

namespace keymill {
namespace {

constexpr size_t kBatch = 8192;
/** Signatures that look for a fault of the check itself. */
constexpr size_t kFaultBatch = 64;
/** Of differences: more of them would say no more. */
constexpr uint64_t kEnough = 20;

struct CurveRow {
  const char* name;
  KeySpec spec;
  Algorithm algorithm;
  void (*run)(Batch&);
  bool has_recovery_id;
};
constexpr CurveRow kCurves[] = {
    {"P-256", KeySpec::ECC_NIST_P256, Algorithm::ECDSA_SHA_256, try_ecdsa, true},
    {"P-384", KeySpec::ECC_NIST_P384, Algorithm::ECDSA_SHA_384, try_ecdsa, true},
    {"P-521", KeySpec::ECC_NIST_P521, Algorithm::ECDSA_SHA_512, try_ecdsa, true},
    {"secp256k1", KeySpec::ECC_SECG_P256K1, Algorithm::ECDSA_SHA_256, try_ecdsa, true},
    {"Ed25519", KeySpec::ECC_NIST_EDWARDS25519, Algorithm::ED25519_SHA_512, try_edwards, false},
};

/** The slower lists take a share of the operations, unless they are asked for by name. */
struct KernelsRow {
  const char* name;
  uint64_t one_in;
};
constexpr KernelsRow kKernels[] = {{"ifma", 1}, {"scalar", 10}, {"emulated", 100}};

struct Options {
  uint64_t operations = 100'000;
  uint64_t seed = std::random_device{}();
  std::string curve, kernels;
  uint64_t threads = std::max(1u, std::thread::hardware_concurrency());
  /** The first batch: what printed a difference is repeated by its number. */
  uint64_t batch = 0;
};

const Implementation* find(const CurveRow& curve, Operation operation, const char* kernels) {
  for (const ImplementationList& list : {ec_implementations(), edwards_implementations()}) {
    for (size_t i = 0; i < list.count; i++) {
      const Implementation& row = list.rows[i];
      const bool is_specs = row.spec == curve.spec || row.spec == KeySpec{};
      if (row.operation == operation && row.algorithm == curve.algorithm && is_specs &&
          row.name == std::string(kernels)) {
        return &row;
      }
    }
  }
  return nullptr;
}

Subject subject(size_t curve, const char* kernels) {
  const CurveRow& row = kCurves[curve];
  const Subject out = {row.name,
                       kernels,
                       curve,
                       row.spec,
                       row.algorithm,
                       find(row, Operation::SIGN, kernels),
                       find(row, Operation::VERIFY, kernels),
                       find(row, Operation::SIGN, "openssl"),
                       find(row, Operation::VERIFY, "openssl")};
  must(out.sign && out.verify && out.openssl_sign && out.openssl_verify, "finding the kernels");
  return out;
}

bool can_run(const Subject& subject) {
  return ((subject.sign->required_cpu_features | subject.verify->required_cpu_features) & ~cpu_features()) == 0;
}

void add(Counts& sum, const Counts& counts) {
  sum.signatures += counts.signatures;
  sum.verified += counts.verified;
  sum.altered += counts.altered;
  sum.asked += counts.asked;
  sum.differences += counts.differences;
}

/** Whether a batch with one fault in it shows one difference, and one without shows none. */
bool notices_faults(const Subject& subject, const CurveRow& curve, uint64_t seed) {
  const auto thread = std::make_unique<ThreadState>();
  for (const Fault fault : {Fault::kNone, Fault::kSignature, Fault::kRecoveryId, Fault::kVerdict}) {
    if (fault == Fault::kRecoveryId && !curve.has_recovery_id) continue;
    Batch batch(subject, *thread, seed, static_cast<uint32_t>(fault), kFaultBatch, fault);
    curve.run(batch);
    const uint64_t expected = fault == Fault::kNone ? 0 : 1;
    if (batch.counts.differences == expected) continue;
    std::printf("%s %s: %llu differences where %llu were made\n", subject.curve, subject.kernels,
                static_cast<unsigned long long>(batch.counts.differences), static_cast<unsigned long long>(expected));
    return false;
  }
  return true;
}

Counts run_batches(const Subject& subject, const CurveRow& curve, const Options& options, uint64_t operations) {
  Counts sum;
  std::mutex mutex;
  const uint64_t first = options.batch * kBatch;
  uint64_t begun = first;
  const auto work = [&] {
    const auto thread = std::make_unique<ThreadState>();
    std::unique_lock<std::mutex> lock(mutex);
    while (begun < first + operations && sum.differences < kEnough) {
      const uint64_t at = begun;
      begun += kBatch;
      lock.unlock();
      const size_t count = std::min<uint64_t>(kBatch, first + operations - at);
      Batch batch(subject, *thread, options.seed, static_cast<uint32_t>(at / kBatch), count, Fault::kNone);
      curve.run(batch);
      lock.lock();
      add(sum, batch.counts);
    }
  };
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < options.threads; i++) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  return sum;
}

/** Whether there was no difference. */
bool check(size_t index, const Options& options) {
  const CurveRow& curve = kCurves[index];
  bool is_first = true, is_same = true;
  for (const KernelsRow& row : kKernels) {
    const bool is_named = options.kernels == row.name;
    if (!options.kernels.empty() && !is_named) continue;
    const Subject tried = subject(index, row.name);
    if (!can_run(tried)) {
      std::printf("%s %s: not on this processor\n", curve.name, row.name);
      continue;
    }
    if (!notices_faults(tried, curve, options.seed)) return false;
    const auto start = std::chrono::steady_clock::now();
    const uint64_t operations = is_first || is_named ? options.operations : options.operations / row.one_in;
    const Counts counts = run_batches(tried, curve, options, operations);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    const auto number = [](uint64_t count) { return static_cast<unsigned long long>(count); };
    std::printf(
        "%s %s: %llu signatures, %llu verified, %llu altered, %llu asked of OpenSSL one at a time, %llu differences, "
        "%.1f s\n",
        curve.name, row.name, number(counts.signatures), number(counts.verified), number(counts.altered),
        number(counts.asked), number(counts.differences), taken.count());
    std::fflush(stdout);
    is_first = false;
    is_same = is_same && counts.differences == 0;
  }
  return is_same;
}

/** Name and value pairs; false where one is unknown. */
bool read(int count, char** arguments, Options* out) {
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string name = arguments[i];
    const uint64_t number = std::strtoull(arguments[i + 1], nullptr, 10);
    if (name == "--curve") {
      out->curve = arguments[i + 1];
    } else if (name == "--kernels") {
      out->kernels = arguments[i + 1];
    } else if (name == "--operations") {
      out->operations = number;
    } else if (name == "--seed") {
      out->seed = number;
    } else if (name == "--threads") {
      out->threads = number;
    } else if (name == "--batch") {
      out->batch = number;
    } else {
      return false;
    }
  }
  return count % 2 == 1;
}

int run(const Options& options) {
  std::printf("seed %llu\n", static_cast<unsigned long long>(options.seed));
  bool is_found = false, is_same = true;
  for (size_t i = 0; i < std::size(kCurves); i++) {
    if (!options.curve.empty() && options.curve != kCurves[i].name) continue;
    is_found = true;
    is_same = check(i, options) && is_same;
  }
  return is_found && is_same ? 0 : 1;
}

}  // namespace
}  // namespace keymill

int main(int count, char** arguments) {
  keymill::Options options;
  if (!keymill::read(count, arguments, &options)) {
    std::fputs("usage: [--operations N] [--seed N] [--curve NAME] [--kernels NAME] [--threads N] [--batch N]\n",
               stderr);
    return 2;
  }
  return keymill::run(options);
}
