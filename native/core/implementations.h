// Which implementation runs: every stem's list, proven by its known-answer tests, chosen by processor and option.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "operation.h"
#include "thread_state.h"

namespace keymill {

/** Names of known-answer tests, as `primitive (implementation)`. */
struct SelfTestReport {
  std::vector<std::string> passed;
  std::vector<std::string> failed;
};

/** Runs the tests of everything this processor can run. `fault` flips a bit of each answer: then all must fail. */
SelfTestReport run_self_tests(bool fault);

/**
 * The report of this process, made once: what may be used depends on it. The emulated kernels, slow and for tests
 * alone, are tested where `kernels` (see Selection) asks for them.
 */
const SelfTestReport& self_test_report(const std::string& kernels);

/** One engine's choice of implementations. Immutable. */
class Selection {
 public:
  /** `kernels`: `auto` takes the best of each list; another name prefers implementations of that name, then OpenSSL's.
   */
  explicit Selection(const std::string& kernels);

  /** Whether this operation and algorithm exist at all. */
  bool has(Operation operation, Algorithm algorithm) const { return pair_of(operation, algorithm) != 0; }
  /** What runs it for keys of a spec (none: 0); nullptr where that spec does not have the algorithm. */
  const Implementation* find(Operation operation, Algorithm algorithm, KeySpec spec) const {
    const auto id = static_cast<size_t>(spec);
    return id < kSpecs ? choices_[pair_of(operation, algorithm)][id] : nullptr;
  }

  struct Kernel {
    const char* primitive;
    const char* name;
  };
  /** Each primitive with the implementation chosen, in the order of the lists. */
  const std::vector<Kernel>& kernels() const { return kernels_; }
  /** The tests this choice rests on. */
  const SelfTestReport& self_tests() const { return self_tests_; }

 private:
  static constexpr size_t kOperations = 16;
  static constexpr size_t kAlgorithms = 128;
  static constexpr size_t kSpecs = 64;
  using Choices = std::array<const Implementation*, kSpecs>;

  size_t pair_of(Operation operation, Algorithm algorithm) const {
    const auto row = static_cast<size_t>(operation), column = static_cast<size_t>(algorithm);
    return row < kOperations && column < kAlgorithms ? pairs_[row][column] : 0;
  }
  void offer(const Implementation& implementation);
  void place(Choices& choices, const Implementation& implementation, KeySpec spec);

  /** Index into `choices_`; 0 is the empty row of what does not exist. */
  uint8_t pairs_[kOperations][kAlgorithms] = {};
  std::vector<Choices> choices_;
  std::vector<Kernel> kernels_;
  const SelfTestReport& self_tests_;
};

}  // namespace keymill
